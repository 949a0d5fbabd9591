//! The C extension: every compressed instruction stands for a full one.
//!
//! **Sources.** Volume I, "C" Standard Extension, tables of RVC instructions.

/// Bits `high..=low` of a halfword, moved to the bottom.
const fn bits(halfword: u32, high: u32, low: u32) -> u32 {
    halfword >> low & ((1 << (high - low + 1)) - 1)
}

/// Sign-extends the low `width` bits.
const fn sign(value: u32, width: u32) -> u32 {
    ((value << (32 - width)) as i32 >> (32 - width)) as u32
}

const fn i_type(opcode: u32, funct3: u32, rd: u32, rs1: u32, imm: u32) -> u32 {
    imm << 20 | rs1 << 15 | funct3 << 12 | rd << 7 | opcode
}

const fn s_type(opcode: u32, funct3: u32, rs1: u32, rs2: u32, imm: u32) -> u32 {
    imm >> 5 << 25 | rs2 << 20 | rs1 << 15 | funct3 << 12 | (imm & 31) << 7 | opcode
}

const fn r_type(opcode: u32, funct3: u32, funct7: u32, rd: u32, rs1: u32, rs2: u32) -> u32 {
    funct7 << 25 | rs2 << 20 | rs1 << 15 | funct3 << 12 | rd << 7 | opcode
}

const fn j_type(rd: u32, imm: u32) -> u32 {
    (imm >> 20 & 1) << 31
        | (imm >> 1 & 0x3ff) << 21
        | (imm >> 11 & 1) << 20
        | (imm >> 12 & 0xff) << 12
        | rd << 7
        | 0x6f
}

const fn b_type(funct3: u32, rs1: u32, imm: u32) -> u32 {
    (imm >> 12 & 1) << 31
        | (imm >> 5 & 0x3f) << 25
        | rs1 << 15
        | funct3 << 12
        | (imm >> 1 & 15) << 8
        | (imm >> 11 & 1) << 7
        | 0x63
}

const LOAD: u32 = 0x03;
const LOAD_FP: u32 = 0x07;
const OP_IMM: u32 = 0x13;
const OP_IMM_32: u32 = 0x1b;
const STORE: u32 = 0x23;
const STORE_FP: u32 = 0x27;
const OP: u32 = 0x33;
const LUI: u32 = 0x37;
const OP_32: u32 = 0x3b;
const JALR: u32 = 0x67;
const EBREAK: u32 = 0x0010_0073;

/// The full instruction, or `None` if the halfword is reserved or defined illegal.
pub(crate) fn expand(halfword: u16) -> Option<u32> {
    let c = u32::from(halfword);
    match c & 3 {
        0 => quadrant0(c),
        1 => quadrant1(c),
        _ => quadrant2(c),
    }
}

/// Loads and stores through the eight popular registers.
fn quadrant0(c: u32) -> Option<u32> {
    let (rd, rs1) = (8 + bits(c, 4, 2), 8 + bits(c, 9, 7));
    let word_offset = bits(c, 5, 5) << 6 | bits(c, 12, 10) << 3 | bits(c, 6, 6) << 2;
    let double_offset = bits(c, 6, 5) << 6 | bits(c, 12, 10) << 3;
    Some(match c >> 13 {
        0 => {
            let imm = bits(c, 10, 7) << 6 | bits(c, 12, 11) << 4 | bits(c, 5, 5) << 3 | bits(c, 6, 6) << 2;
            if imm == 0 {
                return None;
            }
            i_type(OP_IMM, 0, rd, 2, imm)
        }
        1 => i_type(LOAD_FP, 3, rd, rs1, double_offset),
        2 => i_type(LOAD, 2, rd, rs1, word_offset),
        3 => i_type(LOAD, 3, rd, rs1, double_offset),
        5 => s_type(STORE_FP, 3, rs1, rd, double_offset),
        6 => s_type(STORE, 2, rs1, rd, word_offset),
        7 => s_type(STORE, 3, rs1, rd, double_offset),
        _ => return None,
    })
}

