//! What-if and the change itself: both refuse the same, for the same kind of reason.

mod disks;
mod guests;

use addr::ByteSize;
use disks::Disk;
use guests::{Under, fill, free_pages};
use host::{HostError, Kind};
use model::{Edit, PoolSpec, VmChange, VmSpec};
use sched::Shares;

const MIB: u64 = 1 << 20;
const SIZE: ByteSize = ByteSize::mib(64);

/// What became of a change, or would.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Verdict {
    Done,
    Mistake,
    Lack,
}

fn of_answer<T>(answer: &Result<T, HostError>) -> Verdict {
    match answer.as_ref().map_err(HostError::kind) {
        Ok(_) => Verdict::Done,
        Err(Kind::Mistake) => Verdict::Mistake,
        Err(Kind::Lack) => Verdict::Lack,
        Err(Kind::Internal) => panic!("{:?}", answer.as_ref().err()),
    }
}

fn imagined(host: &Under, edit: &Edit) -> Verdict {
    match host.what_if(edit) {
        Ok(what_if) if what_if.refusal.is_some() => Verdict::Lack,
        answer => of_answer(&answer),
    }
}

/// Imagines a change and makes it.
#[track_caller]
fn compare(host: &Under, edit: &Edit, make: impl FnOnce() -> Verdict) -> Verdict {
    let before = imagined(host, edit);
    let made = make();
    assert_eq!(before, made, "{edit:?}, which was {before:?} by what-if and {made:?}\n{}", host.told());
    made
}

type Controls = (Option<Shares>, Option<u64>, Option<Option<u64>>);

fn set(host: &Under, name: &str, (shares, reservation, limit): Controls) -> Verdict {
    let (reservation_bytes, limit_bytes) =
        (reservation.map(ByteSize), limit.map(|limit| limit.map(ByteSize)));
    let edit = Edit::Vm { name: name.to_owned(), shares, reservation_bytes, limit_bytes };
    let change = VmChange { shares, reservation_bytes, limit_bytes, ..VmChange::default() };
    compare(host, &edit, || of_answer(&host.set(name, &change)))
}

/// Every change of a table, from each of several reservations, so that swap files grow and shrink with pages in use.
fn all_changes(host: &Under, name: &str) -> Vec<Verdict> {
    let mut verdicts = Vec::new();
    for from in [0, 48, 16, 64, 32] {
        verdicts.push(set(host, name, (None, Some(from * MIB), None)));
        for reservation in [0, 8, 16, 40, 56, 64, 65, u64::MAX / MIB] {
            verdicts.push(set(host, name, (None, Some(reservation.saturating_mul(MIB)), None)));
        }
        for limit in [Some(8), Some(63), Some(0), Some(4096), None] {
            verdicts.push(set(host, name, (None, None, Some(limit.map(|limit| limit * MIB)))));
        }
        for (shares, reservation) in
            [(Shares::Custom(0), None), (Shares::High, Some(4095)), (Shares::Low, Some(4096))]
        {
            verdicts.push(set(host, name, (Some(shares), reservation, None)));
        }
    }
    verdicts
}

fn count(verdicts: &[Verdict], of: Verdict) -> usize {
    verdicts.iter().filter(|verdict| **verdict == of).count()
}

#[test]
fn what_is_imagined_to_be_refused_is_refused_and_nothing_else() {
    let Some(disk) = Disk::in_memory(56) else { return };
    let host = Under::new(ByteSize::mib(192));
    let elsewhere = VmSpec {
        swap_dir: Some(disk.path().to_owned()),
        reservation_bytes: ByteSize::mib(16),
        zip: false,
        ..host.sleeper("elsewhere", SIZE)
    };
    host.create(elsewhere).unwrap();
    host.create(VmSpec { zip: false, ..host.sleeper("here", SIZE) }).unwrap();
    for name in ["elsewhere", "here"] {
        host.start(name).unwrap();
        // Its swap file is in use.
        let memory = host.memory(name);
        fill(&memory, 1, free_pages(&memory));
        let limit = |limit| VmChange { limit_bytes: Some(limit), ..VmChange::default() };
        host.set(name, &limit(Some(ByteSize::mib(17)))).unwrap();
        host.wait_for("it is swapped", |status| {
            status.vms.iter().any(|vm| vm.name == name && vm.metrics.swapped_bytes > ByteSize::mib(5))
        });
        host.set(name, &limit(None)).unwrap();
    }
    host.create_pool(PoolSpec { reservation_bytes: ByteSize::mib(70), ..PoolSpec::new("reserved") }).unwrap();
    for name in ["elsewhere", "here"] {
        let verdicts = all_changes(&host, name);
        let counts = [Verdict::Done, Verdict::Mistake, Verdict::Lack].map(|of| count(&verdicts, of));
        println!("{name}: {counts:?} done, mistaken, refused");
        assert!(counts.iter().all(|count| *count >= 5), "{name}: {counts:?}");
    }
    settings_and_vms(&host);
    for name in ["elsewhere", "here"] {
        let memory = host.memory(name);
        guests::verify(&memory, 1, free_pages(&memory));
    }
    host.audit().unwrap();
}

fn settings_and_vms(host: &Under) {
    for (name, value) in [
        ("Mem.IdleTax", 99),
        ("Mem.IdleTax", 100),
        ("Mem.MemMinFreePct", 3),
        ("Mem.MemMinFreePct", 50),
        ("Mem.MemMinFreePct", 51),
        ("Mem.NoSuch", 1),
        ("Mem.BalancePeriod", 0),
    ] {
        let edit = Edit::Setting { name: name.to_owned(), value };
        let made = compare(host, &edit, || of_answer(&host.set_setting(name, value)));
        println!("{name} = {value}: {made:?}");
    }
    let mut verdicts = Vec::new();
    for (size, reservation, pool) in [
        (48, 0, None),
        (48, 48, None),
        (64, 64, Some("reserved")),
        (160, 150, None),
        (160, 161, None),
        (96, 80, Some("reserved")),
        (48, 8, Some("none")),
    ] {
        let (memory_bytes, reservation_bytes) = (ByteSize::mib(size), ByteSize::mib(reservation));
        let pool = pool.map(str::to_owned);
        let edit = Edit::AddVm {
            memory_bytes,
            reservation_bytes,
            shares: Shares::Normal,
            pool: pool.clone(),
            used_bytes: None,
        };
        verdicts.push(compare(host, &edit, || {
            let spec = VmSpec { reservation_bytes, pool, ..host.sleeper("more", memory_bytes) };
            let created = host.create(spec);
            let verdict = of_answer(&created);
            if created.is_err() {
                return verdict;
            }
            let verdict = of_answer(&host.start("more"));
            host.stop("more", host::Stop::Now).unwrap();
            host.remove("more").unwrap();
            verdict
        }));
    }
    println!("VMs: {verdicts:?}");
    assert!([Verdict::Done, Verdict::Mistake, Verdict::Lack].iter().all(|of| count(&verdicts, *of) > 0));
}
