//! A VM that is starting or running.

use addr::{ByteSize, PageCount};
use machine::{Charge, Reclaimed, ShareGroup, VmId, VmMemory};
use parking_lot::Mutex;
use sched::{GuestState, Overhead};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, OnceLock};
use std::time::{Duration, Instant};
use vm::Vm;

/// A VM that is starting or running. Whoever keeps this for long keeps the VM's memory from being freed.
pub(crate) struct Running {
    pub(crate) name: String,
    pub(crate) id: VmId,
    pub(crate) memory: Arc<VmMemory>,
    /// There once the guest is loaded.
    pub(crate) vm: OnceLock<Arc<Vm>>,
    pub(crate) since: Instant,
    /// What it was started with; what is set later counts from the next start.
    pub(crate) group: ShareGroup,
    pub(crate) salt: Option<String>,
    pub(crate) cpus: u32,
    /// Whether its swap file lies elsewhere than the host's others.
    pub(crate) swaps_elsewhere: bool,
    pub(crate) swap_trouble: Mutex<Option<SwapTrouble>>,
    /// What was taken from it and has not been told yet.
    pub(crate) taken: Mutex<Reclaimed>,
    /// How its guest was when it was last looked at.
    pub(crate) guest: Mutex<GuestState>,
    stopping: AtomicBool,
    /// Why it is powered off, if that was not simply asked for.
    why_stopped: OnceLock<String>,
    /// Its guest was asked to shut down.
    asked: AtomicBool,
    overhead_reserved: AtomicU64,
    /// What it was measured to cost.
    overhead_used: AtomicU64,
    /// What is set aside for that: last, so that it is given back when all it stands for is gone.
    charge: Charge,
}

/// For so long after its start all that is reserved for a VM's overhead is set aside: while its guest boots, it grows fastest.
const BOOT: Duration = Duration::from_secs(10);
/// What is set aside for each vCPU beyond what the VM was measured to cost, for what it takes before it is measured again.
const STEP: ByteSize = ByteSize::kib(512);

/// A swap file does not take what it is given.
#[derive(Clone)]
pub(crate) struct SwapTrouble {
    pub(crate) why: String,
    /// Until when it is not tried again.
    pub(crate) rests_until: Instant,
}

/// What a VM is started with.
pub(crate) struct Start {
    pub(crate) name: String,
    pub(crate) id: VmId,
    pub(crate) group: ShareGroup,
    pub(crate) salt: Option<String>,
    pub(crate) cpus: u32,
    pub(crate) swaps_elsewhere: bool,
    pub(crate) overhead: PageCount,
}

impl Running {
    /// All that is reserved for its overhead is set aside from here on.
    pub(crate) fn new(start: Start, memory: Arc<VmMemory>) -> Self {
        let charge = memory.pool().charge(start.overhead);
        Self {
            name: start.name,
            id: start.id,
            memory,
            vm: OnceLock::new(),
            since: Instant::now(),
            group: start.group,
            salt: start.salt,
            cpus: start.cpus,
            swaps_elsewhere: start.swaps_elsewhere,
            swap_trouble: Mutex::default(),
            taken: Mutex::default(),
            guest: Mutex::default(),
            stopping: AtomicBool::new(false),
            why_stopped: OnceLock::new(),
            asked: AtomicBool::new(false),
            overhead_reserved: AtomicU64::new(start.overhead.0),
            overhead_used: AtomicU64::new(0),
            charge,
        }
    }

    /// Powers it off, whether it is starting or running, and notes why if that was not simply asked for.
    pub(crate) fn stop(&self, why: Option<String>) {
        if let Some(why) = why {
            // The first reason stands.
            let _ = self.why_stopped.set(why);
        }
        // Set before the VM is looked for: whoever puts it there looks at this afterwards.
        self.stopping.store(true, Ordering::SeqCst);
        match self.vm.get() {
            Some(vm) => vm.stop(),
            None => self.memory.end(),
        }
    }

    pub(crate) fn is_stopping(&self) -> bool {
        self.stopping.load(Ordering::SeqCst)
    }

    /// Why it was powered off, if that is `how` it ended and was not simply asked for.
    pub(crate) fn why_stopped(&self, how: &str) -> Option<String> {
        self.why_stopped.get().filter(|_| how == "stopped").cloned()
    }

    /// Notes that its guest was asked to shut down.
    pub(crate) fn note_asked(&self) {
        self.asked.store(true, Ordering::Relaxed);
    }

    pub(crate) fn was_asked(&self) -> bool {
        self.asked.load(Ordering::Relaxed)
    }

    /// What is wrong with its guest, in words.
    pub(crate) fn trouble(&self) -> Option<String> {
        let vm = self.vm.get()?;
        let panicked = vm.panicked().map(|panic| panic.to_string());
        let stuck = || vm.trouble().map(|at| format!("CPU {} gets nowhere, at {:#x}", at.cpu, at.pc));
        let silent = || {
            (*self.guest.lock() == GuestState::Silent).then(|| "the guest's agent answers no more".to_owned())
        };
        panicked.or_else(stuck).or_else(silent)
    }

    /// Why its swap file did not take what it was given, if that is so now.
    pub(crate) fn swap_failure(&self) -> Option<String> {
        self.swap_trouble.lock().as_ref().map(|trouble| trouble.why.clone())
    }

    /// What it costs beyond its guest's memory: what is reserved for that, and what is set aside now.
    pub(crate) fn overhead(&self) -> Overhead {
        Overhead {
            reserved: PageCount(self.overhead_reserved.load(Ordering::Relaxed)),
            used: self.charge.count(),
        }
    }

    /// What it was measured to cost last.
    pub(crate) fn overhead_measured(&self) -> PageCount {
        PageCount(self.overhead_used.load(Ordering::Relaxed))
    }

    /// Notes what it was measured to cost. What is set aside follows, with a step for what it takes until it is measured again: twice
    /// what it grew by, if that is more. What is reserved grows with it if need be.
    pub(crate) fn note_overhead(&self, used: ByteSize) {
        let pages = used.0.div_ceil(addr::PAGE_SIZE);
        let before = self.overhead_used.swap(pages, Ordering::Relaxed);
        let reserved = self.overhead_reserved.fetch_max(pages, Ordering::Relaxed).max(pages);
        let step = (STEP.pages().0 * u64::from(self.cpus)).max(2 * pages.saturating_sub(before));
        let boots = before == 0 || self.since.elapsed() < BOOT;
        self.charge.set(PageCount(if boots { reserved } else { reserved.min(pages + step) }));
    }
}