/// Arithmetic and branches.
fn quadrant1(c: u32) -> Option<u32> {
    let rd = bits(c, 11, 7);
    let imm = sign(bits(c, 12, 12) << 5 | bits(c, 6, 2), 6);
    Some(match c >> 13 {
        0 => i_type(OP_IMM, 0, rd, rd, imm),
        1 if rd != 0 => i_type(OP_IMM_32, 0, rd, rd, imm),
        2 => i_type(OP_IMM, 0, rd, 0, imm),
        3 if imm == 0 => return None,
        3 if rd == 2 => {
            let imm = bits(c, 12, 12) << 9
                | bits(c, 4, 3) << 7
                | bits(c, 5, 5) << 6
                | bits(c, 2, 2) << 5
                | bits(c, 6, 6) << 4;
            i_type(OP_IMM, 0, 2, 2, sign(imm, 10))
        }
        3 => imm << 12 | rd << 7 | LUI,
        4 => return arithmetic(c),
        5 => {
            let imm = bits(c, 12, 12) << 11
                | bits(c, 8, 8) << 10
                | bits(c, 10, 9) << 8
                | bits(c, 6, 6) << 7
                | bits(c, 7, 7) << 6
                | bits(c, 2, 2) << 5
                | bits(c, 11, 11) << 4
                | bits(c, 5, 3) << 1;
            j_type(0, sign(imm, 12))
        }
        6 | 7 => {
            let imm = bits(c, 12, 12) << 8
                | bits(c, 6, 5) << 6
                | bits(c, 2, 2) << 5
                | bits(c, 11, 10) << 3
                | bits(c, 4, 3) << 1;
            b_type(c >> 13 & 1, 8 + bits(c, 9, 7), sign(imm, 9))
        }
        _ => return None,
    })
}

fn arithmetic(c: u32) -> Option<u32> {
    let (rd, rs2) = (8 + bits(c, 9, 7), 8 + bits(c, 4, 2));
    let shift = bits(c, 12, 12) << 5 | bits(c, 6, 2);
    Some(match bits(c, 11, 10) {
        0 => i_type(OP_IMM, 5, rd, rd, shift),
        1 => i_type(OP_IMM, 5, rd, rd, 0x400 | shift),
        2 => i_type(OP_IMM, 7, rd, rd, sign(shift, 6)),
        _ => match (bits(c, 12, 12), bits(c, 6, 5)) {
            (0, 0) => r_type(OP, 0, 0x20, rd, rd, rs2),
            (0, 1) => r_type(OP, 4, 0, rd, rd, rs2),
            (0, 2) => r_type(OP, 6, 0, rd, rd, rs2),
            (0, _) => r_type(OP, 7, 0, rd, rd, rs2),
            (_, 0) => r_type(OP_32, 0, 0x20, rd, rd, rs2),
            (_, 1) => r_type(OP_32, 0, 0, rd, rd, rs2),
            _ => return None,
        },
    })
}

/// Stack-relative loads and stores, moves and jumps through registers.
fn quadrant2(c: u32) -> Option<u32> {
    let (rd, rs2) = (bits(c, 11, 7), bits(c, 6, 2));
    let shift = bits(c, 12, 12) << 5 | rs2;
    let load_double = bits(c, 4, 2) << 6 | bits(c, 12, 12) << 5 | bits(c, 6, 5) << 3;
    let load_word = bits(c, 3, 2) << 6 | bits(c, 12, 12) << 5 | bits(c, 6, 4) << 2;
    let store_double = bits(c, 9, 7) << 6 | bits(c, 12, 10) << 3;
    let store_word = bits(c, 8, 7) << 6 | bits(c, 12, 9) << 2;
    Some(match c >> 13 {
        0 => i_type(OP_IMM, 1, rd, rd, shift),
        1 => i_type(LOAD_FP, 3, rd, 2, load_double),
        2 if rd != 0 => i_type(LOAD, 2, rd, 2, load_word),
        3 if rd != 0 => i_type(LOAD, 3, rd, 2, load_double),
        4 => match (bits(c, 12, 12), rd, rs2) {
            (0, 0, 0) => return None,
            (0, rs1, 0) => i_type(JALR, 0, 0, rs1, 0),
            // As an addition of the immediate 0: the decoder knows a move by that.
            (0, rd, rs2) => i_type(OP_IMM, 0, rd, rs2, 0),
            (_, 0, 0) => EBREAK,
            (_, rs1, 0) => i_type(JALR, 0, 1, rs1, 0),
            (_, rd, rs2) => r_type(OP, 0, 0, rd, rd, rs2),
        },
        5 => s_type(STORE_FP, 3, 2, rs2, store_double),
        6 => s_type(STORE, 2, 2, rs2, store_word),
        7 => s_type(STORE, 3, 2, rs2, store_double),
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::expand;

    #[test]
    fn well_known_encodings_expand() {
        // As an assembler prints them: compressed, full.
        for (halfword, word) in [
            (0x0001, 0x0000_0013), // nop
            (0x4505, 0x0010_0513), // li a0, 1
            (0x1141, 0xff01_0113), // addi sp, sp, -16
            (0xe406, 0x0011_3423), // sd ra, 8(sp)
            (0x60a2, 0x0081_3083), // ld ra, 8(sp)
            (0x8082, 0x0000_8067), // ret
            (0x9002, 0x0010_0073), // ebreak
            (0xbfc5, 0xff1f_f06f), // j .-16
            (0xfd6d, 0xfe05_1de3), // bnez a0, .-6
        ] {
            assert_eq!(expand(halfword), Some(word), "{halfword:#06x}");
        }
    }

    #[test]
    fn the_all_zero_halfword_is_illegal() {
        assert_eq!(expand(0), None);
    }
}
