//! Single scenes, with figures: what a plan says, and how plans follow each other.

mod fleet;

use addr::{PageCount, VmId};
use fleet::{free, host, mib, pool, vm};
use sched::balloon::Conduct;
use sched::{
    Allowance, BalloonUse, Bound, HostState, Pace, Pages, Plan, PoolId, Shares, Snapshot, VmPlan, Why, diff,
    explain, plan,
};

fn planned(snapshot: &Snapshot) -> Plan {
    plan(snapshot).expect("a valid snapshot")
}

fn of(plan: &Plan, id: u32) -> VmPlan {
    *plan.vm(VmId(id)).expect("planned")
}

/// The targets in MiB.
fn targets(snapshot: &Snapshot) -> Vec<f64> {
    planned(snapshot).vms.iter().map(|vm| vm.entitlement.target.0 as f64 / 256.0).collect()
}

fn close(found: &[f64], expected: &[f64]) {
    let near = found.iter().zip(expected).all(|(found, expected)| (found - expected).abs() < 0.06);
    assert!(near && found.len() == expected.len(), "{found:?} instead of {expected:?}");
}

/// An idle VM and a busy one, as in figure 7 of the OSDI paper.
fn idle_and_busy() -> Snapshot {
    host(360, vec![vm(1, 256, 16), vm(2, 256, 230)])
}

#[test]
fn the_reference_vectors_come_out_of_whole_plans() {
    let mut two = idle_and_busy();
    close(&targets(&two), &[104.0, 256.0]);
    two.host.settings.idle_tax = 0;
    close(&targets(&two), &[180.0, 180.0]);
    let mut reserved = idle_and_busy();
    reserved.vms.iter_mut().for_each(|vm| vm.controls.reservation = mib(128));
    close(&targets(&reserved), &[128.0, 232.0]);

    let mut three = host(4096, vec![vm(1, 4096, 512), vm(2, 2048, 1900), vm(3, 1024, 900)]);
    close(&targets(&three), &[1318.5, 1868.9, 908.6]);
    three.vms[0].controls.reservation = mib(3072);
    close(&targets(&three), &[3072.0, 682.7, 341.3]);
    assert_eq!(of(&planned(&three), 1).entitlement.bound, Bound::Reservation);
    let other = host(4096, vec![vm(1, 2048, 512), vm(2, 2048, 1900), vm(3, 1024, 256)]);
    close(&targets(&other), &[1365.3, 2048.0, 682.7]);
}

#[test]
fn the_progressive_tax_spares_a_vm_that_uses_half() {
    let mut snapshot = host(360, vec![vm(1, 256, 128), vm(2, 256, 250)]);
    close(&targets(&snapshot), &[148.8, 211.2]);
    snapshot.host.settings.idle_tax_type = sched::TaxType::Progressive;
    let plan = planned(&snapshot);
    assert!((of(&plan, 1).entitlement.tax - 0.375).abs() < 0.01, "half of 75 %");
    close(&targets(&snapshot), &[168.0, 192.0]);
}

#[test]
fn with_memory_for_all_each_gets_what_it_has_and_headroom() {
    let mut snapshot = host(2000, vec![vm(1, 256, 16), vm(2, 512, 16)]);
    snapshot.vms[1].pages.private = mib(80);
    snapshot.vms[1].pages.untouched = mib(432);
    snapshot.host.free = free(&snapshot);
    close(&targets(&snapshot), &[256.0, 90.0]);
    let plan = planned(&snapshot);
    assert_eq!((of(&plan, 2).entitlement.bound, plan.host.state), (Bound::Wanted, HostState::High));
    assert_eq!(of(&plan, 2).entitlement.lambda, None);
    snapshot.vms[1].controls.limit = Some(mib(85));
    close(&targets(&snapshot), &[256.0, 85.0]);
    assert_eq!(of(&planned(&snapshot), 2).entitlement.bound, Bound::Limit);
}

