//! Debian's own balloon driver, asked for memory and given it back.

mod guest;

use addr::{ByteSize, PageCount};
use devices::{BalloonFeatures, BalloonReport, DriverState, GuestStatistics};
use guest::{Guest, HARDWARE, SOFTWARE};
use machine::Pool;
use std::time::{Duration, Instant};
use vm::MmuChoice;

const MEMORY: ByteSize = ByteSize::mib(192);
const TARGET: PageCount = ByteSize::mib(32).pages();
/// What a guest with nothing else to do takes to follow, with a margin for a busy host.
const SOON: Duration = Duration::from_secs(20);

/// Asks the balloon until `there`.
fn wait(guest: &Guest, what: &str, there: impl Fn(&BalloonReport) -> bool) -> BalloonReport {
    let deadline = Instant::now() + SOON;
    loop {
        let report = guest.vm.balloon().report();
        if there(&report) {
            return report;
        }
        assert!(Instant::now() < deadline, "no {what}: {report:?}\n{}", guest.console.text());
        std::thread::sleep(Duration::from_millis(5));
    }
}

/// The balloon has the target's size, by the guest's account and by ours.
fn settled(guest: &Guest, target: PageCount) -> BalloonReport {
    let report = wait(guest, "agreement", |report| report.actual == target && report.held == target);
    assert_eq!((report.target, report.mistakes, &report.last_mistake), (target, 0, &None));
    // The frames are really gone, but for a page that a device held at the moment.
    let pages = guest.vm.memory().census();
    assert!((target.0.saturating_sub(16)..=target.0).contains(&pages.ballooned.0), "{pages:?}");
    report
}

fn fresh_statistics(guest: &Guest) -> GuestStatistics {
    guest.vm.balloon().request_statistics();
    let report = wait(guest, "answer", |report| report.statistics_asked.is_none());
    report.statistics.expect("an answer").1
}

fn driven(mmu: MmuChoice) {
    let Some(files) = guest::debian() else { return };
    let pool = Pool::new(MEMORY).unwrap();
    let mut config = guest::programs(&files, MEMORY, "", "");
    (config.mmu, config.cpus) = (mmu, 2);
    let guest = Guest::start(&config, &pool, 1);
    // The target waits for a driver.
    let balloon = guest.vm.balloon();
    assert_eq!(balloon.report().driver, DriverState::Absent);
    balloon.set_target(TARGET);
    guest.console.expect("# ");
    let report = settled(&guest, TARGET);
    assert_eq!(report.driver, DriverState::Present);
    let all = BalloonFeatures { statistics: true, deflate_on_oom: true, reporting: true };
    assert_eq!(report.features, all);

    let full = fresh_statistics(&guest);
    balloon.set_target(PageCount(0));
    settled(&guest, PageCount(0));
    let empty = fresh_statistics(&guest);
    let bytes = |size: Option<ByteSize>| size.expect("Linux says so").0;
    let returned = bytes(empty.free).saturating_sub(bytes(full.free));
    // Each CPU keeps some free pages for itself, which the guest does not count.
    let expected = TARGET.bytes().0 / 2..TARGET.bytes().0 * 3 / 2;
    assert!(expected.contains(&returned), "{full:?}, {empty:?}");
    assert!(bytes(empty.total) <= MEMORY.0 && bytes(empty.available) <= bytes(empty.total), "{empty:?}");
    assert_eq!((empty.oom_kills, empty.swapped_out), (Some(0), Some(ByteSize(0))));
    assert!(bytes(empty.disk_caches) > 0 && empty.minor_faults > Some(100), "{full:?}, {empty:?}");

    // Up and down while the guest works, and the end of it.
    guest.send("mt touch 24 3; echo touched-$((6*7))\n");
    for target in [40, 4, 24, 0].map(|mib| ByteSize::mib(mib).pages()) {
        balloon.set_target(target);
        settled(&guest, target);
    }
    guest.console.expect("touched-42");
    assert!(guest.console.text().contains("touch mib=24"));
    guest.check();
    guest.take_down();
    guest::assert_unused(&pool);
}

#[test]
fn it_follows_its_target_under_software() {
    driven(SOFTWARE);
}

#[test]
fn it_follows_its_target_under_hardware() {
    driven(HARDWARE);
}

#[test]
fn memory_that_a_program_frees_is_reported() {
    let Some(files) = guest::debian() else { return };
    let pool = Pool::new(MEMORY).unwrap();
    let config = guest::programs(&files, MEMORY, "", "");
    let guest = Guest::start(&config, &pool, 1);
    guest.console.expect("# ");
    // What was free from the start is reported first. Linux waits for two seconds before each round.
    let mut report = wait(&guest, "first report", |report| report.reported > PageCount(0));
    loop {
        std::thread::sleep(Duration::from_secs(3));
        let later = guest.vm.balloon().report();
        if later.reported == report.reported {
            break;
        }
        report = later;
    }
    assert!(report.reported > ByteSize::mib(48).pages(), "{report:?}");
    let private = || guest.vm.memory().census().private;
    let before = private();
    guest.send("mt touch 64 1\n");
    guest.console.expect("touch mib=64");
    let most_used = private();
    assert!(most_used.0 > before.0 + ByteSize::mib(32).pages().0, "{before:?} {most_used:?}");
    // Linux reports blocks of 2 MiB, not all of which a program leaves whole.
    let most = PageCount(report.reported.0 + ByteSize::mib(48).pages().0);
    let report = wait(&guest, "report of what was freed", |report| report.reported >= most);
    // A guest that runs out of memory while a report is under way has something to take back.
    assert!(report.cushion > PageCount(0) && report.target == report.cushion, "{report:?}");
    assert_eq!((report.mistakes, report.held, report.last_mistake), (0, report.cushion, None));
    assert!(private().0 < most_used.0 - ByteSize::mib(32).pages().0, "{:?} of {most_used:?}", private());
    guest.check();
    guest.take_down();
    guest::assert_unused(&pool);
}

#[test]
fn a_driver_that_goes_and_comes_back_starts_anew() {
    let Some(files) = guest::debian() else { return };
    let pool = Pool::new(MEMORY).unwrap();
    let config = guest::programs(&files, MEMORY, "", "");
    let guest = Guest::start(&config, &pool, 1);
    guest.vm.balloon().set_target(TARGET);
    guest.console.expect("# ");
    settled(&guest, TARGET);
    guest.send("cd /sys/bus/virtio/drivers/virtio_balloon; device=$(echo virtio*); echo $device >unbind\n");
    let gone = wait(&guest, "parting", |report| report.driver == DriverState::Absent);
    assert_eq!((gone.held, gone.actual, gone.target), (PageCount(0), PageCount(0), TARGET));
    assert_eq!((gone.features, gone.mistakes), (BalloonFeatures::default(), 0), "{:?}", gone.last_mistake);
    guest.send("echo $device >bind\n");
    settled(&guest, TARGET);
    guest.take_down();
    guest::assert_unused(&pool);
}
