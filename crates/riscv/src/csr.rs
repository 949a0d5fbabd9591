//! Control and status registers.
//!
//! **Sources.** Volume II, "CSR Listing" and "Supervisor-Level ISA"; Volume I, "F", "Zicntr".

use crate::cpu::{Cpu, Csrs, Lines};
use crate::op::Here;
use mmu::Root;

const SIE: u64 = 1 << 1;
const SPIE: u64 = 1 << 5;
const SPP: u64 = 1 << 8;
/// Floating-point state; the VMM keeps it either off or dirty, as the manual allows.
pub(crate) const SSTATUS_FS: u64 = 3 << 13;
pub(crate) const SSTATUS_SUM: u64 = 1 << 18;
pub(crate) const SSTATUS_MXR: u64 = 1 << 19;
/// User mode is 64 bits wide, and that cannot change.
const UXL: u64 = 2 << 32;
const SD: u64 = 1 << 63;
const SSTATUS_WRITABLE: u64 = SIE | SPIE | SPP | SSTATUS_FS | SSTATUS_SUM | SSTATUS_MXR;

/// The timer's bit in `sip` and `sie`.
const TIMER: u64 = 1 << 5;
const INTERRUPTS: u64 = Lines::SOFTWARE | TIMER | Lines::EXTERNAL;

/// `senvcfg.CBZE`: user mode may clear cache blocks.
pub(crate) const SENVCFG_CBZE: u64 = 1 << 7;
const SENVCFG_FIOM: u64 = 1;

const FFLAGS: u16 = 0x001;
const FRM: u16 = 0x002;
const FCSR: u16 = 0x003;
const CYCLE: u16 = 0xc00;
const TIME: u16 = 0xc01;
const INSTRET: u16 = 0xc02;
pub(crate) const SSTATUS: u16 = 0x100;
const SIE_CSR: u16 = 0x104;
const STVEC: u16 = 0x105;
const SCOUNTEREN: u16 = 0x106;
const SENVCFG: u16 = 0x10a;
pub(crate) const SSCRATCH: u16 = 0x140;
pub(crate) const SEPC: u16 = 0x141;
pub(crate) const SCAUSE: u16 = 0x142;
pub(crate) const STVAL: u16 = 0x143;
pub(crate) const SIP: u16 = 0x144;
const STIMECMP: u16 = 0x14d;
const SATP: u16 = 0x180;

/// The register is not there, or not for this privilege.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Illegal;

/// What a write to a register may have changed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Effect {
    /// Nothing but the register.
    None,
    /// What interrupts may be taken.
    Interrupts,
    /// Translation: the next instruction must be looked up anew.
    Translation,
}

impl Csrs {
    pub(crate) const fn reset() -> Self {
        Self {
            sstatus: UXL,
            sie: 0,
            stvec: 0,
            // As firmware leaves it: kernels count on user code being able to read the clock.
            scounteren: 7,
            senvcfg: 0,
            sscratch: 0,
            sepc: 0,
            scause: 0,
            stval: 0,
            stimecmp: u64::MAX,
            fflags: 0,
            frm: 0,
        }
    }

    pub(crate) const fn float_is_off(&self) -> bool {
        self.sstatus & SSTATUS_FS == 0
    }
}

impl Cpu {
    /// Whether the current privilege may use the register at all.
    #[inline(always)]
    fn may_use(&self, csr: u16, write: bool) -> Result<(), Illegal> {
        let supervisor_only = csr >> 8 & 3 != 0;
        let read_only = csr >> 10 == 3;
        let counter_off = self.user && (CYCLE..=INSTRET).contains(&csr) && {
            self.csrs.scounteren >> (csr - CYCLE) & 1 == 0
        };
        let float_off = csr <= FCSR && self.csrs.float_is_off();
        if supervisor_only && self.user || read_only && write || counter_off || float_off {
            return Err(Illegal);
        }
        Ok(())
    }

