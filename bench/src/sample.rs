//! What repeated measurements of one thing come to.

use std::time::Duration;

/// The measurements of one thing.
#[derive(Clone, Debug, Default)]
pub(crate) struct Sample(Vec<Duration>);

impl Sample {
    pub(crate) fn add(&mut self, measured: Duration) {
        self.0.push(measured);
        self.0.sort_unstable();
    }

    /// The middle measurement, or the mean of the two in the middle.
    ///
    /// # Panics
    /// If nothing was measured.
    pub(crate) fn median(&self) -> Duration {
        let (below, above) = ((self.0.len() - 1) / 2, self.0.len() / 2);
        (self.0[below] + self.0[above]) / 2
    }

    pub(crate) fn least(&self) -> Duration {
        self.0[0]
    }

    pub(crate) fn most(&self) -> Duration {
        self.0[self.0.len() - 1]
    }

    /// How many times the median of `other` this one's is; below 1 is faster.
    pub(crate) fn ratio(&self, other: &Self) -> f64 {
        self.median().as_secs_f64() / other.median().as_secs_f64()
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;

    pub(crate) fn sample(milliseconds: &[u64]) -> Sample {
        let mut sample = Sample::default();
        for &each in milliseconds {
            sample.add(Duration::from_millis(each));
        }
        sample
    }

    #[test]
    fn the_median_is_in_the_middle_whatever_the_order() {
        assert_eq!(sample(&[9]).median(), Duration::from_millis(9));
        assert_eq!(sample(&[9, 1, 5]).median(), Duration::from_millis(5));
        assert_eq!(sample(&[9, 1, 5, 6]).median(), Duration::from_micros(5500));
    }

    #[test]
    fn the_spread_is_from_least_to_most() {
        let sample = sample(&[9, 1, 5]);
        assert_eq!((sample.least(), sample.most()), (Duration::from_millis(1), Duration::from_millis(9)));
    }

    #[test]
    fn ratios_compare_medians() {
        let ratio = sample(&[1, 2, 100]).ratio(&sample(&[3, 4, 5]));
        assert!((ratio - 0.5).abs() < 1e-9, "{ratio}");
    }
}
