//! What the trials found, and what it comes to.

use crate::contestant::Contestant;
use crate::trial::Trial;
use addr::ByteSize;
use std::collections::BTreeMap;

/// All trials, by who ran how many VMs.
#[derive(Default)]
pub(crate) struct Results {
    trials: BTreeMap<(Contestant, u32), Vec<Trial>>,
    /// Where VMs were refused, in the host's words.
    refused: BTreeMap<(Contestant, u32), String>,
}

/// What further VMs cost.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Growth {
    /// Bytes of one VM with all that is there once.
    pub(crate) first: f64,
    /// Bytes of each further one.
    pub(crate) further: f64,
}

impl Results {
    pub(crate) fn add(&mut self, contestant: Contestant, count: u32, outcome: Result<Trial, String>) {
        match outcome {
            Ok(trial) => self.trials.entry((contestant, count)).or_default().push(trial),
            Err(why) => drop(self.refused.insert((contestant, count), why)),
        }
    }

    /// The numbers of VMs that were tried, from the least.
    pub(crate) fn counts(&self) -> Vec<u32> {
        let mut counts: Vec<u32> = self.trials.keys().chain(self.refused.keys()).map(|key| key.1).collect();
        counts.sort_unstable();
        counts.dedup();
        counts
    }

    /// Those who took part, in order.
    pub(crate) fn contestants(&self) -> Vec<Contestant> {
        let took_part = |wanted: &Contestant| self.trials.keys().any(|(contestant, _)| contestant == wanted);
        Contestant::ALL.into_iter().filter(took_part).collect()
    }

    pub(crate) fn trials(&self, contestant: Contestant, count: u32) -> &[Trial] {
        self.trials.get(&(contestant, count)).map_or(&[], Vec::as_slice)
    }

    pub(crate) fn refused(&self, contestant: Contestant, count: u32) -> Option<&str> {
        self.refused.get(&(contestant, count)).map(String::as_str)
    }

    /// The median of a figure over the trials of one kind.
    pub(crate) fn median(
        &self,
        contestant: Contestant,
        count: u32,
        figure: impl Fn(&Trial) -> f64,
    ) -> Option<f64> {
        median(self.trials(contestant, count).iter().map(figure).collect())
    }

    /// What further VMs cost by `figure`, a number of bytes; nothing if less than two numbers of VMs ran.
    pub(crate) fn growth(
        &self,
        contestant: Contestant,
        figure: impl Fn(&Trial) -> ByteSize,
    ) -> Option<Growth> {
        let figure = |trial: &Trial| figure(trial).0 as f64;
        let point = |count| Some((count, self.median(contestant, count, figure)?));
        let points: Vec<_> = self.counts().into_iter().filter_map(point).collect();
        Growth::between(*points.first()?, *points.last()?)
    }
}

impl Growth {
    /// From bytes at two numbers of VMs.
    fn between((few, less): (u32, f64), (many, more): (u32, f64)) -> Option<Self> {
        let further = (more - less) / f64::from(many.checked_sub(few).filter(|&more| more > 0)?);
        Some(Self { first: less - f64::from(few - 1) * further, further })
    }

    /// How many VMs fit in so much memory, if each further one costs the same.
    pub(crate) fn fit_in(self, memory: ByteSize) -> u64 {
        let left = memory.0 as f64 - self.first;
        if left < 0.0 { 0 } else { 1 + (left / self.further.max(1.0)) as u64 }
    }
}

/// Visits per microsecond of a VM on average.
pub(crate) fn rate(trial: &Trial) -> f64 {
    trial.rates.iter().sum::<f64>() / trial.rates.len() as f64
}

/// The slowest VM's.
pub(crate) fn least_rate(trial: &Trial) -> f64 {
    trial.rates.iter().copied().fold(f64::INFINITY, f64::min)
}

fn median(mut values: Vec<f64>) -> Option<f64> {
    values.sort_unstable_by(f64::total_cmp);
    let (below, above) = (values.len().checked_sub(1)? / 2, values.len() / 2);
    Some(f64::midpoint(values[below], values[above]))
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;

    pub(crate) fn trial(idle_mib: u64, rates: &[f64]) -> Trial {
        Trial {
            idle: ByteSize::mib(idle_mib),
            idle_processes: ByteSize::mib(idle_mib + 1),
            idle_told: "idle words".to_owned(),
            working: ByteSize::mib(2 * idle_mib),
            working_processes: ByteSize::mib(2 * idle_mib + 1),
            working_told: "working words".to_owned(),
            rates: rates.to_vec(),
            efficiency: 5.0,
        }
    }

    fn results(figures: &[(u32, u64)]) -> Results {
        let mut results = Results::default();
        for &(count, mib) in figures {
            results.add(Contestant::Qemu, count, Ok(trial(mib, &[1.0])));
        }
        results
    }

    #[test]
    fn growth_is_from_the_fewest_to_the_most() {
        let growth = results(&[(1, 100), (2, 500), (5, 300)]).growth(Contestant::Qemu, |trial| trial.idle);
        let mib = |size| ByteSize::mib(size).0 as f64;
        assert_eq!(growth, Some(Growth { first: mib(100), further: mib(50) }));
        assert_eq!(results(&[(2, 150), (4, 250)]).growth(Contestant::Qemu, |trial| trial.idle), growth);
        assert_eq!(results(&[(2, 150)]).growth(Contestant::Qemu, |trial| trial.idle), None);
        assert_eq!(results(&[]).growth(Contestant::Qemu, |trial| trial.idle), None);
    }

    #[test]
    fn what_fits_is_counted_whole() {
        let growth = Growth { first: ByteSize::mib(100).0 as f64, further: ByteSize::mib(50).0 as f64 };
        let fit = [99, 100, 149, 150, 512].map(|size| growth.fit_in(ByteSize::mib(size)));
        assert_eq!(fit, [0, 1, 1, 2, 9]);
    }

    #[test]
    fn medians_are_over_trials_of_one_kind() {
        let results = results(&[(1, 100), (1, 900), (1, 300), (2, 7)]);
        let idle = |trial: &Trial| (trial.idle.0 >> 20) as f64;
        assert_eq!(results.median(Contestant::Qemu, 1, idle), Some(300.0));
        assert_eq!(results.median(Contestant::Qemu, 3, idle), None);
        assert_eq!(median(vec![1.0, 2.0]), Some(1.5));
        assert_eq!((results.counts(), results.contestants()), (vec![1, 2], vec![Contestant::Qemu]));
    }

    #[test]
    fn the_slowest_vm_is_told_beside_the_average() {
        let trial = trial(1, &[1.0, 2.0, 6.0]);
        assert!((rate(&trial) - 3.0).abs() < 1e-9 && (least_rate(&trial) - 1.0).abs() < 1e-9);
    }
}
