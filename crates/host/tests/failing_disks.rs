//! Swap files on disks that are full, stuck, or altered behind the host's back.

mod disks;
mod guests;

use addr::{ByteSize, PageCount};
use disks::{Disk, open_files};
use guests::{PATIENCE, Under, fill, free_pages, noise, verify};
use host::{HostError, Kind, Stop};
use machine::VmMemory;
use model::{HostStatus, HowEnded, Power, ProblemCode, VmChange, VmSpec, VmStatus, What};
use std::fs::File;
use std::io::Write;
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

const SIZE: ByteSize = ByteSize::mib(64);
const MACHINE: ByteSize = ByteSize::mib(256);

/// A sleeper whose swap file lies in `dir`, and which is not compressed.
fn on(host: &Under, name: &str, dir: &Path) -> VmSpec {
    VmSpec { swap_dir: Some(dir.to_owned()), zip: false, ..host.sleeper(name, SIZE) }
}

fn reservation(size: ByteSize) -> VmChange {
    VmChange { reservation_bytes: Some(size), ..VmChange::default() }
}

fn limit(size: Option<ByteSize>) -> VmChange {
    VmChange { limit_bytes: Some(size), ..VmChange::default() }
}

fn vm<'a>(status: &'a HostStatus, name: &str) -> Option<&'a VmStatus> {
    status.vms.iter().find(|vm| vm.name == name)
}

fn lack(error: &HostError, code: ProblemCode, figures: &[&str]) {
    assert_eq!((error.kind(), error.code()), (Kind::Lack, code), "{error}");
    let words = error.to_string();
    assert!(figures.iter().all(|figure| words.contains(figure)), "{words}");
}

#[test]
fn a_full_disk_of_its_own_refuses_a_vm_and_a_lower_reservation_with_figures() {
    let Some(disk) = Disk::in_memory(96) else { return };
    let host = Under::new(MACHINE);
    for name in ["one", "two"] {
        host.create(on(&host, name, disk.path())).unwrap();
    }
    host.start("one").unwrap();
    let error = host.start("two").unwrap_err();
    lack(&error, ProblemCode::NoSwap, &["swap needs 64 MiB", "32 MiB is free", "make room"]);
    assert_eq!(host.info("two").unwrap().power, Power::Stopped);
    let told =
        |what: &What| matches!(what, What::VmRefused { vm, code: ProblemCode::NoSwap, .. } if vm == "two");
    assert!(host.events_since(0).iter().any(|event| told(&event.what)), "{}", host.told());

    // With most of it reserved it needs less of the disk, and only so much is reserved no more.
    host.set("two", &reservation(ByteSize::mib(48))).unwrap();
    host.start("two").unwrap();
    let memory = host.memory("two");
    assert_eq!(memory.stores().swap.total, ByteSize::mib(16).pages());
    let error = host.set("two", &reservation(ByteSize(0))).unwrap_err();
    lack(&error, ProblemCode::NoSwap, &["swap needs 48 MiB", "16 MiB is free"]);
    assert_eq!(memory.reservation(), ByteSize::mib(48).pages(), "nothing has changed");
    assert_eq!(host.info("two").unwrap().spec.reservation_bytes, ByteSize::mib(48));
    host.set("two", &reservation(ByteSize::mib(32))).unwrap();
    assert_eq!(memory.stores().swap.total, ByteSize::mib(32).pages());
    assert_eq!(memory.reservation(), ByteSize::mib(32).pages());
    host.set("two", &reservation(ByteSize::mib(60))).unwrap();
    assert_eq!(memory.stores().swap.total, ByteSize::mib(4).pages(), "the disk gets back what is reserved");
    let change = VmChange { memory_bytes: Some(ByteSize::mib(128)), ..VmChange::default() };
    assert_eq!(host.set("two", &change).unwrap_err().code(), ProblemCode::NotStopped);
    drop(memory);
    host.stop("one", Stop::Now).unwrap();
    host.set("two", &reservation(ByteSize(0))).unwrap();
    host.audit().unwrap();
}

