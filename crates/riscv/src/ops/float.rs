//! The F and D extensions, but for loads and stores.
//!
//! These are decoded as they run: computing them takes longer than that.

use crate::code::Code;
use crate::cpu::Cpu;
use crate::float::{self, Flags, Format, Integer, Rounding, box32, unbox32};
use crate::line::Line;
use crate::op::{Here, Op, Stop, next};
use std::cell::Cell;

/// A format with the way its values stand in registers.
trait Register: Format {
    fn read(cpu: &Cpu, register: u8) -> Self;
    fn write(self, cpu: &mut Cpu, register: u8);
}

impl Register for u32 {
    fn read(cpu: &Cpu, register: u8) -> Self {
        unbox32(cpu.f(register))
    }

    fn write(self, cpu: &mut Cpu, register: u8) {
        cpu.set_f(register, box32(self));
    }
}

impl Register for u64 {
    fn read(cpu: &Cpu, register: u8) -> Self {
        cpu.f(register)
    }

    fn write(self, cpu: &mut Cpu, register: u8) {
        cpu.set_f(register, self);
    }
}

/// The fields of a floating-point instruction that are read as it runs. Register numbers in
/// [`Op`] are those of the encoding, for integer destinations with [`Cpu::SINK`] for `x0`.
struct Fields {
    op: Op,
    /// `funct7` without the format, or the fused operation's kind.
    funct: u8,
    /// `rm`, which also selects among operations that do not round.
    rm: u8,
    rs3: u8,
    rd: u8,
}

impl Fields {
    fn of(op: Op) -> Self {
        let encoding = op.imm as u32;
        Self {
            op,
            funct: (encoding >> 27) as u8,
            rm: (encoding >> 12 & 7) as u8,
            rs3: (encoding >> 27) as u8,
            rd: (encoding >> 7 & 31) as u8,
        }
    }
}

/// Every operation on registers; `imm` is the encoding.
pub(crate) fn float<const LEN: usize>(
    cpu: &mut Cpu,
    code: &Code,
    line: &Line,
    here: Here,
    slot: &Cell<Op>,
) -> Stop {
    let op = slot.get();
    if compute(cpu, op).is_none() {
        return super::illegal(cpu, code, line, here, slot);
    }
    next::<LEN>(cpu, code, line, here)
}

/// `None` if there is no such instruction, its rounding mode is reserved, or floating point is off.
fn compute(cpu: &mut Cpu, op: Op) -> Option<()> {
    if cpu.csrs.float_is_off() {
        return None;
    }
    let encoding = op.imm as u32;
    let fields = Fields::of(op);
    let fused = encoding & 0x7f != 0x53;
    match (fused, encoding >> 25 & 3) {
        (true, 0) => fused_multiply::<u32>(cpu, &fields, encoding),
        (true, 1) => fused_multiply::<u64>(cpu, &fields, encoding),
        (false, 0) => operate::<u32, u64>(cpu, &fields),
        (false, 1) => operate::<u64, u32>(cpu, &fields),
        _ => None,
    }
}

fn fused_multiply<F: Register>(cpu: &mut Cpu, fields: &Fields, encoding: u32) -> Option<()> {
    let rm = cpu.rounding(fields.rm)?;
    let (a, b) = (F::read(cpu, fields.op.rs1), F::read(cpu, fields.op.rs2));
    let c = F::read(cpu, fields.rs3);
    let mut flags = cpu.flags();
    let result = match encoding >> 2 & 3 {
        0 => float::fmadd(a, b, c, rm, &mut flags),
        1 => float::fmsub(a, b, c, rm, &mut flags),
        2 => float::fnmsub(a, b, c, rm, &mut flags),
        _ => float::fnmadd(a, b, c, rm, &mut flags),
    };
    cpu.set_flags(flags);
    result.write(cpu, fields.rd);
    Some(())
}

