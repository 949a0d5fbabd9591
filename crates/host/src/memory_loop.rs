//! The loop that measures, plans and applies.
//!
//! **Model.** One thread, and one that takes what it decided ([`taker`]).
//!
//! ```text
//!   sleep until: a second is over | a plan is due | the bell rings
//!      every second:  samples, balloons, rates, overhead  -->  HostStatus, for everybody to read
//!                     the host's state
//!      when due:      measure --> Snapshot --> sched::plan --> targets, allowances; an event
//!                                                          '-> order --> taker
//! ```
//!
//! A plan is due every `Mem.BalancePeriod`; at once when a VM comes or goes or something is set, when free
//! memory falls below a threshold, and when somebody waits for memory; and every so often while memory is
//! short, as what is being taken comes in, and while balloons are given back, as memory lasts.
//!
//! **Concurrency.** The loop waits for no disk and takes no memory itself. It keeps no VM alive beyond a turn.
//!
//! **Failure.** Whatever a VM or a disk does, the loop goes on. An assertion that fails in it is told as an event, and
//! the loop begins anew with what it can measure.

mod apply;
mod guest;
mod limit;
mod pages;
mod report;
mod taker;
mod takings;
mod telling;
mod watched;

use crate::core::Core;
use crate::process;
use crate::restart::guest_panicked;
use crate::visits::Visit;
use crate::wakeup::Reasons;
use addr::{PageCount, VmId};
use limit::Limit;
use machine::FrameUse;
use model::{LoopStatus, StateSeconds, Trigger, What};
use sandbox::Kind;
use sched::standstill::{self, Standstill};
use sched::{GuestState, HostState, Pace, Plan, Snapshot, Thresholds, next_state, plan};
use std::collections::{BTreeMap, BTreeSet};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};
use telling::Telling;
use watched::Watched;

pub(crate) use report::before_anything;
pub(crate) use taker::{Taker, start as start_taker};

/// The VMs that are watched, by their numbers.
type Vms = BTreeMap<VmId, Watched>;

const SECOND: Duration = Duration::from_secs(1);
/// Time between two plans that the bell rings for.
const LEAST_BETWEEN: Duration = Duration::from_millis(5);
/// Seconds after which the process gives back what it does not need.
const GIVES_BACK: u64 = 10;
/// The same where memory is short.
const GIVES_BACK_IF_SHORT: u64 = 5;
/// Lateness worth an event.
const LATE: Duration = Duration::from_secs(1);

/// The loop's own.
struct MemoryLoop {
    core: Arc<Core>,
    vms: Vms,
    state: HostState,
    plan: Option<Plan>,
    status: LoopStatus,
    /// What the process takes beside the pool by Linux's count, if all of it is the host's.
    beside_pool: Option<PageCount>,
    /// What the host itself took of it when the process gave back last what it did not need.
    own_before_giving_back: PageCount,
    limit: Limit,
    state_since: Instant,
    /// How many changes were made before it was planned last.
    changes: u64,
    free_disk: PageCount,
    /// What was ballooned at the last plan, if it gave balloons back.
    giving_back: Option<PageCount>,
    /// What the pool's bell was set to.
    mark: Option<PageCount>,
    second: u64,
    next_second: Instant,
    next_plan: Instant,
    last_plan: Instant,
    trigger: Trigger,
    telling: Telling,
    standstill: Standstill,
    state_seconds: StateSeconds,
    /// Until when they were counted.
    counted: Instant,
}

/// What the loop's thread does, until the host shuts down.
pub(crate) fn run(core: &Arc<Core>) {
    sandbox::keep_to(Kind::Memory);
    while !core.wakeup.is_stopping() {
        tell_panics(core, "in the memory loop", || MemoryLoop::new(Arc::clone(core)).turn_until_stopped());
    }
    core.pool.set_bell(PageCount(0), None);
}

/// Does `work`; if it panics, tells that as an event, and waits a little.
pub(crate) fn tell_panics(core: &Core, place: &str, work: impl FnOnce()) {
    if let Err(panic) = catch_unwind(AssertUnwindSafe(work)) {
        let said = panic.downcast_ref::<String>().map(String::as_str);
        let said = said.or_else(|| panic.downcast_ref::<&str>().copied()).unwrap_or("unknown");
        core.journal.add(What::InternalError { place: place.to_owned(), message: said.to_owned() });
        std::thread::sleep(SECOND);
    }
}

