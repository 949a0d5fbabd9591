//! The guest's side: memory in pages of their own, a bus, and a driver with no sense of proportion.

use crate::virtio::{VirtioDevice, VirtioPci, Worker, WorkerThread};
use crate::{Bus, DeviceStats, Ecam, IrqLine, PciHost, PciWindow, Plic, map};
use addr::{ByteSize, Gpa, PAGE_SIZE};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};
use vm_memory::{Bytes, GuestAddress, GuestMemoryMmap};

pub(super) const QUEUE_ENTRIES: u16 = 16;
pub(super) const READ: u16 = 0;
pub(super) const WRITE: u16 = 2;
/// Nothing is there.
pub(super) const BAD_ADDRESS: u64 = 0x1_0000_0000;

pub(super) const MEMORY: ByteSize = ByteSize::kib(256);
/// Queues a device has, at most.
const QUEUES: usize = 5;
/// A queue has three pages: descriptors, available ring, used ring.
const QUEUE_STRIDE: u64 = 3 * PAGE_SIZE;

/// The address of the n-th page for buffers.
pub(super) fn buffer(n: u64) -> u64 {
    map::RAM_START.0 + 16 * PAGE_SIZE + n * PAGE_SIZE
}

pub(super) type Memory = GuestMemoryMmap<()>;

type Start = Box<dyn FnOnce(Arc<Memory>) -> WorkerThread>;

/// A VM without processors.
pub(super) struct Machine {
    pub(super) memory: Arc<Memory>,
    plic: Arc<Plic>,
    level: Arc<AtomicBool>,
    bus: Bus,
    plugged: Vec<Arc<VirtioPci>>,
    starts: Vec<Start>,
    workers: Vec<WorkerThread>,
}

impl Machine {
    pub(super) fn new() -> Self {
        // A mapping for each page: nothing contiguous for the guest is so for the device.
        let pages: Vec<_> = (0..MEMORY.pages().0)
            .map(|page| (GuestAddress(map::RAM_START.0 + page * PAGE_SIZE), PAGE_SIZE as usize))
            .collect();
        let level = Arc::new(AtomicBool::new(false));
        let seen = Arc::clone(&level);
        let plic = Plic::new(1, Arc::new(move |_, level| seen.store(level, Ordering::SeqCst)));
        let mut bus = Bus::new();
        bus.add(map::PLIC, plic.clone());
        Self {
            memory: Arc::new(Memory::from_ranges(&pages).unwrap()),
            plic,
            level,
            bus,
            plugged: Vec::new(),
            starts: Vec::new(),
            workers: Vec::new(),
        }
    }

    /// Puts a device into the next slot.
    pub(super) fn plug<D: VirtioDevice>(
        &mut self,
        make: impl FnOnce(IrqLine) -> (Arc<VirtioPci>, Worker<D>),
    ) -> Driver {
        let slot = self.plugged.len() as u64;
        let (transport, worker) = make(self.plic.line(PciHost::source(slot as usize)));
        self.plugged.push(transport);
        self.starts.push(Box::new(move |memory| worker.spawn(memory, 1).unwrap()));
        Driver {
            slot,
            bar: map::PCI_WINDOW.start.0 + slot * 0x10_0000,
            accept: !0,
            available: [0; QUEUES],
            seen: [0; QUEUES],
        }
    }

    pub(super) fn start(&mut self) {
        let mut host = PciHost::new();
        for (slot, transport) in self.plugged.iter().enumerate() {
            host.insert(slot, Arc::clone(transport));
            let source = u64::from(PciHost::source(slot));
            self.write(map::PLIC.start.0 + 4 * source, 4, 1);
            self.write(map::PLIC.start.0 + 0x2000 + source / 32 * 4, 4, 0xffff_ffff);
        }
        let host = Arc::new(host);
        self.bus.add(map::ECAM, Arc::new(Ecam(Arc::clone(&host))));
        self.bus.add(map::PCI_WINDOW, Arc::new(PciWindow(host)));
        for start in self.starts.drain(..) {
            self.workers.push(start(Arc::clone(&self.memory)));
        }
    }

    pub(super) fn stop(&mut self) {
        self.workers.drain(..).for_each(WorkerThread::stop);
    }

    pub(super) fn stats(&self, slot: usize) -> DeviceStats {
        self.plugged[slot].stats()
    }

    pub(super) fn read(&self, address: u64, size: u8) -> u64 {
        let value = self.bus.read(Gpa(address), size).unwrap();
        value & (u64::MAX >> (64 - 8 * u32::from(size)))
    }

