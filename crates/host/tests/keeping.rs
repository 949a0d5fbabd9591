//! What a host keeps, and what it says to what cannot be.

mod guests;

use addr::ByteSize;
use guests::{Under, config};
use host::{Host, HostError, Kind, Stop};
use model::{Edit, PoolChange, PoolSpec, Power, ProblemCode, VmChange, VmSpec, What};
use sched::Shares;
use std::time::Duration;

const MEMORY: ByteSize = ByteSize::mib(128);

fn vm(name: &str) -> VmSpec {
    VmSpec::new(name, ByteSize::mib(64), "/nowhere/Image")
}

#[test]
fn everything_is_read_back_after_a_restart() {
    let under = Under::new(MEMORY);
    let host = under.host;
    host.create_pool(PoolSpec { reservation_bytes: ByteSize::mib(32), ..PoolSpec::new("lab") }).unwrap();
    host.create_pool(PoolSpec { parent: Some("lab".into()), ..PoolSpec::new("inner") }).unwrap();
    host.create(VmSpec { pool: Some("inner".into()), shares: Shares::High, ..vm("a") }).unwrap();
    host.create(vm("b")).unwrap();
    host.remove("b").unwrap();
    host.set("a", &VmChange { limit_bytes: Some(Some(ByteSize::mib(48))), ..VmChange::default() }).unwrap();
    host.set_pool("lab", &PoolChange { expandable: Some(false), ..PoolChange::default() }).unwrap();
    host.set_setting("mem.idletax", 50).unwrap();
    let before = (host.list(), host.pools(), host.settings());
    assert!(matches!(Host::open(&config(under.dir.path(), MEMORY)), Err(HostError::Locked(_))));
    drop(host);

    let host = Host::open(&config(under.dir.path(), MEMORY)).unwrap();
    assert_eq!((host.list(), host.pools(), host.settings()), before);
    assert_eq!(host.info("a").unwrap().power, Power::Stopped);
    assert_eq!(host.setting("Mem.IdleTax").unwrap().value, 50);
    host.shutdown();
    assert!(matches!(host.create(vm("c")), Err(HostError::ShuttingDown)));
    Host::open(&config(under.dir.path(), MEMORY)).expect("the directory is free after a shutdown");
}

#[test]
fn mistakes_are_told_apart_and_change_nothing() {
    let host = Under::new(MEMORY);
    host.create(vm("a")).unwrap();
    let code = |result: Result<(), HostError>| {
        let error = result.unwrap_err();
        (error.kind(), error.code())
    };
    let change = |change: VmChange| code(host.set("a", &change).map(drop));
    let mistake = |code| (Kind::Mistake, code);
    assert_eq!(code(host.create(vm("a")).map(drop)), mistake(ProblemCode::Exists));
    for name in ["", ".hidden", "a/b", "ä", &"x".repeat(64)] {
        assert_eq!(code(host.create(vm(name)).map(drop)), mistake(ProblemCode::BadName));
    }
    assert_eq!(code(host.create(VmSpec { cpus: 9, ..vm("b") }).map(drop)), mistake(ProblemCode::BadSpec));
    assert_eq!(
        code(host.create(VmSpec { pool: Some("lab".into()), ..vm("b") }).map(drop)),
        mistake(ProblemCode::NoSuchPool)
    );
    assert_eq!(
        change(VmChange { limit_bytes: Some(Some(ByteSize(5))), ..VmChange::default() }),
        mistake(ProblemCode::BadSpec)
    );
    assert_eq!(
        change(VmChange { shares: Some(Shares::Custom(0)), ..VmChange::default() }),
        mistake(ProblemCode::BadSpec)
    );
    assert_eq!(code(host.stop("b", Stop::Now).map(drop)), mistake(ProblemCode::NoSuchVm));
    assert_eq!(code(host.explain("a").map(drop)), mistake(ProblemCode::NotRunning));
    assert_eq!(code(host.set_setting("Mem.IdleTax", 100).map(drop)), mistake(ProblemCode::BadSetting));
    assert_eq!(code(host.set_setting("Mem.Nothing", 1).map(drop)), mistake(ProblemCode::NoSuchSetting));
    assert_eq!(code(host.start("a").map(drop)), mistake(ProblemCode::GuestFile));
    assert_eq!(host.info("a").unwrap().power, Power::Stopped);
    assert_eq!(host.info("a").unwrap().spec, vm("a"));
    let refused = |what: &What| matches!(what, What::VmRefused { code: ProblemCode::GuestFile, .. });
    assert!(host.events_since(0).iter().any(|event| refused(&event.what)), "{}", host.told());
}

