//! What a host is told: by its command line, the environment, a file, and defaults for the rest.
//!
//! **Model.** Each of these is a *layer*: a set of [`Options`] in which much may be missing. The first layer that says something
//! of an option counts; the last one, the defaults, says something of all. `packaging/host.toml` is the file that is installed
//! with the package, with every option and its default in it.
//!
//! The service is the host that reads [`SERVICE_FILE`], as its unit tells it to. Its files are in other places than those of a host
//! that somebody runs by hand, and it logs more, since nobody watches it.
//!
//! **Failure.** An error names the file, the line, what is wrong there, and what would be right.

mod check;
mod file;
mod group;

pub(crate) use check::check;
pub(crate) use group::group;

use crate::args::{
    Deadline, Host, Listen, LogFormat, LogLevel, Options, OrNone, SandboxMode, SizeOrPart, word,
};
use crate::control::runtime_directory;
use crate::error::Error;
use crate::remote::default_socket;
use addr::ByteSize;
use host::LinuxMemory;
use serde::Serialize;
use std::net::SocketAddr;
use std::path::{Path, PathBuf, absolute};
use std::time::Duration;

/// The configuration file of the service.
pub(crate) const SERVICE_FILE: &str = "/etc/memtide/host.toml";
/// What of this machine's memory a host takes if nobody says.
const USUAL_MEMORY: SizeOrPart = SizeOrPart::Part(0.5);

/// All that a host is told.
#[derive(Clone)]
pub(crate) struct Config {
    pub(crate) machine_memory: ByteSize,
    pub(crate) state: PathBuf,
    pub(crate) swap: PathBuf,
    /// Where swap files may be besides.
    pub(crate) swap_directories: Vec<PathBuf>,
    /// Where kernels and initrds are; none: anywhere.
    pub(crate) guest_files: Vec<PathBuf>,
    pub(crate) socket: PathBuf,
    pub(crate) socket_group: Option<String>,
    pub(crate) listen: Option<SocketAddr>,
    pub(crate) tls: bool,
    /// A certificate and its key.
    pub(crate) certificate: Option<(PathBuf, PathBuf)>,
    pub(crate) names: Vec<String>,
    /// Where webhooks may be; anywhere if there are none.
    pub(crate) webhook_hosts: Vec<String>,
    pub(crate) resume: bool,
    /// `None`: as the setting says.
    pub(crate) stop_deadline: Option<Duration>,
    pub(crate) sandbox: sandbox::Mode,
    pub(crate) log_format: LogFormat,
    pub(crate) log_level: LogLevel,
}

impl Config {
    /// What a host with this command line is told.
    ///
    /// # Errors
    /// What of it cannot be.
    pub(crate) fn of(args: &Host) -> Result<Self, Error> {
        Layers::of(args)?.config()
    }
}

