//! A queue as a device sees it: chains of guest buffers that were checked.
//!
//! **Model.** `virtio_queue` reads and writes the rings; [`open`] checks what the driver said about them,
//! [`Ring::take`] checks each chain as a whole before the device sees it. A device reads and writes a
//! chain front to back in pieces of its choice: a chain may claim 4 GiB of buffers, and holding all their
//! pages at once, as a scatter list of them would, is not for the guest to ask for.
//!
//! **Sources.** VIRTIO 1.2, section 2.7 (split virtqueues).

use super::VirtioPci;
use super::registers::QueueSetup;
use addr::{ByteSize, Gpa};
use std::fmt;
use std::sync::atomic::Ordering;
use virtio_bindings::virtio_ring::VIRTIO_RING_F_EVENT_IDX;
use virtio_queue::{DescriptorChain, Queue, QueueOwnedT, QueueT};
use vm_memory::{Bytes, GuestAddress, GuestMemory};

/// What a driver did to a queue that the device cannot go on from.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct QueueFault(String);

impl QueueFault {
    /// A fault with this reason.
    pub fn new(why: impl Into<String>) -> Self {
        Self(why.into())
    }

    pub(super) fn at_queue(self, queue: usize) -> Self {
        Self(format!("queue {queue}: {}", self.0))
    }
}

impl fmt::Display for QueueFault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for QueueFault {}

impl From<virtio_queue::Error> for QueueFault {
    fn from(error: virtio_queue::Error) -> Self {
        Self(error.to_string())
    }
}

/// Checks a driver's description of a queue; `None` for one it does not use.
///
/// # Errors
/// What is wrong with it.
pub(super) fn open<M: GuestMemory>(
    setup: &QueueSetup,
    features: u64,
    memory: &M,
) -> Result<Option<Queue>, QueueFault> {
    if !setup.enabled {
        return Ok(None);
    }
    let mut queue = Queue::new(setup.max_size)?;
    queue.try_set_size(setup.size)?;
    queue.try_set_desc_table_address(GuestAddress(setup.descriptors))?;
    queue.try_set_avail_ring_address(GuestAddress(setup.available))?;
    queue.try_set_used_ring_address(GuestAddress(setup.used))?;
    queue.set_event_idx(features >> VIRTIO_RING_F_EVENT_IDX & 1 != 0);
    queue.set_ready(true);
    if queue.is_valid(memory) {
        Ok(Some(queue))
    } else {
        Err(QueueFault(format!(
            "not all of it is memory (descriptors {:#x}, available ring {:#x}, used ring {:#x}, {} entries)",
            setup.descriptors, setup.available, setup.used, setup.size
        )))
    }
}

/// One queue during one call of [`super::VirtioDevice::serve`].
pub struct Ring<'m, M> {
    queue: &'m mut Queue,
    memory: &'m M,
    transport: &'m VirtioPci,
    /// Chains that may still be taken in this call: the driver could go on adding some for ever.
    budget: u16,
    /// The device wanted more chains than there were.
    pub(super) drained: bool,
    /// A chain was given back.
    pub(super) used: bool,
}

impl<'m, M: GuestMemory> Ring<'m, M> {
    pub(super) fn new(queue: &'m mut Queue, memory: &'m M, transport: &'m VirtioPci) -> Self {
        let budget = queue.size();
        Self { queue, memory, transport, budget, drained: false, used: false }
    }

    /// The next chain the driver made available, or `None` if there is none at the moment.
    ///
    /// # Errors
    /// What is wrong with the ring or the chain.
    pub fn take(&mut self) -> Result<Option<Chain<'m, M>>, QueueFault> {
        if self.budget == 0 || self.is_empty()? {
            self.drained = true;
            return Ok(None);
        }
        self.budget -= 1;
        let size = self.queue.size();
        let chain = self.queue.iter(self.memory)?.next();
        let chain = chain.ok_or_else(|| QueueFault::new("the available ring cannot be read"))?;
        Chain::check(self.memory, size, chain).map(Some)
    }

    /// Gives a chain back to the driver, with what was written to it.
    ///
    /// # Errors
    /// If the used ring cannot be written.
    pub fn give_back(&mut self, chain: Chain<'m, M>) -> Result<(), QueueFault> {
        self.give_back_kept(chain.keep())
    }

    /// Gives back a chain that was kept, to the queue it came from.
    ///
    /// # Errors
    /// If the used ring cannot be written.
    #[expect(clippy::needless_pass_by_value, reason = "a chain is given back once")]
    pub fn give_back_kept(&mut self, chain: KeptChain) -> Result<(), QueueFault> {
        self.queue.add_used(self.memory, chain.head, chain.written)?;
        self.used = true;
        Ok(())
    }

    /// Whether the device should return as soon as it can: it is being reset or stopped.
    pub fn halted(&self) -> bool {
        self.transport.halted()
    }

    /// Has another of the device's queues served after this one: what was asked here is answered there.
    pub fn serve_too(&self, queue: usize) {
        self.transport.kick(queue);
    }

    /// Counts something wrong with a request that the device goes on from.
    pub fn report(&self, why: impl fmt::Display) {
        self.transport.count_bad(why);
    }

    fn is_empty(&self) -> Result<bool, QueueFault> {
        Ok(self.queue.avail_idx(self.memory, Ordering::Acquire)?.0 == self.queue.next_avail())
    }
}

