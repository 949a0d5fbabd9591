//! Binding: from a decoded instruction to the operation that executes it in its place.
//!
//! **Model.** The function of an operation depends on the instruction, on its length, on whether it is the last one of its
//! line, and for branches on the distance to the target. An illegal encoding is bound to the operation that raises the
//! illegal-instruction exception, so binding never fails.
//!
//! Some instructions get a cheaper operation: arithmetic into `x0` does nothing, and `addi` may be a move or a constant.

use crate::interp::op::{Op, Run, destination};
use crate::interp::ops;
use crate::interp::place::{At, HALFWORDS, LAST};
use crate::isa::csr;
use crate::isa::{
    AmoOp, BranchOp, CsrOp, CsrSource, ImmediateOp, Inst, LoadOp, Precision, Reg, RegisterOp, StoreOp,
    System, UnaryOp, Width, length,
};

mod float;

/// Where an instruction stands, which decides how its branches are done.
#[derive(Clone, Copy)]
pub(crate) enum Place {
    /// Wholly in its page, in this place, and not the last there.
    InPage(At),
    /// On a line of its own.
    Alone,
}

/// The operation for an instruction that was decoded from `bits`.
pub(crate) fn bind(inst: Option<Inst>, bits: u32, place: Place) -> Op {
    const LAST_SHORT: usize = LAST + 1;
    const LAST_LONG: usize = LAST + 2;
    let Some(inst) = inst else {
        return Op { imm: bits as i32, ..Op::new(ops::illegal) };
    };
    match (length(bits as u16), place) {
        (1, Place::InPage(at)) if at.ends_line::<1>() => operation::<LAST_SHORT>(inst, bits, place),
        (1, _) => operation::<1>(inst, bits, place),
        (_, Place::InPage(at)) if at.ends_line::<2>() => operation::<LAST_LONG>(inst, bits, place),
        _ => operation::<2>(inst, bits, place),
    }
}

