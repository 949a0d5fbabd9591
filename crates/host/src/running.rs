//! A VM that is starting or running.

use addr::{ByteSize, PageCount};
use machine::{Reclaimed, ShareGroup, VmId, VmMemory};
use parking_lot::Mutex;
use sched::Overhead;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, OnceLock};
use std::time::Instant;
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
    stopping: AtomicBool,
    /// Why it is powered off, if that was not simply asked for.
    why_stopped: OnceLock<String>,
    /// Its guest was asked to shut down.
    asked: AtomicBool,
    overhead_reserved: AtomicU64,
    overhead_used: AtomicU64,
}

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
    pub(crate) fn new(start: Start, memory: Arc<VmMemory>) -> Self {
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
            stopping: AtomicBool::new(false),
            why_stopped: OnceLock::new(),
            asked: AtomicBool::new(false),
            overhead_reserved: AtomicU64::new(start.overhead.0),
            overhead_used: AtomicU64::new(0),
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

    /// Why its swap file did not take what it was given, if that is so now.
    pub(crate) fn swap_failure(&self) -> Option<String> {
        self.swap_trouble.lock().as_ref().map(|trouble| trouble.why.clone())
    }

    /// What it costs beyond its guest's memory.
    pub(crate) fn overhead(&self) -> Overhead {
        let pages = |of: &AtomicU64| PageCount(of.load(Ordering::Relaxed));
        Overhead { reserved: pages(&self.overhead_reserved), used: pages(&self.overhead_used) }
    }

    /// Notes what it was measured to cost. What is set aside grows with it if need be.
    pub(crate) fn note_overhead(&self, used: ByteSize) {
        let pages = used.0.div_ceil(addr::PAGE_SIZE);
        self.overhead_used.store(pages, Ordering::Relaxed);
        self.overhead_reserved.fetch_max(pages, Ordering::Relaxed);
    }
}
