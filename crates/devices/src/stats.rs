//! What every device counts, readable while the VM runs.

use parking_lot::Mutex;
use std::fmt::Display;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

/// One device's counters at a moment, since the VM's start.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct DeviceStats {
    /// Register reads and writes.
    pub accesses: u64,
    /// Times the guest's driver said that a queue has work.
    pub kicks: u64,
    /// Times the device raised its interrupt.
    pub interrupts: u64,
    /// Processor time that the device's own thread has used; that of register accesses is the vCPUs'.
    pub worker_time: Duration,
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
    worker_nanoseconds: AtomicU64,
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

    /// The thread has used so much so far.
    pub(crate) fn set_worker_time(&self, so_far: Duration) {
        self.worker_nanoseconds.store(so_far.as_nanos() as u64, Ordering::Relaxed);
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
            worker_time: Duration::from_nanos(self.worker_nanoseconds.load(Ordering::Relaxed)),
            bad_requests: self.bad_requests.load(Ordering::Relaxed),
            last_bad: self.last_bad.lock().clone(),
        }
    }
}
