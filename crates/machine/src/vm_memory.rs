//! The memory of one VM: its pmap over the pool.
//!
//! **Model.** A processor looks pages up in [`VmMemory::pmap`]; when it finds that a page needs work
//! it leaves its own lock and calls [`VmMemory::resolve`], then tries again. A device pins the
//! pages it reads and writes directly. What the host does with pages are methods in the modules
//! named for it: [`crate::scan`], [`crate::reclaim`], [`crate::balloon`], [`crate::sample`].
//!
//! **Failure.** A VM's reservation is promised when it gets its memory ([`VmMemory::new`] refuses with
//! figures). Beyond that, who wants a frame may have to wait until another is reclaimed. What is
//! lost, because a store gave back something else than was put in, is lost with a reason.

use crate::caches::{CacheCharge, CacheUse, Caches};
use crate::clock::Clock;
use crate::counts::MemoryCounts;
use crate::frame::ShareGroup;
use crate::pages::Pages;
use crate::pages::census::PageCensus;
use crate::pages::entry::Lookup;
use crate::pages::pmap::Pmap;
use crate::pages::sections::Section;
use crate::pages::shoot_down::ShootDown;
use crate::pages::state::{PageState, Use};
use crate::pool::Pool;
use crate::stores::{StoreUse, Stores};
use crate::swap::SwapError;
use crate::times::{TimeAccount, User};
use addr::{Gfn, Mfn, PageCount, VmId};
use parking_lot::{Mutex, RwLock};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Weak};
use thiserror::Error;

/// Why a VM cannot have memory, or not this page.
#[derive(Debug, Error, PartialEq, Eq, Clone)]
pub enum MemoryError {
    /// The pool cannot promise that much.
    #[error(
        "the VM needs {} of machine memory reserved and {} of it is unreserved: reserve less for the VM, or \
         give the pool more (--machine-memory)",
        asked.bytes(), free.bytes()
    )]
    PoolTooSmall {
        /// What was to be reserved.
        asked: PageCount,
        /// Frames reserved for nobody.
        free: PageCount,
    },
    /// The gfn is not memory of this VM.
    #[error("guest frame {0} is not memory of this VM")]
    Outside(Gfn),
    /// The VM's memory is being given up: nobody waits for it any more.
    #[error("the VM is ending")]
    Ending,
    /// A page's content cannot be brought back.
    #[error("the content of guest frame {gfn} is lost: {reason}")]
    Lost {
        /// The page.
        gfn: Gfn,
        /// The reason, in words.
        reason: String,
    },
}

/// What a VM's memory rests on.
pub struct Backing {
    /// Never reclaimed below this, once touched.
    pub reservation: PageCount,
    /// Whose pages may be shared with its own.
    pub group: ShareGroup,
    /// Where pages beyond the reservation can go.
    pub stores: Stores,
}

impl Backing {
    /// Of a VM whose memory is all reserved and shared with no other.
    pub fn reserved(id: VmId, size: PageCount) -> Self {
        Self { reservation: size, group: ShareGroup(id.0), stores: Stores::none() }
    }
}

/// Told of a page that is lost; called with that page and others in passage, and perhaps the clock's lock held.
pub type OnLoss = Box<dyn Fn(&MemoryError) + Send + Sync>;

/// One VM's memory. See the module's documentation.
pub struct VmMemory {
    pub(crate) id: VmId,
    pub(crate) pool: Pool,
    pub(crate) pages: Pages,
    pub(crate) group: ShareGroup,
    pub(crate) stores: Stores,
    /// Where the next sharing scan goes on.
    pub(crate) scan_hand: AtomicU64,
    pub(crate) clock: Mutex<Clock>,
    /// Locked while it changes, together with what the pool has promised.
    reservation: Mutex<PageCount>,
    /// Frames it may hold before it must wait for its own to be reclaimed.
    allowance: AtomicU64,
    /// How many wait for a frame for one of its pages.
    pub(crate) waiting_for_frames: AtomicU64,
    ending: AtomicBool,
    on_loss: RwLock<Option<OnLoss>>,
    caches: Arc<Caches>,
    /// What its vCPUs spend their time on.
    pub(crate) times: TimeAccount,
}

impl VmMemory {
    /// Gives a VM `size` pages from `first` on, all untouched, all reserved and none shared with
    /// other VMs.
    ///
    /// # Errors
    /// [`MemoryError::PoolTooSmall`] if the pool cannot guarantee that much.
    ///
    /// # Panics
    /// If the pages do not fit a [`Pmap`], or `id` is 0 or above 2³⁰.
    pub fn new(pool: &Pool, id: VmId, first: Gfn, size: PageCount) -> Result<Self, MemoryError> {
        Self::with_backing(pool, id, first, size, Backing::reserved(id, size))
    }

