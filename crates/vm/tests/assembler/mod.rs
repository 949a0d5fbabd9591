//! Just enough of an assembler to write guests that no compiler would.
//!
//! **Sources.** The RISC-V Instruction Set Manual, Volume I, "RV32/64G Instruction Set Listings".

#![allow(dead_code, reason = "a vocabulary, not all of which is in use at any time")]

use vm::boot::KernelImage;

/// An integer register.
pub(crate) type Reg = u32;
pub(crate) const ZERO: Reg = 0;
pub(crate) const RA: Reg = 1;
pub(crate) const SP: Reg = 2;
pub(crate) const T0: Reg = 5;
pub(crate) const T1: Reg = 6;
pub(crate) const T2: Reg = 7;
pub(crate) const S0: Reg = 8;
pub(crate) const S1: Reg = 9;
pub(crate) const A0: Reg = 10;
pub(crate) const A1: Reg = 11;
pub(crate) const A2: Reg = 12;
pub(crate) const A3: Reg = 13;
pub(crate) const A4: Reg = 14;
pub(crate) const A5: Reg = 15;
pub(crate) const A6: Reg = 16;
pub(crate) const A7: Reg = 17;
pub(crate) const S2: Reg = 18;
pub(crate) const S3: Reg = 19;
pub(crate) const S4: Reg = 20;
/// Where [`Assembler::skip_faults`] returns to from where nothing can be executed.
pub(crate) const SAFE: Reg = 25;
/// The state of [`Assembler::random`].
const STATE: Reg = 26;
/// Taken by [`Assembler::skip_faults`] and [`Assembler::random`].
const SCRATCH: [Reg; 2] = [30, 31];

pub(crate) const SSTATUS: u32 = 0x100;
pub(crate) const SIE: u32 = 0x104;
pub(crate) const STVEC: u32 = 0x105;
pub(crate) const SEPC: u32 = 0x141;
pub(crate) const SCAUSE: u32 = 0x142;
pub(crate) const SIP: u32 = 0x144;
pub(crate) const STIMECMP: u32 = 0x14d;
pub(crate) const SATP: u32 = 0x180;
pub(crate) const TIME_CSR: u32 = 0xc01;

/// Where memory begins, and with it the image.
pub(crate) const RAM: u64 = 0x8000_0000;
/// Where the code begins: behind a page of headers.
const CODE: u64 = RAM + 4096;

/// A program being written. Every instruction takes four bytes.
#[derive(Default)]
pub(crate) struct Assembler {
    words: Vec<u32>,
}

/// A place in the program.
#[derive(Clone, Copy)]
pub(crate) struct Label(usize);

impl Label {
    /// Where it is once the program is loaded.
    pub(crate) fn address(self) -> u64 {
        CODE + 4 * self.0 as u64
    }
}

/// A branch or jump whose target is not known yet.
#[derive(Clone, Copy)]
#[must_use]
pub(crate) struct Forward(usize);

fn bits(value: i64, high: u32, low: u32) -> u32 {
    (value >> low) as u32 & ((1 << (high - low + 1)) - 1)
}

fn branch_offset(offset: i64) -> u32 {
    assert!((-4096..4096).contains(&offset), "a branch over {offset} bytes");
    bits(offset, 12, 12) << 31
        | bits(offset, 10, 5) << 25
        | bits(offset, 4, 1) << 8
        | bits(offset, 11, 11) << 7
}

fn jump_offset(offset: i64) -> u32 {
    assert!((-0x10_0000..0x10_0000).contains(&offset), "a jump over {offset} bytes");
    bits(offset, 20, 20) << 31
        | bits(offset, 10, 1) << 21
        | bits(offset, 11, 11) << 20
        | bits(offset, 19, 12) << 12
}

impl Assembler {
    pub(crate) fn emit(&mut self, word: u32) {
        self.words.push(word);
    }

    fn immediate(&mut self, base: u32, rd: Reg, rs1: Reg, immediate: i64) {
        assert!((-2048..2048).contains(&immediate), "an immediate of {immediate}");
        self.emit(bits(immediate, 11, 0) << 20 | rs1 << 15 | rd << 7 | base);
    }

    pub(crate) fn here(&self) -> Label {
        Label(self.words.len())
    }

    fn offset_to(&self, label: Label) -> i64 {
        (label.0 as i64 - self.words.len() as i64) * 4
    }

    pub(crate) fn addi(&mut self, rd: Reg, rs1: Reg, immediate: i64) {
        self.immediate(0x13, rd, rs1, immediate);
    }

