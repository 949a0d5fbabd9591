//! Branches and jumps.
//!
//! A branch whose target is in its own line goes there without looking anything up, one in its own page by the
//! page's table. The slice ends at jumps and at branches backwards, so that no loop misses it.

use crate::code::Code;
use crate::cpu::Cpu;
use crate::fetch::{go_to_line, jump};
use crate::line::Line;
use crate::op::{At, Here, Op, Stop, dispatch, next};
use std::cell::Cell;

/// Goes on in the same line, where `op` leads, unless the slice is over.
#[inline(always)]
fn go_in_line(cpu: &mut Cpu, code: &Code, line: &Line, op: Op, here: Here) -> Stop {
    let (to, here) = (At::from_imm(op.imm), here.instruction());
    if here.is_over() {
        return cpu.slice_over(cpu.pc_at(to), here);
    }
    dispatch(cpu, code, line, here.moved_to(to))
}

/// Goes on in another line of the same page, where `op` leads, unless the slice is over.
#[inline(always)]
fn go_in_page(cpu: &mut Cpu, code: &Code, line: &Line, op: Op, here: Here) -> Stop {
    let (to, here) = (At::from_imm(op.imm), here.instruction());
    if here.is_over() {
        return cpu.slice_over(cpu.pc_at(to), here);
    }
    go_to_line(cpu, code, line, here.moved_to(to))
}

impl Cpu {
    #[cold]
    pub(crate) fn slice_over(&mut self, pc: u64, here: Here) -> Stop {
        self.pc = pc;
        self.here = here;
        Stop::Slice
    }
}

macro_rules! branches {
    ($($name:ident $near:ident $far:ident: |$a:ident, $b:ident| $taken:expr;)*) => {$(
        /// To a place in this line.
        pub(crate) fn $name<const LEN: usize>(
            cpu: &mut Cpu, code: &Code, line: &Line, here: Here, slot: &Cell<Op>) -> Stop {
            let op = slot.get();
            let ($a, $b) = (cpu.x(op.rs1), cpu.x(op.rs2));
            if $taken {
                return go_in_line(cpu, code, line, op, here);
            }
            next::<LEN>(cpu, code, line, here)
        }

        /// To another line of this page.
        pub(crate) fn $near<const LEN: usize>(
            cpu: &mut Cpu, code: &Code, line: &Line, here: Here, slot: &Cell<Op>) -> Stop {
            let op = slot.get();
            let ($a, $b) = (cpu.x(op.rs1), cpu.x(op.rs2));
            if $taken {
                return go_in_page(cpu, code, line, op, here);
            }
            next::<LEN>(cpu, code, line, here)
        }

        /// To another page, `imm` bytes away.
        pub(crate) fn $far<const LEN: usize>(
            cpu: &mut Cpu, code: &Code, line: &Line, here: Here, slot: &Cell<Op>) -> Stop {
            let op = slot.get();
            let ($a, $b) = (cpu.x(op.rs1), cpu.x(op.rs2));
            if $taken {
                return jump(cpu, code, cpu.pc_at(here.at()).wrapping_add(op.imm()), here.instruction());
            }
            next::<LEN>(cpu, code, line, here)
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
    cpu: &mut Cpu,
    code: &Code,
    line: &Line,
    here: Here,
    slot: &Cell<Op>,
) -> Stop {
    let op = slot.get();
    cpu.set_x(op.rd, cpu.pc_at(here.at().after::<LEN>()));
    go_in_line(cpu, code, line, op, here)
}

/// `jal` to another line of this page.
pub(crate) fn jal_near<const LEN: usize>(
    cpu: &mut Cpu,
    code: &Code,
    line: &Line,
    here: Here,
    slot: &Cell<Op>,
) -> Stop {
    let op = slot.get();
    cpu.set_x(op.rd, cpu.pc_at(here.at().after::<LEN>()));
    go_in_page(cpu, code, line, op, here)
}

/// `jal` to another page, `imm` bytes away.
pub(crate) fn jal_far<const LEN: usize>(
    cpu: &mut Cpu,
    code: &Code,
    _line: &Line,
    here: Here,
    slot: &Cell<Op>,
) -> Stop {
    let op = slot.get();
    cpu.set_x(op.rd, cpu.pc_at(here.at().after::<LEN>()));
    jump(cpu, code, cpu.pc_at(here.at()).wrapping_add(op.imm()), here.instruction())
}

/// `jalr`.
pub(crate) fn jalr<const LEN: usize>(
    cpu: &mut Cpu,
    code: &Code,
    _line: &Line,
    here: Here,
    slot: &Cell<Op>,
) -> Stop {
    let op = slot.get();
    let target = cpu.x(op.rs1).wrapping_add(op.imm()) & !1;
    cpu.set_x(op.rd, cpu.pc_at(here.at().after::<LEN>()));
    jump(cpu, code, target, here.instruction())
}
