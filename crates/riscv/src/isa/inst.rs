//! Decoded instructions.
//!
//! **Model.** An [`Inst`] says which instruction it is and names its operands, each of a type of its own. Instructions
//! with the same operands share a variant and differ by its `op`. How an instruction was encoded, compressed or
//! not, is no part of it; an offset is counted from the instruction's own address.
//!
//! **Invariants.** Immediates are those of the manual: sign-extended, shifts' from 0 to 63 (31 for the 32-bit ones).

#![allow(missing_docs, reason = "operands have the manual's names")]

use crate::isa::float::{Integer, Rounding};
use crate::isa::register::{FReg, Reg};

/// An instruction.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Inst {
    /// `lui`: the immediate is the register's value.
    Lui { rd: Reg, imm: i32 },
    /// `auipc`: the immediate is added to the instruction's address.
    Auipc { rd: Reg, imm: i32 },
    /// `jal`.
    Jal { rd: Reg, offset: i32 },
    /// `jalr`.
    Jalr { rd: Reg, rs1: Reg, offset: i32 },
    /// A conditional branch.
    Branch { op: BranchOp, rs1: Reg, rs2: Reg, offset: i32 },
    /// A load into an integer register.
    Load { op: LoadOp, rd: Reg, rs1: Reg, offset: i32 },
    /// A store from an integer register.
    Store { op: StoreOp, rs2: Reg, rs1: Reg, offset: i32 },
    /// Arithmetic on a register and an immediate.
    Immediate { op: ImmediateOp, rd: Reg, rs1: Reg, imm: i32 },
    /// Arithmetic on one register.
    Unary { op: UnaryOp, rd: Reg, rs1: Reg },
    /// Arithmetic on two registers.
    Register { op: RegisterOp, rd: Reg, rs1: Reg, rs2: Reg },
    /// `lr`.
    LoadReserved { width: Width, order: Order, rd: Reg, rs1: Reg },
    /// `sc`.
    StoreConditional { width: Width, order: Order, rd: Reg, rs2: Reg, rs1: Reg },
    /// An atomic read-modify-write.
    Amo { op: AmoOp, width: Width, order: Order, rd: Reg, rs2: Reg, rs1: Reg },
    /// `flw`, `fld`.
    FloatLoad { precision: Precision, rd: FReg, rs1: Reg, offset: i32 },
    /// `fsw`, `fsd`.
    FloatStore { precision: Precision, rs2: FReg, rs1: Reg, offset: i32 },
    /// What computes with floating-point registers. [`Float::Convert`] is to this precision.
    Float { precision: Precision, inst: Float },
    /// Fences, control and status registers, traps and what else is not arithmetic or memory.
    System(System),
}

impl Inst {
    /// What assemblers write for `nop`.
    pub const NOP: Self = Self::Immediate { op: ImmediateOp::Addi, rd: Reg::ZERO, rs1: Reg::ZERO, imm: 0 };
}

/// An instruction that computes with floating-point registers, but for its precision.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Float {
    /// A fused multiply-add.
    Fused { op: FusedOp, rd: FReg, rs1: FReg, rs2: FReg, rs3: FReg, rm: RoundingMode },
    /// Arithmetic on two registers.
    Arithmetic { op: ArithmeticOp, rd: FReg, rs1: FReg, rs2: FReg, rm: RoundingMode },
    /// `fsqrt`.
    Sqrt { rd: FReg, rs1: FReg, rm: RoundingMode },
    /// One of the operands, perhaps with another sign.
    Select { op: SelectOp, rd: FReg, rs1: FReg, rs2: FReg },
    /// A comparison.
    Compare { op: CompareOp, rd: Reg, rs1: FReg, rs2: FReg },
    /// `fcvt` from the other precision.
    Convert { rd: FReg, rs1: FReg, rm: RoundingMode },
    /// `fcvt` to an integer.
    ToInteger { integer: Integer, rd: Reg, rs1: FReg, rm: RoundingMode },
    /// `fcvt` from an integer.
    FromInteger { integer: Integer, rd: FReg, rs1: Reg, rm: RoundingMode },
    /// `fmv.x.w`, `fmv.x.d`: the bits as they are.
    ToBits { rd: Reg, rs1: FReg },
    /// `fmv.w.x`, `fmv.d.x`: the bits as they are.
    FromBits { rd: FReg, rs1: Reg },
    /// `fclass`.
    Class { rd: Reg, rs1: FReg },
}

/// An instruction that is neither arithmetic nor an access to memory.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum System {
    /// `fence`, with bits 3 to 0 for device input and output, memory reads and writes.
    Fence { predecessors: u8, successors: u8 },
    /// `fence.tso`.
    FenceTso,
    /// `fence.i`.
    FenceI,
    /// `pause`.
    Pause,
    /// `cbo.zero`.
    CboZero { rs1: Reg },
    /// Reads and writes a control and status register.
    Csr { op: CsrOp, rd: Reg, csr: u16, source: CsrSource },
    /// `ecall`.
    Ecall,
    /// `ebreak`.
    Ebreak,
    /// `sret`.
    Sret,
    /// `wfi`.
    Wfi,
    /// `sfence.vma`.
    SfenceVma { rs1: Reg, rs2: Reg },
    /// `sinval.vma`.
    SinvalVma { rs1: Reg, rs2: Reg },
    /// `sfence.w.inval`.
    SfenceWInval,
    /// `sfence.inval.ir`.
    SfenceInvalIr,
}

