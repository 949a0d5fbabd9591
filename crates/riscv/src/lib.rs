//! The portable processor: RV64GC with Zba, Zbb, Zbs, Zicboz, Sstc, Svinval, Svadu and Svvptc, in
//! supervisor and user mode. The VMM is the machine mode: it answers SBI calls.
//!
//! **Model.** Three layers, each of which knows only those below it:
//!
//! ```text
//!   interp   operations, the cache of decoded code, the run loop
//!     |
//!    cpu     a hart's state: registers, CSRs, traps, accesses the slow way
//!     |
//!    isa     instructions as values, floating point
//! ```
//!
//! A [`Hart`] runs slices of a few thousand instructions ([`Hart::run`]) and says why it
//! stopped ([`Exit`]). Instructions are decoded once per machine frame into operations that call
//! each other. How to add one: `docs/adding-an-instruction.md`.
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

mod cpu;
mod interp;
pub mod isa;

pub use cpu::counts::HartCounts;
pub use cpu::devices::Devices;
pub use cpu::lines::Lines;
pub use interp::hart::{Hart, Registers};
pub use interp::state::Exit;
pub use isa::float;
