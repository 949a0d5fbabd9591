//! What the memory loop knows of one running VM beyond what can be asked of it.
//!
//! **Model.** Once a second: the sample of pages is looked at, the balloon's driver judged, and what was
//! counted compared with the second before. A sample ends when the VM has run for `Mem.SamplePeriod`; or in
//! [`PATIENCE`] times that by the clock, since a VM that sleeps uses no memory and should not keep what it
//! used last for that reason.

use super::guest::GuestWatch;
use crate::clock::Clock;
use crate::guest::Guest;
use crate::visits::Visit;
use addr::{ByteSize, PAGE_SIZE, PageCount};
use devices::{BalloonReport, DriverState};
use machine::{MemoryCounts, Reclaimed, Sample, Sampled, Times, VmMemory};
use model::{Totals, What};
use sched::activity::{self, Activity};
use sched::balloon::{Conduct, Judge, Observation};
use sched::standstill::{LOADING_PATIENCE, Loading};
use sched::{Balloon, HostState, Pages, Settings, Slowdown, caches};
use std::sync::Arc;
use std::time::{Duration, Instant};
use vm::Statistics;

/// Sample periods by the clock after which a sample ends though the VM did not run for one.
const PATIENCE: u32 = 4;
/// What was counted in less time says nothing of a second.
const SHORTEST: Duration = Duration::from_millis(100);
/// A guest that took its balloon's cushion is asked for it again once the balloon has been the same for so long.
const CALM: Duration = Duration::from_secs(1);

/// One running VM.
pub(super) struct Watched {
    clock: Clock,
    pub(super) running: Visit,
    pub(super) activity: Activity,
    pub(super) writes: Activity,
    pub(super) judge: Judge,
    pub(super) balloon: Option<BalloonReport>,
    pub(super) guest: GuestWatch,
    pub(super) rates: Rates,
    /// What it counted when its overhead was measured last.
    pub(super) statistics: Option<Arc<Statistics>>,
    pub(super) slowdown: Slowdown,
    /// Frames it may hold before it waits, and since when.
    allowance: PageCount,
    allowed: Instant,
    zip_limit: PageCount,
    /// What each vCPU may keep of its caches.
    cache_room: Option<ByteSize>,
    sample: Option<Begun>,
    counted: Counted,
    troubled: bool,
    loading: Loading,
}

/// A sample that was begun.
struct Begun {
    pages: Sample,
    at: Instant,
    /// How long the VM had run by then.
    ran: Duration,
}

/// What was counted up to a moment.
#[derive(Clone, Copy)]
struct Counted {
    at: Instant,
    memory: MemoryCounts,
    times: Times,
}

impl Counted {
    fn now(clock: &Clock, memory: &VmMemory) -> Self {
        Self { at: clock.now(), memory: memory.counts(), times: memory.times().now() }
    }
}

/// What happened in the second before.
#[derive(Clone, Copy, Default)]
pub(super) struct Rates {
    pub(super) swap_in: ByteSize,
    pub(super) swap_out: ByteSize,
    pub(super) decompressed: ByteSize,
    pub(super) compressed: ByteSize,
    pub(super) scanned: ByteSize,
    /// Parts of the vCPUs' time, of the same stretch of it, which add up to 1.
    pub(super) running: f64,
    pub(super) idle: f64,
    pub(super) latency: f64,
    pub(super) waiting: f64,
}

impl Watched {
    pub(super) fn new(running: Visit, clock: &Clock) -> Self {
        let memory = &running.memory;
        let counted = Counted::now(clock, memory);
        Self {
            clock: clock.clone(),
            running,
            activity: Activity::default(),
            writes: Activity::default(),
            judge: Judge::default(),
            balloon: None,
            guest: GuestWatch::default(),
            rates: Rates::default(),
            statistics: None,
            slowdown: Slowdown::default(),
            allowance: PageCount(u64::MAX),
            allowed: clock.now(),
            zip_limit: PageCount(0),
            cache_room: None,
            sample: None,
            counted,
            troubled: false,
            loading: Loading::default(),
        }
    }

