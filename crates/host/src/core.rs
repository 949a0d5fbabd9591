//! What the host's threads share.

use crate::alarms::Book;
use crate::autostart::Tell;
use crate::catalog::running_id;
use crate::clock::Clock;
use crate::disks::{Disks, free_disk};
use crate::error::HostError;
use crate::file_troubles::FileTroubles;
use crate::guest_files::Readers;
use crate::host::HostConfig;
use crate::inventory::Inventory;
use crate::journal::Journal;
use crate::keeper::Keeper;
use crate::measured::Measured;
use crate::memory_loop::Taker;
use crate::state_dir::StateDir;
use crate::wakeup::Wakeup;
use addr::{ByteSize, PageCount, VmId};
use machine::{Charge, Pool};
use model::What;
use parking_lot::{Condvar, MappedMutexGuard, Mutex, MutexGuard};
use sched::{HostState, InvalidSnapshot, Snapshot};
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

/// What the host itself takes beside its tables where it is part of a larger process: an allowance.
const PART: ByteSize = ByteSize::mib(4);
/// The same for a process that is all the host's: the program's own pages that are in use, its threads' stacks, its heap, and what
/// [`MOST_SERVED`] allows.
const WHOLE: ByteSize = ByteSize::mib(16 + (MOST_SERVED.0 >> 20));

/// What is set aside beyond what the host was measured to take, for what it takes before it is measured again.
const STEP: ByteSize = ByteSize::mib(2);

/// The most that whoever serves the host may hold for those who ask: connections, requests, answers and what is queued for them. It is
/// counted as the host's own overhead from the start, so that it is never taken from VMs.
pub const MOST_SERVED: ByteSize = ByteSize::mib(8);

/// An answer to a change waits so long at most for the plan that is made of it.
const PLANNED_WITHIN: Duration = Duration::from_secs(1);
/// A VM that runs is measured within this, even on a busy machine.
const MEASURED_WITHIN: Duration = Duration::from_secs(5);

/// What the host's threads share. Locks are taken from the top down.
pub(crate) struct Core {
    pub(crate) config: HostConfig,
    pub(crate) pool: Pool,
    /// Held over every change, so that there is one at a time; gone when the host shuts down.
    changes: Mutex<Option<StateDir>>,
    pub(crate) inventory: Mutex<Inventory>,
    /// A VM's power changed; with `inventory`.
    pub(crate) power_changed: Condvar,
    /// What the memory loop measured and planned last.
    measured: Mutex<Arc<Measured>>,
    /// There is a new measurement.
    measured_anew: Condvar,
    /// Alarms and their rules.
    pub(crate) alarms: Mutex<Book>,
    pub(crate) actions: actions::Worker,
    pub(crate) journal: Arc<Journal>,
    pub(crate) clock: Clock,
    pub(crate) wakeup: Arc<Wakeup>,
    pub(crate) taker: Taker,
    pub(crate) disks: Disks,
    pub(crate) readers: Readers,
    pub(crate) files: Arc<FileTroubles>,
    pub(crate) keeper: Keeper,
    /// Whether all that the process takes is the host's and its VMs'.
    pub(crate) is_whole_process: AtomicBool,
    /// What the host itself takes beside the pool.
    own: Charge,
    /// Pages that guests' files take while guests are loaded.
    loading: AtomicU64,
    /// The host shuts down.
    closing: AtomicBool,
    /// The files that say which VMs are wanted on.
    pub(crate) wanted: crate::wanted::Files,
    /// Whom to tell of VMs that are started with the host, once they are to be.
    pub(crate) autostart: Mutex<Option<Arc<Tell>>>,
    /// VMs that were wanted on when the host opened.
    pub(crate) wanted_before: Vec<String>,
}

impl Core {
    /// # Errors
    /// If resource pools do not form a tree.
    pub(crate) fn new(
        config: HostConfig,
        pool: Pool,
        state: StateDir,
        inventory: Inventory,
        wanted_before: Vec<String>,
        (alarms, actions): (Book, actions::Worker),
    ) -> Result<Self, InvalidSnapshot> {
        let swap_space = swap_space(&inventory, free_disk(&config.swap));
        let own = pool.charge(own_overhead(pool.size(), false));
        let snapshot = snapshot(&inventory, &pool, own.count(), swap_space);
        let measured =
            Measured::nothing(snapshot, &pool.usage(), state.troubles().journal().clock().milliseconds())?;
        let files = Arc::clone(state.troubles());
        Ok(Self {
            own,
            loading: AtomicU64::new(0),
            config,
            closing: AtomicBool::new(false),
            wanted: Mutex::new(Some(state.wanted_files())),
            pool,
            clock: files.journal().clock().clone(),
            journal: Arc::clone(files.journal()),
            files,
            keeper: Keeper::default(),
            changes: Mutex::new(Some(state)),
            inventory: Mutex::new(inventory),
            power_changed: Condvar::new(),
            measured: Mutex::new(Arc::new(measured)),
            measured_anew: Condvar::new(),
            alarms: Mutex::new(alarms),
            actions,
            wakeup: Arc::default(),
            taker: Taker::default(),
            disks: Disks::default(),
            readers: Readers::default(),
            is_whole_process: AtomicBool::new(false),
            autostart: Mutex::new(None),
            wanted_before,
        })
    }

