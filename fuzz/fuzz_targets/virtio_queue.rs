//! A driver that writes anything to a virtio device's registers and to its queues: no panic, no endless
//! work, no write outside the VM's memory; after a reset the device works again.
//!
//! The devices' workers are driven on this thread, so a run is the same every time.

#![no_main]

use addr::{Gfn, Gpa, PAGE_SIZE, PageCount};
use arbitrary::Arbitrary;
use devices::{Bus, ConsolePort, Ecam, PciHost, PciWindow, Plic, Rng, VirtioPci, map};
use libfuzzer_sys::fuzz_target;
use machine::{Pool, VmId, VmMemory};
use std::sync::{Arc, LazyLock};

const PAGES: PageCount = PageCount(16);
/// A worker's tasks after each action, at most: queues that overlap what their device writes can
/// keep it busy for as long as they stay.
const TASKS: usize = 4;

const STATUS: u64 = 20;

static POOL: LazyLock<Pool> = LazyLock::new(|| Pool::new(PAGES.bytes()).expect("a small pool fits"));

#[derive(Arbitrary, Debug)]
enum Action {
    /// Any access to a function's configuration space.
    Configure { second: bool, register: u8, size: Size, value: u32 },
    /// Any access to a BAR, where it was put at the start.
    Register { second: bool, offset: u16, size: Size, value: u64 },
    /// A write to memory.
    Memory { offset: u16, bytes: Vec<u8> },
    /// A well-behaved start, but for where the queues are.
    Start { second: bool, features: u32, log_size: u8, rings: [u16; 3] },
    /// A descriptor at the start of memory, and the first `available` of it in the rings above it.
    Submit {
        second: bool,
        queue: bool,
        index: u8,
        start: u16,
        bytes: u32,
        flags: u8,
        next: u8,
        available: u16,
    },
    /// Input from the host.
    Input(Vec<u8>),
}

#[derive(Arbitrary, Debug, Clone, Copy)]
enum Size {
    One,
    Two,
    Four,
    Eight,
}

impl Size {
    fn bytes(self) -> u8 {
        1 << self as u8
    }
}

/// A VM with no processor.
struct Machine {
    bus: Bus,
    memory: VmMemory,
    console: ConsolePort,
    functions: [Arc<VirtioPci>; 2],
    rng_worker: devices::Worker<Rng>,
    console_worker: devices::Worker<devices::Console>,
}

impl Machine {
    fn new() -> Self {
        let plic = Plic::new(1, Arc::new(|_, _| {}));
        let (rng, rng_worker) = VirtioPci::new(Rng, plic.line(PciHost::source(0)));
        let line = plic.line(PciHost::source(1));
        let (console, console_function, console_worker) =
            ConsolePort::attach(Box::new(std::io::sink()), line);
        let mut pci = PciHost::new();
        pci.insert(0, Arc::clone(&rng));
        pci.insert(1, Arc::clone(&console_function));
        let pci = Arc::new(pci);
        let mut bus = Bus::new();
        bus.add(map::PLIC, plic);
        bus.add(map::ECAM, Arc::new(Ecam(Arc::clone(&pci))));
        bus.add(map::PCI_WINDOW, Arc::new(PciWindow(pci)));
        let first = Gfn::containing(map::RAM_START);
        let memory = VmMemory::new(&POOL, VmId(1), first, PAGES).expect("the pool holds the VM");
        let machine =
            Self { bus, memory, console, functions: [rng, console_function], rng_worker, console_worker };
        for slot in [0, 1] {
            machine.configure(slot, 0x10, 4, bar(slot));
            machine.configure(slot, 4, 2, 2 | 4);
        }
        machine
    }

    fn configure(&self, slot: u64, register: u64, size: u8, value: u64) {
        let at = Gpa(map::ECAM.start.0 + (slot << 15) + register);
        self.bus.write(at, size, value).expect("the bridge is there");
        self.bus.read(at, size).expect("the bridge is there");
    }

    fn write(&self, slot: u64, offset: u64, size: u8, value: u64) {
        self.bus.write(Gpa(bar(slot) + offset), size, value).expect("the window is there");
    }

