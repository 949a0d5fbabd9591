use super::*;
use crate::balloon::Conduct;
use crate::{Balloon, Controls, Host, HostState, Overhead, Pages, ResourcePool, Settings, Vm, VmId};

/// Sizes below are in pages.
fn host(memory: u64) -> Snapshot {
    let settings = Settings { min_free_percent: 1, ..Settings::default() };
    Snapshot {
        host: Host {
            memory: PageCount(memory),
            free: PageCount(memory),
            overhead: PageCount(0),
            swap_space: PageCount(100_000),
            state: HostState::High,
            settings,
        },
        pools: Vec::new(),
        vms: Vec::new(),
    }
}

fn pool(id: u64, parent: Option<u64>, reservation: u64, expandable: bool) -> ResourcePool {
    ResourcePool {
        id: PoolId(id),
        name: format!("pool{id}"),
        parent: parent.map(PoolId),
        controls: Controls { reservation: PageCount(reservation), ..Controls::default() },
        expandable,
    }
}

fn vm(id: u64, pool: Option<u64>, reservation: u64, overhead: u64) -> Vm {
    Vm {
        id: VmId(id),
        name: format!("vm{id}"),
        pool: pool.map(PoolId),
        size: PageCount(10_000),
        controls: Controls { reservation: PageCount(reservation), ..Controls::default() },
        overhead: Overhead { reserved: PageCount(overhead), used: PageCount(0) },
        pages: Pages { untouched: PageCount(10_000), ..Pages::default() },
        active: PageCount(0),
        balloon: Balloon { conduct: Conduct::Working, rate: PageCount(1), cap: None },
    }
}

/// The refusal of `edit`, or nothing if it is admitted.
fn refusal(before: &Snapshot, edit: impl Fn(&mut Snapshot)) -> Option<Refusal> {
    let mut after = before.clone();
    edit(&mut after);
    match admit(before, &after) {
        Ok(()) => None,
        Err(AdmissionError::Refused(refusal)) => Some(refusal),
        Err(AdmissionError::Invalid(invalid)) => panic!("{invalid}"),
    }
}

fn refused(place: Place, asked: u64, free: u64) -> Refusal {
    Refusal { place, asked: PageCount(asked), free: PageCount(free) }
}

/// Pool 1 reserves 6, its child pool 2 reserves 2 and is expandable; units of 100 pages.
fn mother_and_kid(used_in_mother: u64) -> Snapshot {
    let mut snapshot = host(10_000);
    snapshot.pools = vec![pool(2, Some(1), 200, true), pool(1, None, 600, false)];
    snapshot.vms = vec![vm(1, Some(1), used_in_mother * 100, 0)];
    snapshot
}

#[test]
fn the_reference_example_of_expandable_pools() {
    let power_on = |id| move |snapshot: &mut Snapshot| snapshot.vms.push(vm(id, Some(2), 200, 0));
    let mut roomy = mother_and_kid(1);
    assert_eq!(refusal(&roomy, power_on(2)), None, "fits the kid's own reservation");
    power_on(2)(&mut roomy);
    assert_eq!(accounts(&roomy).unwrap()[2].unreserved, PageCount(300));
    assert_eq!(refusal(&roomy, power_on(3)), None, "borrows from the mother");

    let mut tight = mother_and_kid(3);
    power_on(2)(&mut tight);
    assert_eq!(refusal(&tight, power_on(3)), Some(refused(Place::Pool("pool1".into()), 200, 100)));
    let text = refusal(&tight, power_on(3)).unwrap().to_string();
    assert!(
        text.starts_with("not enough unreserved memory in resource pool 'pool1': 800 KiB asked for, 400 KiB")
    );
}