    /// The right to change something, and where to write it down.
    ///
    /// # Errors
    /// [`HostError::ShuttingDown`].
    pub(crate) fn change(&self) -> Result<MappedMutexGuard<'_, StateDir>, HostError> {
        MutexGuard::try_map(self.changes.lock(), Option::as_mut).map_err(|_| HostError::ShuttingDown)
    }

    /// Nothing can be changed any more but which VMs are wanted on.
    pub(crate) fn close(&self) {
        self.closing.store(true, Ordering::SeqCst);
        *self.changes.lock() = None;
    }

    /// Whether the host shuts down. No VM has been stopped for that before this is so. Waits for nobody who changes something.
    pub(crate) fn is_closed(&self) -> bool {
        self.closing.load(Ordering::SeqCst)
    }

    /// Tells whoever waits for it that a VM's power changed.
    pub(crate) fn note_power(&self) {
        // Locked, so that nobody who has just looked misses it.
        drop(self.inventory.lock());
        self.power_changed.notify_all();
    }

    /// Makes a change of the inventory and tells of it: whoever is told finds it made, and changes are told in the order
    /// in which they were made.
    pub(crate) fn commit<T>(
        &self,
        change: impl FnOnce(&mut Inventory) -> T,
        events: impl IntoIterator<Item = What>,
    ) -> T {
        let mut inventory = self.inventory.lock();
        let outcome = change(&mut inventory);
        events.into_iter().for_each(|what| self.journal.add(what));
        outcome
    }

    pub(crate) fn measured(&self) -> Arc<Measured> {
        Arc::clone(&self.measured.lock())
    }

    /// The same with the running VM `name`, which is waited for if it has just started.
    ///
    /// # Errors
    /// [`HostError::NoVm`], [`HostError::NotRunning`].
    pub(crate) fn measured_with(&self, name: &str) -> Result<(VmId, Arc<Measured>), HostError> {
        let deadline = Instant::now() + MEASURED_WITHIN;
        let id = running_id(&self.inventory.lock(), name)?;
        let mut measured = self.measured.lock();
        while measured.snapshot.vm(id).is_none() {
            if self.measured_anew.wait_until(&mut measured, deadline).timed_out() {
                return Err(HostError::NotRunning(name.to_owned()));
            }
        }
        Ok((id, Arc::clone(&measured)))
    }

    pub(crate) fn set_measured(&self, measured: Measured) {
        let measured = Arc::new(measured);
        // The one before may be the last of its kind, and large: it goes without the lock.
        let _before = std::mem::replace(&mut *self.measured.lock(), measured);
        self.measured_anew.notify_all();
    }

    /// What was measured at another time than `at_milliseconds`; `None` if nothing is within `timeout`.
    pub(crate) fn measured_after(&self, at_milliseconds: u64, timeout: Duration) -> Option<Arc<Measured>> {
        let deadline = Instant::now() + timeout;
        let mut measured = self.measured.lock();
        while measured.status.at_milliseconds == at_milliseconds {
            if self.measured_anew.wait_until(&mut measured, deadline).timed_out() {
                return None;
            }
        }
        Some(Arc::clone(&measured))
    }

    /// The host as it is, with nothing measured of its VMs: enough for admission. `free_disk` was asked
    /// for before the inventory was locked.
    pub(crate) fn books(&self, inventory: &Inventory, free_disk: PageCount) -> Snapshot {
        snapshot(inventory, &self.pool, self.own_overhead(), swap_space(inventory, free_disk))
    }

    /// What the host itself takes of machine memory beside the pool: the one figure that admission, plans, what-if and status go by.
    pub(crate) fn own_overhead(&self) -> PageCount {
        self.own.count()
    }

    /// The host itself takes `own`, and may not use `withheld` of its machine memory. That is charged with a step for what it grows by, or
    /// what is allowed for it if that is more.
    pub(crate) fn note_own_overhead(&self, own: PageCount, withheld: PageCount) {
        let least = own_overhead(self.pool.size(), self.is_whole_process.load(Ordering::Relaxed));
        self.own.set(PageCount((own.0 + STEP.pages().0).max(least.0) + withheld.0));
    }

    /// Gives Linux what the heap does not need, where it is the host's.
    pub(crate) fn give_back_heap(&self) {
        if self.is_whole_process.load(Ordering::Relaxed) {
            machine::heap::give_back();
        }
    }

    /// What the files of guests that are being loaded are charged.
    pub(crate) fn loading(&self) -> PageCount {
        PageCount(self.loading.load(Ordering::Relaxed))
    }

    /// Charges what a guest's files take, which are about to be read.
    ///
    /// # Errors
    /// How much is guaranteed to nobody, if that is less.
    pub(crate) fn charge_loading(&self, size: ByteSize) -> Result<Loading<'_>, PageCount> {
        let charge = self.pool.try_charge(size.pages_up())?;
        self.loading.fetch_add(charge.count().0, Ordering::Relaxed);
        Ok(Loading { core: self, charge })
    }

    /// Waits until what was changed so far has been planned with, for [`PLANNED_WITHIN`] at most: whoever asks
    /// afterwards sees it.
    pub(crate) fn wait_for_plan(&self) {
        let (changes, deadline) = (self.wakeup.changes(), Instant::now() + PLANNED_WITHIN);
        let mut measured = self.measured.lock();
        while measured.changes < changes && !self.wakeup.is_stopping() {
            if self.measured_anew.wait_until(&mut measured, deadline).timed_out() {
                return;
            }
        }
    }

    /// Disk space free for swap files, as its disk said last.
    pub(crate) fn free_disk_seen(&self) -> PageCount {
        self.disks.free(&self.config.swap)
    }

    /// Disk space free for swap files now; waits for the disk, unless it is known not to answer.
    pub(crate) fn free_disk(&self) -> PageCount {
        if self.answers(&self.config.swap) { free_disk(&self.config.swap) } else { self.free_disk_seen() }
    }

    /// Whether the disk of swap files in `directory` answers, as far as is known.
    pub(crate) fn answers(&self, directory: &Path) -> bool {
        !self.disks.is_silent(directory) && !self.taker.hangs(directory)
    }
}

