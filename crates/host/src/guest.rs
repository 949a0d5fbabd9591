//! What the memory loop sees of a VM's guest, and asks of it.
//!
//! **Model.** A seam: behind it is a [`Vm`] with its processors and devices, or in tests a simulated guest, which has memory and a balloon's driver
//! and no processor. All else of a VM (its memory, its swap file, what it may hold) is the same for both.

use addr::PageCount;
use devices::BalloonReport;
use std::time::Duration;
use vm::Vm;

/// A guest, running or simulated.
pub(crate) trait Guest: Send + Sync {
    /// Whether it stands still because somebody paused it.
    fn is_paused(&self) -> bool;

    /// How long its vCPUs have run together.
    fn running_time(&self) -> Duration;

    /// Its balloon, as its driver and the device have it.
    fn balloon(&self) -> BalloonReport;

    /// Asks its driver for a balloon of another size.
    fn set_balloon_target(&self, target: PageCount);

    /// Whether it waits for a frame for one of its pages.
    fn waits(&self) -> bool;
}

impl Guest for Vm {
    fn is_paused(&self) -> bool {
        Self::is_paused(self)
    }

    fn running_time(&self) -> Duration {
        Self::running_time(self)
    }

    fn balloon(&self) -> BalloonReport {
        Self::balloon(self).report()
    }

    fn set_balloon_target(&self, target: PageCount) {
        Self::balloon(self).set_target(target);
    }

    fn waits(&self) -> bool {
        self.memory().waits_for_frames()
    }
}
