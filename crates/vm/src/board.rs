//! The board: which devices a VM has, and how they are described to its kernel.

use crate::agent::{self, GuestAgent};
use crate::boot::{self, MachineFacts};
use crate::console::{Console, Port};
use crate::vcpu::Attention;
use addr::{ByteSize, Gfn, Gpa};
use devices::map::{self, GpaRange};
use devices::{
    Balloon, Bus, ConsolePort, DeviceStats, Ecam, NamedPort, OnBalloonEvent, PciHost, PciWindow, Plic,
    SerialPort, VirtioPci, Worker, WorkerThread,
};
use machine::VmMemory;
use riscv::Lines;
use std::io::{self, Write};
use std::ops::Range;
use std::sync::Arc;

const ENTROPY_SLOT: usize = 1;
const CONSOLE_SLOT: usize = 2;
const BALLOON_SLOT: usize = 3;
const AGENT_SLOT: usize = 4;

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
    serial: Arc<SerialPort>,
    entropy: Arc<VirtioPci>,
    virtio_console: (ConsolePort, Arc<VirtioPci>),
    balloon: (Balloon, Arc<VirtioPci>),
    agent: (GuestAgent, Arc<VirtioPci>),
    console: Console,
}

/// The devices' halves that work on threads of their own.
pub(crate) struct Workers {
    entropy: Worker<devices::Rng>,
    console: Worker<devices::Console>,
    balloon: Worker<devices::BalloonDevice>,
    agent: Worker<devices::PortDevice>,
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
    /// Builds the devices for the harts whose interrupt lines are given and the memory that `memory` is;
    /// `console` takes what the guest says and must not block for long.
    pub(crate) fn new(
        harts: Vec<Arc<Attention>>,
        memory: Range<Gfn>,
        console: Box<dyn Write + Send>,
        on_balloon_event: OnBalloonEvent,
    ) -> (Arc<Self>, Workers) {
        let console = Console::new(console);
        let count = harts.len();
        let sink = move |hart: usize, level: bool| harts[hart].set_line(Lines::EXTERNAL, level);
        let plic = Plic::new(count, Arc::new(sink));
        let serial = Arc::new(SerialPort::new(plic.line(map::UART_SOURCE), console.port(Port::Serial)));
        let entropy_line = plic.line(PciHost::source(ENTROPY_SLOT));
        let (entropy, entropy_worker) = VirtioPci::new(devices::Rng, entropy_line);
        let console_line = plic.line(PciHost::source(CONSOLE_SLOT));
        let (port, transport, console_worker) = ConsolePort::attach(console.port(Port::Virtio), console_line);
        let balloon_line = plic.line(PciHost::source(BALLOON_SLOT));
        let (balloon, balloon_function, balloon_worker) =
            Balloon::attach(memory, on_balloon_event, balloon_line);
        let agent_line = plic.line(PciHost::source(AGENT_SLOT));
        let (agent_port, agent_function, agent_worker) = NamedPort::attach(agent::PORT_NAME, agent_line);
        let mut pci = PciHost::new();
        pci.insert(ENTROPY_SLOT, Arc::clone(&entropy));
        pci.insert(CONSOLE_SLOT, Arc::clone(&transport));
        pci.insert(BALLOON_SLOT, Arc::clone(&balloon_function));
        pci.insert(AGENT_SLOT, Arc::clone(&agent_function));
        let pci = Arc::new(pci);
        let mut bus = Bus::new();
        bus.add(map::PLIC, Arc::clone(&plic) as _);
        bus.add(map::UART, Arc::clone(&serial) as _);
        bus.add(map::ECAM, Arc::new(Ecam(Arc::clone(&pci))));
        bus.add(map::PCI_WINDOW, Arc::new(PciWindow(pci)));
        let (virtio_console, balloon) = ((port, transport), (balloon, balloon_function));
        let agent = (GuestAgent::new(agent_port), agent_function);
        let board = Self { bus, plic, serial, entropy, virtio_console, balloon, agent, console };
        let workers = Workers {
            entropy: entropy_worker,
            console: console_worker,
            balloon: balloon_worker,
            agent: agent_worker,
        };
        (Arc::new(board), workers)
    }

    /// Types to the guest; says how many bytes of it were taken.
    pub(crate) fn type_in(&self, bytes: &[u8]) -> usize {
        match self.console.spoke_last() {
            Port::Serial => self.serial.enqueue(bytes),
            Port::Virtio => self.virtio_console.0.enqueue(bytes),
        }
    }

    /// Tells the guest how large the terminal is, as far as it listens.
    pub(crate) fn set_console_size(&self, columns: u16, rows: u16) {
        self.virtio_console.0.set_size(columns, rows);
    }

    /// The host's side of the balloon.
    pub(crate) fn balloon(&self) -> &Balloon {
        &self.balloon.0
    }

    /// The host's side of the guest agent.
    pub(crate) fn agent(&self) -> &GuestAgent {
        &self.agent.0
    }

    /// The devices by name, with what they counted.
    pub(crate) fn statistics(&self) -> Vec<(&'static str, DeviceStats)> {
        vec![
            ("plic", self.plic.stats()),
            ("serial", self.serial.stats()),
            ("rng", self.entropy.stats()),
            ("console", self.virtio_console.1.stats()),
            ("balloon", self.balloon.1.stats()),
            ("agent", self.agent.1.stats()),
        ]
    }
}

impl Workers {
    /// Starts the threads, over the VM's memory.
    pub(crate) fn spawn(self, memory: &Arc<VmMemory>) -> io::Result<Vec<WorkerThread>> {
        Ok(vec![
            self.entropy.spawn(Arc::clone(memory))?,
            self.console.spawn(Arc::clone(memory))?,
            self.balloon.spawn(Arc::clone(memory))?,
            self.agent.spawn(Arc::clone(memory))?,
        ])
    }
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
