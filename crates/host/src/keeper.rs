//! The host's own files, over time: what the host itself has to keep is written as soon as it can be, and what could not be read is read
//! once it is mended.
//!
//! **Model.** A thread of its own writes what others say is to be kept ([`Keeper::keep`]), from what there is when it writes, and tries again
//! every [`PERIOD`] until it is written. As often it looks at the files that cannot be read. One that has changed since, and does not
//! change any more, is read again: its VM, pools, settings or rules are there from then on.
//!
//! **Concurrency.** Files are written and taken in under the right to change. Who says that something is to be kept waits for no disk.
//!
//! **Failure.** What cannot be written or read is a trouble of that file (`file_troubles`), and an alarm.

use crate::core::{Core, snapshot};
use crate::error::HostError;
use crate::inventory::Inventory;
use crate::memory_loop::tell_panics;
use crate::power::refused;
use crate::spec::only_named;
use crate::state_dir::{Found, FoundVm, StateDir, reason};
use addr::PageCount;
use files::sync_directory;
use machine::Pool;
use model::{FileState, Power, What};
use parking_lot::{Condvar, Mutex};
use sandbox::Kind;
use sched::admission::admit;
use std::collections::{BTreeMap, BTreeSet};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};

/// How often it is tried again.
const PERIOD: Duration = Duration::from_secs(2);
/// A file that nobody changes is tried so often: its disk may work again.
const SELDOM: Duration = Duration::from_secs(30);

/// What the host has to keep though nobody asks for it.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub(crate) enum Own {
    /// The alarms there are.
    Alarms,
}

/// What is to be kept, and the end.
#[derive(Default)]
pub(crate) struct Keeper {
    wanted: Mutex<Wanted>,
    rung: Condvar,
}

#[derive(Default)]
struct Wanted {
    own: BTreeSet<Own>,
    stop: bool,
}

impl Keeper {
    /// Has something written.
    pub(crate) fn keep(&self, own: Own) {
        self.wanted.lock().own.insert(own);
        self.rung.notify_all();
    }

    /// The thread is to end.
    pub(crate) fn stop(&self) {
        self.wanted.lock().stop = true;
        self.rung.notify_all();
    }

    /// What is to be written by now, or nothing after a while; `None` at the end.
    fn wait(&self) -> Option<BTreeSet<Own>> {
        let until = Instant::now() + PERIOD;
        let mut wanted = self.wanted.lock();
        while !wanted.stop && wanted.own.is_empty() {
            if self.rung.wait_until(&mut wanted, until).timed_out() {
                break;
            }
        }
        if wanted.stop { None } else { Some(std::mem::take(&mut wanted.own)) }
    }
}

/// What the thread does, until the host shuts down.
pub(crate) fn run(core: &Arc<Core>) {
    sandbox::keep_to(Kind::Service);
    let mut looks = Looks::default();
    while let Some(own) = core.keeper.wait() {
        tell_panics(core, "in keeping files", || {
            for &own in &own {
                write(core, own);
            }
            if own.is_empty() {
                try_again(core);
                looks.look(core);
                keep_swap_dir(core);
            }
        });
    }
}

/// Writes what is still to be written, before the host leaves its directory.
pub(crate) fn write_all(core: &Core) {
    let own = std::mem::take(&mut core.keeper.wanted.lock().own);
    for own in own {
        write(core, own);
    }
    try_again(core);
}

/// Writes something as it is now. Once the host shuts down, what there was stays written.
pub(crate) fn write(core: &Core, own: Own) {
    let Ok(state) = core.change() else { return };
    let written = match own {
        Own::Alarms => {
            let alarms = core.alarms.lock().alarms.clone();
            state.write_alarms(&alarms)
        }
    };
    // Of one that cannot be read it was told.
    if let Err(HostError::NotKept { file, source }) = written {
        core.files.note(&file, FileState::Unwritten, &source.to_string());
    }
}

/// Writes what could not be written.
fn try_again(core: &Core) {
    for file in core.files.files(FileState::Unwritten) {
        let Ok(state) = core.change() else { return };
        let own = [(state.alarms_file(), Own::Alarms)];
        match own.iter().find(|(path, _)| *path == file) {
            Some(&(_, own)) => {
                drop(state);
                write(core, own);
            }
            // It is written, and the disk has not said so.
            None if state.writes(&file) => state.confirm(&file, sync_directory(&file)),
            // Whoever it belongs to tries.
            None => {}
        }
    }
}

/// Makes the directory of swap files again if it is gone. A disk that does not answer is not waited for.
pub(crate) fn keep_swap_dir(core: &Core) {
    let dir = &core.config.swap;
    if core.disks.is_gone(dir) {
        match std::fs::create_dir_all(dir) {
            Ok(()) => core.files.over(dir),
            Err(error) => core.files.note(dir, FileState::Unwritten, &format!("it cannot be made: {error}")),
        }
    } else {
        core.files.over(dir);
    }
}

/// What a file was when it was looked at.
#[derive(Clone, Copy, PartialEq, Eq)]
struct Stamp {
    inode: u64,
    size: u64,
    changed: (i64, i64),
}

/// What is known of files that cannot be read.
#[derive(Default)]
struct Looks(BTreeMap<PathBuf, Look>);

struct Look {
    /// As it was at the last look; `None` if it was not there.
    seen: Option<Stamp>,
    /// As it was when this read it last, and when that was. At first it may have changed since the host read it.
    read: Option<Stamp>,
    at: Instant,
}

