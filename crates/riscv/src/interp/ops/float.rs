//! The F and D extensions, but for loads and stores.
//!
//! **Model.** Each operation is generic over the format. What it computes is a function beside it that is not inlined:
//! an operation that held the exception flags on its stack could not go on to the next by a jump.

use super::shape::word;
use super::system::illegal;
use crate::cpu::state::Cpu;
use crate::interp::flow::next;
use crate::interp::op::{Code, Line, Op};
use crate::interp::place::Here;
use crate::interp::state::{Interp, Stop};
use crate::isa::RoundingMode;
use crate::isa::float::{self, Flags, Format, Integer, Rounding, box32, unbox32};
use std::cell::Cell;

/// A format with the way its values stand in registers.
pub(crate) trait Register: Format {
    fn read(cpu: &Cpu, register: u8) -> Self;
    fn write(self, cpu: &mut Cpu, register: u8);
    /// A register's low bits, extended, whatever is in it.
    fn bits(register: u64) -> u64;
}

impl Register for u32 {
    fn read(cpu: &Cpu, register: u8) -> Self {
        unbox32(cpu.f(register))
    }

    fn write(self, cpu: &mut Cpu, register: u8) {
        cpu.set_f(register, box32(self));
    }

    fn bits(register: u64) -> u64 {
        word(register)
    }
}

impl Register for u64 {
    fn read(cpu: &Cpu, register: u8) -> Self {
        cpu.f(register)
    }

    fn write(self, cpu: &mut Cpu, register: u8) {
        cpu.set_f(register, self);
    }

    fn bits(register: u64) -> u64 {
        register
    }
}

/// Bits of `aux` that hold the rounding mode; above them is the third operand of what has one.
const ROUNDING: u8 = 7;

/// A rounding mode as [`Op::aux`] holds it, and [`Cpu::rounding`] takes it.
pub(crate) const fn rounding_field(rm: RoundingMode) -> u8 {
    match rm {
        RoundingMode::Static(rounding) => rounding as u8,
        RoundingMode::Dynamic => ROUNDING,
    }
}

/// Computes and writes a number, with the mode to round by. `None` if that is reserved.
#[inline(always)]
fn rounded<F: Register>(
    cpu: &mut Cpu,
    op: Op,
    compute: impl FnOnce(&Cpu, Rounding, &mut Flags) -> F,
) -> Option<()> {
    let rm = cpu.rounding(op.aux & ROUNDING)?;
    let mut flags = cpu.flags();
    let result = compute(cpu, rm, &mut flags);
    cpu.set_flags(flags);
    result.write(cpu, op.rd);
    Some(())
}

#[inline(always)]
fn arithmetic<F: Register>(
    cpu: &mut Cpu,
    op: Op,
    compute: fn(F, F, Rounding, &mut Flags) -> F,
) -> Option<()> {
    rounded(cpu, op, |cpu, rm, flags| compute(F::read(cpu, op.rs1), F::read(cpu, op.rs2), rm, flags))
}

#[inline(always)]
fn fused<F: Register>(cpu: &mut Cpu, op: Op, compute: fn(F, F, F, Rounding, &mut Flags) -> F) -> Option<()> {
    rounded(cpu, op, |cpu, rm, flags| {
        let (a, b, c) = (F::read(cpu, op.rs1), F::read(cpu, op.rs2), F::read(cpu, op.aux >> 3));
        compute(a, b, c, rm, flags)
    })
}

#[inline(always)]
fn select<F: Register>(cpu: &mut Cpu, op: Op, compute: impl FnOnce(F, F, &mut Flags) -> F) {
    let mut flags = cpu.flags();
    let result = compute(F::read(cpu, op.rs1), F::read(cpu, op.rs2), &mut flags);
    cpu.set_flags(flags);
    result.write(cpu, op.rd);
}

#[inline(always)]
fn compare<F: Register>(cpu: &mut Cpu, op: Op, holds: fn(F, F, &mut Flags) -> bool) {
    let mut flags = cpu.flags();
    let holds = holds(F::read(cpu, op.rs1), F::read(cpu, op.rs2), &mut flags);
    cpu.set_flags(flags);
    cpu.set_x(op.rd, u64::from(holds));
}

#[inline(always)]
fn to_integer<F: Register>(cpu: &mut Cpu, op: Op, integer: Integer) -> Option<()> {
    let rm = cpu.rounding(op.aux & ROUNDING)?;
    let mut flags = cpu.flags();
    let result = float::to_integer(F::read(cpu, op.rs1), integer, rm, &mut flags);
    cpu.set_flags(flags);
    cpu.set_x(op.rd, result);
    Some(())
}

