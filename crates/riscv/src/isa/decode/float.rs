//! Decoding of the F and D extensions.

use super::fields::Fields;
use crate::isa::float::{Integer, Rounding};
use crate::isa::inst::{ArithmeticOp, CompareOp, Float, FusedOp, Inst, Precision, RoundingMode, SelectOp};

pub(super) fn load(fields: Fields) -> Option<Inst> {
    let precision = memory_precision(fields)?;
    Some(Inst::FloatLoad { precision, rd: fields.float_rd(), rs1: fields.rs1(), offset: fields.imm_i() })
}

pub(super) fn store(fields: Fields) -> Option<Inst> {
    let precision = memory_precision(fields)?;
    Some(Inst::FloatStore { precision, rs2: fields.float_rs2(), rs1: fields.rs1(), offset: fields.imm_s() })
}

const fn memory_precision(fields: Fields) -> Option<Precision> {
    match fields.funct3() {
        2 => Some(Precision::Single),
        3 => Some(Precision::Double),
        _ => None,
    }
}

const fn precision(field: u32) -> Option<Precision> {
    match field {
        0 => Some(Precision::Single),
        1 => Some(Precision::Double),
        _ => None,
    }
}

fn rounding(fields: Fields) -> Option<RoundingMode> {
    match fields.funct3() {
        7 => Some(RoundingMode::Dynamic),
        mode => Rounding::from_field(mode as u8).map(RoundingMode::Static),
    }
}

const fn integer(fields: Fields) -> Option<Integer> {
    Some(match fields.0 >> 20 & 31 {
        0 => Integer::I32,
        1 => Integer::U32,
        2 => Integer::I64,
        3 => Integer::U64,
        _ => return None,
    })
}

pub(super) fn fused(op: FusedOp, fields: Fields) -> Option<Inst> {
    let precision = precision(fields.0 >> 25 & 3)?;
    let (rd, rs1, rs2, rs3) = (fields.float_rd(), fields.float_rs1(), fields.float_rs2(), fields.float_rs3());
    Some(Inst::Float { precision, inst: Float::Fused { op, rd, rs1, rs2, rs3, rm: rounding(fields)? } })
}

/// OP-FP: `funct7` without the format says what kind of operation it is.
pub(super) fn operation(fields: Fields) -> Option<Inst> {
    let precision = precision(fields.0 >> 25 & 3)?;
    let (rd, rs1) = (fields.float_rd(), fields.float_rs1());
    let inst = match fields.0 >> 27 {
        0b00000 => arithmetic(ArithmeticOp::Fadd, fields)?,
        0b00001 => arithmetic(ArithmeticOp::Fsub, fields)?,
        0b00010 => arithmetic(ArithmeticOp::Fmul, fields)?,
        0b00011 => arithmetic(ArithmeticOp::Fdiv, fields)?,
        0b00100 | 0b00101 => select(fields)?,
        // The source's format is in the rs2 field; it must be the other one.
        0b01000 if self::precision(fields.0 >> 20 & 31)? != precision => {
            Float::Convert { rd, rs1, rm: rounding(fields)? }
        }
        0b01011 if fields.rs2().is_zero() => Float::Sqrt { rd, rs1, rm: rounding(fields)? },
        0b10100 => compare(fields)?,
        0b11000 => {
            Float::ToInteger { integer: integer(fields)?, rd: fields.rd(), rs1, rm: rounding(fields)? }
        }
        0b11010 => {
            Float::FromInteger { integer: integer(fields)?, rd, rs1: fields.rs1(), rm: rounding(fields)? }
        }
        kind if fields.rs2().is_zero() => match (kind, fields.funct3()) {
            (0b11100, 0) => Float::ToBits { rd: fields.rd(), rs1 },
            (0b11100, 1) => Float::Class { rd: fields.rd(), rs1 },
            (0b11110, 0) => Float::FromBits { rd, rs1: fields.rs1() },
            _ => return None,
        },
        _ => return None,
    };
    Some(Inst::Float { precision, inst })
}

fn arithmetic(op: ArithmeticOp, fields: Fields) -> Option<Float> {
    let (rd, rs1, rs2) = (fields.float_rd(), fields.float_rs1(), fields.float_rs2());
    Some(Float::Arithmetic { op, rd, rs1, rs2, rm: rounding(fields)? })
}

fn select(fields: Fields) -> Option<Float> {
    let op = match (fields.0 >> 27, fields.funct3()) {
        (0b00100, 0) => SelectOp::Fsgnj,
        (0b00100, 1) => SelectOp::Fsgnjn,
        (0b00100, 2) => SelectOp::Fsgnjx,
        (0b00101, 0) => SelectOp::Fmin,
        (0b00101, 1) => SelectOp::Fmax,
        _ => return None,
    };
    Some(Float::Select { op, rd: fields.float_rd(), rs1: fields.float_rs1(), rs2: fields.float_rs2() })
}

fn compare(fields: Fields) -> Option<Float> {
    let op = match fields.funct3() {
        0 => CompareOp::Fle,
        1 => CompareOp::Flt,
        2 => CompareOp::Feq,
        _ => return None,
    };
    Some(Float::Compare { op, rd: fields.rd(), rs1: fields.float_rs1(), rs2: fields.float_rs2() })
}
