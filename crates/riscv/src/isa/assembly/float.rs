//! Disassembly of what computes with floating-point registers.

use super::moved;
use crate::isa::float::{Integer, Rounding};
use crate::isa::inst::{Float, Precision, RoundingMode, SelectOp};
use std::fmt::{self, Display, Formatter};

pub(super) fn write(f: &mut Formatter<'_>, precision: Precision, inst: Float) -> fmt::Result {
    let p = precision.name();
    match inst {
        Float::Fused { op, rd, rs1, rs2, rs3, rm } => {
            write!(f, "{}.{p} {rd},{rs1},{rs2},{rs3}{}", op.name(), Behind(rm))
        }
        Float::Arithmetic { op, rd, rs1, rs2, rm } => {
            write!(f, "{}.{p} {rd},{rs1},{rs2}{}", op.name(), Behind(rm))
        }
        Float::Sqrt { rd, rs1, rm } => write!(f, "fsqrt.{p} {rd},{rs1}{}", Behind(rm)),
        Float::Select { op, rd, rs1, rs2 } => match op {
            SelectOp::Fsgnj if rs1 == rs2 => write!(f, "fmv.{p} {rd},{rs1}"),
            SelectOp::Fsgnjn if rs1 == rs2 => write!(f, "fneg.{p} {rd},{rs1}"),
            SelectOp::Fsgnjx if rs1 == rs2 => write!(f, "fabs.{p} {rd},{rs1}"),
            _ => write!(f, "{}.{p} {rd},{rs1},{rs2}", op.name()),
        },
        Float::Compare { op, rd, rs1, rs2 } => write!(f, "{}.{p} {rd},{rs1},{rs2}", op.name()),
        Float::Convert { rd, rs1, rm } => match precision {
            Precision::Single => write!(f, "fcvt.s.d {rd},{rs1}{}", Behind(rm)),
            Precision::Double => write!(f, "fcvt.d.s {rd},{rs1}{}", BehindExact(rm)),
        },
        Float::ToInteger { integer, rd, rs1, rm } => {
            write!(f, "fcvt.{}.{p} {rd},{rs1}{}", width(integer), Behind(rm))
        }
        Float::FromInteger { integer, rd, rs1, rm } => match (precision, integer) {
            (Precision::Double, Integer::I32 | Integer::U32) => {
                write!(f, "fcvt.d.{} {rd},{rs1}{}", width(integer), BehindExact(rm))
            }
            _ => write!(f, "fcvt.{p}.{} {rd},{rs1}{}", width(integer), Behind(rm)),
        },
        Float::ToBits { rd, rs1 } => write!(f, "fmv.x.{} {rd},{rs1}", moved(precision)),
        Float::FromBits { rd, rs1 } => write!(f, "fmv.{}.x {rd},{rs1}", moved(precision)),
        Float::Class { rd, rs1 } => write!(f, "fclass.{p} {rd},{rs1}"),
    }
}

const fn width(integer: Integer) -> &'static str {
    match integer {
        Integer::I32 => "w",
        Integer::U32 => "wu",
        Integer::I64 => "l",
        Integer::U64 => "lu",
    }
}

const fn name(rm: RoundingMode) -> &'static str {
    match rm {
        RoundingMode::Static(Rounding::Rne) => "rne",
        RoundingMode::Static(Rounding::Rtz) => "rtz",
        RoundingMode::Static(Rounding::Rdn) => "rdn",
        RoundingMode::Static(Rounding::Rup) => "rup",
        RoundingMode::Static(Rounding::Rmm) => "rmm",
        RoundingMode::Dynamic => "dyn",
    }
}

/// A rounding mode as the last operand, which is not written if it is the usual one: as `frm` says.
struct Behind(RoundingMode);

impl Display for Behind {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        match self.0 {
            RoundingMode::Dynamic => Ok(()),
            RoundingMode::Static(_) => write!(f, ",{}", name(self.0)),
        }
    }
}

/// The same where nothing needs rounding; assemblers write `rne` then.
struct BehindExact(RoundingMode);

impl Display for BehindExact {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        match self.0 {
            RoundingMode::Static(Rounding::Rne) => Ok(()),
            rm => write!(f, ",{}", name(rm)),
        }
    }
}