/// A stretch of guest memory.
#[derive(Clone, Copy)]
struct Span {
    start: u64,
    bytes: u32,
}

/// The buffers of one request: first those the device reads, then those it writes.
#[must_use = "the driver waits for the chain: give it back to the ring"]
pub struct Chain<'m, M> {
    memory: &'m M,
    head: u16,
    /// In reverse, so that the next one is the last.
    readable: Vec<Span>,
    writable: Vec<Span>,
    written: u32,
}

/// A chain whose buffers the device is done with, to be given back in a later call. It is void once the
/// queues are gone ([`super::VirtioDevice::reset`]).
#[must_use = "the driver waits for the chain: give it back to the ring"]
pub struct KeptChain {
    head: u16,
    written: u32,
}

impl<'m, M: GuestMemory> Chain<'m, M> {
    fn check(memory: &'m M, queue_size: u16, chain: DescriptorChain<&'m M>) -> Result<Self, QueueFault> {
        let head = chain.head_index();
        let fault = |why: &str| Err(QueueFault(format!("chain {head}: {why}")));
        let (mut readable, mut writable) = (Vec::new(), Vec::new());
        // The iterator ends at whatever it cannot follow; only a descriptor without a successor ends a
        // chain well.
        let mut ended = false;
        for descriptor in chain {
            if readable.len() + writable.len() == usize::from(queue_size) {
                return fault("longer than its queue");
            }
            ended = !descriptor.has_next();
            let span = Span { start: descriptor.addr().0, bytes: descriptor.len() };
            if span.start.checked_add(span.bytes.into()).is_none() {
                return fault("a buffer beyond the end of the address space");
            }
            match descriptor.is_write_only() {
                true => writable.push(span),
                false if writable.is_empty() => readable.push(span),
                false => return fault("a readable buffer after a writable one"),
            }
        }
        if !ended {
            return fault("it loops, is too long, or leads out of its table");
        }
        readable.reverse();
        writable.reverse();
        Ok(Self { memory, head, readable, writable, written: 0 })
    }

    /// Copies what the driver wrote next, as much as fits into `into`, and says how much; 0 at the end.
    ///
    /// # Errors
    /// If a buffer is not memory.
    pub fn read(&mut self, into: &mut [u8]) -> Result<usize, QueueFault> {
        let memory = self.memory;
        advance(&mut self.readable, into.len(), |span, done| {
            memory.read_slice(&mut into[done..done + span.bytes as usize], GuestAddress(span.start))
        })
    }

    /// Copies as much of `bytes` as there is room for into the driver's next buffers, and says how much;
    /// 0 if there is none.
    ///
    /// # Errors
    /// If a buffer is not memory.
    pub fn write(&mut self, bytes: &[u8]) -> Result<usize, QueueFault> {
        let memory = self.memory;
        let count = advance(&mut self.writable, bytes.len(), |span, done| {
            memory.write_slice(&bytes[done..done + span.bytes as usize], GuestAddress(span.start))
        })?;
        self.written += count as u32;
        Ok(count)
    }

    /// How many bytes [`Self::read`] has yet to give.
    pub fn unread(&self) -> u64 {
        self.readable.iter().map(|span| u64::from(span.bytes)).sum()
    }

    /// How many bytes [`Self::write`] has room for.
    pub fn room(&self) -> u64 {
        self.writable().map(|(_, bytes)| bytes.0).sum()
    }

    /// Where the buffers are that the device may write, for those that mean the memory and not its
    /// content. It need not be memory; none of it ends beyond the end of the address space.
    pub fn writable(&self) -> impl Iterator<Item = (Gpa, ByteSize)> {
        self.writable.iter().rev().map(|span| (Gpa(span.start), ByteSize(span.bytes.into())))
    }

    /// Puts the chain aside, to be given back later.
    pub fn keep(self) -> KeptChain {
        KeptChain { head: self.head, written: self.written }
    }
}

/// Goes `wanted` bytes through `spans`, or to their end, calling `copy` for each stretch with the bytes
/// done before it.
fn advance(
    spans: &mut Vec<Span>,
    wanted: usize,
    mut copy: impl FnMut(Span, usize) -> Result<(), vm_memory::GuestMemoryError>,
) -> Result<usize, QueueFault> {
    let mut done = 0;
    while let Some(next) = spans.last_mut() {
        let bytes = (next.bytes as usize).min(wanted - done) as u32;
        let span = Span { start: next.start, bytes };
        copy(span, done).map_err(|_| QueueFault(format!("no memory at {:#x}, {bytes} bytes", span.start)))?;
        done += bytes as usize;
        next.start += u64::from(bytes);
        next.bytes -= bytes;
        if next.bytes > 0 {
            break;
        }
        spans.pop();
    }
    Ok(done)
}
