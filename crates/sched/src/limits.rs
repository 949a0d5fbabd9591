//! Limits: what is taken because of them, and what each VM may hold so that they are kept.
//!
//! **Model.** A VM's limit counts its guest's memory, a resource pool's all that its VMs hold, their overhead
//! included. What is held above a limit is taken from the VMs within, those first that pay least, down to
//! their targets, which add up to no more than the limit. What is left below limits is *room* to grow: it is
//! divided down the tree, most of it among VMs that wait. A VM that has used up its room waits, and the plan
//! that follows finds more room for it, or somebody to take from. A VM above a limit that was lowered comes down
//! as its memory is taken: see [`Lowering`].
//!
//! **Invariants.** What the VMs of a resource pool may hold adds up to no more than its limit and the
//! [`slack`]. A VM that waits for a limit either gets room, or memory is taken for it.
//!
//! **Not here.** By which means memory is taken: [`crate::reclaim`].

use crate::divide::{Claim, divide};
use crate::snapshot::{Snapshot, Vm};
use crate::tree::{ROOT, Tree, Who};
use addr::PageCount;
use std::time::Duration;

/// How far a limit may be exceeded while pages are taken back: a 64th, 256 KiB to 1 MiB. Without that, a VM that
/// touches ever new pages would stop at each.
pub fn slack(limit: PageCount) -> PageCount {
    PageCount((limit.0 / 64).clamp(64, 256))
}

/// Parts of the room that a VM gets that waits, for one of a VM that does not.
const WAITING: f64 = 16.0;
/// Room that a VM gets that waits where there is none.
const LEAST_ROOM: u64 = 16;

/// What limits demand, by node of the tree.
pub(crate) struct Limits {
    /// Frames to take from each VM.
    pub(crate) take: Vec<u64>,
    /// Whether somebody waits for what is taken from this VM.
    pub(crate) urgent: Vec<bool>,
    /// Guest memory that each VM may hold.
    pub(crate) most: Vec<PageCount>,
}

/// What limits demand of the VMs. `order` has those over their targets, those first that pay least, and `over`
/// says by how much.
pub(crate) fn limits(
    tree: &Tree,
    snapshot: &Snapshot,
    order: &[usize],
    over: impl Fn(usize) -> u64,
) -> Limits {
    let (take, urgent) = takes(tree, snapshot, order, over);
    let most = room(tree, snapshot, &take);
    Limits { take, urgent, most }
}

/// What is held in each pool, overhead included, when `take` has been taken.
fn held(tree: &Tree, snapshot: &Snapshot, take: impl Fn(usize) -> u64) -> Vec<u64> {
    let mut held =
        tree.sums(|index| snapshot.vms[index].pages.consumed().0 + snapshot.vms[index].overhead.used.0);
    for node in tree.vms() {
        let take = take(node);
        held[node] -= take;
        tree.around(node).for_each(|pool| held[pool] -= take);
    }
    held
}

/// What each VM must give because it or a pool around it is over its limit, and for whom somebody waits.
fn takes(
    tree: &Tree,
    snapshot: &Snapshot,
    order: &[usize],
    over: impl Fn(usize) -> u64,
) -> (Vec<u64>, Vec<bool>) {
    // What each pool still holds above its limit, and whether a VM in it waits.
    let mut excess = held(tree, snapshot, |_| 0);
    let waiting = tree.sums(|index| snapshot.vms[index].waits.into());
    for node in tree.pools() {
        excess[node] = excess[node].saturating_sub(limit(tree, snapshot, node));
    }
    let (mut take, mut urgent) = (vec![0; tree.who.len()], vec![false; tree.who.len()]);
    for &node in order {
        let vm = tree.vm(snapshot, node);
        let own = vm.pages.consumed().0.saturating_sub(vm.controls.ceiling(vm.size).0);
        let around = tree.around(node).map(|pool| excess[pool]).max().unwrap_or(0);
        take[node] = own.max(around).min(over(node));
        urgent[node] = vm.waits || tree.around(node).any(|pool| excess[pool] > 0 && waiting[pool] > 0);
        tree.around(node).for_each(|pool| excess[pool] = excess[pool].saturating_sub(take[node]));
    }
    (take, urgent)
}

