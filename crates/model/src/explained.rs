//! Why a VM holds what it holds, as plain data.
//!
//! **Model.** [`sched::Explanation`] in bytes, with its sentences. Fields are called as in the status and in events.

use crate::status::ThresholdBytes;
use crate::what_if::{Shift, shift};
use addr::ByteSize;
use sched::balloon::Conduct;
use sched::{
    Allowance, BalloonUse, Bound, Entitlement, Explanation, HostState, Lever, Pages, Reclaim, Sibling,
    Slowdown, Why,
};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// Why a VM holds what it holds, and what would change it.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize, ToSchema)]
pub struct Explained {
    /// All of it in sentences.
    pub text: String,
    /// The VM.
    pub name: String,
    /// Guest physical memory.
    pub size_bytes: ByteSize,
    /// What is guaranteed to it.
    pub reservation_bytes: ByteSize,
    /// What it never exceeds.
    pub limit_bytes: Option<ByteSize>,
    /// What its pages are.
    pub pages: PageBytes,
    /// What it should have.
    pub entitlement: EntitlementBytes,
    /// What it would have if all VMs used their whole size.
    pub worst_case_bytes: ByteSize,
    /// The resource pools around it, from the inside.
    pub pools: Vec<PoolEntitlement>,
    /// What is taken from it, or given back.
    pub reclaim: ReclaimBytes,
    /// How its balloon's driver conducts itself.
    pub balloon_conduct: Conduct,
    /// How much of its time it waits for memory.
    pub slowdown: Slowdown,
    /// Whether it may take another frame at once.
    pub allowance: Allowance,
    /// The host's state.
    pub state: HostState,
    /// Free machine memory.
    pub free_bytes: ByteSize,
    /// Free memory at which states change.
    pub thresholds: ThresholdBytes,
    /// What there is for guests.
    pub for_guests_bytes: ByteSize,
    /// What shares memory with it, in its resource pool or on the host, those with the most shares first.
    pub siblings: Vec<SiblingShares>,
    /// Changes that would give it another target and would be admitted.
    pub levers: Vec<LeverBytes>,
}

/// What a VM's pages are. They add up to its size, without `balloon_freed_bytes`, which is part of another.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize, ToSchema)]
pub struct PageBytes {
    /// In frames of their own.
    pub private_bytes: ByteSize,
    /// In frames that several pages share; without zeros.
    pub shared_bytes: ByteSize,
    /// Zero pages.
    pub zero_bytes: ByteSize,
    /// In the balloon.
    pub ballooned_bytes: ByteSize,
    /// Of these, what came free when the balloon took it; the rest was never used, or zero.
    pub balloon_freed_bytes: ByteSize,
    /// Compressed.
    pub compressed_bytes: ByteSize,
    /// In the swap file.
    pub swapped_bytes: ByteSize,
    /// Never used, or given back.
    pub untouched_bytes: ByteSize,
}

/// What a VM or a resource pool should have, and what decided that.
#[derive(Clone, Copy, PartialEq, Debug, Serialize, Deserialize, ToSchema)]
pub struct EntitlementBytes {
    /// What it should hold at most when memory is short.
    pub target_bytes: ByteSize,
    /// What decided that.
    pub bound: Bound,
    /// What it would hold if there were memory for all.
    pub wanted_bytes: ByteSize,
    /// The least it is given.
    pub min_bytes: ByteSize,
    /// The most it is given.
    pub max_bytes: ByteSize,
    /// What it uses.
    pub active_bytes: ByteSize,
    /// The part of its idle memory that may be taken.
    pub tax: f64,
    /// Its number of shares.
    pub shares: u64,
    /// Memory in use that one share buys among its siblings; `null` when these all got what they may have.
    pub bytes_per_share: Option<f64>,
}

/// What a resource pool should have.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize, ToSchema)]
pub struct PoolEntitlement {
    /// The name of the resource pool.
    pub name: String,
    /// What its VMs should have together.
    #[serde(flatten)]
    pub entitlement: EntitlementBytes,
}

