//! The memory of one VM: its pmap over the pool.
//!
//! **Model.** A processor looks pages up in [`VmMemory::pmap`]; when it finds that a page needs work
//! it leaves its own lock and calls [`VmMemory::resolve`], then tries again. A device pins the
//! pages it reads and writes directly.
//!
//! **Failure.** Memory is promised when the VM gets it ([`VmMemory::new`] refuses with figures), so
//! touching it never fails afterwards.

use crate::frame::{Audit, VmId};
use crate::pmap::{Lookup, PageState, Pmap};
use crate::pool::Pool;
use addr::{Gfn, Mfn, PageCount};
use parking_lot::{Condvar, Mutex};
use std::sync::atomic::{AtomicU64, Ordering};
use thiserror::Error;

/// Why a VM cannot have memory, or not this page.
#[derive(Debug, Error, PartialEq, Eq)]
pub enum MemoryError {
    /// The pool cannot promise that much.
    #[error(
        "the VM needs {} of machine memory and {} of it is free: give the VM less memory, or the pool more \
         (--machine-memory)",
        asked.bytes(), free.bytes()
    )]
    PoolTooSmall {
        /// The VM's size.
        asked: PageCount,
        /// Frames free and not promised to others.
        free: PageCount,
    },
    /// The gfn is not memory of this VM.
    #[error("guest frame {0} is not memory of this VM")]
    Outside(Gfn),
}

/// How many pages of a VM are in each state. They add up to the VM's size.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct PageCensus {
    /// Never used.
    pub untouched: PageCount,
    /// In a frame of their own.
    pub private: PageCount,
    /// Of all of these, on their way to another state.
    pub in_passage: PageCount,
}

/// One VM's memory. See the module's documentation.
pub struct VmMemory {
    pub(crate) id: VmId,
    pub(crate) pool: Pool,
    pub(crate) pmap: Pmap,
    untouched: AtomicU64,
    /// Where those wait who found a page in passage; guards nothing but the waiting.
    waiting: Mutex<()>,
    passage_ended: Condvar,
}

impl VmMemory {
    /// Promises a VM `size` pages from `first` on, all untouched.
    ///
    /// # Errors
    /// [`MemoryError::PoolTooSmall`] if the pool has not that much free.
    ///
    /// # Panics
    /// If the pages do not fit a [`Pmap`], or `id` is 0.
    pub fn new(pool: &Pool, id: VmId, first: Gfn, size: PageCount) -> Result<Self, MemoryError> {
        assert_ne!(id.0, 0, "VM ids start at 1");
        let pmap = Pmap::new(first, size);
        pool.frames().promise(size).map_err(|free| MemoryError::PoolTooSmall { asked: size, free })?;
        Ok(Self {
            id,
            pool: pool.clone(),
            pmap,
            untouched: AtomicU64::new(size.0),
            waiting: Mutex::new(()),
            passage_ended: Condvar::new(),
        })
    }

    /// The VM this memory belongs to.
    pub fn id(&self) -> VmId {
        self.id
    }

    /// The pool its frames come from.
    pub fn pool(&self) -> &Pool {
        &self.pool
    }

    /// What each page is.
    pub fn pmap(&self) -> &Pmap {
        &self.pmap
    }

    /// Makes a page ready and gives its frame: an untouched page gets a zeroed one, a page in
    /// passage is waited for. By the time the caller looks, the page may be on its way again: only
    /// a [`Pin`] or the hart's lock holds it.
    ///
    /// # Errors
    /// [`MemoryError::Outside`] if the gfn is not memory.
    pub fn resolve(&self, gfn: Gfn) -> Result<Mfn, MemoryError> {
        loop {
            match self.pmap.lookup(gfn) {
                Lookup::Mapped(mfn) => return Ok(mfn),
                Lookup::Outside => return Err(MemoryError::Outside(gfn)),
                Lookup::NeedsWork if self.pmap.begin_passage(gfn, PageState::Untouched) => {
                    return Ok(self.first_touch(gfn));
                }
                Lookup::NeedsWork => self.wait_for_passage(gfn),
            }
        }
    }

    fn first_touch(&self, gfn: Gfn) -> Mfn {
        let mfn = self.pool.frames().take_promised(self.id, gfn);
        self.pool.zero_frame(mfn);
        self.untouched.fetch_sub(1, Ordering::Relaxed);
        self.pmap.publish(gfn, PageState::Private(mfn));
        self.wake_waiters();
        mfn
    }