/// What each VM may hold when `take` has been taken.
fn room(tree: &Tree, snapshot: &Snapshot, take: &[u64]) -> Vec<PageCount> {
    let held = held(tree, snapshot, |node| take[node]);
    // How much more each could hold by its own limit and those within.
    let mut could = vec![0; tree.who.len()];
    let mut weight = vec![0.0; tree.who.len()];
    for node in (1..tree.who.len()).rev() {
        match tree.who[node] {
            Who::Host => unreachable!("the host is node 0"),
            Who::Vm(index) => {
                let vm = &snapshot.vms[index];
                could[node] = most_by_its_own(vm).0.saturating_sub(held[node] - vm.overhead.used.0);
                weight[node] = if vm.waits { WAITING } else { 1.0 };
            }
            Who::Pool(_) => {
                let limit = limit(tree, snapshot, node);
                let most = limit.saturating_add(slack(PageCount(limit)).0);
                could[node] = could[node].min(most.saturating_sub(held[node]));
            }
        }
        could[tree.parent[node]] += could[node];
        weight[tree.parent[node]] += weight[node];
    }
    let mut room = vec![0; tree.who.len()];
    room[ROOT] = could[ROOT];
    for node in 0..tree.pools().end {
        let claims = tree.children[node].iter().map(|&child| Claim {
            shares: weight[child].max(1.0),
            active: could[child] as f64,
            tax: 0.0,
            min: 0,
            max: could[child],
        });
        let divided = divide(room[node], &claims.collect::<Vec<_>>());
        for (&child, grant) in tree.children[node].iter().zip(divided.grants) {
            room[child] = grant;
        }
    }
    let most = |node: usize| {
        if !tree.vms().contains(&node) {
            return PageCount(0);
        }
        let vm = tree.vm(snapshot, node);
        let holds = held[node] - vm.overhead.used.0;
        let most = holds + room[node];
        // Where nothing more can be taken, since the rest is reserved, whoever waits goes on all the same.
        let least = holds.max(vm.controls.reservation.0.min(vm.size.0)) + LEAST_ROOM;
        PageCount(if vm.waits && room[node] < LEAST_ROOM { most.max(least) } else { most })
    };
    (0..tree.who.len()).map(most).collect()
}

/// What a VM may hold by its own limit.
fn most_by_its_own(vm: &Vm) -> PageCount {
    let ceiling = vm.controls.ceiling(vm.size);
    if ceiling < vm.size { PageCount(ceiling.0 + slack(ceiling).0).min(vm.size) } else { vm.size }
}

fn limit(tree: &Tree, snapshot: &Snapshot, node: usize) -> u64 {
    match tree.who[node] {
        Who::Pool(index) => snapshot.pools[index].controls.limit.map_or(u64::MAX, |limit| limit.0),
        who => unreachable!("node {node} is {who:?}, not a pool"),
    }
}

/// How a VM is brought down to what limits leave it.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Lowering {
    /// Frames a second that are expected to be taken from it.
    pub rate: PageCount,
    /// `Mem.BalancePeriod`, in seconds: the VM loses this part of what is above in a second, if the rate is less.
    pub balance_period: u32,
}

impl Lowering {
    /// What a VM may hold that holds `held`, could hold `before` when this was asked `elapsed` ago, and is to hold
    /// `most` in the end. That goes down as its memory is taken, and at [`Lowering::rate`] if its memory is not, so
    /// that it waits for frames only if it takes new ones faster than others are taken from it.
    pub fn next(self, before: PageCount, held: PageCount, most: PageCount, elapsed: Duration) -> PageCount {
        if most >= before {
            return most;
        }
        let now = PageCount(held.0 + slack(held).0);
        if now < before {
            return most.max(now);
        }
        let part = before.0.saturating_sub(most.0) / u64::from(self.balance_period.max(1));
        let step = self.rate.0.max(part) as f64 * elapsed.as_secs_f64();
        most.max(PageCount(before.0.saturating_sub(step as u64)))
    }
}

#[cfg(test)]
mod tests;
