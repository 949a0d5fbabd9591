//! A VM that is starting or running.

use crate::guest::Guest;
use crate::progress::Progress;
use crate::visits::Visits;
use addr::{ByteSize, PageCount, VmId};
use machine::{Charge, Reclaimed, ShareGroup, VmMemory};
use model::{HowEnded, RestartedFor};
use parking_lot::Mutex;
use sched::backoff::Restarts;
use sched::{GuestState, Overhead};
use std::path::Path;
use std::sync::atomic::{AtomicBool, AtomicU32, AtomicU64, Ordering};
use std::sync::{Arc, OnceLock};
use std::time::Instant;
use vm::Vm;

/// A VM that is starting or running. The inventory has it, and the thread that waits for its end; whoever else works with it does so
/// under a [`Visit`](crate::visits::Visit).
pub(crate) struct Running {
    pub(crate) name: String,
    pub(crate) id: VmId,
    pub(crate) memory: Arc<VmMemory>,
    /// There once the guest is loaded.
    pub(crate) vm: OnceLock<Arc<Vm>>,
    /// In the place of a VM, in simulations.
    #[cfg(test)]
    pub(crate) simulated: OnceLock<Arc<dyn Guest>>,
    pub(crate) since: Instant,
    /// Its restarts until now.
    pub(crate) restarts: Restarts,
    /// What it was started with; what is set later counts from the next start.
    pub(crate) group: ShareGroup,
    pub(crate) salt: Option<String>,
    pub(crate) cpus: u32,
    /// Whether its swap file lies elsewhere than the host's others.
    pub(crate) swaps_elsewhere: bool,
    /// Where it lies.
    pub(crate) swap_dir: Arc<Path>,
    pub(crate) swap_trouble: Mutex<Option<SwapTrouble>>,
    /// What was taken from it and has not been told yet.
    pub(crate) taken: Mutex<Reclaimed>,
    /// How its guest was when it was last looked at.
    pub(crate) guest_state: Mutex<GuestState>,
    pub(crate) visits: Arc<Visits>,
    /// It was not wanted on before it was started.
    pub(crate) newly_wanted: bool,
    /// Frames that are still to be taken from it by compressing and swapping.
    to_take: AtomicU64,
    stopping: AtomicBool,
    /// It is restarted when its run has ended.
    restart_asked: Mutex<Option<RestartedFor>>,
    /// How many want it stopped for good, not only until the host is there again.
    told_to_stop: AtomicU32,
    /// Why it is powered off, if that was not simply asked for.
    why_stopped: OnceLock<String>,
    /// Why its guest was not loaded to the end.
    not_loaded: OnceLock<String>,
    /// Its guest was asked to shut down.
    asked: AtomicBool,
    overhead_reserved: AtomicU64,
    /// What it was measured to cost beside its vCPUs' caches.
    overhead_used: AtomicU64,
    /// While its guest is loaded: cancelled when it is stopped.
    pub(crate) loading: Progress,
    /// What is set aside for that, beside its vCPUs' caches: last, so that it is given back when all it stands for is gone. The same for all runs of a VM.
    charge: Arc<Charge>,
}

/// What is set aside beyond what the VM was measured to cost, for what it takes before it is measured again.
const STEP: ByteSize = ByteSize::kib(512);

/// A swap file does not take what it is given.
#[derive(Clone)]
pub(crate) struct SwapTrouble {
    pub(crate) why: String,
    /// Until when it is not tried again; `None` while its disk hangs.
    pub(crate) rests_until: Option<Instant>,
}

/// What a VM is started with.
pub(crate) struct Start {
    pub(crate) name: String,
    pub(crate) id: VmId,
    pub(crate) group: ShareGroup,
    pub(crate) salt: Option<String>,
    pub(crate) cpus: u32,
    pub(crate) swaps_elsewhere: bool,
    pub(crate) swap_dir: Arc<Path>,
    pub(crate) overhead: PageCount,
    pub(crate) newly_wanted: bool,
}

impl Running {
    /// All that is reserved for its overhead is set aside until it is measured, when its guest is loaded.
    pub(crate) fn new(start: Start, memory: Arc<VmMemory>) -> Self {
        let charge = Arc::new(memory.pool().charge(start.overhead));
        memory.charge_caches();
        Self::with_charge(start, memory, charge)
    }

