//! What would be different: two plans compared.

use crate::plan::{Plan, VmPlan};
use crate::state::HostState;
use addr::{PageCount, VmId};
use serde::Serialize;

/// A number of pages before and after.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, Serialize)]
pub struct Shift {
    /// In the first plan.
    pub before: PageCount,
    /// In the second.
    pub after: PageCount,
}

impl Shift {
    /// The difference, in pages.
    pub fn pages(&self) -> i64 {
        self.after.0 as i64 - self.before.0 as i64
    }

    fn changed(&self) -> bool {
        self.before != self.after
    }
}

/// What is different for one VM. A VM that is in one plan only has nothing in the other.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize)]
pub struct Change {
    /// The number of the VM.
    pub id: VmId,
    /// What it should have.
    pub target: Shift,
    /// What it has in the worst case.
    pub worst_case: Shift,
    /// What its balloon is asked to hold.
    pub balloon_target: Shift,
    /// What is swapped, and is to be taken by compressing and swapping now.
    pub swap_target: Shift,
}

/// What is different between two plans.
#[derive(Clone, PartialEq, Eq, Debug, Serialize)]
pub struct Diff {
    /// The host's state before and after.
    pub state: (HostState, HostState),
    /// What there is to divide among VMs.
    pub for_guests: Shift,
    /// The VMs for which something is different, by id.
    pub vms: Vec<Change>,
}

/// Compares two plans.
pub fn diff(before: &Plan, after: &Plan) -> Diff {
    let mut ids: Vec<VmId> = before.vms.iter().chain(&after.vms).map(|vm| vm.id).collect();
    ids.sort_unstable();
    ids.dedup();
    let changes = ids.into_iter().map(|id| {
        let (old, new) = (before.vm(id), after.vm(id));
        let shift = |of: fn(&VmPlan) -> PageCount| Shift {
            before: old.map(of).unwrap_or_default(),
            after: new.map(of).unwrap_or_default(),
        };
        Change {
            id,
            target: shift(|vm| vm.entitlement.target),
            worst_case: shift(|vm| vm.worst_case),
            balloon_target: shift(|vm| vm.reclaim.balloon_target),
            swap_target: shift(|vm| vm.reclaim.swap_target),
        }
    });
    let changed = |change: &Change| {
        [change.target, change.worst_case, change.balloon_target, change.swap_target]
            .iter()
            .any(Shift::changed)
    };
    Diff {
        state: (before.host.state, after.host.state),
        for_guests: Shift { before: before.host.for_guests, after: after.host.for_guests },
        vms: changes.filter(changed).collect(),
    }
}
