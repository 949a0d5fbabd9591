//! The laws of planning, for random hosts: what holds for every plan.

mod fleet;

use addr::{PageCount, VmId};
use fleet::{free, mib, pool, vm};
use proptest::prelude::*;
use sched::balloon::Conduct;
use sched::{Bound, HostState, Plan, PoolId, Shares, Snapshot, TaxType, Vm, plan};

fn planned(snapshot: &Snapshot) -> Plan {
    plan(snapshot).expect("a valid snapshot")
}

fn any_shares() -> impl Strategy<Value = Shares> {
    prop_oneof![
        Just(Shares::Low),
        Just(Shares::Normal),
        Just(Shares::High),
        (1u64..100_000).prop_map(Shares::Custom)
    ]
}

fn any_conduct() -> impl Strategy<Value = Conduct> {
    use Conduct::{Absent, Lying, Probation, Slow, Stuck, Untried, Working};
    prop::sample::select(vec![Absent, Untried, Working, Slow, Stuck, Lying, Probation])
}

/// A VM whose pages are in all states, in a pool below 4 or in none.
fn any_vm() -> impl Strategy<Value = Vm> {
    let pages = (1u64..100_000, 0u64..20_000, 0u64..20_000, 0u64..20_000, 0u64..100_000);
    let controls = (any_shares(), 0.0..1.0f64, prop::option::of(0.2..1.5f64), 0.0..1.0f64);
    let balloon = (any_conduct(), 0u64..30_000, prop::option::of(0.0..1.0f64), 0.0..1.0f64);
    (pages, controls, prop::option::of(0u64..4), balloon, any::<bool>()).prop_map(
        |((private, shared, ballooned, out, untouched), controls, pool, balloon, waits)| {
            let (conduct, rate, yields, freed) = balloon;
            let (shares, reserved, limit, active) = controls;
            let mut vm = vm(0, 0, 0);
            vm.pages.private = PageCount(private);
            vm.pages.shared = PageCount(shared);
            vm.pages.shared_saved = PageCount(shared / 2);
            vm.pages.ballooned = PageCount(ballooned);
            vm.pages.balloon_freed = PageCount((ballooned as f64 * freed) as u64);
            vm.pages.compressed = PageCount(out / 3);
            vm.pages.zip_frames = PageCount(out / 7);
            vm.pages.swapped = PageCount(out - out / 3);
            vm.pages.untouched = PageCount(untouched);
            vm.size = vm.pages.sum();
            vm.active = PageCount((vm.size.0 as f64 * active) as u64);
            vm.controls.shares = shares;
            vm.controls.limit = limit.map(|part| PageCount((vm.size.0 as f64 * part) as u64));
            let most = vm.controls.ceiling(vm.size).0 as f64;
            vm.controls.reservation = PageCount((most * reserved.powi(4)) as u64);
            vm.pool = pool.map(PoolId);
            vm.balloon.conduct = conduct;
            vm.balloon.rate = PageCount(rate);
            vm.balloon.yields = yields;
            vm.waits = waits;
            vm
        },
    )
}

/// A host on which all reservations fit, with anything from far too little memory to plenty. Pool 1
/// lies in pool 0, and pool 2 in pool 1; pool 3 has a limit.
fn any_host() -> impl Strategy<Value = Snapshot> {
    let vms = prop::collection::vec(any_vm(), 1..16);
    (vms, any_shares(), 0.3..1.0f64, 0.0..1.5f64, 0u32..=99, any::<bool>()).prop_map(
        |(mut vms, shares, limit, plenty, tax, flat)| {
            for (id, vm) in vms.iter_mut().enumerate() {
                vm.id = VmId(id as u32);
                vm.name = format!("vm{id}");
            }
            let least: u64 = vms.iter().map(|vm| vm.controls.reservation.0).sum();
            let most: u64 = vms.iter().map(|vm| vm.size.0).sum();
            let guests = least + ((most - least) as f64 * plenty) as u64;
            let within = |pool: u64| {
                let overhead = |vm: &Vm| vm.overhead.used.0;
                let within = vms.iter().filter(|vm| vm.pool == Some(PoolId(pool)));
                within.fold((0, 0), |(reserved, most), vm| {
                    (reserved + vm.controls.reservation.0 + overhead(vm), most + vm.size.0)
                })
            };
            let (reserved, size) = within(3);
            let mut snapshot = fleet::host(guests / 256 + 1, vms.clone());
            snapshot.pools = vec![pool(1, Some(0)), pool(3, None), pool(0, None), pool(2, Some(1))];
            snapshot.pools[0].controls.shares = shares;
            snapshot.pools.iter_mut().for_each(|pool| pool.scalable_shares = !flat);
            snapshot.pools[1].controls.limit =
                Some(PageCount(reserved + ((size.max(reserved) - reserved) as f64 * limit) as u64));
            snapshot.host.settings.idle_tax = tax;
            snapshot.host.settings.idle_tax_type = if flat { TaxType::Flat } else { TaxType::Progressive };
            snapshot
        },
    )
}

