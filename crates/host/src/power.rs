//! Starting VMs, and what follows when they end.
//!
//! **Model.**
//!
//! ```text
//!   stopped --start: admitted, swap file made, memory promised--> starting --guest loaded--> running
//!      ^                                                              | failed                  | stopped, or
//!      |                                                              v                         v ended by itself
//!      +-------------------- memory free again ------------------ stopping <--------------------+
//! ```
//!
//! From the moment it is starting, a VM's memory is the memory loop's business like any other's: loading a
//! guest may need frames that others must give up first.
//!
//! **Concurrency.** Admission and promises are made under the right to change. The guest is loaded without it.
//! Each running VM has a thread that waits for its end and cleans up.
//!
//! **Failure.** A VM that cannot start leaves nothing behind. One that fails while running ends with the
//! reason; others go on.

use crate::core::{Core, Loading};
use crate::ended::{Circumstances, End, still_wanted};
use crate::error::HostError;
use crate::guest_files::{self, Contents};
use crate::inventory::Inventory;
use crate::pause::note_kept;
use crate::progress::Progress;
use crate::restart::{again, is_restarted};
use crate::running::{Running, Start};
use crate::set_aside;
use crate::spec::{controls_of_vm, mmu_choice};
use crate::stopping::{By, Stop, stop};
use crate::swap_dir;
use crate::visits::Known;
use addr::{PageCount, VmId};
use machine::{Backing, MemoryError, ShareGroup, Stores, SwapFile};
use model::{Afterwards, Power, VmSpec, What};
use sched::admission::{AdmissionError, admit};
use sched::{Overhead, Snapshot};
use std::path::Path;
use std::sync::Arc;
use std::sync::mpsc::sync_channel;
use std::thread;
use std::time::Duration;
use vm::boot::{Initrd, KernelImage};
use vm::{Config, Ended, StartError, Vm};

/// How long others may take to let go of a VM that has ended, before it is told that they do not.
const PATIENCE: Duration = Duration::from_secs(30);

/// How long it usually takes at most.
const SOON: Duration = Duration::from_secs(1);

/// How often it is looked whether there is an agent that was never asked whether it listens.
const ASKS_AGENT: Duration = Duration::from_secs(10);

const OTHER_SWAP: &str = "add the directory to swap-directories, which the host reads when it starts";

/// Starts a VM; returns when its guest runs.
pub(crate) fn start(core: &Arc<Core>, name: &str, progress: &Progress) -> Result<(), HostError> {
    let result = try_start(core, name, progress);
    // Whatever fails once it is cancelled fails for that.
    let result = result
        .and_then(|()| leave_if_cancelled(core, name, progress))
        .map_err(|error| if progress.is_cancelled() { HostError::Cancelled } else { error });
    if let Err(error) = &result {
        let (vm, why) = (name.to_owned(), error.to_string());
        core.journal.add(What::VmRefused { vm, code: error.code(), why });
    }
    result
}

/// A VM whose start was cancelled at the very end is stopped.
fn leave_if_cancelled(core: &Core, name: &str, progress: &Progress) -> Result<(), HostError> {
    if progress.is_cancelled() {
        stop(core, name, Stop::Now, By::People, progress)?;
    }
    progress.check()
}

fn try_start(core: &Arc<Core>, name: &str, progress: &Progress) -> Result<(), HostError> {
    let spec = stopped(&core.inventory.lock(), name)?;
    // Until the guest has its files, they are in memory.
    let (config, _loading) = read_config(core, &spec, progress)?;
    let running = claim(core, &spec)?;
    core.wakeup.change();
    if let Err(error) = set_aside::wait(core, &spec, progress) {
        release(core, running, None);
        return Err(error);
    }
    match load_config(core, &config, &running) {
        Ok(vm) => go_on(core, running, vm),
        Err(error) => {
            release(core, running, None);
            Err(error)
        }
    }
}

