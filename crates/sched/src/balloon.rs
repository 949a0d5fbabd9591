//! What can be expected of a balloon driver, judged by what it did.
//!
//! **Model.** Once a tick (a second) the host notes what it asked for, what the driver says it holds,
//! and how many pages it really gave up. [`Judge`] folds these into a [`Conduct`] and a rate:
//!
//! ```text
//! absent --driver answers--> untried --gives pages--> working <--> slow
//!                               |                        |
//!                               +------- gives nothing, or claims what it did not give
//!                                                        v
//!            probation <--after a wait-- stuck, lying
//!                |
//!                +-- gives the probe --> working      +-- fails --> stuck, lying: the wait doubles
//! ```
//!
//! A driver that is stuck or lying is passed over: it keeps what it gave and is asked for nothing, and
//! the plan takes from the same VM by zip and swap. So its conduct changes how that VM is reclaimed
//! from, never how much, and no other VM's target moves. Each failure doubles the wait until it is
//! asked again, and only a long time without failure shortens it: a driver that is good now and then is
//! asked ever less often.
//!
//! **Not here.** Pages that the guest takes back are counted as not given by whoever fills in
//! [`Observation::given`].

use addr::{ByteSize, PageCount};
use serde::{Deserialize, Serialize};
use std::fmt;
use utoipa::ToSchema;

/// How a balloon driver has conducted itself.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Default, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum Conduct {
    /// No driver has answered.
    #[default]
    Absent,
    /// There is a driver, and it has given nothing yet: it was not asked, or only just now.
    Untried,
    /// It gives what it is asked for.
    Working,
    /// It gives, but less than [`SLOW`] pages a second.
    Slow,
    /// It gives nothing more, though asked.
    Stuck,
    /// It claims to hold pages that it did not give up.
    Lying,
    /// It failed before, and is asked for [`PROBE`] pages to see whether it does better now.
    Probation,
}

impl fmt::Display for Conduct {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

/// What was seen in one tick.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Observation {
    /// When, in seconds of any clock that does not go back.
    pub tick: u64,
    /// The size the balloon was asked to have.
    pub asked: PageCount,
    /// The size the driver reports; `None` while there is no driver.
    pub reported: Option<PageCount>,
    /// Pages it has given up, as the host's own books have it.
    pub given: PageCount,
    /// Of these, pages that had content.
    pub freed: PageCount,
}

/// Pages a second from which on a driver is not slow: 4 MiB.
pub const SLOW: PageCount = ByteSize::mib(4).pages();
/// Pages a second expected of a driver that was not tried yet: 16 MiB.
pub const UNTRIED_RATE: PageCount = ByteSize::mib(16).pages();
/// Pages a driver on probation is asked for, and the least that any other is: 4 MiB. Less would prove
/// nothing.
pub const PROBE: PageCount = ByteSize::mib(4).pages();
/// Pages that may be on their way, and differences that do not count: one message of the device.
const SLACK: u64 = 256;
const _: () = assert!(PROBE.0 > 2 * SLACK);
/// Seconds without a page given before a driver is stuck.
const PATIENCE: u64 = 10;
/// Seconds in a row in which a driver claims too much before it is lying.
const DOUBT: u64 = 3;
/// Seconds that a driver is passed over after a failure: at first, and at most.
const FIRST_WAIT: u64 = 60;
const LONGEST_WAIT: u64 = 3600;
/// Seconds without failure after which the next wait is half as long.
const FORGIVEN_AFTER: u64 = 7200;
/// Pages that count half for what part of them has content once as many more were given: 4 MiB.
const YIELD_MEMORY: PageCount = ByteSize::mib(4).pages();
/// The rate is an average in which the last second counts for one part in so many.
const RATE_MEMORY: u64 = 4;

impl Conduct {
    /// Pages the balloon can be counted on to give within `seconds` at `rate` pages a second.
    pub fn gives_within(self, rate: PageCount, seconds: u64) -> PageCount {
        match self {
            Self::Untried | Self::Working | Self::Slow => {
                PageCount(rate.0.saturating_mul(seconds)).max(PROBE)
            }
            Self::Probation => PROBE,
            Self::Absent | Self::Stuck | Self::Lying => PageCount(0),
        }
    }

    /// The word for it.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Absent => "absent",
            Self::Untried => "untried",
            Self::Working => "working",
            Self::Slow => "slow",
            Self::Stuck => "stuck",
            Self::Lying => "lying",
            Self::Probation => "on probation",
        }
    }
}

/// The history of one driver, in brief. Fold it over [`Observation`]s in the order of their ticks.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Judge {
    conduct: Conduct,
    rate: u64,
    last: Option<Observation>,
    /// When it last gave a page, or was not asked for any.
    progress: u64,
    /// Since when it claims more than it gave.
    doubted: Option<u64>,
    /// When it last failed, and how long it is passed over for that.
    failed: u64,
    wait: u64,
    /// What it had given when probation began.
    probed_from: u64,
    /// What part of the pages it gave had content, in thousandths.
    yields: Option<u64>,
}