    pub(crate) fn mv(&mut self, rd: Reg, rs1: Reg) {
        self.addi(rd, rs1, 0);
    }

    pub(crate) fn andi(&mut self, rd: Reg, rs1: Reg, immediate: i64) {
        self.immediate(0x7013, rd, rs1, immediate);
    }

    pub(crate) fn ori(&mut self, rd: Reg, rs1: Reg, immediate: i64) {
        self.immediate(0x6013, rd, rs1, immediate);
    }

    pub(crate) fn slli(&mut self, rd: Reg, rs1: Reg, by: u32) {
        self.emit(by << 20 | rs1 << 15 | 0x1013 | rd << 7);
    }

    pub(crate) fn srai(&mut self, rd: Reg, rs1: Reg, by: u32) {
        self.emit(1 << 30 | by << 20 | rs1 << 15 | 0x5013 | rd << 7);
    }

    pub(crate) fn srli(&mut self, rd: Reg, rs1: Reg, by: u32) {
        self.emit(by << 20 | rs1 << 15 | 0x5013 | rd << 7);
    }

    fn register(&mut self, base: u32, rd: Reg, rs1: Reg, rs2: Reg) {
        self.emit(base | rs2 << 20 | rs1 << 15 | rd << 7);
    }

    pub(crate) fn add(&mut self, rd: Reg, rs1: Reg, rs2: Reg) {
        self.register(0x33, rd, rs1, rs2);
    }

    pub(crate) fn xor(&mut self, rd: Reg, rs1: Reg, rs2: Reg) {
        self.register(0x4033, rd, rs1, rs2);
    }

    pub(crate) fn and(&mut self, rd: Reg, rs1: Reg, rs2: Reg) {
        self.register(0x7033, rd, rs1, rs2);
    }

    pub(crate) fn remu(&mut self, rd: Reg, rs1: Reg, rs2: Reg) {
        self.register(0x0200_7033, rd, rs1, rs2);
    }

    pub(crate) fn amoadd_d(&mut self, rd: Reg, rs1: Reg, rs2: Reg) {
        self.register(0x302f, rd, rs1, rs2);
    }

    /// How many instructions [`Assembler::li`] makes of a constant that is not small.
    pub(crate) const LI_LENGTH: u64 = 11;

    /// Any 64-bit constant, eleven bits at a time.
    pub(crate) fn li(&mut self, rd: Reg, value: u64) {
        if value < 2048 {
            self.addi(rd, ZERO, value as i64);
            return;
        }
        self.addi(rd, ZERO, (value >> 55) as i64);
        for shift in [44, 33, 22, 11, 0] {
            self.slli(rd, rd, 11);
            self.ori(rd, rd, (value >> shift) as i64 & 0x7ff);
        }
    }

    /// Loads 2ⁿ bytes.
    pub(crate) fn load(&mut self, n: u32, rd: Reg, rs1: Reg, offset: i64) {
        self.immediate(n << 12 | 0x03, rd, rs1, offset);
    }

    /// Stores 2ⁿ bytes.
    pub(crate) fn store(&mut self, n: u32, rs2: Reg, rs1: Reg, offset: i64) {
        let offset = bits(offset, 11, 5) << 25 | bits(offset, 4, 0) << 7;
        self.emit(offset | rs2 << 20 | rs1 << 15 | n << 12 | 0x23);
    }

    pub(crate) fn bne(&mut self, rs1: Reg, rs2: Reg, to: Label) {
        let offset = branch_offset(self.offset_to(to));
        self.emit(offset | rs2 << 20 | rs1 << 15 | 0x1063);
    }

    pub(crate) fn bnez(&mut self, rs1: Reg, to: Label) {
        self.bne(rs1, ZERO, to);
    }

    pub(crate) fn jump(&mut self, to: Label) {
        let offset = jump_offset(self.offset_to(to));
        self.emit(offset | 0x6f);
    }

    /// Branches ahead if equal.
    pub(crate) fn beq_ahead(&mut self, rs1: Reg, rs2: Reg) -> Forward {
        self.emit(rs2 << 20 | rs1 << 15 | 0x63);
        Forward(self.words.len() - 1)
    }

    pub(crate) fn jump_ahead(&mut self) -> Forward {
        self.emit(0x6f);
        Forward(self.words.len() - 1)
    }

    /// Lets a branch or jump ahead arrive here.
    pub(crate) fn land(&mut self, from: Forward) {
        let offset = (self.words.len() - from.0) as i64 * 4;
        let is_jump = self.words[from.0] & 0x7f == 0x6f;
        self.words[from.0] |= if is_jump { jump_offset(offset) } else { branch_offset(offset) };
    }