    /// As [`VmMemory::new`], resting on `backing`.
    ///
    /// # Errors
    /// [`MemoryError::PoolTooSmall`] if the pool cannot guarantee the reservation.
    ///
    /// # Panics
    /// As [`VmMemory::new`].
    pub fn with_backing(
        pool: &Pool,
        id: VmId,
        first: Gfn,
        size: PageCount,
        backing: Backing,
    ) -> Result<Self, MemoryError> {
        assert!((1..1 << 30).contains(&id.0), "VM ids are 1 and up, below 2^30");
        assert!(backing.group.0 < 1 << 30, "share groups are below 2^30");
        let pages = Pages::new(pool, first, size);
        let reservation = backing.reservation;
        pool.frames()
            .enter(reservation)
            .map_err(|free| MemoryError::PoolTooSmall { asked: reservation, free })?;
        Ok(Self {
            id,
            pool: pool.clone(),
            pages,
            group: backing.group,
            stores: backing.stores,
            scan_hand: AtomicU64::new(0),
            clock: Mutex::new(Clock::new(size)),
            reservation: Mutex::new(reservation),
            allowance: AtomicU64::new(u64::MAX),
            waiting_for_frames: AtomicU64::new(0),
            ending: AtomicBool::new(false),
            on_loss: RwLock::new(None),
            caches: Arc::default(),
            times: TimeAccount::new(),
        })
    }

    /// The VM this memory belongs to.
    pub fn id(&self) -> VmId {
        self.id
    }

    /// Whose pages may be shared with its own.
    pub fn group(&self) -> ShareGroup {
        self.group
    }

    /// The pool its frames come from.
    pub fn pool(&self) -> &Pool {
        &self.pool
    }

    /// What each page is.
    #[inline(always)]
    pub fn pmap(&self) -> &Pmap {
        self.pages.pmap()
    }

    /// Names the processors that cache translations, before they do.
    ///
    /// # Panics
    /// If they were named before.
    pub fn attach(&self, processors: &Arc<impl ShootDown + 'static>) {
        self.pages.processors().attach(Arc::downgrade(processors) as Weak<dyn ShootDown>);
    }

    /// Has `tell` called with every page that is found to be lost, whoever wanted it: a VM that goes on
    /// without would work with memory that is not what it left there.
    ///
    /// # Panics
    /// If it was said before.
    pub fn on_loss(&self, tell: OnLoss) {
        let before = self.on_loss.write().replace(tell);
        assert!(before.is_none(), "who is told of losses is said once");
    }

    /// A page's content cannot be had.
    pub(crate) fn lost(&self, gfn: Gfn, reason: String) -> MemoryError {
        let error = MemoryError::Lost { gfn, reason };
        if let Some(tell) = &*self.on_loss.read() {
            tell(&error);
        }
        error
    }

    /// What is never reclaimed once touched.
    pub fn reservation(&self) -> PageCount {
        *self.reservation.lock()
    }

    /// Changes the reservation while the VM runs.
    ///
    /// # Errors
    /// [`MemoryError::PoolTooSmall`] with what more was asked, if the pool cannot guarantee it.
    pub fn set_reservation(&self, reservation: PageCount) -> Result<(), MemoryError> {
        let _section = self.section();
        let mut before = self.reservation.lock();
        if let Some(more) = reservation.0.checked_sub(before.0) {
            let asked = PageCount(more);
            self.pool.frames().reserve(asked).map_err(|free| MemoryError::PoolTooSmall { asked, free })?;
        } else {
            self.pool.frames().unreserve(PageCount(before.0 - reservation.0));
        }
        *before = reservation;
        Ok(())
    }

    /// Frames that are the VM's alone: its private pages and its zip store.
    pub fn held(&self) -> PageCount {
        PageCount(self.pages.private() + self.stores.zip_frames())
    }

    /// Machine memory its pages take: [`VmMemory::held`], and the frames that its share group shares. Exact for a VM that
    /// is alone in its group.
    pub fn consumed(&self) -> PageCount {
        PageCount(self.held().0 + self.pool.shared_by(self.group).0)
    }

    /// Sets how many frames the VM may hold. Who wants one more waits until the host has reclaimed
    /// one of the VM's own, or allows more.
    pub fn set_allowance(&self, frames: PageCount) {
        self.allowance.store(frames.0, Ordering::Relaxed);
        self.pool.frames().tell_waiting();
    }

    /// Whether a page that needs a frame could have one now, without waiting.
    pub fn may_take_frame(&self) -> bool {
        self.is_allowed_more() && self.pool.usage().available().0 > 0
    }

