//! Coming to an instruction: jumps, page ends, and decoding what was not reached before.

use crate::code::{Code, CodePage, HALFWORDS, UNDECODED};
use crate::cpu::Cpu;
use crate::decode::{self, Place};
use crate::hart::Exit;
use crate::join::join;
use crate::memory::Missed;
use crate::op::{At, Here, Op, Stop, dispatch};
use addr::{Gva, Mfn, PAGE_OFFSET, PAGE_SIZE};
use mmu::Access;

/// Goes on at `target`, which must be even. The slice may end here.
#[inline(always)]
pub(crate) fn jump(cpu: &mut Cpu, code: &Code, target: u64, here: Here) -> Stop {
    if !here.is_over()
        && let Some((index, _)) = cpu.mmu.tlb().fetch(Gva(target))
        && let Some(page) = code.page(index)
    {
        return enter(cpu, code, (index, page), target, here);
    }
    arrive(cpu, code, target, here)
}

#[inline(always)]
fn enter(cpu: &mut Cpu, code: &Code, (index, page): (u32, &CodePage), target: u64, here: Here) -> Stop {
    cpu.page_gva = target & !PAGE_OFFSET;
    #[cfg(debug_assertions)]
    {
        cpu.page = Some(index);
    }
    let _ = index;
    dispatch(cpu, code, page, here.moved_to(At::of_byte(target & PAGE_OFFSET)))
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
    let Some(mfn) = fetch_frame(cpu, Gva(target), target, here) else {
        return cpu.stopped();
    };
    let (index, page) = code.enter(&cpu.pool, &mut cpu.mmu, Gva(target), mfn);
    enter(cpu, code, (index, page), target, here)
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

/// Behind an instruction that stands alone.
pub(crate) fn page_end(cpu: &mut Cpu, code: &Code, _page: &CodePage, here: Here) -> Stop {
    jump(cpu, code, cpu.pc_at(here.at()), here)
}

/// A slot not reached before: decodes it, then runs it.
#[cold]
#[inline(never)]
pub(crate) fn undecoded(cpu: &mut Cpu, code: &Code, page: &CodePage, here: Here) -> Stop {
    decode_slot(cpu, page, here.at());
    dispatch(cpu, code, page, here)
}

/// Not inlined: a caller that held the operation on its stack could not go on by a jump.
#[inline(never)]
fn decode_slot(cpu: &Cpu, page: &CodePage, at: At) {
    let low = page.halfword(&cpu.pool, at);
    let op = if at.halfword() + decode::length(low) >= HALFWORDS {
        Op { run: last, ..UNDECODED }
    } else if decode::length(low) == 1 {
        decode::compressed(low, Place::InPage(at))
    } else {
        decode::full(
            u32::from(page.halfword(&cpu.pool, at.after::<1>())) << 16 | u32::from(low),
            Place::InPage(at),
        )
    };
    page.set(at, join(cpu, page, at, op));
}

/// The last instruction of a page. It runs from a page of its own, so that no other one need look
/// whether the page ends behind it. If its second half is on the next page, what it is depends on
/// what is mapped there: it is put together every time.
fn last(cpu: &mut Cpu, code: &Code, page: &CodePage, here: Here) -> Stop {
    let at = here.at();
    let low = page.halfword(&cpu.pool, at);
    let word = if decode::length(low) == 1 {
        u32::from(low)
    } else if at.halfword() + 1 < HALFWORDS {
        u32::from(page.halfword(&cpu.pool, at.after::<1>())) << 16 | u32::from(low)
    } else if let Some(high) = first_halfword(cpu, code, here) {
        u32::from(high) << 16 | u32::from(low)
    } else {
        return cpu.stopped();
    };
    let alone = code.alone(word, |word| match decode::length(word as u16) {
        1 => decode::compressed(word as u16, Place::Alone),
        _ => decode::full(word, Place::Alone),
    });
    cpu.page_gva = cpu.pc_at(at);
    #[cfg(debug_assertions)]
    {
        cpu.page = None;
    }
    dispatch(cpu, code, alone, here.moved_to(At::of(0)))
}

/// The first halfword of the next page, for the instruction at `here`; `None` when the loop must be
/// gone back to.
fn first_halfword(cpu: &mut Cpu, code: &Code, here: Here) -> Option<u16> {
    let gva = Gva(cpu.page_gva.wrapping_add(PAGE_SIZE));
    if let Some((index, _)) = cpu.mmu.tlb().fetch(gva)
        && let Some(page) = code.page(index)
    {
        return Some(page.halfword(&cpu.pool, At::of(0)));
    }
    let mfn = fetch_frame(cpu, gva, cpu.pc_at(here.at()), here)?;
    let (_, page) = code.enter(&cpu.pool, &mut cpu.mmu, gva, mfn);
    Some(page.halfword(&cpu.pool, At::of(0)))
}
