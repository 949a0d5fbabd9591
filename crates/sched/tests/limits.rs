//! Limits over time: VMs that touch all they can get, sleep or work, while their plans are carried out.

mod fleet;

use addr::PageCount;
use fleet::{free, host, mib, pool, vm};
use proptest::prelude::*;
use sched::{PoolId, Shares, Snapshot, Why, limits, plan};

/// Carries a plan out, and lets each VM that is `busy` bring in up to `touched` pages, as far as it may hold them. Gives
/// how many each brought in.
fn step(snapshot: &mut Snapshot, busy: &[bool], touched: u64) -> Vec<u64> {
    let plan = plan(snapshot).expect("a valid snapshot");
    let mut brought_in = Vec::new();
    for (vm, &busy) in snapshot.vms.iter_mut().zip(busy) {
        let planned = plan.vm(vm.id).expect("planned");
        let reclaim = &planned.reclaim;
        // What is urgent is not left to the balloon.
        let taken = reclaim.balloon_take.0 + reclaim.out_take.0;
        vm.pages.private.0 -= taken;
        vm.pages.swapped.0 += taken;
        let more = if busy { touched.min(vm.pages.swapped.0 + vm.pages.untouched.0) } else { 0 };
        let may = more.min(planned.most.0.saturating_sub(vm.pages.private.0));
        let back = may.min(vm.pages.swapped.0);
        vm.pages.swapped.0 -= back;
        vm.pages.untouched.0 -= may - back;
        vm.pages.private.0 += may;
        vm.waits = may < more;
        brought_in.push(may);
    }
    snapshot.host.state = plan.host.state;
    snapshot.host.free = free(snapshot);
    brought_in
}

fn held(snapshot: &Snapshot, id: u64) -> u64 {
    let within = |vm: &&sched::Vm| {
        std::iter::successors(vm.pool, |id| snapshot.pool(*id).and_then(|pool| pool.parent))
            .any(|around| around == PoolId(id))
    };
    snapshot.vms.iter().filter(within).map(|vm| vm.pages.consumed().0 + vm.overhead.used.0).sum()
}

/// An outer pool with a VM, and one within it with two, on a host with memory for all.
fn nested(limits: [Option<u64>; 2]) -> Snapshot {
    let mut snapshot = host(4000, vec![vm(1, 256, 200), vm(2, 256, 200), vm(3, 256, 200), vm(4, 256, 200)]);
    snapshot.pools = vec![pool(1, None), pool(2, Some(1))];
    for (pool, limit) in snapshot.pools.iter_mut().zip(limits) {
        pool.controls.limit = limit.map(mib);
    }
    for (vm, pool) in snapshot.vms.iter_mut().zip([1, 2, 2]) {
        vm.pool = Some(PoolId(pool));
    }
    for vm in &mut snapshot.vms {
        (vm.pages.private, vm.pages.untouched) = (mib(16), mib(240));
    }
    snapshot.host.free = free(&snapshot);
    snapshot
}

#[test]
fn the_limit_of_a_pool_holds_against_a_vm_that_touches_all_it_can() {
    let mut snapshot = nested([Some(100), None]);
    let most = mib(100).0 + limits::slack(mib(100)).0;
    let mut brought_in = 0;
    for _ in 0..500 {
        brought_in += step(&mut snapshot, &[true, false, false, true], mib(8).0)[0];
        assert!(held(&snapshot, 1) <= most, "{} of {most}", held(&snapshot, 1));
    }
    // The others have a right to their part, and do not use it: it goes on with what is left by them.
    assert_eq!(snapshot.vms[3].pages.consumed(), mib(256), "one outside is not held up");
    assert!(held(&snapshot, 1) >= mib(99).0, "what the pool may hold is used");
    assert!(brought_in > mib(300).0, "{brought_in}");
}

#[test]
fn a_limit_that_is_lowered_takes_from_sleepers_too() {
    let mut snapshot = nested([None, None]);
    for _ in 0..100 {
        step(&mut snapshot, &[true; 4], mib(8).0);
    }
    assert_eq!(held(&snapshot, 1), mib(3 * 256 + 12).0);
    snapshot.pools[0].controls.limit = Some(mib(300));
    let first = plan(&snapshot).unwrap();
    assert!(first.vms[..3].iter().all(|vm| vm.reclaim.why == Why::OverLimit), "{first:?}");
    for _ in 0..10 {
        step(&mut snapshot, &[false; 4], 0);
    }
    assert!(held(&snapshot, 1) <= mib(300).0);
    assert_eq!(snapshot.vms[3].pages.consumed(), mib(256));
}

proptest! {
    #[test]
    fn limits_hold_at_every_step_and_everybody_goes_on(
        limits in [prop::option::of(60u64..400), prop::option::of(40u64..300)],
        own in prop::array::uniform3(prop::option::of(24u64..200)),
        reserved in prop::array::uniform3(0u64..8),
        shares in prop::array::uniform3(1u64..5000),
        busy in prop::array::uniform4(any::<bool>()),
        touched in 1u64..20_000,
    ) {
        let mut snapshot = nested(limits);
        for (index, vm) in snapshot.vms[..3].iter_mut().enumerate() {
            vm.controls.limit = own[index].map(mib);
            vm.controls.reservation = mib(reserved[index]);
            vm.controls.shares = Shares::Custom(shares[index]);
        }
        let mut brought_in = [0; 4];
        for round in 0..150 {
            let more = step(&mut snapshot, &busy, touched);
            brought_in.iter_mut().zip(more).for_each(|(all, more)| *all += more);
            if round < 20 {
                continue;
            }
            for (pool, limit) in (1..).zip(limits) {
                let Some(limit) = limit.map(mib) else { continue };
                let held = held(&snapshot, pool);
                prop_assert!(held <= limit.0 + limits::slack(limit).0, "{held} of {limit:?} in pool {pool}");
            }
            for vm in &snapshot.vms {
                let limit = vm.controls.ceiling(vm.size);
                prop_assert!(vm.pages.consumed().0 <= limit.0 + limits::slack(limit).0);
                prop_assert!(vm.pages.consumed() >= vm.controls.reservation.min(mib(16)), "INV-6");
            }
        }
        for (index, vm) in snapshot.vms.iter().enumerate().filter(|(index, _)| busy[*index]) {
            let all_in = vm.pages.swapped == PageCount(0) && vm.pages.untouched == PageCount(0);
            prop_assert!(all_in || brought_in[index] >= (150 * touched.min(4)), "{index}: {brought_in:?}");
        }
    }
}
