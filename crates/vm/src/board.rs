//! The board: which devices a VM has, and how they are described to its kernel.

use crate::boot::{self, MachineFacts};
use crate::vcpu::Vcpu;
use addr::{ByteSize, Gpa};
use devices::map::{self, GpaRange};
use devices::{Bus, DeviceStats, Ecam, PciHost, PciWindow, Plic, SerialPort, VirtioPci, WorkerThread};
use machine::VmMemory;
use riscv::Lines;
use std::io::{self, Write};
use std::sync::{Arc, Weak};

const ENTROPY_SLOT: usize = 1;

/// The extensions the processor offers, in canonical order.
const EXTENSIONS: [&str; 17] = [
    "m",
    "a",
    "f",
    "d",
    "c",
    "zicboz",
    "zicntr",
    "zicsr",
    "zifencei",
    "zihintpause",
    "zba",
    "zbb",
    "zbs",
    "sstc",
    "svadu",
    "svinval",
    "svvptc",
];

/// The devices of one VM.
pub(crate) struct Board {
    bus: Bus,
    plic: Arc<Plic>,
    pub(crate) serial: Arc<SerialPort>,
    entropy: Arc<VirtioPci>,
}

impl riscv::Devices for Board {
    fn read(&self, gpa: Gpa, size: u8) -> Option<u64> {
        self.bus.read(gpa, size)
    }

    fn write(&self, gpa: Gpa, size: u8, value: u64) -> Option<()> {
        self.bus.write(gpa, size, value)
    }
}

impl Board {
    /// Builds the devices; `console` takes what the serial port sends and must not block for long.
    /// `vcpus` are those whose interrupt lines the board drives, once they exist.
    pub(crate) fn new(
        cpus: u32,
        vcpus: Weak<Vec<Vcpu>>,
        console: Box<dyn Write + Send>,
    ) -> (Arc<Self>, devices::Worker<devices::Rng>) {
        let sink = move |hart: usize, level: bool| {
            if let Some(vcpu) = vcpus.upgrade().as_deref().and_then(|vcpus| vcpus.get(hart)) {
                vcpu.set_line(Lines::EXTERNAL, level);
            }
        };
        let plic = Plic::new(cpus as usize, Arc::new(sink));
        let serial = Arc::new(SerialPort::new(plic.line(map::UART_SOURCE), console));
        let entropy_line = plic.line(PciHost::source(ENTROPY_SLOT));
        let (entropy, worker) = VirtioPci::new(devices::Rng, entropy_line);
        let mut pci = PciHost::new();
        pci.insert(ENTROPY_SLOT, Arc::clone(&entropy));
        let pci = Arc::new(pci);
        let mut bus = Bus::new();
        bus.add(map::PLIC, Arc::clone(&plic) as _);
        bus.add(map::UART, Arc::clone(&serial) as _);
        bus.add(map::ECAM, Arc::new(Ecam(Arc::clone(&pci))));
        bus.add(map::PCI_WINDOW, Arc::new(PciWindow(pci)));
        (Arc::new(Self { bus, plic, serial, entropy }), worker)
    }

    /// The devices by name, with what they counted.
    pub(crate) fn statistics(&self) -> Vec<(&'static str, DeviceStats)> {
        vec![("plic", self.plic.stats()), ("serial", self.serial.stats()), ("rng", self.entropy.stats())]
    }
}

/// Starts the device workers over the VM's memory.
pub(crate) fn spawn_workers(
    entropy: devices::Worker<devices::Rng>,
    memory: &Arc<VmMemory>,
) -> io::Result<Vec<WorkerThread>> {
    Ok(vec![entropy.spawn(Arc::clone(memory))?])
}

/// The board as the kernel is told of it.
pub(crate) fn facts(memory: ByteSize, cpus: u32) -> MachineFacts {
    MachineFacts {
        memory: GpaRange { start: map::RAM_START, size: memory },
        cpus: boot::Cpus {
            count: cpus,
            extensions: EXTENSIONS.iter().map(ToString::to_string).collect(),
            mmu_type: "riscv,sv57".to_owned(),
            zero_block_size: Some(64),
            timebase_hz: 10_000_000,
        },
        plic: boot::Plic { registers: map::PLIC, sources: map::PLIC_SOURCES },
        serial: boot::SerialPort {
            registers: map::UART,
            interrupt: map::UART_SOURCE,
            clock_hz: map::UART_CLOCK,
        },
        pci: boot::PciHost {
            ecam: map::ECAM,
            memory: map::PCI_WINDOW,
            interrupts: devices::interrupt_map().collect(),
        },
    }
}
