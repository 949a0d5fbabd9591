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

use crate::core::Core;
use crate::error::HostError;
use crate::event::What;
use crate::info::Power;
use crate::inventory::Inventory;
use crate::progress::Progress;
use crate::running::{Running, Start};
use crate::set_aside;
use crate::spec::VmSpec;
use crate::stopping::{Stop, stop};
use addr::PageCount;
use machine::{Backing, MemoryError, ShareGroup, Stores, SwapFile, VmId};
use sched::admission::{AdmissionError, admit};
use sched::{Overhead, Snapshot};
use std::path::Path;
use std::sync::Arc;
use std::thread;
use std::time::{Duration, Instant};
use vm::boot::{self, Initrd, KernelImage};
use vm::{Config, Ended, StartError, Vm};

/// How long others may take to let go of a VM that has ended.
const PATIENCE: Duration = Duration::from_secs(30);

/// How often it is looked whether there is an agent that was never asked whether it listens.
const ASKS_AGENT: Duration = Duration::from_secs(10);

const OTHER_SWAP: &str = "add the directory to swap-directories, which the host reads when it starts";
const OTHER_FILES: &str = "put the file into one of the directories of guest-files, or add another, which the host reads when it starts";

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
        stop(core, name, Stop::Now, progress)?;
    }
    progress.check()
}

fn try_start(core: &Arc<Core>, name: &str, progress: &Progress) -> Result<(), HostError> {
    let spec = stopped(&core.inventory.lock(), name)?;
    // Until the guest has its files, they are in memory.
    let _loading = set_aside::for_files(core, &spec, progress)?;
    let config = read_config(&spec)?;
    let running = claim(core, &spec)?;
    core.wakeup.change();
    if let Err(error) = set_aside::wait(core, &spec, progress) {
        release(core, running, None);
        return Err(error);
    }
    let writer = || running_console(core, name);
    let result = match writer().and_then(|one| Ok((one, writer()?))) {
        Ok((console, debug)) => Vm::start_on(&config, Arc::clone(&running.memory), console, debug)
            .map_err(|error| start_error(name, error)),
        Err(error) => Err(error),
    };
    match result {
        Ok(vm) => go_on(core, &running, vm),
        Err(error) => {
            release(core, running, None);
            Err(error)
        }
    }
}

fn running_console(core: &Core, name: &str) -> Result<Box<dyn std::io::Write + Send>, HostError> {
    Ok(core.inventory.lock().vm(name)?.console.writer())
}

/// The spec of a VM that is stopped.
fn stopped(inventory: &Inventory, name: &str) -> Result<VmSpec, HostError> {
    let entry = inventory.vm(name)?;
    if entry.power == Power::Stopped {
        return Ok(entry.spec.clone());
    }
    Err(HostError::NotStopped { name: name.to_owned(), what: "it cannot be started twice" })
}

fn read_config(spec: &VmSpec) -> Result<Config, HostError> {
    let read = |what: &'static str, path: &Path| {
        if !sandbox::may_read(path) {
            let what = format!("cannot read the {what} of VM '{}'", spec.name);
            return Err(HostError::Kept { what, path: path.to_owned(), hint: OTHER_FILES });
        }
        boot::read_file(path).map_err(|source| HostError::GuestFile {
            name: spec.name.clone(),
            what,
            path: path.to_owned(),
            source,
        })
    };
    let named = |path: &Path| path.display().to_string();
    let kernel = KernelImage::parse(&named(&spec.kernel), read("kernel", &spec.kernel)?)
        .map_err(|error| HostError::guest(&spec.name, error))?;
    let initrd = spec.initrd.as_deref().map(|path| {
        Initrd::parse(&named(path), read("initrd", path)?)
            .map_err(|error| HostError::guest(&spec.name, error))
    });
    Ok(Config {
        name: spec.name.clone(),
        memory: spec.memory_bytes,
        cpus: spec.cpus,
        mmu: spec.mmu,
        kernel,
        initrd: initrd.transpose()?,
        command_line: spec.append.clone(),
    })
}

/// Admits the VM and gives it memory: from now on it is starting.
fn claim(core: &Core, spec: &VmSpec) -> Result<Arc<Running>, HostError> {
    let _change = core.change()?;
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
        let start = describe(spec, id, inventory.share_group(spec, id));
        let before = core.books(&inventory, free_disk);
        let after = with_vm(&before, &inventory, spec, &start);
        (start, before, after)
    };
    let what = || format!("VM '{}' cannot start", spec.name);
    admit(&before, &after).map_err(|error| refused(what(), error))?;
    let running = Arc::new(make(core, spec, start, what())?);
    let mut inventory = core.inventory.lock();
    let entry = inventory.vm_mut(&spec.name)?;
    entry.power = Power::Starting;
    entry.running = Some(Arc::clone(&running));
    Ok(running)
}

