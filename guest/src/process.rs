//! Child processes made by a plain `fork`, which std's `Command` avoids.

use std::io;

use crate::program::Failure;

/// A child that has not been waited for.
pub(crate) struct Child(libc::pid_t);

/// Fork; the child runs `body` and exits with the status it returns.
pub(crate) fn fork(body: impl FnOnce() -> u8) -> Result<Child, Failure> {
    // SAFETY: the programs that fork have one thread, so the child finds no lock held by another.
    match unsafe { libc::fork() } {
        -1 => Err(Failure(format!("fork: {}", io::Error::last_os_error()))),
        0 => {
            let status = body();
            // SAFETY: `_exit` has no conditions; unlike `exit` it leaves the parent's buffers alone.
            unsafe { libc::_exit(i32::from(status)) }
        }
        child => Ok(Child(child)),
    }
}

impl Child {
    /// Wait for the child to end and give its exit status; a death by a signal is a failure.
    pub(crate) fn wait(self) -> Result<u8, Failure> {
        let mut status = 0;
        // SAFETY: `status` is a valid place for the result.
        if unsafe { libc::waitpid(self.0, &raw mut status, 0) } != self.0 {
            return Err(Failure(format!("waitpid: {}", io::Error::last_os_error())));
        }
        if libc::WIFEXITED(status) {
            Ok(libc::WEXITSTATUS(status) as u8)
        } else {
            Err(Failure(format!("child {} was killed by signal {}", self.0, libc::WTERMSIG(status))))
        }
    }
}
