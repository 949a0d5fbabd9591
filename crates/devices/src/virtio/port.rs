//! A named port: a stream of bytes each way between the host and one program in the guest, which finds the
//! port by its name.
//!
//! **Model.** A console device of its own, with several ports as far as the driver is concerned, of which there
//! is one, and which is no console. Two queues carry the port's bytes; two more carry control messages, by
//! which the driver learns that there is a port, what it is called and that somebody is at its other end, and
//! the host that a program has opened it.
//!
//! The host listens while it is in a [`Talk`]; what the guest says otherwise is said to nobody.
//!
//! **Invariants.** Both directions are bounded. A control message to the driver waits at most once, so a driver
//! that asks for ever makes nothing grow.
//!
//! **Failure.** Messages that make no sense, and bytes for which a talk has no room, are counted as bad requests and
//! dropped. A driver that cannot do several ports is left alone: its port is never open.
//!
//! **Concurrency.** One lock, innermost, held to copy.
//!
//! **Sources.** VIRTIO 1.2, section 5.3.

use super::{QueueFault, Ring, VirtioDevice, VirtioPci, Worker};
use crate::IrqLine;
use crate::bytes::ByteQueue;
use parking_lot::{Condvar, Mutex, MutexGuard};
use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Instant;
use virtio_bindings::virtio_ids::VIRTIO_ID_CONSOLE;
use vm_memory::GuestMemory;

/// Bytes that wait for the guest, and for the host, at most.
const CAPACITY: usize = 64 * 1024;

const RECEIVE: usize = 0;
const TRANSMIT: usize = 1;
const CONTROL_RECEIVE: usize = 2;
const CONTROL_TRANSMIT: usize = 3;

/// The device has several ports and control queues.
const F_MULTIPORT: u64 = 1 << 1;
/// The size of the terminal, the number of ports, and the emergency output, which is not offered.
const CONFIG_SIZE: usize = 12;
const CONFIG_PORTS: usize = 4;

/// The one port there is.
const PORT: u32 = 0;
/// A control message: the port, the event, its value; a name follows.
const CONTROL_SIZE: usize = 8;
/// Events of control messages.
const DEVICE_READY: u16 = 0;
const PORT_ADD: u16 = 1;
const PORT_READY: u16 = 3;
const PORT_OPEN: u16 = 6;
const PORT_NAME: u16 = 7;

/// The device; made with [`NamedPort::attach`].
pub struct PortDevice {
    name: &'static str,
    shared: Arc<Shared>,
    /// Events the driver is still to be told of, each once.
    due: VecDeque<u16>,
}

/// The host's side of a named port.
#[derive(Clone)]
pub struct NamedPort {
    shared: Arc<Shared>,
    transport: Arc<VirtioPci>,
}

/// The host's end of the port in use. Nothing of it is left when it is dropped: neither what the guest has not taken
/// yet, nor what it says later.
pub struct Talk<'p> {
    port: &'p NamedPort,
}

/// Why there is nothing to hear.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Silence {
    /// The guest has said nothing in time.
    Late,
    /// No program in the guest has the port open, or the VM has ended.
    HungUp,
}

struct Shared {
    state: Mutex<State>,
    changed: Condvar,
}

struct State {
    /// A program in the guest has the port open, as its driver says.
    open: bool,
    /// The VM has ended.
    over: bool,
    /// The host listens.
    talking: bool,
    to_guest: ByteQueue,
    from_guest: ByteQueue,
}

impl NamedPort {
    /// Makes a port called `name`, for a PCI slot whose INTA is wired to `line`.
    pub fn attach(name: &'static str, line: IrqLine) -> (Self, Arc<VirtioPci>, Worker<PortDevice>) {
        let state = State {
            open: false,
            over: false,
            talking: false,
            to_guest: ByteQueue::new(CAPACITY),
            from_guest: ByteQueue::new(CAPACITY),
        };
        let shared = Arc::new(Shared { state: Mutex::new(state), changed: Condvar::new() });
        let device = PortDevice { name, shared: Arc::clone(&shared), due: VecDeque::new() };
        let (transport, worker) = VirtioPci::new(device, line);
        (Self { shared, transport: Arc::clone(&transport) }, transport, worker)
    }

    /// Whether a program in the guest has the port open, as its driver says.
    pub fn is_open(&self) -> bool {
        let state = self.shared.state.lock();
        state.open && !state.over
    }

    /// Begins to talk, once whoever does has ended. The guest need not have opened the port.
    pub fn talk(&self) -> Talk<'_> {
        let mut state = self.shared.state.lock();
        while state.talking {
            self.shared.changed.wait(&mut state);
        }
        state.talking = true;
        Talk { port: self }
    }

    /// Ends talks, now and for good: the VM has ended.
    pub fn hang_up(&self) {
        self.shared.state.lock().over = true;
        self.shared.changed.notify_all();
    }
}

