//! What was decided about memory, and of what.

use addr::ByteSize;
use sched::{BalloonUse, Bound, HostState, Why};
use serde::Serialize;
use utoipa::ToSchema;

/// A plan, and what it was made of.
#[derive(Clone, PartialEq, Debug, Serialize, ToSchema)]
pub struct Decision {
    /// What called for a plan.
    pub trigger: Trigger,
    /// The state when it was told last.
    pub state_before: HostState,
    /// The state from now on.
    pub state: HostState,
    /// Plans made since it was told last, this one among them.
    pub plans: u64,
    /// How often the state changed since.
    pub state_changes: u64,
    /// Free machine memory.
    pub free_bytes: ByteSize,
    /// What should be free.
    pub high_bytes: ByteSize,
    /// Free memory at which the next lower state begins; 0 in the lowest.
    pub next_threshold_bytes: ByteSize,
    /// What free memory lacks to what should be.
    pub shortfall_bytes: ByteSize,
    /// What there is for guests.
    pub for_guests_bytes: ByteSize,
    /// What cannot be had from anyone.
    pub unmet_bytes: ByteSize,
    /// Pages a second to reclaim, in bytes; `null`: as fast as can be.
    pub pace_bytes_per_second: Option<ByteSize>,
    /// VMs from which something is taken or which get something back; at most [`Decision::MOST_VMS`].
    pub vms: Vec<VmDecision>,
    /// How many VMs more.
    pub more_vms: usize,
}

impl Decision {
    /// Most VMs named in one event.
    pub const MOST_VMS: usize = 32;
}

/// What called for a plan.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, ToSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Trigger {
    /// `Mem.BalancePeriod` is over.
    Period,
    /// A VM started or ended, or a setting or control changed.
    Change,
    /// Free memory fell below a threshold, or somebody waits for memory.
    Shortage,
    /// The plan before was being carried out.
    Progress,
}

/// What was decided about one VM, and why.
#[derive(Clone, PartialEq, Debug, Serialize, ToSchema)]
pub struct VmDecision {
    /// The name of the VM.
    pub vm: String,
    /// What it holds.
    pub consumed_bytes: ByteSize,
    /// What it uses.
    pub active_bytes: ByteSize,
    /// What it should hold at most.
    pub target_bytes: ByteSize,
    /// What decided the target.
    pub bound: Bound,
    /// What it pays for a page in shares; `null` if it holds nothing.
    pub price: Option<f64>,
    /// Why memory is taken or not.
    pub why: Why,
    /// The size its balloon has.
    pub ballooned_bytes: ByteSize,
    /// The size its balloon is asked to have.
    pub balloon_target_bytes: ByteSize,
    /// What part the balloon has in this.
    pub balloon_use: BalloonUse,
    /// What is to be compressed and swapped now.
    pub take_bytes: ByteSize,
    /// Whether it waits for every frame.
    pub waits: bool,
}