    /// Jumps to the address in a register, leaving the way back in `rd`.
    pub(crate) fn jalr(&mut self, rd: Reg, rs1: Reg) {
        self.immediate(0x67, rd, rs1, 0);
    }

    pub(crate) fn csrw(&mut self, csr: u32, rs1: Reg) {
        self.emit(csr << 20 | rs1 << 15 | 0x1073);
    }

    pub(crate) fn csrr(&mut self, rd: Reg, csr: u32) {
        self.emit(csr << 20 | 0x2073 | rd << 7);
    }

    pub(crate) fn ecall(&mut self) {
        self.emit(0x73);
    }

    pub(crate) fn sret(&mut self) {
        self.emit(0x1020_0073);
    }

    pub(crate) fn wfi(&mut self) {
        self.emit(0x1050_0073);
    }

    pub(crate) fn pause(&mut self) {
        self.emit(0x0100_000f);
    }

    pub(crate) fn fence_i(&mut self) {
        self.emit(0x100f);
    }

    pub(crate) fn sfence_vma(&mut self, gva: Reg, asid: Reg) {
        self.emit(0x1200_0073 | asid << 20 | gva << 15);
    }

    /// An SBI call; the arguments are in their registers.
    pub(crate) fn sbi(&mut self, extension: u64, function: u64) {
        self.li(A7, extension);
        self.li(A6, function);
        self.ecall();
    }

    /// Powers the machine off.
    pub(crate) fn power_off(&mut self) {
        self.li(A0, 0);
        self.li(A1, 0);
        self.sbi(0x5352_5354, 0);
    }

    pub(crate) fn seed(&mut self, seed: u64) {
        self.li(STATE, seed | 1);
    }

    /// Puts the next of Marsaglia's xorshift numbers into `rd`.
    pub(crate) fn random(&mut self, rd: Reg) {
        let scratch = SCRATCH[0];
        self.slli(scratch, STATE, 13);
        self.xor(STATE, STATE, scratch);
        self.srli(scratch, STATE, 7);
        self.xor(STATE, STATE, scratch);
        self.slli(scratch, STATE, 17);
        self.xor(STATE, STATE, scratch);
        self.mv(rd, STATE);
    }

    /// Has every exception skip its instruction; where that cannot be fetched or is none, go on at
    /// the address in [`SAFE`], in supervisor mode.
    pub(crate) fn skip_faults(&mut self) {
        let [cause, scratch] = SCRATCH;
        let over = self.jump_ahead();
        let handler = self.here();
        self.csrr(cause, SCAUSE);
        let lost = [1, 2, 12].map(|fetching| {
            self.li(scratch, fetching);
            self.beq_ahead(cause, scratch)
        });
        self.csrr(cause, SEPC);
        self.addi(cause, cause, 4);
        self.csrw(SEPC, cause);
        self.sret();
        for forward in lost {
            self.land(forward);
        }
        self.csrw(SEPC, SAFE);
        self.li(cause, 1 << 8);
        // sstatus.SPP, set without touching the rest.
        self.emit(SSTATUS << 20 | cause << 15 | 0x2073);
        self.sret();
        self.land(over);
        self.li(scratch, handler.address());
        self.csrw(STVEC, scratch);
    }

    /// Repeats `body` as often as said, counting in `counter`.
    pub(crate) fn repeat(&mut self, counter: Reg, times: u64, body: impl FnOnce(&mut Self)) {
        self.li(counter, times);
        let start = self.here();
        body(self);
        self.addi(counter, counter, -1);
        let done = self.beq_ahead(counter, ZERO);
        self.jump(start);
        self.land(done);
    }

    /// Repeats `body` for ever.
    pub(crate) fn forever(&mut self, body: impl FnOnce(&mut Self)) {
        let start = self.here();
        body(self);
        self.jump(start);
    }

    /// The program as a kernel that begins with it.
    pub(crate) fn kernel(&self) -> KernelImage {
        let mut image = vec![0; 4096];
        image[..4].copy_from_slice(&(jump_offset(4096) | 0x6f).to_le_bytes());
        image[56..60].copy_from_slice(b"RSC\x05");
        image.extend(self.words.iter().flat_map(|word| word.to_le_bytes()));
        let size = image.len() as u64;
        image[16..24].copy_from_slice(&size.to_le_bytes());
        KernelImage::parse("test", image).unwrap()
    }
}
