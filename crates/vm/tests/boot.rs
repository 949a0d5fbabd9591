//! Debian boots, runs every guest program and powers off: under each technique, in each paging mode,
//! on one, two and four vCPUs.

mod guest;

use addr::{ByteSize, Gva, PageCount};
use guest::{Guest, HARDWARE, SOFTWARE};
use machine::Pool;
use mmu::{MmuCounts, PagingMode};
use std::io::Write;
use std::time::{Duration, SystemTime, UNIX_EPOCH};
use vm::boot::{Initrd, KernelImage};
use vm::{Config, Ended, MmuChoice, Statistics, TechniqueStatistics};

const MEMORY: ByteSize = ByteSize::mib(256);

/// What keeps Debian's kernel from using more than a paging mode.
const PAGING: [(&str, PagingMode); 3] =
    [("no4lvl", PagingMode::Sv39), ("no5lvl", PagingMode::Sv48), ("", PagingMode::Sv57)];

fn boots(mmu: MmuChoice, check: impl Fn(&Statistics)) {
    let Some(files) = guest::debian() else { return };
    let pool = Pool::new(MEMORY).unwrap();
    let mut config = guest::programs(&files, MEMORY, "", "");
    config.mmu = mmu;
    for (option, mode) in PAGING {
        config.command_line = guest::command_line(option, "mt all");
        for cpus in [1, 2, 4] {
            config.cpus = cpus;
            let guest = Guest::start(&config, &pool, 1);
            guest.end_well();
            assert!(guest.console.text().contains("ALL OK"), "{}", guest.console.text());
            assert_eq!(guest.vm.map_address(0, Gva(0)).root.mode, mode, "{cpus} CPUs");
            let statistics = guest.vm.statistics();
            assert_eq!(statistics.harts.len(), cpus as usize);
            // Its balloon had a cushion, before its driver went.
            let given = guest.vm.balloon().report().reported.0 + MEMORY.pages().0 / 64;
            consistent(&statistics, PageCount(given));
            check(&statistics);
            guest.take_down();
            guest::assert_unused(&pool);
        }
    }
}

/// What holds under every technique, if the guest gave so many pages back.
fn consistent(statistics: &Statistics, given: PageCount) {
    let both = [&statistics.software, &statistics.hardware];
    let sum = |count: fn(&TechniqueStatistics) -> u64| both.map(count).iter().sum::<u64>();
    let by_hart: u64 = statistics.harts.iter().map(|hart| hart.instructions).sum();
    assert_eq!(sum(|t| t.hart.instructions), by_hart);
    assert!(by_hart > 500_000_000, "a boot takes more than {by_hart} instructions");
    assert!(sum(|t| t.hart.exceptions) >= sum(|t| t.mmu.true_faults));
    assert!(sum(|t| t.mmu.true_faults) > 1000 && sum(|t| t.mmu.switches) > 10, "{both:?}");
    // Nothing is taken away but what the guest gives: the balloon's cushion, and what is reported free where a boot takes long; from
    // each hart.
    let most_taken = given.0 * statistics.harts.len() as u64;
    assert!(sum(|t| t.mmu.page_fences) > 1000 && sum(|t| t.mmu.taken_away) <= most_taken, "{both:?}");
    for under in both {
        assert!(under.tlb_hits() <= under.hart.accesses);
        assert!(under.guest_nanoseconds() <= under.running_nanoseconds);
        assert!(under.mmu.walk_references >= under.mmu.data_misses, "{under:?}");
    }
    let serial =
        statistics.devices.iter().find(|(name, _)| *name == "serial").expect("there is a serial port");
    assert!(serial.1.accesses > 100 && serial.1.interrupts > 0 && serial.1.bad_requests == 0, "{serial:?}");
}

/// Whether a technique was not used at all.
fn is_idle(under: &TechniqueStatistics) -> bool {
    let MmuCounts { data_misses, fetch_misses, hidden_faults, .. } = under.mmu;
    under.hart.instructions + data_misses + fetch_misses + hidden_faults + under.mmu.shadow.tables_built == 0
}

