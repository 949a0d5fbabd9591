//! Disassembly of fences, instructions on CSRs and what else is not arithmetic or memory.

use crate::isa::csr;
use crate::isa::inst::{CsrOp, CsrSource, System};
use crate::isa::register::Reg;
use std::fmt::{self, Display, Formatter};

pub(super) fn write(f: &mut Formatter<'_>, inst: System) -> fmt::Result {
    match inst {
        System::Fence { predecessors: 15, successors: 15 } => f.write_str("fence"),
        System::Fence { predecessors, successors } => {
            write!(f, "fence {},{}", Accesses(predecessors), Accesses(successors))
        }
        System::FenceTso => f.write_str("fence.tso"),
        System::FenceI => f.write_str("fence.i"),
        System::Pause => f.write_str("pause"),
        System::CboZero { rs1 } => write!(f, "cbo.zero ({rs1})"),
        System::Csr { op, rd, csr, source } => self::csr(f, op, rd, csr, source),
        System::Ecall => f.write_str("ecall"),
        System::Ebreak => f.write_str("ebreak"),
        System::Sret => f.write_str("sret"),
        System::Wfi => f.write_str("wfi"),
        System::SfenceVma { rs1: Reg::ZERO, rs2: Reg::ZERO } => f.write_str("sfence.vma"),
        System::SfenceVma { rs1, rs2: Reg::ZERO } => write!(f, "sfence.vma {rs1}"),
        System::SfenceVma { rs1, rs2 } => write!(f, "sfence.vma {rs1},{rs2}"),
        System::SinvalVma { rs1, rs2 } => write!(f, "sinval.vma {rs1},{rs2}"),
        System::SfenceWInval => f.write_str("sfence.w.inval"),
        System::SfenceInvalIr => f.write_str("sfence.inval.ir"),
    }
}

/// What a fence orders.
struct Accesses(u8);

impl Display for Accesses {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        if self.0 == 0 {
            return f.write_str("0");
        }
        let letters = [(8, "i"), (4, "o"), (2, "r"), (1, "w")];
        letters.iter().filter(|(bit, _)| self.0 & bit != 0).try_for_each(|(_, letter)| f.write_str(letter))
    }
}

/// A register by its name, or by its number if the processor does not have it.
struct Name(u16);

impl Display for Name {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        match csr::name(self.0) {
            Some(name) => f.write_str(name),
            None => write!(f, "{:#x}", self.0),
        }
    }
}

impl Display for CsrSource {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        match self {
            Self::Register(register) => write!(f, "{register}"),
            Self::Immediate(value) => write!(f, "{value}"),
        }
    }
}

/// What is behind `fr` and `fs` in the pseudo-instructions on a floating-point register.
const fn float_name(csr: u16) -> Option<&'static str> {
    match csr {
        csr::FFLAGS => Some("flags"),
        csr::FRM => Some("rm"),
        csr::FCSR => Some("csr"),
        _ => None,
    }
}

fn csr(f: &mut Formatter<'_>, op: CsrOp, rd: Reg, csr: u16, source: CsrSource) -> fmt::Result {
    const NOTHING: CsrSource = CsrSource::Register(Reg::ZERO);
    let immediate = if matches!(source, CsrSource::Immediate(_)) { "i" } else { "" };
    match (op, rd, csr, source) {
        (CsrOp::Write, Reg::ZERO, csr::CYCLE, NOTHING) => return f.write_str("unimp"),
        (CsrOp::Set, _, csr::CYCLE | csr::TIME | csr::INSTRET, NOTHING) => {
            return write!(f, "rd{} {rd}", Name(csr));
        }
        _ => {}
    }
    if let Some(name) = float_name(csr) {
        // There is no pseudo-instruction to write an immediate to all of `fcsr`.
        let writes = op == CsrOp::Write && (csr != csr::FCSR || immediate.is_empty());
        match (op, rd, source) {
            (CsrOp::Set, _, NOTHING) => return write!(f, "fr{name} {rd}"),
            (_, Reg::ZERO, _) if writes => return write!(f, "fs{name}{immediate} {source}"),
            _ if writes => return write!(f, "fs{name}{immediate} {rd},{source}"),
            _ => {}
        }
    }
    match (op, rd, source) {
        (CsrOp::Set, _, NOTHING) => write!(f, "csrr {rd},{}", Name(csr)),
        (CsrOp::Write, Reg::ZERO, _) => write!(f, "csrw{immediate} {},{source}", Name(csr)),
        (CsrOp::Set, Reg::ZERO, _) => write!(f, "csrs{immediate} {},{source}", Name(csr)),
        (CsrOp::Clear, Reg::ZERO, _) => write!(f, "csrc{immediate} {},{source}", Name(csr)),
        _ => write!(f, "{}{immediate} {rd},{},{source}", op.name(), Name(csr)),
    }
}
