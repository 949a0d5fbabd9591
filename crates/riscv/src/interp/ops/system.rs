//! Fences, CSR access, traps and what else concerns the privileged architecture.

use crate::cpu::csr::{Effect, Illegal};
use crate::cpu::csrs::SENVCFG_CBZE;
use crate::cpu::lines::Lines;
use crate::cpu::state::Cpu;
use crate::cpu::trap::Exception;
use crate::interp::flow::{jump, next};
use crate::interp::missed::Missed;
use crate::interp::op::{Code, Line, Op};
use crate::interp::place::Here;
use crate::interp::state::{Exit, Interp, Stop};
use crate::isa::csr::SIP;
use addr::Gva;
use std::cell::Cell;
use std::sync::atomic::{Ordering, fence as host_fence};

/// Anything that is no instruction, or not for this privilege. `imm` is the encoding.
pub(crate) fn illegal(interp: &mut Interp, _code: &Code, _line: &Line, here: Here, slot: &Cell<Op>) -> Stop {
    let encoding = u64::from(slot.get().imm as u32);
    interp.raise(here, Exception::Illegal, encoding)
}

/// `fence`, of any kind: the strongest.
pub(crate) fn fence<const LEN: usize>(
    interp: &mut Interp,
    code: &Code,
    line: &Line,
    here: Here,
    _slot: &Cell<Op>,
) -> Stop {
    host_fence(Ordering::SeqCst);
    next::<LEN>(interp, code, line, here)
}

/// `pause`: the hart waits for another one, so let others run.
pub(crate) fn pause<const LEN: usize>(
    interp: &mut Interp,
    _code: &Code,
    _line: &Line,
    here: Here,
    _slot: &Cell<Op>,
) -> Stop {
    interp.cpu.pc = interp.pc_at(here.at().after::<LEN>());
    interp.here = here.instruction();
    interp.exit = Exit::Pause;
    Stop::Exit
}

/// `fence.i`: decoded code is compared with its frame before it is used again.
pub(crate) fn fence_i<const LEN: usize>(
    interp: &mut Interp,
    code: &Code,
    _line: &Line,
    here: Here,
    _slot: &Cell<Op>,
) -> Stop {
    interp.cpu.mmu.drop_instructions();
    jump(interp, code, interp.pc_at(here.at().after::<LEN>()), here.instruction())
}

/// `sfence.vma` and `sinval.vma`; `aux` has bit 0 for an address and bit 1 for an ASID.
pub(crate) fn sfence_vma<const LEN: usize>(
    interp: &mut Interp,
    code: &Code,
    line: &Line,
    here: Here,
    slot: &Cell<Op>,
) -> Stop {
    let op = slot.get();
    if interp.cpu.user {
        return illegal(interp, code, line, here, slot);
    }
    let gva = (op.aux & 1 != 0).then(|| Gva(interp.cpu.x(op.rs1)));
    let asid = (op.aux & 2 != 0).then(|| interp.cpu.x(op.rs2) as u16);
    interp.cpu.mmu.fence(gva, asid);
    jump(interp, code, interp.pc_at(here.at().after::<LEN>()), here.instruction())
}

/// `sfence.w.inval` and `sfence.inval.ir`: the invalidations between them were done at once.
pub(crate) fn sfence_order<const LEN: usize>(
    interp: &mut Interp,
    code: &Code,
    line: &Line,
    here: Here,
    slot: &Cell<Op>,
) -> Stop {
    if interp.cpu.user {
        return illegal(interp, code, line, here, slot);
    }
    next::<LEN>(interp, code, line, here)
}

/// `ecall`: from user mode to the guest's kernel, from there to the VMM.
pub(crate) fn ecall<const LEN: usize>(
    interp: &mut Interp,
    code: &Code,
    _line: &Line,
    here: Here,
    _slot: &Cell<Op>,
) -> Stop {
    if interp.cpu.user {
        // The commonest exception by far goes straight to its handler: no interrupt can come between.
        interp.raise(here, Exception::UserCall, 0);
        return jump(interp, code, interp.cpu.pc, interp.here);
    }
    interp.cpu.pc = interp.pc_at(here.at().after::<LEN>());
    interp.here = here.instruction();
    interp.exit = Exit::Call;
    Stop::Exit
}

/// `ebreak`.
pub(crate) fn ebreak(interp: &mut Interp, _code: &Code, _line: &Line, here: Here, _slot: &Cell<Op>) -> Stop {
    interp.raise(here, Exception::Breakpoint, interp.pc_at(here.at()))
}

/// `sret`.
pub(crate) fn sret(interp: &mut Interp, code: &Code, line: &Line, here: Here, slot: &Cell<Op>) -> Stop {
    if interp.cpu.user {
        return illegal(interp, code, line, here, slot);
    }
    interp.cpu.leave_trap();
    go_on(interp, code, interp.cpu.pc, here.instruction())
}

/// Goes on at `pc`, by way of the loop if an interrupt became possible.
#[inline(always)]
fn go_on(interp: &mut Interp, code: &Code, pc: u64, here: Here) -> Stop {
    if interp.cpu.interrupt().is_some() {
        return interp.resume_at(pc, here);
    }
    jump(interp, code, pc, here)
}

