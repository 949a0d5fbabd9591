//! Exceptions: their causes, and how an operation raises one.
//!
//! **Sources.** Volume II, "Supervisor Cause Register", table of exception codes.

use crate::cpu::Cpu;
use crate::op::{Here, Stop};

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
    /// Raises an exception by the instruction at `here`; `value` is what `stval` tells about it.
    #[cold]
    #[inline(never)]
    pub(crate) fn raise(&mut self, here: Here, exception: Exception, value: u64) -> Stop {
        let pc = self.pc_at(here.at());
        self.raise_at(pc, here, exception, value)
    }

    /// Raises an exception at `pc`.
    pub(crate) fn raise_at(&mut self, pc: u64, here: Here, exception: Exception, value: u64) -> Stop {
        self.counts.exceptions += 1;
        self.enter_trap(exception as u64, false, pc, value);
        // A guest whose handler faults too must use its slice up like any other loop.
        self.here = here.instruction();
        Stop::Resume
    }

    /// Stops at `pc`, to go on there.
    pub(crate) fn resume_at(&mut self, pc: u64, here: Here) -> Stop {
        self.pc = pc;
        self.here = here;
        Stop::Resume
    }
}