    /// Limits its vCPUs' caches as the host's state asks.
    pub(super) fn limit_caches(&mut self, state: HostState) {
        let room = caches::room(state, self.rates.latency + self.rates.waiting, self.cache_room);
        if room != self.cache_room
            && let Some(vm) = self.running.vm.get()
        {
            vm.limit_caches(room);
            self.cache_room = room;
        }
    }

    /// What is done once a second. `news` is told once the figures that go with it can be read.
    pub(super) fn second(&mut self, second: u64, settings: &Settings, news: &mut Vec<What>) {
        self.count();
        self.tell_slowdown(news);
        self.tell_taken(news);
        let Some(guest) = self.running.guest() else { return self.look_at_loading() };
        self.look_at_sample(guest.running_time(), settings);
        self.judge(&*guest, second, news);
        let Some(vm) = self.running.vm.get().cloned() else { return };
        // One that is paused can neither answer nor panic.
        if !vm.is_paused() {
            self.guest.second(&self.running, &vm, self.rates.latency + self.rates.waiting, news);
        }
        let trouble = vm.trouble();
        let told = std::mem::replace(&mut self.troubled, trouble.is_some());
        if let Some(trouble) = trouble.filter(|_| !told) {
            let what = format!(
                "CPU {} gets nowhere: exception {} at {:#x}, about {:#x}",
                trouble.cpu, trouble.cause, trouble.pc, trouble.value
            );
            news.push(What::VmTrouble { vm: self.running.name.clone(), what });
        }
    }

    /// Ends the loading of a guest that gets no memory because its swap file fails.
    fn look_at_loading(&mut self) {
        let failure = self.running.swap_failure();
        self.loading = self.loading.second(self.counted.memory.first_writes, failure.is_some());
        if self.loading.must_end() {
            let failure = failure.unwrap_or_else(|| "it works again".to_owned());
            self.running.fail(format!(
                "its guest got hardly any memory for {LOADING_PATIENCE} s, as what it holds cannot be swapped: {failure}"
            ));
        }
    }

    fn look_at_sample(&mut self, ran: Duration, settings: &Settings) {
        let memory = &self.running.memory;
        let period = Duration::from_secs(settings.sample_period.into());
        match self.sample.take() {
            Some(begun) if ran < begun.ran + period && self.clock.since(begun.at) < period * PATIENCE => {
                let seen = memory.look_at_sample(&begun.pages);
                self.activity = self.activity.so_far(touched(seen));
                self.writes = self.writes.so_far(written(seen));
                self.sample = Some(begun);
                return;
            }
            Some(begun) => {
                let seen = memory.end_sample(begun.pages);
                self.activity = self.activity.period(touched(seen));
                self.writes = self.writes.period(written(seen));
            }
            None => {}
        }
        let picks = (0..activity::SAMPLED_PAGES).map(|_| fastrand::u64(..memory.pmap().size().0));
        self.sample = Some(Begun { pages: memory.begin_sample(picks), at: self.clock.now(), ran });
    }

    fn judge(&mut self, guest: &dyn Guest, second: u64, news: &mut Vec<What>) {
        if guest.is_paused() {
            // Its driver cannot answer, and is none the worse for that.
            return;
        }
        let report = guest.balloon();
        let census = self.running.memory.census();
        let before = self.judge.conduct();
        // The cushion says nothing of the driver: it comes from memory that its guest has not used.
        let beyond = |pages| report.beyond_cushion(pages);
        self.judge = self.judge.observe(Observation {
            tick: second,
            asked: beyond(report.target),
            reported: (report.driver == DriverState::Present).then_some(beyond(report.actual)),
            given: beyond(census.ballooned),
            freed: census.balloon_freed,
        });
        fill_cushion(guest, &report, self.clock.now());
        self.guest.hear(&self.running, second, &report, &self.running.memory.census(), news);
        self.balloon = Some(report);
        let (old, new) = (before, self.judge.conduct());
        if old != new {
            news.push(What::BalloonJudged { vm: self.running.name.clone(), old, new });
        }
    }

