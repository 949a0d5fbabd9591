//! How much of its memory a VM uses, by statistical sampling.
//!
//! **Model.** In each period of the VM's running time the host takes the translations of some pages
//! chosen at random away and counts how many are touched. [`Activity`] folds the counts into three
//! averages: a slow one, a fast one, and the fast one as it would be if the period ended now. The
//! largest is the estimate, so that it rises at once and falls slowly. The same is done for writes,
//! with another `Activity`.
//!
//! Before anything is known, all memory counts as active: a VM that just started is not taxed unseen.
//!
//! **Sources.** Waldspurger 2002, section 5.3. The gains were not published.

use addr::PageCount;
use serde::{Deserialize, Serialize};

/// Pages sampled in each period.
pub const SAMPLED_PAGES: u32 = 100;
/// The weight of the latest period in the slow average.
pub const SLOW_GAIN: f64 = 0.1;
/// The weight of the latest period in the fast average.
pub const FAST_GAIN: f64 = 0.5;

/// Pages touched of those sampled.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Sample {
    /// How many were touched.
    pub touched: u32,
    /// Of how many.
    pub sampled: u32,
}

impl Sample {
    /// The touched part, if anything was sampled.
    fn fraction(self) -> Option<f64> {
        (self.sampled > 0).then(|| f64::from(self.touched.min(self.sampled)) / f64::from(self.sampled))
    }
}

/// The averages so far.
#[derive(Clone, Copy, PartialEq, Debug, Default)]
pub struct Activity {
    averages: Option<Averages>,
    /// Of the period under way.
    current: Sample,
}

#[derive(Clone, Copy, PartialEq, Debug)]
struct Averages {
    slow: f64,
    fast: f64,
    /// Pages sampled in the last whole period, for the error.
    sampled: u32,
}

/// How much is active, as a part of the whole, from 0 to 1.
#[derive(Clone, Copy, PartialEq, Debug, Serialize, Deserialize)]
pub struct Estimate {
    /// The active part: the largest of the averages, no less than the floor.
    pub fraction: f64,
    /// The standard error of one sample of such a part.
    pub error: f64,
    /// The slow average, once there was a whole period.
    pub slow: Option<f64>,
    /// The fast average.
    pub fast: Option<f64>,
    /// The fast average if the period ended now.
    pub next: Option<f64>,
}

impl Estimate {
    /// The active part of `pages`, rounded up.
    pub fn of(&self, pages: PageCount) -> PageCount {
        PageCount((pages.0 as f64 * self.fraction).ceil() as u64).min(pages)
    }
}

fn blend(average: f64, gain: f64, latest: f64) -> f64 {
    average + gain * (latest - average)
}

impl Activity {
    /// Notes what the period under way has shown so far. Counts from its beginning, each time.
    #[must_use]
    pub fn so_far(self, sample: Sample) -> Self {
        Self { current: sample, ..self }
    }

    /// Ends the period, in which `sample` was counted, and begins another. A period in which nothing
    /// was sampled changes nothing.
    #[must_use]
    pub fn period(self, sample: Sample) -> Self {
        let Some(latest) = sample.fraction() else { return Self { current: Sample::default(), ..self } };
        let before = self.averages.unwrap_or(Averages { slow: latest, fast: latest, sampled: 0 });
        let averages = Averages {
            slow: blend(before.slow, SLOW_GAIN, latest),
            fast: blend(before.fast, FAST_GAIN, latest),
            sampled: sample.sampled,
        };
        Self { averages: Some(averages), current: Sample::default() }
    }

    /// What is active; `floor_percent` is `Mem.SampleActivePctMin`, or `Mem.SampleDirtiedPctMin` for writes.
    pub fn estimate(&self, floor_percent: u32) -> Estimate {
        let Some(Averages { slow, fast, sampled }) = self.averages else {
            return Estimate { fraction: 1.0, error: 1.0, slow: None, fast: None, next: None };
        };
        // Pages are touched one after another: so far, the period shows less than it will.
        let next = self.current.fraction().map(|latest| blend(fast, FAST_GAIN, latest));
        let floor = f64::from(floor_percent) / 100.0;
        let fraction = slow.max(fast).max(next.unwrap_or(0.0)).max(floor).min(1.0);
        let error = (fraction * (1.0 - fraction) / f64::from(sampled)).sqrt();
        Estimate { fraction, error, slow: Some(slow), fast: Some(fast), next }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn touched(touched: u32) -> Sample {
        Sample { touched, sampled: SAMPLED_PAGES }
    }

    fn after(periods: &[u32]) -> Activity {
        periods.iter().fold(Activity::default(), |activity, count| activity.period(touched(*count)))
    }

    #[test]
    fn a_vm_nobody_has_sampled_counts_as_active() {
        let unknown = Activity::default().so_far(touched(3)).estimate(1);
        assert!(unknown.fraction >= 1.0 && unknown.slow.is_none());
        assert_eq!(after(&[30]).period(Sample::default()), after(&[30]), "nothing sampled, nothing learnt");
    }

    #[test]
    fn the_estimate_rises_at_once_and_falls_slowly() {
        let idle = after(&[10; 20]);
        assert!((idle.estimate(1).fraction - 0.10).abs() < 1e-9);
        // Within the period, before it has ended.
        assert!((idle.so_far(touched(90)).estimate(1).fraction - 0.50).abs() < 1e-9);
        assert!((idle.period(touched(90)).estimate(1).fraction - 0.50).abs() < 1e-9);
        assert!(after(&[90; 20]).period(touched(0)).estimate(1).fraction > 0.80);
        let settled = [[90; 20], [0; 20]].concat();
        assert!(after(&settled).estimate(1).fraction < 0.15);
    }

    #[test]
    fn the_floor_and_the_error_are_those_of_the_reference() {
        assert!((after(&[0]).estimate(1).fraction - 0.01).abs() < 1e-12);
        assert!(after(&[0]).estimate(0).fraction.abs() < 1e-12);
        assert!((after(&[50]).estimate(1).error - 0.05).abs() < 1e-12);
        assert_eq!(after(&[50]).estimate(1).of(PageCount(5)), PageCount(3));
    }

    proptest! {
        #[test]
        fn estimates_stay_between_the_extremes_seen(
            periods in prop::collection::vec(0u32..=100, 1..30), now in 0u32..=100,
        ) {
            let estimate = after(&periods).so_far(touched(now)).estimate(0);
            let all = || periods.iter().chain([&now]).map(|count| f64::from(*count) / 100.0);
            prop_assert!(estimate.fraction <= all().fold(0.0, f64::max) + 1e-9);
            prop_assert!(estimate.fraction >= all().fold(1.0, f64::min) - 1e-9);
            prop_assert!((0.0..=0.05 + 1e-12).contains(&estimate.error));
        }

        #[test]
        fn constant_use_is_estimated_as_it_is(count in 0u32..=100, periods in 1usize..30) {
            let estimate = after(&vec![count; periods]).estimate(0);
            prop_assert!((estimate.fraction - f64::from(count) / 100.0).abs() < 1e-9);
        }
    }
}
