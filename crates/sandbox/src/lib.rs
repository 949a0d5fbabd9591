//! What the kernel lets this process do, and each kind of its threads.
//!
//! **Model.** A program [begins](begin) its sandbox before it has other threads. From then on the whole process, with all it starts, may not do
//! what no host of VMs has a use for: mount, trace, load modules. Each thread that says of which [`Kind`] it is
//! [keeps](keep_to) to what such threads need, for the rest of its life. Threads that it starts keep to the same, or to less.
//!
//! ```text
//!   calls    which system calls each kind of thread may make
//!   filter   the same as filters for the kernel (seccomp)
//!   files    which files a thread may use (Landlock)
//!   process  what holds for the process: no new privileges, no core dumps, no tracing by others of its user
//! ```
//!
//! **Failure.** A call that is refused fails with an error, ENOSYS or EPERM: one operation fails, and nothing ends. ENOSYS is what the C library takes for a kernel that
//! does not know a call yet, and does without.
//!
//! **Not here.** Who starts threads, and of what kind they are.

#![forbid(unsafe_code)]

mod calls;
mod files;
mod filter;
mod process;

pub use calls::Kind;
pub use files::{Files, Kept, keep_from, keep_to_files, lies_in, may_read, may_write};

use filter::Filters;
use std::io;
use std::sync::OnceLock;
use thiserror::Error;

/// How strict the sandbox is.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Mode {
    /// What is not needed is refused.
    On,
    /// What would be refused is done all the same, and noted in the kernel's log.
    Log,
    /// There is none.
    Off,
}

/// Why there is no sandbox.
#[derive(Debug, Error)]
pub enum SandboxError {
    /// The kernel has no seccomp, or not for this processor.
    #[error("the kernel takes no filters of system calls: {0}")]
    Filter(String),
    /// The kernel does not take rules for files.
    #[error("the kernel does not take rules for files: {0}")]
    Files(String),
    /// Something else that should hold for the process.
    #[error("cannot {what}: {source}")]
    Process {
        /// What was to be done.
        what: &'static str,
        /// Why not.
        source: io::Error,
    },
}

/// The filters of this process, once its sandbox has begun.
static FILTERS: OnceLock<Filters> = OnceLock::new();

/// Begins the sandbox of this process, which has no other threads yet.
///
/// # Errors
/// What of it the kernel does not do; the rest holds.
pub fn begin(mode: Mode) -> Result<(), SandboxError> {
    if mode == Mode::Off {
        return Ok(());
    }
    process::harden()?;
    let filters = Filters::new(mode)?;
    filters.apply_to_process()?;
    // Begun twice, the first one stays.
    let _ = FILTERS.set(filters);
    Ok(())
}

/// Keeps the calling thread, and those it starts from now on, to what threads of its kind need. Does nothing in a process without a sandbox.
pub fn keep_to(kind: Kind) {
    if let Some(filters) = FILTERS.get() {
        // The same kernel took the first filter. What it can lack since is memory; the filter before holds then.
        let _ = filters.apply(kind);
    }
}

#[cfg(test)]
mod tests;
