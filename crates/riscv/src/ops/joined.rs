//! Operations that do several instructions; see [`crate::join`].

use crate::code::Code;
use crate::cpu::Cpu;
use crate::fetch::jump;
use crate::line::Line;
use crate::op::{Here, Op, Stop, dispatch};
use addr::{Gva, PAGE_OFFSET};
use std::cell::Cell;

/// Several instructions without effect, which `imm` counts and steps over.
pub(crate) fn nops(cpu: &mut Cpu, code: &Code, line: &Line, here: Here, slot: &Cell<Op>) -> Stop {
    let step = slot.get().imm;
    dispatch(cpu, code, line, here.stepped(step))
}

/// `lui` and `addi` or `addiw`: a constant. `LEN` is the length of both.
pub(crate) fn lui_addi<const LEN: usize>(
    cpu: &mut Cpu,
    code: &Code,
    line: &Line,
    here: Here,
    slot: &Cell<Op>,
) -> Stop {
    let op = slot.get();
    cpu.set_x(op.rd, op.imm());
    dispatch(cpu, code, line, here.instruction().after::<LEN>())
}

/// `auipc` and `addi`: an address.
pub(crate) fn auipc_addi<const LEN: usize>(
    cpu: &mut Cpu,
    code: &Code,
    line: &Line,
    here: Here,
    slot: &Cell<Op>,
) -> Stop {
    let op = slot.get();
    cpu.set_x(op.rd, cpu.pc_at(here.at()).wrapping_add(op.imm()));
    dispatch(cpu, code, line, here.instruction().after::<LEN>())
}

/// `auipc` and `jalr`: a call.
pub(crate) fn auipc_jalr<const LEN: usize>(
    cpu: &mut Cpu,
    code: &Code,
    _line: &Line,
    here: Here,
    slot: &Cell<Op>,
) -> Stop {
    let op = slot.get();
    let target = cpu.pc_at(here.at()).wrapping_add(op.imm()) & !1;
    cpu.set_x(op.rd, cpu.pc_at(here.at().after::<LEN>()));
    jump(cpu, code, target, here.instruction().instruction())
}

/// Whether an access of eight bytes at `gva` is aligned and in the page of `other`, which is.
#[inline(always)]
const fn is_beside(gva: Gva, other: Gva) -> bool {
    (gva.0 ^ other.0) & !(PAGE_OFFSET ^ 7) == 0
}

macro_rules! runs {
    ($($(#[$doc:meta])* $name:ident: $find:ident, $missed:ident,
        |$cpu:ident, $op:ident, $frame:ident, $offset:ident| $access:expr;)*) => {$(
        $(#[$doc])*
        pub(crate) fn $name<const LEN: usize>(
            $cpu: &mut Cpu, code: &Code, line: &Line, mut here: Here, slot: &Cell<Op>) -> Stop {
            let mut $op = slot.get();
            let base = $cpu.x($op.rs1);
            let mut gva = Gva(base.wrapping_add($op.imm()));
            let mut left = $op.aux;
            let Some($frame) = $cpu.mmu.tlb().$find(gva, 8) else {
                return super::memory::$missed::<LEN>($cpu, code, line, here);
            };
            loop {
                let $offset = gva.page_offset();
                $access;
                here = here.after::<LEN>().access();
                left -= 1;
                if left == 0 {
                    break;
                }
                $op = line.op(here.at());
                let next = Gva(base.wrapping_add($op.imm()));
                if !is_beside(next, gva) {
                    break;
                }
                gva = next;
            }
            dispatch($cpu, code, line, here)
        }
    )*};
}

runs! {
    /// Loads of eight bytes from one base, as many as `aux` says, as far as they are in one page.
    ld_run: load_from, ld_missed, |cpu, op, frame, offset| cpu.set_x(op.rd, frame.load::<u64>(offset));
    /// Stores of eight bytes to one base, as many as `aux` says, as far as they are in one page.
    sd_run: store_to, sd_missed, |cpu, op, frame, offset| frame.store::<u64>(offset, cpu.x(op.rs2));
}
