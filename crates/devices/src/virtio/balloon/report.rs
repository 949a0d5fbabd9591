//! What is known of a balloon.

use super::GuestStatistics;
use crate::DriverState;
use addr::PageCount;
use std::time::Instant;

/// What the driver offers beyond inflating and deflating.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct BalloonFeatures {
    /// It sends statistics.
    pub statistics: bool,
    /// It takes pages back by itself when its guest runs out of memory.
    pub deflate_on_oom: bool,
    /// It reports free memory by itself.
    pub reporting: bool,
}

/// A balloon at a moment.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct BalloonReport {
    /// Whether there is a driver that could do something.
    pub driver: DriverState,
    /// What the driver accepted; nothing if there is none.
    pub features: BalloonFeatures,
    /// What the balloon is to hold at least: for a guest that reports free memory, and takes pages back when it runs out of it.
    pub cushion: PageCount,
    /// The size the host wants.
    pub target: PageCount,
    /// When the target last changed.
    pub target_set: Option<Instant>,
    /// The size the guest says the balloon has. Linux says so after each round of inflating or deflating.
    pub actual: PageCount,
    /// The pages in the balloon, counted as they came: each once, and memory all of them.
    pub held: PageCount,
    /// When that number last changed.
    pub held_changed: Option<Instant>,
    /// Pages reported free since the VM's start; the same page as often as it was.
    pub reported: PageCount,
    /// What the guest last said of itself, and when.
    pub statistics: Option<(Instant, GuestStatistics)>,
    /// Since when an answer to the request for statistics is outstanding.
    pub statistics_asked: Option<Instant>,
    /// Requests and register accesses that were wrong, at least in part.
    pub mistakes: u64,
    /// What was wrong with the last of these.
    pub last_mistake: Option<String>,
}

impl BalloonReport {
    /// What so many of its pages are beyond the cushion.
    pub fn beyond_cushion(&self, pages: PageCount) -> PageCount {
        PageCount(pages.0.saturating_sub(self.cushion.0))
    }
}

/// What the device and the host note for the report.
#[derive(Clone, Default)]
pub(super) struct Books {
    pub(super) target_set: Option<Instant>,
    pub(super) held: PageCount,
    pub(super) held_changed: Option<Instant>,
    pub(super) reported: PageCount,
    pub(super) statistics: Option<(Instant, GuestStatistics)>,
    pub(super) statistics_asked: Option<Instant>,
}
