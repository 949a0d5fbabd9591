//! Branches and jumps.
//!
//! A branch whose target is in its own page goes there without looking anything up. The slice ends
//! at jumps and at branches backwards, so that no loop misses it.

use crate::code::{Code, CodePage};
use crate::cpu::Cpu;
use crate::fetch::jump;
use crate::op::{At, Here, Stop, dispatch, next};

/// Goes on at a place in the page, `op.imm`, unless the slice is over.
#[inline(always)]
fn go_within(cpu: &mut Cpu, code: &Code, page: &CodePage, to: At, here: Here) -> Stop {
    if here.is_over() {
        return cpu.slice_over(cpu.pc_at(to), here);
    }
    dispatch(cpu, code, page, here.moved_to(to))
}

impl Cpu {
    #[cold]
    fn slice_over(&mut self, pc: u64, here: Here) -> Stop {
        self.pc = pc;
        self.here = here;
        Stop::Slice
    }
}

macro_rules! branches {
    ($($near:ident $far:ident: |$a:ident, $b:ident| $taken:expr;)*) => {$(
        /// To a place in this page, `imm`.
        pub(crate) fn $near<const LEN: usize>(
            cpu: &mut Cpu, code: &Code, page: &CodePage, here: Here,
        ) -> Stop {
            let op = page.op(here.at());
            let ($a, $b) = (cpu.x(op.rs1), cpu.x(op.rs2));
            if $taken {
                return go_within(cpu, code, page, At::from_imm(op.imm), here.instruction());
            }
            next::<LEN>(cpu, code, page, here)
        }

        /// To another page, `imm` bytes away.
        pub(crate) fn $far<const LEN: usize>(
            cpu: &mut Cpu, code: &Code, page: &CodePage, here: Here,
        ) -> Stop {
            let op = page.op(here.at());
            let ($a, $b) = (cpu.x(op.rs1), cpu.x(op.rs2));
            if $taken {
                return jump(cpu, code, cpu.pc_at(here.at()).wrapping_add(op.imm()), here.instruction());
            }
            next::<LEN>(cpu, code, page, here)
        }
    )*};
}

branches! {
    beq beq_far: |a, b| a == b;
    bne bne_far: |a, b| a != b;
    blt blt_far: |a, b| (a as i64) < b as i64;
    bge bge_far: |a, b| a as i64 >= b as i64;
    bltu bltu_far: |a, b| a < b;
    bgeu bgeu_far: |a, b| a >= b;
}

/// `jal` to a place in this page, `imm`.
pub(crate) fn jal<const LEN: usize>(cpu: &mut Cpu, code: &Code, page: &CodePage, here: Here) -> Stop {
    let op = page.op(here.at());
    cpu.set_x(op.rd, cpu.pc_at(here.at().after::<LEN>()));
    go_within(cpu, code, page, At::from_imm(op.imm), here.instruction())
}

/// `jal` to another page, `imm` bytes away.
pub(crate) fn jal_far<const LEN: usize>(cpu: &mut Cpu, code: &Code, page: &CodePage, here: Here) -> Stop {
    let op = page.op(here.at());
    cpu.set_x(op.rd, cpu.pc_at(here.at().after::<LEN>()));
    jump(cpu, code, cpu.pc_at(here.at()).wrapping_add(op.imm()), here.instruction())
}

/// `jalr`.
pub(crate) fn jalr<const LEN: usize>(cpu: &mut Cpu, code: &Code, page: &CodePage, here: Here) -> Stop {
    let op = page.op(here.at());
    let target = cpu.x(op.rs1).wrapping_add(op.imm()) & !1;
    cpu.set_x(op.rd, cpu.pc_at(here.at().after::<LEN>()));
    jump(cpu, code, target, here.instruction())
}
