//! RV64I arithmetic and the M extension.

use super::shape::{arithmetic, word};
use crate::interp::flow::next;
use crate::interp::op::{Code, Line, Op};
use crate::interp::place::Here;
use crate::interp::state::{Interp, Stop};
use std::cell::Cell;

arithmetic! { on_immediate: |cpu, op| op.imm();
    addi: |a, b| a.wrapping_add(b);
    slti: |a, b| u64::from((a as i64) < b as i64);
    sltiu: |a, b| u64::from(a < b);
    xori: |a, b| a ^ b;
    ori: |a, b| a | b;
    andi: |a, b| a & b;
    slli: |a, b| a << (b & 63);
    srli: |a, b| a >> (b & 63);
    srai: |a, b| (a as i64 >> (b & 63)) as u64;
    addiw: |a, b| word(a.wrapping_add(b));
    slliw: |a, b| word(a << (b & 31));
    srliw: |a, b| word(u64::from(a as u32 >> (b & 31)));
    sraiw: |a, b| (a as i32 >> (b & 31)) as u64;
    /// Copies a register: what most compressed code does with `addi rd, rs, 0` and `c.mv`.
    mv: |a, _unused| a;
    /// Loads a constant: `addi rd, x0, imm` and `lui`.
    li: |_unused, b| b;
}

arithmetic! { on_registers: |cpu, op| cpu.x(op.rs2);
    add: |a, b| a.wrapping_add(b);
    sub: |a, b| a.wrapping_sub(b);
    sll: |a, b| a << (b & 63);
    slt: |a, b| u64::from((a as i64) < b as i64);
    sltu: |a, b| u64::from(a < b);
    xor: |a, b| a ^ b;
    srl: |a, b| a >> (b & 63);
    sra: |a, b| (a as i64 >> (b & 63)) as u64;
    or: |a, b| a | b;
    and: |a, b| a & b;
    addw: |a, b| word(a.wrapping_add(b));
    subw: |a, b| word(a.wrapping_sub(b));
    sllw: |a, b| word(a << (b & 31));
    srlw: |a, b| word(u64::from(a as u32 >> (b & 31)));
    sraw: |a, b| (a as i32 >> (b & 31)) as u64;

    mul: |a, b| a.wrapping_mul(b);
    mulh: |a, b| ((i128::from(a as i64) * i128::from(b as i64)) >> 64) as u64;
    mulhsu: |a, b| ((i128::from(a as i64) * i128::from(b)) >> 64) as u64;
    mulhu: |a, b| ((u128::from(a) * u128::from(b)) >> 64) as u64;
    mulw: |a, b| word(a.wrapping_mul(b));
    // Division by zero and overflow: Volume I, "M", table of the semantics of division.
    div: |a, b| if b == 0 { u64::MAX } else { (a as i64).wrapping_div(b as i64) as u64 };
    divu: |a, b| a.checked_div(b).unwrap_or(u64::MAX);
    rem: |a, b| if b == 0 { a } else { (a as i64).wrapping_rem(b as i64) as u64 };
    remu: |a, b| a.checked_rem(b).unwrap_or(a);
    divw: |a, b| if b as i32 == 0 { u64::MAX } else { (a as i32).wrapping_div(b as i32) as u64 };
    divuw: |a, b| word(u64::from((a as u32).checked_div(b as u32).unwrap_or(u32::MAX)));
    remw: |a, b| if b as i32 == 0 { word(a) } else { (a as i32).wrapping_rem(b as i32) as u64 };
    remuw: |a, b| word(u64::from((a as u32).checked_rem(b as u32).unwrap_or(a as u32)));
}

/// `auipc`.
pub(crate) fn auipc<const LEN: usize>(
    interp: &mut Interp,
    code: &Code,
    line: &Line,
    here: Here,
    slot: &Cell<Op>,
) -> Stop {
    let op = slot.get();
    interp.cpu.set_x(op.rd, interp.pc_at(here.at()).wrapping_add(op.imm()));
    next::<LEN>(interp, code, line, here)
}

/// Instructions without effect here: writes to `x0` and hints.
pub(crate) fn nop<const LEN: usize>(
    interp: &mut Interp,
    code: &Code,
    line: &Line,
    here: Here,
    _slot: &Cell<Op>,
) -> Stop {
    next::<LEN>(interp, code, line, here)
}