impl Talk<'_> {
    /// Says something to the guest; says how many bytes were taken: fewer than all only while 64 KiB wait for a
    /// guest that does not read.
    pub fn say(&self, bytes: &[u8]) -> usize {
        let taken = self.state().to_guest.push(bytes);
        self.port.transport.kick(RECEIVE);
        taken
    }

    /// Waits until `deadline` for what the guest says; gives how many bytes of it are in `into`, at least 1.
    ///
    /// # Errors
    /// Why there is nothing.
    pub fn hear(&self, into: &mut [u8], deadline: Instant) -> Result<usize, Silence> {
        let mut state = self.state();
        while state.from_guest.is_empty() {
            if state.over || !state.open {
                return Err(Silence::HungUp);
            }
            if self.port.shared.changed.wait_until(&mut state, deadline).timed_out() {
                return Err(Silence::Late);
            }
        }
        Ok(state.from_guest.pop(into))
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.port.shared.state.lock()
    }
}

impl Drop for Talk<'_> {
    fn drop(&mut self) {
        let mut state = self.state();
        state.forget();
        state.talking = false;
        self.port.shared.changed.notify_all();
    }
}

impl State {
    fn forget(&mut self) {
        self.to_guest.clear();
        self.from_guest.clear();
    }
}

impl Shared {
    fn set_open(&self, open: bool) {
        let mut state = self.state.lock();
        if !open {
            // What was said to one program is not for the next.
            state.forget();
        }
        state.open = open;
        self.changed.notify_all();
    }
}

impl PortDevice {
    /// Takes what the guest said, if the host listens.
    fn hear(&self, bytes: &[u8]) -> Result<(), &'static str> {
        let mut state = self.shared.state.lock();
        if !state.talking {
            return Ok(());
        }
        let taken = state.from_guest.push(bytes);
        self.shared.changed.notify_all();
        if taken == bytes.len() { Ok(()) } else { Err("the guest says more than anybody can listen to") }
    }

    fn tell<M: GuestMemory>(&mut self, ring: &mut Ring<'_, M>) -> Result<(), QueueFault> {
        while !ring.halted() && !self.due.is_empty() {
            let Some(mut chain) = ring.take()? else { break };
            let event = self.due.pop_front().expect("it was not empty");
            let message = self.message(event);
            if chain.write(&message)? < message.len() {
                ring.report(format_args!("no room for control message {event}"));
            }
            ring.give_back(chain)?;
        }
        Ok(())
    }

    fn message(&self, event: u16) -> Vec<u8> {
        let mut message = PORT.to_le_bytes().to_vec();
        message.extend(event.to_le_bytes());
        message.extend(1u16.to_le_bytes());
        if event == PORT_NAME {
            message.extend(self.name.as_bytes());
        }
        message
    }

    fn be_told<M: GuestMemory>(&mut self, ring: &mut Ring<'_, M>) -> Result<(), QueueFault> {
        while !ring.halted()
            && let Some(mut chain) = ring.take()?
        {
            let mut message = [0; CONTROL_SIZE];
            let count = chain.read(&mut message)?;
            let [a, b, c, d, event @ .., e, f] = message;
            let (port, event, value) =
                (u32::from_le_bytes([a, b, c, d]), u16::from_le_bytes(event), u16::from_le_bytes([e, f]));
            match (event, port, value) {
                _ if count < CONTROL_SIZE => ring.report("a control message of too few bytes"),
                (DEVICE_READY, _, 1) => self.will_tell(&[PORT_ADD]),
                (PORT_READY, PORT, 1) => self.will_tell(&[PORT_NAME, PORT_OPEN]),
                (PORT_OPEN, PORT, 0 | 1) => self.shared.set_open(value == 1),
                _ => ring.report(format_args!("control message {event}, port {port}, value {value}")),
            }
            ring.give_back(chain)?;
        }
        ring.serve_too(CONTROL_RECEIVE);
        Ok(())
    }

    fn will_tell(&mut self, events: &[u16]) {
        for &event in events {
            if !self.due.contains(&event) {
                self.due.push_back(event);
            }
        }
    }
}

impl VirtioDevice for PortDevice {
    const ID: u16 = VIRTIO_ID_CONSOLE as u16;
    /// Simple communication controller, other.
    const CLASS: [u8; 3] = [0x07, 0x80, 0];
    const NAME: &str = "virtio-port";
    const QUEUES: &[u16] = &[64, 64, 64, 64];
    const FEATURES: u64 = F_MULTIPORT;

    fn config(&self) -> Vec<u8> {
        let mut config = vec![0; CONFIG_SIZE];
        config[CONFIG_PORTS] = 1;
        config
    }

    fn reset(&mut self) {
        self.due.clear();
        self.shared.set_open(false);
    }

    fn serve<M: GuestMemory>(&mut self, queue: usize, ring: &mut Ring<'_, M>) -> Result<(), QueueFault> {
        match queue {
            RECEIVE => {
                ring.fill_from(|| MutexGuard::map(self.shared.state.lock(), |state| &mut state.to_guest))
            }
            TRANSMIT => ring.drain_into(|bytes| self.hear(bytes)),
            CONTROL_RECEIVE => self.tell(ring),
            CONTROL_TRANSMIT => self.be_told(ring),
            _ => unreachable!("the device has four queues"),
        }
    }
}
