//! More wanted than there is: whoever wants it waits and is told so, and nobody ends.

mod guests;

use addr::{ByteSize, Gfn};
use guests::{PATIENCE, Under, check, fill, noise, verify};
use host::Kind;
use machine::VmMemory;
use model::{HostStatus, Power, ProblemCode, VmSpec, VmStatus, What};
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

const SIZE: ByteSize = ByteSize::mib(64);
/// Less than three VMs use all the time.
const MACHINE: ByteSize = ByteSize::mib(112);
const NAMES: [&str; 3] = ["one", "two", "three"];

/// The pages of a VM that are used all the time: 56 MiB.
fn used(memory: &VmMemory) -> impl Iterator<Item = Gfn> + use<> {
    memory.pmap().pages().skip(1024).take(14_336)
}

fn sleepers(host: &Under) {
    for name in NAMES {
        host.create(VmSpec { zip: false, ..host.sleeper(name, SIZE) }).unwrap();
        host.start(name).unwrap();
    }
}

/// Writes to pages of a VM, all of them and again, until it is told to stop.
fn use_all(host: &Under, name: &str, enough: &AtomicBool) {
    let memory = host.memory(name);
    fill(&memory, 9, used(&memory));
    let pages: Vec<_> = used(&memory).collect();
    for turn in 0usize.. {
        // In no order, so that nothing is read ahead in time.
        let gfn = pages[turn.wrapping_mul(2_654_435_761) % pages.len()];
        memory.write(gfn.base(), &noise(9, gfn)).unwrap();
        if enough.load(Ordering::Relaxed) {
            return;
        }
    }
}

fn vm<'a>(status: &'a HostStatus, name: &str) -> Option<&'a VmStatus> {
    status.vms.iter().find(|vm| vm.name == name)
}

#[test]
fn vms_that_want_more_than_there_is_are_slowed_and_told_so_and_live() {
    let host = Under::new(MACHINE);
    sleepers(&host);
    let enough = AtomicBool::new(false);
    thread::scope(|scope| {
        for name in NAMES {
            scope.spawn(|| use_all(&host, name, &enough));
        }
        let result = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
            let deadline = Instant::now() + PATIENCE;
            let slowed = loop {
                let status = host.status();
                check(&status);
                let slowed = NAMES.iter().find(|name| vm(&status, name).is_some_and(|vm| vm.slowed));
                // It may be over by the time that it is explained.
                let words = slowed.map(|name| host.explain(name).unwrap().text);
                if words.is_some_and(|words| words.contains("It is slowed: ")) {
                    break slowed.unwrap();
                }
                assert!(Instant::now() < deadline, "nobody is slowed: {status:#?}\n{}", host.told());
                thread::sleep(Duration::from_millis(50));
            };
            let told =
                |what: &What| matches!(what, What::VmSlowed { vm, waits } if vm == slowed && *waits >= 0.25);
            assert!(host.events_since(0).iter().any(|event| told(&event.what)), "{}", host.told());
            thread::sleep(Duration::from_secs(3));
        }));
        enough.store(true, Ordering::Relaxed);
        result.unwrap();
    });
    for name in NAMES {
        assert_eq!(host.info(name).unwrap().power, Power::Running);
        let memory = host.memory(name);
        verify(&memory, 9, used(&memory));
    }
    host.wait_for("nobody is slowed once nobody wants so much", |status| {
        status.vms.iter().all(|vm| !vm.slowed) && status.memory_loop.standstill_seconds == 0
    });
    // It is told once it can be read.
    host.wait_for("that is told", |_| {
        host.events_since(0).iter().any(|event| matches!(event.what, What::VmNotSlowed { .. }))
    });
    let loop_status = host.status().memory_loop;
    assert!(loop_status.worst_lag_microseconds < 5_000_000, "{loop_status:?}");
    host.audit().unwrap();
}

#[test]
fn a_vm_whose_reservation_is_not_there_is_refused_with_figures_while_memory_is_short() {
    let host = Under::new(MACHINE);
    sleepers(&host);
    let large = ByteSize::mib(96);
    host.create(VmSpec { reservation_bytes: large, ..host.sleeper("too-many", large) }).unwrap();
    let error = host.start("too-many").unwrap_err();
    assert_eq!((error.kind(), error.code()), (Kind::Lack, ProblemCode::NoMemory), "{error}");
    assert!(error.to_string().contains("asked for") && error.to_string().contains("free"), "{error}");
    let refused = |what: &What| matches!(what, What::VmRefused { vm, why, .. } if vm == "too-many" && *why == error.to_string());
    assert!(host.events_since(0).iter().any(|event| refused(&event.what)), "{}", host.told());
    for name in NAMES {
        assert_eq!(host.info(name).unwrap().power, Power::Running);
    }
}