#[inline(always)]
fn from_integer<F: Register>(cpu: &mut Cpu, op: Op, integer: Integer) -> Option<()> {
    rounded(cpu, op, |cpu, rm, flags| float::from_integer::<F>(cpu.x(op.rs1), integer, rm, flags))
}

/// Defines operations by a function that does the effect, and whether it says that the operation is legal. `imm` is the
/// encoding, for the guest to be told when it is not.
macro_rules! operations {
    ($effects:ident: |$done:ident: $result:ty| $is_legal:expr;
        $($(#[$doc:meta])* $name:ident<$($format:ident),+>: |$cpu:ident, $op:ident| $effect:expr;)*) => {
        mod $effects {
            use super::*;
            $(
                #[inline(never)]
                pub(super) fn $name<$($format: Register),+>($cpu: &mut Cpu, $op: Op) -> $result {
                    $effect
                }
            )*
        }
        $(
            $(#[$doc])*
            pub(crate) fn $name<$($format: Register,)+ const LEN: usize>(
                interp: &mut Interp, code: &Code, line: &Line, here: Here, slot: &Cell<Op>) -> Stop {
                if interp.cpu.csrs.float_is_off() {
                    return illegal(interp, code, line, here, slot);
                }
                let $done = $effects::$name::<$($format),+>(&mut interp.cpu, slot.get());
                if !$is_legal {
                    return illegal(interp, code, line, here, slot);
                }
                next::<LEN>(interp, code, line, here)
            }
        )*
    };
}

// What rounds, unless the mode is reserved.
operations! { rounding: |done: Option<()>| done.is_some();
    fadd<F>: |cpu, op| arithmetic::<F>(cpu, op, float::add);
    fsub<F>: |cpu, op| arithmetic::<F>(cpu, op, float::sub);
    fmul<F>: |cpu, op| arithmetic::<F>(cpu, op, float::mul);
    fdiv<F>: |cpu, op| arithmetic::<F>(cpu, op, float::div);
    fsqrt<F>: |cpu, op| rounded(cpu, op, |cpu, rm, flags| float::sqrt(F::read(cpu, op.rs1), rm, flags));
    fmadd<F>: |cpu, op| fused::<F>(cpu, op, float::fmadd);
    fmsub<F>: |cpu, op| fused::<F>(cpu, op, float::fmsub);
    fnmsub<F>: |cpu, op| fused::<F>(cpu, op, float::fnmsub);
    fnmadd<F>: |cpu, op| fused::<F>(cpu, op, float::fnmadd);

    /// From format `F` to `G`.
    fcvt<F, G>: |cpu, op| rounded(cpu, op, |cpu, rm, flags| float::convert::<F, G>(F::read(cpu, op.rs1), rm, flags));
    fcvt_w<F>: |cpu, op| to_integer::<F>(cpu, op, Integer::I32);
    fcvt_wu<F>: |cpu, op| to_integer::<F>(cpu, op, Integer::U32);
    fcvt_l<F>: |cpu, op| to_integer::<F>(cpu, op, Integer::I64);
    fcvt_lu<F>: |cpu, op| to_integer::<F>(cpu, op, Integer::U64);
    fcvt_from_w<F>: |cpu, op| from_integer::<F>(cpu, op, Integer::I32);
    fcvt_from_wu<F>: |cpu, op| from_integer::<F>(cpu, op, Integer::U32);
    fcvt_from_l<F>: |cpu, op| from_integer::<F>(cpu, op, Integer::I64);
    fcvt_from_lu<F>: |cpu, op| from_integer::<F>(cpu, op, Integer::U64);
}

operations! { exact: |done: ()| matches!(done, ());
    fsgnj<F>: |cpu, op| select::<F>(cpu, op, |a, b, _flags| float::sgnj(a, b));
    fsgnjn<F>: |cpu, op| select::<F>(cpu, op, |a, b, _flags| float::sgnjn(a, b));
    fsgnjx<F>: |cpu, op| select::<F>(cpu, op, |a, b, _flags| float::sgnjx(a, b));
    fmin<F>: |cpu, op| select::<F>(cpu, op, float::min);
    fmax<F>: |cpu, op| select::<F>(cpu, op, float::max);
    fle<F>: |cpu, op| compare::<F>(cpu, op, float::le);
    flt<F>: |cpu, op| compare::<F>(cpu, op, float::lt);
    feq<F>: |cpu, op| compare::<F>(cpu, op, float::eq);

    /// Bits as they are, boxed or not.
    fmv_to_x<F>: |cpu, op| cpu.set_x(op.rd, F::bits(cpu.f(op.rs1)));
    /// Bits as they are.
    fmv_from_x<F>: |cpu, op| F::narrow(cpu.x(op.rs1)).write(cpu, op.rd);
    fclass<F>: |cpu, op| cpu.set_x(op.rd, float::classify(F::read(cpu, op.rs1)));
}
