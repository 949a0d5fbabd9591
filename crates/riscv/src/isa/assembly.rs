//! Disassembly: an instruction as assembly text.
//!
//! **Model.** The text is what `objdump` writes: registers by their names in the calling convention, pseudo-instructions
//! where assemblers have one, and the full form of a compressed instruction. The target of a branch is written relative to the
//! instruction (`.+8`), which assemblers accept; [`Inst::at`] an address writes the address of the target.
//!
//! Two things follow newer versions of `objdump`: immediate instructions keep their own name (`addi`, not `add`),
//! and conversions that never round show a rounding mode other than `rne`.

use crate::isa::inst::{
    BranchOp, ImmediateOp, Inst, LoadOp, Order, Precision, RegisterOp, StoreOp, UnaryOp, Width,
};
use crate::isa::register::Reg;
use std::fmt::{self, Display, Formatter};

mod float;
mod system;

/// An instruction that stands at an address, to be written.
#[derive(Clone, Copy, Debug)]
pub struct Located {
    inst: Inst,
    pc: u64,
}

impl Inst {
    /// The instruction at this address, to be written.
    pub const fn at(self, pc: u64) -> Located {
        Located { inst: self, pc }
    }
}

impl Display for Inst {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        write(f, *self, None)
    }
}

impl Display for Located {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        write(f, self.inst, Some(self.pc))
    }
}

/// Where a branch leads.
struct Target {
    pc: Option<u64>,
    offset: i32,
}

impl Display for Target {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        match self.pc {
            Some(pc) => write!(f, "{:x}", pc.wrapping_add_signed(self.offset.into())),
            None => write!(f, ".{:+}", self.offset),
        }
    }
}

fn write(f: &mut Formatter<'_>, inst: Inst, pc: Option<u64>) -> fmt::Result {
    match inst {
        Inst::Lui { rd, imm } => write!(f, "lui {rd},{:#x}", imm as u32 >> 12),
        Inst::Auipc { rd, imm } => write!(f, "auipc {rd},{:#x}", imm as u32 >> 12),
        Inst::Jal { rd, offset } => match (rd, Target { pc, offset }) {
            (Reg::ZERO, target) => write!(f, "j {target}"),
            (Reg::RA, target) => write!(f, "jal {target}"),
            (rd, target) => write!(f, "jal {rd},{target}"),
        },
        Inst::Jalr { rd, rs1, offset } => jalr(f, rd, rs1, offset),
        Inst::Branch { op, rs1, rs2, offset } => branch(f, op, rs1, rs2, &Target { pc, offset }),
        Inst::Load { op, rd, rs1, offset } => load(f, op, rd, rs1, offset),
        Inst::Store { op, rs2, rs1, offset } => store(f, op, rs2, rs1, offset),
        Inst::Immediate { op, rd, rs1, imm } => immediate(f, op, rd, rs1, imm),
        Inst::Unary { op, rd, rs1 } => unary(f, op, rd, rs1),
        Inst::Register { op, rd, rs1, rs2 } => register(f, op, rd, rs1, rs2),
        Inst::LoadReserved { width, order, rd, rs1 } => {
            write!(f, "lr{} {rd},({rs1})", Atomic { width, order })
        }
        Inst::StoreConditional { width, order, rd, rs2, rs1 } => {
            write!(f, "sc{} {rd},{rs2},({rs1})", Atomic { width, order })
        }
        Inst::Amo { op, width, order, rd, rs2, rs1 } => {
            write!(f, "{}{} {rd},{rs2},({rs1})", op.name(), Atomic { width, order })
        }
        Inst::FloatLoad { precision, rd, rs1, offset } => {
            write!(f, "fl{} {rd},{offset}({rs1})", moved(precision))
        }
        Inst::FloatStore { precision, rs2, rs1, offset } => {
            write!(f, "fs{} {rs2},{offset}({rs1})", moved(precision))
        }
        Inst::Float { precision, inst } => float::write(f, precision, inst),
        Inst::System(inst) => system::write(f, inst),
    }
}

/// The width of a floating-point value that is moved as it is: `w` or `d`.
const fn moved(precision: Precision) -> &'static str {
    match precision {
        Precision::Single => "w",
        Precision::Double => "d",
    }
}

/// What stands behind the name of an atomic access.
struct Atomic {
    width: Width,
    order: Order,
}

impl Display for Atomic {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        let order = match (self.order.acquire, self.order.release) {
            (false, false) => "",
            (true, false) => ".aq",
            (false, true) => ".rl",
            (true, true) => ".aqrl",
        };
        write!(f, ".{}{order}", self.width.name())
    }
}