    fn count(&mut self) {
        let now = Counted::now(&self.clock, &self.running.memory);
        let before = self.counted;
        if now.at < before.at + SHORTEST {
            return;
        }
        self.counted = now;
        let seconds = (now.at - before.at).as_secs_f64();
        let rate = |of: fn(&MemoryCounts) -> u64, unit: u64| {
            ByteSize(((of(&now.memory) - of(&before.memory)) as f64 * unit as f64 / seconds) as u64)
        };
        let times = now.times.since(&before.times);
        // A VM without a vCPU has no time.
        let part = |of: u64| of as f64 / times.total().max(1) as f64;
        self.rates = Rates {
            swap_in: rate(|counts| counts.swapped_in, PAGE_SIZE),
            swap_out: rate(|counts| counts.swapped_out, PAGE_SIZE),
            decompressed: rate(|counts| counts.decompressed, PAGE_SIZE),
            compressed: rate(|counts| counts.compressed, PAGE_SIZE),
            scanned: rate(|counts| counts.scanned_bytes, 1),
            running: part(times.running),
            idle: part(times.idle),
            latency: part(times.latency),
            waiting: part(times.waiting),
        };
        if self.is_paused() {
            // It has no time meanwhile, whatever its vCPUs were about.
            let rates = &mut self.rates;
            (rates.running, rates.idle, rates.latency, rates.waiting) = (0.0, 0.0, 0.0, 0.0);
        }
    }

    /// What was counted since it was started.
    pub(super) fn totals(&self) -> Totals {
        let in_workers = self.running.vm.get().map(|vm| vm.worker_time()).unwrap_or_default();
        totals_of(&self.counted.memory, &self.counted.times, in_workers)
    }

    /// Measures what it costs and counts; each of its harts gives up its lock for that.
    pub(super) fn visit(&mut self) {
        if let Some(vm) = self.running.vm.get() {
            let statistics = vm.statistics();
            self.running.note_overhead(vm.overhead_beside_caches());
            self.statistics = Some(Arc::new(statistics));
        }
    }

    /// Says when waiting for memory begins to slow it, and when that is over.
    fn tell_slowdown(&mut self, news: &mut Vec<What>) {
        let before = self.slowdown;
        self.slowdown = before.second(self.rates.latency + self.rates.waiting);
        let vm = || self.running.name.clone();
        match (before.slowed, self.slowdown.slowed) {
            (false, true) => news.push(What::VmSlowed { vm: vm(), waits: self.slowdown.waits }),
            (true, false) => news.push(What::VmNotSlowed { vm: vm() }),
            _ => {}
        }
    }

    /// Says what was taken since it was said last.
    fn tell_taken(&self, news: &mut Vec<What>) {
        let taken = std::mem::take(&mut *self.running.taken.lock());
        if taken == Reclaimed::default() {
            return;
        }
        let bytes = |pages: u64| PageCount(pages).bytes();
        news.push(What::Reclaimed {
            vm: self.running.name.clone(),
            freed_bytes: bytes(taken.freed),
            zeroed_bytes: bytes(taken.zeroed),
            shared_bytes: bytes(taken.shared),
            compressed_bytes: bytes(taken.compressed),
            swapped_bytes: bytes(taken.swapped),
        });
    }

    /// Pages in use lately.
    pub(super) fn active(&self, settings: &Settings, pages: &Pages) -> PageCount {
        self.activity.estimate(settings.sample_active_percent_min).of(usable(pages))
    }

    /// Pages written lately.
    pub(super) fn active_write(&self, settings: &Settings, pages: &Pages) -> PageCount {
        self.writes.estimate(settings.sample_dirtied_percent_min).of(usable(pages))
    }

    /// What can be expected of its balloon, given its cap.
    pub(super) fn balloon(&self, cap: Option<PageCount>) -> Balloon {
        if self.is_paused() {
            let cushion = PageCount(0);
            return Balloon { conduct: Conduct::Absent, rate: PageCount(0), yields: None, cap, cushion };
        }
        Balloon {
            conduct: self.judge.conduct(),
            rate: self.judge.rate(),
            yields: self.judge.yields(),
            cap,
            cushion: self.balloon.as_ref().map_or(PageCount(0), |report| report.cushion),
        }
    }

