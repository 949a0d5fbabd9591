//! Four guests on a third of the memory they were promised, and the loop that divides it.

mod guests;

use addr::ByteSize;
use guests::{Under, check, debian, spec};
use host::{HostError, Kind, Stop};
use model::{HowEnded, Power, ProblemCode, VmChange, What};
use sched::HostState;
use std::time::{Duration, Instant};

const SIZE: ByteSize = ByteSize::mib(192);
const MACHINE: ByteSize = ByteSize::mib(256);
const MIB: u64 = 1 << 20;
/// What cannot be shared or given back, and is not used.
const FILL_AND_SLEEP: &str = "head -c 48000000 /dev/urandom > /tmp/f; echo filled; sleep 1000";

/// A host whose samples are short.
fn host() -> Under {
    let host = Under::new(MACHINE);
    host.set_setting("Mem.SamplePeriod", 1).unwrap();
    host.set_setting("Mem.BalancePeriod", 2).unwrap();
    host
}

#[test]
fn guests_on_a_third_of_their_memory_notice_nothing() {
    let Some(guest) = debian() else { return };
    let host = host();
    let work = "mt touch 56 1; mt forkstorm 3; mt touch 8 1 2";
    for (name, cpus) in [("one", 1), ("two", 2), ("three", 1), ("four", 2)] {
        let vm = spec(&guest, name, SIZE, work);
        host.create(model::VmSpec { cpus, reservation_bytes: ByteSize::mib(8), ..vm }).unwrap();
        let start = Instant::now();
        host.start(name).unwrap();
        assert!(start.elapsed() < Duration::from_secs(20), "{name} starts, however short memory is");
    }
    host.wait_for("memory is short", |status| status.state >= HostState::Soft);
    for name in ["one", "two", "three", "four"] {
        host.hears(name, "memtide: exit 0");
        host.audit().unwrap();
    }
    for name in ["one", "two", "three", "four"] {
        host.ends(name);
        assert_eq!(host.info(name).unwrap().ended, Some(HowEnded::PoweredOff));
    }
    let status = host.wait_for("all memory is free again", |status| status.vms.is_empty());
    assert_eq!((status.ledger.private_bytes.0, status.ledger.zip_bytes.0), (0, 0));
    assert!(status.memory_loop.worst_lag_microseconds < 5_000_000, "{:?}", status.memory_loop);
    let events = host.events_since(0);
    let taken = events.iter().any(|event| matches!(event.what, What::Reclaimed { .. }));
    let decided =
        events.iter().any(|event| matches!(&event.what, What::Planned(plan) if !plan.vms.is_empty()));
    assert!(taken && decided, "{}", host.told());
    println!("{:?}", status.memory_loop);
}

#[test]
fn an_idle_guest_loses_to_a_busy_one() {
    let Some(guest) = debian() else { return };
    let host = host();
    host.create(spec(&guest, "idle", SIZE, FILL_AND_SLEEP)).unwrap();
    host.create(spec(&guest, "busy", SIZE, "mt touch 96 1000")).unwrap();
    host.start("idle").unwrap();
    host.hears("idle", "filled");
    host.start("busy").unwrap();
    let held = |status: &model::HostStatus, name: &str| {
        let vm = status.vms.iter().find(|vm| vm.name == name);
        vm.map_or(0, |vm| vm.metrics.consumed_bytes.0)
    };
    let active = |status: &model::HostStatus, name: &str| {
        status.vms.iter().find(|vm| vm.name == name).and_then(|vm| vm.active_part)
    };
    host.wait_for("the busy one is seen to be, and holds much more", |status| {
        active(status, "idle").is_some()
            && active(status, "busy") > active(status, "idle")
            && held(status, "busy") > held(status, "idle") + 40 * MIB
            && held(status, "busy") > 100 * MIB
    });
    let words = host.explain("idle").unwrap().text;
    assert!(words.contains("idle has 192 MiB"), "{words}");
    host.audit().unwrap();
}

