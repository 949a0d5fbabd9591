//! Operations: decoded instructions that run and then call the next one.
//!
//! **Model.** An operation's function does its work and ends by calling the function of the
//! operation that follows, in tail position. Optimised builds turn that into a jump, so a chain of
//! any length uses no stack; `scripts/check-tail-calls` disassembles the release program to be sure.
//! Builds with debug assertions return to a loop instead.
//!
//! Whatever is rare (a trap, an exit, a TLB miss on a device) returns to the loop in
//! [`crate::Hart::run`].
//!
//! **Cost.** A plain instruction is a dozen host instructions.

use crate::code::{Code, CodePage};
use crate::cpu::Cpu;

/// What runs an operation: the hart's state, its decoded code, the page and place of the operation
/// in it, and the meter. Everything travels in registers.
pub(crate) type Run = fn(&mut Cpu, &Code, &CodePage, At, Meter) -> Stop;

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

const _: () = assert!(size_of::<Op>() == 16, "four operations to a cache line");

impl Op {
    #[inline(always)]
    pub(crate) const fn imm(self) -> u64 {
        self.imm as i64 as u64
    }
}

/// A place in a code page: a halfword's number times the size of an operation, so that finding the
/// operation takes no multiplication.
#[derive(Clone, Copy)]
pub(crate) struct At(usize);

impl At {
    const SCALE: usize = size_of::<Op>();

    pub(crate) const fn of(halfword: usize) -> Self {
        Self(halfword * Self::SCALE)
    }

    /// The place of a byte in a guest's page.
    #[inline(always)]
    pub(crate) const fn of_byte(offset: u64) -> Self {
        Self(offset as usize / 2 * Self::SCALE)
    }

    /// A place kept in an operation's immediate.
    #[inline(always)]
    pub(crate) const fn from_imm(imm: i32) -> Self {
        Self(imm as usize)
    }

    /// As an operation's immediate keeps it.
    pub(crate) const fn to_imm(self) -> i32 {
        self.0 as i32
    }

    #[inline(always)]
    pub(crate) const fn halfword(self) -> usize {
        self.0 / Self::SCALE
    }

    /// Behind an instruction of `LEN` halfwords.
    #[inline(always)]
    pub(crate) const fn after<const LEN: usize>(self) -> Self {
        Self(self.0 + LEN * Self::SCALE)
    }

    /// How far into the guest's page this is, in bytes.
    #[inline(always)]
    pub(crate) const fn byte(self) -> u64 {
        (self.0 / (Self::SCALE / 2)) as u64
    }
}

/// Counts instructions and memory accesses of a slice in one register.
///
/// The low half counts instructions up towards its sign bit, where the slice is over; the high half
/// counts accesses.
#[derive(Clone, Copy)]
pub(crate) struct Meter(u64);

impl Meter {
    const END: u32 = 1 << 31;

    /// A meter that is over after `instructions`, less than 2³¹.
    pub(crate) const fn of(instructions: u32) -> Self {
        Self((Self::END - instructions) as u64)
    }

    #[inline(always)]
    pub(crate) const fn instruction(self) -> Self {
        Self(self.0 + 1)
    }

    #[inline(always)]
    pub(crate) const fn access(self) -> Self {
        Self(self.0 + (1 << 32))
    }

    #[inline(always)]
    pub(crate) const fn is_over(self) -> bool {
        self.0 as u32 & Self::END != 0
    }

    /// Instructions since the meter was made for `instructions`.
    pub(crate) const fn instructions(self, of: u32) -> u32 {
        (self.0 as u32).wrapping_sub(Self::END - of)
    }

    /// Memory accesses since the meter was made.
    pub(crate) const fn accesses(self) -> u32 {
        (self.0 >> 32) as u32
    }
}

/// Why a chain of operations came back to the loop. `Cpu::pc` says where to go on, `Cpu::meter`
/// what was used up.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Stop {
    /// To go on at once.
    Resume,
    /// The slice is over.
    Slice,
    /// `Cpu::exit` says what the VMM must do first.
    Exit,
    /// The next operation is the one at `Cpu::next` (builds with debug assertions).
    #[cfg(debug_assertions)]
    Next,
}

/// Goes on with the operation at `at`.
#[inline(always)]
pub(crate) fn dispatch(cpu: &mut Cpu, code: &Code, page: &CodePage, at: At, meter: Meter) -> Stop {
    #[cfg(not(debug_assertions))]
    {
        (page.op(at).run)(cpu, code, page, at, meter)
    }
    #[cfg(debug_assertions)]
    {
        let _ = (code, page);
        cpu.next = at;
        cpu.meter = meter;
        Stop::Next
    }
}

/// Goes on behind an instruction of `LEN` halfwords.
#[inline(always)]
pub(crate) fn next<const LEN: usize>(
    cpu: &mut Cpu,
    code: &Code,
    page: &CodePage,
    at: At,
    meter: Meter,
) -> Stop {
    dispatch(cpu, code, page, at.after::<LEN>(), meter.instruction())
}
