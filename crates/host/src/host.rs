//! The host: what others ask of it; of VMs' power in [`power`].

mod power;

use crate::console::Console;
use crate::core::{Core, check_size, make_pool};
use crate::error::HostError;
use crate::file_troubles::FileTroubles;
use crate::progress::Progress;
use crate::revision::Expected;
use crate::running::Running;
use crate::state_dir::StateDir;
use crate::stopping::Stop;
use crate::visits::{Lease, Visit};
use crate::what_if;
use crate::{alarms, audit, autostart, catalog, keeper, memory_loop, sharing, stopping, unswap, wanted};
use addr::{ByteSize, PageCount};
use model::{
    Edit, Explained, FileState, HostStatus, Pool, PoolChange, PoolSpec, VmChange, VmInfo, VmSpec, What,
    WhatIf,
};
use parking_lot::Mutex;
use sched::PoolId;
use sched::admission::{Account, accounts};
use sched::settings::{Setting, TABLE};
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::thread::{self, JoinHandle};

/// What a host is made of.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct HostConfig {
    /// Where what is to survive is kept. Made if it is not there.
    pub state: PathBuf,
    /// All machine memory there is for guests and what they cost.
    pub machine_memory: ByteSize,
    /// Where swap files go unless a VM says otherwise. Made if it is not there.
    pub swap: PathBuf,
}

/// A host of VMs. Clones are the same host, which shuts down when the last one goes.
#[derive(Clone)]
pub struct Host(Arc<Handle>);

struct Handle {
    core: Arc<Core>,
    threads: Mutex<Vec<JoinHandle<()>>>,
}

impl Host {
    /// Opens the host on its state directory: its VMs are there, stopped.
    ///
    /// # Errors
    /// [`HostError::Locked`] if another host has the directory, [`HostError::Io`] if it is none, or the machine does not give the
    /// memory. A file in it that makes no sense is a trouble, and keeps nothing but what is in it from being there.
    pub fn open(config: &HostConfig) -> Result<Self, HostError> {
        let actions = actions::Worker::start(Vec::new(), Vec::new());
        Self::open_with(config, actions.map_err(|error| HostError::io("cannot start a thread", error))?)
    }

    /// The same, with somebody who carries out the actions of alarm rules.
    ///
    /// # Errors
    /// The same.
    pub fn open_with(config: &HostConfig, actions: actions::Worker) -> Result<Self, HostError> {
        let swap_dir = std::fs::create_dir_all(&config.swap);
        let files = Arc::new(FileTroubles::new(Arc::default()));
        let state = StateDir::open(&config.state, Arc::clone(&files))?;
        let mut found = state.read()?;
        let (wanted, trouble) = state.wanted_files().read()?;
        let pool = make_pool(config.machine_memory)?;
        let (known, alarms) = (found.vms.len(), std::mem::take(&mut found.alarms));
        let (mut inventory, unreadable) = keeper::take_in(&state, &pool, found);
        let wanted: Vec<String> = wanted.into_iter().filter(|name| inventory.want(name)).collect();
        let core = Core::new(config.clone(), pool, state, inventory, wanted, (alarms, actions))
            .map_err(|error| HostError::bad_file(&config.state.join("pools.toml"), error))?;
        core.journal.add(What::HostOpened { machine_memory_bytes: config.machine_memory, vms: known });
        if let Some(error) = trouble {
            core.journal.add(What::Trouble { why: error.to_string() });
        }
        if let Err(error) = swap_dir {
            files.note(&config.swap, FileState::Unwritten, &format!("it cannot be made: {error}"));
        }
        for (file, why) in unreadable {
            files.note(&file, FileState::Unreadable, &why);
        }
        let host = Self(Arc::new(Handle { core: Arc::new(core), threads: Mutex::default() }));
        host.spawn("memtide-memory", memory_loop::run)?;
        let taker = memory_loop::start_taker(host.core());
        taker.map_err(|error| HostError::io("cannot start a thread", error))?;
        host.spawn("memtide-alarms", alarms::run)?;
        host.spawn("memtide-keeper", keeper::run)?;
        host.spawn("memtide-sharing", |core| sharing::run(core))?;
        host.spawn("memtide-wanted", |core| wanted::run(core))?;
        host.spawn("memtide-autostart", autostart::run)?;
        Ok(host)
    }

    /// Tells that something of what protects the host is not there, and what to do.
    pub fn note_exposed(&self, why: String) {
        self.core().journal.add(What::HostExposed { why });
    }

