//! `session`: start a command with a terminal of its own, which the installer's busybox cannot do.

use std::fs::File;
use std::io;
use std::os::fd::IntoRawFd;
use std::os::unix::process::CommandExt;
use std::process::Command;

use crate::program::Failure;

/// Become `program`, in a new session whose controlling terminal is `terminal`. Returns only if that fails;
/// not to be called by a process that leads its group, as the first process does.
pub(crate) fn start(terminal: &str, program: &str, arguments: &[&str]) -> Failure {
    let file = match File::options().read(true).write(true).open(terminal) {
        Ok(file) => file,
        Err(error) => return Failure(format!("{terminal}: {error}")),
    };
    // SAFETY: the descriptor is open and handed over: it becomes standard input, output and error.
    if unsafe { libc::login_tty(file.into_raw_fd()) } != 0 {
        return Failure(format!("{terminal}: {}", io::Error::last_os_error()));
    }
    Command::new(program).args(arguments).exec().into()
}
