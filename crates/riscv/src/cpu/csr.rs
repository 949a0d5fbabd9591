//! Access to control and status registers.
//!
//! **Sources.** Volume II, "CSR Listing" and "Supervisor-Level ISA"; Volume I, "F", "Zicntr".

use crate::cpu::csrs::{
    SENVCFG_CBZE, SENVCFG_FIOM, SSTATUS_FS, SSTATUS_MXR, SSTATUS_SD, SSTATUS_SIE, SSTATUS_SPIE, SSTATUS_SPP,
    SSTATUS_SUM, SSTATUS_UXL, TIMER,
};
use crate::cpu::lines::Lines;
use crate::cpu::state::Cpu;
use crate::isa::csr::{
    CYCLE, FCSR, FFLAGS, FRM, INSTRET, SATP, SCAUSE, SCOUNTEREN, SENVCFG, SEPC, SIE, SIP, SSCRATCH, SSTATUS,
    STIMECMP, STVAL, STVEC, TIME,
};
use mmu::Root;

const SSTATUS_WRITABLE: u64 =
    SSTATUS_SIE | SSTATUS_SPIE | SSTATUS_SPP | SSTATUS_FS | SSTATUS_SUM | SSTATUS_MXR;
const INTERRUPTS: u64 = Lines::SOFTWARE | TIMER | Lines::EXTERNAL;

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

    /// Reads a register; `counted` is the number of instructions that the slice has run. Inlined, since for most
    /// the number is known when their instruction is compiled, and little is left of the `match`; so is writing.
    #[inline(always)]
    pub(crate) fn read_csr(&self, csr: u16, counted: u32) -> Result<u64, Illegal> {
        self.may_use(csr, false)?;
        let csrs = &self.csrs;
        Ok(match csr {
            FFLAGS => u64::from(csrs.fflags),
            FRM => u64::from(csrs.frm),
            FCSR => u64::from(csrs.frm) << 5 | u64::from(csrs.fflags),
            CYCLE | INSTRET => self.retired(counted),
            TIME => self.time(),
            SSTATUS => csrs.sstatus | if csrs.float_is_off() { 0 } else { SSTATUS_SD },
            SIE => csrs.sie,
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
            SIE => self.csrs.sie = value & INTERRUPTS,
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
            SSTATUS | SIE | SIP | STIMECMP => Effect::Interrupts,
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
        self.csrs.sstatus = value & (SSTATUS_WRITABLE & !SSTATUS_FS) | float | SSTATUS_UXL;
        if (before ^ value) & (SSTATUS_SUM | SSTATUS_MXR) != 0 {
            self.update_view();
        }
    }
}
