//! Loads and stores.

use crate::cpu::state::Cpu;
use crate::cpu::trap::Exception;
use crate::interp::flow::{dispatch, next};
use crate::interp::missed::Missed;
use crate::interp::op::{Code, Line, Op};
use crate::interp::place::Here;
use crate::interp::state::{Interp, Stop};
use crate::isa::float::box32;
use addr::Gva;
use machine::Word;
use std::cell::Cell;

#[inline(always)]
fn address(cpu: &Cpu, op: Op) -> Gva {
    Gva(cpu.x(op.rs1).wrapping_add(op.imm()))
}

macro_rules! loads {
    ($($name:ident $missed:ident: $word:ty, |$cpu:ident, $rd:ident, $value:ident| $put:expr;)*) => {$(
        pub(crate) fn $name<const LEN: usize>(
            interp: &mut Interp, code: &Code, line: &Line, here: Here, slot: &Cell<Op>) -> Stop {
            let op = slot.get();
            let gva = address(&interp.cpu, op);
            let Some(frame) = interp.cpu.mmu.tlb().load_from(gva, <$word>::SIZE) else {
                return $missed::<LEN>(interp, code, line, here);
            };
            let $value = frame.load::<$word>(gva.page_offset());
            let ($cpu, $rd) = (&mut interp.cpu, op.rd);
            $put;
            next::<LEN>(interp, code, line, here.access())
        }

        #[cold]
        #[inline(never)]
        pub(super) fn $missed<const LEN: usize>(
            interp: &mut Interp, code: &Code, line: &Line, here: Here,
        ) -> Stop {
            let op = line.op(here.at());
            match interp.load_missed(address(&interp.cpu, op), <$word>::SIZE, here) {
                Missed::Retry => dispatch(interp, code, line, here),
                Missed::Done => {
                    let $value = <$word>::low_bits(interp.loaded);
                    let ($cpu, $rd) = (&mut interp.cpu, op.rd);
                    $put;
                    next::<LEN>(interp, code, line, here.access())
                }
                Missed::Stopped => interp.stopped(),
            }
        }
    )*};
}

loads! {
    lb lb_missed: u8, |cpu, rd, value| cpu.set_x(rd, value as i8 as u64);
    lh lh_missed: u16, |cpu, rd, value| cpu.set_x(rd, value as i16 as u64);
    lw lw_missed: u32, |cpu, rd, value| cpu.set_x(rd, value as i32 as u64);
    ld ld_missed: u64, |cpu, rd, value| cpu.set_x(rd, value);
    lbu lbu_missed: u8, |cpu, rd, value| cpu.set_x(rd, u64::from(value));
    lhu lhu_missed: u16, |cpu, rd, value| cpu.set_x(rd, u64::from(value));
    lwu lwu_missed: u32, |cpu, rd, value| cpu.set_x(rd, u64::from(value));
    flw_on flw_missed: u32, |cpu, rd, value| cpu.set_f(rd, box32(value));
    fld_on fld_missed: u64, |cpu, rd, value| cpu.set_f(rd, value);
}

macro_rules! stores {
    ($($name:ident $missed:ident: $word:ty, |$cpu:ident, $rs2:ident| $value:expr;)*) => {$(
        pub(crate) fn $name<const LEN: usize>(
            interp: &mut Interp, code: &Code, line: &Line, here: Here, slot: &Cell<Op>) -> Stop {
            let op = slot.get();
            let gva = address(&interp.cpu, op);
            let Some(frame) = interp.cpu.mmu.tlb().store_to(gva, <$word>::SIZE) else {
                return $missed::<LEN>(interp, code, line, here);
            };
            let ($cpu, $rs2) = (&interp.cpu, op.rs2);
            frame.store(gva.page_offset(), <$word>::low_bits($value));
            next::<LEN>(interp, code, line, here.access())
        }

        #[cold]
        #[inline(never)]
        pub(super) fn $missed<const LEN: usize>(
            interp: &mut Interp, code: &Code, line: &Line, here: Here,
        ) -> Stop {
            let op = line.op(here.at());
            let value = {
                let ($cpu, $rs2) = (&interp.cpu, op.rs2);
                u64::from(<$word>::low_bits($value))
            };
            match interp.store_missed(address(&interp.cpu, op), <$word>::SIZE, value, here) {
                Missed::Retry => dispatch(interp, code, line, here),
                Missed::Done => next::<LEN>(interp, code, line, here.access()),
                Missed::Stopped => interp.stopped(),
            }
        }
    )*};
}

stores! {
    sb sb_missed: u8, |cpu, rs2| cpu.x(rs2);
    sh sh_missed: u16, |cpu, rs2| cpu.x(rs2);
    sw sw_missed: u32, |cpu, rs2| cpu.x(rs2);
    sd sd_missed: u64, |cpu, rs2| cpu.x(rs2);
    fsw_on fsw_missed: u32, |cpu, rs2| cpu.f(rs2);
    fsd_on fsd_missed: u64, |cpu, rs2| cpu.f(rs2);
}

macro_rules! float_memory {
    ($($name:ident: $on:ident;)*) => {$(
        /// Illegal while floating point is off.
        pub(crate) fn $name<const LEN: usize>(
            interp: &mut Interp, code: &Code, line: &Line, here: Here, slot: &Cell<Op>) -> Stop {
            if interp.cpu.csrs.float_is_off() {
                // The operation holds no encoding to tell, and 0 is allowed.
                return interp.raise(here, Exception::Illegal, 0);
            }
            $on::<LEN>(interp, code, line, here, slot)
        }
    )*};
}

float_memory! {
    flw: flw_on;
    fld: fld_on;
    fsw: fsw_on;
    fsd: fsd_on;
}
