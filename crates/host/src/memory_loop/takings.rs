//! Carrying out what a plan says to take from VMs without their help, a slice at a time.
//!
//! **Model.** VMs are in the plan's order, the lowest price first. A slice takes some frames from the first, as
//! many as take a few milliseconds; afterwards a later [`Order`] may take this one's place. What a VM cannot
//! give, those after it are asked for, as far as they are over their targets. Takings end early when enough is
//! free.
//!
//! The pace is kept by an allowance of frames that grows with time. What somebody waits for because of a limit is
//! taken at once, and does not wait for balloons: of what these are to give, as much as is held beyond the
//! allowance, and [`AT_ONCE`].
//!
//! **Concurrency.** An order keeps no VM alive: a VM that ended meanwhile gives nothing more.
//!
//! **Failure.** A VM whose swap file fails is left alone for [`REST`] and the others go on; one whose disk hangs, until it answers.

use crate::clock::Clock;
use crate::journal::Journal;
use crate::running::{Running, SwapTrouble};
use crate::visits::{Known, Visit};
use addr::PageCount;
use machine::{Pool, Reclaimed};
use model::What;
use sched::{Allowance, Pace, Plan, Why};
use std::collections::VecDeque;
use std::ops::RangeInclusive;
use std::time::{Duration, Instant};

/// Frames taken before anybody looks around: as many as take about [`SLICE_TIME`], within these bounds. The
/// time is mostly the disk's.
const SLICES: RangeInclusive<u64> = 16..=1024;
const SLICE_TIME: Duration = Duration::from_millis(4);
/// Frames taken at once for whoever waits, of those that a balloon is to give.
const AT_ONCE: u64 = 64;
/// How long a failing swap file is left alone.
const REST: Duration = Duration::from_secs(1);
/// What may be taken at once after a time in which nothing was.
const MOST_SAVED_UP: Duration = Duration::from_millis(100);

/// What a plan says to take.
pub(crate) struct Order {
    pace: Pace,
    /// With so much free, no more is needed but for limits.
    enough: PageCount,
    queue: VecDeque<Taking>,
    /// VMs over their targets and by how much beyond what they are asked for, in the plan's order.
    further: Vec<(Known, u64)>,
}

struct Taking {
    vm: Known,
    left: u64,
    /// For its limit: to be taken however much is free.
    for_limit: bool,
    /// It waits for this.
    urgent: bool,
}

impl Order {
    /// Nothing.
    fn none() -> Self {
        let (queue, further) = (VecDeque::new(), Vec::new());
        Self { pace: Pace::Unlimited, enough: PageCount(0), queue, further }
    }

    /// What `plan` says. `find` gives a VM, and what it holds beyond what it may.
    pub(super) fn of<'a>(
        plan: &Plan,
        now: Instant,
        find: impl Fn(addr::VmId) -> Option<(&'a Visit, PageCount)>,
    ) -> Self {
        let mut order = Self { pace: plan.host.pace, enough: plan.host.thresholds.high, ..Self::none() };
        for &id in &plan.order {
            let (Some(planned), Some((vm, excess))) = (plan.vm(id), find(id)) else { continue };
            let vm = vm.known();
            let reclaim = planned.reclaim;
            let for_limit = reclaim.why == Why::OverLimit;
            // A VM that waits may be unable to serve its balloon.
            let urgent = for_limit && reclaim.urgent;
            let at_once = if urgent { excess.0 + AT_ONCE } else { 0 };
            let left = reclaim.out_take.0 + reclaim.balloon_take.0.min(at_once);
            if left > 0 {
                order.queue.push_back(Taking { vm: vm.clone(), left, for_limit, urgent });
            }
            order.further.push((vm, reclaim.over.0.saturating_sub(left)));
        }
        order.try_frozen(plan, now, find);
        order
    }

    /// From those that are frozen a little is taken now and then, to see whether their swap files work again.
    fn try_frozen<'a>(
        &mut self,
        plan: &Plan,
        now: Instant,
        find: impl Fn(addr::VmId) -> Option<(&'a Visit, PageCount)>,
    ) {
        for planned in plan.vms.iter().filter(|planned| planned.allowance == Allowance::Frozen) {
            let Some((vm, _)) = find(planned.id) else { continue };
            let known = vm.known();
            if !is_resting(vm, now) && self.queue.iter().all(|taking| !taking.vm.is(&known)) {
                let vm = known;
                self.queue.push_back(Taking { vm, left: AT_ONCE, for_limit: true, urgent: true });
            }
        }
    }

    pub(super) fn is_empty(&self) -> bool {
        self.queue.is_empty()
    }
}

/// What is still to be taken.
pub(super) struct Takings {
    clock: Clock,
    order: Order,
    budget: u64,
    filled: Instant,
    /// Frames in a slice.
    slice: u64,
}

impl Takings {
    pub(super) fn none(clock: &Clock) -> Self {
        Self { clock: clock.clone(), order: Order::none(), budget: 0, filled: clock.now(), slice: 64 }
    }

    /// Begins to carry out `order`, in place of whatever was left of the one before.
    pub(super) fn begin(&mut self, order: Order) {
        let before = std::mem::replace(&mut self.order, order);
        note_left(before.queue.iter().map(|taking| (&taking.vm, 0)));
        self.note_left();
    }