#[test]
fn a_pool_divides_what_it_got() {
    // The pool counts for as much as the VM beside it; within, two to one.
    let mut snapshot = host(900, vec![vm(1, 1024, 1024), vm(2, 1024, 1024), vm(3, 1024, 1024)]);
    snapshot.pools = vec![pool(1, None)];
    snapshot.pools[0].controls.shares = Shares::Custom(10_240);
    snapshot.vms[1].pool = Some(PoolId(1));
    snapshot.vms[2].pool = Some(PoolId(1));
    snapshot.vms[2].controls.shares = Shares::High;
    close(&targets(&snapshot), &[450.0, 150.0, 300.0]);
    let plan = planned(&snapshot);
    assert!((of(&plan, 3).entitlement.effective_shares - 10_240.0 * 2.0 / 3.0).abs() < 1e-6);
    // The worst case is the same but for the overhead that is reserved and not used yet: 12 MiB.
    assert_eq!(of(&plan, 1).worst_case, mib(444));
    // A limit and a reservation of the pool count its VMs' overhead.
    snapshot.pools[0].controls.limit = Some(mib(308));
    close(&targets(&snapshot), &[600.0, 100.0, 200.0]);
    snapshot.pools[0].controls.limit = None;
    snapshot.pools[0].controls.reservation = mib(608);
    close(&targets(&snapshot), &[300.0, 200.0, 400.0]);
}

#[test]
fn the_state_decides_on_the_means() {
    let mut snapshot = idle_and_busy();
    let thresholds = planned(&snapshot).host.thresholds;
    let need = |free: PageCount| thresholds.high.0 - free.0;
    let mut at = |free: PageCount, rate| {
        snapshot.host.free = free;
        snapshot.vms[0].balloon.rate = rate;
        let plan = planned(&snapshot);
        let unlimited = plan.host.pace == Pace::Unlimited;
        assert_eq!(unlimited, plan.host.state >= HostState::Hard);
        (plan.host.state, of(&plan, 1), of(&plan, 2))
    };

    let enough = PageCount(thresholds.clear.0);
    let (state, idle, _) = at(enough, mib(64));
    assert_eq!(
        (state, idle.reclaim.why, idle.reclaim.balloon_take.0),
        (HostState::High, Why::HostNotShort, 0)
    );

    let soft = PageCount(thresholds.soft.0 - 1);
    let (state, idle, busy) = at(soft, mib(64));
    assert_eq!((state, idle.reclaim.why), (HostState::Soft, Why::HostShort));
    assert_eq!((idle.reclaim.balloon_take.0, idle.reclaim.out_take.0), (need(soft), 0));
    assert_eq!(busy.reclaim.why, Why::WithinTarget);

    // Four MiB a second for one second; the rest goes out.
    let hard = PageCount(thresholds.hard.0 - 1);
    let (state, idle, _) = at(hard, mib(4));
    assert_eq!((state, idle.reclaim.balloon_use), (HostState::Hard, BalloonUse::TooSlow));
    assert_eq!(idle.reclaim.balloon_take, mib(4));
    assert_eq!(idle.reclaim.out_take.0, need(hard) - mib(4).0);

    let low = PageCount(thresholds.low.0 - 1);
    let (state, idle, busy) = at(low, mib(64));
    assert_eq!((state, idle.reclaim.balloon_use), (HostState::Low, BalloonUse::NoTime));
    assert_eq!((idle.reclaim.balloon_take.0, idle.reclaim.out_take.0), (0, need(low)));
    assert_eq!((idle.allowance, busy.allowance), (Allowance::Waits, Allowance::Free));
}

#[test]
fn what_a_balloon_cannot_give_goes_out() {
    let mut snapshot = idle_and_busy();
    snapshot.host.free = planned(&snapshot).host.thresholds.hard;
    let take = |snapshot: &Snapshot| of(&planned(snapshot), 1).reclaim;
    let all = take(&snapshot).balloon_take;
    for conduct in [Conduct::Absent, Conduct::Stuck, Conduct::Lying] {
        snapshot.vms[0].balloon.conduct = conduct;
        let reclaim = take(&snapshot);
        assert_eq!((reclaim.balloon_use, reclaim.balloon_take.0), (BalloonUse::PassedOver, 0));
        assert_eq!(reclaim.out_take, all, "as much as the balloon would have given");
    }
    snapshot.vms[0].balloon.conduct = Conduct::Probation;
    assert_eq!(take(&snapshot).balloon_take, sched::balloon::PROBE);
    snapshot.vms[0].balloon.conduct = Conduct::Working;
    snapshot.vms[0].balloon.cap = Some(mib(1));
    assert_eq!((take(&snapshot).balloon_take, take(&snapshot).balloon_use), (mib(1), BalloonUse::AtCap));
    snapshot.host.settings.ctl_max_percent = 0;
    assert_eq!(take(&snapshot).balloon_take, PageCount(0), "the host's 0 turns every balloon off");
}

