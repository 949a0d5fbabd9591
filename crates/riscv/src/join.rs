//! Joining: operations that do the instructions behind their own as well.
//!
//! **Model.** Compilers write many things in the same few instructions: saving and restoring
//! registers one beside the other, an address or a constant in two halves, a call as `auipc` and
//! `jalr`, arithmetic and the branch that ends a loop. The operation in the first one's slot does them all and goes on behind the last, which
//! saves the way from one to the next, and for loads and stores the lookup in the TLB.
//!
//! The slots behind the first hold operations of their own as ever. Whoever jumps there runs them,
//! and a joined operation that meets anything unusual (a miss, another page) goes on with the slot
//! it has come to. So nothing is undone or done twice, and the pc of an exception is right.
//!
//! **Invariants.** All of the instructions stand wholly in one line, and none is the last there. Every one is counted.

use crate::compressed::expand;
use crate::cpu::Cpu;
use crate::decode::{self, Place};
use crate::line::Line;
use crate::op::{At, Here, Op, Run};
use crate::ops;

/// Loads or stores in a run: as many as a trap handler saves registers.
const LONGEST_RUN: u8 = 32;

/// An instruction that is wholly in its line, and not the last one there.
#[derive(Clone, Copy)]
struct Instruction {
    at: At,
    /// Its encoding, expanded if it was compressed.
    word: u32,
    length: usize,
}

const fn rd(word: u32) -> u32 {
    word >> 7 & 31
}

const fn rs1(word: u32) -> u32 {
    word >> 15 & 31
}

/// Opcode and funct3.
const fn kind(word: u32) -> u32 {
    word & 0x707f
}

const NOP: u32 = 0x0000_0013;
const ADDI: u32 = 0x0013;
const ADDIW: u32 = 0x001b;
const JALR: u32 = 0x0067;
const LD: u32 = 0x3003;
const SD: u32 = 0x3023;
/// These have no funct3.
const AUIPC: u32 = 0x17;
const LUI: u32 = 0x37;

/// The operation for the slot at `at`, which alone would be `op`.
pub(crate) fn join(cpu: &Cpu, line: &Line, at: At, op: Op) -> Op {
    let Some(first) = instruction(cpu, line, at) else { return op };
    let joined = match (first.word, kind(first.word), first.word & 0x7f) {
        (NOP, ..) => nops(cpu, line, first),
        (_, LD, _) => run(cpu, line, first, [ops::ld_run::<1>, ops::ld_run::<2>]),
        (_, SD, _) => run(cpu, line, first, [ops::sd_run::<1>, ops::sd_run::<2>]),
        (.., AUIPC | LUI) => halves(cpu, line, first),
        _ => pair(cpu, line, first),
    };
    match joined {
        Some((run, aux, imm)) => Op { run, aux, imm: imm.unwrap_or(op.imm), ..op },
        None => op,
    }
}

/// What a joined operation has other than its first instruction's: function, `aux`, `imm`.
type Joined = (Run, u8, Option<i32>);

fn instruction(cpu: &Cpu, line: &Line, at: At) -> Option<Instruction> {
    let low = line.halfword(&cpu.pool, at);
    let length = decode::length(low);
    if at.ends_line::<1>() || length == 2 && at.ends_line::<2>() {
        return None;
    }
    let word = match length {
        1 => expand(low)?,
        _ => u32::from(line.halfword(&cpu.pool, at.after::<1>())) << 16 | u32::from(low),
    };
    Some(Instruction { at, word, length })
}

fn behind(cpu: &Cpu, line: &Line, first: Instruction) -> Option<Instruction> {
    instruction(cpu, line, At::of(first.at.halfword() + first.length))
}

/// Gives an instruction's slot the operation that does it alone, unless there is one. A joined
/// operation reads there what to do.
fn decode_alone(line: &Line, instruction: Instruction) {
    let Instruction { at, word, length } = instruction;
    if line.is_undecoded(at) {
        line.set(at, decode::instruction(word, length, Place::InPage(at)));
    }
}

/// One of the pairs of [`ops::pair`].
fn pair(cpu: &Cpu, line: &Line, first: Instruction) -> Option<Joined> {
    let second = behind(cpu, line, first)?;
    let run = ops::pair((first.word, first.length), (second.word, second.length))?;
    if !decode::stays_in_line(second.word, Place::InPage(second.at)) {
        return None;
    }
    decode_alone(line, second);
    Some((run, 0, None))
}

/// Instructions without effect, which `imm` counts and steps over.
fn nops(cpu: &Cpu, line: &Line, first: Instruction) -> Option<Joined> {
    let (mut last, mut step) = (first, Here::step(first.length));
    while let Some(next) = behind(cpu, line, last).filter(|next| next.word == NOP) {
        step += Here::step(next.length);
        last = next;
    }
    (last.at.halfword() != first.at.halfword()).then_some((ops::nops as Run, 0, Some(step)))
}

/// Loads or stores of eight bytes with the same base and length, as many as `aux` says.
fn run(cpu: &Cpu, line: &Line, first: Instruction, by_length: [Run; 2]) -> Option<Joined> {
    let loads = kind(first.word) == LD;
    let (mut last, mut count) = (first, 1);
    // A load into the base is the last one it serves.
    while count < LONGEST_RUN
        && !(loads && rd(last.word) == rs1(last.word))
        && let Some(next) = behind(cpu, line, last)
        && (kind(next.word), rs1(next.word), next.length) == (kind(first.word), rs1(first.word), first.length)
    {
        decode_alone(line, next);
        last = next;
        count += 1;
    }
    (count > 1).then_some((by_length[first.length - 1], count, None))
}

/// `auipc` or `lui` and what completes it in the same register.
fn halves(cpu: &Cpu, line: &Line, first: Instruction) -> Option<Joined> {
    let second = behind(cpu, line, first)?;
    let register = rd(first.word);
    if register == 0 || rd(second.word) != register || rs1(second.word) != register {
        return None;
    }
    let (high, low) = ((first.word & 0xffff_f000) as i32, second.word as i32 >> 20);
    let sum = high.checked_add(low);
    let (run, imm): (Run, i32) = match (first.word & 0x7f, kind(second.word), first.length + second.length) {
        (AUIPC, ADDI, 3) => (ops::auipc_addi::<3>, sum?),
        (AUIPC, ADDI, 4) => (ops::auipc_addi::<4>, sum?),
        (AUIPC, JALR, 4) => (ops::auipc_jalr::<4>, sum?),
        (LUI, ADDI, length) => (li(length)?, sum?),
        (LUI, ADDIW, length) => (li(length)?, high.wrapping_add(low)),
        _ => return None,
    };
    Some((run, 0, Some(imm)))
}

fn li(length: usize) -> Option<Run> {
    Some(match length {
        2 => ops::lui_addi::<2>,
        3 => ops::lui_addi::<3>,
        4 => ops::lui_addi::<4>,
        _ => return None,
    })
}
