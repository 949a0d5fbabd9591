//! Binding of what computes with floating-point registers.

use crate::interp::op::{Op, Run, destination};
use crate::interp::ops::{self, Register};
use crate::isa::float::Integer;
use crate::isa::{ArithmeticOp, CompareOp, FReg, Float, FusedOp, RoundingMode, SelectOp};

/// The operation in format `F`; `G` is the other one.
pub(super) fn bind<F: Register, G: Register, const LEN: usize>(inst: Float) -> Op {
    match inst {
        Float::Fused { op, rd, rs1, rs2, rs3, rm } => {
            let op = on_registers(fused::<F, LEN>(op), rd.number(), rs1, rs2);
            Op { aux: ops::rounding_field(rm) | rs3.number() << 3, ..op }
        }
        Float::Arithmetic { op, rd, rs1, rs2, rm } => {
            rounding(on_registers(arithmetic::<F, LEN>(op), rd.number(), rs1, rs2), rm)
        }
        Float::Sqrt { rd, rs1, rm } => rounding(on_register(ops::fsqrt::<F, LEN>, rd.number(), rs1), rm),
        Float::Select { op, rd, rs1, rs2 } => on_registers(select::<F, LEN>(op), rd.number(), rs1, rs2),
        Float::Compare { op, rd, rs1, rs2 } => on_registers(compare::<F, LEN>(op), destination(rd), rs1, rs2),
        Float::Convert { rd, rs1, rm } => rounding(on_register(ops::fcvt::<G, F, LEN>, rd.number(), rs1), rm),
        Float::ToInteger { integer, rd, rs1, rm } => {
            rounding(on_register(to_integer::<F, LEN>(integer), destination(rd), rs1), rm)
        }
        Float::FromInteger { integer, rd, rs1, rm } => {
            let run = from_integer::<F, LEN>(integer);
            rounding(Op { rd: rd.number(), rs1: rs1.number(), ..Op::new(run) }, rm)
        }
        Float::ToBits { rd, rs1 } => on_register(ops::fmv_to_x::<F, LEN>, destination(rd), rs1),
        Float::FromBits { rd, rs1 } => {
            Op { rd: rd.number(), rs1: rs1.number(), ..Op::new(ops::fmv_from_x::<F, LEN>) }
        }
        Float::Class { rd, rs1 } => on_register(ops::fclass::<F, LEN>, destination(rd), rs1),
    }
}

fn on_register(run: Run, rd: u8, rs1: FReg) -> Op {
    Op { rd, rs1: rs1.number(), ..Op::new(run) }
}

fn on_registers(run: Run, rd: u8, rs1: FReg, rs2: FReg) -> Op {
    Op { rd, rs1: rs1.number(), rs2: rs2.number(), ..Op::new(run) }
}

fn rounding(op: Op, rm: RoundingMode) -> Op {
    Op { aux: ops::rounding_field(rm), ..op }
}

fn fused<F: Register, const LEN: usize>(op: FusedOp) -> Run {
    match op {
        FusedOp::Fmadd => ops::fmadd::<F, LEN>,
        FusedOp::Fmsub => ops::fmsub::<F, LEN>,
        FusedOp::Fnmsub => ops::fnmsub::<F, LEN>,
        FusedOp::Fnmadd => ops::fnmadd::<F, LEN>,
    }
}

fn arithmetic<F: Register, const LEN: usize>(op: ArithmeticOp) -> Run {
    match op {
        ArithmeticOp::Fadd => ops::fadd::<F, LEN>,
        ArithmeticOp::Fsub => ops::fsub::<F, LEN>,
        ArithmeticOp::Fmul => ops::fmul::<F, LEN>,
        ArithmeticOp::Fdiv => ops::fdiv::<F, LEN>,
    }
}

fn select<F: Register, const LEN: usize>(op: SelectOp) -> Run {
    match op {
        SelectOp::Fsgnj => ops::fsgnj::<F, LEN>,
        SelectOp::Fsgnjn => ops::fsgnjn::<F, LEN>,
        SelectOp::Fsgnjx => ops::fsgnjx::<F, LEN>,
        SelectOp::Fmin => ops::fmin::<F, LEN>,
        SelectOp::Fmax => ops::fmax::<F, LEN>,
    }
}

fn compare<F: Register, const LEN: usize>(op: CompareOp) -> Run {
    match op {
        CompareOp::Fle => ops::fle::<F, LEN>,
        CompareOp::Flt => ops::flt::<F, LEN>,
        CompareOp::Feq => ops::feq::<F, LEN>,
    }
}

fn to_integer<F: Register, const LEN: usize>(integer: Integer) -> Run {
    match integer {
        Integer::I32 => ops::fcvt_w::<F, LEN>,
        Integer::U32 => ops::fcvt_wu::<F, LEN>,
        Integer::I64 => ops::fcvt_l::<F, LEN>,
        Integer::U64 => ops::fcvt_lu::<F, LEN>,
    }
}

fn from_integer<F: Register, const LEN: usize>(integer: Integer) -> Run {
    match integer {
        Integer::I32 => ops::fcvt_from_w::<F, LEN>,
        Integer::U32 => ops::fcvt_from_wu::<F, LEN>,
        Integer::I64 => ops::fcvt_from_l::<F, LEN>,
        Integer::U64 => ops::fcvt_from_lu::<F, LEN>,
    }
}
