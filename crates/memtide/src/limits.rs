//! Limits that Linux sets on a process, for one that has VMs in it.
//!
//! **Model.** Soft limits that a process may raise are raised to the hard ones. What would end the process for reaching a limit is made an
//! error of the call instead, which whoever makes it handles. Limits that leave no room for the machine memory that was asked for are
//! refused before anything is there to be lost.
//!
//! **Not here.** Limits of cgroups on memory. Threads and handles that cannot be had are refused where they are asked for.

use crate::error::Error;
use addr::ByteSize;
use host::of_machine;
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use signal_hook::consts::{SIGXCPU, SIGXFSZ};
use std::sync::Arc;
use std::sync::atomic::AtomicBool;

/// Address space beside machine memory: code, stacks, and what the allocator sets aside for each thread. Most of it is never used.
const ADDRESSES: ByteSize = ByteSize::mib(2 << 10);
/// Memory beside machine memory: at the least.
const DATA: ByteSize = ByteSize::mib(128);

/// Makes the best of the limits there are.
///
/// # Errors
/// A limit that leaves no room for so much machine memory.
pub(crate) fn prepare(machine_memory: ByteSize) -> Result<(), Error> {
    for signal in [SIGXFSZ, SIGXCPU] {
        // Caught, so that it does not end the process: a write beyond the limit fails.
        signal_hook::flag::register(signal, Arc::new(AtomicBool::new(false))).map_err(|error| {
            Error::new(format!("cannot watch for signals: {error}")).hint(of_machine(&error))
        })?;
    }
    for resource in
        [Resource::Nofile, Resource::Fsize, Resource::As, Resource::Data, Resource::Nproc, Resource::Cpu]
    {
        let limit = getrlimit(resource);
        // One that cannot be raised is judged as it is.
        let _ = setrlimit(resource, Rlimit { current: limit.maximum, maximum: limit.maximum });
    }
    let memory = machine_memory.0;
    check(Resource::Fsize, machine_memory, "the size of its files (ulimit -f)")?;
    check(Resource::As, ByteSize(memory.saturating_add(ADDRESSES.0)), "its address space (ulimit -v)")?;
    check(Resource::Data, ByteSize(DATA.0.saturating_add(memory / 4)), "its data (ulimit -d)")?;
    if let Some(seconds) = getrlimit(Resource::Cpu).current {
        tracing::warn!(
            "Linux will end this process, and its VMs, after {seconds} seconds of processor time (ulimit -t)"
        );
    }
    Ok(())
}

fn check(resource: Resource, needed: ByteSize, what: &str) -> Result<(), Error> {
    match getrlimit(resource).current.map(ByteSize) {
        Some(limit) if limit < needed => Err(Error::new(format!(
            "this process is limited to {limit} for {what}, and needs {needed} for so much machine memory"
        ))
        .hint("raise the limit, or give less machine memory")),
        _ => Ok(()),
    }
}