#[test]
fn under_software() {
    boots(SOFTWARE, |statistics| {
        let mmu = statistics.software.mmu;
        assert!(mmu.hidden_faults > 10_000 && mmu.shadow.tables_built > 100, "{mmu:?}");
        assert!(mmu.shadow.tables_synced > 0 && mmu.shadow.entries_kept > 0, "{mmu:?}");
        assert!(statistics.harts.iter().any(|hart| hart.shadow_tables > 0));
        assert!(is_idle(&statistics.hardware), "{:?}", statistics.hardware);
    });
}

#[test]
fn under_hardware() {
    boots(HARDWARE, |statistics| {
        let mmu = statistics.hardware.mmu;
        assert_eq!((mmu.hidden_faults, mmu.shadow.tables_built), (0, 0));
        assert!(mmu.walk_references > 10 * mmu.data_misses, "{mmu:?}");
        assert!(statistics.harts.iter().all(|hart| hart.shadow_tables == 0));
        assert!(is_idle(&statistics.software), "{:?}", statistics.software);
    });
}

#[test]
fn under_automatic() {
    boots(MmuChoice::Automatic, |statistics| {
        assert!(!statistics.choice.reason.is_empty());
        assert!(statistics.harts.iter().all(|hart| hart.technique == statistics.choice.technique));
    });
}

#[test]
fn the_unmodified_installer_gives_a_shell() {
    let Some(files) = guest::debian() else { return };
    let initrd = guest::read(&files, "initrd.gz");
    let config = Config {
        initrd: Some(Initrd::parse("initrd.gz", initrd).unwrap()),
        command_line: guest::command_line("rdinit=/bin/sh", ""),
        ..guest::programs(&files, ByteSize::mib(1024), "", "")
    };
    let pool = Pool::new(config.memory).unwrap();
    let guest = Guest::start(&config, &pool, 1);
    guest.console.expect("# ");
    guest.send("echo hello-$((6*7))\n");
    guest.console.expect("hello-42");
    // Nobody told it but the clock.
    guest.send("date +it-is-%s-now; echo over-$((6*7))\n");
    guest.console.expect("over-42");
    let text = guest.console.text();
    let told = text.rsplit("it-is-").find_map(|rest| rest.split_once("-now")?.0.parse().ok());
    let told = Duration::from_secs(told.unwrap_or_else(|| panic!("no date in {text}")));
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap();
    assert!(told.abs_diff(now) < guest::PATIENCE, "{told:?} is not {now:?}");
    guest.check();
    guest.take_down();
    guest::assert_unused(&pool);
}

#[test]
fn a_gzipped_kernel_boots() {
    let Some(files) = guest::debian() else { return };
    let mut packed = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    packed.write_all(&guest::read(&files, "Image")).unwrap();
    let config = Config {
        kernel: KernelImage::parse("Image.gz", packed.finish().unwrap()).unwrap(),
        ..guest::programs(&files, MEMORY, "", "mt exit 0")
    };
    let pool = Pool::new(config.memory).unwrap();
    let guest = Guest::start(&config, &pool, 1);
    guest.end_well();
    guest.take_down();
}

#[test]
fn two_vms_on_one_pool_do_not_meet() {
    let Some(files) = guest::debian() else { return };
    let pool = Pool::new(ByteSize::mib(512)).unwrap();
    let config = guest::programs(&files, MEMORY, "", "");
    let guests = [1, 2].map(|id| Guest::start(&config, &pool, id));
    assert_eq!(pool.usage().reserved, pool.usage().total, "both are guaranteed all they may touch");
    for (guest, name) in guests.iter().zip(["first", "second"]) {
        guest.console.expect("shell ready");
        guest.send(&format!("echo I am the {name}$((6*7)); mt touch 64 2 && poweroff -f\n"));
    }
    for (guest, [own, others]) in guests.iter().zip([["first", "second"], ["second", "first"]]) {
        assert_eq!(guest.end(), Ended::PoweredOff);
        let text = guest.console.text();
        assert!(text.contains(&format!("I am the {own}42")) && !text.contains(others), "{text}");
        assert!(text.contains("touch mib=64"), "{text}");
    }
    let [first, second] = guests;
    let used = |guest: &Guest| guest.vm.memory().census().private;
    let (of_first, of_second) = (used(&first), used(&second));
    assert_eq!(pool.usage().private.0, of_first.0 + of_second.0);
    first.take_down();
    assert_eq!(pool.usage().private, of_second);
    second.check();
    second.take_down();
    guest::assert_unused(&pool);
}
