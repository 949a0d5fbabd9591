//! A driver that writes anything to a virtio device's registers and to its queues: no panic, no endless
//! work, no write outside the VM's memory, nothing untrue said to whoever owns the balloon's memory; after
//! a reset the device works again.
//!
//! The devices' workers are driven on this thread, so a run is the same every time.

#![no_main]

use addr::{Gfn, Gpa, PAGE_SIZE, PageCount, VmId};
use arbitrary::Arbitrary;
use devices::{
    Balloon, BalloonDevice, BalloonEvent, Bus, ConsolePort, Ecam, NamedPort, PciHost, PciWindow, Plic,
    PortDevice, Rng, VirtioPci, Worker, map,
};
use libfuzzer_sys::fuzz_target;
use machine::{Pool, VmMemory};
use std::collections::BTreeSet;
use std::ops::Range;
use std::sync::{Arc, LazyLock};
use std::time::Instant;

const PAGES: PageCount = PageCount(16);
/// A worker's tasks after each action, at most: queues that overlap what their device writes can
/// keep it busy for as long as they stay.
const TASKS: usize = 4;

const STATUS: u64 = 20;

static POOL: LazyLock<Pool> = LazyLock::new(|| Pool::new(PAGES.bytes()).expect("a small pool fits"));

#[derive(Arbitrary, Debug)]
enum Action {
    /// Any access to a function's configuration space.
    Configure { slot: Slot, register: u8, size: Size, value: u32 },
    /// Any access to a BAR, where it was put at the start.
    Register { slot: Slot, offset: u16, size: Size, value: u64 },
    /// A write to memory.
    Memory { offset: u16, bytes: Vec<u8> },
    /// A well-behaved start, but for where the queues may be.
    Start { slot: Slot, features: u32, log_size: u8, rings: Option<[u16; 3]> },
    /// A descriptor at the start of memory, and the first `available` of it in the rings above it: where
    /// queues are if nothing else is said.
    Submit {
        slot: Slot,
        queue: Queue,
        index: u8,
        start: u16,
        bytes: u32,
        flags: u8,
        next: u8,
        available: u16,
    },
    /// A list of pages, most of which exist, for a queue of the balloon.
    List { queue: Queue, pages: Vec<u8> },
    /// Input from the host, to the console and to the port; what the port's guest said is heard.
    Input(Vec<u8>),
    /// A control message of the port's driver.
    Control { port: u8, event: u8, value: u8 },
    /// The host asks for a balloon of that size, and for statistics.
    Ask(u8),
}

#[derive(Arbitrary, Debug, Clone, Copy)]
enum Slot {
    Rng,
    Console,
    Balloon,
    Port,
}

/// As many as the device with the most has.
#[derive(Arbitrary, Debug, Clone, Copy)]
enum Queue {
    First,
    Second,
    Third,
    Fourth,
    Fifth,
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
    balloon: Balloon,
    port: NamedPort,
    rng: Arc<VirtioPci>,
    rng_worker: Worker<Rng>,
    console_worker: Worker<devices::Console>,
    balloon_worker: Worker<BalloonDevice>,
    port_worker: Worker<PortDevice>,
}

