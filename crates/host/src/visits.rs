//! Who uses a running VM at the moment, so that nobody but the thread that waited for its end lets go of it last.
//!
//! **Model.** Whoever works with a running VM does so under a [`Visit`]. When the VM ends, nobody is let in any more, and the thread
//! that gives back what the VM had waits until the last visit is over. It then holds the VM alone, and joins the VM's
//! threads; nobody else ever does.
//!
//! **Concurrency.** The count's lock is innermost, held for a few words.

use crate::running::Running;
use parking_lot::{Condvar, Mutex};
use std::ops::Deref;
use std::sync::{Arc, Weak};
use std::time::Duration;
use vm::Vm;

/// The visits to a VM.
#[derive(Default)]
pub(crate) struct Visits {
    count: Mutex<Count>,
    left: Condvar,
}

#[derive(Default)]
struct Count {
    inside: usize,
    closed: bool,
}

/// A running VM, for as long as somebody works with it.
pub(crate) struct Visit {
    /// There until the visit ends.
    running: Option<Arc<Running>>,
    visits: Arc<Visits>,
}

/// A VM that runs, or did when this was made. Keeps nothing alive.
#[derive(Clone)]
pub(crate) struct Known {
    running: Weak<Running>,
    visits: Arc<Visits>,
}

/// A running VM, for whoever looks into it. The VM's end waits until this is dropped, so it is dropped after what was cloned of it.
pub struct Lease {
    // Dropped first.
    vm: Arc<Vm>,
    _visit: Visit,
}

impl Deref for Lease {
    type Target = Arc<Vm>;

    fn deref(&self) -> &Arc<Vm> {
        &self.vm
    }
}

impl Visits {
    fn enter(&self) -> bool {
        let mut count = self.count.lock();
        count.inside += usize::from(!count.closed);
        !count.closed
    }

    fn leave(&self) {
        self.count.lock().inside -= 1;
        self.left.notify_all();
    }

    /// To a VM that nobody is let in to yet.
    pub(crate) fn closed() -> Self {
        let visits = Self::default();
        visits.close();
        visits
    }

    /// Lets others in.
    pub(crate) fn open(&self) {
        self.count.lock().closed = false;
    }

    /// Lets nobody in any more.
    pub(crate) fn close(&self) {
        self.count.lock().closed = true;
    }

    /// Waits until nobody is inside, for `patience` at most; says whether that is so.
    pub(crate) fn are_over_within(&self, patience: Duration) -> bool {
        let mut count = self.count.lock();
        !self.left.wait_while_for(&mut count, |count| count.inside > 0, patience).timed_out()
    }
}

impl Running {
    /// The VM, to be worked with; `None` once it has ended.
    pub(crate) fn visit(self: &Arc<Self>) -> Option<Visit> {
        let visits = Arc::clone(&self.visits);
        visits.enter().then(|| Visit { running: Some(Arc::clone(self)), visits })
    }
}

impl Visit {
    /// The VM, for later.
    pub(crate) fn known(&self) -> Known {
        Known::of(self.running())
    }

    /// The same, for others than the host; `None` while the guest is loaded.
    pub(crate) fn lease(self) -> Option<Lease> {
        Some(Lease { vm: Arc::clone(self.vm.get()?), _visit: self })
    }

    /// Whether both are to the same run of a VM.
    pub(crate) fn is(&self, other: &Self) -> bool {
        Arc::ptr_eq(self.running(), other.running())
    }

    fn running(&self) -> &Arc<Running> {
        self.running.as_ref().expect("a visit has a VM until it ends")
    }
}

impl Known {
    pub(crate) fn of(running: &Arc<Running>) -> Self {
        Self { running: Arc::downgrade(running), visits: Arc::clone(&running.visits) }
    }

    /// The VM, if it has not ended.
    pub(crate) fn visit(&self) -> Option<Visit> {
        if !self.visits.enter() {
            return None;
        }
        let visit = Visit { running: self.running.upgrade(), visits: Arc::clone(&self.visits) };
        visit.running.is_some().then_some(visit)
    }

    /// Whether both are the same run of a VM.
    pub(crate) fn is(&self, other: &Self) -> bool {
        self.running.ptr_eq(&other.running)
    }

    /// Whether that is this run of it.
    pub(crate) fn is_run(&self, running: &Arc<Running>) -> bool {
        std::ptr::eq(self.running.as_ptr(), Arc::as_ptr(running))
    }
}

impl Deref for Visit {
    type Target = Running;

    fn deref(&self) -> &Running {
        self.running()
    }
}

impl Drop for Visit {
    fn drop(&mut self) {
        // First, so that whoever waits for the end of the visit is the last to hold the VM.
        drop(self.running.take());
        self.visits.leave();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn whoever_closes_waits_for_those_inside_and_lets_nobody_in() {
        let visits = Visits::default();
        assert!(visits.enter() && visits.enter());
        visits.close();
        assert!(!visits.enter(), "nobody is let in");
        visits.leave();
        assert!(!visits.are_over_within(Duration::from_millis(1)), "one is still inside");
        std::thread::scope(|scope| {
            let waits = scope.spawn(|| visits.are_over_within(Duration::from_mins(1)));
            visits.leave();
            assert!(waits.join().unwrap());
        });
    }
}
