//! Guests that were promised three times the memory there is, check their own, and must not notice.

mod guest;

use addr::{ByteSize, PageCount, VmId};
use guest::{Guest, HARDWARE, SOFTWARE};
use machine::{Backing, MemoryCounts, Pool, ShareGroup, Stores, SwapFile, VmMemory};
use std::os::unix::fs::FileExt;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::Duration;
use vm::{Config, Ended, MmuChoice};

const MEMORY: ByteSize = ByteSize::mib(192);
const POOL: ByteSize = ByteSize::mib(256);
const RESERVATION: ByteSize = ByteSize::mib(24);
/// With fewer frames than this the host reclaims.
const LOW: PageCount = PageCount(2048);

const COMMANDS: &str = "mt all; mt touch 96 2; mt forkstorm 20; mt touch 8 2 4; cat /proc/meminfo | head -2";

/// How memory is taken back.
#[derive(Clone, Copy)]
struct Ways {
    sharing: bool,
    zip: bool,
    /// Also while nothing is short.
    always: bool,
}

fn start(files: &Path, pool: &Pool, id: u32, cpus: u32, mmu: MmuChoice, ways: Ways) -> Guest {
    let size = MEMORY.pages();
    let reservation = RESERVATION.pages();
    let swap =
        SwapFile::create(&std::env::temp_dir(), PageCount(size.0 - reservation.0)).expect("disk space");
    let zip = PageCount(if ways.zip { size.0 / 10 } else { 0 });
    let backing = Backing { reservation, group: ShareGroup(1), stores: Stores::new(zip, Some(swap)) };
    let config = Config { cpus, mmu, ..guest::programs(files, MEMORY, "", COMMANDS) };
    Guest::start_on(&config, pool, id, backing)
}

/// What a host does about memory, without any judgement: it scans all the time, and takes pages from
/// everyone in turn when frames are short.
fn keep_reclaiming(memories: &[Arc<VmMemory>], pool: &Pool, ways: Ways, done: &AtomicBool) {
    let peer = |id: VmId| memories.iter().find(|memory| memory.id() == id).cloned();
    let mut turn = 0u64;
    while !done.load(Ordering::Relaxed) {
        turn += 1;
        let memory = &memories[turn as usize % memories.len()];
        if ways.sharing {
            memory.scan(PageCount(512), &peer);
        }
        let sample = memory.begin_sample((0..50).map(|pick| turn.wrapping_mul(pick * 7919)));
        if ways.always || pool.usage().available() < LOW {
            let report = memory.reclaim(PageCount(256));
            assert_eq!(report.failure, None);
        } else {
            thread::sleep(Duration::from_micros(500));
        }
        let sampled = memory.end_sample(sample);
        assert!(sampled.written <= sampled.touched && sampled.touched <= sampled.watched, "{sampled:?}");
    }
}

fn while_reclaiming(guests: &[Guest], pool: &Pool, ways: Ways, switching: bool) {
    let memories: Vec<_> = guests.iter().map(|guest| Arc::clone(guest.vm.memory())).collect();
    let done = AtomicBool::new(false);
    thread::scope(|scope| {
        let reclaimer = scope.spawn(|| keep_reclaiming(&memories, pool, ways, &done));
        let switcher = switching.then(|| {
            scope.spawn(|| {
                for turn in 0usize.. {
                    if done.load(Ordering::Relaxed) {
                        return;
                    }
                    let guest = &guests[turn % guests.len()];
                    guest.vm.set_mmu([SOFTWARE, HARDWARE][turn / guests.len() % 2]);
                    thread::sleep(Duration::from_millis(3));
                }
            })
        });
        let waited = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
            for guest in guests {
                guest.end_well();
            }
        }));
        done.store(true, Ordering::Relaxed);
        reclaimer.join().expect("the host's loop holds");
        if let Some(switcher) = switcher {
            switcher.join().expect("changing the technique holds");
        }
        waited.expect("every guest ends well");
    });
}

