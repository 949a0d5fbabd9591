//! Decoding against the manual's encodings, one of each format.

use super::*;
use crate::isa::float::Rounding;
use crate::isa::inst::{ArithmeticOp, Float, Precision, RoundingMode};
use crate::isa::register::{FReg, Reg};

const A0: Reg = Reg::from_field(10);
const A1: Reg = Reg::from_field(11);
const SP: Reg = Reg::from_field(2);

#[test]
fn each_format_has_its_operands() {
    for (bits, inst) in [
        (0x8000_0537, Inst::Lui { rd: A0, imm: i32::MIN }),
        (0xff1f_f06f, Inst::Jal { rd: Reg::ZERO, offset: -16 }),
        (0xfeb5_0ee3, Inst::Branch { op: BranchOp::Beq, rs1: A0, rs2: A1, offset: -4 }),
        (0xff85_3583, Inst::Load { op: LoadOp::Ld, rd: A1, rs1: A0, offset: -8 }),
        (0xfeb5_3c23, Inst::Store { op: StoreOp::Sd, rs2: A1, rs1: A0, offset: -8 }),
        (0x43f5_5513, Inst::Immediate { op: ImmediateOp::Srai, rd: A0, rs1: A0, imm: 63 }),
        (0x6005_1513, Inst::Unary { op: UnaryOp::Clz, rd: A0, rs1: A0 }),
        (0x20b5_2533, Inst::Register { op: RegisterOp::Sh1add, rd: A0, rs1: A0, rs2: A1 }),
        (
            0x0605_25af,
            Inst::Amo {
                op: AmoOp::Add,
                width: Width::Word,
                order: Order { acquire: true, release: true },
                rd: A1,
                rs2: Reg::ZERO,
                rs1: A0,
            },
        ),
        (
            0x02b5_1553,
            Inst::Float {
                precision: Precision::Double,
                inst: Float::Arithmetic {
                    op: ArithmeticOp::Fadd,
                    rd: FReg::from_field(10),
                    rs1: FReg::from_field(10),
                    rs2: FReg::from_field(11),
                    rm: RoundingMode::Static(Rounding::Rtz),
                },
            },
        ),
        (
            0x1002_f573,
            Inst::System(System::Csr {
                op: CsrOp::Clear,
                rd: A0,
                csr: 0x100,
                source: CsrSource::Immediate(5),
            }),
        ),
    ] {
        assert_eq!(decode(bits), Some(inst), "{bits:#010x}");
    }
}

#[test]
fn compressed_instructions_are_those_they_stand_for() {
    assert_eq!(decode(0x1141), Some(Inst::Immediate { op: ImmediateOp::Addi, rd: SP, rs1: SP, imm: -16 }));
    for halfword in (0..=u16::MAX).filter(|&halfword| length(halfword) == 1) {
        let decoded = decode(halfword.into());
        assert_eq!(decoded, expand(halfword).and_then(decode), "{halfword:#06x}");
        assert_eq!(
            decoded.is_some(),
            expand(halfword).is_some(),
            "{halfword:#06x} expands to no instruction"
        );
        // Only the low half counts.
        assert_eq!(decoded, decode(0xabcd_0000 | u32::from(halfword)));
    }
}

#[test]
fn what_is_reserved_is_no_instruction() {
    let words = [
        0x0000_0000, // no instruction by definition
        0xffff_ffff, // the same
        0x0000_7003, // a load of no width
        0x0005_5553, // fadd.s that rounds as nothing does
        0x0400_0053, // fadd of half precision
        0x0000_4073, // between the instructions on CSRs
        0x3020_0073, // mret, which only a machine mode has
    ];
    for bits in words {
        assert_eq!(decode(bits), None, "{bits:#010x}");
    }
}
