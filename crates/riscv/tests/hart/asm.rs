//! As much of an assembler as the tests need. Register numbers are plain numbers.

pub(crate) const ECALL: u32 = 0x0000_0073;
pub(crate) const EBREAK: u32 = 0x0010_0073;
pub(crate) const SRET: u32 = 0x1020_0073;
pub(crate) const WFI: u32 = 0x1050_0073;
pub(crate) const SFENCE_VMA: u32 = 0x1200_0073;
pub(crate) const FENCE: u32 = 0x0ff0_000f;
pub(crate) const FENCE_I: u32 = 0x0000_100f;
pub(crate) const PAUSE: u32 = 0x0100_000f;
pub(crate) const NOP: u32 = 0x0000_0013;

pub(crate) const FCSR: u32 = 0x003;
pub(crate) const SSTATUS: u32 = 0x100;
pub(crate) const SIE: u32 = 0x104;
pub(crate) const STVEC: u32 = 0x105;
pub(crate) const SCOUNTEREN: u32 = 0x106;
pub(crate) const SENVCFG: u32 = 0x10a;
pub(crate) const SSCRATCH: u32 = 0x140;
pub(crate) const SEPC: u32 = 0x141;
pub(crate) const SIP: u32 = 0x144;
pub(crate) const STIMECMP: u32 = 0x14d;
pub(crate) const SATP: u32 = 0x180;
pub(crate) const CYCLE: u32 = 0xc00;
pub(crate) const TIME: u32 = 0xc01;
pub(crate) const INSTRET: u32 = 0xc02;

const fn i_type(opcode: u32, funct3: u32, rd: u32, rs1: u32, imm: i32) -> u32 {
    (imm as u32 & 0xfff) << 20 | rs1 << 15 | funct3 << 12 | rd << 7 | opcode
}

pub(crate) const fn addi(rd: u32, rs1: u32, imm: i32) -> u32 {
    i_type(0x13, 0, rd, rs1, imm)
}

pub(crate) const fn andi(rd: u32, rs1: u32, imm: i32) -> u32 {
    i_type(0x13, 7, rd, rs1, imm)
}

pub(crate) const fn add(rd: u32, rs1: u32, rs2: u32) -> u32 {
    i_type(0x33, 0, rd, rs1, rs2 as i32)
}

/// A load of `1 << (width & 3)` bytes; `width` 4 to 6 do not extend the sign.
pub(crate) const fn load(width: u32, rd: u32, rs1: u32, imm: i32) -> u32 {
    i_type(0x03, width, rd, rs1, imm)
}

pub(crate) const fn store(width: u32, rs2: u32, rs1: u32, imm: i32) -> u32 {
    let imm = imm as u32;
    (imm >> 5 & 0x7f) << 25 | rs2 << 20 | rs1 << 15 | width << 12 | (imm & 31) << 7 | 0x23
}

pub(crate) const fn fld(rd: u32, rs1: u32, imm: i32) -> u32 {
    i_type(0x07, 3, rd, rs1, imm)
}

pub(crate) const fn jalr(rd: u32, rs1: u32) -> u32 {
    i_type(0x67, 0, rd, rs1, 0)
}

pub(crate) const fn jal(rd: u32, distance: i32) -> u32 {
    let d = distance as u32;
    (d >> 20 & 1) << 31 | (d >> 1 & 0x3ff) << 21 | (d >> 11 & 1) << 20 | d & 0xf_f000 | rd << 7 | 0x6f
}

pub(crate) const fn bne(rs1: u32, rs2: u32, distance: i32) -> u32 {
    let d = distance as u32;
    (d >> 12 & 1) << 31
        | (d >> 5 & 0x3f) << 25
        | rs2 << 20
        | rs1 << 15
        | 1 << 12
        | (d >> 1 & 15) << 8
        | (d >> 11 & 1) << 7
        | 0x63
}

pub(crate) const fn csrrw(rd: u32, csr: u32, rs1: u32) -> u32 {
    csr << 20 | rs1 << 15 | 1 << 12 | rd << 7 | 0x73
}

pub(crate) const fn csrrs(rd: u32, csr: u32, rs1: u32) -> u32 {
    csr << 20 | rs1 << 15 | 2 << 12 | rd << 7 | 0x73
}

pub(crate) const fn csrrc(rd: u32, csr: u32, rs1: u32) -> u32 {
    csr << 20 | rs1 << 15 | 3 << 12 | rd << 7 | 0x73
}

const fn u_type(opcode: u32, rd: u32, high: i32) -> u32 {
    (high as u32) << 12 | rd << 7 | opcode
}

pub(crate) const fn lui(rd: u32, high: i32) -> u32 {
    u_type(0x37, rd, high)
}

pub(crate) const fn auipc(rd: u32, high: i32) -> u32 {
    u_type(0x17, rd, high)
}

pub(crate) const fn addiw(rd: u32, rs1: u32, imm: i32) -> u32 {
    i_type(0x1b, 0, rd, rs1, imm)
}

/// `jalr` to `imm` behind `rs1`.
pub(crate) const fn jalr_by(rd: u32, rs1: u32, imm: i32) -> u32 {
    i_type(0x67, 0, rd, rs1, imm)
}

const fn atomic(funct5: u32, width: u32, rd: u32, rs1: u32, rs2: u32) -> u32 {
    funct5 << 27 | 3 << 25 | rs2 << 20 | rs1 << 15 | width << 12 | rd << 7 | 0x2f
}

pub(crate) const fn lr_d(rd: u32, rs1: u32) -> u32 {
    atomic(2, 3, rd, rs1, 0)
}

pub(crate) const fn sc_d(rd: u32, rs1: u32, rs2: u32) -> u32 {
    atomic(3, 3, rd, rs1, rs2)
}

pub(crate) const fn sc_w(rd: u32, rs1: u32, rs2: u32) -> u32 {
    atomic(3, 2, rd, rs1, rs2)
}

pub(crate) const fn amoadd_d(rd: u32, rs1: u32, rs2: u32) -> u32 {
    atomic(0, 3, rd, rs1, rs2)
}

pub(crate) const fn cbo_zero(rs1: u32) -> u32 {
    4 << 20 | rs1 << 15 | 2 << 12 | 0x0f
}
