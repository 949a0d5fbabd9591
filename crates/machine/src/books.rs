//! Whether two books of the same thing agree, while what they count goes on changing (INV-5).
//!
//! **Model.** What is read between two sections ([`crate::pages::sections`]) is of one moment and must agree exactly. If there
//! always are some, nothing can be said. A frame that was taken and has no place yet, for which somebody may wait outside of any
//! section, is *in flight*, and counted so by the pool.
//!
//! **Concurrency.** No lock.

use crate::pool::Pool;
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

/// What `read` reads of `memories` and their pool, if that is of one moment.
fn at_once<'a, T>(memories: impl Iterator<Item = &'a VmMemory> + Clone, read: impl Fn() -> T) -> Option<T> {
    let quiet: Option<Vec<u64>> = memories.clone().map(|memory| memory.pages.sections().quiet()).collect();
    let quiet = quiet?;
    let value = read();
    memories.zip(quiet).all(|(memory, quiet)| memory.pages.sections().is_still(quiet)).then_some(value)
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
                sum(|memory| memory.pages.private()),
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