    /// Says that the process is the host's alone: what it takes by Linux's count, and no VM accounts for, is
    /// the host's own overhead from now on. Otherwise that is an allowance.
    ///
    /// # Errors
    /// [`HostError::TooLittle`] if that would leave little for VMs.
    pub fn is_whole_process(&self) -> Result<(), HostError> {
        let core = self.core();
        check_size(core.pool.size(), true)?;
        core.is_whole_process.store(true, Ordering::Relaxed);
        machine::heap::keep_little();
        core.note_own_overhead(PageCount(0), PageCount(0));
        Ok(())
    }

    pub(crate) fn core(&self) -> &Arc<Core> {
        &self.0.core
    }

    fn spawn(&self, name: &str, run: impl FnOnce(&Arc<Core>) + Send + 'static) -> Result<(), HostError> {
        let core = Arc::clone(self.core());
        let thread = thread::Builder::new().name(name.to_owned()).spawn(move || run(&core));
        self.0.threads.lock().push(thread.map_err(|error| HostError::io("cannot start a thread", error))?);
        Ok(())
    }

    /// Creates a VM, stopped.
    ///
    /// # Errors
    /// A spec that cannot be, a name that there is, a pool that there is not.
    pub fn create(&self, spec: VmSpec) -> Result<VmInfo, HostError> {
        let name = spec.name.clone();
        catalog::create_vm(self.core(), spec)?;
        self.info(&name)
    }

    /// Removes a VM, which must be stopped.
    ///
    /// # Errors
    /// [`HostError::NoVm`], [`HostError::NotStopped`].
    pub fn remove(&self, name: &str) -> Result<(), HostError> {
        catalog::remove_vm(self.core(), name)
    }

    /// All VMs, by name.
    pub fn list(&self) -> Vec<VmInfo> {
        let names: Vec<String> = self.core().inventory.lock().vms.keys().cloned().collect();
        // One that is removed meanwhile is left out.
        names.iter().filter_map(|name| self.info(name).ok()).collect()
    }

    /// How many VMs there are.
    pub fn vm_count(&self) -> usize {
        self.core().inventory.lock().vms.len()
    }

    /// One VM.
    ///
    /// # Errors
    /// [`HostError::NoVm`].
    pub fn info(&self, name: &str) -> Result<VmInfo, HostError> {
        let inventory = self.core().inventory.lock();
        let entry = inventory.vm(name)?;
        let running = entry.running.as_ref().filter(|_| entry.power.is_on());
        let vm = running.and_then(|running| running.vm.get());
        Ok(VmInfo {
            spec: entry.spec.clone(),
            power: entry.power,
            id: entry.running.as_ref().map(|running| running.id.0.into()),
            uptime_seconds: running.map(|running| running.since.elapsed().as_secs_f64()),
            ended: entry.ended.as_ref().map(|ended| ended.how),
            reason: entry
                .unreadable
                .clone()
                .or_else(|| entry.ended.as_ref().and_then(|ended| ended.why.clone())),
            wanted_on: entry.wanted.on,
            unwritten: entry.wanted.unwritten.clone(),
            agent_answers: vm.and_then(|vm| vm.agent_answers()),
            trouble: running.and_then(|running| running.trouble()),
            swap_failure: running.and_then(|running| running.swap_failure()),
        })
    }

    /// Changes a VM, running or not.
    ///
    /// # Errors
    /// What cannot be; what cannot change while it runs; a refusal with figures.
    pub fn set(&self, name: &str, change: &VmChange) -> Result<VmInfo, HostError> {
        self.set_if(name, change, &Expected::Anything)
    }

    /// The same, if it is as expected.
    ///
    /// # Errors
    /// The same; [`HostError::Changed`].
    pub fn set_if(&self, name: &str, change: &VmChange, expected: &Expected) -> Result<VmInfo, HostError> {
        catalog::change_vm(self.core(), name, change, expected)?;
        self.core().wait_for_plan();
        self.info(name)
    }

    /// Creates a resource pool.
    ///
    /// # Errors
    /// A spec that cannot be, a name that there is, a parent that there is not; a refusal with figures.
    pub fn create_pool(&self, spec: PoolSpec) -> Result<Pool, HostError> {
        let name = spec.name.clone();
        catalog::create_pool(self.core(), spec)?;
        self.core().wait_for_plan();
        self.pool(&name)
    }

    /// Changes a resource pool.
    ///
    /// # Errors
    /// What cannot be; a refusal with figures.
    pub fn set_pool(&self, name: &str, change: &PoolChange) -> Result<Pool, HostError> {
        self.set_pool_if(name, change, &Expected::Anything)
    }