#[test]
fn pages_that_a_balloon_took_and_that_freed_nothing_are_not_wanted() {
    let mut snapshot = host(2000, vec![vm(1, 256, 16)]);
    (snapshot.vms[0].pages.private, snapshot.vms[0].pages.untouched) = (mib(80), mib(176));
    close(&targets(&snapshot), &[90.0]);
    let pages = &mut snapshot.vms[0].pages;
    (pages.ballooned, pages.untouched) = (mib(150), mib(26));
    close(&targets(&snapshot), &[90.0]);
    // What came free counts as before.
    let pages = &mut snapshot.vms[0].pages;
    (pages.private, pages.ballooned, pages.balloon_freed) = (mib(50), mib(180), mib(30));
    close(&targets(&snapshot), &[90.0]);
}

#[test]
fn what_a_balloon_frees_decides_what_it_is_asked_for() {
    let mut snapshot = idle_and_busy();
    snapshot.host.free = planned(&snapshot).host.thresholds.hard;
    let frames = of(&planned(&snapshot), 1).reclaim.balloon_take.0;
    let mut take = |yields| {
        snapshot.vms[0].balloon.yields = Some(yields);
        of(&planned(&snapshot), 1).reclaim
    };
    for (yields, asked, by_balloon, balloon_use) in [
        (1.0, frames, frames, BalloonUse::All),
        (0.5, 2 * frames, frames, BalloonUse::All),
        (0.25, 2 * frames, frames / 2, BalloonUse::FreesLittle),
        (0.0, 2 * frames, 0, BalloonUse::FreesLittle),
    ] {
        let reclaim = take(yields);
        assert_eq!((reclaim.balloon_target.0, reclaim.balloon_use), (asked, balloon_use), "{yields}");
        assert_eq!(
            (reclaim.balloon_take.0, reclaim.out_take.0),
            (by_balloon, frames - by_balloon),
            "{yields}"
        );
    }
}

#[test]
fn explain_offers_only_what_would_be_admitted_and_names_whose_shares_count() {
    let mut snapshot = idle_and_busy();
    snapshot.pools = vec![pool(1, None)];
    let offered = |snapshot: &Snapshot| {
        let explanation = explain(snapshot, &planned(snapshot), VmId(1)).unwrap();
        let whole = explanation.levers.iter().any(|lever| lever.change == "with its whole size reserved");
        (whole, explanation.to_string())
    };
    let (whole, text) = offered(&snapshot);
    assert!(whole, "{text}");
    let beside = "Of the 168960 shares on the host it has 2560, which is 1.5 %; resource pool pool1 has 163840, VM vm2 has 2560.";
    assert!(text.contains(beside), "{text}");
    snapshot.vms[1].controls.reservation = mib(128);
    assert!(!offered(&snapshot).0, "256 of the 232 MiB that are unreserved");
}

#[test]
fn a_vm_whose_swap_file_fails_is_frozen_unless_there_is_room_for_all_it_could_take() {
    let mut snapshot = host(1000, vec![vm(1, 256, 16), vm(2, 256, 230)]);
    (snapshot.vms[0].pages.private, snapshot.vms[0].pages.untouched) = (mib(156), mib(100));
    let high = planned(&snapshot).host.thresholds.high;
    let enough = PageCount(high.0 + mib(100).0);
    for (fails, free, expected) in [
        (true, enough, Allowance::Free),
        (true, PageCount(enough.0 - 1), Allowance::Frozen),
        (true, PageCount(0), Allowance::Frozen),
        (false, high, Allowance::Free),
    ] {
        (snapshot.vms[0].swap_fails, snapshot.host.free) = (fails, free);
        let plan = planned(&snapshot);
        assert_eq!(of(&plan, 1).allowance, expected, "{free:?}");
        assert_eq!(of(&plan, 2).allowance, Allowance::Free);
    }
}

