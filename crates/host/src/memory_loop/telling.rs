//! Which plans are told as events, and how.
//!
//! **Model.** A plan is worth an event if something was changed, if the host's state has become another and stayed so
//! for a second, when memory begins to be taken, and now and then while that goes on. How many plans were made and how
//! often the state changed since the event before is told with it, so that a host which is short for hours does not
//! push everything else out of the journal.

use super::apply::next_threshold;
use super::{MemoryLoop, SECOND};
use model::{Decision, Trigger, VmDecision, What};
use sched::{Allowance, HostState, Pace, Plan, Snapshot, VmPlan};
use std::time::{Duration, Instant};

/// So often is told that memory goes on being taken.
const GOES_ON: Duration = Duration::from_mins(1);
/// Between two events that memory begins to be taken.
const BEGINS: Duration = Duration::from_secs(15);

/// What was told last.
#[derive(Default)]
pub(super) struct Telling {
    at: Option<Instant>,
    state: HostState,
    took: bool,
    /// Plans made by then.
    plans: u64,
    /// Changes of state since then.
    state_changes: u64,
}

impl Telling {
    pub(super) fn note_change(&mut self) {
        self.state_changes += 1;
    }

    /// Whether another state was told last.
    pub(super) fn lags_behind(&self, state: HostState) -> bool {
        self.state != state
    }

    /// Whether a plan is worth an event that was made for `trigger`, takes memory or gives some back if it `takes`,
    /// and finds the host in `state` for as long as it `lasted`.
    fn is_due(
        &self,
        now: Instant,
        trigger: Trigger,
        state: HostState,
        lasted: Duration,
        takes: bool,
    ) -> bool {
        let since = self.at.map_or(Duration::MAX, |at| now.saturating_duration_since(at));
        trigger == Trigger::Change
            || self.lags_behind(state) && lasted >= SECOND
            || takes && (since >= GOES_ON || !self.took && since >= BEGINS)
    }
}

impl MemoryLoop {
    /// Tells what was decided, if it is worth that.
    pub(super) fn tell(&mut self, snapshot: &Snapshot, plan: &Plan) {
        let planned = snapshot.vms.iter().filter_map(|vm| Some((vm, plan.vm(vm.id)?)));
        let concerned: Vec<_> = planned.filter(|(vm, planned)| concerns(vm, planned)).collect();
        let (host, takes) = (&plan.host, !concerned.is_empty());
        let now = self.core.clock.now();
        let lasted = now.saturating_duration_since(self.state_since);
        if !self.telling.is_due(now, self.trigger, host.state, lasted, takes) {
            self.telling.took &= takes;
            return;
        }
        let told = Telling {
            at: Some(now),
            state: host.state,
            took: takes,
            plans: self.status.plans,
            state_changes: 0,
        };
        let before = std::mem::replace(&mut self.telling, told);
        self.core.journal.add(What::Planned(Decision {
            trigger: self.trigger,
            state_before: before.state,
            state: host.state,
            plans: self.status.plans - before.plans,
            state_changes: before.state_changes,
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

/// Whether something is taken from the VM, or given back, or it has to wait.
fn concerns(vm: &sched::Vm, planned: &VmPlan) -> bool {
    let reclaim = &planned.reclaim;
    reclaim.out_take.0 + reclaim.balloon_take.0 > 0
        || reclaim.balloon_target != vm.pages.ballooned
        || planned.allowance != Allowance::Free
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
        waits: planned.allowance != Allowance::Free,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn states_that_pass_by_and_plans_that_carry_on_are_counted_and_not_told() {
        let begun = Instant::now();
        let told = || Telling { at: Some(begun), state: HostState::Soft, took: true, ..Telling::default() };
        let is_due = |told: Telling, after: u64, trigger, state, lasted, takes| {
            told.is_due(begun + Duration::from_secs(after), trigger, state, lasted, takes)
        };
        let (instant, long) = (Duration::from_millis(20), Duration::from_secs(2));
        for trigger in [Trigger::Shortage, Trigger::Progress, Trigger::Period] {
            assert!(
                !is_due(told(), 5, trigger, HostState::Hard, instant, true),
                "it may be soft again in a moment"
            );
            assert!(is_due(told(), 5, trigger, HostState::Hard, long, true));
            assert!(!is_due(told(), 20, trigger, HostState::Soft, long, true), "it only goes on");
            assert!(is_due(told(), 61, trigger, HostState::Soft, long, true), "but is told now and then");
            assert!(!is_due(told(), 61, trigger, HostState::Soft, long, false));
            let rested = || Telling { took: false, ..told() };
            assert!(!is_due(rested(), 5, trigger, HostState::Soft, long, true));
            assert!(is_due(rested(), 16, trigger, HostState::Soft, long, true), "it begins");
        }
        assert!(is_due(told(), 0, Trigger::Change, HostState::Soft, long, false));
        assert!(is_due(Telling::default(), 0, Trigger::Period, HostState::High, long, true));
        assert!(!is_due(Telling::default(), 0, Trigger::Period, HostState::High, long, false));
    }
}
