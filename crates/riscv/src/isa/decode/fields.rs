//! The fields of a full instruction.

use crate::isa::inst::{ImmediateOp, Inst, RegisterOp, UnaryOp};
use crate::isa::register::{FReg, Reg};

/// A full instruction's bits.
#[derive(Clone, Copy)]
pub(super) struct Fields(pub(super) u32);

impl Fields {
    pub(super) const fn opcode(self) -> u32 {
        self.0 & 0x7f
    }

    pub(super) const fn rd(self) -> Reg {
        Reg::from_field(self.0 >> 7)
    }

    pub(super) const fn rs1(self) -> Reg {
        Reg::from_field(self.0 >> 15)
    }

    pub(super) const fn rs2(self) -> Reg {
        Reg::from_field(self.0 >> 20)
    }

    pub(super) const fn float_rd(self) -> FReg {
        FReg::from_field(self.0 >> 7)
    }

    pub(super) const fn float_rs1(self) -> FReg {
        FReg::from_field(self.0 >> 15)
    }

    pub(super) const fn float_rs2(self) -> FReg {
        FReg::from_field(self.0 >> 20)
    }

    pub(super) const fn float_rs3(self) -> FReg {
        FReg::from_field(self.0 >> 27)
    }

    pub(super) const fn funct3(self) -> u32 {
        self.0 >> 12 & 7
    }

    pub(super) const fn funct7(self) -> u32 {
        self.0 >> 25
    }

    pub(super) const fn imm_i(self) -> i32 {
        self.0 as i32 >> 20
    }

    pub(super) const fn imm_s(self) -> i32 {
        (self.0 as i32 >> 25 << 5) | (self.0 >> 7 & 31) as i32
    }

    pub(super) const fn imm_b(self) -> i32 {
        (self.0 as i32 >> 31 << 12)
            | ((self.0 >> 7 & 1) << 11 | (self.0 >> 25 & 0x3f) << 5 | (self.0 >> 8 & 15) << 1) as i32
    }

    pub(super) const fn imm_u(self) -> i32 {
        (self.0 & 0xffff_f000) as i32
    }

    pub(super) const fn imm_j(self) -> i32 {
        (self.0 as i32 >> 31 << 20)
            | (self.0 & 0xf_f000 | (self.0 >> 20 & 1) << 11 | (self.0 >> 21 & 0x3ff) << 1) as i32
    }

    pub(super) const fn immediate(self, op: ImmediateOp, imm: i32) -> Inst {
        Inst::Immediate { op, rd: self.rd(), rs1: self.rs1(), imm }
    }

    pub(super) const fn unary(self, op: UnaryOp) -> Inst {
        Inst::Unary { op, rd: self.rd(), rs1: self.rs1() }
    }

    pub(super) const fn register(self, op: RegisterOp) -> Inst {
        Inst::Register { op, rd: self.rd(), rs1: self.rs1(), rs2: self.rs2() }
    }
}