#[test]
fn a_full_disk_of_the_hosts_refuses_with_figures_what_was_not_set_aside() {
    let Some(disk) = Disk::in_memory(96) else { return };
    let host = Under::swapping_to(MACHINE, disk.path());
    for name in ["one", "two"] {
        host.create(host.sleeper(name, SIZE)).unwrap();
    }
    host.start("one").unwrap();
    let figures = ["swap", "64 MiB asked for", "32 MiB free", "reserve more"];
    lack(&host.start("two").unwrap_err(), ProblemCode::NoMemory, &figures);
    host.set("two", &reservation(ByteSize::mib(32))).unwrap();
    host.start("two").unwrap();
    let error = host.set("two", &reservation(ByteSize::mib(16))).unwrap_err();
    lack(&error, ProblemCode::NoMemory, &["swap", "16 MiB asked for", "free"]);
    assert_eq!(host.memory("two").stores().swap.total, ByteSize::mib(32).pages());
    // What is on the disk was set aside, so all of it can be used.
    let memory = host.memory("one");
    fill(&memory, 1, free_pages(&memory));
    let tight =
        VmChange { limit_bytes: Some(Some(ByteSize::mib(4))), zip: Some(false), ..VmChange::default() };
    host.set("one", &tight).unwrap();
    host.wait_for("it is swapped", |status| {
        vm(status, "one").is_some_and(|vm| vm.metrics.swapped_bytes > ByteSize::mib(15))
    });
    verify(&memory, 1, free_pages(&memory));
    assert_eq!(host.info("one").unwrap().swap_failure, None, "{}", host.told());
}

/// Has a VM's swap file harmed while pages lie in it: only that VM ends, and says why.
fn only_its_vm_ends(harm: impl FnOnce(&File), reason: &str) {
    let host = Under::new(MACHINE);
    let dirs = ["harmed", "other"].map(|name| {
        let dir = host.dir.path().join(name);
        std::fs::create_dir(&dir).unwrap();
        host.create(VmSpec { limit_bytes: Some(ByteSize::mib(8)), ..on(&host, name, &dir) }).unwrap();
        host.start(name).unwrap();
        let memory = host.memory(name);
        fill(&memory, 7, free_pages(&memory));
        dir
    });
    host.wait_for("both are swapped", |status| {
        status.vms.len() == 2 && status.vms.iter().all(|vm| vm.metrics.swapped_bytes > ByteSize::mib(10))
    });
    let files = open_files(&dirs[0]);
    assert_eq!(files.len(), 1, "{files:?}");
    harm(&File::options().write(true).open(&files[0]).unwrap());
    let harmed = host.memory("harmed");
    let mut byte = [0];
    let lost = free_pages(&harmed).find_map(|gfn| harmed.read(gfn.base(), &mut byte).err());
    assert!(lost.is_some(), "nothing wrong is given to anybody");
    drop(harmed);
    host.ends("harmed");
    let info = host.info("harmed").unwrap();
    assert_eq!(info.ended, Some(HowEnded::Failed), "{info:?}");
    assert!(info.reason.as_ref().is_some_and(|why| why.contains(reason)), "{info:?}");
    let told = |what: &What| matches!(what, What::VmEnded { vm, how: HowEnded::Failed, why: Some(why) } if vm == "harmed" && why.contains(reason));
    assert!(host.events_since(0).iter().any(|event| told(&event.what)), "{}", host.told());

    // The other goes on.
    let memory = host.memory("other");
    verify(&memory, 7, free_pages(&memory));
    assert_eq!(host.info("other").unwrap().power, Power::Running);
    drop(memory);
    host.audit().unwrap();
    host.start("harmed").unwrap();
}

#[test]
fn a_truncated_swap_file_ends_its_vm_only() {
    only_its_vm_ends(|file| file.set_len(0).unwrap(), "the file ends");
}

#[test]
fn an_altered_swap_file_ends_its_vm_only() {
    let alter = |file: &File| {
        for page in 0..SIZE.pages().0 {
            file.write_at(&[0x5a; 16], PageCount(page).bytes().0 + 100).unwrap();
        }
    };
    only_its_vm_ends(alter, "is not what was written there");
}