fn operation<const LEN: usize>(inst: Inst, bits: u32, place: Place) -> Op {
    match inst {
        Inst::Lui { rd, imm } => computing::<LEN>(rd, Op { imm, ..Op::new(ops::li::<LEN>) }),
        Inst::Auipc { rd, imm } => computing::<LEN>(rd, Op { imm, ..Op::new(ops::auipc::<LEN>) }),
        Inst::Immediate { op: immediate, rd, rs1, imm } => {
            let run = self::immediate::<LEN>(immediate, rs1, imm);
            computing::<LEN>(rd, Op { rs1: rs1.number(), imm, ..Op::new(run) })
        }
        Inst::Unary { op: unary, rd, rs1 } => {
            computing::<LEN>(rd, Op { rs1: rs1.number(), ..Op::new(self::unary::<LEN>(unary)) })
        }
        Inst::Register { op: register, rd, rs1, rs2 } => {
            let run = self::register::<LEN>(register, rs2);
            computing::<LEN>(rd, Op { rs1: rs1.number(), rs2: rs2.number(), ..Op::new(run) })
        }
        // A load to x0 still may fault, so it runs and its value goes to the sink.
        Inst::Load { op: load, rd, rs1, offset } => {
            Op { rd: destination(rd), rs1: rs1.number(), imm: offset, ..Op::new(self::load::<LEN>(load)) }
        }
        Inst::Store { op: store, rs2, rs1, offset } => {
            Op { rs1: rs1.number(), rs2: rs2.number(), imm: offset, ..Op::new(self::store::<LEN>(store)) }
        }
        Inst::Jal { rd, offset } => {
            let runs: [Run; 3] = [ops::jal::<LEN>, ops::jal_near::<LEN>, ops::jal_far::<LEN>];
            Op { rd: destination(rd), ..leading_to(target(place, offset), offset, runs) }
        }
        Inst::Jalr { rd, rs1, offset } => {
            Op { rd: destination(rd), rs1: rs1.number(), imm: offset, ..Op::new(ops::jalr::<LEN>) }
        }
        Inst::Branch { op: branch, rs1, rs2, offset } => {
            let op = leading_to(target(place, offset), offset, self::branch::<LEN>(branch));
            Op { rs1: rs1.number(), rs2: rs2.number(), ..op }
        }
        Inst::LoadReserved { width, rd, rs1, .. } => {
            let run = by_width(width, [ops::lr_w::<LEN>, ops::lr_d::<LEN>]);
            Op { rd: destination(rd), rs1: rs1.number(), ..Op::new(run) }
        }
        Inst::StoreConditional { width, rd, rs2, rs1, .. } => {
            let run = by_width(width, [ops::sc_w::<LEN>, ops::sc_d::<LEN>]);
            Op { rd: destination(rd), rs1: rs1.number(), rs2: rs2.number(), ..Op::new(run) }
        }
        Inst::Amo { op: amo, width, rd, rs2, rs1, .. } => {
            let run = by_width(width, self::amo::<LEN>(amo));
            Op { rd: destination(rd), rs1: rs1.number(), rs2: rs2.number(), ..Op::new(run) }
        }
        Inst::FloatLoad { precision, rd, rs1, offset } => {
            let run = by_precision(precision, [ops::flw::<LEN>, ops::fld::<LEN>]);
            Op { rd: rd.number(), rs1: rs1.number(), imm: offset, ..Op::new(run) }
        }
        Inst::FloatStore { precision, rs2, rs1, offset } => {
            let run = by_precision(precision, [ops::fsw::<LEN>, ops::fsd::<LEN>]);
            Op { rs1: rs1.number(), rs2: rs2.number(), imm: offset, ..Op::new(run) }
        }
        // The rest may be illegal where it runs, and the guest is told what it is.
        Inst::Float { precision: Precision::Single, inst } => {
            Op { imm: bits as i32, ..float::bind::<u32, u64, LEN>(inst) }
        }
        Inst::Float { precision: Precision::Double, inst } => {
            Op { imm: bits as i32, ..float::bind::<u64, u32, LEN>(inst) }
        }
        Inst::System(inst) => Op { imm: bits as i32, ..system::<LEN>(inst) },
    }
}

/// An operation whose only effect is on `rd`: nothing, if that is `x0`.
fn computing<const LEN: usize>(rd: Reg, op: Op) -> Op {
    let run = if rd.is_zero() { ops::nop::<LEN> } else { op.run };
    Op { run, rd: destination(rd), ..op }
}

/// Where a branch leads, and if that is in its page, where there.
#[derive(Clone, Copy)]
enum Target {
    InLine(At),
    InPage(At),
    Far,
}

/// Where a branch of `offset` bytes leads.
fn target(place: Place, offset: i32) -> Target {
    let Place::InPage(from) = place else { return Target::Far };
    let halfword = from.halfword() as i32 + offset / 2;
    if !(0..HALFWORDS as i32).contains(&halfword) {
        return Target::Far;
    }
    let to = At::of(halfword as usize);
    if to.line() == from.line() { Target::InLine(to) } else { Target::InPage(to) }
}

/// Whether an instruction is anything but a branch to another line.
pub(crate) fn stays_in_line(inst: Inst, place: Place) -> bool {
    match inst {
        Inst::Branch { offset, .. } => matches!(target(place, offset), Target::InLine(_)),
        _ => true,
    }
}

/// A branch that runs by whether it stays in its line, or in its page, or leads `offset` bytes away.
const fn leading_to(target: Target, offset: i32, [in_line, near, far]: [Run; 3]) -> Op {
    match target {
        Target::InLine(to) => Op { imm: to.to_imm(), ..Op::new(in_line) },
        Target::InPage(to) => Op { imm: to.to_imm(), ..Op::new(near) },
        Target::Far => Op { imm: offset, ..Op::new(far) },
    }
}

const fn by_width(width: Width, [word, double]: [Run; 2]) -> Run {
    match width {
        Width::Word => word,
        Width::Double => double,
    }
}