impl Looks {
    /// Reads again what has changed, and does not change any more.
    fn look(&mut self, core: &Core) {
        let files = core.files.files(FileState::Unreadable);
        self.0.retain(|file, _| files.contains(file));
        for file in files {
            let now = stamp(&file);
            let look =
                self.0.entry(file.clone()).or_insert(Look { seen: now, read: None, at: Instant::now() });
            let settled = std::mem::replace(&mut look.seen, now) == now;
            if settled && (look.read != now || look.at.elapsed() >= SELDOM) {
                (look.read, look.at) = (now, Instant::now());
                read_again(core, &file, now.is_none());
            }
        }
    }
}

fn stamp(path: &Path) -> Option<Stamp> {
    let of = std::fs::metadata(path).ok()?;
    Some(Stamp { inode: of.ino(), size: of.len(), changed: (of.ctime(), of.ctime_nsec()) })
}

/// Takes in a file that could not be read, if it can be now.
fn read_again(core: &Core, file: &Path, gone: bool) {
    let Ok(state) = core.change() else { return };
    let vm = file.file_stem().and_then(|name| name.to_str()).filter(|name| state.vm_file(name) == file);
    let taken = match vm {
        Some(name) if core.inventory.lock().vms.contains_key(name) => read_vm(core, &state, name),
        _ if file == state.settings_file() => state.read_settings().and_then(|settings| {
            adopt(core, "the settings are invalid", |inventory| inventory.settings = settings)
        }),
        _ if file == state.pools_file() => state.read_pools().and_then(|pools| {
            adopt(core, "the resource pools are invalid", |inventory| {
                for pool in pools {
                    inventory.add_pool(pool);
                }
            })
        }),
        _ if file == state.alarm_rules_file() => {
            state.read_alarm_rules().map(|rules| core.alarms.lock().rules = rules)
        }
        // What was moved aside is done with once it is not there.
        _ if gone && file.starts_with(state.path()) => Ok(()),
        _ => return,
    };
    match taken {
        Ok(()) => {
            core.files.over(file);
            if file == state.pools_file() {
                read_vms_of_pools(core, &state);
            }
        }
        Err(error) => core.files.note(file, FileState::Unreadable, &reason(error)),
    }
}

/// VMs whose pools were not known have them now.
fn read_vms_of_pools(core: &Core, state: &StateDir) {
    let unreadable: Vec<String> = {
        let inventory = core.inventory.lock();
        let waiting = inventory.vms.values().filter(|vm| vm.unreadable.is_some() && vm.spec.pool.is_some());
        waiting.map(|vm| vm.spec.name.clone()).collect()
    };
    for name in unreadable {
        match read_vm(core, state, &name) {
            Ok(()) => core.files.over(&state.vm_file(&name)),
            Err(error) => core.files.note(&state.vm_file(&name), FileState::Unreadable, &reason(error)),
        }
    }
}

/// Takes in a VM whose file could not be read. One whose file is gone is removed.
fn read_vm(core: &Core, state: &StateDir, name: &str) -> Result<(), HostError> {
    let spec = state.read_vm(name);
    let mut inventory = core.inventory.lock();
    let spec = spec.and_then(|spec| {
        let pool = spec.as_ref().and_then(|spec| spec.pool.as_ref());
        inventory
            .check_pool(pool)
            .map_err(|error| HostError::bad_file(&state.vm_file(name), format!("pool: {error}")))?;
        Ok(spec)
    });
    match spec {
        Ok(Some(spec)) => {
            let entry = inventory.vm_mut(name)?;
            (entry.spec, entry.power, entry.unreadable) = (spec, Power::Stopped, None);
        }
        Ok(None) => {
            inventory.vms.remove(name);
            core.journal.add(What::VmRemoved { vm: name.to_owned() });
        }
        Err(error) => {
            let why = reason(error);
            inventory.vm_mut(name)?.unreadable = Some(why.clone());
            return Err(HostError::bad_file(&state.vm_file(name), why));
        }
    }
    Ok(())
}

/// Changes what is asked of the host, if what runs goes with it.
fn adopt(core: &Core, what: &str, edit: impl FnOnce(&mut Inventory)) -> Result<(), HostError> {
    let free_disk = core.free_disk_seen();
    let mut inventory = core.inventory.lock();
    let undo = (inventory.pools.clone(), inventory.settings.clone());
    let before = core.books(&inventory, free_disk);
    edit(&mut inventory);
    if let Err(error) = admit(&before, &core.books(&inventory, free_disk)) {
        (inventory.pools, inventory.settings) = undo;
        return Err(refused(what.to_owned(), error));
    }
    drop(inventory);
    core.wakeup.change();
    Ok(())
}

/// The inventory of what was found, and what of it cannot be: files, and why.
pub(crate) fn take_in(state: &StateDir, pool: &Pool, found: Found) -> (Inventory, Vec<(PathBuf, String)>) {
    let Found { settings, pools, vms, mut unreadable, .. } = found;
    let mut inventory = Inventory::default();
    inventory.settings = settings;
    for pool in pools {
        inventory.add_pool(pool);
    }
    if let Err(error) = sched::plan(&snapshot(&inventory, pool, PageCount(0), PageCount(0))) {
        unreadable.push((state.pools_file(), error.to_string()));
        inventory.pools.clear();
    }
    for FoundVm { name, spec } in vms {
        let known = spec.clone().unwrap_or_else(|_| only_named(&name));
        let spec = spec.and_then(|spec| match inventory.check_pool(spec.pool.as_ref()) {
            Ok(()) => Ok(spec),
            Err(error) => Err(format!("pool: {error}")),
        });
        match spec {
            Ok(spec) => inventory.add_vm(spec),
            Err(why) => {
                unreadable.push((state.vm_file(&name), why.clone()));
                inventory.add_unreadable(known, why);
            }
        }
    }
    (inventory, unreadable)
}
