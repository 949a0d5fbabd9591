//! What a host tells is so: whoever is told of a change finds it made.

mod guests;

use addr::ByteSize;
use guests::Under;
use host::Stop;
use model::{PoolChange, PoolSpec, Power, VmChange, What};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread;

const SIZE: ByteSize = ByteSize::mib(64);
const ROUNDS: u64 = 20;

/// What a reader finds that answers an event by asking, while nothing else changes.
fn answer(host: &Under, what: &What) {
    match what {
        What::VmCreated { vm } => assert_eq!(host.info(vm).unwrap().spec.name, *vm),
        What::VmRemoved { vm } => assert!(host.info(vm).is_err(), "{vm} is there"),
        What::VmStarted { vm, id, .. } => {
            let info = host.info(vm).unwrap();
            assert_eq!((info.power, info.id), (Power::Running, Some(*id)));
        }
        What::VmEnded { vm, how, .. } => {
            let info = host.info(vm).unwrap();
            assert_eq!((info.power, info.ended), (Power::Stopped, Some(*how)));
        }
        What::VmChanged { vm, changes } => {
            let limit = host.info(vm).unwrap().spec.limit_bytes.map(|limit| limit.0.to_string());
            assert_eq!(changes[0].new, limit, "{changes:?}");
        }
        What::PoolCreated { pool } => assert!(host.pool(pool).is_ok()),
        What::PoolChanged { pool, changes } => {
            let shares = host.pool(pool).unwrap().spec.shares.to_string();
            assert_eq!(changes[0].new, Some(shares), "{changes:?}");
        }
        What::PoolRemoved { pool } => assert!(host.pool(pool).is_err(), "{pool} is there"),
        What::SettingChanged { name, new, .. } => assert_eq!(host.setting(name).unwrap().value, *new),
        _ => {}
    }
}

#[test]
fn whoever_is_told_of_a_change_finds_it_made() {
    let host = Under::new(ByteSize::mib(192));
    let (seen, done) = (AtomicU64::new(0), AtomicBool::new(false));
    thread::scope(|scope| {
        let reader = scope.spawn(|| {
            let mut last = 0;
            while !done.load(Ordering::Relaxed) {
                for event in host.events_since(last) {
                    last = event.seq;
                    answer(&host, &event.what);
                    seen.store(last, Ordering::Relaxed);
                }
            }
        });
        let told = || {
            let last = host.events_since(0).last().map_or(0, |event| event.seq);
            while seen.load(Ordering::Relaxed) < last && !reader.is_finished() {
                thread::yield_now();
            }
        };
        let rounds = || {
            for round in 1..=ROUNDS {
                let (vm, pool) = (format!("vm{round}"), format!("pool{round}"));
                host.create(host.sleeper(&vm, SIZE)).unwrap();
                told();
                let limit = Some(Some(ByteSize::mib(32)));
                host.set(&vm, &VmChange { limit_bytes: limit, ..VmChange::default() }).unwrap();
                told();
                if round % 10 == 0 {
                    host.start(&vm).unwrap();
                    told();
                    host.stop(&vm, Stop::Now).unwrap();
                    told();
                }
                host.remove(&vm).unwrap();
                told();
                host.create_pool(PoolSpec::new(&pool)).unwrap();
                told();
                let shares = Some("high".parse().unwrap());
                host.set_pool(&pool, &PoolChange { shares, ..PoolChange::default() }).unwrap();
                told();
                host.remove_pool(&pool).unwrap();
                told();
                host.set_setting("Mem.BalancePeriod", 15 + round).unwrap();
                told();
            }
        };
        let outcome = catch_unwind(AssertUnwindSafe(rounds));
        done.store(true, Ordering::Relaxed);
        outcome.unwrap();
        reader.join().expect("what is told is so");
    });
}

#[test]
fn an_audit_that_finds_no_fault_is_told() {
    let host = Under::new(ByteSize::mib(128));
    host.create(host.sleeper("web", SIZE)).unwrap();
    host.start("web").unwrap();
    host.audit().unwrap();
    let events = host.events_since(0);
    assert!(events.iter().any(|event| event.what == What::AuditPassed { vms: 1 }), "{events:?}");
}
