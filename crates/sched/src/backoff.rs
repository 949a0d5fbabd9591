//! When what failed is tried again.
//!
//! **Model.** The wait doubles with every failure: 2, 4, 8 seconds and so on, and [`LONGEST`] from the ninth on. A VM that is restarted
//! again and again, each time soon after the last, is treated so from the fourth time on.

use std::time::Duration;

/// The longest wait.
pub const LONGEST: Duration = Duration::from_mins(5);

/// How long to wait after so many failures in a row.
pub fn wait_after(failures: u32) -> Duration {
    let doubled = 1_u64.checked_shl(failures).unwrap_or(u64::MAX);
    Duration::from_secs(doubled).min(LONGEST)
}

/// After so long a run, a VM that is restarted has not failed to start.
const STEADY: Duration = Duration::from_mins(1);
/// So many restarts in a row are nothing unusual: an installer, an update.
const USUAL: u32 = 3;

/// Restarts of a VM one soon after the other.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Restarts(u32);

impl Restarts {
    /// With one more, of a VM that has run for so long.
    #[must_use]
    pub fn after(self, ran: Duration) -> Self {
        if ran >= STEADY { Self(1) } else { Self(self.0.saturating_add(1)) }
    }

    /// Whether the VM does nothing but restart, its last run having lasted so long.
    pub fn is_looping(self, runs: Duration) -> bool {
        self.0 > USUAL && runs < STEADY
    }

    /// How long it is left off before it starts.
    pub fn wait(self) -> Duration {
        self.0.checked_sub(USUAL).filter(|more| *more > 0).map_or(Duration::ZERO, wait_after)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_wait_is_twice_the_one_before_up_to_the_longest() {
        let seconds = |failures| wait_after(failures).as_secs();
        assert_eq!([1, 2, 3, 7, 8, 9].map(seconds), [2, 4, 8, 128, 256, 300]);
        for failures in [10, 63, 64, u32::MAX] {
            assert_eq!(wait_after(failures), LONGEST);
        }
    }

    #[test]
    fn a_vm_that_does_nothing_but_restart_does_so_ever_more_rarely() {
        let soon = Duration::from_secs(5);
        let all =
            std::iter::successors(Some(Restarts::default().after(soon)), |before| Some(before.after(soon)));
        let all: Vec<Restarts> = all.take(20).collect();
        let waits: Vec<u64> = all.iter().map(|restarts| restarts.wait().as_secs()).collect();
        assert_eq!(waits[..6], [0, 0, 0, 2, 4, 8]);
        assert_eq!(waits[19], LONGEST.as_secs());
        assert!(!all[2].is_looping(soon) && all[3].is_looping(soon));
        assert!(!all[3].is_looping(STEADY), "it has recovered");
        let steady = all[19].after(Duration::from_hours(1));
        assert_eq!((steady.wait(), steady.is_looping(soon)), (Duration::ZERO, false));
    }
}
