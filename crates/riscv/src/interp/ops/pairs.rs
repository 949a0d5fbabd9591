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
use crate::interp::op::{Code, Line, Op, Run};
use crate::interp::place::Here;
use crate::interp::state::{Interp, Stop};
use crate::isa::{BranchOp, ImmediateOp, Inst, LoadOp, RegisterOp};
use std::cell::Cell;

/// The instructions that pairs are made of.
#[derive(Clone, Copy)]
enum Part {
    Ld,
    Lbu,
    Addi,
    Slli,
    Srli,
    Andi,
    Add,
    Xor,
    Mul,
    Beq,
    Bne,
    Bltu,
    Jalr,
}

const fn part(inst: Inst) -> Option<Part> {
    Some(match inst {
        Inst::Load { op: LoadOp::Ld, .. } => Part::Ld,
        Inst::Load { op: LoadOp::Lbu, .. } => Part::Lbu,
        Inst::Immediate { op: ImmediateOp::Addi, .. } => Part::Addi,
        Inst::Immediate { op: ImmediateOp::Slli, .. } => Part::Slli,
        Inst::Immediate { op: ImmediateOp::Srli, .. } => Part::Srli,
        Inst::Immediate { op: ImmediateOp::Andi, .. } => Part::Andi,
        Inst::Register { op: RegisterOp::Add, .. } => Part::Add,
        Inst::Register { op: RegisterOp::Xor, .. } => Part::Xor,
        Inst::Register { op: RegisterOp::Mul, .. } => Part::Mul,
        Inst::Branch { op: BranchOp::Beq, .. } => Part::Beq,
        Inst::Branch { op: BranchOp::Bne, .. } => Part::Bne,
        Inst::Branch { op: BranchOp::Bltu, .. } => Part::Bltu,
        Inst::Jalr { .. } => Part::Jalr,
        _ => return None,
    })
}

/// Whether an instruction may be the first of a pair. For most the answer is no, which saves decoding the next one.
pub(crate) fn begins_pair(inst: Inst) -> bool {
    part(inst).is_some_and(Part::begins)
}

impl Part {
    const fn begins(self) -> bool {
        matches!(self, Self::Addi | Self::Slli | Self::Srli | Self::Andi | Self::Add | Self::Xor | Self::Mul)
    }
}

/// Operations that a pair goes on as.
mod second {
    pub(super) use crate::interp::ops::branch::{beq, bltu, bne, jalr};
    pub(super) use crate::interp::ops::integer::{add, addi, andi, mul, slli, srli, xor};
    pub(super) use crate::interp::ops::memory::{lbu, ld};
}

macro_rules! pairs {
    ($($name:ident: $first_part:ident $first:ident, $second_part:ident $second:ident;)*) => {
        $(fn $name<const FIRST: usize, const SECOND: usize>(
            interp: &mut Interp, code: &Code, line: &Line, here: Here, slot: &Cell<Op>) -> Stop {
            $first(&mut interp.cpu, slot.get());
            let here = here.after::<FIRST>();
            second::$second::<SECOND>(interp, code, line, here, line.slot(here.at()))
        })*

        $(const _: () = assert!(Part::$first_part.begins());)*

        /// The operation for two instructions of these lengths in halfwords. A branch must stay in its line.
        pub(crate) fn pair(first: (Inst, usize), second: (Inst, usize)) -> Option<Run> {
            Some(match (part(first.0)?, part(second.0)?, first.1, second.1) {
                $(
                    (Part::$first_part, Part::$second_part, 1, 1) => $name::<1, 1>,
                    (Part::$first_part, Part::$second_part, 1, _) => $name::<1, 2>,
                    (Part::$first_part, Part::$second_part, _, 1) => $name::<2, 1>,
                    (Part::$first_part, Part::$second_part, ..) => $name::<2, 2>,
                )*
                _ => return None,
            })
        }
    };
}

pairs! {
    add_add: Add add, Add add;
    add_addi: Add add, Addi addi;
    add_bltu: Add add, Bltu bltu;
    add_ld: Add add, Ld ld;
    add_lbu: Add add, Lbu lbu;
    addi_add: Addi addi, Add add;
    addi_addi: Addi addi, Addi addi;
    addi_beq: Addi addi, Beq beq;
    addi_bne: Addi addi, Bne bne;
    addi_bltu: Addi addi, Bltu bltu;
    addi_jalr: Addi addi, Jalr jalr;
    andi_beq: Andi andi, Beq beq;
    andi_bne: Andi andi, Bne bne;
    slli_add: Slli slli, Add add;
    slli_srli: Slli slli, Srli srli;
    srli_andi: Srli srli, Andi andi;
    srli_xor: Srli srli, Xor xor;
    xor_mul: Xor xor, Mul mul;
    xor_slli: Xor xor, Slli slli;
    xor_xor: Xor xor, Xor xor;
    mul_add: Mul mul, Add add;
    mul_srli: Mul mul, Srli srli;
    mul_xor: Mul mul, Xor xor;
}
