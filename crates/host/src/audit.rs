//! Checking every invariant of the host, on demand, while VMs run.

use crate::core::Core;
use crate::error::HostError;
use crate::event::What;
use crate::progress::Progress;
use crate::running::Running;
use crate::visits::Visit;
use addr::{ByteSize, PageCount};
use machine::{Audit, FrameUse, Pool};
use std::thread;
use std::time::Duration;

/// Checks the pool, every VM's memory and harts, and that the ledger closes.
pub(crate) fn audit(core: &Core, progress: &Progress) -> Result<(), HostError> {
    check(core, progress).map_err(|violation| {
        core.journal.add(What::AuditFailed { violation: violation.clone() });
        HostError::Broken(violation)
    })?;
    progress.check()
}

/// Leaves off where it is cancelled, between two VMs.
fn check(core: &Core, progress: &Progress) -> Audit {
    core.pool.audit()?;
    let running: Vec<Visit> =
        core.inventory.lock().running().filter_map(|(_, running)| running.visit()).collect();
    let size = |running: &Running| running.memory.pmap().size().bytes();
    progress.expect(ByteSize(running.iter().map(|running| size(running).0).sum()));
    for running in &running {
        if progress.is_cancelled() {
            return Ok(());
        }
        let of = |violation| format!("VM '{}': {violation}", running.name);
        match running.vm.get() {
            Some(vm) => vm.audit().map_err(of)?,
            None => running.memory.audit().map_err(of)?,
        }
        progress.advance(size(running));
    }
    let held = |of: fn(&Running) -> PageCount| PageCount(running.iter().map(|running| of(running).0).sum());
    check_ledger(&core.pool, || Held {
        private: held(|running| running.memory.census().private),
        zip: held(|running| running.memory.stores().zip.frames),
        reserved: held(|running| running.memory.reservation()),
    })
}

/// What VMs have by their own books.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
struct Held {
    private: PageCount,
    zip: PageCount,
    reserved: PageCount,
}

/// The pool's books and the VMs' must agree (INV-5). They change all the time, so what counts is that they
/// differ by the same amount for as long as one looks.
fn check_ledger(pool: &Pool, held: impl Fn() -> Held) -> Audit {
    const LOOKS: u32 = 20;
    /// After so many looks the books are in motion, which broken ones are not.
    const MOST_LOOKS: u32 = 1000;
    let mut last = None;
    let mut same = 0;
    for _ in 0..MOST_LOOKS {
        if same == LOOKS {
            return Err(format!(
                "INV-5: the pool's books have {last:?} frames (private, zip, reserved) more than the VMs'"
            ));
        }
        let usage = pool.usage();
        let sum = usage.free.0 + usage.private.0 + usage.shared.0 + usage.zip.0;
        if sum != usage.total.0 {
            return Err(format!("INV-5: the ledger does not close: {usage:?}"));
        }
        let difference = difference(&usage, &held());
        if difference == (0, 0, 0) {
            return Ok(());
        }
        same = if last == Some(difference) { same + 1 } else { 0 };
        last = Some(difference);
        thread::sleep(Duration::from_millis(2));
    }
    Ok(())
}

fn difference(usage: &FrameUse, held: &Held) -> (i64, i64, i64) {
    let minus = |a: PageCount, b: PageCount| a.0 as i64 - b.0 as i64;
    (minus(usage.private, held.private), minus(usage.zip, held.zip), minus(usage.reserved, held.reserved))
}
