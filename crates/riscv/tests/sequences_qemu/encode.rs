//! How full instructions are put together.

pub(crate) const fn i_type(opcode: u32, funct3: u32, rd: u32, rs1: u32, imm: u32) -> u32 {
    (imm & 0xfff) << 20 | rs1 << 15 | funct3 << 12 | rd << 7 | opcode
}

pub(crate) const fn r_type(opcode: u32, funct3: u32, funct7: u32, rd: u32, rs1: u32, rs2: u32) -> u32 {
    i_type(opcode, funct3, rd, rs1, funct7 << 5 | rs2)
}

pub(crate) const fn s_type(opcode: u32, funct3: u32, rs1: u32, rs2: u32, imm: u32) -> u32 {
    r_type(opcode, funct3, imm >> 5 & 0x7f, imm & 31, rs1, rs2)
}

pub(crate) const fn auipc(rd: u32) -> u32 {
    rd << 7 | 0x17
}

pub(crate) const fn branch(funct3: u32, rs1: u32, rs2: u32, d: u32) -> u32 {
    let (high, low) = ((d >> 12 & 1) << 6 | d >> 5 & 0x3f, d & 0x1e | d >> 11 & 1);
    r_type(0x63, funct3, high, low, rs1, rs2)
}

pub(crate) const fn jal(rd: u32, d: u32) -> u32 {
    (d >> 20 & 1) << 31 | (d >> 1 & 0x3ff) << 21 | (d >> 11 & 1) << 20 | d & 0xf_f000 | rd << 7 | 0x6f
}
