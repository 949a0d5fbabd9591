//! Coming to an instruction: jumps, page ends, and decoding what was not reached before.

use crate::code::{Code, CodePage, HALFWORDS};
use crate::cpu::Cpu;
use crate::decode::{self, Place};
use crate::hart::Exit;
use crate::memory::Missed;
use crate::op::{Meter, Stop, dispatch};
use addr::{Gva, Mfn, PAGE_OFFSET, PAGE_SIZE};
use mmu::Access;

/// Goes on at `target`, which must be even. The slice may end here.
#[inline(always)]
pub(crate) fn jump(cpu: &mut Cpu, code: &Code, target: u64, meter: Meter) -> Stop {
    if !meter.is_over()
        && let Some((index, mfn)) = cpu.mmu.tlb().fetch(Gva(target))
        && let Some(page) = code.page(index)
        && page.is_current(mfn, cpu.fence_i)
    {
        return enter(cpu, code, (index, page), target, meter);
    }
    arrive(cpu, code, target, meter)
}

#[inline(always)]
fn enter(cpu: &mut Cpu, code: &Code, (index, page): (u32, &CodePage), target: u64, meter: Meter) -> Stop {
    cpu.page_gva = target & !PAGE_OFFSET;
    #[cfg(debug_assertions)]
    {
        cpu.page = Some(index);
    }
    let _ = index;
    dispatch(cpu, code, page, (target & PAGE_OFFSET) as usize / 2, meter)
}

/// The slow way of [`jump`].
#[cold]
#[inline(never)]
fn arrive(cpu: &mut Cpu, code: &Code, target: u64, meter: Meter) -> Stop {
    if meter.is_over() {
        cpu.pc = target;
        cpu.meter = meter;
        return Stop::Slice;
    }
    let Some(mfn) = fetch_frame(cpu, Gva(target), target, meter) else {
        return cpu.stopped();
    };
    let (index, page) = code.enter(&cpu.pool, mfn, cpu.fence_i);
    cpu.mmu.fill_fetch(Gva(target), mfn, index);
    enter(cpu, code, (index, page), target, meter)
}

/// The frame to fetch from, or `None` when the loop must be gone back to. `pc` is the instruction's,
/// which may have begun on the page before.
fn fetch_frame(cpu: &mut Cpu, gva: Gva, pc: u64, meter: Meter) -> Option<Mfn> {
    match cpu.translate(gva, Access::Fetch) {
        Ok(mfn) => Some(mfn),
        Err(miss) => {
            let missed = cpu.stop_for(miss, gva, Access::Fetch, pc, meter);
            debug_assert_eq!(missed, Missed::Stopped);
            None
        }
    }
}

impl Cpu {
    /// What goes back to the loop after [`Missed::Stopped`].
    pub(crate) fn stopped(&self) -> Stop {
        if matches!(self.exit, Exit::NeedsWork(_)) { Stop::Exit } else { Stop::Resume }
    }
}

/// Behind the last halfword of a page.
pub(crate) fn page_end(cpu: &mut Cpu, code: &Code, _page: &CodePage, at: usize, meter: Meter) -> Stop {
    jump(cpu, code, cpu.pc_at(at), meter)
}

/// A slot not reached before: decodes it, then runs it.
#[cold]
#[inline(never)]
pub(crate) fn undecoded(cpu: &mut Cpu, code: &Code, page: &CodePage, at: usize, meter: Meter) -> Stop {
    let low = page.halfword(at);
    if low & 3 != 3 {
        page.set(at, decode::compressed(low, Place::InPage(at)));
        return dispatch(cpu, code, page, at, meter);
    }
    if at + 1 < HALFWORDS {
        let word = u32::from(page.halfword(at + 1)) << 16 | u32::from(low);
        page.set(at, decode::full(word, Place::InPage(at)));
        return dispatch(cpu, code, page, at, meter);
    }
    straddle(cpu, code, low, meter)
}

/// An instruction whose second half is on the next page. What it is depends on what is mapped
/// there, so it is put together every time.
fn straddle(cpu: &mut Cpu, code: &Code, low: u16, meter: Meter) -> Stop {
    const AT: usize = HALFWORDS - 1;
    let pc = cpu.pc_at(AT);
    let next_page = Gva(cpu.page_gva.wrapping_add(PAGE_SIZE));
    let known = cpu.mmu.tlb().fetch(next_page).and_then(|(index, mfn)| {
        code.page(index).filter(|page| page.is_current(mfn, cpu.fence_i)).map(|page| page.halfword(0))
    });
    let high = if let Some(high) = known {
        high
    } else {
        let Some(mfn) = fetch_frame(cpu, next_page, pc, meter) else { return cpu.stopped() };
        let (index, page) = code.enter(&cpu.pool, mfn, cpu.fence_i);
        cpu.mmu.fill_fetch(next_page, mfn, index);
        page.halfword(0)
    };
    let word = u32::from(high) << 16 | u32::from(low);
    if code.straddling_word.replace(word) != word {
        code.straddling.set(AT, decode::full(word, Place::Straddling));
    }
    #[cfg(debug_assertions)]
    {
        cpu.page = None;
    }
    dispatch(cpu, code, &code.straddling, AT, meter)
}
