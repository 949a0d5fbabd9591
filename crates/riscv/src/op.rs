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

use crate::code::Code;
use crate::cpu::Cpu;
use crate::fetch::next_line;
use crate::line::{LINE, Line};
use std::cell::Cell;

/// What runs an operation: the hart's state, its decoded code, the operation's line, where in its page
/// the operation is, and itself. Everything travels in registers.
pub(crate) type Run = fn(&mut Cpu, &Code, &Line, Here, &Cell<Op>) -> Stop;

/// Added to the length that an operation is made for if it is the last of its line.
pub(crate) const LAST: usize = 8;

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

/// A place in a page of code: a halfword's number times the size of an operation, so that finding the
/// operation takes no multiplication.
#[derive(Clone, Copy)]
pub(crate) struct At(usize);

impl At {
    const SCALE: usize = size_of::<Op>();

    pub(crate) const fn of(halfword: usize) -> Self {
        Self(halfword * Self::SCALE)
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

    /// The place of a byte in a guest's page.
    #[inline(always)]
    pub(crate) const fn of_byte(offset: u64) -> Self {
        Self(offset as usize / 2 * Self::SCALE)
    }

    #[inline(always)]
    pub(crate) const fn halfword(self) -> usize {
        self.0 / Self::SCALE
    }

    /// Which line of its page this is in.
    #[inline(always)]
    pub(crate) const fn line(self) -> usize {
        self.halfword() / LINE
    }

    /// Whether an instruction of `LEN` halfwords here is the last of its line.
    pub(crate) const fn ends_line<const LEN: usize>(self) -> bool {
        self.halfword() % LINE + LEN >= LINE
    }

    /// Behind an instruction of `LEN` halfwords.
    #[inline(always)]
    pub(crate) const fn after<const LEN: usize>(self) -> Self {
        Self(self.0 + LEN % LAST * Self::SCALE)
    }

    /// How far into the guest's page this is, in bytes.
    #[inline(always)]
    pub(crate) const fn byte(self) -> u64 {
        (self.0 / (Self::SCALE / 2)) as u64
    }
}

/// Where a chain of operations is and what it has used up, in one register.
///
/// ```text
///   63            32 31              16 15     0
///  |    accesses    |   instructions   |   at   |
/// ```
///
/// Instructions count up towards the sign bit of the low half, where the slice is over; going on to
/// the next one and counting it is one addition.
#[derive(Clone, Copy)]
pub(crate) struct Here(u64);

impl Here {
    const AT: u64 = 0xffff;
    const INSTRUCTION: u64 = 1 << 16;
    const ACCESS: u64 = 1 << 32;
    /// Most instructions a slice may be asked for.
    pub(crate) const MAX_SLICE: u32 = (1 << 15) - 1;
    const END: u32 = 1 << 15;

    /// At no place yet, with a slice of `instructions` ahead.
    pub(crate) const fn with_slice(instructions: u32) -> Self {
        Self((Self::END - instructions) as u64 * Self::INSTRUCTION)
    }

    #[inline(always)]
    pub(crate) const fn at(self) -> At {
        At((self.0 & Self::AT) as usize)
    }

    /// Elsewhere in a page, with nothing counted.
    #[inline(always)]
    pub(crate) const fn moved_to(self, at: At) -> Self {
        Self(self.0 & !Self::AT | at.0 as u64)
    }

    /// Behind an instruction of `LEN` halfwords, which is counted.
    #[inline(always)]
    pub(crate) const fn after<const LEN: usize>(self) -> Self {
        Self(self.0 + Self::INSTRUCTION + (LEN % LAST * At::SCALE) as u64)
    }

    /// What an instruction of `length` halfwords adds.
    pub(crate) const fn step(length: usize) -> i32 {
        (Self::INSTRUCTION as usize + length * At::SCALE) as i32
    }

    /// Behind all instructions that a sum of [`Here::step`]s stands for.
    #[inline(always)]
    pub(crate) const fn stepped(self, steps: i32) -> Self {
        Self(self.0 + steps as u64)
    }

    /// With an instruction counted.
    #[inline(always)]
    pub(crate) const fn instruction(self) -> Self {
        Self(self.0 + Self::INSTRUCTION)
    }

    /// With a memory access counted.
    #[inline(always)]
    pub(crate) const fn access(self) -> Self {
        Self(self.0 + Self::ACCESS)
    }

    #[inline(always)]
    pub(crate) const fn is_over(self) -> bool {
        self.0 & (Self::END as u64 * Self::INSTRUCTION) != 0
    }

    /// Instructions counted since the slice of `of` began.
    pub(crate) const fn instructions(self, of: u32) -> u32 {
        (self.0 as u32 >> 16).wrapping_sub(Self::END - of)
    }

    /// Accesses counted since the slice began.
    pub(crate) const fn accesses(self) -> u32 {
        (self.0 >> 32) as u32
    }
}

/// Why a chain of operations came back to the loop. `Cpu::pc` says where to go on, `Cpu::here`
/// what was used up.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Stop {
    /// To go on at once.
    Resume,
    /// The slice is over.
    Slice,
    /// `Cpu::exit` says what the VMM must do first.
    Exit,
    /// The next operation is the one at `Cpu::here` (builds with debug assertions).
    #[cfg(debug_assertions)]
    Next,
}

/// Goes on with the operation at `here`.
#[inline(always)]
pub(crate) fn dispatch(cpu: &mut Cpu, code: &Code, line: &Line, here: Here) -> Stop {
    #[cfg(not(debug_assertions))]
    {
        let slot = line.slot(here.at());
        (slot.get().run)(cpu, code, line, here, slot)
    }
    #[cfg(debug_assertions)]
    {
        let _ = (code, line);
        cpu.here = here;
        Stop::Next
    }
}

/// Goes on behind an instruction of `LEN` halfwords.
#[inline(always)]
pub(crate) fn next<const LEN: usize>(cpu: &mut Cpu, code: &Code, line: &Line, here: Here) -> Stop {
    if LEN > LAST {
        next_line(cpu, code, line, here.after::<LEN>())
    } else {
        dispatch(cpu, code, line, here.after::<LEN>())
    }
}
