//! Code that is any bytes, in either mode, with either technique, while the host moves pages and raises
//! lines between slices: no panic, no slice without an end, and the caches are right afterwards.

#![no_main]

use addr::{Gfn, Gpa, Ma, Mfn, PAGE_SIZE, PageCount, VmId};
use arbitrary::Arbitrary;
use libfuzzer_sys::fuzz_target;
use machine::{Pool, ShootDown, Use, VmMemory};
use mmu::Technique;
use riscv::{Devices, Exit, Hart, Lines};
use std::sync::{Arc, LazyLock, Mutex};
use std::time::Instant;

const RAM: u64 = 0x8000_0000;
const PAGES: PageCount = PageCount(16);
const PRELUDE: u64 = RAM;
/// A table whose leaves of 1 GiB map all of it, for users and, one gigabyte further on, for the
/// supervisor.
const TABLE: u64 = RAM + 0x1000;
const CODE: u64 = RAM + 0x2ff0;
const CODE_BYTES: usize = 0x2000;
const SLICE: u32 = 64;
const SLICES: usize = 24;

static POOL: LazyLock<Pool> =
    LazyLock::new(|| Pool::new(PageCount(PAGES.0 + 4).bytes()).expect("a small pool fits"));

#[derive(Arbitrary, Debug)]
struct Input {
    user: bool,
    paging: bool,
    software: bool,
    status: u32,
    /// Values of registers: offsets into memory if even.
    registers: [u64; 12],
    /// What the host does before each slice.
    host: [u8; SLICES],
    code: Vec<u8>,
}

/// A device on one page; nobody elsewhere.
struct Device;

impl Devices for Device {
    fn read(&self, gpa: Gpa, size: u8) -> Option<u64> {
        assert!(matches!(size, 1 | 2 | 4 | 8) && gpa.0 % u64::from(size) == 0);
        (gpa.0 < PAGE_SIZE).then_some(gpa.0)
    }

    fn write(&self, gpa: Gpa, size: u8, value: u64) -> Option<()> {
        assert!(matches!(size, 1 | 2 | 4 | 8) && gpa.0 % u64::from(size) == 0);
        assert!(size == 8 || value >> (8 * size) == 0, "{value:#x} does not fit {size} bytes");
        (gpa.0 < PAGE_SIZE).then_some(())
    }
}

/// Notes what is to be taken away, which is done before the hart runs.
#[derive(Default)]
struct Taken(Mutex<Vec<(Gfn, Mfn)>>);

impl ShootDown for Taken {
    fn take_away(&self, pages: &[(Gfn, Mfn)]) {
        self.0.lock().expect("nobody panicked").extend_from_slice(pages);
    }
}

fn write(memory: &VmMemory, address: u64, bytes: &[u8]) {
    for (byte, at) in bytes.iter().zip(address..) {
        let mfn = memory.resolve(Gfn(at / PAGE_SIZE), Use::Write).expect("it is memory");
        memory.pool().store(Ma(mfn.base().0 + at % PAGE_SIZE), *byte);
    }
}

fn slice(hart: &mut Hart, memory: &VmMemory) -> Exit {
    let before = hart.counts().instructions;
    let exit = hart.run(SLICE);
    let ran = hart.counts().instructions - before;
    // Until a jump, what is left of a page and a little of the next.
    assert!(ran <= u64::from(SLICE) + 2 * PAGE_SIZE, "{ran} instructions in a slice of {SLICE}");
    if let Exit::NeedsWork(gfn, wanted) = exit {
        memory.resolve(gfn, wanted).expect("only memory needs work");
    }
    exit
}

fn start(input: &Input, hart: &mut Hart, memory: &VmMemory) {
    // csrw sepc, a1; csrw sstatus, a2; csrw satp, a3; csrw stvec, a4; wfi; sret
    const SET_UP: [u32; 6] = [0x1415_9073, 0x1006_1073, 0x1806_9073, 0x1057_1073, 0x1050_0073, 0x1020_0073];
    const LEAF: u64 = 0xcf;
    const USER: u64 = 1 << 4;
    write(memory, PRELUDE, &SET_UP.map(u32::to_le_bytes).concat());
    let gigabyte = RAM >> 12 << 10;
    let seen = if input.user { LEAF | USER } else { LEAF };
    for (entry, leaf) in [(0, LEAF | USER), (2, gigabyte | LEAF), (3, gigabyte | seen)] {
        write(memory, TABLE + entry * 8, &leaf.to_le_bytes());
    }
    let shift = if input.paging { 0x4000_0000 } else { 0 };
    write(memory, CODE, &input.code[..input.code.len().min(CODE_BYTES)]);
    hart.start(PRELUDE, 0, CODE + shift);
    let mode = if input.user { 0 } else { 1 << 8 };
    hart.set_x(12, u64::from(input.status) & !(1 << 8) | mode);
    hart.set_x(13, if input.paging { 8 << 60 | TABLE >> 12 } else { 0 });
    hart.set_x(14, CODE);
    while slice(hart, memory) != Exit::Wait {}
    for (value, register) in input.registers.iter().zip(5..) {
        let place = RAM + shift + value / 2 % PAGES.bytes().0;
        hart.set_x(register, if value % 2 == 0 { place } else { *value });
    }
}

fuzz_target!(|input: Input| {
    let memory = VmMemory::new(&POOL, VmId(1), Gfn(RAM / PAGE_SIZE), PAGES);
    let memory = Arc::new(memory.expect("the last run's memory is free again"));
    let taken = Arc::new(Taken::default());
    memory.attach(&taken);
    let lines = Arc::new(Lines::default());
    let technique = if input.software { Technique::Software } else { Technique::Hardware };
    let mut hart = Hart::new(memory.clone(), Arc::new(Device), lines.clone(), technique, Instant::now());
    start(&input, &mut hart, &memory);
    for host in input.host {
        match host >> 5 {
            0 => lines.raise(Lines::EXTERNAL),
            1 => lines.lower(Lines::EXTERNAL),
            2 => lines.raise(Lines::SOFTWARE),
            3 => hart.fence_i(),
            4 => hart.fence(None, None),
            5 => {
                hart.set_technique(if host & 1 == 0 { Technique::Hardware } else { Technique::Software });
            }
            _ => {
                let page = Gfn(RAM / PAGE_SIZE + u64::from(host) % PAGES.0);
                memory.move_pages(&[page]);
            }
        }
        hart.take_away(&std::mem::take(&mut *taken.0.lock().expect("nobody panicked")));
        slice(&mut hart, &memory);
        assert_eq!(hart.x(0), 0);
    }
    hart.mmu().audit(&memory).expect("the caches are right");
    memory.audit().expect("memory is in order");
});
