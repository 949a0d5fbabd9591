//! From a plan to what is done: balloons' targets, allowances, zip stores' sizes, takings, where the bell rings next;
//! and the event that says so.

use super::MemoryLoop;
use super::takings::Order;
use crate::event::{Decision, Trigger, VmDecision, What};
use addr::PageCount;
use machine::VmId;
use sched::{Allowance, HostState, Pace, Plan, Snapshot, Thresholds, VmPlan};
use std::sync::Arc;
use std::time::{Duration, Instant};

/// Plans that only carry on with what the one before began are told so often.
const TOLD_EVERY: Duration = Duration::from_secs(1);

/// How far a VM may exceed its limit while the host takes its own pages back: a 64th, 256 KiB to 1 MiB. Without
/// that, one that touches ever new pages would stop at each.
fn slack(limit: PageCount) -> PageCount {
    PageCount((limit.0 / 64).clamp(64, 256))
}

/// How many frames a VM may hold before it waits.
fn allowance(vm: &sched::Vm, planned: &VmPlan) -> PageCount {
    let ceiling = vm.controls.ceiling(vm.size);
    let by_limit =
        if ceiling < vm.size { PageCount(ceiling.0 + slack(ceiling).0) } else { PageCount(u64::MAX) };
    let by_state = match planned.allowance {
        Allowance::Free => PageCount(u64::MAX),
        Allowance::Waits => {
            // Targets count shared frames, allowances do not.
            let shared = vm.pages.shared.0.saturating_sub(vm.pages.shared_saved.0);
            PageCount(planned.entitlement.target.0.saturating_sub(shared)).max(vm.controls.reservation)
        }
    };
    by_limit.min(by_state)
}

/// Free memory at which the next lower state begins; 0 in the lowest.
fn next_threshold(state: HostState, thresholds: &Thresholds) -> PageCount {
    match state {
        HostState::High => thresholds.clear,
        HostState::Clear => thresholds.soft,
        HostState::Soft => thresholds.hard,
        HostState::Hard => thresholds.low,
        HostState::Low => PageCount(0),
    }
}

impl MemoryLoop {
    /// Begins to carry a plan out.
    pub(super) fn apply(&mut self, snapshot: &Snapshot, plan: &Plan) {
        let zips = {
            let inventory = self.core.inventory.lock();
            let zips = |name: &str| inventory.vms.get(name).is_some_and(|entry| entry.spec.zip);
            snapshot.vms.iter().map(|vm| zips(&vm.name)).collect::<Vec<bool>>()
        };
        for (vm, zips) in snapshot.vms.iter().zip(zips) {
            let (Some(planned), Some(watched)) = (plan.vm(vm.id), self.vms.get_mut(&VmId(vm.id.0 as u32)))
            else {
                continue;
            };
            watched.set_balloon_target(planned.reclaim.balloon_target);
            watched.set_zip_limit(if zips { planned.reclaim.zip_max } else { PageCount(0) });
            watched.set_allowance(allowance(vm, planned));
        }
        let find = |id: sched::VmId| {
            let watched = self.vms.get(&VmId(id.0 as u32))?;
            Some((&watched.running, watched.is_held_up()))
        };
        self.core.taker.order(Order::of(plan, find));
        let mark = next_threshold(plan.host.state, &plan.host.thresholds);
        if self.mark.replace(mark) != Some(mark) {
            let wakeup = Arc::clone(&self.core.wakeup);
            self.core.pool.set_bell(mark, Some(Arc::new(move || wakeup.shortage())));
        }
    }

    /// Tells what was decided, unless it only carries on.
    pub(super) fn tell(&mut self, snapshot: &Snapshot, plan: &Plan, before: HostState) {
        let carries_on = matches!(self.trigger, Trigger::Progress | Trigger::Shortage);
        if carries_on && before == plan.host.state && self.told.elapsed() < TOLD_EVERY {
            return;
        }
        self.told = Instant::now();
        let planned = snapshot.vms.iter().filter_map(|vm| Some((vm, plan.vm(vm.id)?)));
        let concerned: Vec<_> = planned.filter(|(vm, planned)| concerns(vm, planned)).collect();
        let host = &plan.host;
        self.core.journal.add(What::Planned(Decision {
            trigger: self.trigger,
            state_before: before,
            state: host.state,
            free_bytes: host.free.bytes(),
            high_bytes: host.thresholds.high.bytes(),
            next_threshold_bytes: next_threshold(host.state, &host.thresholds).bytes(),
            shortfall_bytes: host.shortfall.bytes(),
            for_guests_bytes: host.for_guests.bytes(),
            unmet_bytes: host.unmet.bytes(),
            pace_bytes_per_second: match host.pace {
                Pace::PerSecond(pages) => Some(pages.bytes()),
                Pace::Unlimited => None,
            },
            more_vms: concerned.len().saturating_sub(Decision::MOST_VMS),
            vms: concerned
                .iter()
                .take(Decision::MOST_VMS)
                .map(|(vm, planned)| decided(vm, planned))
                .collect(),
        }));
    }
}

/// Whether something is taken from the VM, or given back.
fn concerns(vm: &sched::Vm, planned: &VmPlan) -> bool {
    let reclaim = &planned.reclaim;
    reclaim.out_take.0 + reclaim.balloon_take.0 > 0
        || reclaim.balloon_target != vm.pages.ballooned
        || planned.allowance == Allowance::Waits
}

fn decided(vm: &sched::Vm, planned: &VmPlan) -> VmDecision {
    let reclaim = &planned.reclaim;
    VmDecision {
        vm: vm.name.clone(),
        consumed_bytes: reclaim.consumed.bytes(),
        active_bytes: vm.active.bytes(),
        target_bytes: planned.entitlement.target.bytes(),
        bound: planned.entitlement.bound,
        price: reclaim.rho.is_finite().then_some(reclaim.rho),
        why: reclaim.why,
        ballooned_bytes: vm.pages.ballooned.bytes(),
        balloon_target_bytes: reclaim.balloon_target.bytes(),
        balloon_use: reclaim.balloon_use,
        take_bytes: reclaim.out_take.bytes(),
        waits: planned.allowance == Allowance::Waits,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_slack_above_a_limit_is_little() {
        let slack_of = |mib: u64| slack(addr::ByteSize::mib(mib).pages()).0;
        assert_eq!([slack_of(1), slack_of(32), slack_of(64), slack_of(4096)], [64, 128, 256, 256]);
    }

    #[test]
    fn the_bell_is_set_to_the_next_lower_state() {
        let thresholds = Thresholds::new(PageCount(65_536), 0);
        let states = [HostState::High, HostState::Clear, HostState::Soft, HostState::Hard, HostState::Low];
        let marks = states.map(|state| next_threshold(state, &thresholds));
        assert!(marks.is_sorted_by(|a, b| a > b) && marks[4].0 == 0, "{marks:?}");
    }
}