    fn read(&self, slot: u64, offset: u64, size: u8) -> u64 {
        self.bus.read(Gpa(bar(slot) + offset), size).expect("the window is there")
    }

    fn start(&self, slot: u64, features: u32, size: u16, rings: [u64; 3]) {
        self.write(slot, STATUS, 1, 0);
        self.write(slot, 8, 4, 0);
        self.write(slot, 12, 4, features.into());
        self.write(slot, 8, 4, 1);
        self.write(slot, 12, 4, 1);
        self.write(slot, STATUS, 1, 8);
        for queue in [0, 1] {
            self.write(slot, 22, 2, queue);
            self.write(slot, 24, 2, size.into());
            for (register, ring) in [32, 40, 48].into_iter().zip(rings) {
                self.write(slot, register, 8, ring);
            }
            self.write(slot, 28, 2, 1);
        }
        self.write(slot, STATUS, 1, 4);
    }

    fn store(&self, offset: u64, bytes: &[u8]) {
        // What reaches beyond the end is a mistake of this program's guest, and none of its devices.
        let _ = self.memory.write(Gpa(map::RAM_START.0 + offset), bytes);
    }

    fn act(&mut self, action: Action) {
        match action {
            Action::Configure { second, register, size, value } => {
                self.configure(second.into(), register.into(), size.bytes(), value.into());
            }
            Action::Register { second, offset, size, value } => {
                self.write(second.into(), offset.into(), size.bytes(), value);
                self.read(second.into(), offset.into(), size.bytes());
            }
            Action::Memory { offset, bytes } => self.store(offset.into(), &bytes),
            Action::Start { second, features, log_size, rings } => {
                let rings = rings.map(|ring| map::RAM_START.0 + u64::from(ring & !3));
                self.start(second.into(), features, 1 << (log_size % 8), rings);
            }
            Action::Submit { second, queue, index, start, bytes, flags, next, available } => {
                let mut raw = (map::RAM_START.0 + u64::from(start)).to_le_bytes().to_vec();
                raw.extend(bytes.to_le_bytes());
                raw.extend([flags, 0, next, 0]);
                self.store(u64::from(index) * 16, &raw);
                self.store(PAGE_SIZE + 2, &available.to_le_bytes());
                self.write(second.into(), 0x3000 + 4 * u64::from(queue), 2, 0);
            }
            Action::Input(bytes) => {
                self.console.enqueue(&bytes);
            }
        }
        self.rng_worker.catch_up(&self.memory, TASKS);
        self.console_worker.catch_up(&self.memory, TASKS);
    }

    /// The random number generator still works when it is driven as it should be.
    fn check(&mut self) {
        self.configure(0, 0x10, 4, bar(0));
        self.configure(0, 4, 2, 2 | 4);
        self.write(0, STATUS, 1, 0);
        self.rng_worker.catch_up(&self.memory, 2 * TASKS);
        assert_eq!(self.read(0, STATUS, 1), 0, "reset");
        self.store(0, &[0; 3 * PAGE_SIZE as usize]);
        let rings = [0, 1, 2].map(|page| map::RAM_START.0 + page * PAGE_SIZE);
        self.store(0, &(map::RAM_START.0 + 3 * PAGE_SIZE).to_le_bytes());
        self.store(8, &[64, 0, 0, 0, 2]);
        self.store(PAGE_SIZE + 2, &[1]);
        self.start(0, 0, 8, rings);
        self.rng_worker.catch_up(&self.memory, TASKS);
        let mut used = [0; 12];
        self.memory.read(Gpa(rings[2]), &mut used).expect("it is memory");
        assert_eq!(used, [0, 0, 1, 0, 0, 0, 0, 0, 64, 0, 0, 0], "{:?}", self.functions[0].stats());
        self.memory.audit().expect("memory is in order");
    }
}

fn bar(slot: u64) -> u64 {
    map::PCI_WINDOW.start.0 + slot * 0x10_0000
}

fuzz_target!(|actions: Vec<Action>| {
    let mut machine = Machine::new();
    for action in actions {
        machine.act(action);
    }
    machine.check();
});
