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
mod clock;
mod console;
mod core;
mod disks;
mod ended;
mod error;
mod file_troubles;
mod guest;
mod guest_files;
mod host;
mod inventory;
mod journal;
mod keeper;
mod linux_memory;
mod measured;
mod memory_loop;
mod pause;
mod power;
mod process;
mod progress;
mod restart;
mod revision;
mod running;
mod set_aside;
mod sharing;
mod spec;
mod state_dir;
mod stopping;
mod swap_dir;
mod unswap;
mod visits;
mod wakeup;
mod wanted;
mod what_if;

pub use console::{Console, Excerpt};
pub use core::MOST_SERVED;
pub use error::{HostError, Kind, of_machine};
pub use host::{Host, HostConfig};
pub use linux_memory::{ControlGroup, LinuxMemory};
pub use progress::Progress;
pub use revision::{Expected, Revision};
pub use spec::{check_vm, mmu_choice};
pub use stopping::{Stop, Stopped};
pub use visits::Lease;
