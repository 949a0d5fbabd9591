//! Operations that do two instructions which compilers often write one behind the other.
//!
//! **Model.** Going from one operation to the next costs as much as a plain instruction itself. A pair
//! does what the first one does to the registers and is the second one from there on, so it needs no
//! case of its own for what that may meet.
//!
//! **Cost.** Four functions a pair, one for each two lengths. The pairs are those that programs and
//! the kernel run most: arithmetic in a row, addresses of array elements, ends of loops.

use super::integer::on_immediate::{addi, andi, slli, srli};
use super::integer::on_registers::{add, mul, xor};
use crate::code::Code;
use crate::cpu::Cpu;
use crate::line::Line;
use crate::op::{Here, Op, Run, Stop};
use std::cell::Cell;

/// The bits of an encoding that say which instruction it is, for those that pairs are made of.
const fn name(word: u32) -> u32 {
    match (word & 0x7f, word >> 12 & 7) {
        (0x33, _) => word & 0xfe00_707f,
        (0x13, 1 | 5) => word & 0xfc00_707f,
        _ => word & 0x707f,
    }
}

const LD: u32 = 0x3003;
const LBU: u32 = 0x4003;
const ADDI: u32 = 0x0013;
const SLLI: u32 = 0x1013;
const SRLI: u32 = 0x5013;
const ANDI: u32 = 0x7013;
const ADD: u32 = 0x0033;
const XOR: u32 = 0x4033;
const MUL: u32 = 0x0200_0033;
const BEQ: u32 = 0x0063;
const BNE: u32 = 0x1063;
const BLTU: u32 = 0x6063;
const JALR: u32 = 0x0067;

macro_rules! pairs {
    ($($name:ident: $first_name:ident $first:ident, $second_name:ident $second:ident;)*) => {
        $(fn $name<const FIRST: usize, const SECOND: usize>(
            cpu: &mut Cpu, code: &Code, line: &Line, here: Here, slot: &Cell<Op>) -> Stop {
            $first(cpu, slot.get());
            let here = here.after::<FIRST>();
            super::$second::<SECOND>(cpu, code, line, here, line.slot(here.at()))
        })*

        /// The operation for two instructions of these encodings and lengths in halfwords. A branch
        /// must stay in its line.
        pub(crate) fn pair(first: (u32, usize), second: (u32, usize)) -> Option<Run> {
            Some(match (name(first.0), name(second.0), first.1, second.1) {
                $(
                    ($first_name, $second_name, 1, 1) => $name::<1, 1>,
                    ($first_name, $second_name, 1, _) => $name::<1, 2>,
                    ($first_name, $second_name, _, 1) => $name::<2, 1>,
                    ($first_name, $second_name, ..) => $name::<2, 2>,
                )*
                _ => return None,
            })
        }
    };
}

pairs! {
    add_add: ADD add, ADD add;
    add_addi: ADD add, ADDI addi;
    add_bltu: ADD add, BLTU bltu;
    add_ld: ADD add, LD ld;
    add_lbu: ADD add, LBU lbu;
    addi_add: ADDI addi, ADD add;
    addi_addi: ADDI addi, ADDI addi;
    addi_beq: ADDI addi, BEQ beq;
    addi_bne: ADDI addi, BNE bne;
    addi_bltu: ADDI addi, BLTU bltu;
    addi_jalr: ADDI addi, JALR jalr;
    andi_beq: ANDI andi, BEQ beq;
    andi_bne: ANDI andi, BNE bne;
    slli_add: SLLI slli, ADD add;
    slli_srli: SLLI slli, SRLI srli;
    srli_andi: SRLI srli, ANDI andi;
    srli_xor: SRLI srli, XOR xor;
    xor_mul: XOR xor, MUL mul;
    xor_slli: XOR xor, SLLI slli;
    xor_xor: XOR xor, XOR xor;
    mul_add: MUL mul, ADD add;
    mul_srli: MUL mul, SRLI srli;
    mul_xor: MUL mul, XOR xor;
}