    /// Lets it be seen how much is still to be taken from the VMs of the queue, where a VM may be more than once.
    fn note_left(&self) {
        let queue = &self.order.queue;
        note_left(queue.iter().map(|taking| (&taking.vm, 0)));
        for taking in queue {
            if let Some(vm) = taking.vm.visit() {
                vm.note_to_take(vm.to_take().0 + taking.left);
            }
        }
    }

    /// The VM that the next slice is taken from, if it has not ended.
    pub(super) fn first(&self) -> Option<Visit> {
        self.order.queue.front()?.vm.visit()
    }

    /// When the next slice may be taken; `None` if there is nothing to take.
    pub(super) fn ready_at(&self) -> Option<Instant> {
        let first = self.order.queue.front()?;
        Some(match self.order.pace {
            Pace::PerSecond(pages) if !first.urgent && self.budget == 0 => {
                self.filled + Duration::from_secs_f64(self.slice as f64 / pages.0.max(1) as f64)
            }
            _ => self.clock.now(),
        })
    }

    fn fill_budget(&mut self) {
        let Pace::PerSecond(pages) = self.order.pace else { return };
        let since = self.clock.since(self.filled).min(MOST_SAVED_UP);
        let more = (pages.0 as f64 * since.as_secs_f64()) as u64;
        if more > 0 {
            self.budget = self.budget.saturating_add(more).min(pages.0);
            self.filled = self.clock.now();
        }
    }

    /// Takes a slice, if it is time; gives the frames that came free.
    pub(super) fn slice(&mut self, pool: &Pool, journal: &Journal) -> u64 {
        if pool.usage().available() >= self.order.enough {
            let queue = &self.order.queue;
            note_left(queue.iter().filter(|taking| !taking.for_limit).map(|taking| (&taking.vm, 0)));
            self.order.queue.retain(|taking| taking.for_limit);
        }
        self.fill_budget();
        let Some(first) = self.order.queue.front_mut() else { return 0 };
        let paced = matches!(self.order.pace, Pace::PerSecond(_)) && !first.urgent;
        let most = if paced { self.budget } else { u64::MAX };
        let wanted = first.left.min(self.slice).min(most);
        if wanted == 0 {
            return 0;
        }
        let Some(vm) = first.vm.visit() else {
            self.give_up();
            return 0;
        };
        let start = self.clock.now();
        let report = reclaim(&vm, wanted, &self.clock, journal);
        if paced {
            self.budget -= wanted.min(self.budget);
        }
        first.left = first.left.saturating_sub(report.freed);
        vm.note_to_take(vm.to_take().0.saturating_sub(report.freed));
        if first.left == 0 {
            self.order.queue.pop_front();
        } else if report.freed == 0 && !report.unfinished || report.failure.is_some() {
            self.give_up();
        }
        let next =
            if self.clock.since(start) > SLICE_TIME { self.slice / 2 } else { self.slice + self.slice / 4 };
        self.slice = next.clamp(*SLICES.start(), *SLICES.end());
        report.freed
    }

    /// The first VM cannot give what is left: those after it are asked.
    fn give_up(&mut self) {
        let Order { queue, further, .. } = &mut self.order;
        let Some(Taking { vm, mut left, for_limit, .. }) = queue.pop_front() else { return };
        note_left([(&vm, 0)].into_iter());
        further.retain(|further| !further.0.is(&vm));
        if for_limit {
            return;
        }
        for (vm, over) in further {
            let more = left.min(*over);
            if more > 0 {
                queue.push_back(Taking { vm: vm.clone(), left: more, for_limit: false, urgent: false });
                *over -= more;
                left -= more;
            }
        }
        self.note_left();
    }
}

fn note_left<'a>(left: impl Iterator<Item = (&'a Known, u64)>) {
    left.for_each(|(vm, left)| {
        if let Some(vm) = vm.visit() {
            vm.note_to_take(left);
        }
    });
}

/// Whether its swap file failed a moment ago, or hangs.
fn is_resting(vm: &Running, now: Instant) -> bool {
    let trouble = vm.swap_trouble.lock();
    trouble.as_ref().is_some_and(|trouble| trouble.rests_until.is_none_or(|until| now < until))
}

fn reclaim(vm: &Running, wanted: u64, clock: &Clock, journal: &Journal) -> Reclaimed {
    if is_resting(vm, clock.now()) {
        return Reclaimed::default();
    }
    let report = vm.memory.reclaim(PageCount(wanted));
    // As it is by now: it may have been found to hang.
    let before = vm.swap_trouble.lock().clone();
    match (&report.failure, before) {
        (Some(why), before) => {
            let trouble = SwapTrouble { why: why.clone(), rests_until: Some(clock.now() + REST) };
            *vm.swap_trouble.lock() = Some(trouble);
            if before.is_none_or(|before| before.why != *why) {
                journal.add(What::SwapFailed { vm: vm.name.clone(), why: why.clone() });
            }
        }
        (None, Some(_)) if report.swapped > 0 => {
            *vm.swap_trouble.lock() = None;
            journal.add(What::SwapWorks { vm: vm.name.clone() });
        }
        _ => {}
    }
    let mut taken = vm.taken.lock();
    taken.freed += report.freed;
    taken.zeroed += report.zeroed;
    taken.shared += report.shared;
    taken.compressed += report.compressed;
    taken.swapped += report.swapped;
    report
}
