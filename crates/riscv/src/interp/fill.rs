//! Filling slots: decoding an instruction when it is first reached, and instructions at the end of a page.

use crate::interp::binding::{Place, bind};
use crate::interp::flow::{dispatch, jump, table_of};
use crate::interp::fusion::{Found, fuse};
use crate::interp::line::Slot;
use crate::interp::op::{Code, Line, Op};
use crate::interp::place::{At, HALFWORDS, Here};
use crate::interp::state::{Interp, Stop};
use crate::isa::{self, decode};
use addr::{Gva, PAGE_SIZE};
use std::cell::Cell;

impl Slot for Op {
    const UNDECODED: Self = Self::new(undecoded);
    const PAGE_END: Self = Self::new(page_end);

    fn is_undecoded(self) -> bool {
        std::ptr::fn_addr_eq(self.run, Self::UNDECODED.run)
    }
}

/// Behind an instruction that stands alone.
pub(crate) fn page_end(interp: &mut Interp, code: &Code, _line: &Line, here: Here, _slot: &Cell<Op>) -> Stop {
    jump(interp, code, interp.pc_at(here.at()), here)
}

/// A slot not reached before: decodes it, then runs it.
#[cold]
#[inline(never)]
pub(crate) fn undecoded(interp: &mut Interp, code: &Code, line: &Line, here: Here, _slot: &Cell<Op>) -> Stop {
    decode_slot(interp, line, here.at());
    dispatch(interp, code, line, here)
}

/// Not inlined: a caller that held the operation on its stack could not go on by a jump.
#[inline(never)]
fn decode_slot(interp: &Interp, line: &Line, at: At) {
    let low = line.halfword(&interp.cpu.pool, at);
    if at.halfword() + isa::length(low) >= HALFWORDS {
        line.set(at, Op::new(last));
        return;
    }
    let bits = word(interp, line, at, low);
    let inst = decode(bits);
    let op = bind(inst, bits, Place::InPage(at));
    let found = inst.and_then(|inst| Found::new(at, inst, bits));
    line.set(at, found.map_or(op, |found| fuse(interp, line, found, op)));
}

/// The instruction at `at` that begins with `low`, which does not end in another page.
fn word(interp: &Interp, line: &Line, at: At, low: u16) -> u32 {
    match isa::length(low) {
        1 => u32::from(low),
        _ => u32::from(line.halfword(&interp.cpu.pool, at.after::<1>())) << 16 | u32::from(low),
    }
}

/// The last instruction of a page. It runs from a line of its own, so that no other one need look
/// whether the page ends behind it. If its second half is on the next page, what it is depends on
/// what is mapped there: it is put together every time.
fn last(interp: &mut Interp, code: &Code, line: &Line, here: Here, _slot: &Cell<Op>) -> Stop {
    let at = here.at();
    let low = line.halfword(&interp.cpu.pool, at);
    let word = if at.halfword() + isa::length(low) <= HALFWORDS {
        word(interp, line, at, low)
    } else if let Some(high) = first_halfword(interp, code, here) {
        u32::from(high) << 16 | u32::from(low)
    } else {
        return interp.stopped();
    };
    let alone = code.alone(word, |word| bind(decode(word), word, Place::Alone));
    interp.page_gva = interp.pc_at(at);
    #[cfg(debug_assertions)]
    {
        interp.table = None;
    }
    dispatch(interp, code, alone, here.moved_to(At::of(0)))
}

/// The first halfword of the next page, for the instruction at `here`; `None` when the loop must be
/// gone back to.
fn first_halfword(interp: &mut Interp, code: &Code, here: Here) -> Option<u16> {
    let pc = interp.pc_at(here.at());
    let table = table_of(interp, code, Gva(pc).page_base().wrapping_add(PAGE_SIZE), pc, here)?;
    Some(
        code.line_made(&interp.cpu.pool, &mut interp.cpu.mmu, table, At::of(0))
            .halfword(&interp.cpu.pool, At::of(0)),
    )
}
