//! Decoding: from an instruction's bits to the instruction.
//!
//! **Model.** Compressed instructions are first expanded to the full ones they stand for, and then
//! decoded like these. Reserved encodings, and those of extensions that the processor does not have, decode
//! to `None`.
//!
//! **Sources.** Volume I, "RV32/64G Instruction Set Listings", and the chapters of the extensions.

use crate::isa::compressed::expand;
use crate::isa::inst::{
    AmoOp, BranchOp, CsrOp, CsrSource, FusedOp, ImmediateOp, Inst, LoadOp, Order, RegisterOp, StoreOp,
    System, UnaryOp, Width,
};

mod fields;
mod float;

use fields::Fields;

/// The length in halfwords of an instruction that begins with `halfword`.
pub const fn length(halfword: u16) -> usize {
    if halfword & 3 == 3 { 2 } else { 1 }
}

/// The instruction that `bits` are, or of which their low half is all.
pub fn decode(bits: u32) -> Option<Inst> {
    match length(bits as u16) {
        1 => full(Fields(expand(bits as u16)?)),
        _ => full(Fields(bits)),
    }
}

fn full(fields: Fields) -> Option<Inst> {
    let (rd, rs1) = (fields.rd(), fields.rs1());
    match fields.opcode() {
        0x03 => load(fields),
        0x07 => float::load(fields),
        0x0f => fence(fields).map(Inst::System),
        0x13 => immediate(fields),
        0x17 => Some(Inst::Auipc { rd, imm: fields.imm_u() }),
        0x1b => immediate_word(fields),
        0x23 => store(fields),
        0x27 => float::store(fields),
        0x2f => atomic(fields),
        0x33 => register(fields),
        0x37 => Some(Inst::Lui { rd, imm: fields.imm_u() }),
        0x3b => register_word(fields),
        0x43 => float::fused(FusedOp::Fmadd, fields),
        0x47 => float::fused(FusedOp::Fmsub, fields),
        0x4b => float::fused(FusedOp::Fnmsub, fields),
        0x4f => float::fused(FusedOp::Fnmadd, fields),
        0x53 => float::operation(fields),
        0x63 => branch(fields),
        0x67 if fields.funct3() == 0 => Some(Inst::Jalr { rd, rs1, offset: fields.imm_i() }),
        0x6f => Some(Inst::Jal { rd, offset: fields.imm_j() }),
        0x73 if fields.funct3() == 0 => system(fields).map(Inst::System),
        0x73 => csr(fields).map(Inst::System),
        _ => None,
    }
}

fn branch(fields: Fields) -> Option<Inst> {
    let op = match fields.funct3() {
        0 => BranchOp::Beq,
        1 => BranchOp::Bne,
        4 => BranchOp::Blt,
        5 => BranchOp::Bge,
        6 => BranchOp::Bltu,
        7 => BranchOp::Bgeu,
        _ => return None,
    };
    Some(Inst::Branch { op, rs1: fields.rs1(), rs2: fields.rs2(), offset: fields.imm_b() })
}

fn load(fields: Fields) -> Option<Inst> {
    let op = match fields.funct3() {
        0 => LoadOp::Lb,
        1 => LoadOp::Lh,
        2 => LoadOp::Lw,
        3 => LoadOp::Ld,
        4 => LoadOp::Lbu,
        5 => LoadOp::Lhu,
        6 => LoadOp::Lwu,
        _ => return None,
    };
    Some(Inst::Load { op, rd: fields.rd(), rs1: fields.rs1(), offset: fields.imm_i() })
}

fn store(fields: Fields) -> Option<Inst> {
    let op = match fields.funct3() {
        0 => StoreOp::Sb,
        1 => StoreOp::Sh,
        2 => StoreOp::Sw,
        3 => StoreOp::Sd,
        _ => return None,
    };
    Some(Inst::Store { op, rs2: fields.rs2(), rs1: fields.rs1(), offset: fields.imm_s() })
}

fn immediate(fields: Fields) -> Option<Inst> {
    let imm = fields.imm_i();
    match fields.funct3() {
        0 => Some(fields.immediate(ImmediateOp::Addi, imm)),
        1 | 5 => shift(fields),
        2 => Some(fields.immediate(ImmediateOp::Slti, imm)),
        3 => Some(fields.immediate(ImmediateOp::Sltiu, imm)),
        4 => Some(fields.immediate(ImmediateOp::Xori, imm)),
        6 => Some(fields.immediate(ImmediateOp::Ori, imm)),
        _ => Some(fields.immediate(ImmediateOp::Andi, imm)),
    }
}