#[test]
fn limits_hold_on_an_idle_host() {
    let mut snapshot = host(4000, vec![vm(1, 256, 200), vm(2, 256, 16), vm(3, 256, 16), vm(4, 64, 1)]);
    snapshot.vms[0].controls.limit = Some(mib(200));
    snapshot.pools = vec![pool(1, None)];
    snapshot.pools[0].controls.limit = Some(mib(408));
    snapshot.vms[1..].iter_mut().for_each(|vm| vm.pool = Some(PoolId(1)));
    snapshot.vms[3].pages.private = mib(8);
    snapshot.vms[3].pages.untouched = mib(56);
    let plan = planned(&snapshot);
    assert_eq!(plan.host.state, HostState::High);
    let first = of(&plan, 1).reclaim;
    assert_eq!((first.why, first.balloon_take), (Why::OverLimit, mib(56)));
    // Two VMs of 256 MiB and a small one, with 4 MiB of overhead each, in a pool of 408 MiB. The small one may
    // grow, so the others are further over their targets than the pool is over its limit.
    let (second, third) = (of(&plan, 2).reclaim, of(&plan, 3).reclaim);
    assert_eq!(second.balloon_take.0 + third.balloon_take.0, mib(512 + 8 + 12 - 408).0);
    assert!(second.over.0 + third.over.0 > mib(124).0);
    assert_eq!(plan.host.sums.for_limits, mib(56 + 124));
    assert_eq!(plan.host.pace, Pace::PerSecond(sched::reclaim::GENTLE));
}

#[test]
fn balloons_are_given_back_to_the_best_payer_as_long_as_memory_lasts() {
    let mut snapshot = host(800, vec![vm(1, 256, 200), vm(2, 256, 200), vm(3, 256, 256)]);
    for vm in &mut snapshot.vms[..2] {
        vm.pages.private = mib(176);
        (vm.pages.ballooned, vm.pages.balloon_freed) = (mib(80), mib(80));
    }
    snapshot.vms[1].controls.shares = Shares::High;
    let hard = planned(&snapshot).host.thresholds.hard;
    snapshot.host.free = PageCount(hard.0 + mib(100).0);
    let balloons = |snapshot: &Snapshot| {
        let plan = planned(snapshot);
        (of(&plan, 1).reclaim.balloon_target, of(&plan, 2).reclaim.balloon_target)
    };
    assert_eq!(balloons(&snapshot), (mib(60), mib(0)));
    // When memory is really short, nobody gets any back.
    snapshot.host.free = PageCount(hard.0 - 1);
    assert_eq!(balloons(&snapshot), (mib(80), mib(80)));
}

#[test]
fn a_balloon_keeps_its_cushion_and_has_it_filled_again() {
    let mut snapshot = host(800, vec![vm(1, 256, 200), vm(2, 256, 200)]);
    let vm = &mut snapshot.vms[0];
    (vm.balloon.cushion, vm.balloon.cap) = (mib(4), Some(PageCount(0)));
    vm.pages.private = mib(176);
    snapshot.host.free = mib(400);
    for ballooned in [0, 1, 4, 80] {
        let pages = &mut snapshot.vms[0].pages;
        (pages.ballooned, pages.untouched) = (mib(ballooned), mib(80 - ballooned));
        assert_eq!(of(&planned(&snapshot), 1).reclaim.balloon_target, mib(4), "{ballooned} MiB");
    }
}

#[test]
fn balloons_are_let_go_within_seconds_once_memory_is_free_and_stay_so() {
    const SECONDS: u64 = 15;
    // Twelve VMs after hard work that has ended: little held, much in balloons and swap files.
    let mut snapshot = host(360, (1..=12).map(|id| vm(id, 256, 4)).collect());
    for vm in &mut snapshot.vms {
        let (private, ballooned, swapped) = (mib(16), mib(60), mib(30));
        vm.pages = Pages { private, ballooned, swapped, untouched: mib(150), ..Pages::default() };
    }
    snapshot.host.free = free(&snapshot);
    let period = u64::from(snapshot.host.settings.balance_period);
    let mut next_plan = 0;
    for second in 0..10 * period {
        if second == next_plan {
            let plan = planned(&snapshot);
            assert_eq!(plan.host.state, HostState::High);
            assert_eq!((plan.host.sums.out_take, plan.host.sums.balloon_take), (PageCount(0), PageCount(0)));
            next_plan += if plan.gives_back(&snapshot) { 1 } else { period };
            for vm in &mut snapshot.vms {
                let back = vm.pages.ballooned.0.checked_sub(of(&plan, vm.id.0).reclaim.balloon_target.0);
                let back = back.expect("a balloon only becomes smaller").min(mib(16).0);
                vm.pages.ballooned.0 -= back;
                vm.pages.untouched.0 += back;
            }
        }
        // One goes to work again, within its target.
        let busy = &mut snapshot.vms[0].pages;
        if second > SECONDS && busy.private < mib(28) {
            busy.private.0 += mib(1).0;
            busy.untouched.0 -= mib(1).0;
        }
        snapshot.host.free = free(&snapshot);
        let ballooned: u64 = snapshot.vms.iter().map(|vm| vm.pages.ballooned.0).sum();
        assert!(second < SECONDS || ballooned == 0, "{ballooned} pages ballooned after {second} s");
    }
}

