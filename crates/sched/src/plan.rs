//! The plan: what the host should do about its memory now.
//!
//! **Model.** [`plan`] is a pure function of a [`Snapshot`]. The host carries the plan out; "what if"
//! is the plan of an edited snapshot, and [`crate::diff()`] compares the two.
//!
//! **Cost.** O(n log n) in VMs and pools.

use crate::entitlement::{Entitlement, Scenario, entitlements, for_guests};
use crate::reclaim::{Pace, Reclaim, pace, takings};
use crate::snapshot::{PoolId, Snapshot, Vm};
use crate::state::{Actions, HostState, Thresholds, between_seconds, next_state};
use crate::tree::{Tree, Who};
use crate::validate::InvalidSnapshot;
use addr::{PageCount, VmId};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// What the host should do, and why.
#[derive(Clone, PartialEq, Debug, Serialize)]
pub struct Plan {
    /// The host as a whole.
    pub host: HostPlan,
    /// Every resource pool, parents before children.
    pub pools: Vec<PoolPlan>,
    /// Every VM, in the order of their ids.
    pub vms: Vec<VmPlan>,
    /// The VMs over their target, those first that are reclaimed from first.
    pub order: Vec<VmId>,
}

/// The host as a whole.
#[derive(Clone, Copy, PartialEq, Debug, Serialize)]
pub struct HostPlan {
    /// The state from now on.
    pub state: HostState,
    /// What is done in it.
    pub actions: Actions,
    /// Free memory at which states change.
    pub thresholds: Thresholds,
    /// Frames free.
    pub free: PageCount,
    /// Frames that free memory lacks to the high threshold. Reclaimed only if the state's actions say so.
    pub shortfall: PageCount,
    /// What is divided among VMs: the memory without overhead and what should be free.
    pub for_guests: PageCount,
    /// Sums over the VMs.
    pub sums: Sums,
    /// How fast to reclaim.
    pub pace: Pace,
    /// Frames needed that no VM can be made to give.
    pub unmet: PageCount,
}

/// Sums over all VMs.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, Serialize)]
pub struct Sums {
    /// What they want.
    pub wanted: PageCount,
    /// Their targets.
    pub target: PageCount,
    /// What they hold.
    pub consumed: PageCount,
    /// What they hold above their targets.
    pub over: PageCount,
    /// Frames to get from balloons now.
    pub balloon_take: PageCount,
    /// Frames to get by compressing and swapping now.
    pub out_take: PageCount,
    /// Of these takings, what is taken for limits.
    pub for_limits: PageCount,
    /// Balloon sizes to ask for.
    pub balloon_target: PageCount,
    /// Swap targets.
    pub swap_target: PageCount,
}

/// One resource pool.
#[derive(Clone, Copy, PartialEq, Debug, Serialize)]
pub struct PoolPlan {
    /// The number of the resource pool.
    pub id: PoolId,
    /// What it should have, its VMs' guest memory together.
    pub entitlement: Entitlement,
}

/// One VM.
#[derive(Clone, Copy, PartialEq, Debug, Serialize)]
pub struct VmPlan {
    /// The number of the VM.
    pub id: VmId,
    /// What it should have.
    pub entitlement: Entitlement,
    /// What it would have if all VMs used their whole size.
    pub worst_case: PageCount,
    /// What is taken from it, or given back.
    pub reclaim: Reclaim,
    /// Guest memory that it may hold by its limit and those of the pools around it; its size if none binds.
    pub most: PageCount,
    /// Whether it may take another frame.
    pub allowance: Allowance,
}

/// Whether a VM may take another frame.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Allowance {
    /// At once.
    Free,
    /// Only once it is no longer over its target.
    Waits,
    /// Only within its reservation, until its swap file takes pages again: what it takes now could not be taken back,
    /// and there is not enough memory for all that it could still take.
    Frozen,
}

impl Allowance {
    fn of(vm: &Vm, reclaim: &Reclaim, actions: Actions, room_for_failing: bool) -> Self {
        if vm.swap_fails && !room_for_failing {
            Self::Frozen
        } else if actions.block && reclaim.over.0 > 0 {
            Self::Waits
        } else {
            Self::Free
        }
    }
}

impl Plan {
    /// The plan for the VM called `id`.
    pub fn vm(&self, id: VmId) -> Option<&VmPlan> {
        self.vms.binary_search_by_key(&id, |vm| vm.id).ok().map(|index| &self.vms[index])
    }