    pub(crate) fn is_allowed_more(&self) -> bool {
        self.held().0 < self.allowance.load(Ordering::Relaxed)
    }

    /// Whether somebody waits for a frame for one of its pages.
    pub fn waits_for_frames(&self) -> bool {
        self.waiting_for_frames.load(Ordering::Relaxed) > 0
    }

    /// Sends home everyone who waits for a page of this VM, now and later.
    pub fn end(&self) {
        self.ending.store(true, Ordering::Relaxed);
        self.pool.frames().tell_waiting();
    }

    /// Begins anew after [`VmMemory::end`], for a VM that is restarted: no page has been touched, and processors can be attached again.
    /// What is promised to the VM stays its own, and so does the space in its swap file.
    ///
    /// # Panics
    /// If a device still holds one of its pages.
    pub fn start_over(&self) {
        self.pages.processors().detach();
        *self.on_loss.write() = None;
        self.allowance.store(u64::MAX, Ordering::Relaxed);
        self.stores.set_zip_limit(PageCount(0));
        self.ending.store(false, Ordering::Relaxed);
        let given = self.discard(self.pmap().pages());
        assert_eq!(given.refused, 0, "nobody uses the memory of a VM that has ended");
    }

    pub(crate) fn is_ending(&self) -> bool {
        self.ending.load(Ordering::Relaxed)
    }

    /// Begins a section in which more than one book of this VM changes.
    pub(crate) fn section(&self) -> Section<'_> {
        self.pages.section()
    }

    /// Holds a page in a frame of its own until the pin is dropped, making it ready first. A page
    /// that shares a frame gets its own for that, so that no VM's device holds what others use.
    ///
    /// # Errors
    /// As [`VmMemory::resolve`].
    pub fn pin(&self, gfn: Gfn) -> Result<Pin<'_>, MemoryError> {
        self.pin_for(User::Device, gfn)
    }

    pub(crate) fn pin_for(&self, user: User, gfn: Gfn) -> Result<Pin<'_>, MemoryError> {
        loop {
            let mfn = self.resolve_for(user, gfn, Use::Write)?;
            if self.pool.frames().pin_if(mfn, || self.pmap().lookup(gfn) == Lookup::Mapped(mfn)) {
                return Ok(Pin { memory: self, mfn });
            }
        }
    }

    /// Has caches made from now on be charged to the pool.
    pub fn charge_caches(&self) {
        self.caches.charge();
    }

    /// The charge of a cache that is empty.
    pub fn new_cache(&self) -> CacheCharge {
        self.caches.new_cache(&self.pool)
    }

    /// What the VM's caches take now.
    pub fn caches(&self) -> CacheUse {
        self.caches.usage()
    }

    /// What its vCPUs spend their time on.
    pub fn times(&self) -> &TimeAccount {
        &self.times
    }

    /// What happened to its pages so far.
    pub fn counts(&self) -> MemoryCounts {
        self.pages.counts().now()
    }

    /// Changes how many frames its zip store may use. What is beyond goes out as it is used.
    pub fn set_zip_limit(&self, limit: PageCount) {
        self.stores.set_zip_limit(limit);
    }

    /// Changes how many pages its swap file has space for, if it has one.
    ///
    /// # Errors
    /// As [`crate::SwapFile::resize`]; the size is as it was.
    pub fn resize_swap(&self, size: PageCount) -> Result<(), SwapError> {
        self.stores.swap().map_or(Ok(()), |swap| swap.resize(size))
    }

    /// Whether there is disk space for a swap file of `size`. Asks the disk, and changes nothing.
    ///
    /// # Errors
    /// [`SwapError::NoSpace`].
    pub fn check_swap(&self, size: PageCount) -> Result<(), SwapError> {
        self.stores.swap().map_or(Ok(()), |swap| swap.check_size(size))
    }

    /// Frames of its zip store.
    pub fn zip_frames(&self) -> PageCount {
        PageCount(self.stores.zip_frames())
    }

    /// What its zip store and swap file hold.
    pub fn stores(&self) -> StoreUse {
        self.stores.usage()
    }

    /// How many pages are in each state.
    pub fn census(&self) -> PageCensus {
        self.pages.census()
    }
}

impl Drop for VmMemory {
    fn drop(&mut self) {
        for gfn in self.pmap().pages() {
            match self.pmap().state(gfn) {
                Some((PageState::Private(mfn), _)) => self.pool.frames().release(mfn),
                Some((PageState::Shared(mfn), _)) => self.pool.leave_shared(mfn),
                _ => {}
            }
        }
        for mfn in self.stores.zip_frames_at_end() {
            self.pool.frames().release(mfn);
        }
        self.pool.frames().leave(self.reservation());
        self.pool.frames().tell_waiting();
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
