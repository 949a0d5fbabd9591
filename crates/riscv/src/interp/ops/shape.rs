//! What most operations have in common.

/// Defines operations that compute `rd` from two registers, and, in a module, what they do to the
/// hart's registers.
macro_rules! register_register {
    ($effects:ident: $($(#[$doc:meta])* $name:ident: |$a:ident, $b:ident| $result:expr;)*) => {
        pub(super) mod $effects {
            #[allow(unused_imports, reason = "not every set of operations needs what is there")]
            use super::*;
            $(
                #[inline(always)]
                pub(in crate::interp::ops) fn $name(cpu: &mut $crate::cpu::state::Cpu, op: $crate::interp::op::Op) {
                    let ($a, $b) = (cpu.x(op.rs1), cpu.x(op.rs2));
                    cpu.set_x(op.rd, $result);
                }
            )*
        }
        $(
        $(#[$doc])*
        pub(crate) fn $name<const LEN: usize>(
            interp: &mut $crate::interp::state::Interp,
            code: &$crate::interp::op::Code,
            line: &$crate::interp::op::Line,
            here: $crate::interp::place::Here, slot: &std::cell::Cell<$crate::interp::op::Op>) -> $crate::interp::state::Stop {
            $effects::$name(&mut interp.cpu, slot.get());
            $crate::interp::flow::next::<LEN>(interp, code, line, here)
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
                pub(in crate::interp::ops) fn $name(cpu: &mut $crate::cpu::state::Cpu, op: $crate::interp::op::Op) {
                    let ($a, $b) = (cpu.x(op.rs1), op.imm());
                    cpu.set_x(op.rd, $result);
                }
            )*
        }
        $(
        $(#[$doc])*
        pub(crate) fn $name<const LEN: usize>(
            interp: &mut $crate::interp::state::Interp,
            code: &$crate::interp::op::Code,
            line: &$crate::interp::op::Line,
            here: $crate::interp::place::Here, slot: &std::cell::Cell<$crate::interp::op::Op>) -> $crate::interp::state::Stop {
            $effects::$name(&mut interp.cpu, slot.get());
            $crate::interp::flow::next::<LEN>(interp, code, line, here)
        })*
    };
}

pub(super) use {register_immediate, register_register};

/// The low 32 bits, sign-extended: what the W instructions leave.
#[inline(always)]
pub(super) const fn word(value: u64) -> u64 {
    value as i32 as u64
}