    fn wait_for_passage(&self, gfn: Gfn) {
        let mut waiting = self.waiting.lock();
        while self.pmap.state(gfn).is_some_and(|(_, in_passage)| in_passage) {
            self.passage_ended.wait(&mut waiting);
        }
    }

    /// Called after every publication. Taking the lock makes sure that whoever saw the passage bit
    /// is already waiting, or has yet to look again.
    pub(crate) fn wake_waiters(&self) {
        drop(self.waiting.lock());
        self.passage_ended.notify_all();
    }

    /// Holds a page in its frame until the pin is dropped, making it ready first.
    ///
    /// # Errors
    /// [`MemoryError::Outside`] if the gfn is not memory.
    pub fn pin(&self, gfn: Gfn) -> Result<Pin<'_>, MemoryError> {
        loop {
            let mfn = self.resolve(gfn)?;
            self.pool.frames().pin(mfn);
            // Whoever moves the page sets the passage bit first and looks for pins second; here the
            // pin is set first and the entry read second. Sequential consistency lets one of the
            // two see the other.
            if self.pmap.lookup(gfn) == Lookup::Mapped(mfn) {
                return Ok(Pin { memory: self, mfn });
            }
            self.pool.frames().unpin(mfn);
        }
    }

    /// Counts the pages in each state, one by one.
    pub fn census(&self) -> PageCensus {
        let mut census = PageCensus::default();
        for gfn in self.pmap.pages() {
            let Some((state, in_passage)) = self.pmap.state(gfn) else { continue };
            match state {
                PageState::Untouched => census.untouched.0 += 1,
                PageState::Private(_) => census.private.0 += 1,
            }
            census.in_passage.0 += u64::from(in_passage);
        }
        census
    }

    /// Pages never used, without counting.
    pub fn untouched(&self) -> PageCount {
        PageCount(self.untouched.load(Ordering::Relaxed))
    }

    /// Checks that every private page's frame says that it holds this page (INV-1, INV-5), which
    /// also means that no two pages share one; and that the census agrees with the count kept. May
    /// be made while the VM runs.
    ///
    /// # Errors
    /// The first violation found.
    pub fn audit(&self) -> Audit {
        self.pmap.pages().try_for_each(|gfn| self.audit_page(gfn))?;
        let (before, census, after) = (self.untouched(), self.census(), self.untouched());
        // Where pages were touched meanwhile, census and count are of different moments.
        let at_rest = before == after && census.in_passage.0 == 0;
        if at_rest && census.untouched != after {
            return Err(format!("INV-5: {after:?} untouched by count, {census:?}"));
        }
        Ok(())
    }

    fn audit_page(&self, gfn: Gfn) -> Audit {
        let Lookup::Mapped(mfn) = self.pmap.lookup(gfn) else { return Ok(()) };
        if self.pool.owner(mfn) == Some((self.id, gfn)) {
            return Ok(());
        }
        // The page may just have moved, even there and back. In passage it stays where it is.
        if !self.pmap.begin_passage(gfn, PageState::Private(mfn)) {
            return Ok(());
        }
        let owner = self.pool.owner(mfn);
        self.pmap.publish(gfn, PageState::Private(mfn));
        self.wake_waiters();
        if owner == Some((self.id, gfn)) {
            Ok(())
        } else {
            Err(format!("INV-5: {gfn:?} is in {mfn:?}, which holds {owner:?}"))
        }
    }
}

impl Drop for VmMemory {
    fn drop(&mut self) {
        for gfn in self.pmap.pages() {
            if let Some((PageState::Private(mfn), _)) = self.pmap.state(gfn) {
                self.pool.frames().release(mfn, self.id);
            }
        }
        self.pool.frames().forget_promise(self.untouched());
    }
}

/// A page held in its frame: while this lives, the page neither moves nor leaves.
pub struct Pin<'a> {
    memory: &'a VmMemory,
    mfn: Mfn,
}

impl Pin<'_> {
    /// The frame the page is in.
    pub fn mfn(&self) -> Mfn {
        self.mfn
    }
}

impl Clone for Pin<'_> {
    fn clone(&self) -> Self {
        self.memory.pool.frames().pin(self.mfn);
        Self { memory: self.memory, mfn: self.mfn }
    }
}

impl Drop for Pin<'_> {
    fn drop(&mut self) {
        self.memory.pool.frames().unpin(self.mfn);
    }
}