    pub(super) fn set_balloon_target(&self, target: PageCount) {
        if let Some(guest) = self.running.guest()
            && !guest.is_paused()
            && self.balloon.as_ref().is_some_and(|report| report.target != target)
        {
            guest.set_balloon_target(target);
        }
    }

    /// Whether it waits for a frame, while its guest is loaded or runs.
    pub(super) fn waits(&self) -> bool {
        self.running.guest().map_or_else(|| self.running.memory.waits_for_frames(), |guest| guest.waits())
    }

    fn is_paused(&self) -> bool {
        self.running.guest().is_some_and(|guest| guest.is_paused())
    }

    pub(super) fn set_zip_limit(&mut self, limit: PageCount) {
        if std::mem::replace(&mut self.zip_limit, limit) != limit {
            self.running.memory.set_zip_limit(limit);
        }
    }

    /// Frames it may hold before it waits, and how long ago that was set.
    pub(super) fn allowance(&self) -> (PageCount, Duration) {
        (self.allowance, self.clock.since(self.allowed))
    }

    pub(super) fn set_allowance(&mut self, allowance: PageCount) {
        self.allowed = self.clock.now();
        if std::mem::replace(&mut self.allowance, allowance) != allowance {
            self.running.memory.set_allowance(allowance);
        }
    }

    /// Frames it holds beyond what it may.
    pub(super) fn excess(&self) -> PageCount {
        PageCount(self.running.memory.held().0.saturating_sub(self.allowance.0))
    }
}

/// The pages that samples are taken of: all but those in the balloon.
fn usable(pages: &Pages) -> PageCount {
    PageCount(pages.sum().0.saturating_sub(pages.ballooned.0))
}

fn touched(seen: Sampled) -> activity::Sample {
    activity::Sample { touched: seen.touched, sampled: seen.watched }
}

fn written(seen: Sampled) -> activity::Sample {
    activity::Sample { touched: seen.written, sampled: seen.watched }
}

/// Asks a guest that ran out of memory, and took its balloon's cushion, for that again once it is over.
fn fill_cushion(guest: &dyn Guest, report: &BalloonReport, now: Instant) {
    if report.held < report.cushion
        && report.held_changed.is_some_and(|at| now.saturating_duration_since(at) >= CALM)
    {
        guest.set_balloon_target(report.target.max(report.cushion));
    }
}

/// What was counted of a VM, in the units that people read.
fn totals_of(counts: &MemoryCounts, times: &Times, in_devices: Duration) -> Totals {
    let seconds = |nanoseconds: u64| Duration::from_nanos(nanoseconds).as_secs_f64();
    let bytes = |pages: u64| PageCount(pages).bytes();
    Totals {
        running_seconds: seconds(times.running),
        idle_seconds: seconds(times.idle),
        worker_seconds: in_devices.as_secs_f64(),
        latency_seconds: seconds(times.latency),
        waiting_seconds: seconds(times.waiting),
        waits: counts.stalls,
        swap_in_bytes: bytes(counts.swapped_in),
        read_ahead_bytes: bytes(counts.read_ahead),
        swap_out_bytes: bytes(counts.swapped_out),
        compress_bytes: bytes(counts.compressed),
        decompress_bytes: bytes(counts.decompressed),
        scanned_bytes: ByteSize(counts.scanned_bytes),
        joined_bytes: bytes(counts.shared),
        zeroed_bytes: bytes(counts.zeroed),
        broken_bytes: bytes(counts.shares_broken + counts.zeros_broken),
        first_written_bytes: bytes(counts.first_writes),
        popped_bytes: bytes(counts.balloon_pops),
        watches_noticed: counts.watches_noticed,
        shoot_downs: counts.shoot_downs,
        shoot_down_seconds: seconds(counts.shoot_down_nanoseconds),
    }
}
