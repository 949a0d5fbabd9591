use super::*;
use crate::balloon::Conduct;
use crate::{Balloon, Controls, Host, HostState, Overhead, Pages, ResourcePool, Settings, Vm};
use addr::VmId;

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
            may_recover: true,
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
        scalable_shares: false,
    }
}

fn vm(id: u32, pool: Option<u64>, reservation: u64, overhead: u64) -> Vm {
    Vm {
        id: VmId(id),
        name: format!("vm{id}"),
        pool: pool.map(PoolId),
        size: PageCount(10_000),
        controls: Controls { reservation: PageCount(reservation), ..Controls::default() },
        overhead: Overhead { reserved: PageCount(overhead), used: PageCount(0) },
        pages: Pages { untouched: PageCount(10_000), ..Pages::default() },
        active: PageCount(0),
        balloon: Balloon {
            conduct: Conduct::Working,
            rate: PageCount(1),
            yields: None,
            cap: None,
            cushion: PageCount(0),
        },
        slowdown: crate::Slowdown::default(),
        waits: false,
        swap_fails: false,
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

#[test]
fn the_host_guarantees_no_more_than_it_can_keep_free_besides() {
    // 1 % is min-free, 125 % of which should be free: 125 of 10,000 pages.
    let mut snapshot = host(10_000);
    snapshot.host.overhead = PageCount(875);
    assert_eq!(refusal(&snapshot, |after| after.vms.push(vm(1, None, 8_500, 500))), None);
    snapshot.vms.push(vm(1, None, 8_500, 400));
    let one_more = |after: &mut Snapshot| after.vms.push(vm(2, None, 50, 51));
    assert_eq!(refusal(&snapshot, one_more), Some(refused(Place::Host, 101, 100)));
    let raise = |after: &mut Snapshot| after.vms[0].controls.reservation = PageCount(8_700);
    assert_eq!(refusal(&snapshot, raise), Some(refused(Place::Host, 200, 100)));
    let pool = |after: &mut Snapshot| after.pools.push(pool(1, None, 300, true));
    assert_eq!(refusal(&snapshot, pool), Some(refused(Place::Host, 300, 100)));
}

#[test]
fn a_pool_that_is_not_expandable_and_a_limit_stand_in_the_way() {
    let mut snapshot = host(10_000);
    snapshot.pools = vec![pool(1, None, 500, false), pool(2, None, 0, true)];
    snapshot.pools[1].controls.limit = Some(PageCount(400));
    let start = |pool| move |after: &mut Snapshot| after.vms.push(vm(1, Some(pool), 490, 20));
    assert_eq!(refusal(&snapshot, start(1)), Some(refused(Place::Pool("pool1".into()), 510, 500)));
    assert_eq!(refusal(&snapshot, start(2)), Some(refused(Place::PoolLimit("pool2".into()), 510, 400)));
    // A limit cannot be lowered to less than is guaranteed below it.
    snapshot.vms.push(vm(1, Some(2), 300, 20));
    let lower = |after: &mut Snapshot| after.pools[1].controls.limit = Some(PageCount(310));
    assert_eq!(refusal(&snapshot, lower), Some(refused(Place::PoolLimit("pool2".into()), 320, 310)));
    let first = |after: &mut Snapshot| after.pools[0].controls.limit = Some(PageCount(500));
    assert_eq!(refusal(&snapshot, first), None);
    snapshot.pools[1].controls.limit = None;
    let limited = |after: &mut Snapshot| after.pools[1].controls.limit = Some(PageCount(319));
    assert_eq!(refusal(&snapshot, limited), Some(refused(Place::PoolLimit("pool2".into()), 320, 319)));
    let unexpandable = |after: &mut Snapshot| after.pools[1].expandable = false;
    assert_eq!(refusal(&snapshot, unexpandable), Some(refused(Place::Pool("pool2".into()), 320, 0)));
    let moved = |after: &mut Snapshot| after.vms[0].pool = Some(PoolId(1));
    assert_eq!(refusal(&snapshot, moved), None);
}

#[test]
fn what_is_not_reserved_must_fit_on_disk() {
    let mut snapshot = host(10_000);
    snapshot.host.swap_space = PageCount(19_000);
    snapshot.vms.push(vm(1, None, 0, 0));
    let start = |reservation| move |after: &mut Snapshot| after.vms.push(vm(2, None, reservation, 0));
    assert_eq!(refusal(&snapshot, start(1_000)), None);
    assert_eq!(refusal(&snapshot, start(999)), Some(refused(Place::SwapSpace, 9_001, 9_000)));
    let text = refusal(&snapshot, start(999)).unwrap().to_string();
    assert!(text.contains("reserve more of the VM's memory"), "{text}");
}

#[test]
fn what_is_wrong_already_does_not_stand_in_the_way_of_making_it_better() {
    let mut snapshot = host(10_000);
    snapshot.vms = vec![vm(1, None, 9_000, 0), vm(2, None, 5_000, 0)];
    assert_eq!(refusal(&snapshot, |after| after.vms[1].controls.reservation = PageCount(4_000)), None);
    assert_eq!(refusal(&snapshot, |after| after.vms[1].controls.shares = crate::Shares::High), None);
    let worse = |after: &mut Snapshot| after.vms[1].controls.reservation = PageCount(5_001);
    assert_eq!(refusal(&snapshot, worse), Some(refused(Place::Host, 1, 0)));
}

#[test]
fn mistakes_are_not_refusals() {
    let snapshot = host(10_000);
    let invalid = |edit: fn(&mut Snapshot)| {
        let mut after = snapshot.clone();
        edit(&mut after);
        assert!(matches!(admit(&snapshot, &after), Err(AdmissionError::Invalid(_))));
    };
    invalid(|after| after.vms.push(vm(1, None, 10_001, 0)));
    invalid(|after| after.vms.push(vm(1, Some(5), 0, 0)));
    invalid(|after| after.pools.push(pool(1, Some(1), 0, true)));
    invalid(|after| after.host.settings.idle_tax = 100);
}

/// What can be guaranteed in a place according to the accounts can be, and not a page more.
#[test]
fn accounts_say_what_admission_does() {
    let mut snapshot = mother_and_kid(3);
    snapshot.pools.push(pool(3, None, 0, true));
    snapshot.pools.push(pool(4, Some(3), 100, true));
    snapshot.pools[3].controls.limit = Some(PageCount(700));
    for account in accounts(&snapshot).unwrap() {
        let start = |reservation| {
            move |after: &mut Snapshot| after.vms.push(vm(9, account.pool.map(|id| id.0), reservation, 0))
        };
        let free = account.unreserved.0;
        assert_eq!(refusal(&snapshot, start(free.min(10_000))), None, "{account:?}");
        let refused = refusal(&snapshot, start(free + 1));
        assert!(refused.is_some(), "{account:?}");
    }
}
