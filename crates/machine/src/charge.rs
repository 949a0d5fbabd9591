//! Memory in use beside the pool, charged to it.
//!
//! **Model.** A [`Charge`] is somebody's part of the pool's overhead: so many free frames stay unused, and take no memory of the
//! host's, because as much is in use beside the pool or is about to be. So the pool and what is beside it are never more than the pool's
//! size. Who charges first, waits for [`Pool::set_aside`] and then uses the memory never makes them more. What is charged and not
//! free yet is the pool's deficit, which reclaiming makes good.
//!
//! **Failure.** A charge itself cannot be refused, since what is in use is in use; [`Pool::try_charge`] is for what could be left.

use crate::pool::Pool;
use addr::PageCount;
use std::sync::atomic::{AtomicU64, Ordering};

/// Frames that stay unused for one purpose. They can be used again once this is dropped.
pub struct Charge {
    pool: Pool,
    count: AtomicU64,
}

impl Charge {
    /// How many frames.
    pub fn count(&self) -> PageCount {
        PageCount(self.count.load(Ordering::Relaxed))
    }

    /// Charges `count` frames from now on, and gives back to the host what they take, as far as they are free.
    pub fn set(&self, count: PageCount) {
        let before = PageCount(self.count.swap(count.0, Ordering::Relaxed));
        if before != count {
            self.pool.frames().change_overhead(before, count);
        }
        if before < count {
            self.pool.set_aside();
        }
    }
}

impl Drop for Charge {
    fn drop(&mut self) {
        self.set(PageCount(0));
    }
}

impl Pool {
    /// Charges memory that is in use beside the pool.
    pub fn charge(&self, count: PageCount) -> Charge {
        let charge = Charge { pool: self.clone(), count: AtomicU64::new(0) };
        charge.set(count);
        charge
    }

    /// Charges memory that is to be used beside the pool, unless it would have to come from what is guaranteed.
    ///
    /// # Errors
    /// How many frames are guaranteed to nobody, if `count` is more.
    pub fn try_charge(&self, count: PageCount) -> Result<Charge, PageCount> {
        self.frames().add_overhead(count)?;
        self.set_aside();
        Ok(Charge { pool: self.clone(), count: AtomicU64::new(count.0) })
    }

    /// Gives the host back the memory of as many free frames as there are charges, and says whether that many are free. Frames that
    /// come free while there is a deficit take memory until this is called again.
    pub fn set_aside(&self) -> bool {
        self.frames().cool(|mfn| self.give_back(mfn))
    }
}
