//! How much processor time a worker may use, so that a guest's devices cannot take what is other VMs'.
//!
//! **Model.** A worker earns one [`PART`]th of a processor for each vCPU of its VM, saves up to [`MOST_SAVED`] for each,
//! and pays for what it used after each task. One that is in debt rests until it has earned that. A single task may
//! cost more than was saved, as it is not interrupted: the rest is then the longer. What a guest is without until it is given back is
//! given back undone meanwhile ([`super::VirtioDevice::undone_while_resting`]).
//!
//! **Cost.** Two system calls for a task.

use rustix::time::{ClockId, clock_gettime};
use std::time::{Duration, Instant};

/// A worker has this part of a processor for each vCPU of its VM: 5 %.
const PART: u32 = 20;
/// What it saves at most, for each vCPU: two seconds' part.
const MOST_SAVED: Duration = Duration::from_millis(100);

/// How long one that rests keeps what it may give back undone. So it looks for that fifty times a second at most, however often a guest asks.
pub(super) const KEPT_WHILE_RESTING: Duration = Duration::from_millis(20);

/// A worker's budget.
pub(super) struct Budget {
    vcpus: u32,
    saved: Duration,
    debt: Duration,
    /// Until when was earned.
    earned: Instant,
}

impl Budget {
    /// That of a worker of a VM with so many vCPUs, full.
    pub(super) fn new(vcpus: u32, now: Instant) -> Self {
        Self { vcpus, saved: MOST_SAVED * vcpus, debt: Duration::ZERO, earned: now }
    }

    /// Pays for what was used up to `now`.
    pub(super) fn pay(&mut self, used: Duration, now: Instant) {
        let earned = now.saturating_duration_since(self.earned) * self.vcpus / PART;
        self.earned = now;
        let left = earned.saturating_sub(self.debt);
        self.debt = self.debt.saturating_sub(earned);
        self.saved = (self.saved + left).min(MOST_SAVED * self.vcpus);
        self.debt += used.saturating_sub(self.saved);
        self.saved = self.saved.saturating_sub(used);
    }

    /// Until when the worker rests.
    pub(super) fn rests_until(&self) -> Instant {
        self.earned + self.debt * PART / self.vcpus
    }
}

/// Processor time that the calling thread has used.
pub(crate) fn thread_time() -> Duration {
    let time = clock_gettime(ClockId::ThreadCPUTime);
    Duration::new(time.tv_sec.unsigned_abs(), time.tv_nsec.unsigned_abs() as u32)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const SECOND: Duration = Duration::from_secs(1);

    #[test]
    fn who_uses_little_never_rests() {
        let start = Instant::now();
        let mut budget = Budget::new(1, start);
        for second in 1..1000 {
            let now = start + second * SECOND;
            budget.pay(Duration::from_millis(50), now);
            assert!(budget.rests_until() <= now, "{second}");
        }
    }

    #[test]
    fn a_debt_is_rested_off_and_a_longer_rest_is_not_saved_for_ever() {
        let start = Instant::now();
        let mut budget = Budget::new(2, start);
        budget.pay(Duration::from_millis(1200), start);
        // 200 ms were saved, and a tenth of a processor is earned.
        assert_eq!(budget.rests_until(), start + 10 * SECOND);
        let much_later = start + 10_000 * SECOND;
        budget.pay(Duration::from_millis(200), much_later);
        assert_eq!(budget.rests_until(), much_later);
        budget.pay(Duration::from_millis(1), much_later);
        assert!(budget.rests_until() > much_later);
    }

    proptest! {
        /// Whoever rests as it is told uses no more than its part, what it had saved, and its last task.
        #[test]
        fn nobody_uses_more_than_its_part(
            vcpus in 1u32..8, tasks in prop::collection::vec((0u64..400, 0u64..3000), 1..200),
        ) {
            let start = Instant::now();
            let mut budget = Budget::new(vcpus, start);
            let (mut now, mut used, mut last) = (start, Duration::ZERO, Duration::ZERO);
            for (task, idle) in tasks {
                now = now.max(budget.rests_until()) + Duration::from_millis(idle);
                last = Duration::from_millis(task);
                now += last;
                used += last;
                budget.pay(last, now);
            }
            prop_assert!(used <= (now - start) * vcpus / PART + MOST_SAVED * vcpus + last);
        }
    }
}
