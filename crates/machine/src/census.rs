//! How many pages of a VM are in each state, kept as they change.
//!
//! **Invariants.** INV-5: the states add up to the VM's size. Each passage moves one page from one
//! count to another, so the sum is right whenever nothing is between the two.

use crate::entry::PageState;
use addr::PageCount;
use std::sync::atomic::{AtomicU64, Ordering};

/// How many pages of a VM are in each state. They add up to the VM's size.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct PageCensus {
    /// Never used, or given back by the guest.
    pub untouched: PageCount,
    /// In a frame of their own.
    pub private: PageCount,
    /// In a frame with others.
    pub shared: PageCount,
    /// All zeros, in the pool's frame of zeros.
    pub zero: PageCount,
    /// In the guest's balloon.
    pub ballooned: PageCount,
    /// Of these, pages that had content when they went in, so that something came free.
    pub balloon_freed: PageCount,
    /// Compressed.
    pub compressed: PageCount,
    /// In the swap file.
    pub swapped: PageCount,
}

impl PageCensus {
    /// All pages: the VM's size.
    pub fn total(&self) -> PageCount {
        PageCount(self.as_array().iter().map(|count| count.0).sum())
    }

    fn as_array(&self) -> [PageCount; STATES] {
        let Self { untouched, private, shared, zero, ballooned, balloon_freed: _, compressed, swapped } =
            *self;
        [untouched, private, shared, zero, ballooned, compressed, swapped]
    }

    /// Counts one page.
    pub(crate) fn add(&mut self, state: PageState) {
        let count = match state {
            PageState::Untouched => &mut self.untouched,
            PageState::Private(_) => &mut self.private,
            PageState::Shared(_) => &mut self.shared,
            PageState::Zero(_) => &mut self.zero,
            PageState::Ballooned { freed } => {
                self.balloon_freed.0 += u64::from(freed);
                &mut self.ballooned
            }
            PageState::Compressed(_) => &mut self.compressed,
            PageState::Swapped(_) => &mut self.swapped,
        };
        count.0 += 1;
    }
}

const STATES: usize = 7;

const fn index(state: PageState) -> usize {
    match state {
        PageState::Untouched => 0,
        PageState::Private(_) => 1,
        PageState::Shared(_) => 2,
        PageState::Zero(_) => 3,
        PageState::Ballooned { .. } => 4,
        PageState::Compressed(_) => 5,
        PageState::Swapped(_) => 6,
    }
}

/// A census that changes with the pages.
pub(crate) struct RunningCensus {
    states: [AtomicU64; STATES],
    balloon_freed: AtomicU64,
}

impl RunningCensus {
    /// Of a VM whose pages are all untouched.
    pub(crate) fn new(size: PageCount) -> Self {
        let census = Self { states: Default::default(), balloon_freed: AtomicU64::new(0) };
        census.states[index(PageState::Untouched)].store(size.0, Ordering::Relaxed);
        census
    }

    /// One page goes from one state to another.
    pub(crate) fn moves(&self, from: PageState, to: PageState) {
        if from == (PageState::Ballooned { freed: true }) {
            self.balloon_freed.fetch_sub(1, Ordering::Relaxed);
        }
        if to == (PageState::Ballooned { freed: true }) {
            self.balloon_freed.fetch_add(1, Ordering::Relaxed);
        }
        let (from, to) = (index(from), index(to));
        if from != to {
            self.states[from].fetch_sub(1, Ordering::Relaxed);
            self.states[to].fetch_add(1, Ordering::Relaxed);
        }
    }

    pub(crate) fn now(&self) -> PageCensus {
        let [untouched, private, shared, zero, ballooned, compressed, swapped] =
            [0, 1, 2, 3, 4, 5, 6].map(|index: usize| PageCount(self.states[index].load(Ordering::Relaxed)));
        let balloon_freed = PageCount(self.balloon_freed.load(Ordering::Relaxed));
        PageCensus { untouched, private, shared, zero, ballooned, balloon_freed, compressed, swapped }
    }

    /// Pages in a frame of their own.
    pub(crate) fn private(&self) -> u64 {
        self.states[1].load(Ordering::Relaxed)
    }
}
