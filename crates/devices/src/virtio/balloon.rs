//! The balloon device: the guest's driver gives pages back for the asking.
//!
//! **Model.**
//!
//! ```text
//!   host:  set_target --config change--> driver takes pages from its kernel ... "actual" in the config
//!                                          | lists of pages: inflate, deflate
//!                                          | ranges of free memory: reporting
//!                                          | a page of figures: statistics
//!   BalloonDevice, on its worker: check, note in Contents --BalloonEvent--> whoever owns the memory
//!          | Books
//!   host:  report
//! ```
//!
//! What a driver says is checked before anybody hears of it: an event never names what is not memory, a
//! page is inflated only while it is not in the balloon, deflated only while it is, and none that is in the
//! balloon is reported free. The driver gets its buffers back after the event was dealt with: it then knows
//! that the pages are gone, or may use them again. When the queues go, because the driver resets the device
//! or broke one, all pages in the balloon are deflated.
//!
//! So a balloon has three sizes: the *target* the host wants, the *actual* size the guest claims, and the
//! pages *held*, which the device has counted. Frames won can be fewer than pages held; that is for the
//! memory's owner to know.
//!
//! **Concurrency.** Events happen on the worker's thread, which holds no lock and no slice of guest memory
//! then. The books have a lock that is held for a few words.
//!
//! **Failure.** Pages that make no sense are left out, and the request counts as the guest's mistake; the
//! queue goes on. A driver that is absent, slow, stuck or lying is served like any other, and shows in the
//! [`BalloonReport`]: no driver, or held apart from the target and not moving, or from the actual size.
//!
//! **Cost.** One bit for each page of the VM.
//!
//! **Not here.** What the target should be, and what becomes of a page.
//!
//! **Sources.** VIRTIO 1.2, section 5.5.

mod contents;
mod report;
mod statistics;

pub use report::{BalloonFeatures, BalloonReport};
pub use statistics::GuestStatistics;

use super::{KeptChain, QueueFault, Ring, VirtioDevice, VirtioPci, Worker};
use crate::IrqLine;
use addr::{ByteSize, Gfn, PAGE_SIZE, PageCount};
use contents::{Contents, Refusal};
use parking_lot::Mutex;
use report::Books;
use std::fmt;
use std::ops::Range;
use std::sync::Arc;
use std::time::Instant;
use virtio_bindings::virtio_ids::VIRTIO_ID_BALLOON;
use vm_memory::GuestMemory;

const STATISTICS_QUEUE: usize = 2;

/// The driver sends statistics.
const F_STATISTICS: u64 = 1 << 1;
/// The driver takes pages back when its guest runs out of memory.
const F_DEFLATE_ON_OOM: u64 = 1 << 2;
/// The driver reports free memory.
const F_REPORTING: u64 = 1 << 5;

/// The configuration: two numbers of pages of 32 bits, the target and the actual size.
const TARGET: Range<usize> = 0..4;
const ACTUAL: Range<usize> = 4..8;

/// Bytes of a page number in a list.
const NUMBER: usize = 4;
/// Bytes of a list handled at a time.
const PIECE: usize = 1024 * NUMBER;