impl MemoryLoop {
    fn new(core: Arc<Core>) -> Self {
        let now = core.clock.now();
        // One that begins anew counts on.
        let before = core.measured();
        Self {
            beside_pool: None,
            own_before_giving_back: PageCount(0),
            limit: Limit::default(),
            core,
            vms: Vms::new(),
            state: HostState::High,
            plan: None,
            status: before.status.memory_loop,
            state_since: now,
            changes: 0,
            free_disk: PageCount(0),
            giving_back: None,
            mark: None,
            second: 0,
            next_second: now,
            next_plan: now,
            last_plan: now,
            trigger: Trigger::Change,
            telling: Telling::default(),
            standstill: Standstill::default(),
            state_seconds: before.status.state_seconds,
            counted: now,
        }
    }

    fn turn_until_stopped(&mut self) {
        loop {
            let until = self.due();
            let reasons = self.core.wakeup.wait(until);
            if self.core.wakeup.is_stopping() {
                return;
            }
            self.note_lag(until);
            self.turn(reasons);
        }
    }

    /// When something is to be done if nothing happens before.
    fn due(&self) -> Instant {
        self.next_second.min(self.next_plan)
    }

    /// Does what is due, and what `reasons` there are for.
    fn turn(&mut self, reasons: Reasons) {
        if reasons.shortage {
            self.status.shortages += 1;
            // Where all that can be is being taken already, planning would only take time from it.
            if !self.core.taker.is_at_work() || self.is_paced() {
                self.plan_by(self.last_plan + LEAST_BETWEEN, Trigger::Shortage);
            }
        }
        if reasons.change {
            self.follow_inventory();
            self.plan_by(self.core.clock.now(), Trigger::Change);
        }
        if reasons.taken {
            // What came in may be enough, or somebody else may have taken it.
            self.plan_by(self.last_plan + 4 * LEAST_BETWEEN, Trigger::Progress);
        }
        if self.core.clock.now() >= self.next_second {
            self.each_second();
        }
        if self.core.clock.now() >= self.next_plan {
            self.make_plan();
        }
    }

    /// Whether memory is taken more slowly than it could be.
    fn is_paced(&self) -> bool {
        self.plan.as_ref().is_none_or(|plan| plan.host.pace != Pace::Unlimited)
    }

    fn plan_by(&mut self, when: Instant, trigger: Trigger) {
        if when < self.next_plan {
            self.next_plan = when;
            self.trigger = trigger;
        }
    }

    fn note_lag(&mut self, until: Instant) {
        let lag = self.core.clock.now().saturating_duration_since(until);
        self.status.lag_microseconds = lag.as_micros() as u64;
        self.status.worst_lag_microseconds =
            self.status.worst_lag_microseconds.max(self.status.lag_microseconds);
        if lag >= LATE {
            self.core.journal.add(What::LoopLate { milliseconds: lag.as_millis() as u64 });
        }
    }

    /// Watches the VMs that run, and no others.
    fn follow_inventory(&mut self) {
        let running: Vec<Visit> =
            self.core.inventory.lock().running().filter_map(|(_, running)| running.visit()).collect();
        let ids: BTreeSet<VmId> = running.iter().map(|running| running.id).collect();
        self.vms.retain(|id, _| ids.contains(id));
        for running in running {
            // One that was restarted is watched anew.
            if self.vms.get(&running.id).is_none_or(|watched| !watched.running.is(&running)) {
                self.vms.insert(running.id, Watched::new(running, &self.core.clock));
            }
        }
    }

    fn each_second(&mut self) {
        let now = self.core.clock.now();
        // After a long delay the seconds missed are not made up for: there is nothing to measure in no time.
        self.next_second += SECOND;
        if self.next_second <= now {
            self.next_second = now + SECOND;
        }
        self.second += 1;
        self.follow_inventory();
        self.free_disk = self.core.free_disk_seen();
        let settings = self.core.inventory.lock().settings.clone();
        let mut news = Vec::new();
        for watched in self.vms.values_mut() {
            let before = watched.guest.state();
            watched.second(self.second, &settings, &mut news);
            if before != GuestState::Panicked && watched.guest.state() == GuestState::Panicked {
                guest_panicked(&self.core, &watched.running.name);
            }
            watched.limit_caches(self.state);
        }
        if self.second.is_multiple_of(guest::ASKED_EVERY) {
            self.ask_guests();
        }
        self.measure_overhead();
        self.count_state();
        let (mut snapshot, usage) = self.measure();
        self.look_at_disks();
        self.look_at_takings(&snapshot);
        self.judge(&mut snapshot);
        self.publish(snapshot, &usage);
        for what in news {
            self.core.journal.add(what);
        }
    }