/// OP-FP in format `F`; `G` is the other one.
fn operate<F: Register, G: Register>(cpu: &mut Cpu, fields: &Fields) -> Option<()> {
    let (a, b) = (F::read(cpu, fields.op.rs1), F::read(cpu, fields.op.rs2));
    let mut flags = cpu.flags();
    match fields.funct {
        0b00000..=0b00011 | 0b01011 => {
            let rm = cpu.rounding(fields.rm)?;
            arithmetic(fields, a, b, rm, &mut flags)?.write(cpu, fields.rd);
        }
        0b00100 => sign(fields.rm, a, b)?.write(cpu, fields.rd),
        0b00101 => match fields.rm {
            0 => float::min(a, b, &mut flags).write(cpu, fields.rd),
            1 => float::max(a, b, &mut flags).write(cpu, fields.rd),
            _ => return None,
        },
        0b01000 => {
            // The source's format is in the rs2 field; it must be the other one.
            if fields.op.rs2 != u8::from(size_of::<G>() == 8) {
                return None;
            }
            let rm = cpu.rounding(fields.rm)?;
            let source = G::read(cpu, fields.op.rs1);
            float::convert::<G, F>(source, rm, &mut flags).write(cpu, fields.rd);
        }
        0b10100 => {
            let holds = match fields.rm {
                0 => float::le(a, b, &mut flags),
                1 => float::lt(a, b, &mut flags),
                2 => float::eq(a, b, &mut flags),
                _ => return None,
            };
            cpu.set_x(fields.op.rd, u64::from(holds));
        }
        0b11000 => {
            let rm = cpu.rounding(fields.rm)?;
            cpu.set_x(fields.op.rd, float::to_integer(a, integer(fields.op.rs2)?, rm, &mut flags));
        }
        0b11010 => {
            let rm = cpu.rounding(fields.rm)?;
            let source = cpu.x(fields.op.rs1);
            float::from_integer::<F>(source, integer(fields.op.rs2)?, rm, &mut flags).write(cpu, fields.rd);
        }
        0b11100 | 0b11110 => return move_or_classify::<F>(cpu, fields, a),
        _ => return None,
    }
    cpu.set_flags(flags);
    Some(())
}

fn arithmetic<F: Format>(fields: &Fields, a: F, b: F, rm: Rounding, flags: &mut Flags) -> Option<F> {
    Some(match fields.funct {
        0b00000 => float::add(a, b, rm, flags),
        0b00001 => float::sub(a, b, rm, flags),
        0b00010 => float::mul(a, b, rm, flags),
        0b00011 => float::div(a, b, rm, flags),
        _ if fields.op.rs2 == 0 => float::sqrt(a, rm, flags),
        _ => return None,
    })
}

fn sign<F: Format>(rm: u8, a: F, b: F) -> Option<F> {
    Some(match rm {
        0 => float::sgnj(a, b),
        1 => float::sgnjn(a, b),
        2 => float::sgnjx(a, b),
        _ => return None,
    })
}

const fn integer(field: u8) -> Option<Integer> {
    Some(match field {
        0 => Integer::I32,
        1 => Integer::U32,
        2 => Integer::I64,
        3 => Integer::U64,
        _ => return None,
    })
}

/// FMV and FCLASS. FMV moves bits as they are, boxed or not.
fn move_or_classify<F: Register>(cpu: &mut Cpu, fields: &Fields, a: F) -> Option<()> {
    if fields.op.rs2 != 0 {
        return None;
    }
    let single = size_of::<F>() == 4;
    match (fields.funct, fields.rm) {
        (0b11100, 0) => {
            let bits = cpu.f(fields.op.rs1);
            cpu.set_x(fields.op.rd, if single { super::word(bits) } else { bits });
        }
        (0b11100, 1) => cpu.set_x(fields.op.rd, float::classify(a)),
        (0b11110, 0) => {
            let bits = cpu.x(fields.op.rs1);
            cpu.set_f(fields.rd, if single { box32(bits as u32) } else { bits });
        }
        _ => return None,
    }
    Some(())
}
