//! Operations that do several instructions; see [`fusion`](crate::interp::fusion).

use crate::interp::flow::{dispatch, jump};
use crate::interp::op::{Code, Line, Op};
use crate::interp::place::Here;
use crate::interp::state::{Interp, Stop};
use addr::{Gva, PAGE_OFFSET};
use std::cell::Cell;

/// Several instructions without effect, which `imm` counts and steps over.
pub(crate) fn nops(interp: &mut Interp, code: &Code, line: &Line, here: Here, slot: &Cell<Op>) -> Stop {
    let step = slot.get().imm;
    dispatch(interp, code, line, here.stepped(step))
}

/// `lui` and `addi` or `addiw`: a constant. `LEN` is the length of both.
pub(crate) fn lui_addi<const LEN: usize>(
    interp: &mut Interp,
    code: &Code,
    line: &Line,
    here: Here,
    slot: &Cell<Op>,
) -> Stop {
    let op = slot.get();
    interp.cpu.set_x(op.rd, op.imm());
    dispatch(interp, code, line, here.instruction().after::<LEN>())
}

/// `auipc` and `addi`: an address.
pub(crate) fn auipc_addi<const LEN: usize>(
    interp: &mut Interp,
    code: &Code,
    line: &Line,
    here: Here,
    slot: &Cell<Op>,
) -> Stop {
    let op = slot.get();
    interp.cpu.set_x(op.rd, interp.pc_at(here.at()).wrapping_add(op.imm()));
    dispatch(interp, code, line, here.instruction().after::<LEN>())
}

/// `auipc` and `jalr`: a call.
pub(crate) fn auipc_jalr<const LEN: usize>(
    interp: &mut Interp,
    code: &Code,
    _line: &Line,
    here: Here,
    slot: &Cell<Op>,
) -> Stop {
    let op = slot.get();
    let target = interp.pc_at(here.at()).wrapping_add(op.imm()) & !1;
    interp.cpu.set_x(op.rd, interp.pc_at(here.at().after::<LEN>()));
    jump(interp, code, target, here.instruction().instruction())
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
            interp: &mut Interp, code: &Code, line: &Line, mut here: Here, slot: &Cell<Op>) -> Stop {
            let mut $op = slot.get();
            let base = interp.cpu.x($op.rs1);
            let mut gva = Gva(base.wrapping_add($op.imm()));
            let mut left = $op.aux;
            let Some($frame) = interp.cpu.mmu.tlb().$find(gva, 8) else {
                return super::memory::$missed::<LEN>(interp, code, line, here);
            };
            loop {
                let $offset = gva.page_offset();
                {
                    let $cpu = &mut interp.cpu;
                    $access;
                }
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
            dispatch(interp, code, line, here)
        }
    )*};
}

runs! {
    /// Loads of eight bytes from one base, as many as `aux` says, as far as they are in one page.
    ld_run: load_from, ld_missed, |cpu, op, frame, offset| cpu.set_x(op.rd, frame.load::<u64>(offset));
    /// Stores of eight bytes to one base, as many as `aux` says, as far as they are in one page.
    sd_run: store_to, sd_missed, |cpu, op, frame, offset| frame.store::<u64>(offset, cpu.x(op.rs2));
}
