//! Whether a VM is slowed by want of memory, so much that people should be told.
//!
//! **Model.** Once a second it is known which part of its vCPUs' time a VM spent waiting for memory: for a frame,
//! for decompression, for swap-in. An average over some seconds, with a threshold to enter and a lower one to
//! leave, becomes a word. A VM that wants more than there is is slowed for as long as that is so; it is never
//! ended for it.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// Part of its time that a slowed VM waits, on average, to be called so, and not to be called so any more.
const ENTER: f64 = 0.25;
const LEAVE: f64 = 0.1;
/// The average is one in which the last second counts for one part in so many.
const MEMORY: f64 = 5.0;

/// How much of its time a VM waits for memory. Fold it over seconds.
#[derive(Clone, Copy, PartialEq, Debug, Default, Serialize, Deserialize, ToSchema)]
pub struct Slowdown {
    /// Part of its vCPUs' time, averaged over some seconds.
    pub waits: f64,
    /// Whether that is worth telling.
    pub slowed: bool,
}

impl Slowdown {
    /// After a second in which the VM waited for `part` of its time.
    #[must_use]
    pub fn second(self, part: f64) -> Self {
        let waits = self.waits + (part.clamp(0.0, 1.0) - self.waits) / MEMORY;
        Self { waits, slowed: waits >= if self.slowed { LEAVE } else { ENTER } }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn after(seconds: usize, start: Slowdown, part: f64) -> Slowdown {
        (0..seconds).fold(start, |slowdown, _| slowdown.second(part))
    }

    #[test]
    fn a_vm_that_waits_half_its_time_is_slowed_within_seconds_and_until_it_does_not() {
        let first = Slowdown::default().second(0.5);
        assert!(!first.slowed, "one second says little: {first:?}");
        let slowed = after(4, first, 0.5);
        assert!(slowed.slowed && (0.25..0.5).contains(&slowed.waits), "{slowed:?}");
        assert!(after(100, slowed, 0.15).slowed, "between the thresholds the word stays");
        assert!(!after(100, Slowdown::default(), 0.15).slowed, "whichever it was");
        assert!(!after(10, slowed, 0.0).slowed);
    }

    #[test]
    fn it_does_not_flap() {
        let seconds = (0..1000).map(|second| if second % 2 == 0 { 0.5 } else { 0.0 });
        let mut slowdown = Slowdown::default();
        let mut changes = 0;
        for part in seconds {
            let next = slowdown.second(part);
            changes += u32::from(next.slowed != slowdown.slowed);
            slowdown = next;
        }
        assert!(changes <= 1, "{changes} changes");
    }
}
