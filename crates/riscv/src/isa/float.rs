//! Floating point of the F and D extensions, exact in value and in flags, on bit patterns.
//!
//! **Model.** A function per instruction, generic over [`Format`]: `u32` stands for binary32 and
//! `u64` for binary64, so `add(a, b, rm, flags)` is FADD.S or FADD.D by the type of its operands.
//! Whatever raises an exception takes the accumulated `fflags` and adds to them; whatever rounds
//! takes a [`Rounding`] mode, already resolved from the instruction and `frm`.
//!
//! Every result is computed in integers: operands are unpacked, the exact result (or one with a
//! sticky bit that stands for all lost ones) is formed, and one function rounds it. Before that,
//! addition, multiplication, division, square root and fused multiply-add ask the host's own
//! floating point, whose *value* is right whenever the mode is to-nearest-even; its *flags* cannot
//! be read from Rust, but need not be when the only one that could be raised, inexact, is raised
//! already and the result is plainly normal. Code that computes with fractions is in that state
//! from its first rounding on.
//!
//! **Invariants.** A NaN result is the canonical one. Tininess is detected after rounding as if
//! the exponent had no lower bound.
//!
//! **Not here.** `frm`, `fflags` and the FS field, which are CSRs; loads and stores.
//!
//! **Sources.** RISC-V Unprivileged ISA, chapters "F" and "D"; IEEE 754-2019.

mod arithmetic;
mod compare;
mod convert;
mod flags;
mod format;
mod number;
#[cfg(test)]
mod tests;

pub use arithmetic::{add, div, fmadd, fmsub, fnmadd, fnmsub, mul, sqrt, sub};
pub use compare::{classify, eq, le, lt, max, min, sgnj, sgnjn, sgnjx};
pub use convert::{Integer, convert, from_integer, to_integer};
pub use flags::{Flags, Rounding};
pub use format::{Format, box32, unbox32};