/// What has six bits of immediate, and what has none.
fn shift(fields: Fields) -> Option<Inst> {
    let op = match (fields.funct3(), fields.0 >> 26) {
        (1, 0x00) => ImmediateOp::Slli,
        (1, 0x0a) => ImmediateOp::Bseti,
        (1, 0x12) => ImmediateOp::Bclri,
        (1, 0x1a) => ImmediateOp::Binvi,
        (5, 0x00) => ImmediateOp::Srli,
        (5, 0x10) => ImmediateOp::Srai,
        (5, 0x12) => ImmediateOp::Bexti,
        (5, 0x18) => ImmediateOp::Rori,
        (funct3, _) => {
            let op = match (funct3, fields.0 >> 20) {
                (1, 0x600) => UnaryOp::Clz,
                (1, 0x601) => UnaryOp::Ctz,
                (1, 0x602) => UnaryOp::Cpop,
                (1, 0x604) => UnaryOp::SextB,
                (1, 0x605) => UnaryOp::SextH,
                (5, 0x287) => UnaryOp::OrcB,
                (5, 0x6b8) => UnaryOp::Rev8,
                _ => return None,
            };
            return Some(fields.unary(op));
        }
    };
    Some(fields.immediate(op, fields.imm_i() & 63))
}

fn immediate_word(fields: Fields) -> Option<Inst> {
    let op = match (fields.funct3(), fields.funct7()) {
        (0, _) => return Some(fields.immediate(ImmediateOp::Addiw, fields.imm_i())),
        (1, 0x04 | 0x05) => return Some(fields.immediate(ImmediateOp::SlliUw, fields.imm_i() & 63)),
        (1, 0x00) => ImmediateOp::Slliw,
        (1, 0x30) => {
            let op = match fields.0 >> 20 & 31 {
                0 => UnaryOp::Clzw,
                1 => UnaryOp::Ctzw,
                2 => UnaryOp::Cpopw,
                _ => return None,
            };
            return Some(fields.unary(op));
        }
        (5, 0x00) => ImmediateOp::Srliw,
        (5, 0x20) => ImmediateOp::Sraiw,
        (5, 0x30) => ImmediateOp::Roriw,
        _ => return None,
    };
    Some(fields.immediate(op, fields.imm_i() & 31))
}

fn register(fields: Fields) -> Option<Inst> {
    let op = match (fields.funct7(), fields.funct3()) {
        (0x00, 0) => RegisterOp::Add,
        (0x00, 1) => RegisterOp::Sll,
        (0x00, 2) => RegisterOp::Slt,
        (0x00, 3) => RegisterOp::Sltu,
        (0x00, 4) => RegisterOp::Xor,
        (0x00, 5) => RegisterOp::Srl,
        (0x00, 6) => RegisterOp::Or,
        (0x00, 7) => RegisterOp::And,
        (0x20, 0) => RegisterOp::Sub,
        (0x20, 4) => RegisterOp::Xnor,
        (0x20, 5) => RegisterOp::Sra,
        (0x20, 6) => RegisterOp::Orn,
        (0x20, 7) => RegisterOp::Andn,
        (0x01, 0) => RegisterOp::Mul,
        (0x01, 1) => RegisterOp::Mulh,
        (0x01, 2) => RegisterOp::Mulhsu,
        (0x01, 3) => RegisterOp::Mulhu,
        (0x01, 4) => RegisterOp::Div,
        (0x01, 5) => RegisterOp::Divu,
        (0x01, 6) => RegisterOp::Rem,
        (0x01, 7) => RegisterOp::Remu,
        (0x05, 1) => RegisterOp::Clmul,
        (0x05, 2) => RegisterOp::Clmulr,
        (0x05, 3) => RegisterOp::Clmulh,
        (0x05, 4) => RegisterOp::Min,
        (0x05, 5) => RegisterOp::Minu,
        (0x05, 6) => RegisterOp::Max,
        (0x05, 7) => RegisterOp::Maxu,
        (0x10, 2) => RegisterOp::Sh1add,
        (0x10, 4) => RegisterOp::Sh2add,
        (0x10, 6) => RegisterOp::Sh3add,
        (0x14, 1) => RegisterOp::Bset,
        (0x24, 1) => RegisterOp::Bclr,
        (0x24, 5) => RegisterOp::Bext,
        (0x30, 1) => RegisterOp::Rol,
        (0x30, 5) => RegisterOp::Ror,
        (0x34, 1) => RegisterOp::Binv,
        _ => return None,
    };
    Some(fields.register(op))
}

