//! Waiting for passages to end.
//!
//! **Concurrency.** A waiter counts itself first and looks at the entry second, the publisher writes the
//! entry first and reads the count second, so one of them sees the other. Taking the lock makes sure
//! that the waiter is asleep, or has yet to look again.

use crate::sync::{AtomicU32, Condvar, Mutex, Ordering, write_then_look};

/// Where those wait who found a page in passage.
pub(crate) struct Waiting {
    count: AtomicU32,
    /// Guards nothing but the waiting.
    lock: Mutex<()>,
    ended: Condvar,
}

impl Waiting {
    pub(crate) fn new() -> Self {
        Self { count: AtomicU32::new(0), lock: Mutex::new(()), ended: Condvar::new() }
    }

    /// Returns once the page is not `in_passage`.
    pub(crate) fn wait_while(&self, in_passage: impl Fn() -> bool) {
        self.count.fetch_add(1, Ordering::SeqCst);
        write_then_look();
        let mut lock = self.lock.lock();
        while in_passage() {
            self.ended.wait(&mut lock);
        }
        drop(lock);
        self.count.fetch_sub(1, Ordering::SeqCst);
    }

    /// Called after every publication.
    pub(crate) fn wake(&self) {
        write_then_look();
        if self.count.load(Ordering::SeqCst) > 0 {
            drop(self.lock.lock());
            self.ended.notify_all();
        }
    }
}
