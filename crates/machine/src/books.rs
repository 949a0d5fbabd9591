//! Whether two books of the same thing agree, while what they count goes on changing (INV-5).
//!
//! **Model.** What changes a page's state changes several counts: the VM's census, its zip store's size, what the pool has
//! handed out. It does so within a *section* of the VM. Who compares books looks for open sections first, reads, and looks
//! whether another has begun meanwhile: if there were none, what was read is of one moment and must agree exactly. If there
//! always are some, nothing can be said.
//!
//! A section never lasts over a wait for a frame, a disk or another's passage. A frame that was taken and has no place yet,
//! for which such waits are made, is *in flight*, and counted so by the pool.
//!
//! **Concurrency.** No lock. Sections nest and overlap.

use crate::pool::Pool;
use crate::sync::{AtomicU64, Ordering, fence};
use crate::vm_memory::VmMemory;
use addr::PageCount;
use std::thread;
use std::time::Duration;

/// What was found of books that are compared.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Books {
    /// They agree.
    Agree,
    /// They do not.
    Differ(String),
    /// Nothing can be said, and why.
    Undecided(&'static str),
}

/// How often and how long apart books are looked at until they can be compared: for two seconds.
const LOOKS: u32 = 1000;
const BETWEEN: Duration = Duration::from_millis(2);

impl Books {
    /// Has `look` compare books again and again until that decides, for two seconds at most.
    pub fn decide(look: impl Fn() -> Self) -> Self {
        let mut last = look();
        for _ in 1..LOOKS {
            if !matches!(last, Self::Undecided(_)) {
                break;
            }
            thread::sleep(BETWEEN);
            last = look();
        }
        last
    }
}

/// Counts sections, so that who reads what they change knows whether it read the halves of a change.
pub(crate) struct Sections {
    begun: AtomicU64,
    ended: AtomicU64,
}

impl Sections {
    pub(crate) fn new() -> Self {
        Self { begun: AtomicU64::new(0), ended: AtomicU64::new(0) }
    }

    /// Begins a section, which ends when what this gives is dropped.
    pub(crate) fn begin(&self) -> Section<'_> {
        self.begun.fetch_add(1, Ordering::SeqCst);
        // What the section changes is seen by nobody who does not see that it has begun.
        fence(Ordering::SeqCst);
        Section(self)
    }

    /// A name for this moment, if no section is open.
    pub(crate) fn quiet(&self) -> Option<u64> {
        let ended = self.ended.load(Ordering::SeqCst);
        (self.begun.load(Ordering::SeqCst) == ended).then_some(ended)
    }

    /// Whether no section has begun since then.
    pub(crate) fn is_still(&self, quiet: u64) -> bool {
        fence(Ordering::SeqCst);
        self.begun.load(Ordering::SeqCst) == quiet
    }
}

/// An open section. See [`Sections::begin`].
pub(crate) struct Section<'a>(&'a Sections);

impl Drop for Section<'_> {
    fn drop(&mut self) {
        self.0.ended.fetch_add(1, Ordering::SeqCst);
    }
}

/// What `read` reads of `memories` and their pool, if that is of one moment.
fn at_once<'a, T>(memories: impl Iterator<Item = &'a VmMemory> + Clone, read: impl Fn() -> T) -> Option<T> {
    let quiet: Option<Vec<u64>> = memories.clone().map(|memory| memory.sections.quiet()).collect();
    let quiet = quiet?;
    let value = read();
    memories.zip(quiet).all(|(memory, quiet)| memory.sections.is_still(quiet)).then_some(value)
}

/// What `read` reads of `memories` and their pool: of one moment, unless pages change all the time.
pub fn read_at_once<'a, T>(
    memories: &(impl Iterator<Item = &'a VmMemory> + Clone),
    read: impl Fn() -> T,
) -> T {
    const TRIES: usize = 10;
    (0..TRIES).find_map(|_| at_once(memories.clone(), &read)).unwrap_or_else(read)
}

impl Pool {
    /// Compares what the pool has handed out and promised with what `memories`, which are to be all there are, have by their own
    /// books (INV-5).
    pub fn compare_books<'a>(&self, memories: impl Iterator<Item = &'a VmMemory> + Clone) -> Books {
        let sum = |of: fn(&VmMemory) -> u64| PageCount(memories.clone().map(of).sum());
        let read = || {
            let held = [
                sum(|memory| memory.census.private()),
                sum(|memory| memory.stores.zip_frames()),
                sum(|memory| memory.reservation().0),
            ];
            (self.usage(), held)
        };
        let Some((usage, held)) = at_once(memories.clone(), read) else {
            return Books::Undecided("pages change all the time");
        };
        if usage.memories != memories.count() as u64 {
            return Books::Undecided("a VM is starting or ending");
        }
        let pools = [usage.private, usage.zip, usage.reserved];
        if pools == held {
            return Books::Agree;
        }
        Books::Differ(format!(
            "INV-5: the pool's books have {} private frames, {} of zip stores and {} reserved, the VMs' {}, {} and {}; {} are in flight",
            pools[0].0, pools[1].0, pools[2].0, held[0].0, held[1].0, held[2].0, usage.in_flight.0
        ))
    }
}

impl VmMemory {
    /// Begins a section in which more than one book of this VM changes.
    pub(crate) fn section(&self) -> Section<'_> {
        self.sections.begin()
    }
}
