//! Exceptions: their causes, and how an operation raises one.
//!
//! **Sources.** Volume II, "Supervisor Cause Register", table of exception codes.

use crate::cpu::Cpu;
use crate::op::{At, Meter, Stop};

/// An exception the guest gets.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Exception {
    FetchAccess = 1,
    Illegal = 2,
    Breakpoint = 3,
    LoadMisaligned = 4,
    LoadAccess = 5,
    StoreMisaligned = 6,
    StoreAccess = 7,
    UserCall = 8,
    FetchPage = 12,
    LoadPage = 13,
    StorePage = 15,
}

impl Cpu {
    /// Raises an exception by the instruction at `at`; `value` is what `stval` tells about it.
    #[cold]
    #[inline(never)]
    pub(crate) fn raise(&mut self, at: At, meter: Meter, exception: Exception, value: u64) -> Stop {
        let pc = self.pc_at(at);
        self.raise_at(pc, meter, exception, value)
    }

    /// Raises an exception at `pc`.
    pub(crate) fn raise_at(&mut self, pc: u64, meter: Meter, exception: Exception, value: u64) -> Stop {
        self.counts.exceptions += 1;
        self.enter_trap(exception as u64, false, pc, value);
        // A guest whose handler faults too must use its slice up like any other loop.
        self.meter = meter.instruction();
        Stop::Resume
    }

    /// Stops at `pc`, to go on there.
    pub(crate) fn resume_at(&mut self, pc: u64, meter: Meter) -> Stop {
        self.pc = pc;
        self.meter = meter;
        Stop::Resume
    }
}
