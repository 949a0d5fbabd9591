//! What most operations have in common.

/// Defines operations that compute `rd` from `rs1` and a second operand, which is the same for all of them, and, in a
/// module, what they do to the hart's registers.
macro_rules! arithmetic {
    ($effects:ident: |$cpu:ident, $op:ident| $second:expr;
        $($(#[$doc:meta])* $name:ident: |$a:ident, $b:ident| $result:expr;)*) => {
        pub(super) mod $effects {
            #[allow(unused_imports, reason = "not every set of operations needs what is there")]
            use super::*;
            use $crate::cpu::state::Cpu;
            use $crate::interp::op::Op;
            $(
                #[inline(always)]
                pub(in crate::interp::ops) fn $name($cpu: &mut Cpu, $op: Op) {
                    let ($a, $b) = ($cpu.x($op.rs1), $second);
                    $cpu.set_x($op.rd, $result);
                }
            )*
        }
        $(
            $(#[$doc])*
            pub(crate) fn $name<const LEN: usize>(
                interp: &mut Interp, code: &Code, line: &Line, here: Here, slot: &Cell<Op>) -> Stop {
                $effects::$name(&mut interp.cpu, slot.get());
                next::<LEN>(interp, code, line, here)
            }
        )*
    };
}

pub(super) use arithmetic;

/// The low 32 bits, sign-extended: what the W instructions leave.
#[inline(always)]
pub(super) const fn word(value: u64) -> u64 {
    value as i32 as u64
}