#[test]
fn pools_are_admitted_with_figures() {
    let host = Under::new(MEMORY);
    let pool = |name: &str, mib| PoolSpec { reservation_bytes: ByteSize::mib(mib), ..PoolSpec::new(name) };
    let unreserved = host.status().unreserved_bytes;
    assert!(unreserved < MEMORY && unreserved > ByteSize::mib(96), "{unreserved}");
    host.create_pool(pool("a", 64)).unwrap();
    let error = host.create_pool(pool("b", 64)).unwrap_err();
    assert_eq!((error.kind(), error.code()), (Kind::Lack, ProblemCode::NoMemory));
    assert!(error.to_string().contains("64 MiB asked for"), "{error}");
    assert_eq!(host.pools().len(), 1);
    let inside = PoolSpec { parent: Some("a".into()), expandable: false, ..pool("inside", 32) };
    assert_eq!(host.create_pool(inside).unwrap().unreserved_bytes, ByteSize::mib(32));
    assert_eq!(host.remove_pool("a").unwrap_err().code(), ProblemCode::PoolInUse);
    let cycle = PoolChange { parent: Some(Some("inside".into())), ..PoolChange::default() };
    assert_eq!(host.set_pool("a", &cycle).unwrap_err().kind(), Kind::Mistake);
    assert_eq!(host.pool("a").unwrap().spec.parent, None);
    // More is to be free than is left beside the pool's reservation.
    let error = host.set_setting("Mem.MemMinFreePct", 50).unwrap_err();
    assert_eq!(error.kind(), Kind::Lack, "{error}");
    host.remove_pool("inside").unwrap();
    host.remove_pool("a").unwrap();
    host.set_setting("Mem.MemMinFreePct", 50).unwrap();
}

#[test]
fn imagining_touches_nothing() {
    let host = Under::new(MEMORY);
    let edit = |memory| Edit::AddVm {
        memory_bytes: memory,
        reservation_bytes: ByteSize(0),
        shares: Shares::Normal,
        pool: None,
        used_bytes: None,
    };
    let fits = host.what_if(&edit(ByteSize::mib(32))).unwrap();
    assert_eq!(fits.refusal, None);
    assert_eq!((fits.vms.len(), fits.vms[0].entitlement.after_bytes), (1, ByteSize::mib(32)));
    let many = Edit::AddVm {
        memory_bytes: ByteSize::mib(512),
        reservation_bytes: ByteSize::mib(512),
        shares: Shares::Normal,
        pool: None,
        used_bytes: None,
    };
    assert!(host.what_if(&many).unwrap().refusal.unwrap().contains("asked for"));
    assert_eq!(
        host.what_if(&Edit::Setting { name: "Mem.X".into(), value: 1 }).unwrap_err().code(),
        ProblemCode::NoSuchSetting
    );
    assert!(host.list().is_empty() && host.status().vms.is_empty());
    host.audit().unwrap();
}

#[test]
fn changes_are_read_from_json_as_people_write_them() {
    let change: VmChange =
        serde_json::from_str(r#"{"limit_bytes": null, "shares": 500, "mmu": "software"}"#).unwrap();
    assert_eq!(change.limit_bytes, Some(None));
    assert_eq!(change.shares, Some(Shares::Custom(500)));
    assert_eq!(change.pool, None);
    let error = serde_json::from_str::<VmChange>(r#"{"limit": 5}"#).unwrap_err().to_string();
    assert!(error.contains("limit"), "{error}");
    let json = serde_json::to_value(vm("a")).unwrap();
    assert_eq!((&json["memory_bytes"], &json["shares"]), (&(64 << 20).into(), &"normal".into()));
}

/// What this thread's work took of a processor.
fn cpu_time() -> Duration {
    let time = rustix::time::clock_gettime(rustix::time::ClockId::ThreadCPUTime);
    Duration::new(time.tv_sec as u64, time.tv_nsec as u32)
}

/// A host with `count` VMs, and what it takes to open it and to ask and change something of each.
fn with_vms(count: usize) -> Duration {
    let dir = tempfile::tempdir().unwrap();
    let vms = dir.path().join("state/vms");
    std::fs::create_dir_all(&vms).unwrap();
    for number in 0..count {
        let spec = toml::to_string(&vm(&format!("vm{number}"))).unwrap();
        std::fs::write(vms.join(format!("vm{number}.toml")), spec).unwrap();
    }
    let start = cpu_time();
    let host = Host::open(&config(dir.path(), MEMORY)).unwrap();
    assert_eq!(host.list().len(), count);
    for number in 0..count {
        assert_eq!(host.info(&format!("vm{number}")).unwrap().power, Power::Stopped);
    }
    for number in 0..20 {
        let change = VmChange { shares: Some(Shares::Custom(number + 1)), ..VmChange::default() };
        host.set(&format!("vm{number}"), &change).unwrap();
        host.set_setting("Mem.IdleTax", number).unwrap();
        host.create(vm(&format!("more{number}"))).unwrap();
        host.remove(&format!("more{number}")).unwrap();
    }
    cpu_time().saturating_sub(start)
}

#[test]
fn ten_times_the_vms_take_no_more_than_ten_times_as_long_to_open_and_ask() {
    let best = |count| (0..3).map(|_| with_vms(count)).min().expect("there are some");
    let (hundred, thousand) = (best(100), best(1000));
    // With anything quadratic it would be a hundred times.
    assert!(thousand < hundred * 30, "{hundred:?} for 100 VMs, {thousand:?} for 1,000");
}
