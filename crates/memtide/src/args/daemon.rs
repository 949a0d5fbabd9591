//! The options of `memtide host`: the same on the command line and in its configuration file.

use super::host::{OrNone, yes_or_no};
use super::token::seconds;
use super::{Output, SizeOrPart};
use clap::{Args, ValueEnum};
use serde::de::Error as _;
use serde::{Deserialize, Deserializer};
use std::fmt::{self, Display};
use std::net::SocketAddr;
use std::path::PathBuf;
use std::str::FromStr;
use std::time::Duration;

/// Run a host of VMs, until SIGINT or SIGTERM
///
/// VMs, resource pools and settings are kept in files in the state directory and survive the host. It prints a line when
/// it is ready. Every option below up to --log-level may stand in the configuration file as well, by the same name without
/// dashes before it; the command line counts first, then the environment, then the file.
#[derive(Args)]
pub(crate) struct Host {
    /// The configuration file [default: memtide/host.toml in `$XDG_CONFIG_HOME` or ~/.config, if it is there]
    #[arg(long, value_name = "FILE")]
    pub(crate) config: Option<PathBuf>,
    /// Check the configuration as far as can be without starting, and print it; exit status 1 if it cannot be used
    #[arg(long)]
    pub(crate) check_config: bool,
    #[command(flatten)]
    pub(crate) options: Options,
    #[command(flatten)]
    pub(crate) output: Output,
}

/// What can be said of a host; `None`: nothing was.
#[derive(Args, Clone, Default, Deserialize, PartialEq, Debug)]
#[serde(default, deny_unknown_fields, rename_all = "kebab-case")]
pub(crate) struct Options {
    /// All machine memory there is for VMs and what they cost: a size, or a part of this machine's memory
    /// [default: 50%]
    #[arg(long, value_name = "SIZE", allow_hyphen_values = true)]
    #[serde(deserialize_with = "text_of")]
    pub(crate) machine_memory: Option<SizeOrPart>,
    /// The directory for what is to survive [default: memtide/host in `$XDG_STATE_HOME` or ~/.local/state]
    #[arg(long, value_name = "DIRECTORY")]
    pub(crate) state: Option<PathBuf>,
    /// The directory for swap files [default: swap in the state directory]
    #[arg(long, value_name = "DIRECTORY")]
    pub(crate) swap: Option<PathBuf>,
    /// Another directory in which swap files of VMs may be; may be given again
    #[arg(long, value_name = "DIRECTORY")]
    pub(crate) swap_directories: Option<Vec<PathBuf>>,
    /// A directory of kernels and initrds, which the host then reads from nowhere else; may be given again. Without any,
    /// it reads what it is told over its Unix socket, and what lies in guests in the state directory over TCP
    #[arg(long, value_name = "DIRECTORY")]
    pub(crate) guest_files: Option<Vec<PathBuf>>,
    /// The Unix socket to listen at; who may open it is an administrator [default: `$MEMTIDE_HOST` if that is one, or
    /// host.socket where the sockets of VMs are]
    #[arg(long, value_name = "PATH")]
    pub(crate) socket: Option<PathBuf>,
    /// The group that may open it, by name or number, or none for that of this process [default: none]
    #[arg(long, value_name = "GROUP")]
    #[serde(deserialize_with = "text_of")]
    pub(crate) socket_group: Option<OrNone<String>>,
    /// Listen at a TCP port too, for who has a token, or none. A bare port is of this machine alone (127.0.0.1); for
    /// others, write an address of it, or 0.0.0.0 for all it has: there TLS is spoken [default: none]
    #[arg(long, value_name = "ADDRESS:PORT")]
    #[serde(deserialize_with = "text_of")]
    pub(crate) listen: Option<OrNone<Listen>>,
    /// Speak TLS on a loopback address too [default: no]
    #[arg(long, value_name = "YES-OR-NO", num_args = 0..=1, require_equals = true, default_missing_value = "yes",
          value_parser = yes_or_no)]
    pub(crate) tls: Option<bool>,
    /// The certificate to show, with those that vouch for it, in PEM, or none for one that the host makes itself
    /// [default: none]
    #[arg(long, value_name = "FILE")]
    #[serde(deserialize_with = "text_of")]
    pub(crate) tls_cert: Option<OrNone<PathBuf>>,
    /// Its key, in PEM, or none [default: none]
    #[arg(long, value_name = "FILE")]
    #[serde(deserialize_with = "text_of")]
    pub(crate) tls_key: Option<OrNone<PathBuf>>,
    /// A name that clients call this machine, besides its addresses, its host name and localhost; may be given again
    #[arg(long, value_name = "NAME")]
    pub(crate) name: Option<Vec<String>>,
    /// A host that alarms' webhooks may be at, with a port or for any; may be given again. With some, webhooks elsewhere are
    /// not called
    #[arg(long, value_name = "HOST")]
    pub(crate) webhook_hosts: Option<Vec<String>>,
    /// Start the VMs that start with the host, as each one's autostart has it [default: no, or yes for the service]
    #[arg(long, value_name = "YES-OR-NO", num_args = 0..=1, require_equals = true, default_missing_value = "yes",
          value_parser = yes_or_no)]
    pub(crate) resume: Option<bool>,
    /// How long guests may take to shut down when the host ends: 90s, 5min, at most 1h, or none for what the setting
    /// VM.StopDeadline says; 0s stops them at once [default: none]
    #[arg(long, value_name = "TIME")]
    #[serde(deserialize_with = "text_of")]
    pub(crate) stop_deadline: Option<OrNone<Deadline>>,
    /// What the kernel lets the host do: no more than it needs, or log, which refuses nothing and notes what it would
    /// [default: on]
    #[arg(long, value_name = "MODE")]
    pub(crate) sandbox: Option<SandboxMode>,
    /// Where the log goes and how it is written [default: auto]
    #[arg(long, value_name = "FORMAT")]
    pub(crate) log_format: Option<LogFormat>,
    /// What is logged [default: `$MEMTIDE_LOG`, or warn, or info for the service]
    #[arg(long, value_name = "LEVEL")]
    pub(crate) log_level: Option<LogLevel>,
}

