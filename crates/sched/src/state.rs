//! The state of the host's memory: how short it is, and what is done about it.
//!
//! **Model.** *min-free* is the memory the host wants to have free at all times. States follow from the free
//! memory in percent of min-free:
//!
//! | state | free below | what is done |
//! |---|---|---|
//! | high | | nothing |
//! | clear | 100 % | look for equal pages at full speed |
//! | soft | 64 % | balloon; zip and swap where a balloon cannot give |
//! | hard | 32 % | balloon, and zip and swap for what it cannot give within a second |
//! | low | 16 % | zip and swap; VMs over their target wait |
//!
//! A state is entered downwards as soon as free memory is below its threshold. It is left upwards only when free
//! memory is a margin above where the better one begins, so that it has all the range of that one to fall through
//! again; and *soft* only for *high*, so that reclaiming once begun gets to the end. Whether a state is left upwards
//! is judged once a second, but for *low*, in which VMs wait. Targets aim at the *high* threshold, 125 % of min-free.
//!
//! **Sources.** The states and percentages of ESX; `docs/decisions/0011-states.md` and
//! `0063-states-recover-slowly.md` for what differs.

use addr::{ByteSize, PageCount};
use serde::{Deserialize, Serialize};
use std::fmt;
use utoipa::ToSchema;

/// How short of memory the host is, from not at all to very.
#[derive(
    Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Default, Serialize, Deserialize, ToSchema,
)]
#[serde(rename_all = "lowercase")]
pub enum HostState {
    /// Enough is free.
    #[default]
    High,
    /// Less than min-free.
    Clear,
    /// Memory is reclaimed, preferably by balloons.
    Soft,
    /// Memory is reclaimed by every means.
    Hard,
    /// As in hard, and VMs over their target wait.
    Low,
}

/// What is done in a state.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize)]
pub struct Actions {
    /// Scan for equal pages as fast as may be, whatever the usual rate.
    pub share: bool,
    /// Reclaim from VMs over their target.
    pub reclaim: bool,
    /// VMs over their target wait before they get another frame. As who waits cannot answer its
    /// balloon, none is asked for more than it holds.
    pub block: bool,
}

impl HostState {
    /// What is done in this state. VMs and resource pools over their limit are reclaimed from in every state.
    pub const fn actions(self) -> Actions {
        let (share, reclaim, block) = match self {
            Self::High => (false, false, false),
            Self::Clear => (true, false, false),
            Self::Soft | Self::Hard => (true, true, false),
            Self::Low => (true, true, true),
        };
        Actions { share, reclaim, block }
    }
}

impl fmt::Display for HostState {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::High => "high",
            Self::Clear => "clear",
            Self::Soft => "soft",
            Self::Hard => "hard",
            Self::Low => "low",
        })
    }
}

/// Free memory at which states change.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize)]
pub struct Thresholds {
    /// What targets aim to have free.
    pub high: PageCount,
    /// min-free: below it the state is clear.
    pub clear: PageCount,
    /// Below it the state is soft.
    pub soft: PageCount,
    /// Below it the state is hard.
    pub hard: PageCount,
    /// Below it the state is low.
    pub low: PageCount,
    /// How far above a threshold free memory must be for a better state.
    pub margin: PageCount,
}

/// Thresholds in percent of min-free, and the margin in thousandths.
const HIGH: u64 = 125;
const SOFT: u64 = 64;
const HARD: u64 = 32;
const LOW: u64 = 16;
const MARGIN_PER_MILLE: u64 = 125;
// Free memory where targets aim must be enough for the state high.
const _: () = assert!(HIGH * 10 > 1000 + MARGIN_PER_MILLE);

/// The least min-free, so that thresholds differ on the smallest pool.
const LEAST_MIN_FREE: u64 = 64;

/// min-free by the sliding scale: 6 % of the first 4 GiB, 4 % of the next 8, 2 % of the next 16,
/// together at most 899 MiB, and 1 % of the rest.
fn sliding_scale(memory: PageCount) -> u64 {
    const BANDS: [(u64, u64); 3] = [(4, 6), (8, 4), (16, 2)];
    let mut rest = memory.0;
    let mut percent_pages = 0;
    for (gib, percent) in BANDS {
        let band = rest.min(ByteSize::mib(gib << 10).pages().0);
        percent_pages += band * percent;
        rest -= band;
    }
    (percent_pages / 100).min(ByteSize::mib(899).pages().0) + rest / 100
}

impl Thresholds {
    /// The thresholds of a host with `memory`; `min_free_percent` is `Mem.MemMinFreePct`, 0 for the
    /// sliding scale.
    pub fn new(memory: PageCount, min_free_percent: u64) -> Self {
        let wished = match min_free_percent {
            0 => sliding_scale(memory),
            percent => memory.0 * percent / 100,
        };
        let min_free = wished.max(LEAST_MIN_FREE);
        let percent = |percent: u64| PageCount(min_free * percent / 100);
        Self {
            high: percent(HIGH),
            clear: PageCount(min_free),
            soft: percent(SOFT),
            hard: percent(HARD),
            low: percent(LOW),
            margin: PageCount(min_free * MARGIN_PER_MILLE / 1000),
        }
    }

    /// The state that `free` alone calls for, without memory of the one before.
    fn fallen_to(&self, free: PageCount) -> HostState {
        match free {
            free if free < self.low => HostState::Low,
            free if free < self.hard => HostState::Hard,
            free if free < self.soft => HostState::Soft,
            free if free < self.clear => HostState::Clear,
            _ => HostState::High,
        }
    }

    /// The free memory at which `state` is left for a better one, and that one.
    fn exit(&self, state: HostState) -> Option<(PageCount, HostState)> {
        let (threshold, better) = match state {
            HostState::High => return None,
            HostState::Clear | HostState::Soft => (self.clear, HostState::High),
            HostState::Hard => (self.soft, HostState::Soft),
            HostState::Low => (self.hard, HostState::Hard),
        };
        Some((PageCount(threshold.0 + self.margin.0), better))
    }
}

/// The state that follows on `previous` when `free` frames are free.
pub fn next_state(previous: HostState, free: PageCount, thresholds: &Thresholds) -> HostState {
    let mut state = previous.max(thresholds.fallen_to(free));
    while let Some((threshold, better)) = thresholds.exit(state) {
        if free < threshold {
            break;
        }
        state = better;
    }
    state
}

/// The same between two seconds: it falls at once, and gets no better but for *low*, as that keeps VMs waiting.
pub fn between_seconds(previous: HostState, free: PageCount, thresholds: &Thresholds) -> HostState {
    let next = next_state(previous, free, thresholds);
    let least = if previous == HostState::Low { HostState::Hard } else { previous };
    if next < previous { least } else { next }
}

#[cfg(test)]
mod tests;
