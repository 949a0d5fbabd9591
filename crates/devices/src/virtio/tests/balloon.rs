//! The balloon against a driver that means well, and drivers that do not.

use super::driver::{self, BAD_ADDRESS, Driver, Machine, READ, WRITE, buffer};
use crate::virtio::budget::thread_time;
use crate::{Balloon, BalloonEvent, DriverState, map};
use addr::{ByteSize, Gfn, Gpa, PAGE_SIZE, PageCount};
use std::ops::Range;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};
use vm_memory::{Bytes, GuestAddress};

const INFLATE: usize = 0;
const DEFLATE: usize = 1;
const STATISTICS: usize = 2;
const REPORTING: usize = 4;

/// What the balloon said, without the slices.
#[derive(Clone, PartialEq, Eq, Debug)]
enum Said {
    Inflated(Vec<u64>),
    Deflated(Vec<u64>),
    Reported(Vec<Range<u64>>),
}

struct Guest {
    machine: Machine,
    driver: Driver,
    balloon: Balloon,
    said: Arc<parking_lot::Mutex<Vec<Said>>>,
    /// Whether what is said takes a second of processor time.
    works: Arc<AtomicBool>,
}

/// The n-th page of memory.
fn page(n: u64) -> u64 {
    map::RAM_START.0 / PAGE_SIZE + n
}

impl Guest {
    /// A balloon whose driver is not up yet.
    fn new() -> Self {
        let mut machine = Machine::new();
        let said = Arc::new(parking_lot::Mutex::new(Vec::new()));
        let listener = Arc::clone(&said);
        let numbers = |gfns: &[Gfn]| gfns.iter().map(|gfn| gfn.0).collect::<Vec<u64>>();
        let works = Arc::new(AtomicBool::new(false));
        let is_work = Arc::clone(&works);
        let on_event = move |event: BalloonEvent<'_>| {
            let end = thread_time() + Duration::from_secs(1);
            while is_work.load(Ordering::Relaxed) && thread_time() < end {}
            listener.lock().push(match event {
                BalloonEvent::Inflated(gfns) => Said::Inflated(numbers(gfns)),
                BalloonEvent::Deflated(gfns) => Said::Deflated(numbers(gfns)),
                BalloonEvent::Reported(ranges) => {
                    Said::Reported(ranges.iter().map(|range| range.start.0..range.end.0).collect())
                }
            });
        };
        let memory = Gfn(page(0))..Gfn(page(driver::MEMORY.pages().0));
        let mut host = None;
        let driver = machine.plug(|line| {
            let (balloon, transport, worker) = Balloon::attach(memory, Box::new(on_event), line);
            host = Some(balloon);
            (transport, worker)
        });
        machine.start();
        Self { machine, driver, balloon: host.unwrap(), said, works }
    }

    fn up() -> Self {
        let mut guest = Self::new();
        guest.driver.bring_up(&guest.machine);
        guest
    }

    fn put(&self, at: u64, bytes: &[u8]) {
        self.machine.memory.write_slice(bytes, GuestAddress(at)).unwrap();
    }

    /// Submits a chain and waits until it is back.
    fn submit(&mut self, queue: usize, chain: &[(u64, u32, u16)]) {
        self.driver.submit(&self.machine, queue, chain);
        assert_eq!(self.driver.wait_used(&self.machine, queue), (0, 0));
    }

    /// Submits a list of pages; gives what the balloon had said by the time the list was back.
    fn list(&mut self, queue: usize, pages: &[u64]) -> Vec<Said> {
        let bytes: Vec<u8> = pages.iter().flat_map(|&page| (page as u32).to_le_bytes()).collect();
        self.put(buffer(0), &bytes);
        self.submit(queue, &[(buffer(0), bytes.len() as u32, READ)]);
        self.take_said()
    }

    fn take_said(&self) -> Vec<Said> {
        std::mem::take(&mut self.said.lock())
    }

    fn held(&self) -> u64 {
        self.balloon.report().held.0
    }

    fn last_mistake(&self) -> String {
        self.balloon.report().last_mistake.unwrap_or_default()
    }
}

