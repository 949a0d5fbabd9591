//! What each instruction does: one function an instruction, for each of the two lengths it may
//! have been encoded in.

mod atomic;
mod bits;
mod branch;
mod float;
mod integer;
mod joined;
mod memory;
mod pairs;
mod system;

pub(crate) use crate::fetch::{page_end, undecoded};
pub(crate) use atomic::*;
pub(crate) use bits::*;
pub(crate) use branch::*;
pub(crate) use float::*;
pub(crate) use integer::*;
pub(crate) use joined::*;
pub(crate) use memory::*;
pub(crate) use pairs::pair;
pub(crate) use system::*;

/// Defines operations that compute `rd` from two registers, and, in a module, what they do to the
/// hart's registers.
macro_rules! register_register {
    ($effects:ident: $($(#[$doc:meta])* $name:ident: |$a:ident, $b:ident| $result:expr;)*) => {
        pub(super) mod $effects {
            #[allow(unused_imports, reason = "not every set of operations needs what is there")]
            use super::*;
            $(
                #[inline(always)]
                pub(in crate::ops) fn $name(cpu: &mut $crate::cpu::Cpu, op: $crate::op::Op) {
                    let ($a, $b) = (cpu.x(op.rs1), cpu.x(op.rs2));
                    cpu.set_x(op.rd, $result);
                }
            )*
        }
        $(
        $(#[$doc])*
        pub(crate) fn $name<const LEN: usize>(
            cpu: &mut $crate::cpu::Cpu,
            code: &$crate::code::Code,
            line: &$crate::line::Line,
            here: $crate::op::Here, slot: &std::cell::Cell<$crate::op::Op>) -> $crate::op::Stop {
            $effects::$name(cpu, slot.get());
            $crate::op::next::<LEN>(cpu, code, line, here)
        })*
    };
}

/// Defines operations that compute `rd` from a register and the immediate, and, in a module, what
/// they do to the hart's registers.
macro_rules! register_immediate {
    ($effects:ident: $($(#[$doc:meta])* $name:ident: |$a:ident, $b:ident| $result:expr;)*) => {
        pub(super) mod $effects {
            #[allow(unused_imports, reason = "not every set of operations needs what is there")]
            use super::*;
            $(
                #[inline(always)]
                pub(in crate::ops) fn $name(cpu: &mut $crate::cpu::Cpu, op: $crate::op::Op) {
                    let ($a, $b) = (cpu.x(op.rs1), op.imm());
                    cpu.set_x(op.rd, $result);
                }
            )*
        }
        $(
        $(#[$doc])*
        pub(crate) fn $name<const LEN: usize>(
            cpu: &mut $crate::cpu::Cpu,
            code: &$crate::code::Code,
            line: &$crate::line::Line,
            here: $crate::op::Here, slot: &std::cell::Cell<$crate::op::Op>) -> $crate::op::Stop {
            $effects::$name(cpu, slot.get());
            $crate::op::next::<LEN>(cpu, code, line, here)
        })*
    };
}

pub(crate) use {register_immediate, register_register};

/// The low 32 bits, sign-extended: what the W instructions leave.
#[inline(always)]
const fn word(value: u64) -> u64 {
    value as i32 as u64
}