    /// Reads a register. Inlined, since for most the number is known when their instruction is
    /// compiled, and little is left of the `match`; so is writing.
    #[inline(always)]
    pub(crate) fn read_csr(&self, csr: u16, here: Here) -> Result<u64, Illegal> {
        self.may_use(csr, false)?;
        let csrs = &self.csrs;
        Ok(match csr {
            FFLAGS => u64::from(csrs.fflags),
            FRM => u64::from(csrs.frm),
            FCSR => u64::from(csrs.frm) << 5 | u64::from(csrs.fflags),
            CYCLE | INSTRET => self.retired(here),
            TIME => self.time(),
            SSTATUS => csrs.sstatus | if csrs.float_is_off() { 0 } else { SD },
            SIE_CSR => csrs.sie,
            STVEC => csrs.stvec,
            SCOUNTEREN => csrs.scounteren,
            SENVCFG => csrs.senvcfg,
            SSCRATCH => csrs.sscratch,
            SEPC => csrs.sepc,
            SCAUSE => csrs.scause,
            STVAL => csrs.stval,
            SIP => self.pending(),
            STIMECMP => csrs.stimecmp,
            SATP => self.mmu.root().satp(),
            _ => return Err(Illegal),
        })
    }

    /// Writes a register.
    #[inline(always)]
    pub(crate) fn write_csr(&mut self, csr: u16, value: u64) -> Result<Effect, Illegal> {
        self.may_use(csr, true)?;
        match csr {
            FFLAGS => self.set_float_state(self.csrs.frm, value as u8),
            FRM => self.set_float_state(value as u8, self.csrs.fflags),
            FCSR => self.set_float_state((value >> 5) as u8, value as u8),
            SSTATUS => self.set_sstatus(value),
            SIE_CSR => self.csrs.sie = value & INTERRUPTS,
            // Direct and vectored; the reserved modes keep what was there.
            STVEC if value & 2 == 0 => self.csrs.stvec = value,
            STVEC => {}
            SCOUNTEREN => self.csrs.scounteren = value & 7,
            SENVCFG => self.csrs.senvcfg = value & (SENVCFG_CBZE | SENVCFG_FIOM),
            SSCRATCH => self.csrs.sscratch = value,
            SEPC => self.csrs.sepc = value & !1,
            SCAUSE => self.csrs.scause = value,
            STVAL => self.csrs.stval = value,
            // Of `sip` only the software interrupt is for the guest to write.
            SIP if value & Lines::SOFTWARE == 0 => self.lines.lower(Lines::SOFTWARE),
            SIP => self.lines.raise(Lines::SOFTWARE),
            STIMECMP => {
                self.csrs.stimecmp = value;
                self.update_timer();
            }
            SATP => {
                if let Some(root) = Root::from_satp(value) {
                    self.mmu.switch(root);
                }
            }
            _ => return Err(Illegal),
        }
        Ok(match csr {
            SSTATUS | SIE_CSR | SIP | STIMECMP => Effect::Interrupts,
            SATP => Effect::Translation,
            _ => Effect::None,
        })
    }

    fn set_float_state(&mut self, frm: u8, fflags: u8) {
        self.csrs.frm = frm & 7;
        self.csrs.fflags = fflags & 31;
        self.csrs.sstatus |= SSTATUS_FS;
    }

    #[inline(always)]
    fn set_sstatus(&mut self, value: u64) {
        let float = if value & SSTATUS_FS == 0 { 0 } else { SSTATUS_FS };
        let before = self.csrs.sstatus;
        self.csrs.sstatus = value & (SSTATUS_WRITABLE & !SSTATUS_FS) | float | UXL;
        if (before ^ value) & (SSTATUS_SUM | SSTATUS_MXR) != 0 {
            self.update_view();
        }
    }

    /// The interrupt to take now, by priority: external, software, timer.
    pub(crate) fn interrupt(&self) -> Option<u64> {
        let enabled = self.user || self.csrs.sstatus & SIE != 0;
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
        csrs.sstatus = previous & !(SPP | SPIE | SIE)
            | if self.user { 0 } else { SPP }
            | if previous & SIE != 0 { SPIE } else { 0 };
        let vectored = csrs.stvec & 1 != 0 && is_interrupt;
        self.pc = (csrs.stvec & !3).wrapping_add(if vectored { 4 * cause } else { 0 });
        if self.user {
            self.user = false;
            self.update_view();
        }
    }

    /// Returns from the trap handler (`sret`).
    pub(crate) fn leave_trap(&mut self) {
        let csrs = &mut self.csrs;
        let previous = csrs.sstatus;
        csrs.sstatus = previous & !(SPP | SIE) | SPIE | if previous & SPIE != 0 { SIE } else { 0 };
        self.pc = csrs.sepc;
        if previous & SPP == 0 {
            self.user = true;
            self.update_view();
        }
    }
}
