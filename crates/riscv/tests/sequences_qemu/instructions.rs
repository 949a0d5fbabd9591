//! Random instructions that go on behind themselves, a function for each kind.

use crate::encode::{i_type, r_type, s_type};
use crate::generate::Unit;
use crate::operands::{POINTERS, Random};

/// RV64IM on registers.
pub(crate) fn integer(random: &mut Random) -> u32 {
    let (rd, rs1, rs2) = (random.destination(), random.source(), random.source());
    let funct3 = random.bits(3);
    let shift = matches!(funct3, 1 | 5);
    match random.below(5) {
        0 if shift => i_type(0x13, funct3, rd, rs1, random.bits(6) | alternate(random, funct3) << 5),
        0 => i_type(0x13, funct3, rd, rs1, random.bits(12)),
        1 if shift => i_type(0x1b, funct3, rd, rs1, random.bits(5) | alternate(random, funct3) << 5),
        1 => i_type(0x1b, 0, rd, rs1, random.bits(12)),
        2 => {
            let funct7 = if matches!(funct3, 0 | 5) { random.bits(1) << 5 } else { 0 };
            r_type(0x33, funct3, funct7, rd, rs1, rs2)
        }
        3 => r_type(0x33, funct3, 1, rd, rs1, rs2),
        _ => {
            let (funct7, funct3) = random.one_of(&[
                (0, 0),
                (0x20, 0),
                (0, 1),
                (0, 5),
                (0x20, 5),
                (1, 0),
                (1, 4),
                (1, 5),
                (1, 6),
                (1, 7),
            ]);
            r_type(0x3b, funct3, funct7, rd, rs1, rs2)
        }
    }
}

/// The `funct7` that makes a right shift arithmetic, perhaps.
pub(crate) fn alternate(random: &mut Random, funct3: u32) -> u32 {
    if funct3 == 5 { random.bits(1) << 5 } else { 0 }
}

/// Opcode, `funct3` and `funct7` of what takes two registers.
const REGISTERS: [(u32, u32, u32); 25] = [
    (0x33, 1, 0x05),
    (0x33, 2, 0x05),
    (0x33, 3, 0x05),
    (0x33, 2, 0x10),
    (0x33, 4, 0x10),
    (0x33, 6, 0x10),
    (0x3b, 0, 0x04),
    (0x3b, 2, 0x10),
    (0x3b, 4, 0x10),
    (0x3b, 6, 0x10),
    (0x33, 7, 0x20),
    (0x33, 6, 0x20),
    (0x33, 4, 0x20),
    (0x33, 4, 0x05),
    (0x33, 5, 0x05),
    (0x33, 6, 0x05),
    (0x33, 7, 0x05),
    (0x33, 1, 0x30),
    (0x33, 5, 0x30),
    (0x3b, 1, 0x30),
    (0x3b, 5, 0x30),
    (0x33, 1, 0x24),
    (0x33, 5, 0x24),
    (0x33, 1, 0x34),
    (0x33, 1, 0x14),
];
/// Opcode, `funct3` and immediate of what takes one. Without ctzw: QEMU 7.2 counts on into the upper half, so it is tested by itself.
const UNARY: [(u32, u32, u32); 10] = [
    (0x13, 1, 0x600),
    (0x13, 1, 0x601),
    (0x13, 1, 0x602),
    (0x13, 1, 0x604),
    (0x13, 1, 0x605),
    (0x1b, 1, 0x600),
    (0x1b, 1, 0x602),
    (0x3b, 4, 0x080),
    (0x13, 5, 0x6b8),
    (0x13, 5, 0x287),
];
/// `funct3` and immediate of what takes six bits.
const SHIFTS: [(u32, u32); 5] = [(1, 0x480), (5, 0x480), (1, 0x680), (1, 0x280), (5, 0x600)];