/// Does at once what `plan` says; free memory and the state follow.
fn apply(snapshot: &mut Snapshot, plan: &Plan) {
    for vm in &mut snapshot.vms {
        let reclaim = &plan.vm(vm.id).expect("planned").reclaim;
        let before = vm.pages;
        let pages = &mut vm.pages;
        // Frames come from private pages first, then from shared ones; then the zip store is emptied, whose
        // pages are out already.
        let mut left = reclaim.balloon_take.0 + reclaim.out_take.0;
        let part = pages.shared.0 - pages.shared_saved.0;
        for (frames, most) in
            [(&mut pages.private, u64::MAX), (&mut pages.shared, part), (&mut pages.zip_frames, u64::MAX)]
        {
            let taken = left.min(frames.0).min(most);
            frames.0 -= taken;
            left -= taken;
        }
        let from_zip = before.zip_frames.0 - pages.zip_frames.0;
        let asked = reclaim.balloon_target.0.saturating_sub(pages.ballooned.0);
        let never_used = asked.saturating_sub(reclaim.balloon_take.0).min(pages.untouched.0);
        pages.ballooned.0 += reclaim.balloon_take.0 + never_used;
        pages.balloon_freed.0 += reclaim.balloon_take.0;
        pages.untouched.0 -= never_used;
        pages.swapped.0 += reclaim.out_take.0;
        pages.swapped.0 = pages.swapped.0.saturating_sub(from_zip);
    }
    snapshot.host.state = plan.host.state;
    snapshot.host.free = free(snapshot);
}

fn targets(plan: &Plan) -> Vec<PageCount> {
    plan.vms.iter().map(|vm| vm.entitlement.target).collect()
}

