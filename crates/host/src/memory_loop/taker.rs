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
//! settings and allowances go on. One that lasts for [`HANGS`] hangs: another thread takes this one's place, and leaves
//! the VMs alone whose swap files lie in the same directory. The thread that hangs ends once its slice does. So as many
//! threads hang as directories do. An assertion that fails here is told as an event, and the thread goes on with the next
//! order.

use super::takings::{Order, Takings};
use crate::core::Core;
use crate::visits::Visit;
use parking_lot::{Condvar, Mutex, MutexGuard};
use sandbox::Kind;
use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::thread;
use std::time::{Duration, Instant};

/// A slice that lasts so long hangs: its VM's disk does not answer.
pub(super) const HANGS: Duration = Duration::from_secs(10);

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
    /// The thread whose turn it was has ended.
    ended: bool,
    /// Which thread's turn it is, counted from 0.
    turn: u64,
    /// The slice that is being taken.
    slice: Option<Slice>,
    /// Those of threads whose turn is over.
    hanging: Vec<(u64, Slice)>,
    longest: Duration,
    freed: u64,
}

/// A slice that is being taken.
#[derive(Clone)]
struct Slice {
    since: Instant,
    /// Where the VM's swap file lies.
    directory: Arc<Path>,
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

/// Starts the thread, which goes on until the host shuts down. Nobody waits for it but [`Taker::stop`], as it may hang.
pub(crate) fn start(core: &Arc<Core>) -> std::io::Result<()> {
    begin(core, 0)
}

/// Starts the thread whose turn is the one given.
fn begin(core: &Arc<Core>, turn: u64) -> std::io::Result<()> {
    let core = Arc::clone(core);
    let thread = thread::Builder::new().name("memtide-taker".to_owned());
    thread.spawn(move || take_in_turn(&core, turn)).map(drop)
}

fn take_in_turn(core: &Core, turn: u64) {
    sandbox::keep_to(Kind::Memory);
    while core.taker.is_turn_of(turn) {
        super::tell_panics(core, "while memory was taken", || core.taker.work(core, turn));
    }
    core.taker.end_turn(turn);
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
        let slices = desk.slice.iter().chain(desk.hanging.iter().map(|(_, slice)| slice));
        let lasting = slices.map(|slice| slice.since.elapsed()).max().unwrap_or_default();
        Progress { freed: std::mem::take(&mut desk.freed), longest: desk.longest.max(lasting) }
    }

    /// Puts another thread in the place of one whose slice hangs. Gives the directories whose disks hang.
    pub(super) fn replace_hanging(&self, core: &Arc<Core>) -> BTreeSet<PathBuf> {
        let mut desk = self.desk.lock();
        if let Some(slice) = desk.slice.clone().filter(|slice| slice.since.elapsed() >= HANGS) {
            let turn = desk.turn + 1;
            // If the machine has no thread to give, it is tried again in a second.
            if begin(core, turn).is_ok() {
                let before = std::mem::replace(&mut desk.turn, turn);
                desk.hanging.push((before, slice));
                desk.slice = None;
            }
        }
        desk.hanging.iter().map(|(_, slice)| slice.directory.to_path_buf()).collect()
    }

    /// The thread is to end, after the slice that it is taking. Waits for that, unless it hangs.
    pub(crate) fn stop(&self) {
        let mut desk = self.desk.lock();
        desk.stop = true;
        self.news.notify_all();
        self.news.wait_while_for(&mut desk, |desk| !desk.ended, HANGS);
    }

    fn end_turn(&self, turn: u64) {
        let mut desk = self.desk.lock();
        desk.ended |= desk.turn == turn;
        self.news.notify_all();
    }

    /// Whether the disk of swap files in `directory` hangs.
    pub(crate) fn hangs(&self, directory: &Path) -> bool {
        self.desk.lock().hanging.iter().any(|(_, slice)| *slice.directory == *directory)
    }

    #[cfg(test)]
    pub(super) fn is_stopping(&self) -> bool {
        self.desk.lock().stop
    }

    fn is_turn_of(&self, turn: u64) -> bool {
        let desk = self.desk.lock();
        !desk.stop && desk.turn == turn
    }

    fn work(&self, core: &Core, turn: u64) {
        let mut takings = Takings::none(&core.clock);
        self.end_slice(turn, None);
        loop {
            match self.next(core, &takings, turn) {
                Next::Stop => return,
                Next::Begin(order) => takings.begin(order),
                Next::Slice => {
                    let vm = takings.first();
                    self.begin_slice(vm.as_ref());
                    // Before the slice, since that keeps it alive.
                    drop(vm);
                    let freed = takings.slice(&core.pool, &core.journal);
                    self.end_slice(turn, Some(freed));
                }
            }
        }
    }

    /// Does what the thread would do by now, in at most so many slices.
    #[cfg(test)]
    pub(super) fn take_for_now(&self, core: &Core, takings: &mut Takings, slices: usize) {
        for _ in 0..slices {
            if let Some(order) = self.desk.lock().order.take() {
                takings.begin(order);
            }
            match takings.ready_at() {
                Some(ready) if ready <= core.clock.now() => {
                    let freed = takings.slice(&core.pool, &core.journal);
                    self.desk.lock().freed += freed;
                }
                Some(_) => return,
                None => {
                    if std::mem::take(&mut self.desk.lock().at_work) {
                        core.wakeup.taken();
                    }
                    return;
                }
            }
        }
    }

    fn begin_slice(&self, vm: Option<&Visit>) {
        let slice = vm.map(|vm| Slice { since: Instant::now(), directory: Arc::clone(&vm.swap_dir) });
        self.desk.lock().slice = slice;
    }

    /// The thread whose turn is, or was, the one given has no slice any more.
    fn end_slice(&self, turn: u64, freed: Option<u64>) {
        let mut desk = self.desk.lock();
        let slice = if desk.turn == turn {
            desk.slice.take()
        } else {
            let at = desk.hanging.iter().position(|(of, _)| *of == turn);
            at.map(|at| desk.hanging.swap_remove(at).1)
        };
        if let (Some(slice), Some(freed)) = (slice, freed) {
            desk.longest = desk.longest.max(slice.since.elapsed());
            desk.freed += freed;
        }
    }

    /// Waits until there is something to do.
    fn next(&self, core: &Core, takings: &Takings, turn: u64) -> Next {
        let ready_at = takings.ready_at();
        let mut desk = self.desk.lock();
        loop {
            if desk.stop || desk.turn != turn {
                return Next::Stop;
            }
            if let Some(order) = desk.order.take() {
                return Next::Begin(order);
            }
            match ready_at {
                Some(ready) if ready <= core.clock.now() => return Next::Slice,
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
