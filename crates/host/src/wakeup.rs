//! What wakes the memory loop before its time.
//!
//! **Concurrency.** Rung by guests' threads that take frames, so ringing a bell that has rung costs one
//! load. What was rung before the loop looked counts for that look; a ring lost to a load of a moment ago
//! is made up for by the look that the loop takes every second.

use parking_lot::{Condvar, Mutex};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Instant;

/// The loop's bell.
#[derive(Default)]
pub(crate) struct Wakeup {
    /// Free memory fell below the mark, or somebody waits for memory.
    shortage: AtomicBool,
    /// A VM came or went, or something was set.
    change: AtomicBool,
    /// All that was to be taken is, or cannot be.
    taken: AtomicBool,
    stop: AtomicBool,
    /// How many changes there were.
    changes: AtomicU64,
    asleep: Mutex<()>,
    rung: Condvar,
}

/// Why the loop woke up.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Reasons {
    pub(crate) shortage: bool,
    pub(crate) change: bool,
    pub(crate) taken: bool,
}

impl Wakeup {
    /// Free memory fell below the mark, or somebody waits for memory.
    pub(crate) fn shortage(&self) {
        self.ring(&self.shortage);
    }

    /// A VM came or went, or something was set.
    pub(crate) fn change(&self) {
        self.changes.fetch_add(1, Ordering::AcqRel);
        self.ring(&self.change);
    }

    /// How many changes there were.
    pub(crate) fn changes(&self) -> u64 {
        self.changes.load(Ordering::Acquire)
    }

    /// All that was to be taken is, or cannot be.
    pub(crate) fn taken(&self) {
        self.ring(&self.taken);
    }

    /// The loop is to end.
    pub(crate) fn stop(&self) {
        self.ring(&self.stop);
    }

    pub(crate) fn is_stopping(&self) -> bool {
        self.stop.load(Ordering::Acquire)
    }

    fn ring(&self, what: &AtomicBool) {
        if !what.load(Ordering::Relaxed) {
            what.store(true, Ordering::Release);
            drop(self.asleep.lock());
            self.rung.notify_all();
        }
    }

    /// Waits until `until` or for the bell, and looks what has rung.
    pub(crate) fn wait(&self, until: Instant) -> Reasons {
        let mut asleep = self.asleep.lock();
        while !self.has_rung() {
            if self.rung.wait_until(&mut asleep, until).timed_out() {
                break;
            }
        }
        drop(asleep);
        self.reasons()
    }

    /// What has rung since the last look, beside the end.
    pub(crate) fn reasons(&self) -> Reasons {
        Reasons {
            shortage: self.shortage.swap(false, Ordering::AcqRel),
            change: self.change.swap(false, Ordering::AcqRel),
            taken: self.taken.swap(false, Ordering::AcqRel),
        }
    }

    fn has_rung(&self) -> bool {
        [&self.shortage, &self.change, &self.taken, &self.stop]
            .iter()
            .any(|what| what.load(Ordering::Acquire))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    #[test]
    fn what_rang_before_counts_once() {
        let wakeup = Wakeup::default();
        let late = || Instant::now() + Duration::from_mins(1);
        wakeup.shortage();
        wakeup.shortage();
        wakeup.change();
        let nothing = Reasons { shortage: false, change: false, taken: false };
        assert_eq!(wakeup.wait(late()), Reasons { shortage: true, change: true, ..nothing });
        assert_eq!(wakeup.wait(Instant::now()), nothing);
        wakeup.stop();
        assert_eq!([wakeup.wait(late()), wakeup.wait(late())], [nothing; 2], "the end stays the end");
        assert!(wakeup.is_stopping());
    }

    #[test]
    fn a_sleeper_is_woken() {
        let wakeup = Wakeup::default();
        std::thread::scope(|scope| {
            let sleeper = scope.spawn(|| wakeup.wait(Instant::now() + Duration::from_mins(1)));
            wakeup.shortage();
            assert!(sleeper.join().unwrap().shortage);
        });
    }
}
