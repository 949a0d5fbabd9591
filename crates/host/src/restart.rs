//! Restarting VMs: because somebody asks for it, and because their guests reboot or panic.
//!
//! **Model.** A restart is another run of the same VM: its number, console, memory and swap file, and what was promised to it, stay
//! its own, so it cannot be refused for want of what it has. Its pages are as never touched, and its guest is loaded anew. One that does hardly anything but
//! restart is left off ever longer before (`sched::backoff`), and told by an alarm.
//!
//! **Concurrency.** The VM's own thread restarts it, with nothing held while the guest is loaded. The next run takes the place of the one before in
//! the inventory at once, so that whoever stops the VM meanwhile stops that; nobody is let in to it until its memory can be used.
//!
//! **Failure.** A guest that cannot be loaded again ends its VM as failed.

use crate::core::{Core, Loading};
use crate::ended::{End, restarts};
use crate::error::HostError;
use crate::power::{load_config, read_config, wait_for_visitors};
use crate::progress::Progress;
use crate::running::Running;
use crate::stopping::{Stop, shut_down};
use crate::visits::Known;
use model::{Afterwards, Power, RestartedFor, VmSpec, What};
use std::sync::Arc;
use std::time::{Duration, Instant};
use vm::{Config, Ended, Vm};

/// How often whoever waits for a restart looks whether it is over.
const LOOK: Duration = Duration::from_secs(1);

/// Why the run of a VM that has ended is followed by another, if it is.
pub(crate) fn is_restarted(core: &Core, running: &Running, ended: &Ended) -> Option<RestartedFor> {
    let inventory = core.inventory.lock();
    let spec = &inventory.vms.get(&running.name)?.spec;
    restarts(End::from(ended).how, running.restart_asked(), spec.on_reboot, spec.on_panic)
}

/// The last run of a VM, and how that ended.
pub(crate) type Over = (Arc<Running>, Option<Ended>);

/// A run after that of a VM that has ended, or how it ended if that cannot be.
pub(crate) fn again(
    core: &Arc<Core>,
    running: Arc<Running>,
    why: RestartedFor,
) -> Result<(Arc<Running>, Arc<Vm>), Over> {
    let next = Arc::new(running.again(why));
    match core.inventory.lock().vms.get_mut(&running.name) {
        Some(entry) if !running.is_stopping() && !running.is_told_to_stop() && !core.is_closed() => {
            entry.running = Some(Arc::clone(&next));
            entry.power = Power::Starting;
        }
        _ => return Err((running, None)),
    }
    core.wakeup.change();
    core.note_power();
    let vm = next.name.clone();
    core.journal.add(What::VmRestarted { vm, why, waits_seconds: next.restarts.wait().as_secs() });
    wait_for_visitors(core, &running);
    // Joins its threads.
    drop(running);
    next.memory.start_over();
    next.visits.open();
    core.wakeup.change();
    core.wait_for_power(Instant::now() + next.restarts.wait(), |_| next.is_stopping());
    match load_again(core, &next) {
        Ok(vm) => Ok((next, vm)),
        Err(_) if next.is_stopping() => Err((next, Some(Ended::Stopped))),
        Err(error) => Err((next, Some(Ended::Failed(error.to_string())))),
    }
}

fn load_again(core: &Arc<Core>, next: &Arc<Running>) -> Result<Arc<Vm>, HostError> {
    if next.is_stopping() {
        return Err(HostError::Cancelled);
    }
    let spec = core.inventory.lock().vm(&next.name)?.spec.clone();
    next.set_all_aside();
    let (config, loading) = read_again(core, &spec, next)?;
    let vm = load_config(core, &config, next)?;
    drop((config, loading));
    if let Ok(entry) = core.inventory.lock().vm_mut(&next.name) {
        entry.power = Power::Running;
    }
    core.note_power();
    core.wakeup.change();
    Ok(vm)
}

/// Reads the guest's files, however long it takes until there is memory for them: the VM has all else, and waits for this alone.
fn read_again<'a>(
    core: &'a Core,
    spec: &VmSpec,
    next: &Running,
) -> Result<(Config, Option<Loading<'a>>), HostError> {
    let mut told = false;
    loop {
        match read_config(core, spec, &next.loading) {
            Err(error @ HostError::Memory { .. }) if !core.is_closed() => {
                if !std::mem::replace(&mut told, true) {
                    let (vm, why) = (spec.name.clone(), error.to_string());
                    core.journal.add(What::VmRefused { vm, code: error.code(), why });
                }
            }
            outcome => return outcome,
        }
    }
}

/// Restarts a VM: at once, or after its guest was asked to shut down. Returns when its guest runs anew.
pub(crate) fn restart(core: &Core, name: &str, how: Stop, progress: &Progress) -> Result<(), HostError> {
    let (known, usual) = {
        let inventory = core.inventory.lock();
        let running = inventory.vm(name)?.running.as_ref().filter(|running| running.vm.get().is_some());
        let running = running.ok_or_else(|| HostError::NotRunning(name.to_owned()))?;
        running.ask_restart(Some(RestartedFor::Asked));
        (Known::of(running), Duration::from_secs(inventory.settings.stop_deadline.into()))
    };
    if let Stop::Shutdown { deadline, force } = how {
        // Whoever asked for a restart has it, whatever its guest did meanwhile.
        let ended = shut_down(core, name, &known, deadline.unwrap_or(usual), progress);
        progress.waits_no_more();
        match ended {
            Ok(Ok(())) => {}
            Ok(Err(_)) if force => reset(&known),
            Ok(Err(why)) => {
                known.visit().inspect(|running| running.ask_restart(None));
                return Err(HostError::StillRuns { name: name.to_owned(), why });
            }
            Err(error) => {
                known.visit().inspect(|running| running.ask_restart(None));
                return Err(error);
            }
        }
    } else {
        reset(&known);
    }
    until_runs_again(core, name, &known)
}

fn reset(known: &Known) {
    if let Some(running) = known.visit()
        && let Some(vm) = running.vm.get()
    {
        vm.stop();
    }
}

/// Waits until another run than the one known goes on.
fn until_runs_again(core: &Core, name: &str, known: &Known) -> Result<(), HostError> {
    loop {
        let mut inventory = core.inventory.lock();
        let entry = inventory.vm(name)?;
        match &entry.running {
            Some(running) if !known.is_run(running) && entry.power == Power::Running => return Ok(()),
            None if entry.power == Power::Stopped => {
                let end = entry.ended.clone();
                let why =
                    end.map_or_else(String::new, |End { how, why }| why.unwrap_or_else(|| how.to_string()));
                return Err(HostError::NotRestarted { name: name.to_owned(), why });
            }
            _ => _ = core.power_changed.wait_for(&mut inventory, LOOK),
        }
    }
}

/// Does what the VM called `name` is to have done when its guest panics. To be called once for each panic.
pub(crate) fn guest_panicked(core: &Core, name: &str) {
    let inventory = core.inventory.lock();
    let Some(entry) = inventory.vms.get(name) else { return };
    let Some(running) = &entry.running else { return };
    match (entry.spec.on_panic, running.vm.get()) {
        (Afterwards::Restart, Some(vm)) => {
            running.ask_restart(Some(RestartedFor::GuestFailed));
            vm.stop();
        }
        (Afterwards::Stop, _) => running.stop(Some("its guest panicked".to_owned())),
        (Afterwards::Restart | Afterwards::Keep, _) => {}
    }
}

#[cfg(test)]
mod tests;
