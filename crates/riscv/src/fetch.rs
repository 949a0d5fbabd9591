//! Coming to an instruction: jumps, ends of lines and pages, and decoding what was not reached before.

use crate::bind::{Place, bind};
use crate::code::Code;
use crate::cpu::Cpu;
use crate::hart::Exit;
use crate::isa::{self, decode};
use crate::join::join;
use crate::line::{HALFWORDS, Line, UNDECODED};
use crate::memory::Missed;
use crate::op::{At, Here, Op, Stop, dispatch};
use addr::{Gva, Mfn, PAGE_OFFSET, PAGE_SIZE};
use mmu::Access;
use std::cell::Cell;

/// Goes on at `target`, which must be even. The slice may end here.
#[inline(always)]
pub(crate) fn jump(cpu: &mut Cpu, code: &Code, target: u64, here: Here) -> Stop {
    let at = At::of_byte(target & PAGE_OFFSET);
    if !here.is_over()
        && let Some((table, _)) = cpu.mmu.tlb().fetch(Gva(target))
        && let Some(line) = code.line(table, at)
    {
        return enter(cpu, code, line, target, here.moved_to(at));
    }
    arrive(cpu, code, target, here)
}

/// Goes on in a line, at `here`, which is the instruction at `target`.
#[inline(always)]
fn enter(cpu: &mut Cpu, code: &Code, line: &Line, target: u64, here: Here) -> Stop {
    cpu.page_gva = target & !PAGE_OFFSET;
    #[cfg(debug_assertions)]
    {
        cpu.table = Some(line.table());
    }
    dispatch(cpu, code, line, here)
}

/// The slow way of [`jump`].
#[cold]
#[inline(never)]
fn arrive(cpu: &mut Cpu, code: &Code, target: u64, here: Here) -> Stop {
    if here.is_over() {
        cpu.pc = target;
        cpu.here = here;
        return Stop::Slice;
    }
    let Some(table) = table_of(cpu, code, Gva(target), target, here) else {
        return cpu.stopped();
    };
    let at = At::of_byte(target & PAGE_OFFSET);
    let line = code.line_made(&cpu.pool, &mut cpu.mmu, table, at);
    enter(cpu, code, line, target, here.moved_to(at))
}

/// Goes on at `here`, which is in another line of the page that `line` is of.
#[inline(always)]
pub(crate) fn go_to_line(cpu: &mut Cpu, code: &Code, line: &Line, here: Here) -> Stop {
    match code.line(line.table(), here.at()) {
        Some(line) => dispatch(cpu, code, line, here),
        None => arrive(cpu, code, cpu.pc_at(here.at()), here),
    }
}

/// Goes on behind the last instruction of `line`.
#[inline(never)]
pub(crate) fn next_line(cpu: &mut Cpu, code: &Code, line: &Line, here: Here) -> Stop {
    go_to_line(cpu, code, line, here)
}

/// Behind an instruction that stands alone.
pub(crate) fn page_end(cpu: &mut Cpu, code: &Code, _line: &Line, here: Here, _slot: &Cell<Op>) -> Stop {
    jump(cpu, code, cpu.pc_at(here.at()), here)
}

/// The table of the page of code that `gva` leads to, or `None` when the loop must be gone back to. Not inlined, see
/// [`fetch_frame`].
#[inline(never)]
fn table_of(cpu: &mut Cpu, code: &Code, gva: Gva, pc: u64, here: Here) -> Option<u32> {
    if let Some((table, _)) = cpu.mmu.tlb().fetch(gva) {
        return Some(table);
    }
    let mfn = fetch_frame(cpu, gva, pc, here)?;
    Some(code.enter(&cpu.pool, &mut cpu.mmu, gva, mfn))
}

/// The frame to fetch from, or `None` when the loop must be gone back to. `pc` is the instruction's,
/// which may have begun on the page before. Not inlined: a caller that held the translation on its
/// stack could not go on by a jump.
#[inline(never)]
fn fetch_frame(cpu: &mut Cpu, gva: Gva, pc: u64, here: Here) -> Option<Mfn> {
    match cpu.translate(gva, Access::Fetch) {
        Ok(mfn) => Some(mfn),
        Err(miss) => {
            let missed = cpu.stop_for(miss, gva, Access::Fetch, pc, here);
            debug_assert_eq!(missed, Missed::Stopped);
            None
        }
    }
}

impl Cpu {
    /// What goes back to the loop after [`Missed::Stopped`].
    pub(crate) fn stopped(&self) -> Stop {
        if matches!(self.exit, Exit::NeedsWork(..)) { Stop::Exit } else { Stop::Resume }
    }
}

/// A slot not reached before: decodes it, then runs it.
#[cold]
#[inline(never)]
pub(crate) fn undecoded(cpu: &mut Cpu, code: &Code, line: &Line, here: Here, _slot: &Cell<Op>) -> Stop {
    decode_slot(cpu, line, here.at());
    dispatch(cpu, code, line, here)
}

/// Not inlined: a caller that held the operation on its stack could not go on by a jump.
#[inline(never)]
fn decode_slot(cpu: &Cpu, line: &Line, at: At) {
    let low = line.halfword(&cpu.pool, at);
    let op = if at.halfword() + isa::length(low) >= HALFWORDS {
        Op { run: last, ..UNDECODED }
    } else {
        bind_bits(word(cpu, line, at, low), Place::InPage(at))
    };
    line.set(at, join(cpu, line, at, op));
}

fn bind_bits(bits: u32, place: Place) -> Op {
    bind(decode(bits), bits, place)
}

/// The instruction at `at` that begins with `low`, which does not end in another page.
fn word(cpu: &Cpu, line: &Line, at: At, low: u16) -> u32 {
    match isa::length(low) {
        1 => u32::from(low),
        _ => u32::from(line.halfword(&cpu.pool, at.after::<1>())) << 16 | u32::from(low),
    }
}

/// The last instruction of a page. It runs from a line of its own, so that no other one need look
/// whether the page ends behind it. If its second half is on the next page, what it is depends on
/// what is mapped there: it is put together every time.
fn last(cpu: &mut Cpu, code: &Code, line: &Line, here: Here, _slot: &Cell<Op>) -> Stop {
    let at = here.at();
    let low = line.halfword(&cpu.pool, at);
    let word = if at.halfword() + isa::length(low) <= HALFWORDS {
        word(cpu, line, at, low)
    } else if let Some(high) = first_halfword(cpu, code, here) {
        u32::from(high) << 16 | u32::from(low)
    } else {
        return cpu.stopped();
    };
    let alone = code.alone(word, |word| bind_bits(word, Place::Alone));
    cpu.page_gva = cpu.pc_at(at);
    #[cfg(debug_assertions)]
    {
        cpu.table = None;
    }
    dispatch(cpu, code, alone, here.moved_to(At::of(0)))
}

/// The first halfword of the next page, for the instruction at `here`; `None` when the loop must be
/// gone back to.
fn first_halfword(cpu: &mut Cpu, code: &Code, here: Here) -> Option<u16> {
    let pc = cpu.pc_at(here.at());
    let table = table_of(cpu, code, Gva(pc).page_base().wrapping_add(PAGE_SIZE), pc, here)?;
    Some(code.line_made(&cpu.pool, &mut cpu.mmu, table, At::of(0)).halfword(&cpu.pool, At::of(0)))
}
