//! Where the host's time comes from, so that hours of it can be simulated in seconds.
//!
//! **Model.** A [`Clock`] is the machine's, or in tests a simulated one, which stands still until it is told to go on. The memory loop, what
//! it takes from VMs, and the journal ask no other.
//!
//! **Not here.** Threads that wait for something to happen, and for a time at most: they wait in the machine's time.

use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

/// A clock. Its clones show the same time.
#[derive(Clone, Debug, Default)]
pub(crate) struct Clock {
    #[cfg(test)]
    simulated: Option<std::sync::Arc<simulated::Time>>,
}

impl Clock {
    /// A moment, to be compared with others of the same clock.
    #[cfg_attr(
        not(test),
        expect(clippy::unused_self, reason = "only a simulated clock has something to look at")
    )]
    pub(crate) fn now(&self) -> Instant {
        #[cfg(test)]
        if let Some(time) = &self.simulated {
            return time.now();
        }
        Instant::now()
    }

    /// How long ago `then` is.
    pub(crate) fn since(&self, then: Instant) -> Duration {
        self.now().saturating_duration_since(then)
    }

    /// Milliseconds since 1970.
    #[cfg_attr(
        not(test),
        expect(clippy::unused_self, reason = "only a simulated clock has something to look at")
    )]
    pub(crate) fn milliseconds(&self) -> u64 {
        #[cfg(test)]
        if let Some(time) = &self.simulated {
            return time.milliseconds();
        }
        SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_millis() as u64)
    }
}

#[cfg(test)]
mod simulated {
    use super::{Clock, Duration, Instant};
    use std::sync::Arc;
    use std::sync::atomic::{AtomicU64, Ordering};

    /// 2026-01-01, in milliseconds since 1970.
    const BEGINS: u64 = 1_767_225_600_000;

    #[derive(Debug)]
    pub(super) struct Time {
        began: Instant,
        nanoseconds: AtomicU64,
    }

    impl Time {
        fn passed(&self) -> Duration {
            Duration::from_nanos(self.nanoseconds.load(Ordering::Relaxed))
        }

        pub(super) fn now(&self) -> Instant {
            self.began + self.passed()
        }

        pub(super) fn milliseconds(&self) -> u64 {
            BEGINS + self.passed().as_millis() as u64
        }
    }

    impl Clock {
        /// A clock that stands still.
        pub(crate) fn simulated() -> Self {
            let time = Time { began: Instant::now(), nanoseconds: AtomicU64::new(0) };
            Self { simulated: Some(Arc::new(time)) }
        }

        /// Lets time pass until `until`, if that is later than now.
        pub(crate) fn pass_until(&self, until: Instant) {
            let time = self.simulated.as_ref().expect("only a simulated clock is told what time it is");
            let passed = until.saturating_duration_since(time.began).as_nanos() as u64;
            time.nanoseconds.fetch_max(passed, Ordering::Relaxed);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_simulated_clock_stands_still_until_it_is_told() {
        let clock = Clock::simulated();
        let (begun, milliseconds) = (clock.now(), clock.milliseconds());
        assert_eq!(clock.now(), begun);
        clock.clone().pass_until(begun + Duration::from_hours(1));
        assert_eq!(
            (clock.since(begun), clock.milliseconds() - milliseconds),
            (Duration::from_hours(1), 3_600_000)
        );
        // Time does not run backwards.
        clock.pass_until(begun);
        assert_eq!(clock.since(begun), Duration::from_hours(1));
    }
}