fn register_word(fields: Fields) -> Option<Inst> {
    let op = match (fields.funct7(), fields.funct3()) {
        (0x00, 0) => RegisterOp::Addw,
        (0x00, 1) => RegisterOp::Sllw,
        (0x00, 5) => RegisterOp::Srlw,
        (0x20, 0) => RegisterOp::Subw,
        (0x20, 5) => RegisterOp::Sraw,
        (0x01, 0) => RegisterOp::Mulw,
        (0x01, 4) => RegisterOp::Divw,
        (0x01, 5) => RegisterOp::Divuw,
        (0x01, 6) => RegisterOp::Remw,
        (0x01, 7) => RegisterOp::Remuw,
        (0x04, 0) => RegisterOp::AddUw,
        (0x04, 4) if fields.rs2().is_zero() => return Some(fields.unary(UnaryOp::ZextH)),
        (0x10, 2) => RegisterOp::Sh1addUw,
        (0x10, 4) => RegisterOp::Sh2addUw,
        (0x10, 6) => RegisterOp::Sh3addUw,
        (0x30, 1) => RegisterOp::Rolw,
        (0x30, 5) => RegisterOp::Rorw,
        _ => return None,
    };
    Some(fields.register(op))
}

fn atomic(fields: Fields) -> Option<Inst> {
    let (rd, rs1, rs2) = (fields.rd(), fields.rs1(), fields.rs2());
    let width = match fields.funct3() {
        2 => Width::Word,
        3 => Width::Double,
        _ => return None,
    };
    let order = Order { acquire: fields.0 >> 26 & 1 != 0, release: fields.0 >> 25 & 1 != 0 };
    let op = match fields.0 >> 27 {
        0x00 => AmoOp::Add,
        0x01 => AmoOp::Swap,
        0x02 if rs2.is_zero() => return Some(Inst::LoadReserved { width, order, rd, rs1 }),
        0x03 => return Some(Inst::StoreConditional { width, order, rd, rs2, rs1 }),
        0x04 => AmoOp::Xor,
        0x08 => AmoOp::Or,
        0x0c => AmoOp::And,
        0x10 => AmoOp::Min,
        0x14 => AmoOp::Max,
        0x18 => AmoOp::Minu,
        0x1c => AmoOp::Maxu,
        _ => return None,
    };
    Some(Inst::Amo { op, width, order, rd, rs2, rs1 })
}

/// Fences and what else is in MISC-MEM. Fields that are reserved for future fences are ignored, as the manual requires.
fn fence(fields: Fields) -> Option<System> {
    /// `pause` is a `fence` that orders nothing (Zihintpause).
    const PAUSE: u32 = 0x0100_000f;
    const TSO: u32 = 0x833;
    match (fields.funct3(), fields.0 >> 20) {
        (0, _) if fields.0 == PAUSE => Some(System::Pause),
        (0, TSO) => Some(System::FenceTso),
        (0, modes) => {
            Some(System::Fence { predecessors: (modes >> 4 & 15) as u8, successors: (modes & 15) as u8 })
        }
        (1, _) => Some(System::FenceI),
        (2, 4) if fields.rd().is_zero() => Some(System::CboZero { rs1: fields.rs1() }),
        _ => None,
    }
}

fn csr(fields: Fields) -> Option<System> {
    let op = match fields.funct3() & 3 {
        1 => CsrOp::Write,
        2 => CsrOp::Set,
        3 => CsrOp::Clear,
        _ => return None,
    };
    let source = match fields.funct3() & 4 {
        0 => CsrSource::Register(fields.rs1()),
        _ => CsrSource::Immediate(fields.rs1().number()),
    };
    Some(System::Csr { op, rd: fields.rd(), csr: (fields.0 >> 20) as u16, source })
}

fn system(fields: Fields) -> Option<System> {
    let (rs1, rs2) = (fields.rs1(), fields.rs2());
    Some(match fields.0 {
        0x0000_0073 => System::Ecall,
        0x0010_0073 => System::Ebreak,
        0x1020_0073 => System::Sret,
        0x1050_0073 => System::Wfi,
        0x1800_0073 => System::SfenceWInval,
        0x1810_0073 => System::SfenceInvalIr,
        _ if !fields.rd().is_zero() => return None,
        _ => match fields.funct7() {
            0x09 => System::SfenceVma { rs1, rs2 },
            0x0b => System::SinvalVma { rs1, rs2 },
            _ => return None,
        },
    })
}

#[cfg(test)]
mod tests;