    /// The same, if it is as expected.
    ///
    /// # Errors
    /// The same; [`HostError::Changed`].
    pub fn set_pool_if(
        &self,
        name: &str,
        change: &PoolChange,
        expected: &Expected,
    ) -> Result<Pool, HostError> {
        catalog::change_pool(self.core(), name, change, expected)?;
        self.core().wait_for_plan();
        self.pool(name)
    }

    /// Removes a resource pool that nothing lies in.
    ///
    /// # Errors
    /// [`HostError::NoPool`], [`HostError::PoolInUse`].
    pub fn remove_pool(&self, name: &str) -> Result<(), HostError> {
        catalog::remove_pool(self.core(), name)
    }

    /// All resource pools, by name.
    pub fn pools(&self) -> Vec<Pool> {
        let free_disk = self.core().free_disk_seen();
        let inventory = self.core().inventory.lock();
        let accounts = accounts(&self.core().books(&inventory, free_disk)).unwrap_or_default();
        let accounts = by_pool(&accounts);
        let info = |pool: &crate::inventory::Pool| {
            let account = accounts.get(&pool.id)?;
            Some(Pool {
                spec: pool.spec.clone(),
                reservation_used_bytes: account.used.bytes(),
                unreserved_bytes: account.unreserved.bytes(),
            })
        };
        inventory.pools.values().filter_map(info).collect()
    }

    /// One resource pool.
    ///
    /// # Errors
    /// [`HostError::NoPool`].
    pub fn pool(&self, name: &str) -> Result<Pool, HostError> {
        let found = self.pools().into_iter().find(|pool| pool.spec.name == name);
        found.ok_or_else(|| HostError::NoPool(name.to_owned()))
    }

    /// All advanced settings, by name.
    pub fn settings(&self) -> Vec<model::Setting> {
        let settings = self.core().inventory.lock().settings.clone();
        TABLE.iter().map(|setting| model::Setting::new(setting, &settings)).collect()
    }

    /// One advanced setting, its name in any case.
    ///
    /// # Errors
    /// [`HostError::Setting`].
    pub fn setting(&self, name: &str) -> Result<model::Setting, HostError> {
        Ok(model::Setting::new(Setting::find(name)?, &self.core().inventory.lock().settings))
    }

    /// Changes an advanced setting.
    ///
    /// # Errors
    /// [`HostError::Setting`] if there is none or it does not take the value; a refusal with figures if
    /// reservations would not fit any more.
    pub fn set_setting(&self, name: &str, value: u64) -> Result<model::Setting, HostError> {
        self.set_settings(&BTreeMap::from([(name.to_owned(), Some(value))]), &Expected::Anything)?;
        self.setting(name)
    }

    /// Changes advanced settings, all or none, if they are as expected; `None` is a setting's default. Gives all.
    ///
    /// # Errors
    /// As [`Host::set_setting`]; [`HostError::Changed`].
    pub fn set_settings(
        &self,
        values: &BTreeMap<String, Option<u64>>,
        expected: &Expected,
    ) -> Result<Vec<model::Setting>, HostError> {
        catalog::set_settings(self.core(), values, expected)?;
        self.core().wait_for_plan();
        Ok(self.settings())
    }

    /// What a VM's guest has said.
    ///
    /// # Errors
    /// [`HostError::NoVm`].
    pub fn console(&self, name: &str) -> Result<Arc<Console>, HostError> {
        Ok(Arc::clone(&self.core().inventory.lock().vm(name)?.console))
    }

    /// Types to a running VM's guest; says how many bytes were taken: fewer than all only while much waits
    /// for a guest that does not read.
    ///
    /// # Errors
    /// [`HostError::NoVm`], [`HostError::NotRunning`].
    pub fn type_in(&self, name: &str, bytes: &[u8]) -> Result<usize, HostError> {
        let visit = self.visit(name)?;
        if visit.vm.get().is_some_and(|vm| vm.is_paused()) {
            return Err(HostError::Paused(name.to_owned()));
        }
        Ok(visit.vm.get().map_or(0, |vm| vm.type_in(bytes)))
    }

    /// Notes what is the matter with a file that is somebody else's and the host's to tell of, or that nothing is.
    pub fn note_file(&self, path: &Path, trouble: Option<(FileState, String)>) {
        match trouble {
            Some((state, why)) => self.core().files.note(path, state, &why),
            None => self.core().files.over(path),
        }
    }

