//! Everything on a VM's physical address bus that is not memory.
//!
//! **Model.**
//!
//! ```text
//!   vCPU --read/write--> Bus --+-- Plic          <-- IrqLine -- (every device)
//!                              +-- SerialPort, Rtc, PanicPort
//!                              +-- Ecam      --\
//!                              +-- PciWindow --+-- PciHost -- VirtioPci <--> Worker (own thread)
//!                                                                            its device, its queues
//! ```
//!
//! A register access is handled on the vCPU's thread. A virtio device is in two halves: [`VirtioPci`]
//! holds the registers the guest's driver sees, a [`Worker`] owns the queues and reaches guest memory.
//!
//! **Concurrency.** Every device has one lock, held for the few instructions of a register access, and
//! never while guest memory is touched or a worker works. Order: device, then [`Plic`], whose sink is
//! called under both and must take no lock but its hart's wake-up.
//!
//! **Failure.** Whatever a guest writes, nothing here panics or loops: an access a device has no meaning
//! for reads as zero or is ignored, is counted, and the last such reason is kept ([`DeviceStats`]). A
//! virtio driver that breaks its queues gets `DEVICE_NEEDS_RESET` and can start over.
//!
//! **Not here.** The device tree (it is built from [`map`] and the plain data the devices give), and the
//! terminal behind a console.

#![forbid(unsafe_code)]

mod bus;
mod bytes;
pub mod map;
mod output;
mod panic_port;
mod pci;
mod plic;
mod priority;
mod rtc;
mod serial;
mod stats;
mod virtio;

pub use bus::{Bus, MmioDevice};
pub use output::{OutputReader, OutputWriter, output_pipe};
pub use panic_port::PanicPort;
pub use pci::{Ecam, INTERRUPT_MAP_MASK, IntxRoute, PciHost, PciWindow, SLOTS, interrupt_map};
pub use plic::{HartSink, IrqLine, Plic};
pub use priority::give_way;
pub use rtc::{Rtc, RtcThread};
pub use serial::SerialPort;
pub use stats::DeviceStats;
pub use virtio::{
    Balloon, BalloonDevice, BalloonEvent, BalloonFeatures, BalloonReport, Chain, Console, ConsolePort,
    DriverState, GuestStatistics, KeptChain, NamedPort, OnBalloonEvent, PortDevice, QueueFault, Ring, Rng,
    Silence, Talk, VirtioDevice, VirtioPci, Worker, WorkerThread,
};
