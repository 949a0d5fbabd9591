//! A hart with memory, a device that remembers, and a way to start it in any mode.

use crate::asm::*;
use addr::{Gfn, Gpa, Ma, Mfn, PAGE_SIZE, PageCount, VmId};
use machine::{Pool, ShootDown, Use, VmMemory};
use mmu::Technique;
use parking_lot::Mutex;
use riscv::{Devices, Exit, Hart, Lines};
use std::sync::Arc;
use std::time::Instant;

pub(crate) const RAM: u64 = 0x8000_0000;
const RAM_PAGES: u64 = 0x1000;
/// The trap handler: a `wfi`, so that a trap ends a run with [`Exit::Wait`].
pub(crate) const HANDLER: u64 = RAM;
const PRELUDE: u64 = RAM + 0x800;
const TABLES: u64 = RAM + 0x1000;
/// Where tests put code and data.
pub(crate) const CODE: u64 = RAM + 0x10_0000;
pub(crate) const DATA: u64 = RAM + 0x20_0000;
/// The device, and a page of the bus where none is.
pub(crate) const DEVICE: u64 = 0x1000_0000;
pub(crate) const NOBODY: u64 = 0x1000_1000;
/// What [`Machine::map`] maps: virtual pages from here on.
pub(crate) const VIRTUAL: u64 = 0x4000_0000;

pub(crate) const SSTATUS_SIE: u64 = 1 << 1;
pub(crate) const SSTATUS_SPIE: u64 = 1 << 5;
pub(crate) const SSTATUS_SPP: u64 = 1 << 8;
pub(crate) const SSTATUS_FS: u64 = 3 << 13;
pub(crate) const SSTATUS_SUM: u64 = 1 << 18;
pub(crate) const SSTATUS_MXR: u64 = 1 << 19;

/// Flags of leaves: valid, accessed and dirty, with the permissions in between.
pub(crate) const READ: u64 = 0xc3;
pub(crate) const WRITE: u64 = 0xc7;
pub(crate) const EXECUTE: u64 = 0xc9;
pub(crate) const ALL: u64 = 0xcf;
pub(crate) const USER: u64 = 1 << 4;

/// An access that the device saw: address, size, and the value of a write.
pub(crate) type Seen = (u64, u8, Option<u64>);

#[derive(Default)]
pub(crate) struct Device(Mutex<Vec<Seen>>);

impl Device {
    /// What a read of any register gives.
    pub(crate) const VALUE: u64 = 0x8182_8384_8586_8788;

    pub(crate) fn seen(&self) -> Vec<Seen> {
        std::mem::take(&mut self.0.lock())
    }
}

impl Devices for Device {
    fn read(&self, gpa: Gpa, size: u8) -> Option<u64> {
        self.0.lock().push((gpa.0, size, None));
        (gpa.0 < NOBODY).then_some(Self::VALUE)
    }

    fn write(&self, gpa: Gpa, size: u8, value: u64) -> Option<()> {
        self.0.lock().push((gpa.0, size, Some(value)));
        (gpa.0 < NOBODY).then_some(())
    }
}

/// How to start.
#[derive(Clone, Copy)]
pub(crate) struct Start {
    pub(crate) user: bool,
    /// With Sv39, by this technique.
    pub(crate) paging: Option<Technique>,
    /// More bits of `sstatus`; [`SSTATUS_SPIE`] enables interrupts.
    pub(crate) status: u64,
}

/// In supervisor mode without translation.
pub(crate) const BARE: Start = Start { user: false, paging: None, status: 0 };
pub(crate) const USER_MODE: Start = Start { user: true, ..BARE };
pub(crate) const TECHNIQUES: [Technique; 2] = [Technique::Hardware, Technique::Software];

/// Notes what is to be taken away, for the test to do so before the hart runs.
#[derive(Default)]
pub(crate) struct Taken(Mutex<Vec<(Gfn, Mfn)>>);

impl ShootDown for Taken {
    fn take_away(&self, pages: &[(Gfn, Mfn)]) {
        self.0.lock().extend_from_slice(pages);
    }
}

pub(crate) struct Machine {
    pub(crate) memory: Arc<VmMemory>,
    taken: Arc<Taken>,
    pub(crate) device: Arc<Device>,
    pub(crate) lines: Arc<Lines>,
    pub(crate) hart: Hart,
}

impl Machine {
    /// The memory of a machine, without one.
    pub(crate) fn memory_alone() -> Arc<VmMemory> {
        let pool = Pool::new(PageCount(RAM_PAGES + 16).bytes()).expect("a small pool fits");
        let memory = VmMemory::new(&pool, VmId(1), Gfn(RAM / PAGE_SIZE), PageCount(RAM_PAGES));
        Arc::new(memory.expect("the pool is the VM's alone"))
    }

    pub(crate) fn new() -> Self {
        let machine = Self::sharing(&Self::memory_alone());
        machine.memory.attach(&machine.taken);
        machine
    }

    /// One more hart on the same memory, whose processors are yet to be attached.
    pub(crate) fn sharing(memory: &Arc<VmMemory>) -> Self {
        let (device, lines) = (Arc::new(Device::default()), Arc::new(Lines::default()));
        let technique = Technique::Hardware;
        let hart = Hart::new(memory.clone(), device.clone(), lines.clone(), technique, Instant::now());
        let taken = Arc::new(Taken::default());
        let machine = Self { memory: memory.clone(), taken, device, lines, hart };
        machine.put(HANDLER, &[WFI, WFI, WFI, WFI, WFI, WFI, WFI, WFI, WFI, WFI]);
        machine.put_double(TABLES + (RAM >> 30) * 8, RAM >> 12 << 10 | ALL);
        machine.put_double(TABLES + (VIRTUAL >> 30) * 8, (TABLES + PAGE_SIZE) >> 12 << 10 | 1);
        machine.put_double(TABLES + PAGE_SIZE, (TABLES + 2 * PAGE_SIZE) >> 12 << 10 | 1);
        machine
    }

