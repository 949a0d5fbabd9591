//! How many pages of a VM are in each state, kept as they change.
//!
//! **Invariants.** INV-5: the states add up to the VM's size. Each passage moves one page from one
//! count to another, so the sum is right whenever nothing is between the two.

use super::state::{PageState, StateTag};
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
        let mut census = *self;
        PageCount(StateTag::ALL.map(|tag| census.of(tag).0).into_iter().sum())
    }

    /// How many pages are in states with this tag.
    fn of(&mut self, tag: StateTag) -> &mut PageCount {
        match tag {
            StateTag::Untouched => &mut self.untouched,
            StateTag::Private => &mut self.private,
            StateTag::Shared => &mut self.shared,
            StateTag::Zero => &mut self.zero,
            StateTag::Ballooned => &mut self.ballooned,
            StateTag::Compressed => &mut self.compressed,
            StateTag::Swapped => &mut self.swapped,
        }
    }

    /// Counts one page.
    pub(crate) fn add(&mut self, state: PageState) {
        self.balloon_freed.0 += u64::from(state == PageState::Ballooned { freed: true });
        self.of(state.tag()).0 += 1;
    }
}

/// A census that changes with the pages.
pub(super) struct RunningCensus {
    /// By tag.
    states: [AtomicU64; StateTag::ALL.len()],
    balloon_freed: AtomicU64,
}

impl RunningCensus {
    /// Of a VM whose pages are all untouched.
    pub(super) fn new(size: PageCount) -> Self {
        let census = Self { states: Default::default(), balloon_freed: AtomicU64::new(0) };
        census.of(StateTag::Untouched).store(size.0, Ordering::Relaxed);
        census
    }

    fn of(&self, tag: StateTag) -> &AtomicU64 {
        &self.states[tag.index()]
    }

    /// One page goes from one state to another.
    pub(super) fn moves(&self, from: PageState, to: PageState) {
        if from == (PageState::Ballooned { freed: true }) {
            self.balloon_freed.fetch_sub(1, Ordering::Relaxed);
        }
        if to == (PageState::Ballooned { freed: true }) {
            self.balloon_freed.fetch_add(1, Ordering::Relaxed);
        }
        if from.tag() != to.tag() {
            self.of(from.tag()).fetch_sub(1, Ordering::Relaxed);
            self.of(to.tag()).fetch_add(1, Ordering::Relaxed);
        }
    }

    pub(super) fn now(&self) -> PageCensus {
        let balloon_freed = PageCount(self.balloon_freed.load(Ordering::Relaxed));
        let mut census = PageCensus { balloon_freed, ..PageCensus::default() };
        for tag in StateTag::ALL {
            census.of(tag).0 = self.of(tag).load(Ordering::Relaxed);
        }
        census
    }

    /// Pages in a frame of their own.
    pub(super) fn private(&self) -> u64 {
        self.of(StateTag::Private).load(Ordering::Relaxed)
    }
}
