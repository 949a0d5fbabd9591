//! Branches and jumps.
//!
//! A branch whose target is in its own line goes there without looking anything up, one in its own page by the
//! page's table. The slice ends at jumps and at branches backwards, so that no loop misses it.

use crate::interp::flow::{dispatch, go_to_line, jump, next};
use crate::interp::op::{Code, Line, Op};
use crate::interp::place::{At, Here};
use crate::interp::state::{Interp, Stop};
use std::cell::Cell;

/// Goes on in the same line, where `op` leads, unless the slice is over.
#[inline(always)]
fn go_in_line(interp: &mut Interp, code: &Code, line: &Line, op: Op, here: Here) -> Stop {
    let (to, here) = (At::from_imm(op.imm), here.instruction());
    if here.is_over() {
        return interp.slice_over(interp.pc_at(to), here);
    }
    dispatch(interp, code, line, here.moved_to(to))
}

/// Goes on in another line of the same page, where `op` leads, unless the slice is over.
#[inline(always)]
fn go_in_page(interp: &mut Interp, code: &Code, line: &Line, op: Op, here: Here) -> Stop {
    let (to, here) = (At::from_imm(op.imm), here.instruction());
    if here.is_over() {
        return interp.slice_over(interp.pc_at(to), here);
    }
    go_to_line(interp, code, line, here.moved_to(to))
}

macro_rules! branches {
    ($($name:ident $near:ident $far:ident: |$a:ident, $b:ident| $taken:expr;)*) => {$(
        /// To a place in this line.
        pub(crate) fn $name<const LEN: usize>(
            interp: &mut Interp, code: &Code, line: &Line, here: Here, slot: &Cell<Op>) -> Stop {
            let op = slot.get();
            let ($a, $b) = (interp.cpu.x(op.rs1), interp.cpu.x(op.rs2));
            if $taken {
                return go_in_line(interp, code, line, op, here);
            }
            next::<LEN>(interp, code, line, here)
        }

        /// To another line of this page.
        pub(crate) fn $near<const LEN: usize>(
            interp: &mut Interp, code: &Code, line: &Line, here: Here, slot: &Cell<Op>) -> Stop {
            let op = slot.get();
            let ($a, $b) = (interp.cpu.x(op.rs1), interp.cpu.x(op.rs2));
            if $taken {
                return go_in_page(interp, code, line, op, here);
            }
            next::<LEN>(interp, code, line, here)
        }

        /// To another page, `imm` bytes away.
        pub(crate) fn $far<const LEN: usize>(
            interp: &mut Interp, code: &Code, line: &Line, here: Here, slot: &Cell<Op>) -> Stop {
            let op = slot.get();
            let ($a, $b) = (interp.cpu.x(op.rs1), interp.cpu.x(op.rs2));
            if $taken {
                return jump(interp, code, interp.pc_at(here.at()).wrapping_add(op.imm()), here.instruction());
            }
            next::<LEN>(interp, code, line, here)
        }
    )*};
}

branches! {
    beq beq_near beq_far: |a, b| a == b;
    bne bne_near bne_far: |a, b| a != b;
    blt blt_near blt_far: |a, b| (a as i64) < b as i64;
    bge bge_near bge_far: |a, b| a as i64 >= b as i64;
    bltu bltu_near bltu_far: |a, b| a < b;
    bgeu bgeu_near bgeu_far: |a, b| a >= b;
}

/// `jal` to a place in this line.
pub(crate) fn jal<const LEN: usize>(
    interp: &mut Interp,
    code: &Code,
    line: &Line,
    here: Here,
    slot: &Cell<Op>,
) -> Stop {
    let op = slot.get();
    interp.cpu.set_x(op.rd, interp.pc_at(here.at().after::<LEN>()));
    go_in_line(interp, code, line, op, here)
}

/// `jal` to another line of this page.
pub(crate) fn jal_near<const LEN: usize>(
    interp: &mut Interp,
    code: &Code,
    line: &Line,
    here: Here,
    slot: &Cell<Op>,
) -> Stop {
    let op = slot.get();
    interp.cpu.set_x(op.rd, interp.pc_at(here.at().after::<LEN>()));
    go_in_page(interp, code, line, op, here)
}

/// `jal` to another page, `imm` bytes away.
pub(crate) fn jal_far<const LEN: usize>(
    interp: &mut Interp,
    code: &Code,
    _line: &Line,
    here: Here,
    slot: &Cell<Op>,
) -> Stop {
    let op = slot.get();
    interp.cpu.set_x(op.rd, interp.pc_at(here.at().after::<LEN>()));
    jump(interp, code, interp.pc_at(here.at()).wrapping_add(op.imm()), here.instruction())
}

/// `jalr`.
pub(crate) fn jalr<const LEN: usize>(
    interp: &mut Interp,
    code: &Code,
    _line: &Line,
    here: Here,
    slot: &Cell<Op>,
) -> Stop {
    let op = slot.get();
    let target = interp.cpu.x(op.rs1).wrapping_add(op.imm()) & !1;
    interp.cpu.set_x(op.rd, interp.pc_at(here.at().after::<LEN>()));
    jump(interp, code, target, here.instruction())
}
