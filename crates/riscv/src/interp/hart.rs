//! A hart: its state, its decoded code, and the loop that runs slices.

use crate::cpu::counts::HartCounts;
use crate::cpu::csrs::Csrs;
use crate::cpu::devices::Devices;
use crate::cpu::lines::Lines;
use crate::cpu::state::Cpu;
use crate::interp::flow::jump;
use crate::interp::op::Code;
use crate::interp::place::Here;
use crate::interp::state::{Exit, Interp, Stop};
use addr::{Gfn, Gva, Mfn};
use machine::VmMemory;
use mmu::{Mmu, Technique};
use std::sync::Arc;
use std::time::Instant;

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
    interp: Interp,
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
        Self { interp: Interp::new(Cpu::new(memory, devices, lines, technique, boot)), code }
    }

    /// Sets the hart to start at `pc` as SBI's `hart_start` and the boot protocol ask: `a0` and `a1`
    /// as given, translation and interrupts off.
    pub fn start(&mut self, pc: u64, a0: u64, a1: u64) {
        let cpu = &mut self.interp.cpu;
        cpu.csrs = Csrs::reset();
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
        let (interp, code) = (&mut self.interp, &self.code);
        interp.slice = slice;
        interp.here = Here::with_slice(slice);
        interp.cpu.update_timer();
        let exit = loop {
            if let Some(cause) = interp.cpu.interrupt() {
                interp.cpu.counts.interrupts += 1;
                let pc = interp.cpu.pc;
                interp.cpu.enter_trap(cause, true, pc, 0);
            }
            interp.exit = Exit::Slice;
            match chain(interp, code) {
                Stop::Slice => break Exit::Slice,
                Stop::Exit => break interp.exit,
                Stop::Resume => {}
                #[cfg(debug_assertions)]
                Stop::Next => unreachable!("the chain ran on"),
            }
        };
        interp.cpu.counts.instructions += u64::from(interp.here.instructions(slice));
        interp.cpu.counts.accesses += u64::from(interp.here.accesses());
        interp.here = Here::with_slice(slice);
        exit
    }

    /// The integer register `x`.
    ///
    /// # Panics
    /// If `x` is not below 32.
    pub fn x(&self, x: u8) -> u64 {
        assert!(x < 32);
        self.interp.cpu.x(x)
    }

    /// Writes an integer register; writes to `x0` do nothing.
    ///
    /// # Panics
    /// If `x` is not below 32.
    pub fn set_x(&mut self, x: u8, value: u64) {
        assert!(x < 32);
        if x != 0 {
            self.interp.cpu.set_x(x, value);
        }
    }

    /// All registers.
    pub fn registers(&self) -> Registers {
        let csrs = &self.interp.cpu.csrs;
        Registers {
            pc: self.interp.cpu.pc,
            x: self.interp.cpu.integer_registers(),
            f: self.interp.cpu.float_registers(),
            fcsr: u64::from(csrs.frm) << 5 | u64::from(csrs.fflags),
            user: self.interp.cpu.user,
            trap: [csrs.scause, csrs.sepc, csrs.stval, csrs.stvec],
        }
    }

    /// Puts a value into a floating-point register and switches floating point on.
    ///
    /// # Panics
    /// If `f` is not below 32.
    pub fn set_f(&mut self, f: u8, bits: u64) {
        assert!(f < 32);
        self.interp.cpu.set_f(f, bits);
    }

    /// When the guest's timer next ends a `wfi`, if it is set and its interrupt enabled.
    pub fn wakes_at(&self) -> Option<Instant> {
        if !self.interp.cpu.timer_is_enabled() {
            return None;
        }
        let ticks = self.interp.cpu.csrs.stimecmp;
        // A time beyond the host's clock is as good as never.
        let nanoseconds = ticks.checked_mul(1_000_000_000 / Cpu::TIMEBASE)?;
        self.interp.cpu.boot.checked_add(std::time::Duration::from_nanos(nanoseconds))
    }

    /// Has its clock stand still for `time` that has passed.
    pub fn delay_clock(&mut self, time: std::time::Duration) {
        self.interp.cpu.boot += time;
    }

    /// Sets the guest's timer to fire at `ticks` of its clock, as SBI's `set_timer` does.
    pub fn set_timer(&mut self, ticks: u64) {
        self.interp.cpu.csrs.stimecmp = ticks;
        self.interp.cpu.update_timer();
    }

    /// Whether an interrupt is pending that ends a `wfi`.
    pub fn may_wake(&mut self) -> bool {
        self.interp.cpu.update_timer();
        self.interp.cpu.may_wake()
    }

    /// What a remote `fence.i` asks for.
    pub fn fence_i(&mut self) {
        self.interp.cpu.mmu.drop_instructions();
    }

    /// Forgets every translation that leads to one of `pages`' frames, and a reservation.
    pub fn take_away(&mut self, pages: &[(Gfn, Mfn)]) {
        self.interp.cpu.reservation = None;
        self.interp.cpu.mmu.take_away(pages);
    }

    /// Carries out a remote `sfence.vma`.
    pub fn fence(&mut self, gva: Option<Gva>, asid: Option<u16>) {
        self.interp.cpu.mmu.fence(gva, asid);
    }

    /// The hart's MMU.
    pub fn mmu(&self) -> &Mmu {
        &self.interp.cpu.mmu
    }

    /// Changes how the hart's translations are made.
    pub fn set_technique(&mut self, technique: Technique) {
        self.interp.cpu.mmu.set_technique(technique);
    }

    /// What the hart did so far.
    pub fn counts(&self) -> HartCounts {
        self.interp.cpu.counts
    }

    /// Forgets the decoded code and the shadow tables that were not used since this was called last, and gives
    /// their memory back.
    pub fn forget_unused(&mut self) {
        self.code.forget_unused(&mut self.interp.cpu.mmu);
        self.interp.cpu.mmu.forget_unused();
    }

    /// Keeps from now on no more decoded code and shadow tables than about so many bytes, each but a little.
    pub fn limit_caches(&mut self, code: u64, shadow: u64) {
        self.code.limit(&mut self.interp.cpu.mmu, code);
        self.interp.cpu.mmu.limit_shadow(shadow);
    }

    /// Bytes of host memory that decoded code takes.
    pub fn code_bytes(&self) -> u64 {
        self.code.bytes()
    }
}

/// Runs operations from `cpu.pc` on until something stops them.
#[cfg(not(debug_assertions))]
fn chain(interp: &mut Interp, code: &Code) -> Stop {
    jump(interp, code, interp.cpu.pc, interp.here)
}

/// Runs operations from `cpu.pc` on until something stops them, one call at a time.
#[cfg(debug_assertions)]
fn chain(interp: &mut Interp, code: &Code) -> Stop {
    let mut stop = jump(interp, code, interp.cpu.pc, interp.here);
    while stop == Stop::Next {
        let here = interp.here;
        let line = match interp.table {
            Some(table) => code.line(table, here.at()).expect("the line being executed is kept"),
            None => code.alone_again(),
        };
        let slot = line.slot(here.at());
        stop = (slot.get().run)(interp, code, line, here, slot);
    }
    stop
}