#[test]
fn a_stuck_disk_holds_up_no_plan_no_setting_and_no_other_vm() {
    let Some(disk) = Disk::in_file(96) else { return };
    let host = Under::new(MACHINE);
    host.create(on(&host, "stuck", disk.path())).unwrap();
    host.create(host.sleeper("other", SIZE)).unwrap();
    host.start("stuck").unwrap();
    host.start("other").unwrap();
    let memory = host.memory("stuck");
    fill(&memory, 3, free_pages(&memory));
    let mut frozen = disk.freeze(15);
    std::thread::sleep(Duration::from_millis(300));
    host.set("stuck", &limit(Some(ByteSize::mib(8)))).unwrap();
    host.wait_for("a slice is stuck", |status| status.memory_loop.longest_slice_microseconds > 1_000_000);
    let before = host.status().memory_loop;
    let start = Instant::now();
    host.set_setting("Mem.BalancePeriod", 1).unwrap();
    let other = host.memory("other");
    fill(&other, 4, free_pages(&other));
    host.set("other", &limit(Some(ByteSize::mib(16)))).unwrap();
    let status = host.wait_for("plans go on", |status| status.memory_loop.plans >= before.plans + 3);
    assert!(frozen.lasts(), "in time: {:?}, {:?}", start.elapsed(), status.memory_loop);
    assert!(status.memory_loop.worst_lag_microseconds < 5_000_000, "{:?}", status.memory_loop);
    assert!(memory.held() > ByteSize::mib(16).pages(), "the disk took nothing: {:?}", memory.held());
    drop(frozen);
    host.wait_for("all limits are kept", |status| {
        vm(status, "stuck").is_some_and(|vm| vm.metrics.consumed_bytes <= ByteSize::mib(9))
            && vm(status, "other").is_some_and(|vm| vm.metrics.consumed_bytes <= ByteSize::mib(17))
    });
    verify(&memory, 3, free_pages(&memory));
    verify(&other, 4, free_pages(&other));
    drop((memory, other));
    let start = Instant::now();
    host.host.shutdown();
    assert!(start.elapsed() < PATIENCE / 4, "{:?}", start.elapsed());
}

/// Takes back what was set aside in `dir` for swap files, and gives it to a file that can be removed.
fn take_all_space(dir: &Path) -> PathBuf {
    for file in open_files(dir) {
        File::options().write(true).open(file).unwrap().set_len(0).unwrap();
    }
    let name = dir.join("ballast");
    let mut ballast = File::create(&name).unwrap();
    let mut part = vec![1; 1 << 20];
    while !part.is_empty() {
        if ballast.write_all(&part).is_err() {
            part.truncate(part.len() / 2);
        }
    }
    name
}

#[test]
fn a_disk_that_is_full_after_all_is_told_of_until_it_is_not() {
    let Some(disk) = Disk::in_memory(72) else { return };
    let host = Under::new(MACHINE);
    host.create(on(&host, "one", disk.path())).unwrap();
    host.start("one").unwrap();
    let memory = host.memory("one");
    fill(&memory, 5, free_pages(&memory));
    let ballast = take_all_space(disk.path());
    host.set("one", &limit(Some(ByteSize::mib(8)))).unwrap();
    let status = host.wait_for("its swap file fails", |status| {
        vm(status, "one").is_some_and(|vm| vm.swap_failure.is_some())
    });
    let why = status.vms[0].swap_failure.clone().unwrap();
    assert!(why.contains("cannot write to the swap file"), "{why}");
    assert_eq!(host.info("one").unwrap().swap_failure, Some(why));
    verify(&memory, 5, free_pages(&memory));
    std::fs::remove_file(ballast).unwrap();
    host.wait_for("it works again, and the limit is kept", |status| {
        vm(status, "one")
            .is_some_and(|vm| vm.swap_failure.is_none() && vm.metrics.consumed_bytes <= ByteSize::mib(9))
    });
    let events = host.events_since(0);
    let count = |of: fn(&What) -> bool| events.iter().filter(|event| of(&event.what)).count();
    assert_eq!(count(|what| matches!(what, What::SwapFailed { .. })), 1, "{}", host.told());
    assert_eq!(count(|what| matches!(what, What::SwapWorks { .. })), 1, "{}", host.told());
    verify(&memory, 5, free_pages(&memory));
}

