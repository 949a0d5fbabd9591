//! A host of VMs: which there are, their power, and the loop that divides memory among them.
//!
//! **Model.**
//!
//! ```text
//!   Host  --- catalog    : VMs, resource pools and settings: create, change, remove; on disk at once
//!         --- power      : admission, start, a VM's own end
//!         --- stopping   : guests are asked to shut down, then powered off
//!         --- memory loop: measure -> sched::plan -> apply -> measure    (a thread)
//!         --- sharing    : look for equal pages                          (a thread)
//!         --- alarms     : what people should be told of                 (a thread)
//!         --- journal    : what happened, every decision with its inputs
//! ```
//!
//! Read `spec` and `change` (what is asked), `inventory` and `running` (what there is), `state_dir` (what
//! survives), `core` (what threads share), `catalog`, `power`, `stopping`, then `memory_loop`, `alarms`, and `status` and `event`
//! (what is told).
//!
//! **Invariants.** INV-5, INV-6, INV-7; [`Host::audit`] checks all there are.
//!
//! **Concurrency.** `docs/locking.md`. Asking for status, events, consoles and infos takes no VM's lock.
//!
//! **Failure.** [`HostError`] tells a caller's mistake, a lack of resources and the host's own failure apart.
//!
//! **Not here.** Policy: `sched`. What happens to a page: `machine`. Who asks, and over what.

#![forbid(unsafe_code)]

mod alarms;
mod audit;
mod autostart;
mod catalog;
mod change;
mod console;
mod core;
mod disks;
mod ended;
mod error;
mod event;
mod explained;
mod file_troubles;
mod guest_files;
mod host;
mod info;
mod inventory;
mod journal;
mod keeper;
mod linux_memory;
mod measured;
mod memory_loop;
mod pause;
mod power;
mod problem_code;
mod process;
mod progress;
mod restart;
mod revision;
mod running;
mod set_aside;
mod sharing;
mod spec;
mod state_dir;
mod status;
mod stopping;
mod swap_dir;
mod text;
mod unswap;
mod visits;
mod wakeup;
mod wanted;
mod what_if;

pub use alarms::{
    AlarmInfo, AlarmRule, AlarmRuleChange, ClearedAlarm, MOST_RULES, Outcome, Secret, Tested, Webhook,
};
pub use autostart::Autostart;
pub use change::{PoolChange, VmChange};
pub use console::{Console, Excerpt};
pub use core::MOST_SERVED;
pub use ended::{Afterwards, HowEnded, RestartedFor};
pub use error::{HostError, Kind, of_machine};
pub use event::{Changed, Decision, Event, Trigger, VmDecision, What};
pub use explained::{
    EntitlementBytes, Explained, LeverBytes, PageBytes, PoolEntitlement, ReclaimBytes, SiblingShares,
};
pub use file_troubles::{FileState, FileTrouble};
pub use host::{Host, HostConfig};
pub use info::{PoolInfo, Power, SettingInfo, VmInfo};
pub use linux_memory::{ControlGroup, LinuxMemory};
pub use problem_code::ProblemCode;
pub use progress::Progress;
pub use revision::{Expected, Revision};
pub use spec::{PoolSpec, VmSpec};
pub use status::{
    HostStatus, Ledger, LoopStatus, MemoryLimit, Metrics, PoolStatus, StateSeconds, ThresholdBytes, Totals,
    VmStatus,
};
pub use stopping::{Stop, Stopped};
pub use visits::Lease;
pub use what_if::{Edit, Shift, VmShift, WhatIf};
