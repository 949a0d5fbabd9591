//! Macro-op fusion: one operation executes several instructions.
//!
//! **Model.** Compilers write many things in the same few instructions: saving and restoring
//! registers one beside the other, an address or a constant in two halves, a call as `auipc` and
//! `jalr`, arithmetic and the branch that ends a loop. The operation in the first one's slot does them all and goes on behind the last, which
//! saves the way from one to the next, and for loads and stores the lookup in the TLB.
//!
//! The slots of the other instructions keep operations of their own. A jump to one of them runs these,
//! and a fused operation that meets anything unusual (a TLB miss, another page) continues with the slot
//! it has reached. So nothing is undone or done twice, and the pc of an exception is right.
//!
//! **Invariants.** All of the instructions stand wholly in one line, and none is the last there. Every one is counted.

use crate::interp::binding::{Place, bind, stays_in_line};
use crate::interp::op::{Line, Op, Run};
use crate::interp::ops;
use crate::interp::place::{At, Here};
use crate::interp::state::Interp;
use crate::isa::{self, ImmediateOp, Inst, LoadOp, Reg, StoreOp};

/// Loads or stores in a run: as many as a trap handler saves registers.
const LONGEST_RUN: u8 = 32;

/// An instruction that is wholly in its line, and not the last one there.
#[derive(Clone, Copy)]
pub(crate) struct Found {
    at: At,
    inst: Inst,
    /// What it was decoded from.
    bits: u32,
    length: usize,
}

impl Found {
    /// The instruction at `at` that was decoded from `bits`.
    pub(crate) const fn new(at: At, inst: Inst, bits: u32) -> Option<Self> {
        let length = isa::length(bits as u16);
        if at.ends_line::<1>() || length == 2 && at.ends_line::<2>() {
            return None;
        }
        Some(Self { at, inst, bits, length })
    }
}

/// The operation for the slot of `first`, which alone would be `op`.
pub(crate) fn fuse(interp: &Interp, line: &Line, first: Found, op: Op) -> Op {
    let fused = match first.inst {
        Inst::NOP => nops(interp, line, first),
        Inst::Load { op: LoadOp::Ld, .. } => run(interp, line, first, [ops::ld_run::<1>, ops::ld_run::<2>]),
        Inst::Store { op: StoreOp::Sd, .. } => run(interp, line, first, [ops::sd_run::<1>, ops::sd_run::<2>]),
        Inst::Auipc { .. } | Inst::Lui { .. } => halves(interp, line, first),
        inst if ops::begins_pair(inst) => pair(interp, line, first),
        _ => None,
    };
    match fused {
        Some((run, aux, imm)) => Op { run, aux, imm: imm.unwrap_or(op.imm), ..op },
        None => op,
    }
}

/// What a fused operation has other than its first instruction's: function, `aux`, `imm`.
type Fused = (Run, u8, Option<i32>);

/// The instruction behind `first`.
fn behind(interp: &Interp, line: &Line, first: Found) -> Option<Found> {
    let at = At::of(first.at.halfword() + first.length);
    if at.ends_line::<1>() {
        return None;
    }
    let low = line.halfword(&interp.cpu.pool, at);
    let bits = match isa::length(low) {
        1 => u32::from(low),
        _ => u32::from(line.halfword(&interp.cpu.pool, at.after::<1>())) << 16 | u32::from(low),
    };
    Found::new(at, isa::decode(bits)?, bits)
}

/// Gives an instruction's slot the operation that does it alone, unless there is one. A fused
/// operation reads there what to do.
fn bind_alone(line: &Line, Found { at, inst, bits, .. }: Found) {
    if line.is_undecoded(at) {
        line.set(at, bind(Some(inst), bits, Place::InPage(at)));
    }
}

