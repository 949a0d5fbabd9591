//! Traps: exceptions and their causes, interrupts, and the way into a handler and back.
//!
//! **Sources.** Volume II, "Supervisor Cause Register", table of exception codes.

use crate::cpu::csrs::{SSTATUS_SIE, SSTATUS_SPIE, SSTATUS_SPP, TIMER};
use crate::cpu::state::Cpu;

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
    /// The interrupt to take now, by priority: external, software, timer.
    pub(crate) fn interrupt(&self) -> Option<u64> {
        let enabled = self.user || self.csrs.sstatus & SSTATUS_SIE != 0;
        let pending = self.pending() & self.csrs.sie;
        if !enabled || pending == 0 {
            return None;
        }
        [9, 1, 5].into_iter().find(|cause| pending >> cause & 1 != 0)
    }

    /// Whether WFI need not wait: an interrupt is pending that could be taken if enabled globally.
    pub(crate) fn may_wake(&self) -> bool {
        self.pending() & self.csrs.sie != 0
    }

    /// Whether the timer's interrupt is enabled, be interrupts enabled globally or not.
    pub(crate) fn timer_is_enabled(&self) -> bool {
        self.csrs.sie & TIMER != 0
    }

    /// Enters the trap handler (Volume II, "Supervisor Trap Vector", "Supervisor Cause").
    pub(crate) fn enter_trap(&mut self, cause: u64, is_interrupt: bool, pc: u64, tval: u64) {
        let csrs = &mut self.csrs;
        csrs.scause = cause | u64::from(is_interrupt) << 63;
        csrs.sepc = pc;
        csrs.stval = tval;
        let previous = csrs.sstatus;
        csrs.sstatus = previous & !(SSTATUS_SPP | SSTATUS_SPIE | SSTATUS_SIE)
            | if self.user { 0 } else { SSTATUS_SPP }
            | if previous & SSTATUS_SIE != 0 { SSTATUS_SPIE } else { 0 };
        let vectored = csrs.stvec & 1 != 0 && is_interrupt;
        self.pc = (csrs.stvec & !3).wrapping_add(if vectored { 4 * cause } else { 0 });
        if self.user {
            self.user = false;
            self.update_view();
        }
    }

    /// Has the guest get an exception by the instruction at `pc`; `value` is what `stval` tells about it.
    pub(crate) fn raise(&mut self, exception: Exception, pc: u64, value: u64) {
        self.counts.exceptions += 1;
        self.enter_trap(exception as u64, false, pc, value);
    }

    /// Returns from the trap handler (`sret`).
    pub(crate) fn leave_trap(&mut self) {
        let csrs = &mut self.csrs;
        let previous = csrs.sstatus;
        csrs.sstatus = previous & !(SSTATUS_SPP | SSTATUS_SIE)
            | SSTATUS_SPIE
            | if previous & SSTATUS_SPIE != 0 { SSTATUS_SIE } else { 0 };
        self.pc = csrs.sepc;
        if previous & SSTATUS_SPP == 0 {
            self.user = true;
            self.update_view();
        }
    }
}
