//! A hart: its state, its decoded code, and the loop that runs slices.

use crate::code::Code;
use crate::cpu::{Cpu, Devices, Lines};
use crate::fetch::jump;
use crate::op::{Here, Stop};
use addr::{Gfn, Gva, Mfn};
use machine::{Use, VmMemory};
use mmu::{Mmu, Technique};
use std::sync::Arc;
use std::time::Instant;

/// Why a slice ended.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Exit {
    /// It was used up.
    Slice,
    /// A page must be made ready ([`VmMemory::resolve`]); then the instruction is tried again.
    NeedsWork(Gfn, Use),
    /// `ecall` from supervisor mode: an SBI call. The pc is behind it.
    Call,
    /// `wfi`: nothing to do until an interrupt or [`Hart::wakes_at`].
    Wait,
    /// `pause`: the hart waits for another one.
    Pause,
}

/// What a hart did, since the beginning. Nanoseconds in the MMU are an estimate from timing one
/// miss in 64; those in devices are measured each time.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct HartCounts {
    /// Instructions run, those that raised an exception among them.
    pub instructions: u64,
    /// Loads, stores and atomics, those that missed the TLB among them.
    pub accesses: u64,
    /// TLB misses of any kind, repeated ones among them.
    pub misses: u64,
    /// Accesses that were not aligned.
    pub misaligned: u64,
    /// Exceptions the guest got.
    pub exceptions: u64,
    /// Interrupts the guest got.
    pub interrupts: u64,
    /// Accesses to devices.
    pub device_accesses: u64,
    /// Time in devices' register handlers.
    pub device_nanoseconds: u64,
    /// Time translating addresses.
    pub mmu_nanoseconds: u64,
}

/// The registers of a hart, for people to look at.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Registers {
    /// The next instruction.
    pub pc: u64,
    /// Integer registers.
    pub x: [u64; 32],
    /// Floating-point registers.
    pub f: [u64; 32],
    /// `fcsr`: rounding mode and accrued exceptions.
    pub fcsr: u64,
    /// Whether it runs user code.
    pub user: bool,
    /// `scause`, `sepc`, `stval` and `stvec`.
    pub trap: [u64; 4],
}

/// One hart. See the crate's documentation.
pub struct Hart {
    cpu: Cpu,
    code: Code,
}

impl Hart {
    /// The most bytes of host memory that a hart's decoded code takes.
    pub const MOST_CODE_BYTES: u64 = Code::MOST_BYTES;

    /// A hart with cleared registers, in supervisor mode, translation off. `boot` is when the
    /// guest's clock began.
    pub fn new(
        memory: Arc<VmMemory>,
        devices: Arc<dyn Devices>,
        lines: Arc<Lines>,
        technique: Technique,
        boot: Instant,
    ) -> Self {
        let code = Code::new(memory.new_cache());
        Self { cpu: Cpu::new(memory, devices, lines, technique, boot), code }
    }

    /// Sets the hart to start at `pc` as SBI's `hart_start` and the boot protocol ask: `a0` and `a1`
    /// as given, translation and interrupts off.
    pub fn start(&mut self, pc: u64, a0: u64, a1: u64) {
        let cpu = &mut self.cpu;
        cpu.csrs = crate::cpu::Csrs::reset();
        cpu.user = false;
        cpu.mmu.switch(mmu::Root::BARE);
        cpu.mmu.fence(None, None);
        cpu.update_view();
        cpu.reservation = None;
        cpu.pc = pc;
        cpu.set_x(10, a0);
        cpu.set_x(11, a1);
    }

    /// Runs up to `slice` instructions, a few more where the last block ends late.
    ///
    /// # Panics
    /// If `slice` is above 32,767.
    pub fn run(&mut self, slice: u32) -> Exit {
        assert!(slice <= Here::MAX_SLICE, "a slice of {slice} instructions");
        self.code.keep_spare();
        let (cpu, code) = (&mut self.cpu, &self.code);
        cpu.slice = slice;
        cpu.here = Here::with_slice(slice);
        cpu.update_timer();
        let exit = loop {
            if let Some(cause) = cpu.interrupt() {
                cpu.counts.interrupts += 1;
                let pc = cpu.pc;
                cpu.enter_trap(cause, true, pc, 0);
            }
            cpu.exit = Exit::Slice;
            match chain(cpu, code) {
                Stop::Slice => break Exit::Slice,
                Stop::Exit => break cpu.exit,
                Stop::Resume => {}
                #[cfg(debug_assertions)]
                Stop::Next => unreachable!("the chain ran on"),
            }
        };
        cpu.counts.instructions += u64::from(cpu.here.instructions(slice));
        cpu.counts.accesses += u64::from(cpu.here.accesses());
        cpu.here = Here::with_slice(slice);
        exit
    }

