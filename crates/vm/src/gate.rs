//! Where a VM's vCPU threads wait while somebody visits their harts.
//!
//! **Model.** Who wants all harts would have to wait for each in turn, and where there are more busy
//! vCPUs than host CPUs every one of these waits may be for the host's scheduler. So a *visit* first
//! asks all threads at once to leave their harts; those that do leave their CPUs to the others.
//!
//! **Concurrency.** A thread waits for the end of one visit at most, then runs at least a slice: one
//! visit after the other cannot keep it out. A visit may begin while another lasts, also from a vCPU's
//! thread, which then holds no hart.

use parking_lot::{Condvar, Mutex};
use std::sync::atomic::{AtomicU32, Ordering};

/// See the module's documentation.
#[derive(Default)]
pub(crate) struct Gate {
    visits: AtomicU32,
    ended: Mutex<u64>,
    end: Condvar,
}

/// While it lasts, vCPU threads leave their harts at the ends of their slices.
pub(crate) struct Visit<'a>(&'a Gate);

impl Gate {
    /// Begins a visit.
    pub(crate) fn visit(&self) -> Visit<'_> {
        self.visits.fetch_add(1, Ordering::SeqCst);
        Visit(self)
    }

    /// Whether somebody visits.
    #[inline]
    pub(crate) fn is_closed(&self) -> bool {
        self.visits.load(Ordering::SeqCst) > 0
    }

    /// Waits for the end of a visit, if there is one. The caller holds no hart.
    pub(crate) fn wait(&self) {
        let mut ended = self.ended.lock();
        let before = *ended;
        while self.is_closed() && *ended == before {
            self.end.wait(&mut ended);
        }
    }
}

impl Drop for Visit<'_> {
    fn drop(&mut self) {
        let mut ended = self.0.ended.lock();
        self.0.visits.fetch_sub(1, Ordering::SeqCst);
        *ended += 1;
        self.0.end.notify_all();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::atomic::AtomicBool;
    use std::time::{Duration, Instant};

    #[test]
    fn a_wait_ends_with_the_visit() {
        let gate = Gate::default();
        gate.wait();
        let visit = gate.visit();
        assert!(gate.is_closed());
        let left = AtomicBool::new(false);
        std::thread::scope(|scope| {
            scope.spawn(|| {
                gate.wait();
                assert!(left.load(Ordering::SeqCst));
            });
            std::thread::sleep(Duration::from_millis(20));
            left.store(true, Ordering::SeqCst);
            drop(visit);
        });
        assert!(!gate.is_closed());
    }

    #[test]
    fn visits_one_after_the_other_let_a_thread_through() {
        let gate = Gate::default();
        let done = AtomicBool::new(false);
        std::thread::scope(|scope| {
            for _ in 0..2 {
                scope.spawn(|| {
                    while !done.load(Ordering::Relaxed) {
                        let visit = gate.visit();
                        std::thread::sleep(Duration::from_millis(1));
                        drop(visit);
                    }
                });
            }
            let start = Instant::now();
            (0..50).for_each(|_| gate.wait());
            done.store(true, Ordering::Relaxed);
            assert!(start.elapsed() < Duration::from_secs(20));
        });
    }
}