/// Who says what.
struct Layers {
    /// The file, if there is one.
    file: Option<PathBuf>,
    /// The first counts first.
    layers: [(&'static str, Options); 4],
}

/// What there is to know of an option.
#[derive(Serialize)]
struct Row {
    option: &'static str,
    value: Option<String>,
    /// Who said so.
    from: &'static str,
}

impl Layers {
    fn of(args: &Host) -> Result<Self, Error> {
        let found = file::find(args.config.as_deref())?;
        let service = found.path.as_deref() == Some(Path::new(SERVICE_FILE));
        let defaults = defaults(if service { Place::of_service() } else { Place::of_user() });
        let layers = [
            ("command line", args.options.clone()),
            ("environment", environment(std::env::var("MEMTIDE_LOG").ok().as_deref())?),
            ("file", found.options),
            ("default", defaults),
        ];
        Ok(Self { file: found.path.filter(|_| found.exists), layers })
    }

    fn options(&self) -> Options {
        let mut options = Options::default();
        for (_, layer) in &self.layers {
            options = options.or(layer.clone());
        }
        // Where swap files go follows from where the rest is.
        options.swap = options.swap.or_else(|| Some(options.state.as_ref()?.join("swap")));
        options
    }

    /// Every option, what it is, and who said so.
    fn rows(&self) -> Vec<Row> {
        let from = |key: &str| {
            let says =
                |options: &Options| options.rows().iter().any(|(k, value)| *k == key && value.is_some());
            self.layers.iter().find(|(_, options)| says(options)).map_or("default", |(from, _)| *from)
        };
        let rows = self.options().rows();
        rows.into_iter().map(|(option, value)| Row { option, value, from: from(option) }).collect()
    }

    fn config(&self) -> Result<Config, Error> {
        self.options().complete()
    }
}

/// What the environment says. Where clients look for a host is where it listens, which is among the defaults.
fn environment(log: Option<&str>) -> Result<Options, Error> {
    let log_level = match log {
        None | Some("") => None,
        Some(level) => Some(level.parse().map_err(|why| {
            Error::new(format!("MEMTIDE_LOG: {why}")).hint("unset it, or set it to one of these")
        })?),
    };
    Ok(Options { log_level, ..Options::default() })
}

/// What the defaults depend on.
struct Place {
    /// `None`: nobody knows.
    state: Option<PathBuf>,
    socket: PathBuf,
    log_level: LogLevel,
    resume: bool,
}

impl Place {
    fn of_service() -> Self {
        Self {
            state: Some(PathBuf::from("/var/lib/memtide")),
            socket: PathBuf::from(crate::remote::SERVICE_SOCKET),
            log_level: LogLevel::Info,
            resume: true,
        }
    }

    fn of_user() -> Self {
        let state = || Some(home("XDG_STATE_HOME", ".local/state")?.join("memtide/host"));
        Self { state: state(), socket: default_socket(), log_level: LogLevel::Warn, resume: false }
    }
}

/// One of the directories in which a user's files are.
fn home(variable: &str, usual: &str) -> Option<PathBuf> {
    let set = |name: &str| std::env::var_os(name).filter(|value| !value.is_empty()).map(PathBuf::from);
    set(variable).or_else(|| Some(set("HOME")?.join(usual)))
}

fn defaults(place: Place) -> Options {
    Options {
        machine_memory: Some(USUAL_MEMORY),
        state: place.state,
        swap: None,
        swap_directories: Some(Vec::new()),
        guest_files: Some(Vec::new()),
        socket: Some(place.socket),
        socket_group: Some(OrNone(None)),
        listen: Some(OrNone(None)),
        tls: Some(false),
        tls_cert: Some(OrNone(None)),
        tls_key: Some(OrNone(None)),
        name: Some(Vec::new()),
        webhook_hosts: Some(Vec::new()),
        resume: Some(place.resume),
        stop_deadline: Some(OrNone(None)),
        sandbox: Some(SandboxMode::On),
        log_format: Some(LogFormat::Auto),
        log_level: Some(place.log_level),
    }
}

impl Options {
    /// What `other` says where this says nothing.
    fn or(self, other: Self) -> Self {
        Self {
            machine_memory: self.machine_memory.or(other.machine_memory),
            state: self.state.or(other.state),
            swap: self.swap.or(other.swap),
            swap_directories: self.swap_directories.or(other.swap_directories),
            guest_files: self.guest_files.or(other.guest_files),
            socket: self.socket.or(other.socket),
            socket_group: self.socket_group.or(other.socket_group),
            listen: self.listen.or(other.listen),
            tls: self.tls.or(other.tls),
            tls_cert: self.tls_cert.or(other.tls_cert),
            tls_key: self.tls_key.or(other.tls_key),
            name: self.name.or(other.name),
            webhook_hosts: self.webhook_hosts.or(other.webhook_hosts),
            resume: self.resume.or(other.resume),
            stop_deadline: self.stop_deadline.or(other.stop_deadline),
            sandbox: self.sandbox.or(other.sandbox),
            log_format: self.log_format.or(other.log_format),
            log_level: self.log_level.or(other.log_level),
        }
    }

    /// Every option and what is said of it, by the names they have in a file.
    fn rows(&self) -> [(&'static str, Option<String>); 18] {
        let path = |path: &PathBuf| path.display().to_string();
        let yes_or_no = |yes: bool| if yes { "yes" } else { "no" }.to_owned();
        let names = |names: &Vec<String>| if names.is_empty() { "none".to_owned() } else { names.join(" ") };
        let paths = |all: &Vec<PathBuf>| names(&all.iter().map(path).collect());
        [
            ("machine-memory", self.machine_memory.map(|memory| memory.to_string())),
            ("state", self.state.as_ref().map(path)),
            ("swap", self.swap.as_ref().map(path)),
            ("swap-directories", self.swap_directories.as_ref().map(paths)),
            ("guest-files", self.guest_files.as_ref().map(paths)),
            ("socket", self.socket.as_ref().map(path)),
            ("socket-group", or_none(self.socket_group.as_ref(), String::clone)),
            ("listen", or_none(self.listen.as_ref(), |Listen(address)| address.to_string())),
            ("tls", self.tls.map(yes_or_no)),
            ("tls-cert", or_none(self.tls_cert.as_ref(), path)),
            ("tls-key", or_none(self.tls_key.as_ref(), path)),
            ("name", self.name.as_ref().map(names)),
            ("webhook-hosts", self.webhook_hosts.as_ref().map(names)),
            ("resume", self.resume.map(yes_or_no)),
            ("stop-deadline", or_none(self.stop_deadline.as_ref(), Deadline::to_string)),
            ("sandbox", self.sandbox.as_ref().map(word)),
            ("log-format", self.log_format.as_ref().map(word)),
            ("log-level", self.log_level.as_ref().map(word)),
        ]
    }

    /// All of it, if it goes together.
    fn complete(self) -> Result<Config, Error> {
        let state = self.state.ok_or_else(|| {
            Error::new("no place for the host's files is known").hint("name one with --state, or set HOME")
        })?;
        let listen = flat(self.listen).map(|Listen(address)| address);
        let tls = self.tls.unwrap_or_default();
        let certificate = match (flat(self.tls_cert), flat(self.tls_key)) {
            (Some(certificate), Some(key)) => Some((certificate, key)),
            (None, None) => None,
            (Some(_), None) => return Err(lacks("tls-cert", "tls-key")),
            (None, Some(_)) => return Err(lacks("tls-key", "tls-cert")),
        };
        if listen.is_none() && (tls || certificate.is_some()) {
            return Err(lacks(if tls { "tls" } else { "tls-cert" }, "listen"));
        }
        Ok(Config {
            machine_memory: machine_memory(self.machine_memory.unwrap_or(USUAL_MEMORY))?,
            swap: whole("swap", self.swap.as_deref().unwrap_or(&state.join("swap")))?,
            swap_directories: all_whole("swap-directories", self.swap_directories.as_ref())?,
            guest_files: all_whole("guest-files", self.guest_files.as_ref())?,
            state: whole("state", &state)?,
            socket: self.socket.unwrap_or_else(default_socket),
            socket_group: flat(self.socket_group),
            listen,
            tls,
            certificate,
            names: self.name.unwrap_or_default(),
            webhook_hosts: self.webhook_hosts.unwrap_or_default(),
            resume: self.resume.unwrap_or_default(),
            stop_deadline: flat(self.stop_deadline).map(|Deadline(time)| time),
            sandbox: self.sandbox.unwrap_or(SandboxMode::On).into(),
            log_format: self.log_format.unwrap_or(LogFormat::Auto),
            log_level: self.log_level.unwrap_or(LogLevel::Warn),
        })
    }
}

/// What was said, in words.
fn or_none<T>(said: Option<&OrNone<T>>, in_words: impl Fn(&T) -> String) -> Option<String> {
    said.map(|OrNone(value)| value.as_ref().map_or_else(|| "none".to_owned(), in_words))
}

fn flat<T>(said: Option<OrNone<T>>) -> Option<T> {
    said.and_then(|OrNone(value)| value)
}

fn lacks(option: &str, other: &str) -> Error {
    Error::new(format!("{option} is set and {other} is not")).hint(format!(
        "set {other} too, on the command line (--{other}) or in the configuration file, or leave out {option}"
    ))
}

/// The host may be asked to print a path; one that depends on where it was started would say little.
fn whole(option: &str, path: &Path) -> Result<PathBuf, Error> {
    absolute(path).map_err(|error| {
        Error::new(format!("{option}: '{}' is no path: {error}", path.display()))
            .hint(format!("--{option} takes a directory"))
    })
}

fn all_whole(option: &str, paths: Option<&Vec<PathBuf>>) -> Result<Vec<PathBuf>, Error> {
    paths.into_iter().flatten().map(|path| whole(option, path)).collect()
}

/// A part is of all memory that this machine has or, where that is less, that the control group may have.
fn machine_memory(asked: SizeOrPart) -> Result<ByteSize, Error> {
    let unknown = || {
        Error::new("machine-memory: it is not known how much memory this machine has")
            .hint("--machine-memory takes a size such as 512MiB")
    };
    let in_mib = |size: ByteSize| ByteSize::mib(size.0 >> 20);
    match asked {
        SizeOrPart::Size(size) => Ok(size),
        part @ SizeOrPart::Part(_) => {
            LinuxMemory::read().map(|memory| in_mib(part.of(memory.total))).ok_or_else(unknown)
        }
    }
}

/// Whether the directory of a socket is made by whoever runs the host: the unit, or the host itself.
fn is_usual_directory(directory: &Path) -> bool {
    directory == runtime_directory() || Path::new(crate::remote::SERVICE_SOCKET).parent() == Some(directory)
}

#[cfg(test)]
mod tests;
