//! What every device counts, readable while the VM runs.

use parking_lot::Mutex;
use std::fmt::Display;
use std::sync::atomic::{AtomicU64, Ordering};

/// One device's counters at a moment, since the VM's start.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct DeviceStats {
    /// Register reads and writes.
    pub accesses: u64,
    /// Times the guest's driver said that a queue has work.
    pub kicks: u64,
    /// Times the device raised its interrupt.
    pub interrupts: u64,
    /// Accesses and requests that had no meaning, or that failed.
    pub bad_requests: u64,
    /// Why the last of these was bad.
    pub last_bad: Option<String>,
}

/// The counting side of [`DeviceStats`].
#[derive(Default)]
pub(crate) struct Counters {
    accesses: AtomicU64,
    kicks: AtomicU64,
    interrupts: AtomicU64,
    bad_requests: AtomicU64,
    last_bad: Mutex<Option<String>>,
}

impl Counters {
    pub(crate) fn access(&self) {
        self.accesses.fetch_add(1, Ordering::Relaxed);
    }

    pub(crate) fn kick(&self) {
        self.kicks.fetch_add(1, Ordering::Relaxed);
    }

    pub(crate) fn interrupt(&self) {
        self.interrupts.fetch_add(1, Ordering::Relaxed);
    }

    pub(crate) fn bad(&self, why: impl Display) {
        self.bad_requests.fetch_add(1, Ordering::Relaxed);
        *self.last_bad.lock() = Some(why.to_string());
    }

    pub(crate) fn read(&self) -> DeviceStats {
        DeviceStats {
            accesses: self.accesses.load(Ordering::Relaxed),
            kicks: self.kicks.load(Ordering::Relaxed),
            interrupts: self.interrupts.load(Ordering::Relaxed),
            bad_requests: self.bad_requests.load(Ordering::Relaxed),
            last_bad: self.last_bad.lock().clone(),
        }
    }
}