    /// Judges how short the host is by what was measured this second, and has it planned if that is something else.
    fn judge(&mut self, snapshot: &mut Snapshot) {
        let state = next_state(self.state, snapshot.host.free, &thresholds(snapshot));
        snapshot.host.state = state;
        let untold = self.telling.lags_behind(state) && self.core.clock.since(self.state_since) >= SECOND;
        if state != self.state || untold {
            self.enter(state);
            self.plan_by(self.core.clock.now(), Trigger::Progress);
        }
    }

    fn enter(&mut self, state: HostState) {
        if std::mem::replace(&mut self.state, state) != state {
            self.state_since = self.core.clock.now();
            self.telling.note_change();
        }
    }

    /// Measures what some VMs cost, in turn, and what the process takes, and sets as much of the pool aside.
    fn measure_overhead(&mut self) {
        /// VMs measured in a second: each of their harts gives up its lock for that.
        const AT_ONCE: usize = 32;
        let count = self.vms.len();
        let first = (self.second as usize * AT_ONCE) % count.max(1);
        let is_due = |at: usize| (at + count - first) % count < AT_ONCE;
        let due = || self.vms.values().enumerate().filter(|(at, _)| is_due(*at));
        let vms: Vec<_> = due().filter_map(|(_, watched)| watched.running.vm.get().cloned()).collect();
        // All are asked before the first is waited for.
        let mut gathered: BTreeMap<VmId, _> = vms.iter().map(|vm| (vm.memory().id(), vm.gather())).collect();
        for (_, watched) in self.vms.values_mut().enumerate().filter(|(at, _)| is_due(*at)) {
            watched.visit();
            gathered.remove(&watched.running.id);
        }
        drop(gathered);
        self.measure_own_overhead();
        // Frames that came free while there was a deficit.
        self.core.pool.set_aside();
    }

    /// Measures what the process takes beside the pool, and has what no VM takes of it charged.
    fn measure_own_overhead(&mut self) {
        let of_vms: u64 = self.vms.values().map(|watched| watched.running.overhead_measured().0).sum();
        self.beside_pool =
            process::beside_pool().filter(|_| self.core.is_whole_process.load(Ordering::Relaxed));
        let beside_pool = self.beside_pool.unwrap_or_default();
        let own = PageCount(beside_pool.0.saturating_sub(of_vms + self.core.loading().0));
        // The program takes again at once what it needs of what it gives back.
        self.core.note_own_overhead(own.max(self.own_before_giving_back), self.limit.look(&self.core));
        let is_short = matches!(self.state, HostState::Hard | HostState::Low);
        // In the first second, what only a start needs goes before guests are loaded.
        if self.second == 1
            || self.second.is_multiple_of(if is_short { GIVES_BACK_IF_SHORT } else { GIVES_BACK })
        {
            self.own_before_giving_back = own;
            self.core.give_back_heap();
            if self.beside_pool.is_some() {
                machine::program::give_back();
            }
        }
    }

    /// The host as it is now.
    fn measure(&self) -> (Snapshot, FrameUse) {
        let mut snapshot = self.core.books(&self.core.inventory.lock(), self.free_disk);
        snapshot.host.state = self.state;
        snapshot.host.overhead.0 += self.core.loading().0;
        let (usage, mut pages) = pages::measured(&self.core.pool, &self.vms);
        snapshot.host.free = usage.available();
        for vm in &mut snapshot.vms {
            let Some(watched) = self.vms.get(&vm.id) else { continue };
            vm.pages = pages.remove(&watched.running.id).unwrap_or_default();
            vm.active = watched.active(&snapshot.host.settings, &vm.pages);
            vm.balloon = watched.balloon(vm.balloon.cap);
            vm.slowdown = watched.slowdown;
            vm.waits = watched.waits();
            vm.swap_fails = watched.running.swap_failure().is_some();
        }
        (snapshot, usage)
    }

    /// Counts the time since it was counted last as spent in the state there was.
    fn count_state(&mut self) {
        let now = self.core.clock.now();
        self.state_seconds.add(self.state, now - self.counted);
        self.counted = now;
    }