    /// Memory as measured last, about a second ago at most.
    pub fn status(&self) -> Arc<HostStatus> {
        Arc::clone(&self.core().measured().status)
    }

    /// What running VMs' processors, translation and devices counted, by name: of this second, or of one before where more
    /// than 32 run. Takes no VM's lock.
    pub fn counted(&self) -> BTreeMap<String, Arc<vm::Statistics>> {
        self.core().measured().counted.clone()
    }

    /// Why a running VM holds what it holds, and what would change it.
    ///
    /// # Errors
    /// [`HostError::NoVm`], [`HostError::NotRunning`].
    pub fn explain(&self, name: &str) -> Result<Explained, HostError> {
        let (id, measured) = self.core().measured_with(name)?;
        // Planned anew, so that it goes with what is held now; the plan in force may be of moments before.
        let plan = sched::plan(&measured.snapshot).unwrap_or_else(|_| measured.plan.clone());
        sched::explain(&measured.snapshot, &plan, id)
            .map(Explained::from)
            .map_err(|_| HostError::NotRunning(name.to_owned()))
    }

    /// What would be different after `edit`. Touches nothing.
    ///
    /// # Errors
    /// An edit that makes no sense.
    pub fn what_if(&self, edit: &Edit) -> Result<WhatIf, HostError> {
        what_if::what_if(self.core(), edit)
    }

    /// Brings back what is compressed and swapped of a running VM, as far as memory is free; gives how much.
    ///
    /// # Errors
    /// [`HostError::NoVm`], [`HostError::NotRunning`]; [`HostError::Guest`] if a page cannot be brought back.
    pub fn unswap(&self, name: &str) -> Result<ByteSize, HostError> {
        self.unswap_with(name, &Progress::default())
    }

    /// The same, but can be watched and cancelled; what is back by then stays.
    ///
    /// # Errors
    /// The same; [`HostError::Cancelled`].
    pub fn unswap_with(&self, name: &str, progress: &Progress) -> Result<ByteSize, HostError> {
        unswap::unswap(self.core(), name, progress)
    }

    /// Checks every invariant, while VMs run.
    ///
    /// # Errors
    /// [`HostError::Broken`] with the first violation found.
    pub fn audit(&self) -> Result<(), HostError> {
        self.audit_with(&Progress::default())
    }

    /// The same, but can be watched and cancelled.
    ///
    /// # Errors
    /// The same; [`HostError::Cancelled`].
    pub fn audit_with(&self, progress: &Progress) -> Result<(), HostError> {
        audit::audit(self.core(), progress)
    }

    /// The running VM itself. Its end waits until the lease is dropped.
    pub fn vm(&self, name: &str) -> Option<Lease> {
        self.visit(name).ok()?.lease()
    }

    /// The VM called `name`, if its guest runs.
    fn visit(&self, name: &str) -> Result<Visit, HostError> {
        let inventory = self.core().inventory.lock();
        let running = inventory.vm(name)?.running.as_ref().filter(|running| running.vm.get().is_some());
        running.and_then(Running::visit).ok_or_else(|| HostError::NotRunning(name.to_owned()))
    }

    /// Powers off all VMs, stops the host's threads, and leaves the state directory. What is asked to change
    /// afterwards is refused. Which VMs are wanted on stays written down.
    pub fn shutdown(&self) {
        self.shutdown_with(Stop::Now, &Progress::default());
    }

    /// The same, but stops the VMs as `how` says, all at the same time. Cancelled, it powers off those that still run.
    pub fn shutdown_with(&self, how: Stop, progress: &Progress) {
        self.0.shutdown(how, progress);
    }
}

impl Handle {
    fn shutdown(&self, how: Stop, progress: &Progress) {
        let core = &self.core;
        if core.change().is_err() {
            return;
        }
        core.journal.add(What::HostShutsDown);
        keeper::write_all(core);
        core.close();
        core.note_power();
        core.keeper.stop();
        stopping::stop_all(core, how, progress);
        core.leave();
        core.wakeup.stop();
        core.note_power();
        core.taker.stop();
        for thread in self.threads.lock().drain(..) {
            // A panic in it was told as an event.
            let _ = thread.join();
        }
    }
}

impl Drop for Handle {
    fn drop(&mut self) {
        self.shutdown(Stop::Now, &Progress::default());
    }
}

/// Accounts by their resource pools.
pub(crate) fn by_pool(accounts: &[Account]) -> BTreeMap<PoolId, &Account> {
    accounts.iter().filter_map(|account| Some((account.pool?, account))).collect()
}
