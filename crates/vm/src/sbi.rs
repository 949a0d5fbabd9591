//! What the guest's kernel asks of the machine below it: the Supervisor Binary Interface.
//!
//! **Model.** A call is decoded from the hart's registers, carried out with no hart's lock held, and
//! its answer put into `a0` and `a1`, unless the hart stops or begins anew. Fences on other harts are done at
//! once, by taking each one's lock in turn.
//!
//! **Sources.** RISC-V Supervisor Binary Interface Specification 2.0: BASE, TIME, sPI, RFENCE, HSM,
//! SRST and DBCN, and the legacy console that early consoles use.

use crate::vcpu::{Power, Vcpu};
use crate::vm::{Ended, Shared};
use addr::{Gfn, Gpa, Gva, PAGE_SIZE};
use machine::User;
use riscv::Lines;
use std::sync::atomic::Ordering;

const LEGACY_PUTCHAR: u64 = 0x01;
const BASE: u64 = 0x10;
const TIME: u64 = 0x5449_4d45;
const IPI: u64 = 0x0073_5049;
const RFENCE: u64 = 0x5246_4e43;
const HSM: u64 = 0x0048_534d;
const SRST: u64 = 0x5352_5354;
const DBCN: u64 = 0x4442_434e;

/// Version 2.0.
const SPEC_VERSION: u64 = 2 << 24;
/// Not registered anywhere; any number that is no other implementation's will do.
const IMPLEMENTATION: u64 = 0x4d54;
/// Fences of longer ranges become fences of everything.
const MAX_FENCED_PAGES: u64 = 64;
/// Most bytes one call of the debug console writes.
const MAX_WRITE: u64 = 4096;

/// Kinds of suspension: the hart goes on where it was, or begins anew at an address. The others are reserved, or those
/// of a platform, of which this one has none.
const RETENTIVE: u32 = 0;
const NON_RETENTIVE: u32 = 0x8000_0000;

/// Error codes of the specification.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Error {
    Failed = -1,
    NotSupported = -2,
    InvalidParam = -3,
    InvalidAddress = -5,
    AlreadyAvailable = -6,
}

type Answer = Result<u64, Error>;

/// A call as the registers have it.
struct Call {
    extension: u64,
    function: u64,
    args: [u64; 6],
}

/// Carries out the call that `vcpu` has just made.
pub(crate) fn handle(vcpu: &Vcpu, index: usize, shared: &Shared) {
    let call = {
        let hart = vcpu.hart();
        Call {
            extension: hart.x(17),
            function: hart.x(16),
            args: std::array::from_fn(|arg| hart.x(10 + arg as u8)),
        }
    };
    let answer = match (call.extension, call.function) {
        (HSM, 1) => {
            vcpu.stop();
            return;
        }
        (HSM, 3) => match suspend(&call, vcpu, shared) {
            Some(answer) => answer,
            None => return,
        },
        _ => answer(&call, vcpu, shared),
    };
    let mut hart = vcpu.hart();
    if call.extension == LEGACY_PUTCHAR {
        hart.set_x(10, 0);
        return;
    }
    let (error, value) = match answer {
        Ok(value) => (0, value),
        Err(error) => (error as i64 as u64, 0),
    };
    hart.set_x(10, error);
    hart.set_x(11, value);
    let _ = index;
}

fn answer(call: &Call, vcpu: &Vcpu, shared: &Shared) -> Answer {
    let [a0, a1, a2, a3, a4, _] = call.args;
    match (call.extension, call.function) {
        (LEGACY_PUTCHAR, _) | (DBCN, 2) => shared.console_write(&[a0 as u8]),
        (BASE, 0) => Ok(SPEC_VERSION),
        (BASE, 1) => Ok(IMPLEMENTATION),
        (BASE, 3) => Ok(u64::from(is_known(a0))),
        // Version and machine ids nobody gave us.
        (BASE, 2 | 4 | 5 | 6) => Ok(0),
        (TIME, 0) => {
            vcpu.hart().set_timer(a0);
            Ok(0)
        }
        (IPI, 0) => for_each_hart(shared, a0, a1, |target| target.set_line(Lines::SOFTWARE, true)),
        (RFENCE, 0) => for_each_hart(shared, a0, a1, |target| target.hart().fence_i()),
        (RFENCE, 1) => for_each_hart(shared, a0, a1, |target| fence(target, a2, a3, None)),
        (RFENCE, 2) => for_each_hart(shared, a0, a1, |target| fence(target, a2, a3, Some(a4 as u16))),
        (HSM, 0) => start_hart(shared, a0, a1, a2),
        (HSM, 2) => hart_status(shared, a0),
        (SRST, 0) => reset(shared, a0 as u32, a1 as u32),
        (DBCN, 0) => debug_write(shared, a0, a1, a2),
        (DBCN, 1) => debug_read(shared, a0, a1, a2),
        _ => Err(Error::NotSupported),
    }
}

