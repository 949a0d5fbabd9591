//! What a host says while it runs: to who started it, and in its log.
//!
//! **Model.** A line each on standard output, for a person or a program; and what no event of the host says is logged as well. Where
//! both lead to the journal, it is only logged.

use crate::args::Format;
use crate::print::json_line;
use crate::view::counted;
use addr::ByteSize;
use serde::Serialize;
use std::fmt::{self, Display};
use std::io::{Write, stdout};
use std::path::Path;
use vm::plain::plain;

/// What a host says on standard output.
#[derive(Serialize)]
#[serde(tag = "told", rename_all = "kebab-case")]
pub(super) enum Told<'a> {
    Ready { machine_memory_bytes: ByteSize, vms: usize, state: &'a Path, socket: &'a Path },
    Listening(&'a Listening),
    WouldStart { vms: &'a [String] },
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
                "the host is ready: {machine_memory_bytes} of machine memory, {} known, state in {}, \
                 listening at {}",
                counted(*vms as u64, "VM"),
                state.display(),
                socket.display()
            ),
            Told::Listening(Listening { address, fingerprint: None }) => write!(f, "listening at {address}"),
            Told::Listening(Listening { address, fingerprint: Some(fingerprint) }) => {
                write!(f, "listening at {address}, the certificate's fingerprint is {fingerprint}")
            }
            Told::WouldStart { vms } => write!(
                f,
                "with --resume these VMs would start now: {}; 'memtide start' starts them",
                vms.join(" ")
            ),
            Told::RunsAgain { vm } => write!(f, "{vm} runs again"),
            Told::Ending { running } => write!(f, "ending; running: {}", counted(*running as u64, "VM")),
            Told::VmEnded { vm } => write!(f, "{vm} has ended"),
            Told::Ended => write!(f, "the host has ended"),
        }
    }
}

impl Told<'_> {
    /// That VMs run and end, and that the host ends, are events of the host, which are logged as such.
    fn log(&self) {
        match self {
            Told::Ready { .. } | Told::Listening(_) | Told::WouldStart { .. } | Told::Ended => {
                tracing::info!("{self}");
            }
            Told::RunsAgain { .. } | Told::Ending { .. } | Told::VmEnded { .. } => {}
        }
    }
}

/// Where a host listens over TCP.
#[derive(Serialize)]
pub(super) struct Listening {
    pub(super) address: String,
    pub(super) fingerprint: Option<String>,
}

/// Who says it, and how.
#[derive(Clone, Copy)]
pub(super) struct Speaker {
    pub(super) format: Format,
    /// Nobody else listens.
    pub(super) only_logs: bool,
}

impl Speaker {
    /// Says something, if anybody listens: a host goes on without.
    pub(super) fn tell(self, told: &Told) {
        told.log();
        let line = match self.format {
            _ if self.only_logs => return,
            Format::Json => json_line(told),
            Format::Table => format!("memtide: {}\n", plain(&told.to_string())),
        };
        let mut output = stdout().lock();
        let _ = output.write_all(line.as_bytes()).and_then(|()| output.flush());
    }
}
