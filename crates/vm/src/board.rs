//! The board: which devices a VM has, and how they are described to its kernel.

use crate::agent::{self, GuestAgent};
use crate::boot::{self, MachineFacts};
use crate::console::{Console, Port};
use crate::panic::Listener;
use crate::vcpu::Attention;
use addr::{ByteSize, Gfn, Gpa};
use devices::map::{self, GpaRange};
use devices::{
    Balloon, Bus, ConsolePort, DeviceStats, Ecam, NamedPort, OnBalloonEvent, PanicPort, PciHost, PciWindow,
    Plic, Rtc, RtcThread, SerialPort, VirtioPci, Worker, WorkerThread,
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
    rtc: Arc<Rtc>,
    panic: Arc<PanicPort>,
    entropy: Arc<VirtioPci>,
    virtio_console: (ConsolePort, Arc<VirtioPci>),
    balloon: (Balloon, Arc<VirtioPci>),
    agent: (GuestAgent, Arc<VirtioPci>),
    console: Console,
}

/// The devices' halves that work on threads of their own.
pub(crate) struct Workers {
    rtc: Arc<Rtc>,
    entropy: Worker<devices::Rng>,
    console: Worker<devices::Console>,
    balloon: Worker<devices::BalloonDevice>,
    agent: Worker<devices::PortDevice>,
}

/// The threads that devices work on. Dropping them stops them and waits for their ends.
pub(crate) struct Threads {
    _workers: Vec<WorkerThread>,
    _rtc: RtcThread,
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
        let rtc = Rtc::new(plic.line(map::RTC_SOURCE));
        let panic = Arc::new(PanicPort::default());
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
        bus.add(map::RTC, Arc::clone(&rtc) as _);
        bus.add(map::PANIC, Arc::clone(&panic) as _);
        bus.add(map::ECAM, Arc::new(Ecam(Arc::clone(&pci))));
        bus.add(map::PCI_WINDOW, Arc::new(PciWindow(pci)));
        let (virtio_console, balloon) = ((port, transport), (balloon, balloon_function));
        let agent = (GuestAgent::new(agent_port), agent_function);
        let workers = Workers {
            rtc: Arc::clone(&rtc),
            entropy: entropy_worker,
            console: console_worker,
            balloon: balloon_worker,
            agent: agent_worker,
        };
        let board = Self { bus, plic, serial, rtc, panic, entropy, virtio_console, balloon, agent, console };
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

    /// Who listens for a panic to what the guest says on its consoles.
    pub(crate) fn panic_listener(&self) -> &Listener {
        self.console.listener()
    }

    /// Whether the guest said through the panic port that it panicked.
    pub(crate) fn told_panic(&self) -> bool {
        self.panic.panicked()
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
            ("clock", self.rtc.stats()),
            ("panic", self.panic.stats()),
            ("rng", self.entropy.stats()),
            ("console", self.virtio_console.1.stats()),
            ("balloon", self.balloon.1.stats()),
            ("agent", self.agent.1.stats()),
        ]
    }
}

impl Workers {
    /// Starts the threads, over the memory of the VM, which has so many vCPUs.
    pub(crate) fn spawn(self, memory: &Arc<VmMemory>, vcpus: u32) -> io::Result<Threads> {
        let workers = vec![
            self.entropy.spawn(Arc::clone(memory), vcpus)?,
            self.console.spawn(Arc::clone(memory), vcpus)?,
            self.balloon.spawn(Arc::clone(memory), vcpus)?,
            self.agent.spawn(Arc::clone(memory), vcpus)?,
        ];
        Ok(Threads { _workers: workers, _rtc: self.rtc.spawn()? })
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
        rtc: boot::Rtc { registers: map::RTC, interrupt: map::RTC_SOURCE },
        panic: map::PANIC,
        pci: boot::PciHost {
            ecam: map::ECAM,
            memory: map::PCI_WINDOW,
            interrupts: devices::interrupt_map().collect(),
        },
    }
}
