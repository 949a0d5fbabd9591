//! When memory stands still: none is free and none comes free, though all that can be is being taken.
//!
//! **Model.** Swap space for all that is not reserved is set aside at power-on, so memory stands still only
//! while disks do not take what they are given. For [`PATIENCE`] seconds that is borne: disks recover. Then one VM
//! whose swap file fails must end so that the others can go on, since what it holds cannot be had in any other way.
//! A VM whose swap file works, or is merely slow, is never ended: it waits.
//!
//! **Invariants.** INV-7, as far as disks let it.

use crate::plan::Plan;
use crate::snapshot::VmId;
use addr::PageCount;

/// Seconds for which a standstill is borne.
pub const PATIENCE: u64 = 30;

/// What was seen in a second.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Second {
    /// Which one, counted from any moment.
    pub tick: u64,
    /// Frames free at its end.
    pub free: PageCount,
    /// Frames that came free in it by being taken.
    pub freed: u64,
}

/// Since when memory stands still, if it does. Fold it over [`Second`]s in their order.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Standstill {
    since: Option<u64>,
    now: u64,
}

impl Standstill {
    /// After one more second.
    #[must_use]
    pub fn second(self, seen: Second) -> Self {
        let stands = seen.free.0 == 0 && seen.freed == 0;
        Self { since: stands.then(|| self.since.unwrap_or(seen.tick)), now: seen.tick }
    }

    /// Seconds for which it has lasted.
    pub fn seconds(self) -> u64 {
        self.since.map_or(0, |since| self.now - since)
    }

    /// The VM that must end, of those whose swap files fail: that which holds most above its target.
    pub fn who_must_end(self, plan: &Plan, failing: impl IntoIterator<Item = VmId>) -> Option<VmId> {
        if self.seconds() < PATIENCE {
            return None;
        }
        let over = |id: &VmId| plan.vm(*id).map(|vm| vm.reclaim.over);
        // One within its target would not be taken from if it could be.
        let could_give = failing.into_iter().filter(|id| over(id).is_some_and(|over| over.0 > 0));
        could_give.max_by_key(|id| (over(id), std::cmp::Reverse(*id)))
    }
}

#[cfg(test)]
mod tests;
