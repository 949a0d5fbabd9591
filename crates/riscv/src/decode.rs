//! Decoding: from an instruction's bits to its operation.
//!
//! **Model.** Compressed instructions are first expanded to the full ones they stand for, and then
//! decoded like these, for a length of one halfword. What is no instruction decodes to the
//! operation that raises the illegal-instruction exception; decoding itself never fails.
//!
//! **Sources.** Volume I, "RV32/64G Instruction Set Listings", and the chapters of the extensions.

use crate::compressed::expand;
use crate::cpu::Cpu;
use crate::csr;
use crate::line::HALFWORDS;
use crate::op::{At, LAST, Op, Run};
use crate::ops;

/// Where an instruction stands, which decides how its branches are done.
#[derive(Clone, Copy)]
pub(crate) enum Place {
    /// Wholly in its page, in this place, and not the last there.
    InPage(At),
    /// On a line of its own.
    Alone,
}

/// The length in halfwords of an instruction that begins with `halfword`.
pub(crate) const fn length(halfword: u16) -> usize {
    if halfword & 3 == 3 { 2 } else { 1 }
}

/// Decodes the instruction that `word` holds, or of which its low half is all.
pub(crate) fn any(word: u32, place: Place) -> Op {
    match length(word as u16) {
        1 => expand(word as u16)
            .map_or_else(|| not_compressed(word as u16), |word| instruction(word, 1, place)),
        length => instruction(word, length, place),
    }
}

const fn not_compressed(halfword: u16) -> Op {
    Op { run: ops::illegal, rd: Cpu::SINK, rs1: 0, rs2: 0, aux: 0, imm: halfword as i32 }
}

/// Decodes an instruction of `length` halfwords that was expanded if it was compressed.
pub(crate) fn instruction(word: u32, length: usize, place: Place) -> Op {
    const LAST_SHORT: usize = LAST + 1;
    const LAST_LONG: usize = LAST + 2;
    match (length, place) {
        (1, Place::InPage(at)) if at.ends_line::<1>() => decode::<LAST_SHORT>(word, place),
        (1, _) => decode::<1>(word, place),
        (_, Place::InPage(at)) if at.ends_line::<2>() => decode::<LAST_LONG>(word, place),
        _ => decode::<2>(word, place),
    }
}

/// The fields of a full instruction.
#[derive(Clone, Copy)]
struct Fields(u32);

impl Fields {
    const fn rd(self) -> u8 {
        match (self.0 >> 7 & 31) as u8 {
            0 => Cpu::SINK,
            rd => rd,
        }
    }

    const fn rs1(self) -> u8 {
        (self.0 >> 15 & 31) as u8
    }

    const fn rs2(self) -> u8 {
        (self.0 >> 20 & 31) as u8
    }

    const fn funct3(self) -> u32 {
        self.0 >> 12 & 7
    }

    const fn funct7(self) -> u32 {
        self.0 >> 25
    }

    const fn imm_i(self) -> i32 {
        self.0 as i32 >> 20
    }

    const fn imm_s(self) -> i32 {
        (self.0 as i32 >> 25 << 5) | (self.0 >> 7 & 31) as i32
    }

    const fn imm_b(self) -> i32 {
        (self.0 as i32 >> 31 << 12)
            | ((self.0 >> 7 & 1) << 11 | (self.0 >> 25 & 0x3f) << 5 | (self.0 >> 8 & 15) << 1) as i32
    }

    const fn imm_u(self) -> i32 {
        (self.0 & 0xffff_f000) as i32
    }

    const fn imm_j(self) -> i32 {
        (self.0 as i32 >> 31 << 20)
            | (self.0 & 0xf_f000 | (self.0 >> 20 & 1) << 11 | (self.0 >> 21 & 0x3ff) << 1) as i32
    }

    const fn op(self, run: Run, imm: i32) -> Op {
        Op { run, rd: self.rd(), rs1: self.rs1(), rs2: self.rs2(), aux: 0, imm }
    }

