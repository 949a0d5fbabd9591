//! The state of one hart.

use crate::hart::{Exit, HartCounts};
use crate::isa::float::{Flags, Rounding};
use crate::op::{At, Here};
use addr::{Gpa, Gva};
use machine::{Frame, Pool, VmMemory};
use mmu::{Mmu, Technique, View};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Instant;

/// What answers accesses that are not to memory. Called under the hart's lock: short, never
/// blocking, never touching guest memory.
pub trait Devices: Send + Sync {
    /// Reads 1, 2, 4 or 8 bytes; `None` if nobody is there.
    fn read(&self, gpa: Gpa, size: u8) -> Option<u64>;
    /// Writes 1, 2, 4 or 8 bytes; `None` if nobody is there.
    fn write(&self, gpa: Gpa, size: u8, value: u64) -> Option<()>;
}

/// A hart's interrupt lines: bits of `sip` that others may set and clear at any time.
#[derive(Default)]
pub struct Lines(AtomicU64);

impl Lines {
    /// Supervisor software interrupt (SSIP): another hart calls.
    pub const SOFTWARE: u64 = 1 << 1;
    /// Supervisor external interrupt (SEIP): the interrupt controller calls.
    pub const EXTERNAL: u64 = 1 << 9;

    /// Raises lines.
    pub fn raise(&self, bits: u64) {
        self.0.fetch_or(bits, Ordering::SeqCst);
    }

    /// Lowers lines.
    pub fn lower(&self, bits: u64) {
        self.0.fetch_and(!bits, Ordering::SeqCst);
    }

    /// The lines raised now.
    #[inline]
    pub fn raised(&self) -> u64 {
        self.0.load(Ordering::SeqCst)
    }
}

/// A loaded reservation (LR), until SC, a trap of the host or the page's leaving ends it.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) struct Reservation {
    pub(crate) frame: Frame,
    pub(crate) offset: u64,
    pub(crate) size: u64,
    pub(crate) value: u64,
}

/// Supervisor CSRs with no effect of their own, and those that others read.
pub(crate) struct Csrs {
    pub(crate) sstatus: u64,
    pub(crate) sie: u64,
    pub(crate) stvec: u64,
    pub(crate) scounteren: u64,
    pub(crate) senvcfg: u64,
    pub(crate) sscratch: u64,
    pub(crate) sepc: u64,
    pub(crate) scause: u64,
    pub(crate) stval: u64,
    pub(crate) stimecmp: u64,
    pub(crate) fflags: u8,
    pub(crate) frm: u8,
}

/// One hart's state: what operations work on.
pub(crate) struct Cpu {
    /// Integer registers. Slot 0 is always zero; [`Cpu::SINK`] takes what is written to `x0`. There
    /// are as many slots as an index has values, so that no access needs a check.
    x: [u64; 256],
    f: [u64; 32],
    /// The gva of the page being executed: with a place in it, the pc.
    pub(crate) page_gva: u64,
    /// The table of lines of the page being executed, for builds that loop.
    #[cfg(debug_assertions)]
    pub(crate) table: Option<u32>,
    /// Where to go on, whenever a chain of operations has stopped.
    pub(crate) pc: u64,
    pub(crate) here: Here,
    pub(crate) slice: u32,
    pub(crate) exit: Exit,
    /// What a slow load found.
    pub(crate) loaded: u64,
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
            page_gva: 0,
            #[cfg(debug_assertions)]
            table: None,
            pc: 0,
            here: Here::with_slice(0),
            slice: 0,
            exit: Exit::Slice,
            loaded: 0,
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
        self.csrs.sstatus |= crate::csr::SSTATUS_FS;
    }

    /// The pc of the instruction at `at` in the page being executed.
    #[inline(always)]
    pub(crate) fn pc_at(&self, at: At) -> u64 {
        self.page_gva.wrapping_add(at.byte())
    }

    /// Ticks of the guest's clock since it was powered on.
    pub(crate) fn time(&self) -> u64 {
        let elapsed = self.boot.elapsed();
        elapsed.as_secs() * Self::TIMEBASE
            + u64::from(elapsed.subsec_nanos()) / (1_000_000_000 / Self::TIMEBASE)
    }

    /// Instructions retired up to `here`. One that raised an exception did not retire,
    /// though it was counted.
    pub(crate) fn retired(&self, here: Here) -> u64 {
        self.counts.instructions + u64::from(here.instructions(self.slice)) - self.counts.exceptions
    }

    /// Interrupts pending, as `sip` shows them.
    #[inline]
    pub(crate) fn pending(&self) -> u64 {
        self.lines.raised() | if self.timer { 1 << 5 } else { 0 }
    }

    pub(crate) fn update_timer(&mut self) {
        self.timer = self.csrs.stimecmp != u64::MAX && self.time() >= self.csrs.stimecmp;
    }

    /// Tells the MMU from where the guest looks, after any change of privilege, SUM or MXR.
    pub(crate) fn update_view(&mut self) {
        let sstatus = self.csrs.sstatus;
        self.mmu.set_view(View {
            user: self.user,
            sum: sstatus & crate::csr::SSTATUS_SUM != 0,
            mxr: sstatus & crate::csr::SSTATUS_MXR != 0,
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
        self.csrs.sstatus |= crate::csr::SSTATUS_FS;
    }

    /// All of the integer registers, for people to look at.
    pub(crate) fn integer_registers(&self) -> [u64; 32] {
        std::array::from_fn(|register| self.x[register])
    }

    /// All of the floating-point registers.
    pub(crate) fn float_registers(&self) -> [u64; 32] {
        self.f
    }

    #[inline(always)]
    pub(crate) fn gva(&self, op: crate::op::Op) -> Gva {
        Gva(self.x(op.rs1).wrapping_add(op.imm()))
    }
}