    fn place(&self, address: u64) -> Ma {
        let mfn = self.memory.resolve(Gfn(address / PAGE_SIZE), Use::Write).expect("it is memory");
        Ma(mfn.base().0 + address % PAGE_SIZE)
    }

    pub(crate) fn put(&self, address: u64, words: &[u32]) {
        for (word, at) in words.iter().zip((address..).step_by(4)) {
            for (half, at) in [*word as u16, (*word >> 16) as u16].into_iter().zip([at, at + 2]) {
                self.memory.pool().store(self.place(at), half);
            }
        }
    }

    pub(crate) fn put_half(&self, address: u64, half: u16) {
        self.memory.pool().store(self.place(address), half);
    }

    pub(crate) fn put_double(&self, address: u64, value: u64) {
        self.memory.pool().store(self.place(address), value);
    }

    pub(crate) fn double(&self, address: u64) -> u64 {
        self.memory.pool().load(self.place(address))
    }

    /// Maps the virtual page number `page` to `gpa`; flags 0 unmap it.
    pub(crate) fn map(&self, page: u64, gpa: u64, flags: u64) {
        self.put_double(TABLES + 2 * PAGE_SIZE + page * 8, gpa >> 12 << 10 | flags);
    }

    /// Makes the hart stand before the jump to `pc`, in the mode asked for.
    pub(crate) fn start(&mut self, start: Start, pc: u64) {
        let prelude = [
            csrrw(0, STVEC, 10),
            csrrw(0, SEPC, 11),
            csrrw(0, SSTATUS, 12),
            csrrw(0, SATP, 13),
            SFENCE_VMA,
            FENCE_I,
            WFI,
            SRET,
        ];
        self.put(PRELUDE, &prelude);
        let mode = if start.user { 0 } else { SSTATUS_SPP };
        let satp = if start.paging.is_some() { 8 << 60 | TABLES >> 12 } else { 0 };
        self.hart.set_technique(start.paging.unwrap_or(Technique::Hardware));
        self.hart.start(PRELUDE, HANDLER, pc);
        self.hart.set_x(12, start.status | mode);
        self.hart.set_x(13, satp);
        assert_eq!(self.go(), Exit::Wait, "the prelude ends");
    }

    /// Runs until something other than a slice's end or a page to be made ready stops it.
    pub(crate) fn go(&mut self) -> Exit {
        self.go_in_slices(1000)
    }

    pub(crate) fn go_in_slices(&mut self, slice: u32) -> Exit {
        for _ in 0..1_000_000 {
            match self.hart.run(slice) {
                Exit::Slice => {}
                Exit::NeedsWork(gfn, wanted) => self.make_ready(gfn, wanted),
                exit => return exit,
            }
        }
        panic!("it does not end: {:x?}", self.hart.registers());
    }

    /// Runs slices of so many instructions until that many have run, in code that nothing else ends;
    /// gives how many did.
    pub(crate) fn run_slices_of(&mut self, slice: u64) -> u64 {
        let before = self.hart.counts().instructions;
        loop {
            match self.hart.run(slice as u32) {
                Exit::Slice => {}
                Exit::NeedsWork(gfn, wanted) => self.make_ready(gfn, wanted),
                exit => panic!("{exit:?}"),
            }
            let ran = self.hart.counts().instructions - before;
            if ran >= slice {
                return ran;
            }
        }
    }

    /// Puts code at [`CODE`] and runs it there with `registers` set.
    pub(crate) fn run(&mut self, start: Start, registers: &[(u8, u64)], code: &[u32]) -> Exit {
        self.put(CODE, code);
        self.start(start, CODE);
        self.set(registers);
        self.go()
    }

    pub(crate) fn set(&mut self, registers: &[(u8, u64)]) {
        for &(register, value) in registers {
            self.hart.set_x(register, value);
        }
    }

    /// Runs code that must trap: cause, epc and tval.
    pub(crate) fn trap(&mut self, start: Start, registers: &[(u8, u64)], code: &[u32]) -> [u64; 3] {
        let exceptions = self.hart.counts().exceptions;
        assert_eq!(self.run(start, registers, code), Exit::Wait, "the handler is reached");
        assert_eq!(self.hart.counts().exceptions, exceptions + 1, "by one exception");
        self.trapped()
    }

    /// Cause, epc and tval of the last trap.
    pub(crate) fn trapped(&self) -> [u64; 3] {
        let [cause, epc, tval, _] = self.hart.registers().trap;
        [cause, epc, tval]
    }

    /// Moves a page to another frame, as the host does while no slice runs.
    pub(crate) fn move_page(&mut self, address: u64) {
        let report = self.memory.move_pages(&[Gfn(address / PAGE_SIZE)]);
        self.take_away();
        assert_eq!(report.moved, 1);
    }

    pub(crate) fn make_ready(&mut self, gfn: Gfn, wanted: Use) {
        self.memory.resolve(gfn, wanted).expect("only memory needs work");
        self.take_away();
    }

    fn take_away(&mut self) {
        let pages = std::mem::take(&mut *self.taken.0.lock());
        self.hart.take_away(&pages);
    }
}