fn jalr(f: &mut Formatter<'_>, rd: Reg, rs1: Reg, offset: i32) -> fmt::Result {
    match (rd, rs1, offset) {
        (Reg::ZERO, Reg::RA, 0) => f.write_str("ret"),
        (Reg::ZERO, _, 0) => write!(f, "jr {rs1}"),
        (Reg::ZERO, ..) => write!(f, "jr {offset}({rs1})"),
        (Reg::RA, _, 0) => write!(f, "jalr {rs1}"),
        (Reg::RA, ..) => write!(f, "jalr {offset}({rs1})"),
        (_, _, 0) => write!(f, "jalr {rd},{rs1}"),
        _ => write!(f, "jalr {rd},{offset}({rs1})"),
    }
}

fn branch(f: &mut Formatter<'_>, op: BranchOp, rs1: Reg, rs2: Reg, target: &Target) -> fmt::Result {
    match (op, rs1, rs2) {
        (BranchOp::Beq, _, Reg::ZERO) => write!(f, "beqz {rs1},{target}"),
        (BranchOp::Bne, _, Reg::ZERO) => write!(f, "bnez {rs1},{target}"),
        (BranchOp::Blt, _, Reg::ZERO) => write!(f, "bltz {rs1},{target}"),
        (BranchOp::Blt, Reg::ZERO, _) => write!(f, "bgtz {rs2},{target}"),
        (BranchOp::Bge, Reg::ZERO, _) => write!(f, "blez {rs2},{target}"),
        (BranchOp::Bge, _, Reg::ZERO) => write!(f, "bgez {rs1},{target}"),
        _ => write!(f, "{} {rs1},{rs2},{target}", op.name()),
    }
}

fn load(f: &mut Formatter<'_>, op: LoadOp, rd: Reg, rs1: Reg, offset: i32) -> fmt::Result {
    write!(f, "{} {rd},{offset}({rs1})", op.name())
}

fn store(f: &mut Formatter<'_>, op: StoreOp, rs2: Reg, rs1: Reg, offset: i32) -> fmt::Result {
    write!(f, "{} {rs2},{offset}({rs1})", op.name())
}

fn immediate(f: &mut Formatter<'_>, op: ImmediateOp, rd: Reg, rs1: Reg, imm: i32) -> fmt::Result {
    match (op, rs1, imm) {
        (ImmediateOp::Addi, Reg::ZERO, 0) if rd == Reg::ZERO => f.write_str("nop"),
        (ImmediateOp::Addi, Reg::ZERO, _) => write!(f, "li {rd},{imm}"),
        (ImmediateOp::Addi, _, 0) => write!(f, "mv {rd},{rs1}"),
        (ImmediateOp::Addiw, _, 0) => write!(f, "sext.w {rd},{rs1}"),
        (ImmediateOp::Xori, _, -1) => write!(f, "not {rd},{rs1}"),
        (ImmediateOp::Andi, _, 255) => write!(f, "zext.b {rd},{rs1}"),
        (ImmediateOp::Sltiu, _, 1) => write!(f, "seqz {rd},{rs1}"),
        _ if op.takes_bit_number() => write!(f, "{} {rd},{rs1},{imm:#x}", op.name()),
        _ => write!(f, "{} {rd},{rs1},{imm}", op.name()),
    }
}

fn unary(f: &mut Formatter<'_>, op: UnaryOp, rd: Reg, rs1: Reg) -> fmt::Result {
    write!(f, "{} {rd},{rs1}", op.name())
}

fn register(f: &mut Formatter<'_>, op: RegisterOp, rd: Reg, rs1: Reg, rs2: Reg) -> fmt::Result {
    match (op, rs1, rs2) {
        (RegisterOp::Sub, Reg::ZERO, _) => write!(f, "neg {rd},{rs2}"),
        (RegisterOp::Subw, Reg::ZERO, _) => write!(f, "negw {rd},{rs2}"),
        (RegisterOp::Sltu, Reg::ZERO, _) => write!(f, "snez {rd},{rs2}"),
        (RegisterOp::Slt, _, Reg::ZERO) => write!(f, "sltz {rd},{rs1}"),
        (RegisterOp::Slt, Reg::ZERO, _) => write!(f, "sgtz {rd},{rs2}"),
        (RegisterOp::AddUw, _, Reg::ZERO) => write!(f, "zext.w {rd},{rs1}"),
        _ => write!(f, "{} {rd},{rs1},{rs2}", op.name()),
    }
}

#[cfg(test)]
mod tests;
