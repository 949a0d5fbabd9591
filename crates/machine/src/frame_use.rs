//! What the pool's frames are used for, in numbers.

use addr::PageCount;

/// How the pool's frames are used. Free, private, shared, zip and in flight add up to the pool's size.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct FrameUse {
    /// Frames in the pool.
    pub total: PageCount,
    /// Frames on the free list, those standing for overhead among them.
    pub free: PageCount,
    /// Frames that one page is in.
    pub private: PageCount,
    /// Frames holding shared pages.
    pub shared: PageCount,
    /// Frames of zip stores.
    pub zip: PageCount,
    /// Frames taken for a page or a zip store, and not in their place yet.
    pub in_flight: PageCount,
    /// Frames to stay unused, since memory outside the pool is used in their place: more than are free while there is a deficit.
    pub overhead: PageCount,
    /// What running VMs are guaranteed.
    pub reserved: PageCount,
    /// VMs that have memory, those that are ending among them.
    pub memories: u64,
}

impl FrameUse {
    /// Frames that can be handed out.
    pub fn available(&self) -> PageCount {
        PageCount(self.free.0.saturating_sub(self.overhead.0))
    }

    /// Frames that should be unused for overhead and are not free.
    pub fn deficit(&self) -> PageCount {
        PageCount(self.overhead.0.saturating_sub(self.free.0))
    }
}