/// What a driver did with pages of its VM's memory.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum BalloonEvent<'a> {
    /// Put them into the balloon. It uses none of them until they are deflated, whatever happens to their
    /// content.
    Inflated(&'a [Gfn]),
    /// Took them out of the balloon. It may use them as soon as this has been dealt with, and expects
    /// nothing of their content.
    Deflated(&'a [Gfn]),
    /// Reported them free: their content is of no use, though each may be used anew once this has been
    /// dealt with. Ranges may overlap, but are no larger together than the VM's memory.
    Reported(&'a [Range<Gfn>]),
}

/// Who is told what the driver did, on the device's worker thread with no lock held.
pub type OnBalloonEvent = Box<dyn FnMut(BalloonEvent<'_>) + Send>;

/// The host's side of a balloon.
#[derive(Clone)]
pub struct Balloon {
    transport: Arc<VirtioPci>,
    books: Arc<Mutex<Books>>,
    memory: PageCount,
}

/// What a balloon in so much memory keeps for the moment in which its guest runs out of memory, of which it can use nothing that it is
/// just reporting free. Linux then takes up to 256 pages back from the balloon, and waits for that as long as for the report before; with
/// nothing in the balloon it kills a program. Guests that have less memory than is given here do not report any.
const fn cushion(memory: PageCount) -> PageCount {
    const LEAST_MEMORY: PageCount = ByteSize::mib(64).pages();
    let part = memory.0 / 64;
    PageCount(match part {
        _ if memory.0 < LEAST_MEMORY.0 => 0,
        1024.. => 1024,
        _ => part,
    })
}

/// The balloon device; made with [`Balloon::attach`].
pub struct BalloonDevice {
    on_event: OnBalloonEvent,
    books: Arc<Mutex<Books>>,
    contents: Contents,
    features: u64,
    /// The driver's buffer for statistics: giving it back asks for new ones.
    buffer: Option<KeptChain>,
}

impl Balloon {
    /// Makes the balloon of a VM whose memory is `memory`, for a PCI slot whose INTA is wired to `line`.
    pub fn attach(
        memory: Range<Gfn>,
        on_event: OnBalloonEvent,
        line: IrqLine,
    ) -> (Self, Arc<VirtioPci>, Worker<BalloonDevice>) {
        let books = Arc::new(Mutex::new(Books::default()));
        let contents = Contents::new(memory);
        let size = contents.memory();
        let device =
            BalloonDevice { on_event, books: Arc::clone(&books), contents, features: 0, buffer: None };
        let (transport, worker) = VirtioPci::new(device, line);
        (Self { transport: Arc::clone(&transport), books, memory: size }, transport, worker)
    }

    /// Asks the driver for a balloon of `target` pages; more than the VM has means all of them. The driver
    /// is told even if the target is the same, which reminds one that took pages back.
    pub fn set_target(&self, target: PageCount) {
        // The field has 32 bits, as have the page numbers that the driver could list.
        let pages = target.min(self.memory).0.min(u32::MAX.into()) as u32;
        if pages_in(&self.transport.device_config(), TARGET) != PageCount(pages.into()) {
            self.books.lock().target_set = Some(Instant::now());
        }
        self.transport.set_config(TARGET.start, &pages.to_le_bytes());
    }

    /// Asks the driver for new statistics, which arrive in the report.
    pub fn request_statistics(&self) {
        self.books.lock().statistics_asked.get_or_insert_with(Instant::now);
        self.transport.kick(STATISTICS_QUEUE);
    }

    /// How the balloon is and what is known of the guest.
    pub fn report(&self) -> BalloonReport {
        let (driver, features) = self.transport.driver();
        let config = self.transport.device_config();
        let requests = self.transport.stats();
        let books = self.books.lock().clone();
        let features = BalloonFeatures {
            statistics: features & F_STATISTICS != 0,
            deflate_on_oom: features & F_DEFLATE_ON_OOM != 0,
            reporting: features & F_REPORTING != 0,
        };
        let has_cushion = features.reporting && features.deflate_on_oom;
        BalloonReport {
            driver,
            features,
            cushion: if has_cushion { cushion(self.memory) } else { PageCount(0) },
            target: pages_in(&config, TARGET),
            target_set: books.target_set,
            actual: pages_in(&config, ACTUAL),
            held: books.held,
            held_changed: books.held_changed,
            reported: books.reported,
            statistics: books.statistics,
            statistics_asked: books.statistics_asked,
            mistakes: requests.bad_requests,
            last_mistake: requests.last_bad,
        }
    }
}

/// The number of pages in a field of the configuration.
fn pages_in(config: &[u8], field: Range<usize>) -> PageCount {
    PageCount(config[field].iter().rfold(0, |value, &byte| value << 8 | u64::from(byte)))
}

/// Where the pages of a list go.
#[derive(Clone, Copy)]
enum Way {
    In,
    Out,
}

/// What was left out of one request.
#[derive(Default)]
struct LeftOut {
    not_memory: u64,
    not_so: u64,
}

impl LeftOut {
    fn count(&mut self, refusal: Refusal) {
        match refusal {
            Refusal::NotMemory => self.not_memory += 1,
            Refusal::NotSo => self.not_so += 1,
        }
    }

    /// Counts the request as the guest's mistake, if it was one; `not_so` says what the pages were.
    fn report<M: GuestMemory>(&self, ring: &Ring<'_, M>, what: &str, not_so: impl fmt::Display) {
        if self.not_memory + self.not_so > 0 {
            let Self { not_memory, not_so: wrong } = self;
            ring.report(format_args!("{what}: {not_memory} not memory, {wrong} {not_so}"));
        }
    }
}

impl BalloonDevice {
    /// Serves lists of pages that go into the balloon, or out of it.
    fn lists<M: GuestMemory>(&mut self, way: Way, ring: &mut Ring<'_, M>) -> Result<(), QueueFault> {
        let (what, wrong) = match way {
            Way::In => ("inflating", "in already"),
            Way::Out => ("deflating", "not in"),
        };
        let mut piece = [0; PIECE];
        while !ring.halted()
            && let Some(mut chain) = ring.take()?
        {
            let bytes = chain.unread();
            // What is longer repeats itself, and need not be read to know that.
            if !bytes.is_multiple_of(NUMBER as u64) || bytes / NUMBER as u64 > self.contents.memory().0 {
                ring.report(format_args!("{what}: a list of {bytes} bytes"));
                ring.give_back(chain)?;
                continue;
            }
            let mut left_out = LeftOut::default();
            loop {
                let count = chain.read(&mut piece)?;
                if count == 0 {
                    break;
                }
                if ring.halted() {
                    return Ok(());
                }
                self.list(way, &piece[..count], &mut left_out);
            }
            left_out.report(ring, what, wrong);
            ring.give_back(chain)?;
        }
        Ok(())
    }

    fn list(&mut self, way: Way, numbers: &[u8], left_out: &mut LeftOut) {
        let gfns = numbers.as_chunks().0.iter().map(|&number| Gfn(u32::from_le_bytes(number).into()));
        let mut changed = Vec::with_capacity(numbers.len() / NUMBER);
        for gfn in gfns {
            let result = match way {
                Way::In => self.contents.insert(gfn),
                Way::Out => self.contents.remove(gfn),
            };
            match result {
                Ok(()) => changed.push(gfn),
                Err(refusal) => left_out.count(refusal),
            }
        }
        if changed.is_empty() {
            return;
        }
        (self.on_event)(match way {
            Way::In => BalloonEvent::Inflated(&changed),
            Way::Out => BalloonEvent::Deflated(&changed),
        });
        self.note_held();
    }

    /// Serves reports of free memory. Their buffers *are* the free memory: looking at their content would
    /// bring it back.
    fn reports<M: GuestMemory>(&mut self, ring: &mut Ring<'_, M>) -> Result<(), QueueFault> {
        while !ring.halted()
            && let Some(chain) = ring.take()?
        {
            let mut left_out = LeftOut::default();
            let mut pages = 0;
            let mut ranges = Vec::new();
            for (start, bytes) in chain.writable() {
                // Whole pages only. The sum does not overflow: the ring checked it.
                let range = Gfn(start.0.div_ceil(PAGE_SIZE))..Gfn((start.0 + bytes.0) / PAGE_SIZE);
                if range.is_empty() {
                    continue;
                }
                pages += range.end.0 - range.start.0;
                match self.contents.check_outside(&range) {
                    Ok(()) if pages <= self.contents.memory().0 => ranges.push(range),
                    Ok(()) => left_out.count(Refusal::NotSo),
                    Err(refusal) => left_out.count(refusal),
                }
            }
            if !ranges.is_empty() {
                (self.on_event)(BalloonEvent::Reported(&ranges));
                let pages: u64 = ranges.iter().map(|range| range.end.0 - range.start.0).sum();
                self.books.lock().reported.0 += pages;
            }
            left_out.report(ring, "ranges reported free", "in the balloon or more than all of memory");
            ring.give_back(chain)?;
        }
        Ok(())
    }

    /// Serves the statistics: asks for new ones by giving the driver its buffer back, takes what came.
    fn statistics<M: GuestMemory>(&mut self, ring: &mut Ring<'_, M>) -> Result<(), QueueFault> {
        let asked = self.books.lock().statistics_asked.is_some();
        if asked && let Some(buffer) = self.buffer.take() {
            ring.give_back_kept(buffer)?;
        }
        while !ring.halted()
            && let Some(mut chain) = ring.take()?
        {
            let mut bytes = [0; statistics::MOST];
            let count = chain.read(&mut bytes)?;
            if chain.unread() > 0 || count % statistics::ENTRY != 0 {
                ring.report("statistics: not a list of figures");
            }
            {
                let mut books = self.books.lock();
                books.statistics = Some((
                    Instant::now(),
                    GuestStatistics::parse(&bytes[..count], self.contents.memory().bytes()),
                ));
                books.statistics_asked = None;
            }
            if let Some(earlier) = self.buffer.replace(chain.keep()) {
                ring.report("statistics: a second buffer, though there is to be one");
                ring.give_back_kept(earlier)?;
            }
        }
        Ok(())
    }

    fn note_held(&self) {
        let mut books = self.books.lock();
        (books.held, books.held_changed) = (self.contents.held(), Some(Instant::now()));
    }
}

impl VirtioDevice for BalloonDevice {
    const ID: u16 = VIRTIO_ID_BALLOON as u16;
    /// Not in any class.
    const CLASS: [u8; 3] = [0xff, 0, 0];
    const NAME: &str = "virtio-balloon";
    /// Inflate, deflate, statistics, hints of free pages, reporting. The fourth belongs to a feature that is
    /// not offered. The specification has the others keep their numbers then; Linux has had drivers that
    /// count only the queues they use, so reporting may come in any place after the first two or three.
    const QUEUES: &[u16] = &[128, 128, 16, 64, 64];
    const FEATURES: u64 = F_STATISTICS | F_DEFLATE_ON_OOM | F_REPORTING;
    const GUEST_CONFIG: Range<usize> = ACTUAL;

    /// Before it is known what the driver can do, the target is the cushion: it is to be there before the first report.
    fn config(&self) -> Vec<u8> {
        let mut config = vec![0; ACTUAL.end];
        config[TARGET].copy_from_slice(&(cushion(self.contents.memory()).0 as u32).to_le_bytes());
        config
    }

    fn start(&mut self, features: u64) {
        self.features = features;
    }

    fn reset(&mut self) {
        self.buffer = None;
        let on_event = &mut self.on_event;
        self.contents.empty(|gfns| on_event(BalloonEvent::Deflated(gfns)));
        if self.books.lock().held > PageCount(0) {
            self.note_held();
        }
    }

    /// Reports: what they name, half of memory perhaps, is out of the guest's reach meanwhile.
    fn undone_while_resting(&self) -> u64 {
        let statistics = if self.features & F_STATISTICS != 0 { 1 << STATISTICS_QUEUE } else { 0 };
        if self.features & F_REPORTING != 0 { !(1 << 0 | 1 << 1 | statistics) } else { 0 }
    }

    fn serve<M: GuestMemory>(&mut self, queue: usize, ring: &mut Ring<'_, M>) -> Result<(), QueueFault> {
        match queue {
            0 => self.lists(Way::In, ring),
            1 => self.lists(Way::Out, ring),
            STATISTICS_QUEUE if self.features & F_STATISTICS != 0 => self.statistics(ring),
            _ if self.features & F_REPORTING != 0 => self.reports(ring),
            _ => match ring.take()? {
                Some(_) => Err(QueueFault::new("a queue of a feature that was not accepted")),
                None => Ok(()),
            },
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_guest_that_may_report_much_of_its_memory_has_a_cushion_of_whole_rounds() {
        let mib = |mib| cushion(ByteSize::mib(mib).pages());
        assert_eq!([mib(16), mib(63), mib(64), mib(192)], [0, 0, 256, 768].map(PageCount));
        assert_eq!([mib(256), mib(1 << 20)], [ByteSize::mib(4).pages(); 2]);
    }
}
