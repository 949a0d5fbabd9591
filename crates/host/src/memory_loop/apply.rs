//! From a plan to what is done: balloons' targets, allowances, zip stores' sizes, takings, where the bell rings next.

use super::MemoryLoop;
use super::takings::Order;
use addr::PageCount;
use sched::balloon::SLOW;
use sched::limits::Lowering;
use sched::reclaim::GENTLE;
use sched::{Allowance, HostState, Plan, Snapshot, Thresholds, VmPlan, Why};
use std::sync::Arc;
use std::time::Duration;

/// How many frames a VM may hold before it waits, that could hold `before` since `elapsed`.
fn allowance(
    vm: &sched::Vm,
    planned: &VmPlan,
    balance_period: u32,
    (before, elapsed): (PageCount, Duration),
) -> PageCount {
    // The plan counts shared frames, allowances do not.
    let shared = vm.pages.shared.0.saturating_sub(vm.pages.shared_saved.0);
    let by_limit = if planned.most >= vm.size {
        PageCount(u64::MAX)
    } else if planned.reclaim.why == Why::OverLimit {
        let rate = if planned.reclaim.balloon_take.0 > 0 { vm.balloon.rate.max(SLOW) } else { GENTLE };
        let before = PageCount(before.0.saturating_add(shared));
        let lowered =
            Lowering { rate, balance_period }.next(before, planned.reclaim.consumed, planned.most, elapsed);
        PageCount(lowered.0.saturating_sub(shared))
    } else {
        PageCount(planned.most.0.saturating_sub(shared))
    };
    let by_state = match planned.allowance {
        Allowance::Free => PageCount(u64::MAX),
        Allowance::Waits => {
            PageCount(planned.entitlement.target.0.saturating_sub(shared)).max(vm.controls.reservation)
        }
        Allowance::Frozen => {
            PageCount(planned.reclaim.consumed.0.saturating_sub(shared)).max(vm.controls.reservation)
        }
    };
    by_limit.min(by_state)
}

/// Free memory at which the next lower state begins; 0 in the lowest.
pub(super) fn next_threshold(state: HostState, thresholds: &Thresholds) -> PageCount {
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
            let (Some(planned), Some(watched)) = (plan.vm(vm.id), self.vms.get_mut(&vm.id)) else {
                continue;
            };
            watched.set_balloon_target(planned.reclaim.balloon_target);
            watched.set_zip_limit(if zips { planned.reclaim.zip_max } else { PageCount(0) });
            let period = snapshot.host.settings.balance_period;
            watched.set_allowance(allowance(vm, planned, period, watched.allowance()));
        }
        let find = |id: addr::VmId| {
            let watched = self.vms.get(&id)?;
            Some((&watched.running, watched.excess()))
        };
        self.core.taker.order(Order::of(plan, self.core.clock.now(), find));
        let mark = next_threshold(plan.host.state, &plan.host.thresholds);
        if self.mark.replace(mark) != Some(mark) {
            let wakeup = Arc::clone(&self.core.wakeup);
            self.core.pool.set_bell(mark, Some(Arc::new(move || wakeup.shortage())));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_bell_is_set_to_the_next_lower_state() {
        let thresholds = Thresholds::new(PageCount(65_536), 0);
        let states = [HostState::High, HostState::Clear, HostState::Soft, HostState::Hard, HostState::Low];
        let marks = states.map(|state| next_threshold(state, &thresholds));
        assert!(marks.is_sorted_by(|a, b| a > b) && marks[4].0 == 0, "{marks:?}");
    }
}