    fn with_charge(start: Start, memory: Arc<VmMemory>, charge: Arc<Charge>) -> Self {
        Self {
            name: start.name,
            id: start.id,
            memory,
            vm: OnceLock::new(),
            #[cfg(test)]
            simulated: OnceLock::new(),
            since: Instant::now(),
            restarts: Restarts::default(),
            group: start.group,
            salt: start.salt,
            cpus: start.cpus,
            swaps_elsewhere: start.swaps_elsewhere,
            swap_dir: start.swap_dir,
            swap_trouble: Mutex::default(),
            taken: Mutex::default(),
            guest_state: Mutex::default(),
            visits: Arc::default(),
            newly_wanted: start.newly_wanted,
            to_take: AtomicU64::new(0),
            stopping: AtomicBool::new(false),
            restart_asked: Mutex::new(None),
            told_to_stop: AtomicU32::new(0),
            why_stopped: OnceLock::new(),
            not_loaded: OnceLock::new(),
            asked: AtomicBool::new(false),
            overhead_reserved: AtomicU64::new(start.overhead.0),
            overhead_used: AtomicU64::new(0),
            loading: Progress::default(),
            charge,
        }
    }

    /// The same VM with a run before it, in the same memory. Nobody is let in until that can be used.
    pub(crate) fn again(&self, why: RestartedFor) -> Self {
        let start = Start {
            name: self.name.clone(),
            id: self.id,
            group: self.group,
            salt: self.salt.clone(),
            cpus: self.cpus,
            swaps_elsewhere: self.swaps_elsewhere,
            swap_dir: Arc::clone(&self.swap_dir),
            overhead: self.overhead().reserved,
            newly_wanted: false,
        };
        let restarts = match why {
            RestartedFor::Asked => Restarts::default(),
            _ => self.restarts.after(self.since.elapsed()),
        };
        let visits = Arc::new(Visits::closed());
        let run = Self::with_charge(start, Arc::clone(&self.memory), Arc::clone(&self.charge));
        Self { restarts, visits, ..run }
    }

    /// Sets aside all that is reserved for its overhead, as for a VM that starts.
    pub(crate) fn set_all_aside(&self) {
        self.charge.set(self.overhead().reserved);
    }

    /// Whether it does hardly anything but restart.
    pub(crate) fn are_restarts_a_loop(&self) -> bool {
        self.restarts.is_looping(self.since.elapsed())
    }

    /// Has it be restarted when its run has ended, or not any more.
    pub(crate) fn ask_restart(&self, why: Option<RestartedFor>) {
        *self.restart_asked.lock() = why;
    }

    pub(crate) fn restart_asked(&self) -> Option<RestartedFor> {
        *self.restart_asked.lock()
    }

    /// Powers it off, whether it is starting or running, and notes why if that was not simply asked for.
    pub(crate) fn stop(&self, why: Option<String>) {
        if let Some(why) = why {
            // The first reason stands.
            let _ = self.why_stopped.set(why);
        }
        // Set before the VM is looked for: whoever puts it there looks at this afterwards.
        self.stopping.store(true, Ordering::SeqCst);
        self.loading.cancel();
        match self.vm.get() {
            Some(vm) => vm.stop(),
            None => self.memory.end(),
        }
    }

    /// Ends the VM because the host cannot go on with it, or the loading of its guest.
    pub(crate) fn fail(&self, why: String) {
        // As in `stop`: whoever puts the VM there looks at this afterwards.
        let _ = self.not_loaded.set(why.clone());
        match self.vm.get() {
            Some(vm) => vm.fail(why),
            None => self.memory.end(),
        }
    }

    /// Why its guest cannot be loaded to the end.
    pub(crate) fn not_loaded(&self) -> Option<String> {
        self.not_loaded.get().cloned()
    }

    pub(crate) fn is_stopping(&self) -> bool {
        self.stopping.load(Ordering::SeqCst)
    }

    /// Why it was powered off, if that is `how` it ended and was not simply asked for.
    pub(crate) fn why_stopped(&self, how: HowEnded) -> Option<String> {
        self.why_stopped.get().filter(|_| how == HowEnded::Stopped).cloned()
    }

    /// Notes that somebody wants it stopped for good.
    pub(crate) fn tell_to_stop(&self) {
        self.told_to_stop.fetch_add(1, Ordering::SeqCst);
    }

    /// Notes that one of them does not any more: it is to run on.
    pub(crate) fn let_run_on(&self) {
        self.told_to_stop.fetch_sub(1, Ordering::SeqCst);
    }

