//! Virtio devices, each in two halves.
//!
//! **Model.**
//!
//! ```text
//!   guest's driver --registers--> VirtioPci --Task--> Worker: Queues --Ring--> a VirtioDevice
//!                  <--interrupt--           <-------          (guest memory)
//! ```
//!
//! [`VirtioPci`] is the transport: configuration, negotiation, notification, interrupt status. When the
//! driver is ready, the worker borrows the queues as the driver described them, checks them, and serves
//! them on its own thread until the driver resets the device or breaks a queue. What a device does with
//! a request is a [`VirtioDevice`]: it sees [`Chain`]s of guest buffers, not rings.
//!
//! **Invariants.** What the driver writes is a claim until the worker has checked it. No request can keep
//! a worker for ever: chains are no longer than their queue, buffers are copied in pieces, and between
//! requests it looks whether it is wanted elsewhere. Nor can all of them keep it busy: it has a part of a processor,
//! and rests when it has used that.
//!
//! **Failure.** A broken queue stops the device: `DEVICE_NEEDS_RESET`, a reason in the statistics, and
//! the driver may reset it.
//!
//! **Sources.** Virtual I/O Device (VIRTIO) Version 1.2; sections are named where they are used.

mod balloon;
mod budget;
mod console;
mod pci;
mod port;
mod registers;
mod ring;
mod rng;
mod stream;
#[cfg(test)]
mod tests;
mod worker;

pub use balloon::{
    Balloon, BalloonDevice, BalloonEvent, BalloonFeatures, BalloonReport, GuestStatistics, OnBalloonEvent,
};
pub(crate) use budget::thread_time;
pub use console::{Console, ConsolePort};
pub use pci::{DriverState, VirtioPci};
pub use port::{NamedPort, PortDevice, Silence, Talk};
pub use ring::{Chain, KeptChain, QueueFault, Ring};
pub use rng::Rng;
pub use worker::{Worker, WorkerThread};

use std::ops::Range;
use vm_memory::GuestMemory;

/// What a kind of virtio device is and does. Its methods run on the device's worker thread.
pub trait VirtioDevice: Send + 'static {
    /// The device's number in chapter 5 of the specification.
    const ID: u16;
    /// Base class, subclass and programming interface for PCI.
    const CLASS: [u8; 3];
    /// The name of the worker thread.
    const NAME: &str;
    /// The largest size of each queue, powers of two.
    const QUEUES: &[u16];
    /// Feature bits of the kind of device, 0 to 23 and 50 to 63; the transport adds its own.
    const FEATURES: u64 = 0;
    /// The bytes of the device-specific configuration that the guest may write. They are what it wrote
    /// last, and zeros after a reset.
    const GUEST_CONFIG: Range<usize> = 0..0;

    /// What the device-specific configuration holds at first.
    fn config(&self) -> Vec<u8> {
        Vec::new()
    }

    /// The driver is ready, having accepted these features; the queues are served from now on.
    fn start(&mut self, _features: u64) {}

    /// The queues are gone: the driver reset the device, or broke a queue. The driver that asks for the
    /// reset learns of its end after this returns.
    fn reset(&mut self) {}

    /// Queues, a bit each, whose buffers the guest is without until they are given back, and that a device may give back undone. So
    /// they are while its worker rests.
    fn undone_while_resting(&self) -> u64 {
        0
    }

    /// Serves queue number `queue`: takes what it can from the ring and returns. Called when the driver
    /// or the host said that there is something to do.
    ///
    /// # Errors
    /// What the driver did wrong; the device stops until it is reset.
    fn serve<M: GuestMemory>(&mut self, queue: usize, ring: &mut Ring<'_, M>) -> Result<(), QueueFault>;
}