proptest! {
    #[test]
    fn targets_use_the_memory_there_is_and_no_more(snapshot in any_host()) {
        let plan = planned(&snapshot);
        let host = &plan.host;
        prop_assert!(host.sums.target <= host.for_guests);
        let satisfied = |vm: &sched::VmPlan| vm.entitlement.target == vm.entitlement.max;
        let at_limit = |id: Option<PoolId>| {
            std::iter::successors(id, |id| snapshot.pool(*id).and_then(|pool| pool.parent))
                .any(|id| plan.pool(id).is_some_and(|pool| pool.entitlement.target == pool.entitlement.max))
        };
        if host.sums.target < host.for_guests {
            for vm in &plan.vms {
                let pool = snapshot.vm(vm.id).and_then(|vm| vm.pool);
                prop_assert!(satisfied(vm) || at_limit(pool), "{:?}", vm);
            }
        }
        for pool in &plan.pools {
            let inside = snapshot.vms.iter().filter(|vm| vm.pool == Some(pool.id)).map(|vm| vm.id);
            let in_vms: u64 = inside.map(|id| plan.vm(id).unwrap().entitlement.target.0).sum();
            let children = snapshot.pools.iter().filter(|child| child.parent == Some(pool.id));
            let in_pools: u64 = children.map(|child| plan.pool(child.id).unwrap().entitlement.target.0).sum();
            prop_assert!(in_vms + in_pools <= pool.entitlement.target.0);
        }
    }

    #[test]
    fn reservations_and_limits_are_honoured(snapshot in any_host()) {
        for planned in &planned(&snapshot).vms {
            let vm = snapshot.vm(planned.id).unwrap();
            let entitlement = &planned.entitlement;
            prop_assert!(entitlement.target <= vm.controls.ceiling(vm.size));
            prop_assert!(entitlement.target >= vm.controls.reservation.min(entitlement.wanted));
            prop_assert!(entitlement.bound != Bound::Scarcity);
            prop_assert!(planned.worst_case <= vm.controls.ceiling(vm.size));
            let left = planned.reclaim.consumed.0 - planned.reclaim.balloon_take.0 - planned.reclaim.out_take.0;
            prop_assert!(left >= vm.controls.reservation.min(planned.reclaim.consumed).0);
        }
    }

    #[test]
    fn more_shares_are_never_less_memory(snapshot in any_host(), more in 1u64..1_000_000) {
        let before = targets(&planned(&snapshot))[0];
        let mut richer = snapshot;
        let vm = &mut richer.vms[0];
        vm.controls.shares = Shares::Custom(vm.controls.shares.of_vm(vm.size) + more);
        // One page may go the other way when fractions are rounded.
        prop_assert!(targets(&planned(&richer))[0].0 + 1 >= before.0);
    }

    #[test]
    fn without_tax_activity_does_not_matter(snapshot in any_host(), active in 0u64..1 << 20) {
        let mut untaxed = snapshot;
        untaxed.host.settings.idle_tax = 0;
        let before = targets(&planned(&untaxed));
        for (index, vm) in untaxed.vms.iter_mut().enumerate() {
            vm.active = PageCount(active * index as u64);
        }
        for (before, after) in before.iter().zip(targets(&planned(&untaxed))) {
            prop_assert!(before.0.abs_diff(after.0) <= 1);
        }
    }

    #[test]
    fn the_order_of_the_snapshot_does_not_matter(snapshot in any_host(), seed in any::<u64>()) {
        let mut shuffled = snapshot.clone();
        let key = |id: u64| (id ^ seed).wrapping_mul(0x9e37_79b9_7f4a_7c15).rotate_left(17);
        shuffled.vms.sort_by_key(|vm| key(vm.id.0.into()));
        shuffled.pools.sort_by_key(|pool| key(pool.id.0));
        prop_assert_eq!(planned(&shuffled), planned(&snapshot));
    }

    #[test]
    fn under_constant_load_the_first_plan_stands(snapshot in any_host(), free_at_first in 0.0..1.0f64) {
        let mut now = snapshot;
        now.host.free = PageCount((now.host.free.0 as f64 * free_at_first) as u64);
        let first = planned(&now);
        apply(&mut now, &first);
        let mut last = planned(&now);
        prop_assert_eq!(targets(&last), targets(&first), "reclaiming does not change what is deserved");
        for _ in 0..4 {
            apply(&mut now, &last);
            let next = planned(&now);
            prop_assert_eq!(targets(&next), targets(&last));
            if last.host.state == HostState::High && last.host.sums.for_limits.0 == 0 {
                prop_assert_eq!(next.host.state, HostState::High);
                prop_assert_eq!(next.host.sums.balloon_take.0 + next.host.sums.out_take.0, 0, "nothing more");
            }
            last = next;
        }
    }

    #[test]
    fn one_plan_carried_out_ends_the_shortage(snapshot in any_host()) {
        let mut now = snapshot;
        let first = planned(&now);
        apply(&mut now, &first);
        let held: u64 = now.vms.iter().map(|vm| vm.pages.consumed().0 + vm.overhead.used.0).sum();
        prop_assert_eq!(first.host.unmet, PageCount(0), "reservations fit, so there is enough to take");
        if first.host.actions.reclaim && held <= now.host.memory.0 && first.host.free.0 > 0 {
            prop_assert!(now.host.free >= first.host.thresholds.high);
            prop_assert_eq!(planned(&now).host.state, HostState::High);
        }
    }

    #[test]
    fn balloon_zip_and_swap_together_take_what_is_taken(snapshot in any_host()) {
        let plan = planned(&snapshot);
        let mut taken = 0;
        for planned in &plan.vms {
            let vm = snapshot.vm(planned.id).unwrap();
            let reclaim = &planned.reclaim;
            let takes = reclaim.balloon_take.0 + reclaim.out_take.0;
            prop_assert!(takes <= reclaim.over.0);
            let cap = PageCount(vm.size.0 * 65 / 100);
            prop_assert!(reclaim.balloon_target <= cap);
            if takes > 0 {
                let asked = reclaim.balloon_target.0 - vm.pages.ballooned.min(cap).0;
                prop_assert!((reclaim.balloon_take.0..=2 * takes).contains(&asked), "{:?}", reclaim);
            } else {
                prop_assert!(reclaim.balloon_target <= vm.pages.ballooned);
            }
            prop_assert_eq!(reclaim.swap_target.0, vm.pages.swapped.0 + reclaim.out_take.0);
            if matches!(vm.balloon.conduct, Conduct::Absent | Conduct::Stuck | Conduct::Lying) {
                prop_assert_eq!(reclaim.balloon_take.0, 0);
            }
            taken += takes;
        }
        let needed = if plan.host.actions.reclaim { plan.host.shortfall } else { PageCount(0) };
        prop_assert_eq!(taken, needed.max(plan.host.sums.for_limits).0);
    }

    #[test]
    fn what_vms_may_hold_adds_up_to_no_more_than_the_limits_around_them(snapshot in any_host()) {
        let plan = planned(&snapshot);
        for pool in &snapshot.pools {
            let Some(limit) = pool.controls.limit else { continue };
            let around = |vm: &&Vm| {
                let pools = std::iter::successors(vm.pool, |id| snapshot.pool(*id).and_then(|pool| pool.parent));
                pools.into_iter().any(|id| id == pool.id)
            };
            let (mut most, mut least) = (0, 0);
            for vm in snapshot.vms.iter().filter(around) {
                let planned = plan.vm(vm.id).unwrap();
                let left = planned.reclaim.consumed.0 - planned.reclaim.balloon_take.0 - planned.reclaim.out_take.0;
                prop_assert!(planned.most.0 >= left, "what it keeps it may hold: {planned:?}");
                most += planned.most.0 + vm.overhead.used.0;
                // Where the rest is reserved, whoever waits goes on all the same.
                let reserved = vm.controls.reservation.0.min(vm.size.0);
                least += vm.overhead.used.0 + if vm.waits { left.max(reserved) + 16 } else { left };
            }
            let limit = limit.0 + sched::limits::slack(limit).0;
            prop_assert!(most <= limit.max(least), "{most} of {limit}");
        }
        for vm in &snapshot.vms {
            let planned = plan.vm(vm.id).unwrap();
            let own = vm.controls.ceiling(vm.size);
            let own = (own.0 + sched::limits::slack(own).0).min(vm.size.0);
            let left = planned.reclaim.consumed.0 - planned.reclaim.balloon_take.0 - planned.reclaim.out_take.0;
            prop_assert!(planned.most.0 <= own.max(left + 16).max(vm.controls.reservation.0 + 16));
        }
    }

    #[test]
    fn who_pays_least_is_taken_from_first(snapshot in any_host()) {
        let plan = planned(&snapshot);
        let order: Vec<_> = plan.order.iter().map(|id| plan.vm(*id).unwrap().reclaim).collect();
        prop_assert!(order.is_sorted_by(|a, b| a.rho <= b.rho));
        prop_assert_eq!(order.len(), plan.vms.iter().filter(|vm| vm.reclaim.over.0 > 0).count());
        if plan.host.sums.for_limits.0 == 0 {
            let whole = |reclaim: &sched::Reclaim| reclaim.balloon_take.0 + reclaim.out_take.0 == reclaim.over.0;
            let partly = order.iter().position(|reclaim| !whole(reclaim)).unwrap_or(order.len());
            for later in order.iter().skip(partly + 1) {
                prop_assert_eq!(later.balloon_take.0 + later.out_take.0, 0);
            }
        }
    }

    #[test]
    fn a_balloon_driver_moves_nobody_elses_target(snapshot in any_host(), conduct in any_conduct()) {
        let before = targets(&planned(&snapshot));
        let mut other = snapshot;
        other.vms[0].balloon.conduct = conduct;
        prop_assert_eq!(targets(&planned(&other)), before);
    }

    #[test]
    fn a_plan_is_json(snapshot in any_host()) {
        let plan = planned(&snapshot);
        let json = serde_json::to_value(&plan).unwrap();
        prop_assert_eq!(&json["host"]["free"], &serde_json::json!(plan.host.free.bytes().0));
        let copy: Snapshot = serde_json::from_value(serde_json::to_value(&snapshot).unwrap()).unwrap();
        prop_assert_eq!(targets(&planned(&copy)), targets(&plan));
    }
}

#[test]
fn vms_of_a_megabyte_and_hosts_without_vms_are_planned() {
    let mut tiny = fleet::host(1, vec![vm(1, 1, 0)]);
    assert_eq!(targets(&planned(&tiny)), [mib(1)]);
    tiny.vms.clear();
    tiny.host.free = free(&tiny);
    let plan = planned(&tiny);
    assert_eq!((plan.vms.len(), plan.host.state, plan.host.sums.target), (0, HostState::High, PageCount(0)));
}