#[test]
fn limits_bind_and_reservations_are_kept() {
    let Some(guest) = debian() else { return };
    let host = host();
    let limit = ByteSize::mib(96);
    let limited = spec(&guest, "limited", SIZE, "mt touch 64 1; echo done");
    host.create(model::VmSpec { limit_bytes: Some(limit), ..limited }).unwrap();
    host.start("limited").unwrap();
    let most = limit.0 + MIB;
    let deadline = Instant::now() + guests::PATIENCE;
    while !String::from_utf8_lossy(&host.console("limited").unwrap().since(0).bytes).contains("done") {
        let status = host.status();
        check(&status);
        let consumed =
            status.vms.first().map_or(0, |vm| vm.metrics.private_bytes.0 + vm.metrics.zip_used_bytes.0);
        assert!(consumed <= most, "{consumed} of {most}\n{}", host.told());
        assert!(Instant::now() < deadline, "{:#?}\n{}", host.status(), host.told());
        std::thread::sleep(Duration::from_millis(20));
    }
    host.ends("limited");

    let reserved = ByteSize::mib(140);
    let first = spec(&guest, "first", SIZE, FILL_AND_SLEEP);
    host.create(model::VmSpec { reservation_bytes: reserved, sharing: false, ..first }).unwrap();
    host.create(spec(&guest, "second", SIZE, "mt touch 90 1; echo done")).unwrap();
    host.start("first").unwrap();
    host.hears("first", "filled");
    std::thread::sleep(Duration::from_secs(2));
    let before = host.wait_for("it is known", |status| status.vms.len() == 1);
    let held = before.vms[0].metrics.consumed_bytes.0;
    assert!(held > 50 * MIB && held < reserved.0, "{before:#?}");
    host.start("second").unwrap();
    host.hears("second", "done");
    let after = host.status();
    let first = after.vms.iter().find(|vm| vm.name == "first").unwrap();
    assert!(
        first.metrics.consumed_bytes.0 + MIB >= reserved.0.min(before.vms[0].metrics.consumed_bytes.0),
        "{first:#?}"
    );
    host.audit().unwrap();
}

#[test]
fn a_vm_too_many_is_refused_with_figures_and_changes_count_while_running() {
    let Some(guest) = debian() else { return };
    let host = host();
    let vm =
        |name: &str| model::VmSpec { reservation_bytes: ByteSize::mib(100), ..spec(&guest, name, SIZE, "") };
    for name in ["one", "two"] {
        host.create(vm(name)).unwrap();
    }
    let pool = model::PoolSpec { reservation_bytes: ByteSize::mib(50), ..model::PoolSpec::new("others") };
    host.create_pool(pool).unwrap();
    host.start("one").unwrap();
    let error = host.start("two").unwrap_err();
    assert_eq!((error.kind(), error.code()), (Kind::Lack, ProblemCode::NoMemory), "{error}");
    let words = error.to_string();
    assert!(words.contains("asked for") && words.contains("MiB free"), "{words}");
    assert_eq!(host.info("two").unwrap().power, Power::Stopped);
    let same = host.start("one").unwrap_err();
    assert_eq!(same.code(), ProblemCode::NotStopped);

    host.hears("one", "shell ready");
    let raise = VmChange { reservation_bytes: Some(SIZE), ..VmChange::default() };
    let words = host.set("one", &raise).unwrap_err().to_string();
    assert!(words.contains("asked for"), "{words}");
    assert_eq!(host.vm("one").unwrap().memory().reservation(), ByteSize::mib(100).pages());
    let lower = VmChange {
        reservation_bytes: Some(ByteSize::mib(16)),
        limit_bytes: Some(Some(ByteSize::mib(64))),
        ..VmChange::default()
    };
    host.set("one", &lower).unwrap();
    let memory = std::sync::Arc::clone(host.vm("one").unwrap().memory());
    assert_eq!(memory.reservation(), ByteSize::mib(16).pages());
    assert_eq!(memory.stores().swap.total, ByteSize::mib(192 - 16).pages());
    drop(memory);
    // A guest may have booted before it is measured first.
    host.wait_for("the limit binds", |status| {
        status.vms.first().is_some_and(|vm| vm.metrics.consumed_bytes <= ByteSize::mib(65))
    });
    let unlimited = VmChange { limit_bytes: Some(None), ..VmChange::default() };
    host.set("one", &unlimited).unwrap();
    let back = host.unswap("one").unwrap();
    assert!(back.0 > 0, "{}", host.told());
    host.wait_for("nothing is out", |status| {
        status.vms[0].metrics.compressed_bytes.0 + status.vms[0].metrics.swapped_bytes.0 < back.0 / 2
    });
    host.start("two").unwrap();
    assert_eq!(host.type_in("one", b"echo $((6*7))\n").unwrap(), 14);
    host.hears("one", "42");
    host.stop("one", Stop::Now).unwrap();
    assert_eq!(host.info("one").unwrap().ended, Some(HowEnded::Stopped));
    assert!(matches!(host.type_in("one", b"x"), Err(HostError::NotRunning(_))));
}