    pub(crate) fn is_told_to_stop(&self) -> bool {
        self.told_to_stop.load(Ordering::SeqCst) > 0
    }

    /// Notes that its guest was asked to shut down.
    pub(crate) fn note_asked(&self) {
        self.asked.store(true, Ordering::Relaxed);
    }

    pub(crate) fn was_asked(&self) -> bool {
        self.asked.load(Ordering::Relaxed)
    }

    /// Its guest, once that is loaded.
    pub(crate) fn guest(&self) -> Option<Arc<dyn Guest>> {
        #[cfg(test)]
        if let Some(guest) = self.simulated.get() {
            return Some(Arc::clone(guest));
        }
        self.vm.get().map(|vm| Arc::clone(vm) as Arc<dyn Guest>)
    }

    /// What is wrong with its guest, in words.
    pub(crate) fn trouble(&self) -> Option<String> {
        let vm = self.vm.get()?;
        let panicked = vm.panicked().map(|panic| panic.to_string());
        let stuck = || vm.trouble().map(|at| format!("CPU {} gets nowhere, at {:#x}", at.cpu, at.pc));
        let silent = || {
            (*self.guest_state.lock() == GuestState::Silent)
                .then(|| "the guest's agent answers no more".to_owned())
        };
        panicked.or_else(stuck).or_else(silent)
    }

    /// Why its swap file did not take what it was given, if that is so now.
    pub(crate) fn swap_failure(&self) -> Option<String> {
        self.swap_trouble.lock().as_ref().map(|trouble| trouble.why.clone())
    }

    /// Notes whether the disk of its swap file hangs; gives why nothing is swapped, if that is new. Once the disk answers, the
    /// file is tried again.
    pub(crate) fn note_hanging(&self, hangs: bool) -> Option<String> {
        let mut trouble = self.swap_trouble.lock();
        let was_hanging = trouble.as_ref().is_some_and(|trouble| trouble.rests_until.is_none());
        match (hangs, was_hanging) {
            (true, false) if self.memory.stores().swap.total.0 > 0 => {
                let why = format!("the disk of the swap file in {} does not answer", self.swap_dir.display());
                *trouble = Some(SwapTrouble { why: why.clone(), rests_until: None });
                Some(why)
            }
            (false, true) => {
                if let Some(trouble) = trouble.as_mut() {
                    trouble.rests_until = Some(Instant::now());
                }
                None
            }
            _ => None,
        }
    }

    /// Frames that are still to be taken from it by compressing and swapping.
    pub(crate) fn to_take(&self) -> PageCount {
        PageCount(self.to_take.load(Ordering::Relaxed))
    }

    pub(crate) fn note_to_take(&self, frames: u64) {
        self.to_take.store(frames, Ordering::Relaxed);
    }

    /// What it costs beyond its guest's memory: what is reserved for that, and what is set aside now.
    pub(crate) fn overhead(&self) -> Overhead {
        Overhead {
            reserved: PageCount(self.overhead_reserved.load(Ordering::Relaxed)),
            used: PageCount(self.charge.count().0 + self.memory.caches().charged.0),
        }
    }

    /// What is set aside for that beside its vCPUs' caches, for as long as somebody holds it.
    pub(crate) fn charge(&self) -> Arc<Charge> {
        Arc::clone(&self.charge)
    }

    /// What it was measured to cost last, with its vCPUs' caches as they are.
    pub(crate) fn overhead_measured(&self) -> PageCount {
        PageCount(self.overhead_used.load(Ordering::Relaxed) + self.memory.caches().used.pages_up().0)
    }

    /// Notes what it was measured to cost beside its vCPUs' caches, which are charged as they grow. What is set aside follows, with a
    /// step for what it takes until it is measured again: twice what it grew by, if that is more. What is reserved grows with it if
    /// need be.
    pub(crate) fn note_overhead(&self, beside_caches: ByteSize) {
        let pages = beside_caches.pages_up().0;
        let before = self.overhead_used.swap(pages, Ordering::Relaxed);
        let caches = self.memory.caches().charged.0;
        let reserved =
            self.overhead_reserved.fetch_max(pages + caches, Ordering::Relaxed).max(pages + caches);
        let grew = if before == 0 { 0 } else { pages.saturating_sub(before) };
        let step = STEP.pages().0.max(2 * grew);
        self.charge.set(PageCount((pages + step).min(reserved - caches)));
    }
}