#[test]
fn the_target_reaches_the_driver_and_its_claim_the_host() {
    let guest = Guest::up();
    let (machine, driver) = (&guest.machine, &guest.driver);
    assert_eq!(guest.balloon.report().target_set, None);
    guest.balloon.set_target(PageCount(40));
    assert_eq!(driver.device_config(machine, 0, 4), 40);
    assert_eq!(driver.take_interrupt(machine), 2);
    let set = guest.balloon.report().target_set;
    guest.balloon.set_target(PageCount(40));
    assert_eq!(driver.take_interrupt(machine), 2, "a reminder");
    assert_eq!(guest.balloon.report().target_set, set);
    guest.balloon.set_target(PageCount(u64::MAX));
    assert_eq!(guest.balloon.report().target, driver::MEMORY.pages());
    assert!(guest.balloon.report().target_set > set);

    driver.set_device_config(machine, 4, 4, 30);
    let report = guest.balloon.report();
    assert_eq!((report.actual, report.held, report.mistakes), (PageCount(30), PageCount(0), 0), "a liar");
    for (register, size) in [(0, 4), (2, 4), (3, 2), (6, 4), (8, 4), (4, 8)] {
        driver.set_device_config(machine, register, size, u64::MAX);
    }
    let report = guest.balloon.report();
    assert_eq!((report.actual, report.target), (PageCount(30), driver::MEMORY.pages()));
    assert_eq!(report.mistakes, 6);
    driver.reset(machine);
    assert_eq!(guest.balloon.report().actual, PageCount(0));
    assert_eq!(driver.device_config(machine, 0, 4), driver::MEMORY.pages().0, "the target stays");
}

#[test]
fn pages_go_in_and_come_out() {
    let mut guest = Guest::up();
    assert_eq!(guest.balloon.report().held_changed, None);
    let pages: Vec<u64> = (20..40).map(page).collect();
    assert_eq!(guest.list(INFLATE, &pages), [Said::Inflated(pages.clone())]);
    let report = guest.balloon.report();
    assert_eq!((report.held, report.mistakes), (PageCount(20), 0));
    assert!(report.held_changed.is_some());
    assert_eq!(guest.list(DEFLATE, &pages[3..5]), [Said::Deflated(pages[3..5].to_vec())]);
    assert_eq!(guest.list(INFLATE, &pages[4..5]), [Said::Inflated(pages[4..5].to_vec())]);
    assert_eq!(guest.held(), 19);
    assert_eq!(guest.list(DEFLATE, &pages[4..]), [Said::Deflated(pages[4..].to_vec())]);
    assert_eq!((guest.held(), guest.balloon.report().mistakes), (3, 0));
}

#[test]
fn a_list_may_lie_in_many_buffers() {
    let mut guest = Guest::up();
    // A number that crosses from one page to the next, and an empty buffer.
    let at = buffer(1) - 2;
    guest.put(at, &(page(50) as u32).to_le_bytes());
    guest.put(buffer(3), &(page(51) as u32).to_le_bytes());
    guest.submit(INFLATE, &[(at, 1, READ), (at + 1, 3, READ), (BAD_ADDRESS, 0, READ), (buffer(3), 4, READ)]);
    assert_eq!(guest.take_said(), [Said::Inflated(vec![page(50), page(51)])]);
}

#[test]
fn pages_that_make_no_sense_are_left_out_and_counted() {
    let mut guest = Guest::up();
    let end = page(driver::MEMORY.pages().0);
    assert_eq!(guest.list(INFLATE, &[page(9), end, page(9), 0]), [Said::Inflated(vec![page(9)])]);
    assert_eq!(guest.last_mistake(), "inflating: 2 not memory, 1 in already");
    assert_eq!(guest.list(INFLATE, &[page(9), u64::from(u32::MAX)]), []);
    assert_eq!(guest.list(DEFLATE, &[page(8), page(9), end]), [Said::Deflated(vec![page(9)])]);
    assert_eq!(guest.last_mistake(), "deflating: 1 not memory, 1 not in");
    assert_eq!((guest.held(), guest.balloon.report().mistakes), (0, 3));
}