/// Zba, Zbb and Zbs.
pub(crate) fn bits(random: &mut Random) -> u32 {
    let (rd, rs1, rs2) = (random.destination(), random.source(), random.source());
    match random.below(3) {
        0 => {
            let (opcode, funct3, imm) = random.one_of(&UNARY);
            i_type(opcode, funct3, rd, rs1, imm)
        }
        1 => match random.below(7) {
            0 => i_type(0x1b, 5, rd, rs1, 0x600 | random.bits(5)),
            1 => i_type(0x1b, 1, rd, rs1, 0x080 | random.bits(6)),
            _ => {
                let (funct3, imm) = random.one_of(&SHIFTS);
                i_type(0x13, funct3, rd, rs1, imm | random.bits(6))
            }
        },
        _ => {
            let (opcode, funct3, funct7) = random.one_of(&REGISTERS);
            r_type(opcode, funct3, funct7, rd, rs1, rs2)
        }
    }
}

pub(crate) fn memory(random: &mut Random) -> u32 {
    let funct3 = random.bits(3) % 7;
    if random.bits(1) == 0 {
        let (rs1, imm) = random.place(1 << (funct3 & 3));
        return i_type(0x03, funct3, random.destination(), rs1, imm);
    }
    let size = funct3 & 3;
    let (rs1, imm) = random.place(1 << size);
    s_type(0x23, size, rs1, random.source(), imm)
}

pub(crate) fn float_memory(random: &mut Random) -> u32 {
    let (funct3, register) = (2 + random.bits(1), random.bits(5));
    let (rs1, imm) = random.place(1 << funct3);
    if random.bits(1) == 0 {
        return i_type(0x07, funct3, register, rs1, imm);
    }
    s_type(0x27, funct3, rs1, register, imm)
}

pub(crate) fn float(random: &mut Random) -> u32 {
    let rm = random.one_of(&[0, 1, 2, 3, 4, 7, 7, 7]);
    let format = random.bits(1);
    let (rs1, rs2) = (random.source(), random.source());
    let float_rd = random.bits(5);
    let operation =
        |funct5: u32, rm: u32, rd: u32, rs2: u32| r_type(0x53, rm, funct5 << 2 | format, rd, rs1, rs2);
    match random.below(9) {
        0 => operation(random.bits(2), rm, float_rd, rs2),
        1 => operation(0x0b, rm, float_rd, 0),
        2 => operation(0x04, random.bits(2) % 3, float_rd, rs2),
        3 => operation(0x05, random.bits(1), float_rd, rs2),
        4 => operation(0x08, rm, float_rd, 1 - format),
        5 => operation(0x14, random.bits(2) % 3, random.destination(), rs2),
        6 => operation(0x18, rm, random.destination(), random.bits(2)),
        7 => match random.below(4) {
            0 => operation(0x1c, random.bits(1), random.destination(), 0),
            1 => operation(0x1e, 0, float_rd, 0),
            _ => operation(0x1a, rm, float_rd, random.bits(2)),
        },
        _ => {
            let opcode = random.one_of(&[0x43, 0x47, 0x4b, 0x4f]);
            r_type(opcode, rm, random.bits(5) << 2 | format, float_rd, rs1, rs2)
        }
    }
}

/// An AMO through a pointer as it is.
pub(crate) fn atomic(random: &mut Random) -> u32 {
    let funct5 = random.one_of(&[0x00, 0x01, 0x04, 0x08, 0x0c, 0x10, 0x14, 0x18, 0x1c]);
    let (pointer, _) = random.one_of(&POINTERS);
    let order = random.bits(2);
    r_type(0x2f, 2 + random.bits(1), funct5 << 2 | order, random.destination(), pointer, random.source())
}

/// `lr`, something between, and `sc` of the same size, not always to the same address.
pub(crate) fn reservation(random: &mut Random) -> Unit {
    let size = 2 + random.bits(1);
    let (pointer, _) = random.one_of(&POINTERS);
    let other = if random.below(4) == 0 { random.one_of(&POINTERS).0 } else { pointer };
    let between = match random.below(3) {
        0 => memory(random),
        1 => atomic(random),
        _ => integer(random),
    };
    let words = [
        r_type(0x2f, size, 0x02 << 2 | random.bits(2), random.destination(), pointer, 0),
        between,
        r_type(0x2f, size, 0x03 << 2 | random.bits(2), random.destination(), other, random.source()),
    ];
    Unit::Plain(words.into_iter().flat_map(u32::to_le_bytes).collect())
}

