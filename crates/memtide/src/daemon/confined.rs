//! What the host's process keeps to, from before it has threads.
//!
//! **Model.** First the process as a whole is hardened. Then the thread is started that runs alarms' commands, which may use other files than the
//! host: all but its state. Then the host keeps to its own: it writes where its state, swap files and socket are, and, where directories of guest files are
//! named, reads little else. Threads started from now on keep to the same files.
//!
//! **Failure.** What the kernel does not do is a gap: the host runs without it, and says so.

use crate::config::Config;
use crate::control::{make_private, runtime_directory};
use crate::error::Error;
use actions::Worker;
use rustix::process::geteuid;
use sandbox::{Files, Kept, Mode};
use std::fs::DirBuilder;
use std::os::unix::fs::DirBuilderExt;
use std::path::{Path, PathBuf};

/// What a process reads of the system it runs on: what the kernel says, and what libraries look for.
const OF_SYSTEM: [&str; 9] =
    ["/proc", "/sys", "/etc", "/usr", "/lib", "/lib64", "/dev/null", "/dev/urandom", "/dev/random"];

const AS_ROOT: &str = "the host runs as root, which it has no need to, and whoever breaks out of it is root: run it as a user of its own, as its \
                       systemd unit does";
const NO_LANDLOCK: &str = "this kernel does not keep processes from files (Landlock is not built in or not turned on): \
                           the host may use all that its user may";

/// Begins the sandbox; gives who carries out actions, and what of the sandbox there is not.
///
/// # Errors
/// If the host's directories cannot be made, or there is no thread.
pub(super) fn begin(config: &Config) -> Result<(Worker, Vec<String>), Error> {
    let mut gaps = Vec::new();
    if geteuid().is_root() {
        gaps.push(AS_ROOT.to_owned());
    }
    if let Err(error) = sandbox::begin(config.sandbox) {
        gaps.push(error.to_string());
    }
    if config.socket.parent() == Some(&runtime_directory()) {
        make_private(&runtime_directory())?;
    }
    let is_on = config.sandbox == Mode::On;
    if is_on {
        // Rules are for what is there.
        make(&config.state)?;
        // Without it the host starts, and tells so.
        let _ = make(&config.swap);
    }
    let hidden = if is_on { vec![config.state.clone()] } else { Vec::new() };
    let actions = Worker::start(hidden, config.webhook_hosts.clone())
        .map_err(|error| super::refused("begin what carries out alarms' actions", &error))?;
    if is_on {
        match sandbox::keep_to_files(files(config)) {
            Ok(Kept::Yes) => {}
            Ok(Kept::No) => gaps.push(NO_LANDLOCK.to_owned()),
            Err(error) => gaps.push(error.to_string()),
        }
    }
    Ok((actions, gaps))
}

fn make(directory: &Path) -> Result<(), Error> {
    DirBuilder::new().recursive(true).mode(0o700).create(directory).map_err(|error| {
        Error::new(format!("cannot make '{}': {error}", directory.display()))
            .hint("--state and --swap take directories that you may write to")
    })
}

/// The host's files.
fn files(config: &Config) -> Files {
    let mut written = vec![config.state.clone(), config.swap.clone()];
    written.extend(config.swap_directories.iter().cloned());
    written.extend(config.socket.parent().map(Path::to_owned));
    let certificate =
        config.certificate.iter().flat_map(|(certificate, key)| [certificate.clone(), key.clone()]);
    let others = OF_SYSTEM.map(PathBuf::from).into_iter().chain(certificate);
    let guests = &config.guest_files;
    let read = (!guests.is_empty()).then(|| guests.iter().cloned().chain(others).collect());
    Files { written, read }
}