#[test]
fn when_memory_stands_still_one_whose_disk_fails_ends_for_the_others() {
    let Some(disk) = Disk::in_memory(160) else { return };
    let host = Under::new(ByteSize::mib(160));
    let pages = |name: &str, count| {
        let memory = host.memory(name);
        fill(&memory, 6, memory.pmap().pages().skip(1024).take(count));
    };
    for (name, count) in [("more", 14_000), ("less", 12_000)] {
        host.create(on(&host, name, disk.path())).unwrap();
        host.start(name).unwrap();
        pages(name, count);
    }
    take_all_space(disk.path());
    // Its memory is guaranteed to it, and nobody gives it.
    host.create(VmSpec { reservation_bytes: SIZE, ..host.sleeper("promised", SIZE) }).unwrap();
    host.start("promised").unwrap();
    pages("promised", 14_000);
    host.ends("more");
    let info = host.info("more").unwrap();
    assert_eq!(info.ended, Some(HowEnded::Failed));
    let why = info.reason.unwrap();
    assert!(why.contains("memory is out") && why.contains("cannot write to the swap file"), "{why}");
    let told =
        |what: &What| matches!(what, What::MemoryStandsStill { failing, .. } if failing == &["more", "less"]);
    assert!(host.events_since(0).iter().any(|event| told(&event.what)), "{}", host.told());
    for (name, count) in [("less", 12_000), ("promised", 14_000)] {
        assert_eq!(host.info(name).unwrap().power, Power::Running);
        let memory = host.memory(name);
        verify(&memory, 6, memory.pmap().pages().skip(1024).take(count));
    }
    let found = host.audit().unwrap_err().to_string();
    assert!(found.contains("'less'") && found.contains("swap file's length"), "{found}");
}

#[test]
fn a_disk_that_hangs_freezes_its_vms_only_and_one_that_must_end_gives_its_memory_back_meanwhile() {
    let Some(disk) = Disk::in_file(160) else { return };
    let host = Under::new(ByteSize::mib(180));
    for name in ["hangs", "neighbour"] {
        host.create(on(&host, name, disk.path())).unwrap();
    }
    host.create(VmSpec { zip: false, ..host.sleeper("fine", SIZE) }).unwrap();
    for (name, count) in [("hangs", 14_000), ("neighbour", 10_000), ("fine", 14_000)] {
        host.start(name).unwrap();
        let memory = host.memory(name);
        fill(&memory, 6, memory.pmap().pages().skip(1024).take(count));
    }
    let mut frozen = disk.freeze(240);
    std::thread::sleep(Duration::from_millis(300));
    host.set("hangs", &limit(Some(ByteSize::mib(16)))).unwrap();
    host.wait_for("a slice is stuck", |status| status.memory_loop.longest_slice_microseconds > 1_000_000);
    let held = |status: &HostStatus, name: &str| vm(status, name).map(|vm| vm.metrics.consumed_bytes);
    let before = host.status();
    let start = Instant::now();
    host.set("fine", &limit(Some(ByteSize::mib(16)))).unwrap();
    host.wait_for("others are taken from", |status| held(status, "fine") <= Some(ByteSize::mib(17)));
    println!("the others' turn came after {:.1} s", start.elapsed().as_secs_f64());
    assert!(start.elapsed() < Duration::from_secs(30), "INV-7: {:?}", start.elapsed());
    let status = host.wait_for("it is told of the disk", |status| {
        ["hangs", "neighbour"].iter().all(|name| {
            let why = vm(status, name).and_then(|vm| vm.swap_failure.as_ref());
            why.is_some_and(|why| why.contains("does not answer"))
        })
    });
    for name in ["hangs", "neighbour"] {
        assert!(held(&status, name) <= held(&before, name), "{name} is frozen: {status:#?}");
    }
    assert_eq!(vm(&status, "fine").unwrap().swap_failure, None);
    // Whoever would wait for it is refused, as others wait for whoever makes a change.
    host.create(on(&host, "late", disk.path())).unwrap();
    let error = host.start("late").unwrap_err();
    assert!(error.to_string().contains("does not answer"), "{error}");

    // More than there is without what those hold whose disk hangs: one of them ends for it, and gives its memory back at once.
    let promised =
        VmSpec { reservation_bytes: ByteSize::mib(80), ..host.sleeper("promised", ByteSize::mib(96)) };
    host.create(promised).unwrap();
    host.start("promised").unwrap();
    let promised = host.memory("promised");
    std::thread::scope(|scope| {
        let all = scope.spawn(|| fill(&promised, 6, promised.pmap().pages().skip(1024).take(20_000)));
        host.wait_for("what is promised is there", |_| all.is_finished());
    });
    println!("and what is promised was there after {:.1} s", start.elapsed().as_secs_f64());
    assert!(frozen.lasts(), "in time");
    let powers = ["hangs", "neighbour", "fine", "promised"].map(|name| host.info(name).unwrap().power);
    assert_eq!(powers, [Power::Stopping, Power::Running, Power::Running, Power::Running], "{}", host.told());
    let fine = host.memory("fine");
    verify(&fine, 6, fine.pmap().pages().skip(1024).take(14_000));
    drop(frozen);
    host.ends("hangs");
    assert_eq!(host.info("hangs").unwrap().ended, Some(HowEnded::Failed));
    let neighbour = host.memory("neighbour");
    verify(&neighbour, 6, neighbour.pmap().pages().skip(1024).take(10_000));
    host.set("neighbour", &limit(Some(ByteSize::mib(16)))).unwrap();
    host.wait_for("its swap file works again", |status| {
        vm(status, "neighbour").is_some_and(|vm| vm.swap_failure.is_none())
    });
    drop((promised, fine, neighbour));
    host.audit().unwrap();
}

