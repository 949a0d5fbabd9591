//! The console device: one port, a queue of bytes each way.
//!
//! **Model.** Output is written on the worker's thread. Input waits in a bounded queue until the guest has
//! buffers for it.
//!
//! **Failure.** Output the writer refuses is lost and counted as a bad request.
//!
//! **Sources.** VIRTIO 1.2, section 5.3.

use super::{QueueFault, Ring, VirtioDevice, VirtioPci, Worker};
use crate::IrqLine;
use crate::bytes::ByteQueue;
use parking_lot::Mutex;
use std::io::Write;
use std::sync::Arc;
use virtio_bindings::virtio_ids::VIRTIO_ID_CONSOLE;
use vm_memory::GuestMemory;

/// Bytes of input that wait for the guest, at most.
const INPUT_CAPACITY: usize = 64 * 1024;

const RECEIVE: usize = 0;
const TRANSMIT: usize = 1;

/// The configuration has the terminal's size.
const F_SIZE: u64 = 1 << 0;
/// Columns and rows, then the number of ports and the emergency output, which are not offered.
const CONFIG_SIZE: usize = 12;

/// The console device; made with [`ConsolePort::attach`].
pub struct Console {
    input: Arc<Mutex<ByteQueue>>,
    output: Box<dyn Write + Send>,
}

/// The host's side of a console.
#[derive(Clone)]
pub struct ConsolePort {
    input: Arc<Mutex<ByteQueue>>,
    transport: Arc<VirtioPci>,
}

impl ConsolePort {
    /// Makes a console that prints to `output`, for a PCI slot whose INTA is wired to `line`. A write that
    /// blocks holds up this console, and its VM's stop, but no vCPU.
    pub fn attach(output: Box<dyn Write + Send>, line: IrqLine) -> (Self, Arc<VirtioPci>, Worker<Console>) {
        let input = Arc::new(Mutex::new(ByteQueue::new(INPUT_CAPACITY)));
        let console = Console { input: Arc::clone(&input), output };
        let (transport, worker) = VirtioPci::new(console, line);
        (Self { input, transport: Arc::clone(&transport) }, transport, worker)
    }

    /// Gives the guest input and says how many bytes of it were taken: fewer than all only while 64 KiB
    /// wait for a guest that does not read.
    pub fn enqueue(&self, bytes: &[u8]) -> usize {
        let taken = self.input.lock().push(bytes);
        self.transport.kick(RECEIVE);
        taken
    }

    /// Tells the guest the size of the terminal.
    pub fn set_size(&self, columns: u16, rows: u16) {
        let [[a, b], [c, d]] = [columns, rows].map(u16::to_le_bytes);
        self.transport.set_config(0, &[a, b, c, d]);
    }
}

impl Console {
    fn transmit<M: GuestMemory>(&mut self, ring: &mut Ring<'_, M>) -> Result<(), QueueFault> {
        let lost = |error: std::io::Error| format!("output lost: {error}");
        ring.drain_into(|bytes| self.output.write_all(bytes).map_err(lost))?;
        if let Err(error) = self.output.flush() {
            ring.report(lost(error));
        }
        Ok(())
    }
}

impl VirtioDevice for Console {
    const ID: u16 = VIRTIO_ID_CONSOLE as u16;
    /// Simple communication controller, other.
    const CLASS: [u8; 3] = [0x07, 0x80, 0];
    const NAME: &str = "virtio-console";
    const QUEUES: &[u16] = &[64, 64];
    const FEATURES: u64 = F_SIZE;

    fn config(&self) -> Vec<u8> {
        vec![0; CONFIG_SIZE]
    }

    fn serve<M: GuestMemory>(&mut self, queue: usize, ring: &mut Ring<'_, M>) -> Result<(), QueueFault> {
        match queue {
            RECEIVE => ring.fill_from(|| self.input.lock()),
            TRANSMIT => self.transmit(ring),
            _ => unreachable!("the console has two queues"),
        }
    }
}