/// Loads a VM's guest, which runs then.
pub(crate) fn load_config(core: &Core, config: &Config, running: &Running) -> Result<Arc<Vm>, HostError> {
    let name = &running.name;
    let writer = || running_console(core, name);
    let vm = Vm::start_on(config, Arc::clone(&running.memory), writer()?, writer()?);
    let not_loaded = |error| match running.not_loaded() {
        Some(why) => HostError::NotLoaded { name: name.clone(), why },
        None => start_error(name, error),
    };
    let vm = Arc::new(vm.map_err(not_loaded)?);
    running.vm.set(Arc::clone(&vm)).unwrap_or_else(|_| unreachable!("a VM is put in its place once"));
    if running.is_stopping() {
        vm.stop();
    }
    if let Some(why) = running.not_loaded() {
        vm.fail(why);
    }
    vm.keep_at_reset(core.inventory.lock().vm(name)?.spec.on_reboot == Afterwards::Keep);
    running.note_overhead(vm.overhead_beside_caches());
    Ok(vm)
}

fn running_console(core: &Core, name: &str) -> Result<Box<dyn std::io::Write + Send>, HostError> {
    Ok(core.inventory.lock().vm(name)?.console.writer())
}

/// The spec of a VM that is stopped.
fn stopped(inventory: &Inventory, name: &str) -> Result<VmSpec, HostError> {
    let entry = inventory.readable(name)?;
    if entry.power == Power::Stopped {
        return Ok(entry.spec.clone());
    }
    Err(HostError::NotStopped { name: name.to_owned(), what: "it cannot be started twice" })
}

/// What the guest is started with, and the memory set aside for that.
pub(crate) fn read_config<'a>(
    core: &'a Core,
    spec: &VmSpec,
    progress: &Progress,
) -> Result<(Config, Option<Loading<'a>>), HostError> {
    let (Contents { kernel, initrd }, loading) = guest_files::read(core, spec, progress)?;
    let named = |path: &Path| path.display().to_string();
    let kernel = KernelImage::parse(&named(&spec.kernel), kernel)
        .map_err(|error| HostError::guest(&spec.name, error))?;
    let initrd = spec.initrd.as_deref().zip(initrd).map(|(path, content)| {
        Initrd::parse(&named(path), content).map_err(|error| HostError::guest(&spec.name, error))
    });
    let config = Config {
        name: spec.name.clone(),
        memory: spec.memory_bytes,
        cpus: spec.cpus,
        mmu: mmu_choice(spec.mmu),
        kernel,
        initrd: initrd.transpose()?,
        command_line: spec.append.clone(),
    };
    Ok((config, loading))
}

/// Admits the VM and gives it memory: from now on it is starting.
pub(crate) fn claim(core: &Core, spec: &VmSpec) -> Result<Arc<Running>, HostError> {
    let _change = core.change()?;
    swap_dir::check(core, spec)?;
    let free_disk = core.free_disk();
    let (start, before, after) = {
        let mut inventory = core.inventory.lock();
        // It may have been changed, started or removed while its files were read.
        if stopped(&inventory, &spec.name)? != *spec {
            return Err(HostError::NotStopped {
                name: spec.name.clone(),
                what: "it was changed while it was starting",
            });
        }
        let id = inventory.new_vm_id();
        let start = describe(core, spec, id, inventory.share_group(spec, id));
        let before = core.books(&inventory, free_disk);
        let after = with_vm(&before, &inventory, spec, &start);
        (start, before, after)
    };
    let what = || format!("VM '{}' cannot start", spec.name);
    admit(&before, &after).map_err(|error| refused(what(), error))?;
    let newly_wanted = core.want_on(&spec.name)?;
    let made = make(core, spec, Start { newly_wanted, ..start }, what());
    if made.is_err() && newly_wanted {
        core.want_off(&spec.name);
    }
    let running = Arc::new(made?);
    let mut inventory = core.inventory.lock();
    let entry = inventory.vm_mut(&spec.name)?;
    entry.power = Power::Starting;
    entry.running = Some(Arc::clone(&running));
    Ok(running)
}