    /// Whether VMs get part of their balloons back. If so it is to be planned again soon: what they get is
    /// bounded by the memory free now, and most of it is still free when they have it.
    pub fn gives_back(&self, snapshot: &Snapshot) -> bool {
        self.vms.iter().any(|planned| {
            let ballooned = snapshot.vm(planned.id).map_or(PageCount(0), |vm| vm.pages.ballooned);
            planned.reclaim.balloon_target < ballooned
        })
    }

    /// The plan for the resource pool called `id`.
    pub fn pool(&self, id: PoolId) -> Option<&PoolPlan> {
        self.pools.iter().find(|pool| pool.id == id)
    }
}

/// Decides what to do about `snapshot`.
///
/// # Errors
///
/// Pools or VMs that lie nowhere, within themselves, or have one id. Controls that contradict each
/// other are not refused here but resolved: a limit counts more than a reservation. [`Snapshot::check`]
/// refuses them.
pub fn plan(snapshot: &Snapshot) -> Result<Plan, InvalidSnapshot> {
    let tree = Tree::new(snapshot)?;
    let host = &snapshot.host;
    let thresholds = Thresholds::new(host.memory, u64::from(host.settings.min_free_percent));
    let state = if host.may_recover {
        next_state(host.state, host.free, &thresholds)
    } else {
        between_seconds(host.state, host.free, &thresholds)
    };
    let shortfall = PageCount(thresholds.high.0.saturating_sub(host.free.0));

    let amount = for_guests(&tree, snapshot, Scenario::Now, thresholds.high);
    let entitled = entitlements(&tree, snapshot, Scenario::Now, amount);
    let worst = worst_case(&tree, snapshot, &thresholds);
    let taken = takings(&tree, snapshot, &entitled, state, &thresholds, shortfall);

    let room_for_failing = has_room_for_failing(snapshot, &thresholds);

    let vms: Vec<VmPlan> = tree
        .vms()
        .map(|node| {
            let reclaim = taken.of(node);
            VmPlan {
                id: vm_id(&tree, snapshot, node),
                entitlement: entitled[node],
                worst_case: worst[node].target,
                reclaim,
                most: taken.most[node],
                allowance: Allowance::of(
                    tree.vm(snapshot, node),
                    &reclaim,
                    state.actions(),
                    room_for_failing,
                ),
            }
        })
        .collect();
    let pools = tree.pools().map(|node| match tree.who[node] {
        Who::Pool(index) => PoolPlan { id: snapshot.pools[index].id, entitlement: entitled[node] },
        who => unreachable!("node {node} is {who:?}, not a pool"),
    });
    Ok(Plan {
        host: HostPlan {
            state,
            actions: state.actions(),
            thresholds,
            free: host.free,
            shortfall,
            for_guests: amount,
            sums: Sums { for_limits: taken.for_limits, ..sums(&vms) },
            pace: pace(state, shortfall),
            unmet: taken.unmet,
        },
        pools: pools.collect(),
        order: taken.order.iter().map(|&node| vm_id(&tree, snapshot, node)).collect(),
        vms,
    })
}

/// Whether VMs whose swap files fail could take all that they still can, and enough would be free.
fn has_room_for_failing(snapshot: &Snapshot, thresholds: &Thresholds) -> bool {
    let failing = snapshot.vms.iter().filter(|vm| vm.swap_fails);
    let growth = failing.map(|vm| vm.controls.ceiling(vm.size).0.saturating_sub(vm.pages.consumed().0));
    snapshot.host.free.0 >= thresholds.high.0 + growth.sum::<u64>()
}

/// The entitlements, by node, if all VMs used their whole size and reserved overhead.
fn worst_case(tree: &Tree, snapshot: &Snapshot, thresholds: &Thresholds) -> Vec<Entitlement> {
    let amount = for_guests(tree, snapshot, Scenario::WorstCase, thresholds.high);
    entitlements(tree, snapshot, Scenario::WorstCase, amount)
}

fn vm_id(tree: &Tree, snapshot: &Snapshot, node: usize) -> VmId {
    tree.vm(snapshot, node).id
}

fn sums(vms: &[VmPlan]) -> Sums {
    let sum = |of: fn(&VmPlan) -> PageCount| PageCount(vms.iter().map(|vm| of(vm).0).sum());
    Sums {
        wanted: sum(|vm| vm.entitlement.wanted),
        target: sum(|vm| vm.entitlement.target),
        consumed: sum(|vm| vm.reclaim.consumed),
        over: sum(|vm| vm.reclaim.over),
        balloon_take: sum(|vm| vm.reclaim.balloon_take),
        out_take: sum(|vm| vm.reclaim.out_take),
        for_limits: PageCount(0),
        balloon_target: sum(|vm| vm.reclaim.balloon_target),
        swap_target: sum(|vm| vm.reclaim.swap_target),
    }
}
