//! Loads and stores.

use crate::code::Code;
use crate::cpu::Cpu;
use crate::isa::float::box32;
use crate::line::Line;
use crate::memory::Missed;
use crate::op::{Here, Op, Stop, dispatch, next};
use crate::trap::Exception;
use machine::Word;
use std::cell::Cell;

macro_rules! loads {
    ($($name:ident $missed:ident: $word:ty, |$cpu:ident, $rd:ident, $value:ident| $put:expr;)*) => {$(
        pub(crate) fn $name<const LEN: usize>(
            cpu: &mut Cpu, code: &Code, line: &Line, here: Here, slot: &Cell<Op>) -> Stop {
            let op = slot.get();
            let gva = cpu.gva(op);
            let Some(frame) = cpu.mmu.tlb().load_from(gva, <$word>::SIZE) else {
                return $missed::<LEN>(cpu, code, line, here);
            };
            let $value = frame.load::<$word>(gva.page_offset());
            let ($cpu, $rd) = (&mut *cpu, op.rd);
            $put;
            next::<LEN>(cpu, code, line, here.access())
        }

        #[cold]
        #[inline(never)]
        pub(super) fn $missed<const LEN: usize>(
            cpu: &mut Cpu, code: &Code, line: &Line, here: Here,
        ) -> Stop {
            let op = line.op(here.at());
            match cpu.load_missed(cpu.gva(op), <$word>::SIZE, here) {
                Missed::Retry => dispatch(cpu, code, line, here),
                Missed::Done => {
                    let $value = <$word>::low_bits(cpu.loaded);
                    let ($cpu, $rd) = (&mut *cpu, op.rd);
                    $put;
                    next::<LEN>(cpu, code, line, here.access())
                }
                Missed::Stopped => cpu.stopped(),
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
            cpu: &mut Cpu, code: &Code, line: &Line, here: Here, slot: &Cell<Op>) -> Stop {
            let op = slot.get();
            let gva = cpu.gva(op);
            let Some(frame) = cpu.mmu.tlb().store_to(gva, <$word>::SIZE) else {
                return $missed::<LEN>(cpu, code, line, here);
            };
            let ($cpu, $rs2) = (&*cpu, op.rs2);
            frame.store(gva.page_offset(), <$word>::low_bits($value));
            next::<LEN>(cpu, code, line, here.access())
        }

        #[cold]
        #[inline(never)]
        pub(super) fn $missed<const LEN: usize>(
            cpu: &mut Cpu, code: &Code, line: &Line, here: Here,
        ) -> Stop {
            let op = line.op(here.at());
            let value = {
                let ($cpu, $rs2) = (&*cpu, op.rs2);
                u64::from(<$word>::low_bits($value))
            };
            match cpu.store_missed(cpu.gva(op), <$word>::SIZE, value, here) {
                Missed::Retry => dispatch(cpu, code, line, here),
                Missed::Done => next::<LEN>(cpu, code, line, here.access()),
                Missed::Stopped => cpu.stopped(),
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
            cpu: &mut Cpu, code: &Code, line: &Line, here: Here, slot: &Cell<Op>) -> Stop {
            if cpu.csrs.float_is_off() {
                // The operation holds no encoding to tell, and 0 is allowed.
                return cpu.raise(here, Exception::Illegal, 0);
            }
            $on::<LEN>(cpu, code, line, here, slot)
        }
    )*};
}

float_memory! {
    flw: flw_on;
    fld: fld_on;
    fsw: fsw_on;
    fsd: fsd_on;
}
