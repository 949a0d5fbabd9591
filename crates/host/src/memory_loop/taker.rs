//! The thread that takes from VMs what the memory loop decided, so that the loop never waits for a disk.
//!
//! **Model.** A desk with room for one order. The loop lays the latest there, in place of one that was not taken
//! up yet; the thread looks at the desk before each slice and drops what it was doing for what it finds.
//!
//! ```text
//!   memory loop --order--> desk --latest--> taker --slice after slice--> VMs
//!        ^                                    |
//!        '---- nothing more is to be taken ---'
//! ```
//!
//! **Concurrency.** The desk's lock is innermost, held for a few words. A VM is kept alive for a slice. The loop
//! decides on what it measured while a slice was being taken, so that up to a slice too much may be taken.
//!
//! **Failure.** A slice lasts as long as its VM's disk takes, and the other VMs' takings with it; plans, status,
//! settings and allowances go on. An assertion that fails here is told as an event, and the thread goes on
//! with the next order.

use super::takings::{Order, Takings};
use crate::core::Core;
use parking_lot::{Condvar, Mutex, MutexGuard};
use sandbox::Kind;
use std::time::{Duration, Instant};

/// Where the memory loop leaves orders and learns how they are doing.
#[derive(Default)]
pub(crate) struct Taker {
    desk: Mutex<Desk>,
    news: Condvar,
}

#[derive(Default)]
struct Desk {
    /// The latest, until it is taken up.
    order: Option<Order>,
    /// Something is left of it.
    at_work: bool,
    stop: bool,
    /// When the slice that is being taken began.
    slice_since: Option<Instant>,
    longest: Duration,
    freed: u64,
}

/// How takings are doing.
#[derive(Clone, Copy, Debug)]
pub(super) struct Progress {
    /// Frames that came free since this was asked last.
    pub(super) freed: u64,
    /// The longest that a slice ever took, the one being taken among them.
    pub(super) longest: Duration,
}

/// What the thread is to do next.
enum Next {
    Begin(Order),
    Slice,
    Stop,
}

/// What the thread does, until the host shuts down.
pub(crate) fn run(core: &Core) {
    sandbox::keep_to(Kind::Memory);
    while !core.taker.is_stopping() {
        super::tell_panics(core, "while memory was taken", || core.taker.work(core));
    }
}

impl Taker {
    /// Has `order` carried out, in place of whatever was left of the one before.
    pub(super) fn order(&self, order: Order) {
        let mut desk = self.desk.lock();
        desk.at_work = !order.is_empty();
        desk.order = Some(order);
        self.news.notify_one();
    }

    /// Whether something is still to be taken.
    pub(super) fn is_at_work(&self) -> bool {
        self.desk.lock().at_work
    }

    pub(super) fn progress(&self) -> Progress {
        let mut desk = self.desk.lock();
        let lasting = desk.slice_since.map_or(Duration::ZERO, |since| since.elapsed());
        Progress { freed: std::mem::take(&mut desk.freed), longest: desk.longest.max(lasting) }
    }

    /// The thread is to end, after the slice that it is taking.
    pub(crate) fn stop(&self) {
        self.desk.lock().stop = true;
        self.news.notify_one();
    }

    fn is_stopping(&self) -> bool {
        self.desk.lock().stop
    }

    fn work(&self, core: &Core) {
        let mut takings = Takings::none();
        self.desk.lock().slice_since = None;
        loop {
            match self.next(core, &takings) {
                Next::Stop => return,
                Next::Begin(order) => takings.begin(order),
                Next::Slice => {
                    let start = Instant::now();
                    self.desk.lock().slice_since = Some(start);
                    let freed = takings.slice(&core.pool, &core.journal);
                    let mut desk = self.desk.lock();
                    desk.slice_since = None;
                    desk.longest = desk.longest.max(start.elapsed());
                    desk.freed += freed;
                }
            }
        }
    }

    /// Waits until there is something to do.
    fn next(&self, core: &Core, takings: &Takings) -> Next {
        let ready_at = takings.ready_at();
        let mut desk = self.desk.lock();
        loop {
            if desk.stop {
                return Next::Stop;
            }
            if let Some(order) = desk.order.take() {
                return Next::Begin(order);
            }
            match ready_at {
                Some(ready) if ready <= Instant::now() => return Next::Slice,
                Some(ready) => {
                    self.news.wait_until(&mut desk, ready);
                }
                None if std::mem::take(&mut desk.at_work) => {
                    // The bell has a lock of its own.
                    MutexGuard::unlocked(&mut desk, || core.wakeup.taken());
                }
                None => self.news.wait(&mut desk),
            }
        }
    }
}
