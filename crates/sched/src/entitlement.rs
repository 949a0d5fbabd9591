//! What each VM and each resource pool should have.
//!
//! **Model.** Every VM *wants* what it holds, what was reclaimed from it, and some headroom to grow, up
//! to its limit. The memory there is for guests is divided down the tree of pools: among the children
//! of the host, then within each pool what it got, each time by `divide`. A pool claims what its VMs
//! want together, up to its limit, and no less than its reservation or its children's minima.
//!
//! What a VM wants does not change when pages are ballooned, compressed or swapped; nor do targets. So
//! a plan that is carried out leads to the same plan again. For that, ballooned pages count if something came free
//! with them; those never used, which a balloon takes too, were not wanted before either.
//!
//! The progressive tax takes each VM's rate from the idle part of what it wants: `IdleTax * (1 - active
//! / wanted)`.
//!
//! The *worst case* is what a VM gets if all use their whole size at once: reservations, limits and
//! shares decide.
//!
//! **Sources.** Waldspurger 2002, section 5; `docs/decisions/0010-progressive-tax.md`.

use crate::divide::{Claim, divide};
use crate::settings::{Settings, TaxType};
use crate::snapshot::{ResourcePool, Snapshot, Vm};
use crate::tree::{ROOT, Tree, Who};
use addr::{ByteSize, PageCount};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// Headroom to grow is this part of what a VM has, and no less than `LEAST_HEADROOM`.
const HEADROOM_PART: u64 = 8;
const LEAST_HEADROOM: PageCount = ByteSize::mib(4).pages();

/// What decided how much a VM or a resource pool should have.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Bound {
    /// It gets all that it wants.
    Wanted,
    /// It would want more than its limit, or its pool's limits, allow.
    Limit,
    /// Its reservation, or for a pool those within, lifts it above what its shares would give.
    Reservation,
    /// Its shares buy no more than part of its active memory.
    Shares,
    /// Its shares buy its active memory and, at the taxed price, part of what is idle.
    TaxedShares,
    /// There is not even enough for all reservations.
    Scarcity,
}

/// What a VM or a resource pool should have, and why.
#[derive(Clone, Copy, PartialEq, Debug, Serialize)]
pub struct Entitlement {
    /// Machine memory that it should hold at most when memory is short; of guest pages, without overhead.
    pub target: PageCount,
    /// What decided that.
    pub bound: Bound,
    /// What it would hold if there were memory for all.
    pub wanted: PageCount,
    /// The least it is given, by reservation and as far as wanted.
    pub min: PageCount,
    /// The most it is given, by limits and as far as wanted.
    pub max: PageCount,
    /// Pages in use.
    pub active: PageCount,
    /// The part of its idle memory that may be taken, from 0 to less than 1.
    pub tax: f64,
    /// Its number of shares.
    pub shares: u64,
    /// Its shares in terms of those of the host's own children: the pool's, in proportion to those of
    /// its siblings.
    pub effective_shares: f64,
    /// Active pages that one share buys among its siblings; `null` when these all got what they may have.
    pub lambda: Option<f64>,
}

/// What a VM wants: all it has or had, and headroom, up to its limit.
fn wanted(vm: &Vm) -> PageCount {
    let held = vm.pages.held_or_reclaimed();
    let headroom = (held.0 / HEADROOM_PART).max(LEAST_HEADROOM.0);
    PageCount((held.0 + headroom).min(vm.size.0))
}

/// What all in all nodes of the tree get, by node.
struct Demand {
    wanted: u64,
    claim: Claim,
    overhead: u64,
}

/// Who asks for how much: real demand, or all that could be.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Scenario {
    /// What VMs want now.
    Now,
    /// Every VM uses its whole size.
    WorstCase,
}

impl Scenario {
    fn overhead(self, vm: &Vm) -> u64 {
        match self {
            Self::Now => vm.overhead.used.0,
            Self::WorstCase => vm.overhead.reserved.0.max(vm.overhead.used.0),
        }
    }

    fn of_vm(self, vm: &Vm, settings: &Settings) -> Demand {
        let (wanted, active) = match self {
            Self::Now => (wanted(vm), vm.active),
            Self::WorstCase => (vm.size, vm.size),
        };
        let max = wanted.min(vm.controls.ceiling(vm.size)).0;
        let min = vm.controls.reservation.0.min(max);
        let shares = vm.controls.shares.of_vm(vm.size);
        Demand {
            wanted: wanted.0,
            claim: claim(shares, active.0, wanted.0, min, max, settings),
            overhead: self.overhead(vm),
        }
    }
}

fn claim(shares: u64, active: u64, wanted: u64, min: u64, max: u64, settings: &Settings) -> Claim {
    let active = active.min(wanted) as f64;
    let rate = f64::from(settings.idle_tax.min(99)) / 100.0;
    let tax = match settings.idle_tax_type {
        TaxType::Flat => rate,
        TaxType::Progressive => rate * (1.0 - active / (wanted as f64).max(1.0)),
    };
    Claim { shares: shares as f64, active, tax, min, max }
}