fn describe(core: &Core, spec: &VmSpec, id: VmId, group: ShareGroup) -> Start {
    let overhead = Vm::most_overhead(spec.memory_bytes, spec.cpus);
    Start {
        name: spec.name.clone(),
        id,
        group,
        salt: spec.salt.clone(),
        cpus: spec.cpus,
        swaps_elsewhere: spec.swap_dir.is_some(),
        swap_dir: spec.swap_dir.as_ref().unwrap_or(&core.config.swap).as_path().into(),
        overhead: overhead.pages_up(),
        newly_wanted: false,
    }
}

/// The host with one VM more.
fn with_vm(before: &Snapshot, inventory: &Inventory, spec: &VmSpec, start: &Start) -> Snapshot {
    let overhead = Overhead { reserved: start.overhead, used: PageCount(0) };
    let vm = inventory.vm_with(spec, start.id, overhead);
    let mut after = before.clone();
    if start.swaps_elsewhere {
        after.host.swap_space.0 += vm.size.0.saturating_sub(vm.controls.reservation.0);
    }
    after.vms.push(vm);
    after
}

/// An admission error as an answer to `what`.
pub(crate) fn refused(what: String, error: AdmissionError) -> HostError {
    match error {
        AdmissionError::Refused(refusal) => HostError::Refused { what, refusal },
        AdmissionError::Invalid(source) => HostError::Invalid { what, source },
    }
}

/// Makes the VM's swap file and promises its memory.
fn make(core: &Core, spec: &VmSpec, start: Start, what: String) -> Result<Running, HostError> {
    let size = spec.memory_bytes.pages();
    let reservation = controls_of_vm(spec)?.reservation;
    let swap = PageCount(size.0.saturating_sub(reservation.0));
    let dir = &*start.swap_dir;
    if swap.0 > 0 && !sandbox::may_write(dir) {
        return Err(HostError::Kept { what, path: dir.to_owned(), hint: OTHER_SWAP });
    }
    let swap = (swap.0 > 0).then(|| SwapFile::create(dir, swap)).transpose();
    let swap = swap.map_err(|source| HostError::Swap { what: what.clone(), source })?;
    let backing = Backing { reservation, group: start.group, stores: Stores::new(PageCount(0), swap) };
    let memory = Vm::memory_from(&core.pool, start.id, spec.memory_bytes, backing)
        .map_err(|source| HostError::Memory { what, source })?;
    Ok(Running::new(start, memory))
}

fn start_error(name: &str, error: StartError) -> HostError {
    match error {
        StartError::Memory(source) if source != MemoryError::Ending => {
            HostError::Memory { what: format!("VM '{name}' cannot start"), source }
        }
        StartError::Host(source) => HostError::io(format!("cannot start VM '{name}'"), source),
        error => HostError::guest(name, error),
    }
}

/// The guest runs. From here on the VM's own thread has it.
fn go_on(core: &Arc<Core>, running: Arc<Running>, vm: Arc<Vm>) -> Result<(), HostError> {
    let name = running.name.clone();
    // It is there before anything is said of the run, which it gets then.
    let (give, given) = sync_channel(1);
    let waiting = Arc::clone(core);
    let watcher = thread::Builder::new().name(format!("{name}-end")).spawn(move || {
        if let Ok((running, vm)) = given.recv() {
            wait_for_end(&waiting, running, vm);
        }
    });
    if let Err(error) = watcher {
        drop(vm);
        release(core, running, None);
        return Err(HostError::io(format!("cannot start VM '{name}'"), error));
    }
    // A stop may have come between, of the run before.
    if !running.is_told_to_stop()
        && let Err(error) = core.want_on(&running.name)
    {
        drop(vm);
        release(core, running, None);
        return Err(error);
    }
    note_started(core, &running);
    // It waits for nothing else.
    let _ = give.send((running, vm));
    core.wakeup.change();
    Ok(())
}

