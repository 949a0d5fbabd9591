//! Bit manipulation: Zba, Zbb, Zbc and Zbs.

use super::shape::{arithmetic, word};
use crate::interp::flow::next;
use crate::interp::op::{Code, Line, Op};
use crate::interp::place::Here;
use crate::interp::state::{Interp, Stop};
use crate::isa::carryless;
use std::cell::Cell;

arithmetic! { on_registers: |cpu, op| cpu.x(op.rs2);
    sh1add: |a, b| (a << 1).wrapping_add(b);
    sh2add: |a, b| (a << 2).wrapping_add(b);
    sh3add: |a, b| (a << 3).wrapping_add(b);
    add_uw: |a, b| u64::from(a as u32).wrapping_add(b);
    sh1add_uw: |a, b| (u64::from(a as u32) << 1).wrapping_add(b);
    sh2add_uw: |a, b| (u64::from(a as u32) << 2).wrapping_add(b);
    sh3add_uw: |a, b| (u64::from(a as u32) << 3).wrapping_add(b);

    andn: |a, b| a & !b;
    orn: |a, b| a | !b;
    xnor: |a, b| !(a ^ b);
    min: |a, b| (a as i64).min(b as i64) as u64;
    minu: |a, b| a.min(b);
    max: |a, b| (a as i64).max(b as i64) as u64;
    maxu: |a, b| a.max(b);
    rol: |a, b| a.rotate_left(b as u32 & 63);
    ror: |a, b| a.rotate_right(b as u32 & 63);
    rolw: |a, b| (a as u32).rotate_left(b as u32 & 31) as i32 as u64;
    rorw: |a, b| (a as u32).rotate_right(b as u32 & 31) as i32 as u64;

    clmul: |a, b| carryless::product(a, b) as u64;
    clmulh: |a, b| (carryless::product(a, b) >> 64) as u64;
    clmulr: |a, b| (carryless::product(a, b) >> 63) as u64;

    bclr: |a, b| a & !(1 << (b & 63));
    bext: |a, b| a >> (b & 63) & 1;
    binv: |a, b| a ^ 1 << (b & 63);
    bset: |a, b| a | 1 << (b & 63);
}

arithmetic! { on_immediate: |cpu, op| op.imm();
    slli_uw: |a, b| u64::from(a as u32) << (b & 63);
    rori: |a, b| a.rotate_right(b as u32 & 63);
    roriw: |a, b| (a as u32).rotate_right(b as u32 & 31) as i32 as u64;
    bclri: |a, b| a & !(1 << (b & 63));
    bexti: |a, b| a >> (b & 63) & 1;
    binvi: |a, b| a ^ 1 << (b & 63);
    bseti: |a, b| a | 1 << (b & 63);

    clz: |a, _unused| u64::from(a.leading_zeros());
    ctz: |a, _unused| u64::from(a.trailing_zeros());
    cpop: |a, _unused| u64::from(a.count_ones());
    clzw: |a, _unused| u64::from((a as u32).leading_zeros());
    ctzw: |a, _unused| u64::from((a as u32).trailing_zeros());
    cpopw: |a, _unused| u64::from((a as u32).count_ones());
    sext_b: |a, _unused| a as i8 as u64;
    sext_h: |a, _unused| a as i16 as u64;
    sext_w: |a, _unused| word(a);
    zext_h: |a, _unused| u64::from(a as u16);
    zext_w: |a, _unused| u64::from(a as u32);
    rev8: |a, _unused| a.swap_bytes();
    orc_b: |a, _unused| or_combine(a);
}

/// Every byte that has a bit set becomes 0xff.
const fn or_combine(value: u64) -> u64 {
    const LOW: u64 = 0x0101_0101_0101_0101;
    let mut any = value;
    any |= any >> 4 & (LOW * 0x0f);
    any |= any >> 2 & (LOW * 0x3f);
    any |= any >> 1 & (LOW * 0x7f);
    (any & LOW) * 0xff
}

#[cfg(test)]
mod tests {
    use super::or_combine;

    #[test]
    fn or_combine_spreads_within_bytes_only() {
        assert_eq!(or_combine(0x0000_0100_8010_0001), 0x0000_ff00_ffff_00ff);
        for bit in 0..64 {
            assert_eq!(or_combine(1 << bit), 0xff << (bit & !7));
        }
    }
}