    fn make_plan(&mut self) {
        let start = self.core.clock.now();
        self.changes = self.core.wakeup.changes();
        let (mut snapshot, usage) = self.measure();
        snapshot.host.may_recover = false;
        let planned = match plan(&snapshot) {
            Ok(planned) => planned,
            Err(why) => {
                let place = "in the memory loop".to_owned();
                self.core.journal.add(What::InternalError { place, message: format!("no plan: {why}") });
                self.next_plan = start + SECOND;
                return;
            }
        };
        self.count_state();
        self.enter(planned.host.state);
        self.apply(&snapshot, &planned);
        let took = self.core.clock.since(start);
        self.status.plans += 1;
        self.status.plan_microseconds = took.as_micros() as u64;
        self.last_plan = self.core.clock.now();
        let gives_back = self.goes_on_giving_back(&snapshot, &planned);
        let in_progress = gives_back || planned.host.sums.for_limits.0 > 0;
        self.next_plan = self.last_plan + self.until_next_plan(&snapshot, in_progress);
        self.tell(&snapshot, &planned);
        let carries_on = self.state.actions().reclaim || in_progress;
        let trigger = if carries_on { Trigger::Progress } else { Trigger::Period };
        let is_for_change = std::mem::replace(&mut self.trigger, trigger) == Trigger::Change;
        self.plan = Some(planned);
        if is_for_change {
            // Whoever made it may ask what became of it.
            snapshot.host.may_recover = true;
            self.judge(&mut snapshot);
            self.publish(snapshot, &usage);
        }
    }

    /// Whether balloons are being given back, and are smaller than when they were at the plan before.
    fn goes_on_giving_back(&mut self, snapshot: &Snapshot, planned: &Plan) -> bool {
        let ballooned = PageCount(snapshot.vms.iter().map(|vm| vm.pages.ballooned.0).sum());
        let gives_back = planned.gives_back(snapshot);
        let before = std::mem::replace(&mut self.giving_back, gives_back.then_some(ballooned));
        gives_back && before.is_none_or(|before| ballooned < before)
    }

    /// Asks guests what they say of their own memory.
    fn ask_guests(&self) {
        let vms = self.vms.values().filter_map(|watched| watched.running.vm.get());
        vms.for_each(|vm| vm.balloon().request_statistics());
    }

    /// How long a plan is good for if nothing happens.
    fn until_next_plan(&self, snapshot: &Snapshot, in_progress: bool) -> Duration {
        match self.state {
            HostState::High | HostState::Clear if !self.core.taker.is_at_work() && !in_progress => {
                Duration::from_secs(snapshot.host.settings.balance_period.into())
            }
            HostState::High | HostState::Clear | HostState::Soft => SECOND,
            HostState::Hard | HostState::Low => SECOND / 10,
        }
    }

    /// VMs whose disks hang are left alone, and the others go on being taken from.
    fn look_at_disks(&mut self) {
        let hanging = self.core.taker.replace_hanging(&self.core);
        let mut news = Vec::new();
        for watched in self.vms.values() {
            let running = &watched.running;
            let why = running.note_hanging(hanging.contains(&*running.swap_dir));
            news.extend(why.map(|why| What::SwapFailed { vm: running.name.clone(), why }));
        }
        if !news.is_empty() {
            self.plan_by(self.core.clock.now(), Trigger::Progress);
        }
        for what in news {
            self.core.journal.add(what);
        }
    }

    /// What the taker brought in this second. When memory is out and nobody gives any, because swap files
    /// fail, one of their VMs must end for the others.
    fn look_at_takings(&mut self, snapshot: &Snapshot) {
        let progress = self.core.taker.progress();
        self.status.longest_slice_microseconds = progress.longest.as_micros() as u64;
        let second = standstill::Second {
            tick: self.second,
            free: snapshot.host.free,
            freed: progress.freed,
            waited_for: snapshot.vms.iter().any(|vm| vm.waits && !vm.swap_fails),
        };
        self.standstill = std::mem::take(&mut self.standstill).second(second, &thresholds(snapshot));
        self.status.standstill_seconds = self.standstill.seconds();
        let Some(plan) = self.plan.as_ref().filter(|_| self.status.standstill_seconds > 0) else { return };
        let failing = self.vms.values().filter_map(|watched| {
            let running = &watched.running;
            Some((running.id, running, running.swap_failure()?))
        });
        let failing: Vec<_> = failing.collect();
        if self.status.standstill_seconds == standstill::PATIENCE / 2 {
            self.core.journal.add(What::MemoryStandsStill {
                seconds: self.status.standstill_seconds,
                failing: failing.iter().map(|(_, running, _)| running.name.clone()).collect(),
            });
        }
        let must_end = self.standstill.who_must_end(plan, failing.iter().map(|(id, ..)| *id));
        let Some((_, running, why)) = failing.iter().find(|(id, ..)| Some(*id) == must_end) else { return };
        running.fail(format!("memory is out, and what it holds cannot be swapped: {why}"));
        self.standstill = Standstill::default();
    }
}

fn thresholds(snapshot: &Snapshot) -> Thresholds {
    Thresholds::new(snapshot.host.memory, u64::from(snapshot.host.settings.min_free_percent))
}

#[cfg(test)]
mod simulation;
#[cfg(test)]
mod tests;