/// Fences and the floating-point CSRs. `frm` gets a defined value, or most of the program would
/// not run.
pub(crate) fn control(random: &mut Random) -> u32 {
    const FFLAGS: u32 = 1;
    const FRM: u32 = 2;
    const FCSR: u32 = 3;
    let rd = random.destination();
    match random.below(7) {
        0 => i_type(0x0f, 0, 0, 0, random.bits(8)),
        1 => 0x0000_100f,
        2 => 0x0100_000f,
        3 => i_type(0x73, 5, rd, random.below(5) as u32, FRM),
        4 => i_type(0x73, random.one_of(&[1, 2, 3, 5, 6, 7]), rd, random.source(), FFLAGS),
        // Sets and clears nothing in `frm` with its upper bits.
        5 => i_type(0x73, random.one_of(&[6, 7]), rd, random.source(), FCSR),
        _ => i_type(0x73, 2, rd, 0, random.one_of(&[FRM, FCSR])),
    }
}

/// A compressed instruction without jumps. All of them are tested one by one elsewhere; this mixes
/// their length in.
pub(crate) fn compressed(random: &mut Random) -> u16 {
    let (rd, popular) = (random.destination().max(1), random.popular_destination() - 8);
    let (imm, five) = (random.bits(6), random.bits(5));
    let wide = (imm >> 5) << 12 | (imm & 31) << 2;
    let encoding = match random.below(12) {
        0 => 0x0001 | rd << 7 | wide,
        1 => 0x2001 | rd << 7 | wide,
        2 => 0x4001 | rd << 7 | wide,
        // Zero is reserved.
        3 => 0x6001 | rd << 7 | (imm >> 5) << 12 | (five | 1) << 2,
        4 => 0x8001 | (random.bits(2) % 3) << 10 | popular << 7 | wide,
        5 => 0x8c01 | popular << 7 | random.bits(2) << 5 | random.bits(3) << 2,
        6 => 0x9c01 | popular << 7 | random.bits(1) << 5 | random.bits(3) << 2,
        7 => 0x0002 | rd << 7 | wide,
        8 => 0x8002 | random.bits(1) << 12 | rd << 7 | five.max(1) << 2,
        // Through s0 and s1, both in reach of the scratch memory's end.
        9 => {
            random.one_of(&[0x2000, 0x4000, 0x6000])
                | random.bits(6) << 7 & 0x1c00
                | random.bits(1) << 7
                | popular << 2
        }
        10 => {
            random.one_of(&[0xa000, 0xc000, 0xe000])
                | random.bits(6) << 7 & 0x1c00
                | random.bits(1) << 7
                | popular << 2
        }
        _ => random.one_of(&[0x2002, 0x4002, 0x6002]) | rd << 7 | wide,
    };
    encoding as u16
}

/// A word of one of the opcodes. Accesses are through a pointer or `x0`, around which nothing is: other
/// addresses may be the emulator's own. No width of vectors: QEMU 7.2 runs some of their accesses even
/// where it has none.
pub(crate) fn anything(random: &mut Random) -> Vec<u8> {
    const ACCESSES: [u32; 5] = [0x03, 0x07, 0x23, 0x27, 0x2f];
    const OTHERS: [u32; 9] = [0x13, 0x1b, 0x33, 0x3b, 0x43, 0x47, 0x4b, 0x4f, 0x53];
    let word = random.next() as u32 & !0x7f;
    let word = if random.bits(1) == 0 {
        let (pointer, _) = random.one_of(&POINTERS);
        let opcode = random.one_of(&ACCESSES);
        // An `sc` that has no reservation anyway may fault or not.
        let rs1 = if opcode == 0x2f { pointer } else { random.one_of(&[0, pointer]) };
        let funct3 = if matches!(opcode, 0x07 | 0x27) { 1 + random.bits(2) } else { random.bits(3) };
        word & !(31 << 15 | 7 << 12) | rs1 << 15 | funct3 << 12 | opcode
    } else {
        word | random.one_of(&OTHERS)
    };
    word.to_le_bytes().to_vec()
}