    pub(super) fn write(&self, address: u64, size: u8, value: u64) {
        self.bus.write(Gpa(address), size, value).unwrap();
    }

    pub(super) fn config(&self, slot: u64, register: u64, size: u8) -> u64 {
        self.read(map::ECAM.start.0 + (slot << 15) + register, size)
    }

    pub(super) fn set_config(&self, slot: u64, register: u64, size: u8, value: u64) {
        self.write(map::ECAM.start.0 + (slot << 15) + register, size, value);
    }

    /// The offsets of a function's capabilities.
    pub(super) fn capabilities(&self, slot: u64) -> impl Iterator<Item = u64> {
        let first = Some(self.config(slot, 0x34, 1)).filter(|&at| at != 0);
        std::iter::successors(first, move |at| Some(self.config(slot, at + 1, 1)).filter(|&at| at != 0))
    }

    /// Whether the hart is interrupted. Claims and completes, as a request once made stays.
    pub(super) fn interrupted(&self) -> bool {
        let claim = map::PLIC.start.0 + 0x20_0004;
        let source = self.read(claim, 4);
        self.write(claim, 4, source);
        self.level.load(Ordering::SeqCst)
    }

    pub(super) fn wait_for(&self, what: &str, mut condition: impl FnMut() -> bool) {
        let deadline = Instant::now() + Duration::from_secs(10);
        while !condition() {
            assert!(Instant::now() < deadline, "waited in vain for {what}; {:?}", self.stats(0));
            std::thread::sleep(Duration::from_micros(100));
        }
    }
}

/// A guest's driver of one virtio device.
pub(super) struct Driver {
    pub(super) slot: u64,
    bar: u64,
    /// Features to accept, of those offered.
    accept: u64,
    available: [u16; QUEUES],
    seen: [u16; QUEUES],
}

impl Driver {
    pub(super) fn enable_bar(&self, machine: &Machine) {
        machine.set_config(self.slot, 0x10, 4, self.bar);
        machine.set_config(self.slot, 4, 2, 2 | 4);
    }

    /// Brings the device up as the specification wants it, with event indexes.
    pub(super) fn bring_up(&mut self, machine: &Machine) {
        self.enable_bar(machine);
        let queues = machine.read(self.bar + 18, 2);
        for queue in 0..queues {
            let zeros = vec![0; QUEUE_STRIDE as usize];
            machine.memory.write_slice(&zeros, GuestAddress(ring(queue, 0))).unwrap();
        }
        self.bring_up_at(machine, ring(0, 0), QUEUE_ENTRIES);
    }

    /// The same, but of the features of this kind of device only those given are accepted.
    pub(super) fn bring_up_with(&mut self, machine: &Machine, features: u64) {
        self.accept = features | !0xff_ffff;
        self.bring_up(machine);
    }

    /// The same with the queues at an address of choice, whatever that means.
    pub(super) fn bring_up_at(&mut self, machine: &Machine, address: u64, size: u16) {
        self.enable_bar(machine);
        self.reset(machine);
        (self.available, self.seen) = ([0; QUEUES], [0; QUEUES]);
        self.set_common(machine, 20, 1, 1 | 2);
        for word in [0, 1] {
            self.set_common(machine, 0, 4, word);
            let offered = self.common(machine, 4, 4);
            self.set_common(machine, 8, 4, word);
            self.set_common(machine, 12, 4, offered & (self.accept >> (32 * word) & 0xffff_ffff));
        }
        self.set_common(machine, 20, 1, 1 | 2 | 8);
        assert_eq!(self.common(machine, 20, 1), 1 | 2 | 8);
        for queue in 0..self.common(machine, 18, 2) {
            self.set_common(machine, 22, 2, queue);
            self.set_common(machine, 24, 2, size.into());
            for (part, register) in [32, 40, 48].into_iter().enumerate() {
                let at = address.wrapping_add(queue * QUEUE_STRIDE + part as u64 * PAGE_SIZE);
                self.set_common(machine, register, 4, at & 0xffff_ffff);
                self.set_common(machine, register + 4, 4, at >> 32);
            }
            self.set_common(machine, 28, 2, 1);
        }
        self.set_common(machine, 20, 1, 1 | 2 | 8 | 4);
    }

    /// Asks for a reset and waits until it is done.
    pub(super) fn reset(&self, machine: &Machine) {
        self.set_common(machine, 20, 1, 0);
        machine.wait_for("the reset", || self.common(machine, 20, 1) == 0);
    }

