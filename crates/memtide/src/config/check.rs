//! `memtide host --check-config`: what a host would be told, and whether it could begin with that.
//!
//! **Model.** Nothing is made or changed, and no memory, port or lock is taken: so it works beside a running host. What can only be
//! known by starting, say whether a port is free, is not asked.

use super::{Config, Layers, Row, is_usual_directory};
use crate::args::{self, Format};
use crate::error::Error;
use crate::print::{json, print};
use addr::ByteSize;
use host::{ControlGroup, LinuxMemory};
use rustix::fs::{Access, access};
use serde::Serialize;
use std::fmt::Write;
use std::path::Path;

#[derive(Serialize)]
struct Checked {
    /// The file that was read; `null`: none.
    file: Option<String>,
    options: Vec<Row>,
    /// What the host takes.
    machine_memory_bytes: ByteSize,
    /// The same with what Linux keeps for it: the least limit of its control group.
    needed_bytes: ByteSize,
    /// What Linux lets it have: all of this machine's memory, or what its control group may have; `null` if it does not say.
    linux_memory_bytes: Option<ByteSize>,
    /// The control group, if it has less than the machine.
    control_group: Option<ControlGroup>,
    /// What of it is no good.
    problems: Vec<Problem>,
}

/// What keeps a host from being run so.
#[derive(Serialize)]
struct Problem {
    message: String,
    hint: &'static str,
}

impl Problem {
    fn new(message: String, hint: &'static str) -> Self {
        Self { message, hint }
    }
}

/// Checks what a host with this command line is told, and prints it.
///
/// # Errors
/// If the configuration cannot be used: what was found is printed then too, as far as the options could be read at all.
pub(crate) fn check(args: &args::Host) -> Result<(), Error> {
    let layers = Layers::of(args)?;
    let config = layers.config()?;
    let memory = LinuxMemory::read();
    let checked = Checked {
        machine_memory_bytes: config.machine_memory,
        needed_bytes: LinuxMemory::needed(config.machine_memory),
        linux_memory_bytes: memory.as_ref().map(|memory| memory.total),
        problems: problems(&config, memory.as_ref()),
        control_group: memory.and_then(|memory| memory.group),
        file: layers.file.as_ref().map(|path| path.display().to_string()),
        options: layers.rows(),
    };
    print(&match args.output.output {
        Format::Json => json(&checked),
        Format::Table => table(&checked),
    })?;
    match checked.problems.as_slice() {
        [] => Ok(()),
        [first, ..] => {
            Err(Error::new(format!("this configuration cannot be used: {}", first.message)).hint(first.hint))
        }
    }
}

fn table(checked: &Checked) -> String {
    let mut text = match &checked.file {
        Some(file) => format!("configuration file: {file}\n\n"),
        None => "there is no configuration file\n\n".to_owned(),
    };
    let longest = checked.options.iter().filter_map(|row| Some(row.value.as_ref()?.chars().count())).max();
    let width = longest.unwrap_or(0).min(60);
    let _ = writeln!(text, "{:16}  {:width$}  FROM", "OPTION", "VALUE");
    for Row { option, value, from } in &checked.options {
        let value = value.as_deref().unwrap_or("none");
        let _ = writeln!(text, "{option:16}  {value:width$}  {from}");
    }
    let of = match (&checked.control_group, checked.linux_memory_bytes) {
        (Some(group), _) => {
            format!(" of {} that the control group '{}' may have", group.limit_bytes, group.path)
        }
        (None, Some(all)) => format!(" of {all} that this machine has"),
        (None, None) => String::new(),
    };
    let _ = writeln!(text, "\nmachine memory: {}{of}", checked.machine_memory_bytes);
    for problem in &checked.problems {
        let _ = writeln!(text, "problem: {}\n   hint: {}", problem.message, problem.hint);
    }
    text
}

/// All that is no good.
fn problems(config: &Config, linux: Option<&LinuxMemory>) -> Vec<Problem> {
    let mut problems = Vec::new();
    let memory = config.machine_memory;
    if let Some(why) = linux.and_then(|linux| linux.lacks(memory)) {
        problems.push(Problem::new(format!("machine-memory: {why}"), "take less, or a part such as 50%"));
    } else if memory < LEAST {
        let message = format!("machine-memory: {memory} is too little for a host and a VM");
        problems.push(Problem::new(message, "take 64MiB or more"));
    }
    problems.extend(directory("state", &config.state));
    problems.extend(directory("swap", &config.swap));
    problems.extend(config.swap_directories.iter().filter_map(|path| directory("swap-directories", path)));
    problems.extend(config.guest_files.iter().filter_map(|path| readable("guest-files", path)));
    if let Some(parent) = config.socket.parent().filter(|parent| !is_usual_directory(parent)) {
        problems.extend(socket_directory(parent));
    }
    if let Some(Err(error)) = config.socket_group.as_deref().map(super::group) {
        problems.push(Problem::new(
            format!("socket-group: {}", error.message()),
            "name a group in /etc/group, or a number",
        ));
    }
    problems.extend(certificate(config));
    problems
}

/// Less than this holds no guest.
const LEAST: ByteSize = ByteSize::mib(16);

/// Whether a directory is there and may be written to, or could be made.
fn directory(option: &'static str, path: &Path) -> Option<Problem> {
    let hint = "name a directory that the user who runs the host may write to";
    let there = path.ancestors().find(|path| path.exists())?;
    if !there.is_dir() {
        return Some(Problem::new(format!("{option}: '{}' is no directory", there.display()), hint));
    }
    let error = access(there, Access::WRITE_OK | Access::EXEC_OK).err()?;
    let what = if there == path { "written to" } else { "made" };
    Some(Problem::new(format!("{option}: '{}' cannot be {what}: {error}", path.display()), hint))
}

/// Whether a directory is there and may be read.
fn readable(option: &'static str, path: &Path) -> Option<Problem> {
    let error = access(path, Access::READ_OK | Access::EXEC_OK).err()?;
    let hint = "name a directory that the user who runs the host may read";
    Some(Problem::new(format!("{option}: '{}' cannot be read: {error}", path.display()), hint))
}

fn socket_directory(path: &Path) -> Option<Problem> {
    if path.is_dir() {
        return directory("socket", path);
    }
    let message = format!("socket: there is no directory '{}'", path.display());
    Some(Problem::new(message, "make it, or take another path"))
}

/// Whether the certificate is there and belongs to its key: an administrator's, or the one that the host made.
fn certificate(config: &Config) -> Option<Problem> {
    let own = || config.listen.map(|_| ["tls-cert.pem", "tls-key.pem"].map(|name| config.state.join(name)));
    let (certificate, key) = match config.certificate.clone() {
        Some(files) => files,
        None => {
            own().map(|[certificate, key]| (certificate, key)).filter(|(a, b)| a.exists() && b.exists())?
        }
    };
    let error = api::Tls::from_files(&certificate, &key).err()?;
    Some(Problem::new(
        format!("tls-cert: {error}"),
        "tls-cert and tls-key take files in PEM that belong together",
    ))
}