fn describe(spec: &VmSpec, id: VmId, group: ShareGroup) -> Start {
    let overhead = Vm::most_overhead(spec.memory_bytes, spec.cpus);
    Start {
        name: spec.name.clone(),
        id,
        group,
        salt: spec.salt.clone(),
        cpus: spec.cpus,
        swaps_elsewhere: spec.swap_dir.is_some(),
        overhead: PageCount(overhead.0.div_ceil(addr::PAGE_SIZE)),
    }
}

/// The host with one VM more.
fn with_vm(before: &Snapshot, inventory: &Inventory, spec: &VmSpec, start: &Start) -> Snapshot {
    let overhead = Overhead { reserved: start.overhead, used: PageCount(0) };
    let vm = inventory.vm_with(spec, sched::VmId(start.id.0.into()), overhead);
    let mut after = before.clone();
    if start.swaps_elsewhere {
        after.host.swap_space.0 += vm.size.0 - vm.controls.reservation.0;
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
    let reservation = spec.controls()?.reservation;
    let swap = PageCount(size.0 - reservation.0);
    let dir = spec.swap_dir.as_ref().unwrap_or(&core.config.swap);
    if swap.0 > 0 && !sandbox::may_write(dir) {
        return Err(HostError::Kept { what, path: dir.clone(), hint: OTHER_SWAP });
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

/// The guest runs.
fn go_on(core: &Arc<Core>, running: &Arc<Running>, vm: Vm) -> Result<(), HostError> {
    let vm = Arc::new(vm);
    running.vm.set(Arc::clone(&vm)).unwrap_or_else(|_| unreachable!("a VM is put in its place once"));
    if running.is_stopping() {
        vm.stop();
    }
    running.note_overhead(vm.overhead());
    note_started(core, running);
    let (waiting, moved) = (Arc::clone(core), Arc::clone(running));
    let watcher = thread::Builder::new().name(format!("{}-end", running.name));
    let spawned = watcher.spawn(move || wait_for_end(&waiting, moved, vm));
    if let Err(error) = spawned {
        release(core, Arc::clone(running), None);
        return Err(HostError::io(format!("cannot start VM '{}'", running.name), error));
    }
    core.note_running();
    core.wakeup.change();
    Ok(())
}

fn note_started(core: &Core, running: &Running) {
    let memory = &running.memory;
    if let Ok(entry) = core.inventory.lock().vm_mut(&running.name) {
        entry.power = Power::Running;
    }
    core.power_changed.notify_all();
    core.journal.add(What::VmStarted {
        vm: running.name.clone(),
        id: running.id.0.into(),
        memory_bytes: memory.pmap().size().bytes(),
        reservation_bytes: memory.reservation().bytes(),
        overhead_reserved_bytes: running.overhead().reserved.bytes(),
        swap_bytes: memory.stores().swap.total.bytes(),
    });
}

/// What a VM's own thread does: waits for its end, whoever brings it about, and gets to know its guest's agent.
fn wait_for_end(core: &Arc<Core>, running: Arc<Running>, vm: Arc<Vm>) {
    let ended = loop {
        if let Some(ended) = vm.wait(ASKS_AGENT) {
            break ended;
        }
        if vm.agent_is_due() {
            // What it answers is known to the VM from now on.
            let _ = vm.ask_agent();
        }
    };
    drop(vm);
    release(core, running, Some(&ended));
    core.note_running();
}

/// How a VM ended, in a word, and why if it failed.
fn describe_end(ended: &Ended) -> (&'static str, Option<String>) {
    match ended {
        Ended::PoweredOff => ("powered-off", None),
        Ended::RebootRequested => ("reboot-requested", None),
        Ended::GuestFailure => ("guest-failure", None),
        Ended::Stopped => ("stopped", None),
        Ended::Failed(why) => ("failed", Some(why.clone())),
    }
}

/// Gives back what a VM had. It is stopped when that is done.
fn release(core: &Core, running: Arc<Running>, ended: Option<&Ended>) {
    let name = running.name.clone();
    let end = ended.map(describe_end).map(|(how, why)| (how, why.or_else(|| running.why_stopped(how))));
    if let Ok(entry) = core.inventory.lock().vm_mut(&name) {
        entry.power = Power::Stopping;
        entry.running = None;
        entry.ended = end.clone().or(entry.ended.take());
    }
    running.memory.end();
    core.wakeup.change();
    let memory = Arc::downgrade(&running.memory);
    // The memory loop and others look at it for moments. None of them is to be the last to let go, and so
    // to wait for the VM's threads.
    wait_until(|| Arc::strong_count(&running) == 1);
    drop(running);
    wait_until(|| memory.strong_count() == 0);
    if let Ok(entry) = core.inventory.lock().vm_mut(&name) {
        entry.power = Power::Stopped;
    }
    core.power_changed.notify_all();
    if let Some((how, why)) = end {
        core.journal.add(What::VmEnded { vm: name, how, why });
    }
    core.wakeup.change();
}

/// Waits for what others need moments for.
fn wait_until(done: impl Fn() -> bool) {
    let deadline = Instant::now() + PATIENCE;
    while !done() && Instant::now() < deadline {
        thread::sleep(Duration::from_millis(1));
    }
}