    /// The integer register `x`.
    ///
    /// # Panics
    /// If `x` is not below 32.
    pub fn x(&self, x: u8) -> u64 {
        assert!(x < 32);
        self.cpu.x(x)
    }

    /// Writes an integer register; writes to `x0` do nothing.
    ///
    /// # Panics
    /// If `x` is not below 32.
    pub fn set_x(&mut self, x: u8, value: u64) {
        assert!(x < 32);
        if x != 0 {
            self.cpu.set_x(x, value);
        }
    }

    /// All registers.
    pub fn registers(&self) -> Registers {
        let csrs = &self.cpu.csrs;
        Registers {
            pc: self.cpu.pc,
            x: self.cpu.integer_registers(),
            f: self.cpu.float_registers(),
            fcsr: u64::from(csrs.frm) << 5 | u64::from(csrs.fflags),
            user: self.cpu.user,
            trap: [csrs.scause, csrs.sepc, csrs.stval, csrs.stvec],
        }
    }

    /// Puts a value into a floating-point register and switches floating point on.
    ///
    /// # Panics
    /// If `f` is not below 32.
    pub fn set_f(&mut self, f: u8, bits: u64) {
        assert!(f < 32);
        self.cpu.set_f(f, bits);
    }

    /// When the guest's timer next ends a `wfi`, if it is set and its interrupt enabled.
    pub fn wakes_at(&self) -> Option<Instant> {
        if !self.cpu.timer_is_enabled() {
            return None;
        }
        let ticks = self.cpu.csrs.stimecmp;
        // A time beyond the host's clock is as good as never.
        let nanoseconds = ticks.checked_mul(1_000_000_000 / Cpu::TIMEBASE)?;
        self.cpu.boot.checked_add(std::time::Duration::from_nanos(nanoseconds))
    }

    /// Has its clock stand still for `time` that has passed.
    pub fn delay_clock(&mut self, time: std::time::Duration) {
        self.cpu.boot += time;
    }

    /// Sets the guest's timer to fire at `ticks` of its clock, as SBI's `set_timer` does.
    pub fn set_timer(&mut self, ticks: u64) {
        self.cpu.csrs.stimecmp = ticks;
        self.cpu.update_timer();
    }

    /// Whether an interrupt is pending that ends a `wfi`.
    pub fn may_wake(&mut self) -> bool {
        self.cpu.update_timer();
        self.cpu.may_wake()
    }

    /// What a remote `fence.i` asks for.
    pub fn fence_i(&mut self) {
        self.cpu.mmu.drop_instructions();
    }

    /// Forgets every translation that leads to one of `pages`' frames, and a reservation.
    pub fn take_away(&mut self, pages: &[(Gfn, Mfn)]) {
        self.cpu.reservation = None;
        self.cpu.mmu.take_away(pages);
    }

    /// Carries out a remote `sfence.vma`.
    pub fn fence(&mut self, gva: Option<Gva>, asid: Option<u16>) {
        self.cpu.mmu.fence(gva, asid);
    }

    /// The hart's MMU.
    pub fn mmu(&self) -> &Mmu {
        &self.cpu.mmu
    }

    /// Changes how the hart's translations are made.
    pub fn set_technique(&mut self, technique: Technique) {
        self.cpu.mmu.set_technique(technique);
    }

    /// What the hart did so far.
    pub fn counts(&self) -> HartCounts {
        self.cpu.counts
    }

    /// Forgets the decoded code and the shadow tables that were not used since this was called last, and gives
    /// their memory back.
    pub fn forget_unused(&mut self) {
        self.code.forget_unused(&mut self.cpu.mmu);
        self.cpu.mmu.forget_unused();
    }

    /// Keeps from now on no more decoded code and shadow tables than about so many bytes, each but a little.
    pub fn limit_caches(&mut self, code: u64, shadow: u64) {
        self.code.limit(&mut self.cpu.mmu, code);
        self.cpu.mmu.limit_shadow(shadow);
    }

    /// Bytes of host memory that decoded code takes.
    pub fn code_bytes(&self) -> u64 {
        self.code.bytes()
    }
}

/// Runs operations from `cpu.pc` on until something stops them.
#[cfg(not(debug_assertions))]
fn chain(cpu: &mut Cpu, code: &Code) -> Stop {
    jump(cpu, code, cpu.pc, cpu.here)
}

/// Runs operations from `cpu.pc` on until something stops them, one call at a time.
#[cfg(debug_assertions)]
fn chain(cpu: &mut Cpu, code: &Code) -> Stop {
    let mut stop = jump(cpu, code, cpu.pc, cpu.here);
    while stop == Stop::Next {
        let here = cpu.here;
        let line = match cpu.table {
            Some(table) => code.line(table, here.at()).expect("the line being executed is kept"),
            None => code.alone_again(),
        };
        let slot = line.slot(here.at());
        stop = (slot.get().run)(cpu, code, line, here, slot);
    }
    stop
}
