//! How much else the machine did while it was measured.

use std::fs;
use std::time::Instant;

/// CPU time used so far, in hundredths of a second, and when that was.
pub struct Usage {
    at: Instant,
    /// By everything on this host, and by its neighbours if it is itself a guest.
    host: u64,
    /// By this process and those that it started and waited for.
    ours: u64,
}

impl Usage {
    /// What was used until now.
    ///
    /// # Errors
    /// If `/proc` cannot be read or makes no sense.
    pub fn now() -> Result<Self, String> {
        let read =
            |path: &str| fs::read_to_string(path).map_err(|error| format!("cannot read {path}: {error}"));
        let (host, ours) = (read("/proc/stat")?, read("/proc/self/stat")?);
        let told = host_ticks(&host).zip(own_ticks(&ours));
        let (host, ours) = told.ok_or("the CPU times in /proc are not understood")?;
        Ok(Self { at: Instant::now(), host, ours })
    }

    /// CPUs that others used on average since `earlier`.
    pub fn of_others_since(&self, earlier: &Self) -> f64 {
        let others = (self.host - earlier.host).saturating_sub(self.ours - earlier.ours);
        others as f64 / 100.0 / (self.at - earlier.at).as_secs_f64()
    }
}

/// The first line of `/proc/stat`, less its times of idling: `cpu user nice system idle iowait irq softirq steal`.
fn host_ticks(stat: &str) -> Option<u64> {
    let fields = stat.lines().next()?.strip_prefix("cpu ")?.split_whitespace();
    let ticks: Vec<u64> = fields.take(8).map(|field| field.parse().ok()).collect::<Option<_>>()?;
    (ticks.len() == 8).then(|| ticks.iter().sum::<u64>() - ticks[3] - ticks[4])
}

/// The fields 14 to 17 of `/proc/self/stat`: user and system time of the process, and of its ended children.
fn own_ticks(stat: &str) -> Option<u64> {
    let fields = stat.rsplit_once(')')?.1.split_whitespace().skip(11).take(4);
    let ticks: Vec<u64> = fields.map(|field| field.parse().ok()).collect::<Option<_>>()?;
    (ticks.len() == 4).then(|| ticks.iter().sum())
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    #[test]
    fn idling_is_no_use() {
        assert_eq!(host_ticks("cpu  1 2 4 1000 1000 8 16 32 0 0\ncpu0 9"), Some(63));
        assert_eq!(host_ticks("cpu  1 2 4"), None);
    }

    #[test]
    fn children_count_as_ours() {
        assert_eq!(own_ticks("7 (a b) S 1 1 1 0 -1 4194560 89 0 0 0 1 2 4 8 20"), Some(15));
        assert_eq!(own_ticks("7 (a b) S 1"), None);
    }

    #[test]
    fn others_used_what_is_not_ours() {
        let at = Instant::now();
        let earlier = Usage { at, host: 1000, ours: 10 };
        let now = Usage { at: at + Duration::from_secs(2), host: 1500, ours: 410 };
        let cpus = now.of_others_since(&earlier);
        assert!((cpus - 0.5).abs() < 1e-9, "{cpus}");
    }

    #[test]
    fn this_machine_is_understood() {
        assert!(Usage::now().is_ok());
    }
}
