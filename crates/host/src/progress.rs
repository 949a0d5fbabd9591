//! How far a long piece of work has come, and whether it is still wanted.

use crate::error::HostError;
use addr::ByteSize;
use parking_lot::Mutex;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

/// How far a piece of work has come, and whether it is still wanted. Who works looks at it now and then; who waits
/// may look at any time.
#[derive(Default, Debug)]
pub struct Progress {
    done: AtomicU64,
    total: AtomicU64,
    cancelled: AtomicBool,
    waits_for: Mutex<Option<String>>,
}

impl Progress {
    /// What is done of how much; no total while it is not known.
    pub fn done(&self) -> (ByteSize, Option<ByteSize>) {
        let total = self.total.load(Ordering::Relaxed);
        (ByteSize(self.done.load(Ordering::Relaxed)), Some(ByteSize(total)).filter(|total| total.0 > 0))
    }

    /// What is waited for, in words, while that is all there is to do: who waits can be told to leave it.
    pub fn waiting(&self) -> Option<String> {
        self.waits_for.lock().clone()
    }

    /// Asks whoever works to leave it.
    pub fn cancel(&self) {
        self.cancelled.store(true, Ordering::SeqCst);
    }

    /// Whether somebody asked for that.
    pub fn is_cancelled(&self) -> bool {
        self.cancelled.load(Ordering::SeqCst)
    }

    /// Leaves the work if somebody asked for that.
    pub(crate) fn check(&self) -> Result<(), HostError> {
        if self.is_cancelled() { Err(HostError::Cancelled) } else { Ok(()) }
    }

    /// Says what is waited for.
    pub fn waits_for(&self, what: &str) {
        *self.waits_for.lock() = Some(what.to_owned());
    }

    pub(crate) fn waits_no_more(&self) {
        *self.waits_for.lock() = None;
    }

    pub(crate) fn expect(&self, total: ByteSize) {
        self.total.store(total.0, Ordering::Relaxed);
    }

    pub(crate) fn advance(&self, by: ByteSize) {
        self.done.fetch_add(by.0, Ordering::Relaxed);
    }
}