#[test]
fn absurd_lists_are_not_read() {
    let mut guest = Guest::up();
    let most = 4 * driver::MEMORY.pages().0 as u32;
    for chain in [
        // Nothing of it is memory, which nobody finds out.
        [(BAD_ADDRESS, u32::MAX - 7, READ), (BAD_ADDRESS, 4, READ)],
        [(BAD_ADDRESS, most, READ), (BAD_ADDRESS, 4, READ)],
        [(BAD_ADDRESS, 3, READ), (BAD_ADDRESS, 4, READ)],
    ] {
        for queue in [INFLATE, DEFLATE] {
            guest.submit(queue, &chain);
        }
    }
    assert_eq!((guest.take_said(), guest.balloon.report().mistakes), (vec![], 6));
    assert_eq!(guest.last_mistake(), "deflating: a list of 7 bytes");
    // A list of nothing, and one that is all for the device to write.
    guest.submit(INFLATE, &[(buffer(0), 4, WRITE)]);
    assert_eq!((guest.take_said(), guest.balloon.report().mistakes), (vec![], 6));
}

#[test]
fn a_reset_returns_what_is_held() {
    let mut guest = Guest::up();
    let pages = [page(1), page(30), page(63)];
    for round in 0..3 {
        assert_eq!(guest.list(INFLATE, &pages).len(), 1, "{round}");
        assert_eq!((guest.held(), guest.balloon.report().driver), (3, DriverState::Present));
        guest.driver.reset(&guest.machine);
        // When the driver sees the status of 0, it has happened.
        assert_eq!(guest.take_said(), [Said::Deflated(pages.to_vec())]);
        let report = guest.balloon.report();
        assert_eq!((report.held, report.driver), (PageCount(0), DriverState::Absent));
        assert_eq!(report.features, crate::BalloonFeatures::default());
        guest.driver.bring_up(&guest.machine);
    }
}

#[test]
fn a_broken_queue_returns_what_is_held_and_shows() {
    let mut guest = Guest::up();
    guest.list(INFLATE, &[page(5)]);
    guest.driver.submit(&guest.machine, DEFLATE, &[(BAD_ADDRESS, 4, READ)]);
    let (machine, balloon) = (&guest.machine, &guest.balloon);
    machine.wait_for("a broken device", || balloon.report().driver == DriverState::Broken);
    assert!(guest.last_mistake().contains("no memory at"));
    assert_eq!((guest.take_said(), guest.held()), (vec![Said::Deflated(vec![page(5)])], 0));
    guest.driver.bring_up(&guest.machine);
    assert_eq!(guest.balloon.report().driver, DriverState::Present);
    guest.list(INFLATE, &[page(5)]);
    assert_eq!(guest.held(), 1);
}

/// A list of figures as a driver writes them.
fn figures(figures: &[(u16, u64)]) -> Vec<u8> {
    figures.iter().flat_map(|(tag, value)| tag.to_le_bytes().into_iter().chain(value.to_le_bytes())).collect()
}

#[test]
fn statistics_come_when_asked_for() {
    let mut guest = Guest::new();
    // Before there is a driver: the question waits.
    guest.balloon.request_statistics();
    assert!(guest.balloon.report().statistics_asked.is_some());
    guest.driver.bring_up(&guest.machine);
    assert!(guest.balloon.report().features.statistics);
    for round in 0..4u64 {
        let bytes = figures(&[(4, 4096 * round), (6, 77), (10, 3), (999, 1)]);
        guest.put(buffer(0), &bytes);
        guest.driver.submit(&guest.machine, STATISTICS, &[(buffer(0), bytes.len() as u32, READ)]);
        let (machine, balloon) = (&guest.machine, &guest.balloon);
        machine.wait_for("the statistics", || {
            let latest = balloon.report().statistics;
            latest.is_some_and(|(_, latest)| latest.free == Some(ByteSize(4096 * round)))
        });
        let report = guest.balloon.report();
        let (_, latest) = report.statistics.unwrap();
        assert_eq!((latest.available, latest.oom_kills), (Some(ByteSize(77)), Some(3)));
        assert_eq!((latest.total, report.statistics_asked, report.mistakes), (None, None, 0));
        assert_eq!(u64::from(driver::used(&guest.machine, STATISTICS)), round, "the buffer stays");
        guest.balloon.request_statistics();
        assert_eq!(guest.driver.wait_used(&guest.machine, STATISTICS), (0, 0));
        let asked = guest.balloon.report().statistics_asked;
        assert!(asked.is_some());
        guest.balloon.request_statistics();
        assert_eq!(guest.balloon.report().statistics_asked, asked, "asked since then");
    }
}

