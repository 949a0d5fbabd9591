//! One virtual machine: its vCPU threads, memory, devices and boot.
//!
//! **Model.**
//!
//! ```text
//!   Vm --- vCPU thread x n : lock hart, run slices, bump; unlocked: SBI calls, page work, waiting
//!      --- device workers  : queues, over guest memory, no hart's lock
//!      --- technique thread: counters -> policy -> software or hardware MMU (automatic only)
//! ```
//!
//! Read `config` (what a VM is asked to be), `board`, `console`, `balloon` and `agent` (its devices), `vm` (its
//! life), `panic` (how that of its kernel is noticed), `vcpu` (the loop), `sbi` (what the guest asks of us), then `technique`, `statistics` and `map`.
//!
//! **Concurrency.** Each hart stands under its own lock, which its thread holds while it runs and
//! offers to others between slices. Nobody takes a second hart's lock while holding one
//! (`docs/locking.md`).

#![forbid(unsafe_code)]

mod agent;
mod balloon;
mod board;
pub mod boot;
mod caches;
mod config;
mod console;
mod gate;
mod map;
mod overhead;
mod panic;
mod pause;
pub mod plain;
mod sbi;
mod statistics;
mod technique;
mod vcpu;
mod vm;

pub use agent::{HEARTBEAT, NotAnswering};
pub use config::{Config, ConfigError, MmuChoice};
pub use map::{AddressMap, Mapped, MemoryMap};
pub use panic::Panic;
pub use statistics::{HartStatistics, Statistics, TechniqueStatistics};
pub use technique::{Choice, Chooser, Sample};
pub use vcpu::Trouble;
pub use vm::{Ended, Gathered, StartError, Vm};