/// Defines sets of operations, each with its name in assembly.
macro_rules! operations {
    ($($(#[$doc:meta])* $set:ident { $($variant:ident $name:literal,)* })*) => {$(
        $(#[$doc])*
        #[derive(Clone, Copy, PartialEq, Eq, Debug)]
        pub enum $set {
            $(#[doc = concat!("`", $name, "`")] $variant,)*
        }

        impl $set {
            /// All of them.
            pub const ALL: &[Self] = &[$(Self::$variant),*];

            /// The name in assembly.
            pub const fn name(self) -> &'static str {
                match self {
                    $(Self::$variant => $name,)*
                }
            }
        }
    )*};
}

operations! {
    /// When a branch is taken.
    BranchOp { Beq "beq", Bne "bne", Blt "blt", Bge "bge", Bltu "bltu", Bgeu "bgeu", }

    /// How much a load loads, and how it is extended.
    LoadOp { Lb "lb", Lh "lh", Lw "lw", Ld "ld", Lbu "lbu", Lhu "lhu", Lwu "lwu", }

    /// How much a store stores.
    StoreOp { Sb "sb", Sh "sh", Sw "sw", Sd "sd", }

    /// Arithmetic on a register and an immediate.
    ImmediateOp {
        Addi "addi", Slti "slti", Sltiu "sltiu", Xori "xori", Ori "ori", Andi "andi",
        Slli "slli", Srli "srli", Srai "srai",
        Addiw "addiw", Slliw "slliw", Srliw "srliw", Sraiw "sraiw",
        SlliUw "slli.uw", Rori "rori", Roriw "roriw",
        Bclri "bclri", Bexti "bexti", Binvi "binvi", Bseti "bseti",
    }

    /// Arithmetic on one register.
    UnaryOp {
        Clz "clz", Ctz "ctz", Cpop "cpop", Clzw "clzw", Ctzw "ctzw", Cpopw "cpopw",
        SextB "sext.b", SextH "sext.h", ZextH "zext.h", OrcB "orc.b", Rev8 "rev8",
    }

    /// Arithmetic on two registers.
    RegisterOp {
        Add "add", Sub "sub", Sll "sll", Slt "slt", Sltu "sltu", Xor "xor", Srl "srl", Sra "sra", Or "or", And "and",
        Addw "addw", Subw "subw", Sllw "sllw", Srlw "srlw", Sraw "sraw",
        Mul "mul", Mulh "mulh", Mulhsu "mulhsu", Mulhu "mulhu", Mulw "mulw",
        Div "div", Divu "divu", Rem "rem", Remu "remu", Divw "divw", Divuw "divuw", Remw "remw", Remuw "remuw",
        Sh1add "sh1add", Sh2add "sh2add", Sh3add "sh3add",
        AddUw "add.uw", Sh1addUw "sh1add.uw", Sh2addUw "sh2add.uw", Sh3addUw "sh3add.uw",
        Andn "andn", Orn "orn", Xnor "xnor", Min "min", Minu "minu", Max "max", Maxu "maxu",
        Clmul "clmul", Clmulh "clmulh", Clmulr "clmulr",
        Rol "rol", Ror "ror", Rolw "rolw", Rorw "rorw",
        Bclr "bclr", Bext "bext", Binv "binv", Bset "bset",
    }

    /// What an atomic read-modify-write does with memory's value and the register's.
    AmoOp {
        Swap "amoswap", Add "amoadd", Xor "amoxor", And "amoand", Or "amoor",
        Min "amomin", Max "amomax", Minu "amominu", Maxu "amomaxu",
    }

    /// The width of an atomic access.
    Width { Word "w", Double "d", }

    /// A floating-point format.
    Precision { Single "s", Double "d", }

    /// The signs of a fused multiply-add.
    FusedOp { Fmadd "fmadd", Fmsub "fmsub", Fnmsub "fnmsub", Fnmadd "fnmadd", }

    /// Floating-point arithmetic on two registers.
    ArithmeticOp { Fadd "fadd", Fsub "fsub", Fmul "fmul", Fdiv "fdiv", }

    /// Which operand, with which sign.
    SelectOp { Fsgnj "fsgnj", Fsgnjn "fsgnjn", Fsgnjx "fsgnjx", Fmin "fmin", Fmax "fmax", }

    /// A floating-point comparison.
    CompareOp { Fle "fle", Flt "flt", Feq "feq", }

    /// What is done with the value of a control and status register.
    CsrOp { Write "csrrw", Set "csrrs", Clear "csrrc", }
}

impl ImmediateOp {
    /// Whether the immediate is the number of a bit, or by how many bits to shift.
    pub const fn takes_bit_number(self) -> bool {
        match self {
            Self::Addi | Self::Slti | Self::Sltiu | Self::Xori | Self::Ori | Self::Andi | Self::Addiw => {
                false
            }
            Self::Slli
            | Self::Srli
            | Self::Srai
            | Self::Slliw
            | Self::Srliw
            | Self::Sraiw
            | Self::SlliUw
            | Self::Rori
            | Self::Roriw
            | Self::Bclri
            | Self::Bexti
            | Self::Binvi
            | Self::Bseti => true,
        }
    }
}

/// How an atomic access is ordered with others of the same hart.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Order {
    /// `aq`: before all that come later.
    pub acquire: bool,
    /// `rl`: behind all that came before.
    pub release: bool,
}

/// How an instruction rounds.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum RoundingMode {
    /// As it says itself.
    Static(Rounding),
    /// As `frm` says.
    Dynamic,
}

/// The operand of an instruction on a control and status register.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum CsrSource {
    /// A register's value. `x0` sets and clears nothing.
    Register(Reg),
    /// An immediate, 0 to 31.
    Immediate(u8),
}