#[test]
fn strange_statistics_are_taken_for_what_they_are_worth() {
    let mut guest = Guest::up();
    let mut bytes = figures(&[(5, 1), (5, 2)]);
    bytes.extend([6, 0, 1]);
    guest.put(buffer(0), &bytes);
    guest.driver.submit(&guest.machine, STATISTICS, &[(buffer(0), bytes.len() as u32, READ)]);
    let (machine, balloon) = (&guest.machine, &guest.balloon);
    machine.wait_for("the statistics", || balloon.report().statistics.is_some());
    let latest = guest.balloon.report().statistics.unwrap().1;
    assert_eq!((latest.total, latest.available), (Some(ByteSize(2)), None));
    assert_eq!(guest.last_mistake(), "statistics: not a list of figures");
    // No guest has more memory than its VM, or kills programs for ever.
    let bytes = figures(&[(4, u64::MAX), (5, 1 << 40), (6, u64::MAX), (7, 1 << 62), (10, u64::MAX), (2, 9)]);
    guest.driver.bring_up(&guest.machine);
    guest.put(buffer(0), &bytes);
    guest.driver.submit(&guest.machine, STATISTICS, &[(buffer(0), bytes.len() as u32, READ)]);
    guest.machine.wait_for("the statistics", || {
        guest.balloon.report().statistics.is_some_and(|(_, latest)| latest.major_faults == Some(9))
    });
    let latest = guest.balloon.report().statistics.unwrap().1;
    assert_eq!((latest.free, latest.total, latest.available, latest.disk_caches), (None, None, None, None));
    assert_eq!(latest.oom_kills, None);
    // A second buffer sends the first one back; this one has no end.
    guest.submit(STATISTICS, &[(buffer(0), 10, READ), (buffer(0), 100_000, READ)]);
    assert_eq!(guest.last_mistake(), "statistics: a second buffer, though there is to be one");
    assert_eq!(guest.balloon.report().mistakes, 3);
    // After a reset, the buffer kept means nothing.
    guest.driver.bring_up(&guest.machine);
    guest.balloon.request_statistics();
    guest.list(INFLATE, &[page(1)]);
    assert_eq!(driver::used(&guest.machine, STATISTICS), 0);
}

#[test]
fn free_memory_is_reported_by_whole_pages() {
    let mut guest = Guest::up();
    guest.put(buffer(20), &[7; PAGE_SIZE as usize]);
    let (first, page_size) = (buffer(20), PAGE_SIZE as u32);
    guest.submit(
        REPORTING,
        &[
            (first, 4 * page_size, WRITE),
            (first + 5 * PAGE_SIZE + 1, 2 * page_size, WRITE),
            (first + 5 * PAGE_SIZE + 1, page_size, WRITE),
            (first + 8 * PAGE_SIZE, page_size - 1, WRITE),
        ],
    );
    let start = Gfn::containing(Gpa(first)).0;
    assert_eq!(guest.take_said(), [Said::Reported(vec![start..start + 4, start + 6..start + 7])]);
    let report = guest.balloon.report();
    assert_eq!((report.reported, report.mistakes, report.held), (PageCount(5), 0, PageCount(0)));
    let mut content = [0; 16];
    guest.machine.memory.read_slice(&mut content, GuestAddress(first)).unwrap();
    assert_eq!(content, [7; 16], "the device itself leaves memory alone");
}

