//! `memtide host`: the host, and the places at which it is asked.

use crate::args::{self, Format, SizeOrPart};
use crate::control::{make_private, runtime_directory};
use crate::error::Error;
use crate::print::json_line;
use crate::progress::during;
use crate::remote::default_socket;
use addr::ByteSize;
use api::{Server, Tls};
use host::{Host, HostConfig, HostError, Progress, Stop, What};
use serde::Serialize;
use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM};
use signal_hook::iterator::Signals;
use std::fmt::{self, Display};
use std::io::{Write, stdout};
use std::net::SocketAddr;
use std::path::{Path, PathBuf, absolute};
use std::thread;
use std::time::Duration;

/// Runs a host until a signal ends it.
pub(crate) fn run(args: &args::Host) -> Result<(), Error> {
    // Before anything is there that a signal should end in order.
    let mut signals = Signals::new([SIGHUP, SIGINT, SIGTERM])
        .map_err(|error| Error::new(format!("cannot watch for signals: {error}")))?;
    let state = args.state.clone().map_or_else(default_state, Ok)?;
    let config = HostConfig {
        machine_memory: machine_memory(args.machine_memory)?,
        swap: whole(args.swap.as_deref().unwrap_or(&state.join("swap")))?,
        state: whole(&state)?,
    };
    let socket = args.socket.clone().unwrap_or_else(default_socket);
    if socket.parent() == Some(&runtime_directory()) {
        make_private(&runtime_directory())?;
    }
    crate::run::check_available(
        config.machine_memory,
        "the host",
        "--machine-memory takes less, or stop something else",
    )?;
    let host = during("opening the host", || Host::open(&config)).map_err(|error| explain(&error))?;
    host.is_whole_process();
    let format = args.output.output;
    let (server, listening) = serve(&host, &config.state, &socket, args)?;
    tell(
        format,
        &Told::Ready {
            machine_memory_bytes: config.machine_memory,
            vms: host.list().len(),
            state: &config.state,
            socket: &socket,
        },
    );
    if let Some(listening) = &listening {
        tell(format, &Told::Listening(listening));
    }
    let starter = start_again(&host, args.resume, format);
    signals.forever().next();
    thread::spawn(move || {
        if let Some(signal) = signals.forever().next() {
            eprintln!("memtide: ended at once; what the host knew of its VMs is kept");
            std::process::exit(128 + signal);
        }
    });
    end(&host, server, format);
    // It ends as soon as the host refuses to start more.
    let _ = starter.join();
    Ok(())
}

/// A part is of all memory that this machine has.
fn machine_memory(asked: SizeOrPart) -> Result<ByteSize, Error> {
    let unknown = || {
        Error::new("it is not known how much memory this machine has")
            .hint("--machine-memory takes a size such as 512MiB")
    };
    let in_mib = |size: ByteSize| ByteSize::mib(size.0 >> 20);
    match asked {
        SizeOrPart::Size(size) => Ok(size),
        part @ SizeOrPart::Part(_) => {
            crate::run::memory_of_machine().map(|all| in_mib(part.of(all))).ok_or_else(unknown)
        }
    }
}

/// What a host says on standard output.
#[derive(Serialize)]
#[serde(tag = "told", rename_all = "kebab-case")]
enum Told<'a> {
    Ready { machine_memory_bytes: ByteSize, vms: usize, state: &'a Path, socket: &'a Path },
    Listening(&'a Listening),
    RanBefore { vms: &'a [String] },
    RunsAgain { vm: &'a str },
    Ending { running: usize },
    VmEnded { vm: &'a str },
    Ended,
}

impl Display for Told<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Told::Ready { machine_memory_bytes, vms, state, socket } => write!(
                f,
                "the host is ready: {machine_memory_bytes} of machine memory, {vms} VMs known, state in {}, \
                 listening at {}",
                state.display(),
                socket.display()
            ),
            Told::Listening(Listening { address, fingerprint: None }) => write!(f, "listening at {address}"),
            Told::Listening(Listening { address, fingerprint: Some(fingerprint) }) => {
                write!(f, "listening at {address}, the certificate's fingerprint is {fingerprint}")
            }
            Told::RanBefore { vms } => {
                write!(f, "these VMs ran before: {}; 'memtide start' starts them again", vms.join(" "))
            }
            Told::RunsAgain { vm } => write!(f, "{vm} runs again"),
            Told::Ending { running } => write!(f, "ending; {running} VMs are running"),
            Told::VmEnded { vm } => write!(f, "{vm} has ended"),
            Told::Ended => write!(f, "the host has ended"),
        }
    }
}

/// Where a host listens over TCP.
#[derive(Serialize)]
struct Listening {
    address: String,
    fingerprint: Option<String>,
}

/// Says something, if anybody listens: a host goes on without.
fn tell(format: Format, told: &Told) {
    let line = match format {
        Format::Json => json_line(told),
        Format::Table => format!("memtide: {told}\n"),
    };
    let mut output = stdout().lock();
    let _ = output.write_all(line.as_bytes()).and_then(|()| output.flush());
}