/// `wfi`: nothing to do until an interrupt.
pub(crate) fn wfi<const LEN: usize>(
    interp: &mut Interp,
    code: &Code,
    line: &Line,
    here: Here,
    slot: &Cell<Op>,
) -> Stop {
    if interp.cpu.user {
        return illegal(interp, code, line, here, slot);
    }
    interp.cpu.pc = interp.pc_at(here.at().after::<LEN>());
    interp.here = here.instruction();
    interp.exit = Exit::Wait;
    Stop::Exit
}

/// `cbo.zero`: clears a block of 64 bytes (Zicboz).
pub(crate) fn cbo_zero<const LEN: usize>(
    interp: &mut Interp,
    code: &Code,
    line: &Line,
    here: Here,
    slot: &Cell<Op>,
) -> Stop {
    const BLOCK: u64 = 64;
    if interp.cpu.user && interp.cpu.csrs.senvcfg & SENVCFG_CBZE == 0 {
        return illegal(interp, code, line, here, slot);
    }
    // A fault names the address given, not the block's.
    let given = Gva(interp.cpu.x(slot.get().rs1));
    let gva = Gva(given.0 & !(BLOCK - 1));
    loop {
        if let Some(frame) = interp.cpu.mmu.tlb().store_to(gva, 8) {
            for offset in (0..BLOCK).step_by(8) {
                frame.store::<u64>(gva.page_offset() + offset, 0);
            }
            break;
        }
        match interp.atomic_missed(given, mmu::Access::Store, 1, here) {
            Missed::Retry => {}
            Missed::Done | Missed::Stopped => return interp.stopped(),
        }
    }
    next::<LEN>(interp, code, line, here.access())
}

/// Bits of `aux` of the CSR instructions: the register is replaced by the operand; the operand's bits are set in it
/// (else cleared); the operand is the number in `rs1` itself.
pub(crate) const CSR_WRITE: u8 = 1;
pub(crate) const CSR_SET: u8 = 2;
pub(crate) const CSR_IMMEDIATE: u8 = 4;

/// The six CSR instructions; `imm` is the encoding, whose upper bits are the register's number.
pub(crate) fn csr<const LEN: usize>(
    interp: &mut Interp,
    code: &Code,
    line: &Line,
    here: Here,
    slot: &Cell<Op>,
) -> Stop {
    let effect = any_csr(interp, slot, here);
    behind_csr::<LEN>(interp, code, line, here, slot, effect)
}

/// Not inlined: a caller that held the operation on its stack could not go on by a jump.
#[inline(never)]
fn any_csr(interp: &mut Interp, slot: &Cell<Op>, here: Here) -> Result<Effect, Illegal> {
    let op = slot.get();
    csr_access(interp, op, (op.imm as u32 >> 20) as u16, here)
}

/// The same for the register `NUMBER`: compiled for each of those that every trap touches.
pub(crate) fn known_csr<const LEN: usize, const NUMBER: u16>(
    interp: &mut Interp,
    code: &Code,
    line: &Line,
    here: Here,
    slot: &Cell<Op>,
) -> Stop {
    let effect = csr_access(interp, slot.get(), NUMBER, here);
    behind_csr::<LEN>(interp, code, line, here, slot, effect)
}

#[inline(always)]
fn behind_csr<const LEN: usize>(
    interp: &mut Interp,
    code: &Code,
    line: &Line,
    here: Here,
    slot: &Cell<Op>,
    effect: Result<Effect, Illegal>,
) -> Stop {
    match effect {
        Ok(Effect::Interrupts) if interp.cpu.interrupt().is_some() => {
            interp.resume_at(interp.pc_at(here.at().after::<LEN>()), here.instruction())
        }
        Ok(Effect::None | Effect::Interrupts) => next::<LEN>(interp, code, line, here),
        Ok(Effect::Translation) => {
            go_on(interp, code, interp.pc_at(here.at().after::<LEN>()), here.instruction())
        }
        Err(Illegal) => illegal(interp, code, line, here, slot),
    }
}

/// Reads and writes the register as the instruction says.
#[inline(always)]
fn csr_access(interp: &mut Interp, op: Op, csr: u16, here: Here) -> Result<Effect, Illegal> {
    let operand = if op.aux & CSR_IMMEDIATE != 0 { u64::from(op.rs1) } else { interp.cpu.x(op.rs1) };
    let (replaces, sets) = (op.aux & CSR_WRITE != 0, op.aux & CSR_SET != 0);
    let reads = !(replaces && op.rd == Cpu::SINK);
    let old = if reads { interp.cpu.read_csr(csr, here.instructions(interp.slice))? } else { 0 };
    // Bits of `sip` other than SSIP cannot be written. Leaving SSIP as it was read would lose a call
    // from another hart that came in between, so an instruction that does not name it writes nothing.
    let names_nothing = csr == SIP && !replaces && operand & Lines::SOFTWARE == 0;
    let effect = if (replaces || op.rs1 != 0) && !names_nothing {
        let new = match (replaces, sets) {
            (true, _) => operand,
            (false, true) => old | operand,
            (false, false) => old & !operand,
        };
        interp.cpu.write_csr(csr, new)?
    } else {
        Effect::None
    };
    interp.cpu.set_x(op.rd, old);
    Ok(effect)
}