/// What is taken from a VM, or given back.
#[derive(Clone, Copy, PartialEq, Debug, Serialize, Deserialize, ToSchema)]
pub struct ReclaimBytes {
    /// Why memory is taken or not.
    pub why: Why,
    /// What it pays for a page in shares; `null` if it holds nothing.
    pub price: Option<f64>,
    /// Machine memory it holds.
    pub consumed_bytes: ByteSize,
    /// What of that is above its target.
    pub over_bytes: ByteSize,
    /// What part its balloon has in this.
    pub balloon_use: BalloonUse,
    /// What its balloon is to give now.
    pub balloon_take_bytes: ByteSize,
    /// The size its balloon is asked to have.
    pub balloon_target_bytes: ByteSize,
    /// What is to be compressed and swapped now.
    pub take_bytes: ByteSize,
    /// The swap target: what is swapped, and what is to be taken now.
    pub swap_target_bytes: ByteSize,
}

/// The shares of a VM or a resource pool beside another.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize, ToSchema)]
pub struct SiblingShares {
    /// Its name.
    pub name: String,
    /// Whether it is a resource pool, and not a VM.
    pub is_pool: bool,
    /// Its number of shares.
    pub shares: u64,
}

/// A change that would give a VM another target.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize, ToSchema)]
pub struct LeverBytes {
    /// What would be different, in words.
    pub change: String,
    /// The resource pool that would be different; `null`: the VM, or the host.
    pub pool: Option<String>,
    /// The VM's target.
    pub target: Shift,
}

impl From<Explanation> for Explained {
    fn from(of: Explanation) -> Self {
        let text = of.to_string();
        Self {
            text,
            name: of.name,
            size_bytes: of.size.bytes(),
            reservation_bytes: of.controls.reservation.bytes(),
            limit_bytes: of.controls.limit.map(addr::PageCount::bytes),
            pages: pages(&of.pages),
            entitlement: entitlement(&of.plan.entitlement),
            worst_case_bytes: of.plan.worst_case.bytes(),
            pools: of
                .pools
                .into_iter()
                .map(|(name, pool)| PoolEntitlement { name, entitlement: entitlement(&pool.entitlement) })
                .collect(),
            reclaim: reclaim(&of.plan.reclaim),
            balloon_conduct: of.conduct,
            slowdown: of.slowdown,
            allowance: of.plan.allowance,
            state: of.host.state,
            free_bytes: of.host.free.bytes(),
            thresholds: of.host.thresholds.into(),
            for_guests_bytes: of.host.for_guests.bytes(),
            siblings: of.siblings.into_iter().map(sibling).collect(),
            levers: of.levers.into_iter().map(lever).collect(),
        }
    }
}

fn pages(of: &Pages) -> PageBytes {
    PageBytes {
        private_bytes: of.private.bytes(),
        shared_bytes: of.shared.bytes(),
        zero_bytes: of.zero.bytes(),
        ballooned_bytes: of.ballooned.bytes(),
        balloon_freed_bytes: of.balloon_freed.bytes(),
        compressed_bytes: of.compressed.bytes(),
        swapped_bytes: of.swapped.bytes(),
        untouched_bytes: of.untouched.bytes(),
    }
}

fn entitlement(of: &Entitlement) -> EntitlementBytes {
    EntitlementBytes {
        target_bytes: of.target.bytes(),
        bound: of.bound,
        wanted_bytes: of.wanted.bytes(),
        min_bytes: of.min.bytes(),
        max_bytes: of.max.bytes(),
        active_bytes: of.active.bytes(),
        tax: of.tax,
        shares: of.shares,
        bytes_per_share: of.lambda.map(|pages| pages * addr::PAGE_SIZE as f64),
    }
}

fn reclaim(of: &Reclaim) -> ReclaimBytes {
    ReclaimBytes {
        why: of.why,
        price: of.rho.is_finite().then_some(of.rho),
        consumed_bytes: of.consumed.bytes(),
        over_bytes: of.over.bytes(),
        balloon_use: of.balloon_use,
        balloon_take_bytes: of.balloon_take.bytes(),
        balloon_target_bytes: of.balloon_target.bytes(),
        take_bytes: of.out_take.bytes(),
        swap_target_bytes: of.swap_target.bytes(),
    }
}

fn sibling(of: Sibling) -> SiblingShares {
    SiblingShares { name: of.name, is_pool: of.is_pool, shares: of.shares }
}

fn lever(of: Lever) -> LeverBytes {
    LeverBytes { change: of.change, pool: of.pool, target: shift(of.target) }
}
