//! Pausing VMs: their vCPUs stand still, and their clocks; their memory stays, and may be reclaimed like any other's.
//!
//! **Model.** A paused VM keeps what was promised to it. Its guest cannot serve a balloon, so what it must give is compressed and
//! swapped; it waits for nothing. A VM whose guest reboots and is to be kept pauses itself.
//!
//! **Failure.** A pause is not written down: after a crash the VM starts with the host as its `autostart` has it.

use crate::core::Core;
use crate::error::HostError;
use crate::running::Running;
use crate::visits::Known;
use model::{Power, What};

/// Pauses a VM, which must be running. One that is paused already is fine.
pub(crate) fn pause(core: &Core, name: &str) -> Result<(), HostError> {
    change(core, name, true)
}

/// Lets a paused VM go on. One that runs is fine.
pub(crate) fn resume(core: &Core, name: &str) -> Result<(), HostError> {
    change(core, name, false)
}

fn change(core: &Core, name: &str, pauses: bool) -> Result<(), HostError> {
    let not_running = || HostError::NotRunning(name.to_owned());
    let run = {
        let inventory = core.inventory.lock();
        let entry = inventory.vm(name)?;
        let run = entry.running.as_ref().filter(|_| entry.power.is_on());
        run.and_then(Running::visit).ok_or_else(not_running)?
    };
    let vm = run.vm.get().ok_or_else(not_running)?;
    let is_new = if pauses { vm.pause() } else { vm.resume() };
    note(core, name, &run.known());
    if is_new {
        let vm = name.to_owned();
        core.journal.add(if pauses { What::VmPaused { vm } } else { What::VmResumed { vm } });
    }
    core.wakeup.change();
    Ok(())
}

/// Shows whether a run of a VM is paused now, whoever paused it.
fn note(core: &Core, name: &str, run: &Known) {
    if let Some(entry) = core.inventory.lock().vms.get_mut(name)
        && entry.power.is_on()
        && let Some(running) = entry.running.as_ref().filter(|running| run.is_run(running))
        && let Some(vm) = running.vm.get()
    {
        entry.power = if vm.is_paused() { Power::Paused } else { Power::Running };
    }
    core.note_power();
}

/// Notes that a VM has paused itself, as its guest asked for a reset and is to be kept.
pub(crate) fn note_kept(core: &Core, running: &Running, run: &Known) {
    note(core, &running.name, run);
    core.journal.add(What::VmKept { vm: running.name.clone() });
    core.wakeup.change();
}