/// Runs four guests on a third of their memory; gives what happened to their pages.
fn nothing_is_noticed(mmu: MmuChoice, ways: Ways, switching: bool) -> Option<MemoryCounts> {
    let files = guest::debian()?;
    let pool = Pool::new(POOL).unwrap();
    let guests: Vec<Guest> =
        [1, 2, 1, 4].iter().zip(1..).map(|(&cpus, id)| start(&files, &pool, id, cpus, mmu, ways)).collect();
    while_reclaiming(&guests, &pool, ways, switching);
    let mut total = MemoryCounts::default();
    for guest in &guests {
        let text = guest.console.text();
        assert!(text.contains("ALL OK"), "{text}");
        let counts = guest.vm.memory().counts();
        total.shared += counts.shared;
        total.zeroed += counts.zeroed;
        total.compressed += counts.compressed;
        total.decompressed += counts.decompressed;
        total.swapped_out += counts.swapped_out;
        total.swapped_in += counts.swapped_in;
        total.shares_broken += counts.shares_broken;
        total.stalls += counts.stalls;
        total.shoot_downs += counts.shoot_downs;
        total.shoot_down_nanoseconds += counts.shoot_down_nanoseconds;
        eprintln!("{counts:?}");
    }
    for guest in guests {
        guest.take_down();
    }
    guest::assert_unused(&pool);
    Some(total)
}

#[test]
fn by_swapping_alone() {
    let ways = Ways { sharing: false, zip: false, always: false };
    let Some(counts) = nothing_is_noticed(SOFTWARE, ways, false) else { return };
    assert!(counts.swapped_in > 1000 && counts.compressed == 0, "{counts:?}");
}

#[test]
fn by_every_way_at_once_even_when_nothing_is_short() {
    let ways = Ways { sharing: true, zip: true, always: true };
    let Some(counts) = nothing_is_noticed(HARDWARE, ways, false) else { return };
    assert!(
        counts.swapped_in > 1000 && counts.decompressed > 1000 && counts.shares_broken > 1000,
        "{counts:?}"
    );
}

#[test]
fn while_the_technique_changes() {
    let ways = Ways { sharing: true, zip: true, always: false };
    let Some(counts) = nothing_is_noticed(SOFTWARE, ways, true) else { return };
    assert!(counts.shared > 1000 && counts.compressed > 1000, "{counts:?}");
}

/// Writes over every unnamed file in `dir` that this process has open; gives how many there were.
fn spoil_files_in(dir: &Path) -> usize {
    let open = std::fs::read_dir("/proc/self/fd").unwrap().filter_map(Result::ok);
    let links = open.filter_map(|entry| Some((entry.path(), std::fs::read_link(entry.path()).ok()?)));
    let ours = links.filter(|(_, link)| link.starts_with(dir));
    ours.map(|(path, _)| {
        let file = std::fs::OpenOptions::new().write(true).open(path).unwrap();
        let bytes = file.metadata().unwrap().len();
        (0..bytes / 4096).for_each(|slot| file.write_all_at(&[0x5a; 16], slot * 4096 + 1000).unwrap());
    })
    .count()
}

#[test]
fn a_vm_whose_swap_file_was_altered_ends_with_a_reason_and_the_others_go_on() {
    let Some(files) = guest::debian() else { return };
    let pool = Pool::new(MEMORY).unwrap();
    let dirs = [(); 2].map(|()| tempfile::tempdir().unwrap());
    let guests = [1, 2].map(|id: u32| {
        let size = MEMORY.pages();
        let swap = SwapFile::create(dirs[id as usize - 1].path(), size).expect("disk space");
        let stores = Stores::new(PageCount(0), Some(swap));
        let backing = Backing { reservation: PageCount(0), group: ShareGroup(id), stores };
        Guest::start_on(&guest::programs(&files, ByteSize::mib(160), "", ""), &pool, id, backing)
    });
    for guest in &guests {
        guest.console.expect("# ");
        while guest.vm.memory().reclaim(PageCount(8000)).unfinished {}
        assert!(guest.vm.memory().census().swapped.0 > 2000);
    }
    assert_eq!(spoil_files_in(dirs[0].path()), 1);
    for guest in &guests {
        guest.send("mt all; mt exit 0; poweroff -f\n");
    }
    let Ended::Failed(reason) = guests[0].end() else { panic!("it works with what is not its memory") };
    assert!(reason.contains("lost") && reason.contains("swap"), "{reason}");
    assert_eq!(guests[1].end(), Ended::PoweredOff);
    assert!(guests[1].console.text().contains("ALL OK"));
    for guest in guests {
        guest.take_down();
    }
    guest::assert_unused(&pool);
}
