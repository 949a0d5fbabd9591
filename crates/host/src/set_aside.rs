//! Memory beside the pool is set aside before it is used.
//!
//! **Model.** A VM that starts needs memory beside the pool: its kernel and initrd until its guest has them, and what is reserved for its
//! overhead. Both are charged first; then the memory loop reclaims what is not free, if need be, and only then are they used.
//!
//! **Failure.** What would have to come from what others are guaranteed is refused, with figures, once it was waited for in vain.

use crate::core::{Core, Loading};
use crate::error::HostError;
use crate::progress::Progress;
use addr::ByteSize;
use machine::MemoryError;
use model::VmSpec;
use std::thread;
use std::time::{Duration, Instant};

/// How long what is not free is waited for.
const PATIENCE: Duration = Duration::from_secs(30);
/// How often it is looked whether it is.
const LOOK: Duration = Duration::from_millis(2);

/// Charges what the guest's files take, `size` in all, and waits until that is free.
///
/// # Errors
/// [`HostError::Memory`], [`HostError::Cancelled`].
pub(crate) fn for_files<'a>(
    core: &'a Core,
    spec: &VmSpec,
    size: ByteSize,
    progress: &Progress,
) -> Result<Loading<'a>, HostError> {
    let mut charge = || core.charge_loading(size).map_err(Some);
    let loading = wait_for(progress, &mut charge)?;
    let refused = |free| {
        let asked = size.pages_up();
        let what =
            format!("VM '{}' cannot start: its kernel and initrd do not fit while it is loaded", spec.name);
        HostError::Memory { what, source: MemoryError::PoolTooSmall { asked, free } }
    };
    let loading = loading.map_err(|free| refused(free.unwrap_or_default()))?;
    wait(core, spec, progress)?;
    Ok(loading)
}

/// Waits until all that was charged is free.
///
/// # Errors
/// [`HostError::Memory`], [`HostError::Cancelled`].
pub(crate) fn wait(core: &Core, spec: &VmSpec, progress: &Progress) -> Result<(), HostError> {
    let set_aside = wait_for(progress, &mut || {
        if core.pool.set_aside() {
            return Ok(());
        }
        core.wakeup.shortage();
        Err(())
    })?;
    set_aside.map_err(|()| {
        let usage = core.pool.usage();
        let what =
            format!("VM '{}' cannot start: what is in use beside guests' memory is not free", spec.name);
        HostError::Memory {
            what,
            source: MemoryError::PoolTooSmall { asked: usage.overhead, free: usage.free },
        }
    })
}

/// Does `attempt` until it succeeds or patience ends; then what it said last counts.
fn wait_for<T, E>(
    progress: &Progress,
    attempt: &mut impl FnMut() -> Result<T, E>,
) -> Result<Result<T, E>, HostError> {
    let deadline = Instant::now() + PATIENCE;
    loop {
        progress.check()?;
        let outcome = attempt();
        if outcome.is_ok() || Instant::now() >= deadline {
            return Ok(outcome);
        }
        thread::sleep(LOOK);
    }
}