/// One of the pairs of [`ops::pair`].
fn pair(interp: &Interp, line: &Line, first: Found) -> Option<Fused> {
    let second = behind(interp, line, first)?;
    let run = ops::pair((first.inst, first.length), (second.inst, second.length))?;
    if !stays_in_line(second.inst, Place::InPage(second.at)) {
        return None;
    }
    bind_alone(line, second);
    Some((run, 0, None))
}

/// Instructions without effect, which `imm` counts and steps over.
fn nops(interp: &Interp, line: &Line, first: Found) -> Option<Fused> {
    let (mut last, mut step) = (first, Here::step(first.length));
    while let Some(next) = behind(interp, line, last).filter(|next| next.inst == Inst::NOP) {
        step += Here::step(next.length);
        last = next;
    }
    (last.at.halfword() != first.at.halfword()).then_some((ops::nops as Run, 0, Some(step)))
}

/// The base register of a load or store of eight bytes, and whether the load overwrites it, which ends the run.
const fn base(inst: Inst) -> Option<(Reg, bool)> {
    match inst {
        Inst::Load { op: LoadOp::Ld, rd, rs1, .. } => Some((rs1, rd.number() == rs1.number())),
        Inst::Store { op: StoreOp::Sd, rs1, .. } => Some((rs1, false)),
        _ => None,
    }
}

/// Loads or stores of eight bytes with the same base and length, as many as `aux` says.
fn run(interp: &Interp, line: &Line, first: Found, by_length: [Run; 2]) -> Option<Fused> {
    let kind = std::mem::discriminant(&first.inst);
    let (register, mut is_last) = base(first.inst)?;
    let (mut last, mut count) = (first, 1);
    while count < LONGEST_RUN
        && !is_last
        && let Some(next) = behind(interp, line, last)
        && let Some((next_register, next_is_last)) = base(next.inst)
        && std::mem::discriminant(&next.inst) == kind
        && (next_register, next.length) == (register, first.length)
    {
        bind_alone(line, next);
        (last, is_last) = (next, next_is_last);
        count += 1;
    }
    (count > 1).then_some((by_length[first.length - 1], count, None))
}

/// `auipc` or `lui` and what completes it in the same register.
fn halves(interp: &Interp, line: &Line, first: Found) -> Option<Fused> {
    let second = behind(interp, line, first)?;
    let length = first.length + second.length;
    let (run, high, low, registers): (Run, _, _, _) = match (first.inst, second.inst) {
        (Inst::Auipc { rd, imm }, Inst::Immediate { op: ImmediateOp::Addi, rd: to, rs1, imm: low }) => {
            (auipc_addi(length)?, imm, low, [rd, to, rs1])
        }
        (Inst::Auipc { rd, imm }, Inst::Jalr { rd: to, rs1, offset }) if length == 4 => {
            (ops::auipc_jalr::<4>, imm, offset, [rd, to, rs1])
        }
        (Inst::Lui { rd, imm }, Inst::Immediate { op: ImmediateOp::Addi, rd: to, rs1, imm: low }) => {
            (lui_addi(length)?, imm, low, [rd, to, rs1])
        }
        (Inst::Lui { rd, imm }, Inst::Immediate { op: ImmediateOp::Addiw, rd: to, rs1, imm: low }) => {
            // A sum of 32 bits wraps.
            (lui_addi(length)?, imm.wrapping_add(low), 0, [rd, to, rs1])
        }
        _ => return None,
    };
    let [register, to, from] = registers;
    if register.is_zero() || to != register || from != register {
        return None;
    }
    Some((run, 0, Some(high.checked_add(low)?)))
}

fn auipc_addi(length: usize) -> Option<Run> {
    Some(match length {
        3 => ops::auipc_addi::<3>,
        4 => ops::auipc_addi::<4>,
        _ => return None,
    })
}

fn lui_addi(length: usize) -> Option<Run> {
    Some(match length {
        2 => ops::lui_addi::<2>,
        3 => ops::lui_addi::<3>,
        4 => ops::lui_addi::<4>,
        _ => return None,
    })
}