/// What a configuration file says of an option, written as on the command line; a number needs no quotes.
fn text_of<'de, D: Deserializer<'de>, T: FromStr<Err: Display>>(from: D) -> Result<Option<T>, D::Error> {
    let text = match toml::Value::deserialize(from)? {
        toml::Value::String(text) => text,
        toml::Value::Integer(number) => number.to_string(),
        other => return Err(D::Error::custom(format!("a text is expected, not {}", other.type_str()))),
    };
    text.parse().map(Some).map_err(D::Error::custom)
}

/// An address with its port, or a port of this machine alone.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Listen(pub(crate) SocketAddr);

impl FromStr for Listen {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let port = || Some(SocketAddr::from(([127, 0, 0, 1], text.parse().ok()?)));
        let why = || format!("'{text}' is neither a port nor an address with one, such as 192.0.2.1:8443");
        text.parse().ok().or_else(port).map(Self).ok_or_else(why)
    }
}

/// How long something may take.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Deadline(pub(crate) Duration);

impl Deadline {
    /// Whoever stops a service wants it to end.
    const MOST: Duration = Duration::from_hours(1);
}

impl FromStr for Deadline {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let time = seconds(text).map_err(|_| format!("'{text}' is no time: write 90s, 5min or 1h"))?;
        let time = Duration::from_secs(time);
        if time <= Self::MOST { Ok(Self(time)) } else { Err(format!("'{text}' is more than 1h")) }
    }
}

impl Display for Deadline {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}s", self.0.as_secs())
    }
}

/// How strict the sandbox is.
#[derive(Clone, Copy, PartialEq, Eq, Debug, ValueEnum, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum SandboxMode {
    /// What is not needed is refused
    On,
    /// What would be refused is done, and noted in the kernel's log
    Log,
    /// There is none, and debuggers may look in
    Off,
}

impl From<SandboxMode> for sandbox::Mode {
    fn from(mode: SandboxMode) -> Self {
        match mode {
            SandboxMode::On => Self::On,
            SandboxMode::Log => Self::Log,
            SandboxMode::Off => Self::Off,
        }
    }
}

/// Where the log goes and how it is written.
#[derive(Clone, Copy, PartialEq, Eq, Debug, ValueEnum, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum LogFormat {
    /// journald if standard error leads there, else text
    Auto,
    /// A line each to standard error, in colour on a terminal
    Text,
    /// A JSON object each to standard error
    Json,
    /// To the systemd journal, with fields
    Journald,
}

/// From which level on something is logged; each with those before it.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug, ValueEnum, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum LogLevel {
    /// Nothing
    Off,
    /// Something of the host is broken, or all wait
    Error,
    /// Something did not go as it should
    Warn,
    /// What happens to VMs and the host
    Info,
    /// Every decision and every request
    Debug,
}

/// The word for it.
pub(crate) fn word(value: &impl ValueEnum) -> String {
    value.to_possible_value().map_or_else(String::new, |value| value.get_name().to_owned())
}

impl FromStr for LogLevel {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        <Self as ValueEnum>::from_str(text, true)
            .map_err(|_| format!("'{text}' is none of off, error, warn, info and debug"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bare_port_is_of_this_machine_alone() {
        let listen = |text: &str| text.parse::<Listen>().map(|listen| listen.0);
        assert_eq!(listen("8080"), Ok("127.0.0.1:8080".parse().unwrap()));
        assert_eq!(listen("0.0.0.0:8443"), Ok("0.0.0.0:8443".parse().unwrap()));
        assert_eq!(listen("[::1]:0"), Ok("[::1]:0".parse().unwrap()));
        for bad in ["", "70000", "localhost", ":8080", "192.0.2.1", "/run/host.socket"] {
            assert!(listen(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn a_deadline_is_bounded() {
        assert_eq!("1h".parse(), Ok(Deadline(Duration::from_hours(1))));
        assert_eq!("0s".parse(), Ok(Deadline(Duration::ZERO)));
        assert!("61min".parse::<Deadline>().is_err() && "60".parse::<Deadline>().is_err());
    }
}