/// Serves the host at its socket and, if that is wanted, over TCP.
fn serve(
    host: &Host,
    state: &Path,
    socket: &Path,
    args: &args::Host,
) -> Result<(Server, Option<Listening>), Error> {
    let mut names = args.tcp.name.clone();
    names.push(rustix::system::uname().nodename().to_string_lossy().into_owned());
    let group = args.socket_group.as_deref().map(group).transpose()?;
    let failed = |error: api::ServerError| {
        Error::new(error).hint("--socket takes another socket; --host of other verbs names it then")
    };
    let mut server = Server::start(host, state, names.clone())
        .map_err(|error| Error::new(error).hint("see 'memtide host --help'"))?;
    server.listen_unix(socket, group).map_err(failed)?;
    let Some(address) = args.tcp.listen else { return Ok((server, None)) };
    let tls = tls(state, address, names, &args.tcp)?;
    let fingerprint = tls.as_ref().map(|tls| tls.fingerprint().to_owned());
    let address = server
        .listen_tcp(address, tls)
        .map_err(|error| Error::new(error).hint("--listen takes another address or port"))?;
    let scheme = if fingerprint.is_some() { "https" } else { "http" };
    Ok((server, Some(Listening { address: format!("{scheme}://{address}"), fingerprint })))
}

/// The certificate, where one is needed.
fn tls(
    state: &Path,
    address: SocketAddr,
    mut names: Vec<String>,
    args: &args::Tcp,
) -> Result<Option<Tls>, Error> {
    let made = match (&args.tls_cert, &args.tls_key) {
        (Some(certificate), Some(key)) => Tls::from_files(certificate, key),
        _ if args.tls || !address.ip().is_loopback() => {
            names.extend(["localhost", "127.0.0.1", "::1"].map(str::to_owned));
            names.extend((!address.ip().is_unspecified()).then(|| address.ip().to_string()));
            Tls::self_signed(state, &names)
        }
        _ => return Ok(None),
    };
    made.map(Some).map_err(|error| {
        Error::new(format!("no TLS: {error}")).hint("--tls-cert and --tls-key take files in PEM")
    })
}

/// A group's number.
fn group(text: &str) -> Result<u32, Error> {
    if let Ok(number) = text.parse() {
        return Ok(number);
    }
    let groups = std::fs::read_to_string("/etc/group").unwrap_or_default();
    number_of(text, &groups).ok_or_else(|| {
        Error::new(format!("there is no group '{text}'"))
            .hint("--socket-group takes a name in /etc/group, or a number")
    })
}

/// The number of a group in a file like `/etc/group`: `name:password:number:members`.
fn number_of(name: &str, groups: &str) -> Option<u32> {
    let mut lines = groups.lines().map(|line| line.split(':'));
    let mut line = lines.find(|line| line.clone().next() == Some(name))?;
    line.nth(2)?.parse().ok()
}

/// Ends in order, saying what is going on. A second signal ends at once.
fn end(host: &Host, server: Server, format: Format) {
    let running = host.status().vms.len();
    tell(format, &Told::Ending { running });
    let mut seq = host.events_since(0).last().map_or(0, |event| event.seq);
    let ending = host.clone();
    let shutdown = thread::spawn(move || ending.shutdown_with(Stop::default(), &Progress::default()));
    loop {
        let done = shutdown.is_finished();
        for event in host.wait_events_since(seq, Duration::from_millis(100)) {
            seq = event.seq;
            if let What::VmEnded { vm, .. } = &event.what {
                tell(format, &Told::VmEnded { vm });
            }
        }
        if done {
            break;
        }
    }
    drop(server);
    tell(format, &Told::Ended);
}

/// Starts what ran before, if that is wanted, and says so if not.
fn start_again(host: &Host, wanted: bool, format: Format) -> thread::JoinHandle<()> {
    let names = host.ran_before();
    if !wanted && !names.is_empty() {
        tell(format, &Told::RanBefore { vms: &names });
    }
    let host = host.clone();
    thread::spawn(move || {
        for name in names.iter().filter(|_| wanted) {
            match host.start(name) {
                Ok(_) => tell(format, &Told::RunsAgain { vm: name }),
                Err(HostError::ShuttingDown) => return,
                Err(error) => eprintln!("warning: {name} does not run again: {error}"),
            }
        }
    })
}

fn default_state() -> Result<PathBuf, Error> {
    let set = |name: &str| std::env::var_os(name).filter(|value| !value.is_empty()).map(PathBuf::from);
    let base = set("XDG_STATE_HOME").or_else(|| Some(set("HOME")?.join(".local/state")));
    base.map(|base| base.join("memtide/host"))
        .ok_or_else(|| Error::new("no place for the host's files is known").hint("name one with --state"))
}

/// The host may be asked to print a path; one that depends on where it was started would say little.
fn whole(path: &Path) -> Result<PathBuf, Error> {
    absolute(path).map_err(|error| Error::new(format!("'{}' is no path: {error}", path.display())))
}

fn explain(error: &HostError) -> Error {
    let hint = error.hint();
    let error = Error::new(error);
    error.hint(hint.unwrap_or(
        "--machine-memory takes a size such as 512MiB, --state and --swap directories that you may write to",
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_part_of_the_machine_is_a_size() {
        let all = crate::run::memory_of_machine().expect("Linux says how much memory there is");
        let half = machine_memory(SizeOrPart::Part(0.5)).unwrap();
        assert!(
            half.0.is_multiple_of(ByteSize::mib(1).0) && all.0 / 2 - half.0 < ByteSize::mib(1).0,
            "{half} of {all}"
        );
        assert_eq!(machine_memory(SizeOrPart::Size(ByteSize::mib(3))).unwrap(), ByteSize::mib(3));
    }

    #[test]
    fn groups_are_found_by_their_whole_names() {
        let groups = "root:x:0:\nkvm:x:104:ann,bob\nbroken\nmemtide:x:998:\n";
        assert_eq!((number_of("kvm", groups), number_of("memtide", groups)), (Some(104), Some(998)));
        assert_eq!(
            (number_of("kv", groups), number_of("broken", groups), number_of("", groups)),
            (None, None, None)
        );
    }
}