impl Machine {
    fn new() -> Self {
        let plic = Plic::new(1, Arc::new(|_, _| {}));
        let (rng, rng_worker) = VirtioPci::new(Rng, plic.line(PciHost::source(0)));
        let line = plic.line(PciHost::source(1));
        let (console, console_function, console_worker) =
            ConsolePort::attach(Box::new(std::io::sink()), line);
        let line = plic.line(PciHost::source(2));
        let (balloon, balloon_function, balloon_worker) = Balloon::attach(pages(), ledger(), line);
        let (port, port_function, port_worker) = NamedPort::attach("fuzz", plic.line(PciHost::source(3)));
        let mut pci = PciHost::new();
        pci.insert(0, Arc::clone(&rng));
        pci.insert(1, console_function);
        pci.insert(2, balloon_function);
        pci.insert(3, port_function);
        let pci = Arc::new(pci);
        let mut bus = Bus::new();
        bus.add(map::PLIC, plic);
        bus.add(map::ECAM, Arc::new(Ecam(Arc::clone(&pci))));
        bus.add(map::PCI_WINDOW, Arc::new(PciWindow(pci)));
        let memory = VmMemory::new(&POOL, VmId(1), pages().start, PAGES).expect("the pool holds the VM");
        let machine = Self {
            bus,
            memory,
            console,
            balloon,
            port,
            rng,
            rng_worker,
            console_worker,
            balloon_worker,
            port_worker,
        };
        for slot in [0, 1, 2, 3] {
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
        self.write(slot, 0, 4, 0);
        let offered = self.read(slot, 4, 4);
        self.write(slot, 12, 4, offered & u64::from(features));
        self.write(slot, 8, 4, 1);
        self.write(slot, 12, 4, 1);
        self.write(slot, STATUS, 1, 8);
        for queue in 0..5 {
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

    /// Submits a list of pages.
    fn list(&self, queue: Queue, list: &[u8]) {
        let numbers = list.iter().map(|&page| pages().start.0 as u32 + u32::from(page % 20));
        let list: Vec<u8> = numbers.flat_map(u32::to_le_bytes).collect();
        self.submit(Slot::Balloon, queue, &list);
    }

    /// Submits a control message to the port.
    fn control(&self, port: u8, event: u8, value: u8) {
        self.submit(Slot::Port, Queue::Fourth, &[port % 2, 0, 0, 0, event % 9, 0, value % 3, 0]);
    }

    /// Submits bytes for the device to read, by the first descriptor, where queues are if nothing else is said.
    fn submit(&self, slot: Slot, queue: Queue, bytes: &[u8]) {
        let mut descriptor = (map::RAM_START.0 + 3 * PAGE_SIZE).to_le_bytes().to_vec();
        descriptor.extend((bytes.len() as u64).to_le_bytes());
        self.store(0, &descriptor);
        self.store(3 * PAGE_SIZE, bytes);
        let mut available = [0; 2];
        let index = Gpa(map::RAM_START.0 + PAGE_SIZE + 2);
        self.memory.read(index, &mut available).expect("it is memory");
        self.store(PAGE_SIZE + 2, &u16::from_le_bytes(available).wrapping_add(1).to_le_bytes());
        self.write(slot as u64, 0x3000 + 4 * queue as u64, 2, 0);
    }

    fn act(&mut self, action: Action) {
        match action {
            Action::Configure { slot, register, size, value } => {
                self.configure(slot as u64, register.into(), size.bytes(), value.into());
            }
            Action::Register { slot, offset, size, value } => {
                self.write(slot as u64, offset.into(), size.bytes(), value);
                self.read(slot as u64, offset.into(), size.bytes());
            }
            Action::Memory { offset, bytes } => self.store(offset.into(), &bytes),
            Action::Start { slot, features, log_size, rings } => {
                let rings = rings.unwrap_or([0, PAGE_SIZE as u16, 2 * PAGE_SIZE as u16]);
                let rings = rings.map(|ring| map::RAM_START.0 + u64::from(ring & !3));
                self.start(slot as u64, features, 1 << (log_size % 8), rings);
            }
            Action::Submit { slot, queue, index, start, bytes, flags, next, available } => {
                let mut raw = (map::RAM_START.0 + u64::from(start)).to_le_bytes().to_vec();
                raw.extend(bytes.to_le_bytes());
                raw.extend([flags, 0, next, 0]);
                self.store(u64::from(index) * 16, &raw);
                self.store(PAGE_SIZE + 2, &available.to_le_bytes());
                self.write(slot as u64, 0x3000 + 4 * queue as u64, 2, 0);
            }
            Action::List { queue, pages } => self.list(queue, &pages),
            Action::Input(bytes) => {
                self.console.enqueue(&bytes);
                let talk = self.port.talk();
                talk.say(&bytes);
                self.port_worker.catch_up(&self.memory, TASKS);
                let _ = talk.hear(&mut [0; 64], Instant::now());
            }
            Action::Control { port, event, value } => self.control(port, event, value),
            Action::Ask(target) => {
                self.balloon.set_target(PageCount(target.into()));
                self.balloon.request_statistics();
            }
        }
        self.rng_worker.catch_up(&self.memory, TASKS);
        self.console_worker.catch_up(&self.memory, TASKS);
        self.balloon_worker.catch_up(&self.memory, TASKS);
        self.port_worker.catch_up(&self.memory, TASKS);
        assert!(self.balloon.report().held <= PAGES);
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
        assert_eq!(used, [0, 0, 1, 0, 0, 0, 0, 0, 64, 0, 0, 0], "{:?}", self.rng.stats());
        self.memory.audit().expect("memory is in order");
    }
}

fn pages() -> Range<Gfn> {
    let first = Gfn::containing(map::RAM_START);
    first..Gfn(first.0 + PAGES.0)
}

/// The owner of the balloon's memory, who knows what is in it and believes nothing else.
fn ledger() -> Box<dyn FnMut(BalloonEvent<'_>) + Send> {
    let mut held = BTreeSet::new();
    Box::new(move |event| match event {
        BalloonEvent::Inflated(gfns) => {
            assert!(!gfns.is_empty());
            assert!(gfns.iter().all(|gfn| pages().contains(gfn) && held.insert(*gfn)), "{gfns:?}");
        }
        BalloonEvent::Deflated(gfns) => assert!(gfns.iter().all(|gfn| held.remove(gfn)), "{gfns:?}"),
        BalloonEvent::Reported(ranges) => {
            for range in ranges {
                assert!(pages().start <= range.start && range.end <= pages().end, "{range:?}");
                assert_eq!(held.range(range.clone()).next(), None, "{range:?}");
            }
        }
    })
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
