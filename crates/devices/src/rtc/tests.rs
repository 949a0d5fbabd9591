//! Time read and set, alarms before, at and after their time, and accesses that make no sense.

use super::*;
use crate::Plic;
use proptest::prelude::*;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Instant;

/// 2026-01-01 in seconds since 1970.
const NEW_YEAR: u64 = 1_767_225_600;
const SECOND: u64 = 1_000_000_000;

/// A clock whose line's level can be looked at, and the host's time, which stands still.
struct Bench {
    rtc: Arc<Rtc>,
    host: Arc<AtomicU64>,
    plic: Arc<Plic>,
    level: Arc<AtomicBool>,
}

impl Bench {
    fn new() -> Self {
        let host = Arc::new(AtomicU64::new(NEW_YEAR * SECOND));
        let time = Arc::clone(&host);
        Self::over(host, Box::new(move || time.load(Ordering::SeqCst)))
    }

    fn over(host: Arc<AtomicU64>, clock: Clock) -> Self {
        let level = Arc::new(AtomicBool::new(false));
        let seen = Arc::clone(&level);
        let plic = Plic::new(1, Arc::new(move |_, level| seen.store(level, Ordering::SeqCst)));
        plic.write(4, 4, 1);
        plic.write(0x2000, 4, 2);
        Self { rtc: Rtc::with_clock(plic.line(1), clock), host, plic, level }
    }

    /// The line's level; claims and completes, as a request once made stays.
    fn interrupted(&self) -> bool {
        self.plic.read(0x20_0004, 4);
        self.plic.write(0x20_0004, 4, 1);
        self.level.load(Ordering::SeqCst)
    }

    fn read(&self, offset: u64) -> u64 {
        self.rtc.read(offset, 4)
    }

    fn write(&self, offset: u64, value: u64) {
        self.rtc.write(offset, 4, value);
    }

    fn time(&self) -> u64 {
        let low = self.read(TIME_LOW);
        self.read(TIME_HIGH) << 32 | low
    }

    /// As Linux sets it.
    fn set_alarm(&self, time: u64) {
        self.write(ALARM_HIGH, time >> 32);
        self.write(ALARM_LOW, time);
        self.write(IRQ_ENABLED, 1);
    }
}

#[test]
fn the_time_is_the_hosts_and_what_the_guest_makes_of_it() {
    let bench = Bench::new();
    assert_eq!(bench.time(), NEW_YEAR * SECOND);
    // The two halves are of one moment.
    bench.host.store(0xffff_ffff, Ordering::SeqCst);
    let low = bench.read(TIME_LOW);
    bench.host.store(0x1_0000_0000, Ordering::SeqCst);
    assert_eq!((bench.read(TIME_HIGH), low), (0, 0xffff_ffff));
    let wanted = 42 * SECOND + 7;
    bench.write(TIME_HIGH, wanted >> 32);
    bench.write(TIME_LOW, wanted);
    assert_eq!(bench.time(), wanted);
    bench.host.fetch_add(SECOND, Ordering::SeqCst);
    assert_eq!(bench.time(), wanted + SECOND);
}

#[test]
fn an_alarm_goes_off_once_when_its_time_has_come() {
    let bench = Bench::new();
    let due = (NEW_YEAR + 10) * SECOND;
    bench.set_alarm(due);
    assert_eq!(bench.read(ALARM_HIGH) << 32 | bench.read(ALARM_LOW), due);
    bench.rtc.look();
    assert!(!bench.interrupted());
    assert_eq!(bench.read(ALARM_STATUS), 1);
    bench.host.store(due, Ordering::SeqCst);
    bench.rtc.look();
    assert!(bench.interrupted());
    assert_eq!(bench.read(ALARM_STATUS), 0);
    assert!(bench.interrupted(), "until it is cleared");
    bench.write(CLEAR_INTERRUPT, 1);
    assert!(!bench.interrupted());
    bench.rtc.look();
    assert!(!bench.interrupted());
    assert_eq!(bench.rtc.stats().interrupts, 1);
}

#[test]
fn an_alarm_in_the_past_goes_off_at_once_and_one_that_is_cleared_never() {
    let bench = Bench::new();
    bench.write(IRQ_ENABLED, 0);
    bench.write(ALARM_LOW, 1);
    assert!(!bench.interrupted(), "not enabled");
    bench.write(IRQ_ENABLED, 1);
    assert!(bench.interrupted(), "it stayed pending");
    bench.write(CLEAR_INTERRUPT, 1);
    bench.set_alarm(u64::MAX);
    bench.write(CLEAR_ALARM, 1);
    bench.host.store(u64::MAX, Ordering::SeqCst);
    bench.rtc.look();
    assert!(!bench.interrupted());
}

#[test]
fn a_guest_that_sets_its_clock_past_the_alarm_gets_it() {
    let bench = Bench::new();
    bench.set_alarm((NEW_YEAR + 3600) * SECOND);
    let later = (NEW_YEAR + 7200) * SECOND;
    bench.write(TIME_HIGH, later >> 32);
    bench.write(TIME_LOW, later);
    assert!(bench.interrupted());
}

#[test]
fn the_thread_waits_for_alarms_and_ends_when_it_is_told() {
    let real = || SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_nanos() as u64;
    let bench = Bench::over(Arc::default(), Box::new(real));
    let thread = bench.rtc.spawn().unwrap();
    for (first, then) in [(u64::MAX, 20_000_000), (3600 * SECOND, 1), (1_000_000, 5_000_000)] {
        bench.set_alarm(real().saturating_add(first));
        bench.set_alarm(real() + then);
        let deadline = Instant::now() + Duration::from_secs(30);
        while !bench.interrupted() {
            assert!(Instant::now() < deadline, "no alarm");
            thread::yield_now();
        }
        bench.write(CLEAR_INTERRUPT, 1);
        assert!(!bench.interrupted());
    }
    bench.set_alarm(u64::MAX);
    drop(thread);
}

#[test]
fn odd_accesses_are_counted_and_do_nothing() {
    let bench = Bench::new();
    for (offset, size) in [(0, 1), (0, 8), (2, 4), (0x20, 4), (0xffc, 4)] {
        assert_eq!(bench.rtc.read(offset, size), 0);
        bench.rtc.write(offset, size, u64::MAX);
    }
    assert_eq!(bench.rtc.stats().bad_requests, 10);
    assert_eq!(bench.time(), NEW_YEAR * SECOND);
}

proptest! {
    /// Whatever is written, when it is over a good alarm works.
    #[test]
    fn nothing_that_is_written_breaks_the_clock(
        writes in prop::collection::vec((0u64..0x24, prop::sample::select(vec![1u8, 2, 4, 4, 4, 8]), any::<u64>(), any::<u32>()), 0..60),
    ) {
        let bench = Bench::new();
        for (offset, size, value, passed) in writes {
            bench.rtc.write(offset, size, value);
            bench.rtc.read(offset & !3, 4);
            bench.host.fetch_add(passed.into(), Ordering::SeqCst);
            bench.rtc.look();
            prop_assert_eq!(bench.interrupted(), {
                let state = bench.rtc.state.lock();
                state.pending && state.enabled
            });
        }
        let now = bench.host.load(Ordering::SeqCst);
        bench.write(TIME_HIGH, now >> 32);
        bench.write(TIME_LOW, now);
        prop_assert_eq!(bench.time(), now);
        bench.write(CLEAR_INTERRUPT, 1);
        bench.set_alarm(now + 1);
        bench.host.fetch_add(1, Ordering::SeqCst);
        bench.rtc.look();
        prop_assert!(bench.interrupted());
    }
}
