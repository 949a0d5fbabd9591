//! The A extension: LR/SC and AMO.
//!
//! **Model.** An AMO is a loop of the host's compare-and-swap on the frame, sequentially consistent,
//! which is at least as strong as any `aq` and `rl`. LR remembers address and value; SC exchanges
//! only if both are unchanged.

use super::shape::word;
use crate::cpu::state::Reservation;
use crate::interp::flow::{dispatch, next};
use crate::interp::missed::Missed;
use crate::interp::op::{Code, Line, Op};
use crate::interp::place::Here;
use crate::interp::state::{Interp, Stop};
use addr::Gva;
use mmu::Access;
use std::cell::Cell;

/// An operation that needs its address in the TLB first, or is not possible there.
#[cold]
#[inline(never)]
fn missed<const SIZE: u64, const WRITE: bool>(
    interp: &mut Interp,
    code: &Code,
    line: &Line,
    here: Here,
) -> Stop {
    let gva = Gva(interp.cpu.x(line.op(here.at()).rs1));
    let access = if WRITE { Access::Store } else { Access::Load };
    match interp.atomic_missed(gva, access, SIZE, here) {
        Missed::Retry => dispatch(interp, code, line, here),
        Missed::Done | Missed::Stopped => interp.stopped(),
    }
}

macro_rules! amos {
    ($($w:ident $d:ident: |$old:ident, $operand:ident| $new_w:expr, $new_d:expr;)*) => {$(
        pub(crate) fn $w<const LEN: usize>(
            interp: &mut Interp, code: &Code, line: &Line, here: Here, slot: &Cell<Op>) -> Stop {
            let op = slot.get();
            let gva = Gva(interp.cpu.x(op.rs1));
            let Some(frame) = interp.cpu.mmu.tlb().store_to(gva, 4) else {
                return missed::<4, true>(interp, code, line, here);
            };
            let $operand = interp.cpu.x(op.rs2) as u32;
            let old = frame.update::<u32>(gva.page_offset(), |$old| $new_w);
            interp.cpu.set_x(op.rd, word(u64::from(old)));
            next::<LEN>(interp, code, line, here.access())
        }

        pub(crate) fn $d<const LEN: usize>(
            interp: &mut Interp, code: &Code, line: &Line, here: Here, slot: &Cell<Op>) -> Stop {
            let op = slot.get();
            let gva = Gva(interp.cpu.x(op.rs1));
            let Some(frame) = interp.cpu.mmu.tlb().store_to(gva, 8) else {
                return missed::<8, true>(interp, code, line, here);
            };
            let $operand = interp.cpu.x(op.rs2);
            let old = frame.update::<u64>(gva.page_offset(), |$old| $new_d);
            interp.cpu.set_x(op.rd, old);
            next::<LEN>(interp, code, line, here.access())
        }
    )*};
}

amos! {
    amoswap_w amoswap_d: |_old, b| b, b;
    amoadd_w amoadd_d: |a, b| a.wrapping_add(b), a.wrapping_add(b);
    amoxor_w amoxor_d: |a, b| a ^ b, a ^ b;
    amoand_w amoand_d: |a, b| a & b, a & b;
    amoor_w amoor_d: |a, b| a | b, a | b;
    amomin_w amomin_d: |a, b| (a as i32).min(b as i32) as u32, (a as i64).min(b as i64) as u64;
    amomax_w amomax_d: |a, b| (a as i32).max(b as i32) as u32, (a as i64).max(b as i64) as u64;
    amominu_w amominu_d: |a, b| a.min(b), a.min(b);
    amomaxu_w amomaxu_d: |a, b| a.max(b), a.max(b);
}

macro_rules! reserved {
    ($($lr:ident $sc:ident: $word:ty, $size:literal, |$value:ident| $extended:expr;)*) => {$(
        pub(crate) fn $lr<const LEN: usize>(
            interp: &mut Interp, code: &Code, line: &Line, here: Here, slot: &Cell<Op>) -> Stop {
            let op = slot.get();
            let gva = Gva(interp.cpu.x(op.rs1));
            let Some(frame) = interp.cpu.mmu.tlb().load_from(gva, $size) else {
                return missed::<$size, false>(interp, code, line, here);
            };
            std::sync::atomic::fence(std::sync::atomic::Ordering::SeqCst);
            let $value = u64::from(frame.load::<$word>(gva.page_offset()));
            std::sync::atomic::fence(std::sync::atomic::Ordering::SeqCst);
            interp.cpu.reservation = Some(Reservation { frame, offset: gva.page_offset(), size: $size, value: $value });
            interp.cpu.set_x(op.rd, $extended);
            next::<LEN>(interp, code, line, here.access())
        }

        pub(crate) fn $sc<const LEN: usize>(
            interp: &mut Interp, code: &Code, line: &Line, here: Here, slot: &Cell<Op>) -> Stop {
            let op = slot.get();
            let gva = Gva(interp.cpu.x(op.rs1));
            let Some(frame) = interp.cpu.mmu.tlb().store_to(gva, $size) else {
                return missed::<$size, true>(interp, code, line, here);
            };
            let new = interp.cpu.x(op.rs2) as $word;
            let stored = interp.cpu.take_reservation(frame, gva.page_offset(), $size).is_some_and(|value| {
                frame.compare_exchange::<$word>(gva.page_offset(), value as $word, new).is_ok()
            });
            interp.cpu.set_x(op.rd, u64::from(!stored));
            next::<LEN>(interp, code, line, here.access())
        }
    )*};
}

reserved! {
    lr_w sc_w: u32, 4, |value| word(value);
    lr_d sc_d: u64, 8, |value| value;
}