const fn by_precision(precision: Precision, [single, double]: [Run; 2]) -> Run {
    match precision {
        Precision::Single => single,
        Precision::Double => double,
    }
}

fn branch<const LEN: usize>(op: BranchOp) -> [Run; 3] {
    match op {
        BranchOp::Beq => [ops::beq::<LEN>, ops::beq_near::<LEN>, ops::beq_far::<LEN>],
        BranchOp::Bne => [ops::bne::<LEN>, ops::bne_near::<LEN>, ops::bne_far::<LEN>],
        BranchOp::Blt => [ops::blt::<LEN>, ops::blt_near::<LEN>, ops::blt_far::<LEN>],
        BranchOp::Bge => [ops::bge::<LEN>, ops::bge_near::<LEN>, ops::bge_far::<LEN>],
        BranchOp::Bltu => [ops::bltu::<LEN>, ops::bltu_near::<LEN>, ops::bltu_far::<LEN>],
        BranchOp::Bgeu => [ops::bgeu::<LEN>, ops::bgeu_near::<LEN>, ops::bgeu_far::<LEN>],
    }
}

fn load<const LEN: usize>(op: LoadOp) -> Run {
    match op {
        LoadOp::Lb => ops::lb::<LEN>,
        LoadOp::Lh => ops::lh::<LEN>,
        LoadOp::Lw => ops::lw::<LEN>,
        LoadOp::Ld => ops::ld::<LEN>,
        LoadOp::Lbu => ops::lbu::<LEN>,
        LoadOp::Lhu => ops::lhu::<LEN>,
        LoadOp::Lwu => ops::lwu::<LEN>,
    }
}

fn store<const LEN: usize>(op: StoreOp) -> Run {
    match op {
        StoreOp::Sb => ops::sb::<LEN>,
        StoreOp::Sh => ops::sh::<LEN>,
        StoreOp::Sw => ops::sw::<LEN>,
        StoreOp::Sd => ops::sd::<LEN>,
    }
}

fn immediate<const LEN: usize>(op: ImmediateOp, rs1: Reg, imm: i32) -> Run {
    match op {
        ImmediateOp::Addi if rs1.is_zero() => ops::li::<LEN>,
        ImmediateOp::Addi if imm == 0 => ops::mv::<LEN>,
        ImmediateOp::Addiw if imm == 0 => ops::sext_w::<LEN>,
        ImmediateOp::Addi => ops::addi::<LEN>,
        ImmediateOp::Slti => ops::slti::<LEN>,
        ImmediateOp::Sltiu => ops::sltiu::<LEN>,
        ImmediateOp::Xori => ops::xori::<LEN>,
        ImmediateOp::Ori => ops::ori::<LEN>,
        ImmediateOp::Andi => ops::andi::<LEN>,
        ImmediateOp::Slli => ops::slli::<LEN>,
        ImmediateOp::Srli => ops::srli::<LEN>,
        ImmediateOp::Srai => ops::srai::<LEN>,
        ImmediateOp::Addiw => ops::addiw::<LEN>,
        ImmediateOp::Slliw => ops::slliw::<LEN>,
        ImmediateOp::Srliw => ops::srliw::<LEN>,
        ImmediateOp::Sraiw => ops::sraiw::<LEN>,
        ImmediateOp::SlliUw => ops::slli_uw::<LEN>,
        ImmediateOp::Rori => ops::rori::<LEN>,
        ImmediateOp::Roriw => ops::roriw::<LEN>,
        ImmediateOp::Bclri => ops::bclri::<LEN>,
        ImmediateOp::Bexti => ops::bexti::<LEN>,
        ImmediateOp::Binvi => ops::binvi::<LEN>,
        ImmediateOp::Bseti => ops::bseti::<LEN>,
    }
}