const fn is_known(extension: u64) -> bool {
    matches!(extension, LEGACY_PUTCHAR | BASE | TIME | IPI | RFENCE | HSM | SRST | DBCN)
}

/// Calls `each` with the harts a mask selects: bit *n* stands for hart `base + n`, and a `base` of
/// all ones for every hart.
fn for_each_hart(shared: &Shared, mask: u64, base: u64, each: impl Fn(&Vcpu)) -> Answer {
    if base == u64::MAX {
        shared.vcpus.iter().for_each(each);
        return Ok(0);
    }
    let harts = shared.vcpus.len() as u64;
    let selected = |hart: u64| hart.checked_sub(base).is_some_and(|bit| bit < 64 && mask >> bit & 1 != 0);
    let beyond = (0..64).any(|bit| mask >> bit & 1 != 0 && base.saturating_add(bit) >= harts);
    if beyond {
        return Err(Error::InvalidParam);
    }
    shared.vcpus.iter().zip(0..).filter(|(_, hart)| selected(*hart)).for_each(|(vcpu, _)| each(vcpu));
    Ok(0)
}

fn fence(target: &Vcpu, start: u64, size: u64, asid: Option<u16>) {
    let mut hart = target.hart();
    if (start == 0 && size == 0) || size > MAX_FENCED_PAGES * PAGE_SIZE {
        hart.fence(None, asid);
        return;
    }
    let first = Gva(start).page_base();
    let pages = (Gva(start).page_offset() + size).div_ceil(PAGE_SIZE).max(1);
    for page in 0..pages {
        hart.fence(Some(first.wrapping_add(page * PAGE_SIZE)), asid);
    }
}

fn start_hart(shared: &Shared, hart: u64, pc: u64, opaque: u64) -> Answer {
    let target = shared.vcpus.get(hart as usize).ok_or(Error::InvalidParam)?;
    if !may_start_at(shared, pc) {
        return Err(Error::InvalidAddress);
    }
    if target.start(pc, opaque) { Ok(0) } else { Err(Error::AlreadyAvailable) }
}

fn may_start_at(shared: &Shared, pc: u64) -> bool {
    pc & 1 == 0 && is_memory(shared, pc)
}

fn is_memory(shared: &Shared, gpa: u64) -> bool {
    shared.memory.pmap().contains(Gfn::containing(Gpa(gpa)))
}

/// Suspends the hart until an interrupt is pending; no answer if it begins anew then.
fn suspend(call: &Call, vcpu: &Vcpu, shared: &Shared) -> Option<Answer> {
    let [kind, resume, opaque, ..] = call.args;
    match kind as u32 {
        RETENTIVE => {
            vcpu.suspend(shared);
            Some(Ok(0))
        }
        NON_RETENTIVE if !may_start_at(shared, resume) => Some(Err(Error::InvalidAddress)),
        NON_RETENTIVE => {
            vcpu.suspend(shared);
            vcpu.restart(resume, opaque);
            None
        }
        _ => Some(Err(Error::InvalidParam)),
    }
}

fn hart_status(shared: &Shared, hart: u64) -> Answer {
    let target = shared.vcpus.get(hart as usize).ok_or(Error::InvalidParam)?;
    Ok(match target.power() {
        Power::Started => 0,
        Power::Stopped => 1,
        Power::Starting { .. } => 2,
        Power::Suspended => 4,
    })
}

fn reset(shared: &Shared, kind: u32, reason: u32) -> Answer {
    let ended = match (kind, reason) {
        (0..=2, 1) => Ended::GuestFailure,
        (0, 0) => Ended::PoweredOff,
        (1 | 2, 0) => Ended::RebootRequested,
        _ => return Err(Error::InvalidParam),
    };
    if ended == Ended::RebootRequested && shared.keeps.load(Ordering::SeqCst) {
        shared.keep();
    } else {
        shared.end(ended);
    }
    Ok(0)
}

fn debug_write(shared: &Shared, length: u64, low: u64, high: u64) -> Answer {
    if high != 0 {
        return Err(Error::InvalidParam);
    }
    let mut bytes = vec![0; length.min(MAX_WRITE) as usize];
    shared.memory.read_for(User::Cpu, Gpa(low), &mut bytes).map_err(|_| Error::InvalidParam)?;
    shared.console_write(&bytes)?;
    Ok(bytes.len() as u64)
}

/// Nothing is ever typed to the debug console.
fn debug_read(shared: &Shared, length: u64, low: u64, high: u64) -> Answer {
    let last = low.checked_add(length.saturating_sub(1)).ok_or(Error::InvalidParam)?;
    if high != 0 || !is_memory(shared, low) || !is_memory(shared, last) {
        return Err(Error::InvalidParam);
    }
    Ok(0)
}

impl Shared {
    fn console_write(&self, bytes: &[u8]) -> Answer {
        self.board.panic_listener().hear(bytes);
        self.debug_console.lock().write_all(bytes).map(|()| 0).map_err(|_| Error::Failed)
    }
}