impl Judge {
    /// The verdict so far.
    pub const fn conduct(&self) -> Conduct {
        self.conduct
    }

    /// Pages a second it gives.
    pub const fn rate(&self) -> PageCount {
        PageCount(self.rate)
    }

    /// What part of the pages it gave lately had content, from 0 to 1; `None` until it gave some.
    pub fn yields(&self) -> Option<f64> {
        self.yields.map(|thousandths| thousandths as f64 / 1000.0)
    }

    /// When a driver that is passed over will be asked again, in ticks.
    pub fn asked_again(&self) -> Option<u64> {
        matches!(self.conduct, Conduct::Stuck | Conduct::Lying).then_some(self.failed + self.wait)
    }

    /// The judge after one more observation. Observations of the same or an earlier tick are ignored.
    #[must_use]
    pub fn observe(mut self, seen: Observation) -> Self {
        let Some(reported) = seen.reported else {
            // A guest that restarts its driver does not restart its record.
            return Self { conduct: Conduct::Absent, last: None, doubted: None, ..self };
        };
        let Some(last) = self.last.replace(seen) else {
            self.progress = seen.tick;
            self.appear(seen);
            return self;
        };
        if seen.tick <= last.tick {
            self.last = Some(last);
            return self;
        }
        self.measure(last, seen);
        let claims_too_much = reported.0 > seen.given.0 + SLACK;
        self.doubted = if claims_too_much { self.doubted.or(Some(seen.tick)) } else { None };
        match self.conduct {
            Conduct::Stuck | Conduct::Lying => self.consider_probation(seen),
            _ if self.doubted.is_some_and(|since| seen.tick - since >= DOUBT) => {
                self.fail(Conduct::Lying, seen.tick);
            }
            _ if seen.tick - self.progress >= PATIENCE => self.fail(Conduct::Stuck, seen.tick),
            Conduct::Untried if seen.given <= last.given => (),
            Conduct::Probation if seen.given.0 + SLACK < self.probed_from + PROBE.0 => (),
            _ => self.grade(),
        }
        self
    }

    /// A driver answers for the first time, or again.
    fn appear(&mut self, seen: Observation) {
        let waits = self.wait > 0 && seen.tick < self.failed + self.wait;
        (self.conduct, self.rate) = match self.wait {
            _ if waits => (Conduct::Stuck, 0),
            0 if seen.given.0 > 0 => (Conduct::Working, UNTRIED_RATE.0),
            0 => (Conduct::Untried, UNTRIED_RATE.0),
            _ => (Conduct::Probation, 0),
        };
        self.probed_from = seen.given.0;
    }

    /// Updates the rate from what was given while more was asked for.
    fn measure(&mut self, last: Observation, seen: Observation) {
        let gave = seen.given.0.saturating_sub(last.given.0);
        self.note_yield(gave, seen.freed.0.saturating_sub(last.freed.0));
        let was_asked = last.asked.0 > last.given.0 + SLACK;
        if gave > 0 || !was_asked {
            self.progress = seen.tick;
        }
        // The last pages of a request take part of a second, which says nothing of the rate.
        if was_asked && (gave == 0 || seen.given.0 + SLACK < last.asked.0) {
            let now = gave / (seen.tick - last.tick);
            self.rate = (self.rate * (RATE_MEMORY - 1) + now) / RATE_MEMORY;
        } else if was_asked {
            self.rate = self.rate.max(gave / (seen.tick - last.tick));
        }
    }

    /// Averages what part of the pages had content over the last [`YIELD_MEMORY`] or so.
    fn note_yield(&mut self, gave: u64, freed: u64) {
        if gave > 0 {
            let freed = 1000 * freed.min(gave);
            self.yields = Some(match self.yields {
                None => freed / gave,
                Some(before) => (before * YIELD_MEMORY.0 + freed) / (YIELD_MEMORY.0 + gave),
            });
        }
    }

    fn fail(&mut self, conduct: Conduct, tick: u64) {
        let calm = tick.saturating_sub(self.failed) / FORGIVEN_AFTER;
        let wait = if self.wait == 0 { FIRST_WAIT } else { (self.wait * 2) >> calm.min(16) };
        self.wait = wait.clamp(FIRST_WAIT, LONGEST_WAIT);
        self.failed = tick;
        self.conduct = conduct;
        self.rate = 0;
        self.doubted = None;
    }

    fn consider_probation(&mut self, seen: Observation) {
        if seen.tick >= self.failed + self.wait {
            self.conduct = Conduct::Probation;
            self.probed_from = seen.given.0;
            self.progress = seen.tick;
        }
    }

    /// The driver does as it is asked; how fast?
    fn grade(&mut self) {
        if self.conduct == Conduct::Probation {
            // Trusted with little at first; the rate grows with what it gives.
            self.rate = self.rate.max(SLOW.0);
        }
        self.conduct = if self.rate < SLOW.0 { Conduct::Slow } else { Conduct::Working };
    }
}

#[cfg(test)]
mod tests;