fn unary<const LEN: usize>(op: UnaryOp) -> Run {
    match op {
        UnaryOp::Clz => ops::clz::<LEN>,
        UnaryOp::Ctz => ops::ctz::<LEN>,
        UnaryOp::Cpop => ops::cpop::<LEN>,
        UnaryOp::Clzw => ops::clzw::<LEN>,
        UnaryOp::Ctzw => ops::ctzw::<LEN>,
        UnaryOp::Cpopw => ops::cpopw::<LEN>,
        UnaryOp::SextB => ops::sext_b::<LEN>,
        UnaryOp::SextH => ops::sext_h::<LEN>,
        UnaryOp::ZextH => ops::zext_h::<LEN>,
        UnaryOp::OrcB => ops::orc_b::<LEN>,
        UnaryOp::Rev8 => ops::rev8::<LEN>,
    }
}

fn register<const LEN: usize>(op: RegisterOp, rs2: Reg) -> Run {
    match op {
        RegisterOp::AddUw if rs2.is_zero() => ops::zext_w::<LEN>,
        RegisterOp::Add => ops::add::<LEN>,
        RegisterOp::Sub => ops::sub::<LEN>,
        RegisterOp::Sll => ops::sll::<LEN>,
        RegisterOp::Slt => ops::slt::<LEN>,
        RegisterOp::Sltu => ops::sltu::<LEN>,
        RegisterOp::Xor => ops::xor::<LEN>,
        RegisterOp::Srl => ops::srl::<LEN>,
        RegisterOp::Sra => ops::sra::<LEN>,
        RegisterOp::Or => ops::or::<LEN>,
        RegisterOp::And => ops::and::<LEN>,
        RegisterOp::Addw => ops::addw::<LEN>,
        RegisterOp::Subw => ops::subw::<LEN>,
        RegisterOp::Sllw => ops::sllw::<LEN>,
        RegisterOp::Srlw => ops::srlw::<LEN>,
        RegisterOp::Sraw => ops::sraw::<LEN>,
        RegisterOp::Mul => ops::mul::<LEN>,
        RegisterOp::Mulh => ops::mulh::<LEN>,
        RegisterOp::Mulhsu => ops::mulhsu::<LEN>,
        RegisterOp::Mulhu => ops::mulhu::<LEN>,
        RegisterOp::Mulw => ops::mulw::<LEN>,
        RegisterOp::Div => ops::div::<LEN>,
        RegisterOp::Divu => ops::divu::<LEN>,
        RegisterOp::Rem => ops::rem::<LEN>,
        RegisterOp::Remu => ops::remu::<LEN>,
        RegisterOp::Divw => ops::divw::<LEN>,
        RegisterOp::Divuw => ops::divuw::<LEN>,
        RegisterOp::Remw => ops::remw::<LEN>,
        RegisterOp::Remuw => ops::remuw::<LEN>,
        RegisterOp::Sh1add => ops::sh1add::<LEN>,
        RegisterOp::Sh2add => ops::sh2add::<LEN>,
        RegisterOp::Sh3add => ops::sh3add::<LEN>,
        RegisterOp::AddUw => ops::add_uw::<LEN>,
        RegisterOp::Sh1addUw => ops::sh1add_uw::<LEN>,
        RegisterOp::Sh2addUw => ops::sh2add_uw::<LEN>,
        RegisterOp::Sh3addUw => ops::sh3add_uw::<LEN>,
        RegisterOp::Andn => ops::andn::<LEN>,
        RegisterOp::Orn => ops::orn::<LEN>,
        RegisterOp::Xnor => ops::xnor::<LEN>,
        RegisterOp::Min => ops::min::<LEN>,
        RegisterOp::Clmul => ops::clmul::<LEN>,
        RegisterOp::Clmulh => ops::clmulh::<LEN>,
        RegisterOp::Clmulr => ops::clmulr::<LEN>,
        RegisterOp::Minu => ops::minu::<LEN>,
        RegisterOp::Max => ops::max::<LEN>,
        RegisterOp::Maxu => ops::maxu::<LEN>,
        RegisterOp::Rol => ops::rol::<LEN>,
        RegisterOp::Ror => ops::ror::<LEN>,
        RegisterOp::Rolw => ops::rolw::<LEN>,
        RegisterOp::Rorw => ops::rorw::<LEN>,
        RegisterOp::Bclr => ops::bclr::<LEN>,
        RegisterOp::Bext => ops::bext::<LEN>,
        RegisterOp::Binv => ops::binv::<LEN>,
        RegisterOp::Bset => ops::bset::<LEN>,
    }
}