/// A pool's demand from the sums over its children, their shares included.
fn of_pool(pool: &ResourcePool, within: &Demand, settings: &Settings) -> Demand {
    let controls = &pool.controls;
    let limit = controls.limit.map_or(u64::MAX, |limit| limit.0.saturating_sub(within.overhead));
    let max = within.claim.max.min(limit);
    let reserved = controls.reservation.0.saturating_sub(within.overhead);
    let min = within.claim.min.max(reserved).min(max);
    let shares = if pool.scalable_shares {
        controls.shares.of_scalable_pool(within.claim.shares as u64)
    } else {
        controls.shares.of_pool()
    };
    let claim = claim(shares, within.claim.active as u64, within.wanted, min, max, settings);
    Demand { wanted: within.wanted, claim, overhead: within.overhead }
}

fn demands(tree: &Tree, snapshot: &Snapshot, scenario: Scenario) -> Vec<Demand> {
    let nothing = || Demand {
        wanted: 0,
        claim: Claim { shares: 0.0, active: 0.0, tax: 0.0, min: 0, max: 0 },
        overhead: 0,
    };
    let mut demands: Vec<Demand> = tree.who.iter().map(|_| nothing()).collect();
    for node in (1..tree.who.len()).rev() {
        demands[node] = match tree.who[node] {
            Who::Host => unreachable!("the host is node 0"),
            Who::Vm(index) => scenario.of_vm(&snapshot.vms[index], &snapshot.host.settings),
            Who::Pool(index) => of_pool(&snapshot.pools[index], &demands[node], &snapshot.host.settings),
        };
        let [parent, child] =
            demands.get_disjoint_mut([tree.parent[node], node]).expect("a node is not its own parent");
        parent.wanted += child.wanted;
        parent.claim.shares += child.claim.shares;
        parent.claim.active += child.claim.active;
        parent.claim.min += child.claim.min;
        parent.claim.max += child.claim.max;
        parent.overhead += child.overhead;
    }
    demands
}

/// The memory left for guests when the overhead is paid and `free` is free.
pub(crate) fn for_guests(tree: &Tree, snapshot: &Snapshot, scenario: Scenario, free: PageCount) -> PageCount {
    let host = &snapshot.host;
    let overhead = tree.sums(|index| scenario.overhead(&snapshot.vms[index]))[ROOT];
    PageCount(host.memory.0.saturating_sub(host.overhead.0 + overhead + free.0))
}

/// Divides `amount` among all; the entitlements by node. The host's own entry says what was divided.
pub(crate) fn entitlements(
    tree: &Tree,
    snapshot: &Snapshot,
    scenario: Scenario,
    amount: PageCount,
) -> Vec<Entitlement> {
    let demands = demands(tree, snapshot, scenario);
    let mut entitlements: Vec<Entitlement> = demands.iter().map(before_division).collect();
    entitlements[ROOT].target = amount.min(entitlements[ROOT].max);
    entitlements[ROOT].effective_shares =
        tree.children[ROOT].iter().map(|&child| demands[child].claim.shares).sum();
    for node in 0..tree.pools().end {
        let children = &tree.children[node];
        let claims: Vec<Claim> = children.iter().map(|&child| demands[child].claim).collect();
        let all_shares: f64 = claims.iter().map(|claim| claim.shares).sum();
        let divided = divide(entitlements[node].target.0, &claims);
        for ((&child, claim), grant) in children.iter().zip(&claims).zip(divided.grants) {
            let effective_shares = entitlements[node].effective_shares * claim.shares / all_shares;
            let child = &mut entitlements[child];
            child.target = PageCount(grant);
            child.effective_shares = effective_shares;
            child.lambda = divided.lambda;
            child.bound = bound(child, claim);
        }
    }
    entitlements
}

fn before_division(demand: &Demand) -> Entitlement {
    Entitlement {
        target: PageCount(0),
        bound: Bound::Wanted,
        wanted: PageCount(demand.wanted),
        min: PageCount(demand.claim.min),
        max: PageCount(demand.claim.max),
        active: PageCount(demand.claim.active as u64),
        tax: demand.claim.tax,
        shares: demand.claim.shares as u64,
        effective_shares: 0.0,
        lambda: None,
    }
}

fn bound(of: &Entitlement, claim: &Claim) -> Bound {
    match of.target {
        target if target >= of.wanted => Bound::Wanted,
        target if target >= of.max => Bound::Limit,
        target if target < of.min => Bound::Scarcity,
        target
            if target == of.min
                && of.lambda.is_some_and(|lambda| claim.unbounded(lambda) < target.0 as f64) =>
        {
            Bound::Reservation
        }
        target if target <= of.active => Bound::Shares,
        _ => Bound::TaxedShares,
    }
}