#[test]
fn a_report_comes_back_undone_while_the_worker_rests() {
    let mut guest = Guest::up();
    // One second's time is twenty seconds' part of it.
    guest.works.store(true, Ordering::Relaxed);
    assert_eq!(guest.list(INFLATE, &[page(1)]), [Said::Inflated(vec![page(1)])]);
    guest.works.store(false, Ordering::Relaxed);
    let rests = Instant::now();
    // What comes before the worker has paid is done still.
    loop {
        guest.submit(REPORTING, &[(buffer(20), PAGE_SIZE as u32, WRITE)]);
        assert!(rests.elapsed() < Duration::from_secs(10), "{:?}", rests.elapsed());
        if guest.take_said().is_empty() {
            break;
        }
    }
    let done = guest.balloon.report().reported;
    guest.submit(REPORTING, &[(buffer(20), PAGE_SIZE as u32, WRITE)]);
    assert!(rests.elapsed() < Duration::from_secs(10), "{:?}", rests.elapsed());
    assert_eq!((guest.take_said(), guest.balloon.report().reported), (vec![], done));
    // The others wait.
    guest.put(buffer(0), &(page(2) as u32).to_le_bytes());
    guest.driver.submit(&guest.machine, INFLATE, &[(buffer(0), 4, READ)]);
    guest.submit(REPORTING, &[(buffer(20), PAGE_SIZE as u32, WRITE)]);
    assert_eq!((guest.take_said(), guest.held()), (vec![], 1));
}

#[test]
fn free_memory_that_is_not_is_left_out() {
    let mut guest = Guest::up();
    guest.list(INFLATE, &[page(40)]);
    let (start, all) = (map::RAM_START.0, driver::MEMORY.0 as u32);
    guest.submit(
        REPORTING,
        &[
            (start, all, WRITE),
            (BAD_ADDRESS, 1 << 20, WRITE),
            (start - PAGE_SIZE, 2 * PAGE_SIZE as u32, WRITE),
            (u64::MAX - PAGE_SIZE * 2, PAGE_SIZE as u32 * 2, WRITE),
            (start, PAGE_SIZE as u32, WRITE),
        ],
    );
    assert_eq!(guest.take_said(), [], "what comes after so much is not looked at");
    let expected = "ranges reported free: 3 not memory, 2 in the balloon or more than all of memory";
    assert_eq!(guest.last_mistake(), expected);
    // Half of memory three times over, which is more than all of it.
    let part = all / 2 / PAGE_SIZE as u32 * PAGE_SIZE as u32;
    guest.submit(REPORTING, &[(start, part, WRITE), (start, part, WRITE), (start, part, WRITE)]);
    let range = page(0)..page(u64::from(part) / PAGE_SIZE);
    assert_eq!(guest.take_said(), [Said::Reported(vec![range.clone(), range])]);
    assert_eq!(guest.balloon.report().mistakes, 2);
}

#[test]
fn queues_of_features_not_accepted_are_not_served() {
    for (accepted, queue, served) in
        [(0, 2, false), (1 << 1, 3, false), (1 << 5, 2, true), (1 << 5 | 1 << 1, 3, true), (1 << 5, 4, true)]
    {
        let mut guest = Guest::new();
        guest.driver.bring_up_with(&guest.machine, accepted);
        guest.driver.submit(&guest.machine, queue, &[(buffer(0), PAGE_SIZE as u32, WRITE)]);
        if served {
            guest.driver.wait_used(&guest.machine, queue);
            assert_eq!(guest.take_said().len(), 1, "{accepted:#x}, queue {queue}");
        } else {
            let (machine, balloon) = (&guest.machine, &guest.balloon);
            machine.wait_for("a broken device", || balloon.report().driver == DriverState::Broken);
            assert!(guest.last_mistake().contains("not accepted"), "{}", guest.last_mistake());
        }
    }
}