/// What the files of a guest that is being loaded take.
pub(crate) struct Loading<'a> {
    core: &'a Core,
    charge: Charge,
}

impl Drop for Loading<'_> {
    fn drop(&mut self) {
        self.core.loading.fetch_sub(self.charge.count().0, Ordering::Relaxed);
    }
}

/// The host as it is, with nothing measured of its VMs, and in the state high.
pub(crate) fn snapshot(
    inventory: &Inventory,
    pool: &Pool,
    own: PageCount,
    swap_space: PageCount,
) -> Snapshot {
    let host = sched::Host {
        memory: pool.size(),
        free: pool.usage().available(),
        overhead: own,
        swap_space,
        state: HostState::High,
        may_recover: true,
        settings: inventory.settings.clone(),
    };
    Snapshot { host, pools: inventory.snapshot_pools(), vms: inventory.snapshot_vms() }
}

/// What a host with so much machine memory is allowed for itself, measured or not.
pub(crate) fn own_overhead(size: PageCount, is_whole_process: bool) -> PageCount {
    let process = if is_whole_process { WHOLE } else { PART };
    ByteSize(size.0 * Pool::BYTES_PER_FRAME + process.0).pages()
}

/// The pool of a host with so much machine memory.
///
/// # Errors
/// If Linux does not give it, or it is too little.
pub(crate) fn make_pool(size: ByteSize) -> Result<Pool, HostError> {
    let pool =
        Pool::new(size).map_err(|error| HostError::io(format!("cannot get {size} of memory"), error))?;
    check_size(pool.size(), false)?;
    Ok(pool)
}

/// At least half of machine memory is for VMs.
pub(crate) fn check_size(size: PageCount, is_whole_process: bool) -> Result<(), HostError> {
    let own = own_overhead(size, is_whole_process);
    if own.0 * 2 > size.0 {
        let least = ByteSize::mib((own.0 * 2).div_ceil(ByteSize::mib(1).pages().0));
        return Err(HostError::TooLittle { size: size.bytes(), own: own.bytes(), least });
    }
    Ok(())
}

/// Disk space for swap files: what is free, and what running VMs need, for they have it already.
fn swap_space(inventory: &Inventory, free: PageCount) -> PageCount {
    let needs = inventory.snapshot_vms().into_iter();
    let needs = needs.map(|vm| vm.size.0.saturating_sub(vm.controls.reservation.0));
    PageCount(free.0 + needs.sum::<u64>())
}