    /// An operation that decodes the rest itself.
    const fn whole(self, run: Run) -> Op {
        self.op(run, self.0 as i32)
    }

    const fn illegal(self) -> Op {
        self.whole(ops::illegal)
    }

    /// A branch that runs by whether it stays in its line, or in its page, or leads `offset` bytes away.
    const fn leading_to(self, [in_line, near, far]: [Run; 3], target: Target, offset: i32) -> Op {
        match target {
            Target::InLine(to) => self.op(in_line, to.to_imm()),
            Target::InPage(to) => self.op(near, to.to_imm()),
            Target::Far => self.op(far, offset),
        }
    }

    /// An operation whose only effect is on `rd`: nothing, if that is `x0`.
    const fn computing<const LEN: usize>(self, run: Run, imm: i32) -> Op {
        let run = if self.rd() == Cpu::SINK { ops::nop::<LEN> } else { run };
        self.op(run, imm)
    }
}

fn decode<const LEN: usize>(word: u32, place: Place) -> Op {
    let fields = Fields(word);
    let run = match word & 0x7f {
        0x03 => return load::<LEN>(fields),
        0x07 => return float_load::<LEN>(fields),
        0x0f => return fence::<LEN>(fields),
        0x13 => return immediate::<LEN>(fields),
        0x17 => return fields.computing::<LEN>(ops::auipc::<LEN>, fields.imm_u()),
        0x1b => return immediate_word::<LEN>(fields),
        0x23 => return store::<LEN>(fields),
        0x27 => return float_store::<LEN>(fields),
        0x2f => atomic::<LEN>(fields),
        0x33 => register::<LEN>(fields),
        0x37 => return fields.computing::<LEN>(ops::li::<LEN>, fields.imm_u()),
        0x3b => register_word::<LEN>(fields),
        0x43 | 0x47 | 0x4b | 0x4f | 0x53 => return fields.whole(ops::float::<LEN>),
        0x63 => return branch::<LEN>(fields, place),
        0x67 if fields.funct3() == 0 => return fields.op(ops::jalr::<LEN>, fields.imm_i()),
        0x6f => return jal::<LEN>(fields, place),
        0x73 => return system::<LEN>(fields),
        _ => None,
    };
    match run {
        Some(run) => fields.op(run, 0),
        None => fields.illegal(),
    }
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
pub(crate) fn stays_in_line(word: u32, place: Place) -> bool {
    word & 0x7f != 0x63 || matches!(target(place, Fields(word).imm_b()), Target::InLine(_))
}

fn branch<const LEN: usize>(fields: Fields, place: Place) -> Op {
    let runs: [Run; 3] = match fields.funct3() {
        0 => [ops::beq::<LEN>, ops::beq_near::<LEN>, ops::beq_far::<LEN>],
        1 => [ops::bne::<LEN>, ops::bne_near::<LEN>, ops::bne_far::<LEN>],
        4 => [ops::blt::<LEN>, ops::blt_near::<LEN>, ops::blt_far::<LEN>],
        5 => [ops::bge::<LEN>, ops::bge_near::<LEN>, ops::bge_far::<LEN>],
        6 => [ops::bltu::<LEN>, ops::bltu_near::<LEN>, ops::bltu_far::<LEN>],
        7 => [ops::bgeu::<LEN>, ops::bgeu_near::<LEN>, ops::bgeu_far::<LEN>],
        _ => return fields.illegal(),
    };
    fields.leading_to(runs, target(place, fields.imm_b()), fields.imm_b())
}

fn jal<const LEN: usize>(fields: Fields, place: Place) -> Op {
    let runs: [Run; 3] = [ops::jal::<LEN>, ops::jal_near::<LEN>, ops::jal_far::<LEN>];
    fields.leading_to(runs, target(place, fields.imm_j()), fields.imm_j())
}

fn load<const LEN: usize>(fields: Fields) -> Op {
    // A load to x0 still may fault, so it runs and its value goes to the sink.
    let run: Run = match fields.funct3() {
        0 => ops::lb::<LEN>,
        1 => ops::lh::<LEN>,
        2 => ops::lw::<LEN>,
        3 => ops::ld::<LEN>,
        4 => ops::lbu::<LEN>,
        5 => ops::lhu::<LEN>,
        6 => ops::lwu::<LEN>,
        _ => return fields.illegal(),
    };
    fields.op(run, fields.imm_i())
}

fn store<const LEN: usize>(fields: Fields) -> Op {
    let run: Run = match fields.funct3() {
        0 => ops::sb::<LEN>,
        1 => ops::sh::<LEN>,
        2 => ops::sw::<LEN>,
        3 => ops::sd::<LEN>,
        _ => return fields.illegal(),
    };
    fields.op(run, fields.imm_s())
}

fn float_load<const LEN: usize>(fields: Fields) -> Op {
    let run: Run = match fields.funct3() {
        2 => ops::flw::<LEN>,
        3 => ops::fld::<LEN>,
        _ => return fields.illegal(),
    };
    // The destination is f0 to f31: there is no sink.
    Op { rd: (fields.0 >> 7 & 31) as u8, ..fields.op(run, fields.imm_i()) }
}

fn float_store<const LEN: usize>(fields: Fields) -> Op {
    match fields.funct3() {
        2 => fields.op(ops::fsw::<LEN>, fields.imm_s()),
        3 => fields.op(ops::fsd::<LEN>, fields.imm_s()),
        _ => fields.illegal(),
    }
}

fn immediate<const LEN: usize>(fields: Fields) -> Op {
    let imm = fields.imm_i();
    let run: Run = match fields.funct3() {
        0 if fields.rs1() == 0 => ops::li::<LEN>,
        0 if imm == 0 => ops::mv::<LEN>,
        0 => ops::addi::<LEN>,
        1 => match imm >> 6 {
            0x00 => ops::slli::<LEN>,
            0x0a => ops::bseti::<LEN>,
            0x12 => ops::bclri::<LEN>,
            0x1a => ops::binvi::<LEN>,
            _ => match imm {
                0x600 => ops::clz::<LEN>,
                0x601 => ops::ctz::<LEN>,
                0x602 => ops::cpop::<LEN>,
                0x604 => ops::sext_b::<LEN>,
                0x605 => ops::sext_h::<LEN>,
                _ => return fields.illegal(),
            },
        },
        2 => ops::slti::<LEN>,
        3 => ops::sltiu::<LEN>,
        4 => ops::xori::<LEN>,
        5 => match imm >> 6 {
            0x00 => ops::srli::<LEN>,
            0x10 => ops::srai::<LEN>,
            0x12 => ops::bexti::<LEN>,
            0x18 => ops::rori::<LEN>,
            _ => match imm {
                0x287 => ops::orc_b::<LEN>,
                0x6b8 => ops::rev8::<LEN>,
                _ => return fields.illegal(),
            },
        },
        6 => ops::ori::<LEN>,
        _ => ops::andi::<LEN>,
    };
    fields.computing::<LEN>(run, imm)
}

fn immediate_word<const LEN: usize>(fields: Fields) -> Op {
    let imm = fields.imm_i();
    let run: Run = match (fields.funct3(), fields.funct7()) {
        (0, _) if imm == 0 => ops::sext_w::<LEN>,
        (0, _) => ops::addiw::<LEN>,
        (1, 0x00) => ops::slliw::<LEN>,
        (1, 0x04 | 0x05) => ops::slli_uw::<LEN>,
        (1, 0x30) => match fields.rs2() {
            0 => ops::clzw::<LEN>,
            1 => ops::ctzw::<LEN>,
            2 => ops::cpopw::<LEN>,
            _ => return fields.illegal(),
        },
        (5, 0x00) => ops::srliw::<LEN>,
        (5, 0x20) => ops::sraiw::<LEN>,
        (5, 0x30) => ops::roriw::<LEN>,
        _ => return fields.illegal(),
    };
    fields.computing::<LEN>(run, imm)
}

fn register<const LEN: usize>(fields: Fields) -> Option<Run> {
    let run: Run = match (fields.funct7(), fields.funct3()) {
        (0x00, 0) => ops::add::<LEN>,
        (0x00, 1) => ops::sll::<LEN>,
        (0x00, 2) => ops::slt::<LEN>,
        (0x00, 3) => ops::sltu::<LEN>,
        (0x00, 4) => ops::xor::<LEN>,
        (0x00, 5) => ops::srl::<LEN>,
        (0x00, 6) => ops::or::<LEN>,
        (0x00, 7) => ops::and::<LEN>,
        (0x20, 0) => ops::sub::<LEN>,
        (0x20, 4) => ops::xnor::<LEN>,
        (0x20, 5) => ops::sra::<LEN>,
        (0x20, 6) => ops::orn::<LEN>,
        (0x20, 7) => ops::andn::<LEN>,
        (0x01, 0) => ops::mul::<LEN>,
        (0x01, 1) => ops::mulh::<LEN>,
        (0x01, 2) => ops::mulhsu::<LEN>,
        (0x01, 3) => ops::mulhu::<LEN>,
        (0x01, 4) => ops::div::<LEN>,
        (0x01, 5) => ops::divu::<LEN>,
        (0x01, 6) => ops::rem::<LEN>,
        (0x01, 7) => ops::remu::<LEN>,
        (0x05, 4) => ops::min::<LEN>,
        (0x05, 5) => ops::minu::<LEN>,
        (0x05, 6) => ops::max::<LEN>,
        (0x05, 7) => ops::maxu::<LEN>,
        (0x10, 2) => ops::sh1add::<LEN>,
        (0x10, 4) => ops::sh2add::<LEN>,
        (0x10, 6) => ops::sh3add::<LEN>,
        (0x14, 1) => ops::bset::<LEN>,
        (0x24, 1) => ops::bclr::<LEN>,
        (0x24, 5) => ops::bext::<LEN>,
        (0x30, 1) => ops::rol::<LEN>,
        (0x30, 5) => ops::ror::<LEN>,
        (0x34, 1) => ops::binv::<LEN>,
        _ => return None,
    };
    Some(if fields.rd() == Cpu::SINK { ops::nop::<LEN> } else { run })
}

fn register_word<const LEN: usize>(fields: Fields) -> Option<Run> {
    let run: Run = match (fields.funct7(), fields.funct3()) {
        (0x00, 0) => ops::addw::<LEN>,
        (0x00, 1) => ops::sllw::<LEN>,
        (0x00, 5) => ops::srlw::<LEN>,
        (0x20, 0) => ops::subw::<LEN>,
        (0x20, 5) => ops::sraw::<LEN>,
        (0x01, 0) => ops::mulw::<LEN>,
        (0x01, 4) => ops::divw::<LEN>,
        (0x01, 5) => ops::divuw::<LEN>,
        (0x01, 6) => ops::remw::<LEN>,
        (0x01, 7) => ops::remuw::<LEN>,
        (0x04, 0) if fields.rs2() == 0 => ops::zext_w::<LEN>,
        (0x04, 0) => ops::add_uw::<LEN>,
        (0x04, 4) if fields.rs2() == 0 => ops::zext_h::<LEN>,
        (0x10, 2) => ops::sh1add_uw::<LEN>,
        (0x10, 4) => ops::sh2add_uw::<LEN>,
        (0x10, 6) => ops::sh3add_uw::<LEN>,
        (0x30, 1) => ops::rolw::<LEN>,
        (0x30, 5) => ops::rorw::<LEN>,
        _ => return None,
    };
    Some(if fields.rd() == Cpu::SINK { ops::nop::<LEN> } else { run })
}

fn atomic<const LEN: usize>(fields: Fields) -> Option<Run> {
    Some(match (fields.funct7() >> 2, fields.funct3()) {
        (0x00, 2) => ops::amoadd_w::<LEN>,
        (0x00, 3) => ops::amoadd_d::<LEN>,
        (0x01, 2) => ops::amoswap_w::<LEN>,
        (0x01, 3) => ops::amoswap_d::<LEN>,
        (0x02, 2) if fields.rs2() == 0 => ops::lr_w::<LEN>,
        (0x02, 3) if fields.rs2() == 0 => ops::lr_d::<LEN>,
        (0x03, 2) => ops::sc_w::<LEN>,
        (0x03, 3) => ops::sc_d::<LEN>,
        (0x04, 2) => ops::amoxor_w::<LEN>,
        (0x04, 3) => ops::amoxor_d::<LEN>,
        (0x08, 2) => ops::amoor_w::<LEN>,
        (0x08, 3) => ops::amoor_d::<LEN>,
        (0x0c, 2) => ops::amoand_w::<LEN>,
        (0x0c, 3) => ops::amoand_d::<LEN>,
        (0x10, 2) => ops::amomin_w::<LEN>,
        (0x10, 3) => ops::amomin_d::<LEN>,
        (0x14, 2) => ops::amomax_w::<LEN>,
        (0x14, 3) => ops::amomax_d::<LEN>,
        (0x18, 2) => ops::amominu_w::<LEN>,
        (0x18, 3) => ops::amominu_d::<LEN>,
        (0x1c, 2) => ops::amomaxu_w::<LEN>,
        (0x1c, 3) => ops::amomaxu_d::<LEN>,
        _ => return None,
    })
}

fn fence<const LEN: usize>(fields: Fields) -> Op {
    /// `pause` is a `fence` that orders nothing (Zihintpause).
    const PAUSE: u32 = 0x0100_000f;
    match (fields.funct3(), fields.imm_i()) {
        (0, _) if fields.0 == PAUSE => fields.op(ops::pause::<LEN>, 0),
        (0, _) => fields.op(ops::fence::<LEN>, 0),
        (1, _) => fields.op(ops::fence_i::<LEN>, 0),
        (2, 4) if fields.rd() == Cpu::SINK => fields.whole(ops::cbo_zero::<LEN>),
        _ => fields.illegal(),
    }
}

fn csr<const LEN: usize>(fields: Fields) -> Op {
    fields.whole(match (fields.0 >> 20) as u16 {
        _ if fields.funct3() == 4 => ops::illegal,
        csr::SSTATUS => ops::known_csr::<LEN, { csr::SSTATUS }>,
        csr::SSCRATCH => ops::known_csr::<LEN, { csr::SSCRATCH }>,
        csr::SEPC => ops::known_csr::<LEN, { csr::SEPC }>,
        csr::SCAUSE => ops::known_csr::<LEN, { csr::SCAUSE }>,
        csr::STVAL => ops::known_csr::<LEN, { csr::STVAL }>,
        _ => ops::csr::<LEN>,
    })
}

fn system<const LEN: usize>(fields: Fields) -> Op {
    const ECALL: u32 = 0x0000_0073;
    const EBREAK: u32 = 0x0010_0073;
    const SRET: u32 = 0x1020_0073;
    const WFI: u32 = 0x1050_0073;
    const SFENCE_W_INVAL: u32 = 0x1800_0073;
    const SFENCE_INVAL_IR: u32 = 0x1810_0073;
    if fields.funct3() != 0 {
        return csr::<LEN>(fields);
    }
    match fields.0 {
        ECALL => fields.whole(ops::ecall::<LEN>),
        EBREAK => fields.whole(ops::ebreak),
        SRET => fields.whole(ops::sret),
        WFI => fields.whole(ops::wfi::<LEN>),
        SFENCE_W_INVAL | SFENCE_INVAL_IR => fields.whole(ops::sfence_order::<LEN>),
        // sfence.vma and sinval.vma
        _ if matches!(fields.funct7(), 0x09 | 0x0b) && fields.rd() == Cpu::SINK => {
            let aux = u8::from(fields.rs1() != 0) | u8::from(fields.rs2() != 0) << 1;
            Op { aux, ..fields.whole(ops::sfence_vma::<LEN>) }
        }
        _ => fields.illegal(),
    }
}
