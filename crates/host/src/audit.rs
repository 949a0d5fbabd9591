//! Checking every invariant of the host, on demand, while VMs run.
//!
//! **Model.** An audit ends in one of three ways: all holds, something does not, or books could not be compared because what they
//! count never stood still while it was looked ([`machine::Books`]).

use crate::core::Core;
use crate::error::HostError;
use crate::progress::Progress;
use crate::running::Running;
use crate::visits::Visit;
use addr::ByteSize;
use machine::{Books, Pool, VmMemory};
use model::What;

/// Checks the pool, every VM's memory and harts, and that the ledger closes.
pub(crate) fn audit(core: &Core, progress: &Progress) -> Result<(), HostError> {
    let undecided = check(core, progress).map_err(|violation| {
        core.journal.add(What::AuditFailed { violation: violation.clone() });
        HostError::Broken(violation)
    })?;
    progress.check()?;
    if let Some(why) = undecided {
        return Err(HostError::Undecided(why));
    }
    core.journal.add(What::AuditPassed { vms: running(core).len() });
    Ok(())
}

/// Leaves off where it is cancelled, between two VMs. Gives what could not be decided.
fn check(core: &Core, progress: &Progress) -> Result<Option<String>, String> {
    core.pool.audit()?;
    let running = running(core);
    let size = |running: &Running| running.memory.pmap().size().bytes();
    progress.expect(ByteSize(running.iter().map(|running| size(running).0).sum()));
    let mut undecided = None;
    for running in &running {
        if progress.is_cancelled() {
            return Ok(None);
        }
        let of = |violation| format!("VM '{}': {violation}", running.name);
        match running.vm.get() {
            Some(vm) => vm.audit().map_err(of)?,
            None => running.memory.audit().map_err(of)?,
        }
        let left = decide(|| running.memory.compare_census()).map_err(of)?;
        undecided = undecided.or(left.map(|why| format!("the census of VM '{}': {why}", running.name)));
        progress.advance(size(running));
    }
    drop(running);
    let left = decide(|| compare_books(&core.pool, &self::running(core)))?;
    Ok(undecided.or(left.map(|why| format!("the ledger: {why}"))))
}

fn running(core: &Core) -> Vec<Visit> {
    core.inventory.lock().running().filter_map(|(_, running)| running.visit()).collect()
}

/// The pool's books and those of all VMs (INV-5).
fn compare_books(pool: &Pool, running: &[Visit]) -> Books {
    let usage = pool.usage();
    let sum = usage.free.0 + usage.private.0 + usage.shared.0 + usage.zip.0 + usage.in_flight.0;
    if sum != usage.total.0 {
        return Books::Differ(format!("INV-5: the ledger does not close: {usage:?}"));
    }
    pool.compare_books(running.iter().map(|running| -> &VmMemory { &running.memory }))
}

/// Looks until it is decided; gives why it could not be.
fn decide(look: impl Fn() -> Books) -> Result<Option<String>, String> {
    match Books::decide(look) {
        Books::Agree => Ok(None),
        Books::Differ(violation) => Err(violation),
        Books::Undecided(why) => Ok(Some(why.to_owned())),
    }
}