/// Writes to `pages` of a VM again and again, counting rounds, until it is told to stop or the VM ends.
fn work(memory: &VmMemory, pages: usize, stop: &AtomicBool, rounds: &AtomicU64) {
    for round in 0.. {
        for gfn in memory.pmap().pages().skip(1024).take(pages) {
            if stop.load(Ordering::Relaxed) || memory.write(gfn.base(), &noise(round, gfn)).is_err() {
                return;
            }
        }
        rounds.fetch_add(1, Ordering::Relaxed);
    }
}

#[test]
fn with_one_failing_disk_of_two_its_vm_grows_no_more_and_the_others_go_on() {
    /// More than there is for all three, and less than their sizes.
    const PAGES: usize = 14_000;
    let Some(disk) = Disk::in_memory(96) else { return };
    let host = Under::new(ByteSize::mib(176));
    host.create(on(&host, "bad", disk.path())).unwrap();
    host.create(VmSpec { zip: false, ..host.sleeper("one", SIZE) }).unwrap();
    host.create(VmSpec { zip: false, ..host.sleeper("two", SIZE) }).unwrap();
    for name in ["bad", "one", "two"] {
        host.start(name).unwrap();
    }
    take_all_space(disk.path());
    let (stop, rounds) = (AtomicBool::new(false), [const { AtomicU64::new(0) }; 3]);
    std::thread::scope(|scope| {
        for (name, rounds) in ["bad", "one", "two"].iter().zip(&rounds) {
            let memory = host.memory(name);
            let stop = &stop;
            scope.spawn(move || work(&memory, PAGES, stop, rounds));
        }
        let failing = |status: &HostStatus| vm(status, "bad").is_some_and(|vm| vm.swap_failure.is_some());
        host.wait_for("its swap file fails", failing);
        let frozen = |status: &HostStatus| {
            vm(status, "bad").is_some_and(|vm| vm.allowance == Some(sched::Allowance::Frozen))
        };
        let status = host.wait_for("it is frozen", |status| frozen(status) || vm(status, "bad").is_none());
        let most = vm(&status, "bad").map_or(0, |vm| vm.metrics.consumed_bytes.0);
        let before = rounds.each_ref().map(|rounds| rounds.load(Ordering::Relaxed));
        // Whether it ends or not: the others get through their memory again.
        let went_on = |status: &HostStatus| {
            if let Some(vm) = vm(status, "bad").filter(|vm| vm.swap_failure.is_some()) {
                let held = vm.metrics.consumed_bytes.0;
                assert!(held <= most + (1 << 20), "{held} of {most}");
            }
            (1..3).all(|vm| rounds[vm].load(Ordering::Relaxed) >= before[vm] + 2)
        };
        host.wait_for("the others go on", went_on);
        for name in ["one", "two"] {
            assert_eq!(host.info(name).unwrap().power, Power::Running, "{}", host.told());
        }
        stop.store(true, Ordering::Relaxed);
        // Who waits for a frame is sent home.
        for name in ["bad", "one", "two"] {
            if let Some(vm) = host.vm(name) {
                vm.stop();
            }
        }
    });
}
