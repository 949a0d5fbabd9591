//! The free frames, and what is promised and set aside of them.
//!
//! **Model.** Two stacks that run through the frame table. *Warm* frames were used and still take the
//! host's memory; the one freed last is on top, for it is the likeliest to be in the host's caches. *Cold*
//! frames take none: they were never used, or were given back. There are as many cold ones at least as
//! are kept unused for overhead, as far as that many are free, so that overhead does not come on top of
//! the pool.

use crate::frame::{Bell, END, Holds};
use addr::Mfn;

/// Frames on a list.
pub(crate) struct Stack {
    top: u32,
    count: u64,
}

impl Stack {
    const EMPTY: Self = Self { top: END, count: 0 };

    pub(crate) fn count(&self) -> u64 {
        self.count
    }

    /// The frame on top, if there is one. `next` says what lies under a frame.
    pub(crate) fn pop(&mut self, next: impl Fn(Mfn) -> u32) -> Option<Mfn> {
        if self.count == 0 {
            return None;
        }
        let mfn = Mfn(u64::from(self.top));
        self.top = next(mfn);
        self.count -= 1;
        Some(mfn)
    }

    /// Puts a frame on top. `set_next` is told what lies under it.
    pub(crate) fn push(&mut self, mfn: Mfn, set_next: impl Fn(Mfn, u32)) {
        set_next(mfn, self.top);
        self.top = mfn.0 as u32;
        self.count += 1;
    }

    /// Calls `each` with every frame, which says whether to go on.
    ///
    /// # Errors
    /// What is wrong with the list: it is not as long as it should be.
    pub(crate) fn audit(
        &self,
        next: impl Fn(Mfn) -> u32,
        mut each: impl FnMut(Mfn) -> bool,
    ) -> Result<(), String> {
        let mut at = self.top;
        for _ in 0..self.count {
            if at == END || !each(Mfn(u64::from(at))) {
                return Err(format!("INV-5: a free list of {} frames ends or turns at {at:#x}", self.count));
            }
            at = next(Mfn(u64::from(at)));
        }
        if at == END {
            Ok(())
        } else {
            Err(format!("INV-5: a free list of {} frames goes on with {at:#x}", self.count))
        }
    }
}

/// See the module's documentation.
pub(crate) struct FreeList {
    pub(crate) warm: Stack,
    pub(crate) cold: Stack,
    pub(crate) shared: u64,
    pub(crate) zip: u64,
    /// VMs that have memory.
    pub(crate) memories: u64,
    pub(crate) reserved: u64,
    pub(crate) overhead: u64,
    pub(crate) waiting: u32,
    /// With fewer frames available than this, the bell is rung.
    pub(crate) mark: u64,
    pub(crate) bell: Option<Bell>,
}

impl FreeList {
    /// Of `frames` frames that nobody has used, each with the next one under it.
    pub(crate) fn new(frames: u64) -> Self {
        Self {
            warm: Stack::EMPTY,
            cold: Stack { top: 0, count: frames },
            shared: 0,
            zip: 0,
            memories: 0,
            reserved: 0,
            overhead: 0,
            waiting: 0,
            mark: 0,
            bell: None,
        }
    }

    /// Free frames.
    pub(crate) fn free(&self) -> u64 {
        self.warm.count + self.cold.count
    }

    /// Frames that can be handed out.
    pub(crate) fn available(&self) -> u64 {
        self.free().saturating_sub(self.overhead)
    }

    /// Where frames that hold such things are counted, if they are.
    pub(crate) fn count(&mut self, holds: Holds) -> Option<&mut u64> {
        match holds {
            Holds::Shared { .. } => Some(&mut self.shared),
            Holds::Zip(_) => Some(&mut self.zip),
            Holds::Page(..) | Holds::Nothing => None,
        }
    }
}