#[test]
fn what_is_reserved_is_left_even_if_overhead_has_eaten_the_memory() {
    let mut snapshot = host(512, vec![vm(1, 256, 16), vm(2, 256, 16)]);
    snapshot.vms.iter_mut().for_each(|vm| vm.controls.reservation = mib(250));
    snapshot.host.overhead = mib(100);
    snapshot.host.free = PageCount(0);
    let plan = planned(&snapshot);
    assert_eq!(of(&plan, 1).entitlement.bound, Bound::Scarcity);
    assert_eq!(of(&plan, 1).reclaim.over, mib(6));
    assert_eq!(plan.host.sums.out_take, mib(12));
    assert_eq!(plan.host.unmet.0, plan.host.shortfall.0 - mib(12).0);
}

/// One step of two VMs that touch all they can get, as the plan is carried out.
fn step(snapshot: &mut Snapshot, touching: VmId) -> Plan {
    let plan = planned(snapshot);
    let mut free_frames = free(snapshot).0;
    for vm in &mut snapshot.vms {
        let reclaim = of(&plan, vm.id.0).reclaim;
        let pages = &mut vm.pages;
        pages.private.0 -= reclaim.balloon_take.0 + reclaim.out_take.0;
        free_frames += reclaim.balloon_take.0 + reclaim.out_take.0;
        pages.swapped.0 += reclaim.out_take.0;
        // What a balloon takes beyond what it frees has no frame: it was never touched, or else is out.
        let (taken, target) = (pages.ballooned.0 + reclaim.balloon_take.0, reclaim.balloon_target.0);
        let untouched = target.saturating_sub(taken).min(pages.untouched.0);
        let out = target.saturating_sub(taken + untouched).min(pages.swapped.0);
        pages.untouched.0 = pages.untouched.0 - untouched + taken.saturating_sub(target);
        pages.swapped.0 -= out;
        pages.ballooned.0 = taken.min(target) + untouched + out;
    }
    for vm in snapshot.vms.iter_mut().filter(|vm| vm.id == touching) {
        let pages = &mut vm.pages;
        for reachable in [&mut pages.untouched, &mut pages.swapped] {
            // The host lets nobody take its last frames.
            let touched = reachable.0.min(free_frames.saturating_sub(100));
            reachable.0 -= touched;
            pages.private.0 += touched;
            free_frames -= touched;
        }
    }
    snapshot.host.state = plan.host.state;
    snapshot.host.free = free(snapshot);
    plan
}

#[test]
fn memory_follows_activity_and_then_stays() {
    let mut snapshot = idle_and_busy();
    for (active, expected) in [([16, 230], [104.0, 256.0]), ([230, 16], [256.0, 104.0])] {
        for (vm, active) in snapshot.vms.iter_mut().zip(active) {
            vm.active = mib(active);
        }
        let busy = VmId(if active[0] < active[1] { 2 } else { 1 });
        (0..30).for_each(|_| drop(step(&mut snapshot, busy)));
        let held = |snapshot: &Snapshot| -> Vec<f64> {
            snapshot.vms.iter().map(|vm| vm.pages.consumed().0 as f64 / 256.0).collect()
        };
        let settled = held(&snapshot);
        // Reclaiming ends anywhere between min-free and the high threshold.
        let thresholds = planned(&snapshot).host.thresholds;
        let slack = (thresholds.high.0 - thresholds.soft.0) as f64 / 256.0;
        for (held, expected) in settled.iter().zip(expected) {
            assert!((held - expected).abs() <= slack, "{settled:?} instead of {expected:?}");
        }
        for _ in 0..20 {
            let plan = step(&mut snapshot, busy);
            assert_eq!(plan.host.sums.balloon_take.0 + plan.host.sums.out_take.0, 0);
            assert_eq!(held(&snapshot), settled);
        }
    }
}

