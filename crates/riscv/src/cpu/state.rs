//! The state of one hart.

use crate::cpu::counts::HartCounts;
use crate::cpu::csrs::{Csrs, SSTATUS_FS, SSTATUS_MXR, SSTATUS_SUM, TIMER};
use crate::cpu::devices::Devices;
use crate::cpu::lines::Lines;
use crate::isa::float::{Flags, Rounding};
use machine::{Frame, Pool, VmMemory};
use mmu::{Mmu, Technique, View};
use std::sync::Arc;
use std::time::Instant;

/// A loaded reservation (LR), until SC, a trap of the host or the page's leaving ends it.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) struct Reservation {
    pub(crate) frame: Frame,
    pub(crate) offset: u64,
    pub(crate) size: u64,
    pub(crate) value: u64,
}

/// One hart's state.
pub(crate) struct Cpu {
    /// Integer registers. Slot 0 is always zero; [`Cpu::SINK`] takes what is written to `x0`. There
    /// are as many slots as an index has values, so that no access needs a check.
    x: [u64; 256],
    f: [u64; 32],
    /// The next instruction. It is current between instructions only: the interpreter has its own position.
    pub(crate) pc: u64,
    pub(crate) user: bool,
    pub(crate) csrs: Csrs,
    pub(crate) mmu: Mmu,
    pub(crate) pool: Pool,
    pub(crate) memory: Arc<VmMemory>,
    pub(crate) devices: Arc<dyn Devices>,
    pub(crate) lines: Arc<Lines>,
    /// Whether `stimecmp` has passed, as of the slice's beginning.
    pub(crate) timer: bool,
    pub(crate) boot: Instant,
    pub(crate) reservation: Option<Reservation>,
    pub(crate) counts: HartCounts,
}

impl Cpu {
    /// The register slot that stands for `x0` as a destination.
    pub(crate) const SINK: u8 = 32;
    /// Ticks of the `time` CSR a second.
    pub(crate) const TIMEBASE: u64 = 10_000_000;

    /// Ends the reservation; gives the value loaded if it was this one. Not inlined: an operation that held the reservation
    /// on its stack could not go on to the next by a jump.
    #[inline(never)]
    pub(crate) fn take_reservation(&mut self, frame: Frame, offset: u64, size: u64) -> Option<u64> {
        let reservation = self.reservation.take()?;
        ((reservation.frame, reservation.offset, reservation.size) == (frame, offset, size))
            .then_some(reservation.value)
    }

    pub(crate) fn new(
        memory: Arc<VmMemory>,
        devices: Arc<dyn Devices>,
        lines: Arc<Lines>,
        technique: Technique,
        boot: Instant,
    ) -> Self {
        let mut cpu = Self {
            x: [0; 256],
            f: [0; 32],
            pc: 0,
            user: false,
            csrs: Csrs::reset(),
            mmu: Mmu::new(technique, &memory),
            pool: memory.pool().clone(),
            memory,
            devices,
            lines,
            timer: false,
            boot,
            reservation: None,
            counts: HartCounts::default(),
        };
        cpu.update_view();
        cpu
    }

    #[inline(always)]
    pub(crate) fn x(&self, register: u8) -> u64 {
        self.x[register as usize]
    }

    /// Writes a register: 1 to 31, or [`Cpu::SINK`].
    #[inline(always)]
    pub(crate) fn set_x(&mut self, register: u8, value: u64) {
        debug_assert!((1..=Self::SINK).contains(&register), "x{register} is no destination");
        self.x[register as usize] = value;
    }

    #[inline(always)]
    pub(crate) fn f(&self, register: u8) -> u64 {
        self.f[register as usize % 32]
    }

    #[inline(always)]
    pub(crate) fn set_f(&mut self, register: u8, value: u64) {
        self.f[register as usize % 32] = value;
        self.csrs.sstatus |= SSTATUS_FS;
    }

    /// Ticks of the guest's clock since it was powered on.
    pub(crate) fn time(&self) -> u64 {
        let elapsed = self.boot.elapsed();
        elapsed.as_secs() * Self::TIMEBASE
            + u64::from(elapsed.subsec_nanos()) / (1_000_000_000 / Self::TIMEBASE)
    }

    /// Instructions retired, of which the slice counted `counted`. One that raised an exception did not retire,
    /// though it was counted.
    pub(crate) fn retired(&self, counted: u32) -> u64 {
        self.counts.instructions + u64::from(counted) - self.counts.exceptions
    }

    /// Interrupts pending, as `sip` shows them.
    #[inline]
    pub(crate) fn pending(&self) -> u64 {
        self.lines.raised() | if self.timer { TIMER } else { 0 }
    }

    pub(crate) fn update_timer(&mut self) {
        self.timer = self.csrs.stimecmp != u64::MAX && self.time() >= self.csrs.stimecmp;
    }

    /// Tells the MMU from where the guest looks, after any change of privilege, SUM or MXR.
    pub(crate) fn update_view(&mut self) {
        let sstatus = self.csrs.sstatus;
        self.mmu.set_view(View {
            user: self.user,
            sum: sstatus & SSTATUS_SUM != 0,
            mxr: sstatus & SSTATUS_MXR != 0,
        });
    }

    /// The rounding mode an instruction's `rm` field asks for; `None` if it is reserved.
    pub(crate) fn rounding(&self, rm: u8) -> Option<Rounding> {
        Rounding::from_field(if rm == 7 { self.csrs.frm } else { rm })
    }

    pub(crate) fn flags(&self) -> Flags {
        Flags::from_bits(self.csrs.fflags)
    }

    pub(crate) fn set_flags(&mut self, flags: Flags) {
        self.csrs.fflags = flags.bits();
        self.csrs.sstatus |= SSTATUS_FS;
    }

    /// All of the integer registers, for people to look at.
    pub(crate) fn integer_registers(&self) -> [u64; 32] {
        std::array::from_fn(|register| self.x[register])
    }

    /// All of the floating-point registers.
    pub(crate) fn float_registers(&self) -> [u64; 32] {
        self.f
    }
}
