//! Control flow: to the next operation, to another line or page, and to code that is not in the cache.

use crate::cpu::access::Fault;
use crate::interp::op::{Code, Line};
use crate::interp::place::{At, Here, LAST};
use crate::interp::state::{Interp, Stop};
use addr::{Gva, Mfn, PAGE_OFFSET};
use mmu::Access;

/// Goes on with the operation at `here`.
#[inline(always)]
pub(crate) fn dispatch(interp: &mut Interp, code: &Code, line: &Line, here: Here) -> Stop {
    #[cfg(not(debug_assertions))]
    {
        let slot = line.slot(here.at());
        (slot.get().run)(interp, code, line, here, slot)
    }
    #[cfg(debug_assertions)]
    {
        let _ = (code, line);
        interp.here = here;
        Stop::Next
    }
}

/// Goes on behind an instruction of `LEN` halfwords.
#[inline(always)]
pub(crate) fn next<const LEN: usize>(interp: &mut Interp, code: &Code, line: &Line, here: Here) -> Stop {
    if LEN > LAST {
        next_line(interp, code, line, here.after::<LEN>())
    } else {
        dispatch(interp, code, line, here.after::<LEN>())
    }
}

/// Goes on at `target`, which must be even. The slice may end here.
#[inline(always)]
pub(crate) fn jump(interp: &mut Interp, code: &Code, target: u64, here: Here) -> Stop {
    let at = At::of_byte(target & PAGE_OFFSET);
    if !here.is_over()
        && let Some((table, _)) = interp.cpu.mmu.tlb().fetch(Gva(target))
        && let Some(line) = code.line(table, at)
    {
        return enter(interp, code, line, target, here.moved_to(at));
    }
    arrive(interp, code, target, here)
}

/// Goes on in a line, at `here`, which is the instruction at `target`.
#[inline(always)]
fn enter(interp: &mut Interp, code: &Code, line: &Line, target: u64, here: Here) -> Stop {
    interp.page_gva = target & !PAGE_OFFSET;
    #[cfg(debug_assertions)]
    {
        interp.table = Some(line.table());
    }
    dispatch(interp, code, line, here)
}

/// The slow way of [`jump`].
#[cold]
#[inline(never)]
fn arrive(interp: &mut Interp, code: &Code, target: u64, here: Here) -> Stop {
    if here.is_over() {
        interp.cpu.pc = target;
        interp.here = here;
        return Stop::Slice;
    }
    let Some(table) = table_of(interp, code, Gva(target), target, here) else {
        return interp.stopped();
    };
    let at = At::of_byte(target & PAGE_OFFSET);
    let line = code.line_made(&interp.cpu.pool, &mut interp.cpu.mmu, table, at);
    enter(interp, code, line, target, here.moved_to(at))
}

/// Goes on at `here`, which is in another line of the page that `line` is of.
#[inline(always)]
pub(crate) fn go_to_line(interp: &mut Interp, code: &Code, line: &Line, here: Here) -> Stop {
    match code.line(line.table(), here.at()) {
        Some(line) => dispatch(interp, code, line, here),
        None => arrive(interp, code, interp.pc_at(here.at()), here),
    }
}

/// Goes on behind the last instruction of `line`.
#[inline(never)]
pub(crate) fn next_line(interp: &mut Interp, code: &Code, line: &Line, here: Here) -> Stop {
    go_to_line(interp, code, line, here)
}

/// The table of the page of code that `gva` leads to, or `None` when the loop must be gone back to. Not inlined, see
/// [`fetch_frame`].
#[inline(never)]
pub(crate) fn table_of(interp: &mut Interp, code: &Code, gva: Gva, pc: u64, here: Here) -> Option<u32> {
    if let Some((table, _)) = interp.cpu.mmu.tlb().fetch(gva) {
        return Some(table);
    }
    let mfn = fetch_frame(interp, gva, pc, here)?;
    Some(code.enter(&interp.cpu.pool, &mut interp.cpu.mmu, gva, mfn))
}

/// The frame to fetch from, or `None` when the loop must be gone back to. `pc` is the instruction's,
/// which may have begun on the page before. Not inlined: a caller that held the translation on its
/// stack could not go on by a jump.
#[inline(never)]
fn fetch_frame(interp: &mut Interp, gva: Gva, pc: u64, here: Here) -> Option<Mfn> {
    match interp.cpu.translate(gva, Access::Fetch) {
        Ok(mfn) => Some(mfn),
        Err(miss) => {
            interp.stop_for(Fault::of(miss, gva, Access::Fetch), pc, here);
            None
        }
    }
}