fn amo<const LEN: usize>(op: AmoOp) -> [Run; 2] {
    match op {
        AmoOp::Swap => [ops::amoswap_w::<LEN>, ops::amoswap_d::<LEN>],
        AmoOp::Add => [ops::amoadd_w::<LEN>, ops::amoadd_d::<LEN>],
        AmoOp::Xor => [ops::amoxor_w::<LEN>, ops::amoxor_d::<LEN>],
        AmoOp::And => [ops::amoand_w::<LEN>, ops::amoand_d::<LEN>],
        AmoOp::Or => [ops::amoor_w::<LEN>, ops::amoor_d::<LEN>],
        AmoOp::Min => [ops::amomin_w::<LEN>, ops::amomin_d::<LEN>],
        AmoOp::Max => [ops::amomax_w::<LEN>, ops::amomax_d::<LEN>],
        AmoOp::Minu => [ops::amominu_w::<LEN>, ops::amominu_d::<LEN>],
        AmoOp::Maxu => [ops::amomaxu_w::<LEN>, ops::amomaxu_d::<LEN>],
    }
}

fn system<const LEN: usize>(inst: System) -> Op {
    match inst {
        // `fence.tso` and any other is done as the strongest.
        System::Fence { .. } | System::FenceTso => Op::new(ops::fence::<LEN>),
        System::FenceI => Op::new(ops::fence_i::<LEN>),
        System::Pause => Op::new(ops::pause::<LEN>),
        System::CboZero { rs1 } => Op { rs1: rs1.number(), ..Op::new(ops::cbo_zero::<LEN>) },
        System::Csr { op, rd, csr, source } => self::csr::<LEN>(op, rd, csr, source),
        System::Ecall => Op::new(ops::ecall::<LEN>),
        System::Ebreak => Op::new(ops::ebreak),
        System::Sret => Op::new(ops::sret),
        System::Wfi => Op::new(ops::wfi::<LEN>),
        // Without a register, all addresses and all address spaces are meant.
        System::SfenceVma { rs1, rs2 } | System::SinvalVma { rs1, rs2 } => {
            let aux = u8::from(!rs1.is_zero()) | u8::from(!rs2.is_zero()) << 1;
            Op { rs1: rs1.number(), rs2: rs2.number(), aux, ..Op::new(ops::sfence_vma::<LEN>) }
        }
        System::SfenceWInval | System::SfenceInvalIr => Op::new(ops::sfence_order::<LEN>),
    }
}

fn csr<const LEN: usize>(action: CsrOp, rd: Reg, csr: u16, source: CsrSource) -> Op {
    let run: Run = match csr {
        csr::SSTATUS => ops::known_csr::<LEN, { csr::SSTATUS }>,
        csr::SSCRATCH => ops::known_csr::<LEN, { csr::SSCRATCH }>,
        csr::SEPC => ops::known_csr::<LEN, { csr::SEPC }>,
        csr::SCAUSE => ops::known_csr::<LEN, { csr::SCAUSE }>,
        csr::STVAL => ops::known_csr::<LEN, { csr::STVAL }>,
        _ => ops::csr::<LEN>,
    };
    let (rs1, by_value) = match source {
        CsrSource::Register(rs1) => (rs1.number(), 0),
        CsrSource::Immediate(value) => (value, ops::CSR_IMMEDIATE),
    };
    let aux = by_value
        | match action {
            CsrOp::Write => ops::CSR_WRITE,
            CsrOp::Set => ops::CSR_SET,
            CsrOp::Clear => 0,
        };
    Op { rd: destination(rd), rs1, aux, ..Op::new(run) }
}
