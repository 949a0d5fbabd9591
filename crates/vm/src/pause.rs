//! A VM that stands still: no vCPU executes an instruction, and its clock does not go on.
//!
//! **Model.** Each vCPU's thread looks before every slice whether its VM is paused, and then waits here, at no cost. Devices end what they were given and
//! get nothing more, as only vCPUs give them something. The guest's clock stands still as well, so that after it the guest
//! finds no time missing: no timer is late and no lock was held for hours. What is outside, and clocks there, has gone on.
//!
//! **Concurrency.** Who pauses takes each hart in turn afterwards, so that no instruction is executed once that returns. Pausing and
//! resuming take turns, by a lock that is taken before any hart; vCPUs wait under another, which is innermost.

use crate::vm::Shared;
use parking_lot::{Condvar, Mutex};
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

/// Whether a VM is paused.
#[derive(Default)]
pub(crate) struct Pause {
    is_on: AtomicBool,
    /// Held while it is begun or ended from outside.
    turn: Mutex<()>,
    since: Mutex<Option<Instant>>,
    over: Condvar,
}

impl Pause {
    #[inline]
    pub(crate) fn is_on(&self) -> bool {
        self.is_on.load(Ordering::SeqCst)
    }

    /// Begins; says whether it had not before.
    fn begin(&self) -> bool {
        let mut since = self.since.lock();
        let is_new = since.is_none();
        since.get_or_insert_with(Instant::now);
        self.is_on.store(true, Ordering::SeqCst);
        is_new
    }

    /// How long it has lasted; `None` if there is none.
    fn so_far(&self) -> Option<Duration> {
        self.since.lock().map(|since| since.elapsed())
    }

    fn end(&self) {
        *self.since.lock() = None;
        self.is_on.store(false, Ordering::SeqCst);
        self.over.notify_all();
    }

    /// Lets everybody look who waits here.
    pub(crate) fn wake(&self) {
        drop(self.since.lock());
        self.over.notify_all();
    }

    /// Waits until it is over, or `leaves`. The caller holds no hart.
    pub(crate) fn wait(&self, leaves: impl Fn() -> bool) {
        let mut since = self.since.lock();
        while since.is_some() && !leaves() {
            self.over.wait(&mut since);
        }
    }
}

impl Shared {
    /// Pauses the VM; says whether it was not before. When this returns no vCPU executes an instruction. The caller holds no hart.
    pub(crate) fn pause(&self) -> bool {
        let _turn = self.pause.turn.lock();
        let is_new = self.pause.begin();
        self.vcpus.iter().for_each(crate::vcpu::Vcpu::wake);
        self.vcpus.for_each_hart(|_, _, _| {});
        is_new
    }

    /// Pauses the VM from a vCPU's thread, for its guest asked for something that nobody does.
    pub(crate) fn keep(&self) {
        self.pause.begin();
        self.kept.store(true, Ordering::SeqCst);
        self.vcpus.iter().for_each(crate::vcpu::Vcpu::wake);
        self.tell_waiting();
    }

    /// Lets the VM go on; says whether it was paused.
    pub(crate) fn resume(&self) -> bool {
        let _turn = self.pause.turn.lock();
        let Some(paused) = self.pause.so_far() else { return false };
        self.vcpus.for_each_hart(|_, _, hart| hart.delay_clock(paused));
        self.kept.store(false, Ordering::SeqCst);
        self.pause.end();
        true
    }
}