fn note_started(core: &Core, running: &Running) {
    let memory = &running.memory;
    let started = What::VmStarted {
        vm: running.name.clone(),
        id: running.id.0.into(),
        memory_bytes: memory.pmap().size().bytes(),
        reservation_bytes: memory.reservation().bytes(),
        overhead_reserved_bytes: running.overhead().reserved.bytes(),
        swap_bytes: memory.stores().swap.total.bytes(),
    };
    let run = |inventory: &mut Inventory| {
        if let Ok(entry) = inventory.vm_mut(&running.name) {
            entry.power = Power::Running;
            entry.again = None;
        }
    };
    core.commit(run, [started]);
    core.note_power();
}

/// What a VM's own thread does: waits for its end, whoever brings it about, and restarts it or gives back what it had.
fn wait_for_end(core: &Arc<Core>, mut running: Arc<Running>, mut vm: Arc<Vm>) {
    loop {
        let mut ended = watch(core, &running, &vm);
        drop(vm);
        if let Some(why) = is_restarted(core, &running, &ended) {
            match again(core, running, why) {
                Ok(next) => {
                    (running, vm) = next;
                    continue;
                }
                Err((last, end)) => {
                    running = last;
                    ended = end.unwrap_or(ended);
                }
            }
        }
        return release(core, running, Some(&ended));
    }
}

/// Waits for the end of a run, notes when it pauses itself, and gets to know the guest's agent.
fn watch(core: &Core, running: &Arc<Running>, vm: &Vm) -> Ended {
    let mut was_kept = false;
    loop {
        if let Some(ended) = vm.wait(ASKS_AGENT) {
            return ended;
        }
        let is_kept = vm.is_kept();
        if is_kept && !was_kept {
            note_kept(core, running, &Known::of(running));
        }
        was_kept = is_kept;
        if vm.agent_is_due() && !vm.is_paused() {
            // What it answers is known to the VM from now on.
            let _ = vm.ask_agent();
        }
    }
}

/// Gives back what a VM had. It is stopped when that is done, and written down whether it is still wanted on.
pub(crate) fn release(core: &Core, running: Arc<Running>, ended: Option<&Ended>) {
    let name = running.name.clone();
    let end = ended.map(End::from);
    let end = end.map(|End { how, why }| End { how, why: why.or_else(|| running.why_stopped(how)) });
    if let Ok(entry) = core.inventory.lock().vm_mut(&name) {
        entry.power = Power::Stopping;
        entry.running = None;
        entry.ended = end.clone().or(entry.ended.take());
    }
    running.memory.end();
    core.wakeup.change();
    running.visits.close();
    // A disk that hangs keeps its visitors and threads for as long as it does, and others may need the memory.
    if running.swap_failure().is_some() || !running.visits.are_over_within(SOON) {
        running.memory.vacate();
        core.wakeup.change();
    }
    wait_for_visitors(core, &running);
    let circumstances = Circumstances {
        told_to_stop: running.is_told_to_stop(),
        newly_wanted: running.newly_wanted,
        host_closes: core.is_closed(),
    };
    // What it had is set aside for it until Linux has it back: the heap keeps it at first.
    let charge = running.charge();
    drop(running);
    core.give_back_heap();
    drop(charge);
    if !still_wanted(end.as_ref().map(|end| end.how), circumstances) {
        core.want_off(&name);
    }
    let ended = end.map(|End { how, why }| What::VmEnded { vm: name.clone(), how, why });
    let stopped =
        |inventory: &mut Inventory| inventory.vm_mut(&name).map(|entry| entry.power = Power::Stopped);
    // Whoever removed it meanwhile told so.
    let _ = core.commit(stopped, ended);
    core.note_power();
    core.wakeup.change();
}

/// Waits until nobody works with a VM that has ended, so that its threads are joined here and nowhere else.
pub(crate) fn wait_for_visitors(core: &Core, running: &Running) {
    running.visits.close();
    let mut told = false;
    while !running.visits.are_over_within(PATIENCE) {
        if !std::mem::replace(&mut told, true) {
            let (name, seconds) = (&running.name, PATIENCE.as_secs());
            let why = format!("VM '{name}' has ended, and something still works with it after {seconds} s");
            core.journal.add(What::Trouble { why });
        }
    }
}