    pub(super) fn common(&self, machine: &Machine, register: u64, size: u8) -> u64 {
        machine.read(self.bar + register, size)
    }

    fn set_common(&self, machine: &Machine, register: u64, size: u8, value: u64) {
        machine.write(self.bar + register, size, value);
    }

    pub(super) fn device_config(&self, machine: &Machine, register: u64, size: u8) -> u64 {
        machine.read(self.bar + 0x2000 + register, size)
    }

    pub(super) fn set_device_config(&self, machine: &Machine, register: u64, size: u8, value: u64) {
        machine.write(self.bar + 0x2000 + register, size, value);
    }

    pub(super) fn notify(&self, machine: &Machine, queue: u64) {
        machine.write(self.bar + 0x3000 + 4 * queue, 2, queue);
    }

    /// Reads the interrupt status, which clears it.
    pub(super) fn take_interrupt(&self, machine: &Machine) -> u64 {
        machine.read(self.bar + 0x1000, 1)
    }

    /// Submits a chain of (address, bytes, flags) at descriptor 0.
    pub(super) fn submit(&mut self, machine: &Machine, queue: usize, chain: &[(u64, u32, u16)]) {
        let last = chain.len() - 1;
        let raw: Vec<_> = chain
            .iter()
            .enumerate()
            .map(|(i, &(address, bytes, flags))| (address, bytes, flags | u16::from(i != last), i as u16 + 1))
            .collect();
        self.submit_raw(machine, queue, &raw);
    }

    /// The same with every field of each descriptor: (address, bytes, flags, next).
    pub(super) fn submit_raw(&mut self, machine: &Machine, queue: usize, chain: &[(u64, u32, u16, u16)]) {
        for (index, &fields) in chain.iter().enumerate() {
            descriptor(machine, ring(queue as u64, 0), index as u16, fields);
        }
        let slot = u64::from(self.available[queue] % QUEUE_ENTRIES);
        machine.memory.write_obj(0u16, GuestAddress(ring(queue as u64, 1) + 4 + 2 * slot)).unwrap();
        let next = self.available[queue].wrapping_add(1);
        self.set_available(machine, queue, next);
    }

    /// Says that everything before `index` is available.
    pub(super) fn set_available(&mut self, machine: &Machine, queue: usize, index: u16) {
        self.available[queue] = index;
        let at = GuestAddress(ring(queue as u64, 1) + 2);
        machine.memory.store(index, at, Ordering::SeqCst).unwrap();
        self.notify(machine, queue as u64);
    }

    /// Waits for the next used chain: its head and the bytes written to it.
    pub(super) fn wait_used(&mut self, machine: &Machine, queue: usize) -> (u32, u32) {
        let seen = self.seen[queue];
        machine.wait_for("a used buffer", || used(machine, queue) != seen);
        self.seen[queue] = seen.wrapping_add(1);
        // The driver wants an interrupt for the next one.
        let used_event = ring(queue as u64, 1) + 4 + 2 * u64::from(QUEUE_ENTRIES);
        machine.memory.write_obj(self.seen[queue], GuestAddress(used_event)).unwrap();
        let entry = ring(queue as u64, 2) + 4 + 8 * u64::from(seen % QUEUE_ENTRIES);
        let [head, bytes] = [0, 4].map(|at| machine.memory.read_obj(GuestAddress(entry + at)).unwrap());
        (head, bytes)
    }
}

/// How many chains the device gave back since it was brought up.
pub(super) fn used(machine: &Machine, queue: usize) -> u16 {
    machine.memory.load(GuestAddress(ring(queue as u64, 2) + 2), Ordering::SeqCst).unwrap()
}

/// The address of a part of a queue: 0 descriptors, 1 available ring, 2 used ring.
fn ring(queue: u64, part: u64) -> u64 {
    map::RAM_START.0 + queue * QUEUE_STRIDE + part * PAGE_SIZE
}

/// Writes one descriptor of a table: (address, bytes, flags, next).
pub(super) fn descriptor(machine: &Machine, table: u64, index: u16, fields: (u64, u32, u16, u16)) {
    let (address, bytes, flags, next) = fields;
    let mut raw = [0; 16];
    raw[..8].copy_from_slice(&address.to_le_bytes());
    raw[8..12].copy_from_slice(&bytes.to_le_bytes());
    raw[12..14].copy_from_slice(&flags.to_le_bytes());
    raw[14..].copy_from_slice(&next.to_le_bytes());
    machine.memory.write_slice(&raw, GuestAddress(table + 16 * u64::from(index))).unwrap();
}
