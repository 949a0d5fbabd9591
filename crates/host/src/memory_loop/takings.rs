//! Carrying out what a plan says to take from VMs without their help, a slice at a time.
//!
//! **Model.** VMs are in the plan's order, the lowest price first. A slice takes some frames from the first, as
//! many as take a few milliseconds; afterwards the loop looks around. What a VM cannot give, those after it are asked for, as far
//! as they are over their targets. Takings end early when enough is free.
//!
//! The pace is kept by an allowance of frames that grows with time. A VM that is held up by its limit is
//! served at once: it is the one that waits.
//!
//! **Failure.** A VM whose swap file fails is left alone for [`REST`] and the others go on.

use super::watched::Watched;
use crate::event::What;
use crate::journal::Journal;
use addr::PageCount;
use machine::{Reclaimed, VmId};
use sched::{Pace, Plan, Why};
use std::collections::{BTreeMap, VecDeque};
use std::ops::RangeInclusive;
use std::time::{Duration, Instant};

/// Frames taken before the loop looks around: as many as take about [`SLICE_TIME`], within these bounds. The
/// time is mostly the disk's.
const SLICES: RangeInclusive<u64> = 16..=1024;
const SLICE_TIME: Duration = Duration::from_millis(4);
/// How long a failing swap file is left alone.
const REST: Duration = Duration::from_secs(1);
/// What may be taken at once after a time in which nothing was.
const MOST_SAVED_UP: Duration = Duration::from_millis(100);

/// The VMs that are watched, by their numbers.
pub(super) type Vms = BTreeMap<VmId, Watched>;

/// What is still to be taken.
pub(super) struct Takings {
    queue: VecDeque<Taking>,
    /// VMs over their targets and by how much beyond what they are asked for, in the plan's order.
    further: VecDeque<(VmId, u64)>,
    pace: Pace,
    budget: u64,
    filled: Instant,
    /// Frames in a slice.
    slice: u64,
}

struct Taking {
    id: VmId,
    left: u64,
    /// For its limit: to be taken however much is free.
    for_limit: bool,
    /// It waits for this.
    urgent: bool,
}

/// What a slice did.
pub(super) struct Slice {
    pub(super) freed: u64,
    pub(super) took: Duration,
}

fn machine_id(id: sched::VmId) -> VmId {
    VmId(id.0 as u32)
}

impl Takings {
    pub(super) fn none() -> Self {
        Self {
            queue: VecDeque::new(),
            further: VecDeque::new(),
            pace: Pace::Unlimited,
            budget: 0,
            filled: Instant::now(),
            slice: 64,
        }
    }

    /// Begins to carry out `plan`, in place of whatever was left of the one before.
    pub(super) fn begin(&mut self, plan: &Plan, vms: &Vms) {
        self.pace = plan.host.pace;
        self.queue.clear();
        self.further.clear();
        for &id in &plan.order {
            let Some(planned) = plan.vm(id) else { continue };
            let Some(watched) = vms.get(&machine_id(id)) else { continue };
            let reclaim = planned.reclaim;
            let for_limit = reclaim.why == Why::OverLimit;
            // A VM that waits may be unable to serve its balloon.
            let urgent = for_limit && watched.is_held_up();
            let left = reclaim.out_take.0 + if urgent { reclaim.balloon_take.0 } else { 0 };
            if left > 0 {
                self.queue.push_back(Taking { id: machine_id(id), left, for_limit, urgent });
            }
            self.further.push_back((machine_id(id), reclaim.over.0.saturating_sub(left)));
        }
    }

    pub(super) fn is_empty(&self) -> bool {
        self.queue.is_empty()
    }

    /// Whether it is taken more slowly than it could be.
    pub(super) fn is_paced(&self) -> bool {
        matches!(self.pace, Pace::PerSecond(_))
    }

    /// When the next slice may be taken; `None` if there is nothing to take.
    pub(super) fn ready_at(&self) -> Option<Instant> {
        let first = self.queue.front()?;
        Some(match self.pace {
            Pace::PerSecond(pages) if !first.urgent && self.budget == 0 => {
                self.filled + Duration::from_secs_f64(self.slice as f64 / pages.0.max(1) as f64)
            }
            _ => Instant::now(),
        })
    }

    fn fill_budget(&mut self) {
        let Pace::PerSecond(pages) = self.pace else { return };
        let since = self.filled.elapsed().min(MOST_SAVED_UP);
        let more = (pages.0 as f64 * since.as_secs_f64()) as u64;
        if more > 0 {
            self.budget = self.budget.saturating_add(more).min(pages.0);
            self.filled = Instant::now();
        }
    }

    /// Takes a slice, if it is time. `enough`: no more is needed but for limits.
    pub(super) fn slice(&mut self, vms: &mut Vms, enough: bool, journal: &Journal) -> Option<Slice> {
        if enough {
            self.queue.retain(|taking| taking.for_limit);
        }
        self.fill_budget();
        let first = self.queue.front_mut()?;
        let paced = matches!(self.pace, Pace::PerSecond(_)) && !first.urgent;
        let most = if paced { self.budget } else { u64::MAX };
        let wanted = first.left.min(self.slice).min(most);
        if wanted == 0 {
            return None;
        }
        let Some(watched) = vms.get_mut(&first.id) else {
            self.give_up();
            return None;
        };
        let start = Instant::now();
        let report = reclaim(watched, wanted, journal);
        if paced {
            self.budget -= wanted.min(self.budget);
        }
        first.left = first.left.saturating_sub(report.freed);
        if first.left == 0 {
            self.queue.pop_front();
        } else if report.freed == 0 && !report.unfinished || report.failure.is_some() {
            self.give_up();
        }
        let took = start.elapsed();
        let next = if took > SLICE_TIME { self.slice / 2 } else { self.slice + self.slice / 4 };
        self.slice = next.clamp(*SLICES.start(), *SLICES.end());
        Some(Slice { freed: report.freed, took })
    }

    /// The first VM cannot give what is left: those after it are asked.
    fn give_up(&mut self) {
        let Some(Taking { id, mut left, for_limit, .. }) = self.queue.pop_front() else { return };
        self.further.retain(|further| further.0 != id);
        if for_limit {
            return;
        }
        for (id, over) in &mut self.further {
            let more = left.min(*over);
            if more > 0 {
                self.queue.push_back(Taking { id: *id, left: more, for_limit: false, urgent: false });
                *over -= more;
                left -= more;
            }
        }
    }
}

fn reclaim(watched: &mut Watched, wanted: u64, journal: &Journal) -> Reclaimed {
    if watched.swap_rests_until.is_some_and(|until| Instant::now() < until) {
        return Reclaimed::default();
    }
    let report = watched.running.memory.reclaim(PageCount(wanted));
    let vm = || watched.running.name.clone();
    let mut failure = watched.running.swap_failure.lock();
    watched.swap_rests_until = report.failure.is_some().then(|| Instant::now() + REST);
    match &report.failure {
        Some(why) if failure.as_ref() != Some(why) => {
            journal.add(What::SwapFailed { vm: vm(), why: why.clone() });
            *failure = Some(why.clone());
        }
        None if failure.is_some() && report.swapped > 0 => {
            journal.add(What::SwapWorks { vm: vm() });
            *failure = None;
        }
        _ => {}
    }
    drop(failure);
    let taken = &mut watched.taken;
    taken.freed += report.freed;
    taken.zeroed += report.zeroed;
    taken.shared += report.shared;
    taken.compressed += report.compressed;
    taken.swapped += report.swapped;
    report
}
