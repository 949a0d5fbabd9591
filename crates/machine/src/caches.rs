//! Memory beside the pool that a VM's vCPUs take for caches, charged before it is taken.
//!
//! **Model.** A cache could do with less, so unlike a [`Charge`](crate::Charge) what it asks for is refused where no free frame can stay
//! unused for it, or where somebody waits for one. The cache then makes room among what it holds. So caches never bring about a deficit.
//! What a cache needs to work at all it takes regardless. Where the pool is not all there is for a VM, its caches are counted only.
//!
//! **Cost.** One hold of the free list's lock for each [`STEP`] of growth.

use crate::pool::Pool;
use addr::{ByteSize, PageCount};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

/// What is charged at once.
const STEP: PageCount = PageCount(16);

/// What a VM's caches take together.
#[derive(Default)]
pub(crate) struct Caches {
    are_charged: AtomicBool,
    charged: AtomicU64,
    bytes: AtomicU64,
}

/// What a VM's caches take at one moment.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct CacheUse {
    /// Frames that stay unused for them.
    pub charged: PageCount,
    /// Of that memory, what they use.
    pub used: ByteSize,
}

/// What one cache takes. It is given back when this is dropped, which must be after the cache is.
pub struct CacheCharge {
    /// Where it is charged, if it is.
    pool: Option<Pool>,
    caches: Arc<Caches>,
    charged: PageCount,
    bytes: u64,
}

impl Caches {
    /// Has caches made from now on be charged to the pool.
    pub(crate) fn charge(&self) {
        self.are_charged.store(true, Ordering::Relaxed);
    }

    /// The charge of a cache that is empty.
    pub(crate) fn new_cache(self: &Arc<Self>, pool: &Pool) -> CacheCharge {
        let pool = self.are_charged.load(Ordering::Relaxed).then(|| pool.clone());
        CacheCharge { pool, caches: Arc::clone(self), charged: PageCount(0), bytes: 0 }
    }

    /// What they take now.
    pub(crate) fn usage(&self) -> CacheUse {
        CacheUse {
            charged: PageCount(self.charged.load(Ordering::Relaxed)),
            used: ByteSize(self.bytes.load(Ordering::Relaxed)),
        }
    }
}

impl CacheCharge {
    /// Charges as much as the cache needs to have `bytes` from now on, or says that it must not grow.
    #[must_use]
    pub fn grow(&mut self, bytes: u64) -> bool {
        let count = Self::pages(bytes);
        let more = PageCount(count.0.saturating_sub(self.charged.0));
        if let Some(pool) = self.pool.as_ref().filter(|_| more.0 > 0) {
            if !pool.frames().add_spare_overhead(more) {
                return false;
            }
            pool.set_aside();
            self.note_charged(count);
        }
        self.note_bytes(bytes);
        true
    }

    /// The same for what the cache cannot work without.
    pub fn must_grow(&mut self, bytes: u64) {
        self.change(Self::pages(bytes).max(self.charged));
        self.note_bytes(bytes);
    }

    /// The cache has no more than `bytes` now.
    pub fn shrink(&mut self, bytes: u64) {
        self.change(Self::pages(bytes).min(self.charged));
        self.note_bytes(bytes);
    }

    /// What is charged at most for a cache of `bytes` at most.
    pub fn most(bytes: u64) -> ByteSize {
        Self::pages(bytes).bytes()
    }

    fn pages(bytes: u64) -> PageCount {
        PageCount(ByteSize(bytes).pages_up().0.next_multiple_of(STEP.0))
    }

    fn change(&mut self, count: PageCount) {
        if let Some(pool) = self.pool.as_ref().filter(|_| count != self.charged) {
            pool.frames().change_overhead(self.charged, count);
            pool.set_aside();
            self.note_charged(count);
        }
    }

    fn note_charged(&mut self, count: PageCount) {
        self.caches.charged.fetch_add(count.0.wrapping_sub(self.charged.0), Ordering::Relaxed);
        self.charged = count;
    }

    fn note_bytes(&mut self, bytes: u64) {
        self.caches.bytes.fetch_add(bytes.wrapping_sub(self.bytes), Ordering::Relaxed);
        self.bytes = bytes;
    }
}

impl Drop for CacheCharge {
    fn drop(&mut self) {
        self.shrink(0);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::VmMemory;
    use addr::Gfn;
    use addr::VmId;

    fn memory(pool: &Pool, reserved: u64) -> VmMemory {
        let memory = VmMemory::new(pool, VmId(1), Gfn(0), PageCount(reserved)).expect("the pool has room");
        memory.charge_caches();
        memory
    }

    #[test]
    fn a_cache_grows_as_long_as_frames_are_free_for_it() {
        let pool = Pool::new(ByteSize::mib(1)).expect("a small pool fits");
        let memory = memory(&pool, 0);
        let mut cache = memory.new_cache();
        assert!(cache.grow(1));
        assert_eq!(memory.caches(), CacheUse { charged: STEP, used: ByteSize(1) });
        assert!(cache.grow(STEP.bytes().0), "is charged already");
        assert_eq!((pool.usage().overhead, pool.usage().available()), (STEP, PageCount(256 - 16)));

        let all = pool.usage().available().0;
        let other = pool.charge(PageCount(all - 15));
        assert!(!cache.grow(STEP.bytes().0 + 1), "one frame too few");
        assert_eq!(memory.caches(), CacheUse { charged: STEP, used: STEP.bytes() });
        drop(other);
        assert!(cache.grow(STEP.bytes().0 + 1));
        cache.shrink(5);
        assert_eq!(memory.caches(), CacheUse { charged: STEP, used: ByteSize(5) });
        drop(cache);
        assert_eq!(memory.caches(), CacheUse { charged: PageCount(0), used: ByteSize(0) });
        assert_eq!(pool.usage().overhead, PageCount(0));
    }

    #[test]
    fn what_is_promised_or_waited_for_is_no_caches() {
        let pool = Pool::new(ByteSize::mib(1)).expect("a small pool fits");
        let memory = memory(&pool, 250);
        let mut cache = memory.new_cache();
        assert!(!cache.grow(1), "250 of 256 frames are promised, and free still");
        cache.must_grow(1);
        assert_eq!(memory.caches().charged, STEP);
    }

    #[test]
    fn where_the_pool_is_not_all_there_is_caches_are_counted() {
        let pool = Pool::new(ByteSize::mib(1)).expect("a small pool fits");
        let memory = VmMemory::new(&pool, VmId(1), Gfn(0), PageCount(256)).expect("the pool has room");
        let mut cache = memory.new_cache();
        assert!(cache.grow(5 << 20));
        assert_eq!(memory.caches(), CacheUse { charged: PageCount(0), used: ByteSize(5 << 20) });
    }
}
