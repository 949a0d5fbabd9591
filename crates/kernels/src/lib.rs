//! Guests for tests: kernels of a few instructions, for who needs hardly anything of one, and Debian's.
//!
//! **Sources.** Linux `Documentation/arch/riscv/boot-image-header.rst`; the RISC-V Instruction Set Manual,
//! Volume II, "wfi"; the Supervisor Binary Interface Specification, "SRST".

#![forbid(unsafe_code)]

mod debian;

pub use debian::{bootable_debian, debian, skipped};

/// `wfi`, and a jump back to it: waits for ever.
pub const WAIT: [u32; 2] = [0x1050_0073, 0xffdf_f06f];

/// Asks the firmware for a system reset (SBI SRST): `kind` 0 shuts down, 1 and 2 reboot; `reason` 1 is a failure.
#[must_use]
pub const fn reset(kind: u32, reason: u32) -> [u32; 6] {
    const SRST: u32 = 0x5352_5354;
    const ECALL: u32 = 0x0000_0073;
    const A0: u32 = 10;
    const A1: u32 = 11;
    const A6: u32 = 16;
    const A7: u32 = 17;
    let upper = SRST & 0xffff_f000 | A7 << 7 | 0x37;
    let lower = (SRST & 0xfff) << 20 | A7 << 15 | A7 << 7 | 0x13;
    [upper, lower, load(A6, 0), load(A0, kind), load(A1, reason), ECALL]
}

/// `li register, value` for 12 bits.
const fn load(register: u32, value: u32) -> u32 {
    value << 20 | register << 7 | 0x13
}

/// Bytes of an image, whatever it runs.
const SIZE: usize = 4096;

/// A kernel image that runs `program`.
///
/// # Panics
/// If the program is longer than a page less the header.
#[must_use]
pub fn image(program: &[u32]) -> Vec<u8> {
    const HEADER: usize = 64;
    const JUMP_OVER_HEADER: u32 = 0x0400_006f;
    const TEXT_OFFSET: u64 = 2 << 20;
    assert!(program.len() * 4 <= SIZE - HEADER, "a program of {} instructions", program.len());
    let mut image = vec![0; SIZE];
    image[..4].copy_from_slice(&JUMP_OVER_HEADER.to_le_bytes());
    image[8..16].copy_from_slice(&TEXT_OFFSET.to_le_bytes());
    image[16..24].copy_from_slice(&(SIZE as u64).to_le_bytes());
    image[56..60].copy_from_slice(b"RSC\x05");
    for (place, instruction) in image[HEADER..].chunks_exact_mut(4).zip(program) {
        place.copy_from_slice(&instruction.to_le_bytes());
    }
    image
}

/// A kernel that writes to each page of the 32 MiB from 16 MiB on, each time something else, again and again for ever.
#[must_use]
pub fn writing() -> Vec<u8> {
    image(&[
        0x0010_0293, // addi t0, zero, 1
        0x01f2_9293, // slli t0, t0, 31     where memory begins
        0x0100_0337, // lui  t1, 0x1000     16 MiB
        0x0062_82b3, // add  t0, t0, t1
        0x0000_1337, // lui  t1, 1          a page
        0x0200_0e37, // lui  t3, 0x2000     32 MiB
        0xfffe_0e13, // addi t3, t3, -1
        0x0000_0393, // addi t2, zero, 0
        0x01c3_f3b3, // and  t2, t2, t3     and here again
        0x0072_8eb3, // add  t4, t0, t2
        0x001f_0f13, // addi t5, t5, 1
        0x01ee_b023, // sd   t5, 0(t4)
        0x0063_83b3, // add  t2, t2, t1
        0xfedf_f06f, // j    -20
    ])
}

/// A kernel that counts in memory, some hundred times a second for ever, and sleeps in between. If it does not find there what it wrote last, it
/// shuts itself down.
#[must_use]
pub fn counting() -> Vec<u8> {
    let count = [
        0x0200_0293, // addi t0, zero, 32
        0x1042_9073, // csrw sie, t0        its timer wakes it
        0x0010_0e93, // addi t4, zero, 1
        0x01fe_9e93, // slli t4, t4, 31     where memory begins
        0x0100_0337, // lui  t1, 0x1000     16 MiB
        0x006e_8eb3, // add  t4, t4, t1
        0xc010_22f3, // rdtime t0           and here again
        0x0001_8337, // lui  t1, 0x18       10 ms
        0x0062_82b3, // add  t0, t0, t1
        0x14d2_9073, // csrw stimecmp, t0
        0x1050_0073, // wfi
        0x000e_bf03, // ld   t5, 0(t4)
        0x007f_1863, // bne  t5, t2, 16
        0x0013_8393, // addi t2, t2, 1
        0x007e_b023, // sd   t2, 0(t4)
        0xfddf_f06f, // j    -36
    ];
    image(&[&count[..], &reset(0, 1)].concat())
}

/// A kernel that waits for ever.
#[must_use]
pub fn waiting() -> Vec<u8> {
    image(&WAIT)
}

/// A kernel that waits for a byte on its serial port and then asks for a reset, again and again: bit 0 is the kind, the others are the
/// reason, as for [`reset`].
#[must_use]
pub fn obeying() -> Vec<u8> {
    let [upper, lower, function, _, _, ecall] = reset(0, 0);
    image(&[
        0x1000_02b7, // lui  t0, 0x10000    the serial port
        0x0052_c303, // lbu  t1, 5(t0)      and here again
        0x0013_7313, // andi t1, t1, 1
        0xfe03_0ce3, // beqz t1, -8
        0x0002_c383, // lbu  t2, 0(t0)
        0x0013_f513, // andi a0, t2, 1
        0x0013_d593, // srli a1, t2, 1
        upper,
        lower,
        function,
        ecall,
        0xfd9f_f06f, // j    -40
    ])
}