#[test]
fn an_explanation_says_what_decided_and_what_would_change_it() {
    let mut snapshot = idle_and_busy();
    snapshot.host.free = PageCount(100);
    snapshot.vms[0].balloon.conduct = Conduct::Lying;
    snapshot.vms[0].controls.limit = Some(mib(250));
    let plan = planned(&snapshot);
    let explanation = explain(&snapshot, &plan, VmId(1)).unwrap();
    let text = explanation.to_string();
    for part in [
        "vm1 has 256 MiB and holds 256 MiB of machine memory.",
        "Its target is 104 MiB: its 2560 shares buy the 16 MiB it uses and, at a tax of 75 %, part of what is idle",
        "The host is in state low: 400 KiB are free,",
        "It, or a pool around it, is over its limit.",
        "as there is no time for balloons.",
        "Until it is back at its target it waits for every new page.",
        "Its limit of 250 MiB is less than its size of 256 MiB",
        "  with twice the shares: ",
        "  without a tax on idle memory: 180 MiB",
    ] {
        assert!(text.contains(part), "'{part}' is not in:\n{text}");
    }
    assert!(explain(&snapshot, &plan, VmId(9)).is_err());

    // The levers tell the truth.
    let mut edited = snapshot.clone();
    edited.host.settings.idle_tax = 0;
    let changes = diff(&plan, &planned(&edited));
    let lever = explanation.levers.iter().find(|lever| lever.change.contains("tax")).unwrap();
    assert_eq!(changes.vms[0].target, lever.target);
    assert_eq!(changes.vms.len(), 2);
    assert!(diff(&plan, &plan).vms.is_empty());
}

#[test]
fn an_explanation_names_what_a_pool_around_the_vm_has_to_do_with_it() {
    let mut snapshot = idle_and_busy();
    snapshot.pools = vec![pool(1, None), pool(2, Some(1))];
    snapshot.vms[1].pool = Some(PoolId(2));
    snapshot.pools[0].controls.limit = Some(mib(100));
    let before = planned(&snapshot);
    let explanation = explain(&snapshot, &before, VmId(2)).unwrap();
    let text = explanation.to_string();
    for part in [
        "Its resource pool pool2 has ",
        "Its resource pool pool1 has 96 MiB to divide, which is its limit.",
        "  if its resource pool pool1 had no limit: ",
    ] {
        assert!(text.contains(part), "'{part}' is not in:\n{text}");
    }
    let of_pool = |name: &str| explanation.levers.iter().find(|lever| lever.pool.as_deref() == Some(name));
    assert!(of_pool("pool2").is_none(), "its limit alone binds: {text}");
    let mut edited = snapshot.clone();
    edited.pools[0].controls.limit = None;
    assert_eq!(of_pool("pool1").unwrap().target, diff(&before, &planned(&edited)).vms[1].target);

    // Without limits, the outer pool's shares are what counts.
    edited.pools[0].controls.shares = Shares::Custom(1280);
    let before = planned(&edited);
    let explanation = explain(&edited, &before, VmId(2)).unwrap();
    let levers: Vec<&str> = explanation.levers.iter().map(|lever| lever.change.as_str()).collect();
    assert!(levers.contains(&"if its resource pool pool1 had twice the shares"), "{levers:?}");
}

#[test]
fn a_what_if_shows_a_vm_more() {
    let snapshot = idle_and_busy();
    let before = planned(&snapshot);
    let mut edited = snapshot;
    edited.vms.push(vm(3, 128, 128));
    let changes = diff(&before, &planned(&edited));
    let newcomer = changes.vms.last().unwrap();
    assert_eq!((newcomer.id, newcomer.target.before), (VmId(3), PageCount(0)));
    assert!(newcomer.target.pages() > 0 && changes.vms[1].target.pages() < 0);
    assert!(changes.for_guests.pages() == -(mib(4).0 as i64), "the newcomer's overhead");
}

#[test]
fn a_snapshot_that_is_no_tree_is_a_mistake_with_a_name() {
    let told = |edit: fn(&mut Snapshot)| {
        let mut snapshot = idle_and_busy();
        snapshot.pools = vec![pool(1, None), pool(2, Some(1))];
        edit(&mut snapshot);
        plan(&snapshot).unwrap_err().to_string()
    };
    assert_eq!(
        told(|snapshot| snapshot.pools[0].parent = Some(PoolId(2))),
        "resource pool 'pool1' would lie within itself: choose a parent outside it"
    );
    assert!(told(|snapshot| snapshot.pools[1].parent = Some(PoolId(9))).contains("pool 9"));
    assert!(told(|snapshot| snapshot.vms[0].pool = Some(PoolId(9))).contains("VM 'vm1'"));
    assert_eq!(told(|snapshot| snapshot.vms[0].id = VmId(2)), "there are two VMs of number 2");
    assert_eq!(told(|snapshot| snapshot.pools[0].id = PoolId(2)), "there are two resource pools of number 2");
}
