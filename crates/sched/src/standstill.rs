//! When memory stands still: none is free and hardly any comes free, though all that can be is being taken.
//!
//! **Model.** Swap space for all that is not reserved is set aside at power-on, so memory stands still only
//! while disks do not take what they are given. It stands still from the first second in which memory is *out* (less is
//! free than the threshold of the state low, and somebody waits for a frame) until as much came free, within
//! [`PATIENCE`] seconds at most, as should be free, memory was not out for `CALM` seconds on end, or as much is free, whoever
//! gave it, as where the state soft begins. A page now and then, zeros or equal ones, is no progress. For [`PATIENCE`] seconds that is borne: disks recover. Then one VM
//! whose swap file fails must end so that the others can go on, since what it holds cannot be had in any other way.
//! A VM whose swap file works, or is merely slow, is never ended: it waits.
//!
//! **Invariants.** INV-7, as far as disks let it.

use crate::plan::Plan;
use crate::state::Thresholds;
use addr::{PageCount, VmId};
use std::collections::VecDeque;

/// Seconds for which a standstill is borne.
pub const PATIENCE: u64 = 30;
/// Seconds without want of memory that end a standstill.
const CALM: usize = 5;

/// What was seen in a second.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Second {
    /// Which one, counted from any moment.
    pub tick: u64,
    /// Frames free at its end.
    pub free: PageCount,
    /// Frames that came free in it by being taken.
    pub freed: u64,
    /// Whether a VM waits for a frame whose swap file works.
    pub waited_for: bool,
}

/// Since when memory stands still, if it does. Fold it over [`Second`]s in their order.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Standstill {
    since: Option<u64>,
    now: u64,
    /// The last seconds since then: frames that came free, and whether memory was out.
    seen: VecDeque<(u64, bool)>,
}

impl Standstill {
    /// After one more second.
    #[must_use]
    pub fn second(mut self, seen: Second, thresholds: &Thresholds) -> Self {
        self.now = seen.tick;
        let is_out = seen.free < thresholds.low && seen.waited_for;
        if self.since.is_none() {
            self.since = is_out.then_some(seen.tick);
            self.seen.clear();
        }
        self.seen.push_back((seen.freed, is_out));
        if self.seen.len() as u64 > PATIENCE {
            self.seen.pop_front();
        }
        let freed: u64 = self.seen.iter().map(|second| second.0).sum();
        let is_calm = self.seen.len() >= CALM && self.seen.iter().rev().take(CALM).all(|second| !second.1);
        if freed >= thresholds.high.0 || is_calm || seen.free >= thresholds.soft {
            self.since = None;
        }
        self
    }

    /// Seconds for which it has lasted.
    pub fn seconds(&self) -> u64 {
        self.since.map_or(0, |since| self.now - since)
    }

    /// The VM that must end, of those whose swap files fail: that which holds most above its target.
    pub fn who_must_end(&self, plan: &Plan, failing: impl IntoIterator<Item = VmId>) -> Option<VmId> {
        if self.seconds() < PATIENCE {
            return None;
        }
        let over = |id: &VmId| plan.vm(*id).map(|vm| vm.reclaim.over);
        // One within its target would not be taken from if it could be.
        let could_give = failing.into_iter().filter(|id| over(id).is_some_and(|over| over.0 > 0));
        could_give.max_by_key(|id| (over(id), std::cmp::Reverse(*id)))
    }
}

/// Whether a guest that is being loaded gets on.
///
/// What a VM holds is frozen while its swap file fails, so one that is half loaded then waits until its disk recovers. That is borne for
/// [`LOADING_PATIENCE`] seconds; then the start must fail, so that whoever asked for it knows.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Loading {
    /// Pages the guest had when the stretch began.
    pages: u64,
    /// Seconds of the stretch, and in how many of them the swap file failed.
    seconds: u64,
    failing: u64,
}

/// Seconds for which a guest may be loaded that hardly gets a page because its swap file fails.
pub const LOADING_PATIENCE: u64 = 60;
/// Pages in as many seconds that are no progress: a zero or an equal page comes free now and then.
const HARDLY: u64 = 256;

impl Loading {
    /// After one more second, at whose end the guest had `pages` pages in all.
    #[must_use]
    pub fn second(self, pages: u64, swap_fails: bool) -> Self {
        if pages >= self.pages + HARDLY || self.seconds >= 2 * LOADING_PATIENCE {
            return Self { pages, ..Self::default() };
        }
        Self { pages: self.pages, seconds: self.seconds + 1, failing: self.failing + u64::from(swap_fails) }
    }

    /// Whether it must end. A swap file that is tried again now and then does not fail all the time.
    pub fn must_end(&self) -> bool {
        self.seconds >= LOADING_PATIENCE && self.failing >= LOADING_PATIENCE / 2
    }
}

#[cfg(test)]
mod tests;
