//! The portable processor: RV64GC with Zba, Zbb, Zbs, Zicboz, Sstc, Svinval, Svadu and Svvptc, in
//! supervisor and user mode. The VMM is the machine mode: it answers SBI calls.
//!
//! **Model.** A [`Hart`] runs slices of a few thousand instructions ([`Hart::run`]) and says why it
//! stopped ([`Exit`]). Instructions are decoded once per machine frame into operations that call
//! each other:
//!
//! ```text
//!   fetch (fetch.rs) -> decoded line (code.rs) -> operation (ops/*.rs) -> the next operation ...
//!                                     load or store -> TLB hit, or memory.rs on a miss
//! ```
//!
//! Read [`isa`], `op`, `line`, `code`, `fetch`, then `bind` and `ops`; `memory` for the slow way of an access,
//! `trap` and `csr` for the privileged architecture.
//!
//! **Concurrency.** A hart belongs to whoever holds the lock around it. Interrupt lines
//! ([`Lines`]) may be set by anyone at any time.
//!
//! **Not here.** Devices, SBI, and how pages get their frames: a slice ends so that the VMM sees to
//! it with no lock held.
//!
//! **Sources.** The RISC-V Instruction Set Manual, Volumes I and II; chapters are named where a
//! rule is not obvious.

#![forbid(unsafe_code)]

mod bind;
mod code;
mod cpu;
mod csr;
mod fetch;
mod hart;
pub mod isa;
mod join;
mod line;
mod memory;
mod op;
mod ops;
mod trap;

pub use cpu::{Devices, Lines};
pub use hart::{Exit, Hart, HartCounts, Registers};
pub use isa::float;
