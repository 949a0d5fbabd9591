//! Operations: decoded instructions that run and then call the next one.
//!
//! **Model.** An operation's function does its work and ends by calling the function of the
//! operation that follows, in tail position. Optimised builds turn that into a jump, so a chain of
//! any length uses no stack; `scripts/check-tail-calls` disassembles the release program to be sure.
//! Builds with debug assertions return to a loop instead.
//!
//! Whatever is rare (a trap, an exit, a TLB miss on a device) returns to the loop in
//! [`Hart::run`](crate::Hart::run).
//!
//! **Cost.** A plain instruction is a dozen host instructions.

use crate::cpu::state::Cpu;
use crate::interp::place::{At, Here};
use crate::interp::state::{Interp, Stop};
use crate::interp::{code, line};
use crate::isa::Reg;
use std::cell::Cell;

/// A hart's decoded code.
pub(crate) type Code = code::Code<Op>;
/// A line of it.
pub(crate) type Line = line::Line<Op>;

/// What runs an operation: the hart's state, its decoded code, the operation's line, where in its page
/// the operation is, and itself. Everything travels in registers.
pub(crate) type Run = fn(&mut Interp, &Code, &Line, Here, &Cell<Op>) -> Stop;

/// A decoded instruction. Field names follow the manual.
#[derive(Clone, Copy)]
pub(crate) struct Op {
    pub(crate) run: Run,
    /// Destination; [`Cpu::SINK`] stands for `x0`.
    pub(crate) rd: u8,
    pub(crate) rs1: u8,
    pub(crate) rs2: u8,
    /// Instruction-specific.
    pub(crate) aux: u8,
    /// The immediate, sign-extended; a place in the page for branches that stay in it; the whole
    /// instruction for those decoded no further.
    pub(crate) imm: i32,
}

const _: () = assert!(size_of::<Op>() == At::SCALE, "four operations to a cache line");

impl Op {
    /// An operation without operands.
    pub(crate) const fn new(run: Run) -> Self {
        Self { run, rd: Cpu::SINK, rs1: 0, rs2: 0, aux: 0, imm: 0 }
    }

    #[inline(always)]
    pub(crate) const fn imm(self) -> u64 {
        self.imm as i64 as u64
    }
}

/// The slot for a register as a destination, as [`Op::rd`] has it.
pub(crate) const fn destination(rd: Reg) -> u8 {
    if rd.is_zero() { Cpu::SINK } else { rd.number() }
}
