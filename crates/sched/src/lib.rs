//! All memory policy over many VMs: pure functions of what was measured.
//!
//! **Model.** The host measures a [`Snapshot`], asks for a [`plan()`], and carries it out. The plan
//! says for every VM what it should hold and why ([`entitlement`]), what is taken from it and by which
//! means ([`reclaim`]), and for the host how short it is ([`state`]). Beside it: whether there is room
//! for a reservation at all ([`admission`]), what a VM uses ([`activity`]), what its balloon driver is
//! worth ([`balloon`]), what people should be told of ([`alarm`]), whether waiting for memory slows it ([`Slowdown`]), how its guest is ([`guest`]), who must end when disks fail ([`standstill`]), when what failed is tried again ([`backoff`]), how fast to look for equal pages ([`sharing`]), the advanced [`settings`], and
//! answers to "why" ([`explain()`]) and "what if" ([`diff()`]).
//!
//! **Invariants.** The targets of all VMs together are no more than the memory for guests; each is within
//! the VM's limit and, as admission keeps to it, no less than its reservation as far as that is wanted.
//! Nothing depends on the order of the snapshot.
//!
//! **Concurrency.** None. No clocks, no locks, no input or output: the same snapshot gives the same plan.
//!
//! **Cost.** O(n log n); half a millisecond for a thousand VMs.
//!
//! **Not here.** Measuring, and carrying a plan out.
//!
//! **Sources.** C. Waldspurger, *Memory Resource Management in `VMware` ESX Server*, OSDI 2002; the resource
//! management guides of `VMware`. Where they are silent, `docs/decisions/` says what was chosen.

#![forbid(unsafe_code)]

pub mod activity;
pub mod admission;
pub mod alarm;
pub mod backoff;
pub mod balloon;
pub mod caches;
mod diff;
mod divide;
pub mod entitlement;
mod explain;
pub mod guest;
pub mod limits;
mod plan;
pub mod reclaim;
pub mod settings;
mod shares;
pub mod sharing;
mod slowdown;
mod snapshot;
pub mod standstill;
pub mod state;
mod tree;
mod validate;

pub use diff::{Change, Diff, Shift, diff};
pub use entitlement::{Bound, Entitlement};
pub use explain::{Explanation, Lever, Sibling, UnknownVm, explain};
pub use guest::GuestState;
pub use plan::{Allowance, HostPlan, Plan, PoolPlan, Sums, VmPlan, plan};
pub use reclaim::{BalloonUse, Pace, Reclaim, Why};
pub use settings::{Salting, Settings, TaxType};
pub use shares::{POOL_STANDS_FOR, ParseSharesError, SHARES, Shares};
pub use slowdown::Slowdown;
pub use snapshot::{Balloon, Controls, Host, Overhead, Pages, PoolId, ResourcePool, Snapshot, Vm};
pub use standstill::Standstill;
pub use state::{HostState, Thresholds, between_seconds, next_state};
pub use validate::{ControlsError, InvalidSnapshot, whole_pages};
