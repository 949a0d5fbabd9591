//! The frame table: for every frame what it holds and who has pinned it; and the list of free frames.
//!
//! **Invariants.** INV-5: every frame is either on the free list or holds something, never both.
//! Reservations of running VMs and the host's overhead never exceed the pool (INV-6).
//!
//! **Concurrency.** The free list and the sums stand under one lock, the innermost of all. What a
//! frame holds changes only while the frame is off the free list and in one thread's hands; a shared
//! frame's count of pages changes under the lock of [`crate::share`]'s table.
//!
//! **Cost.** 16 bytes a frame.

use crate::frame_use::FrameUse;
use crate::free_list::FreeList;
use crate::sync::{AtomicU32, AtomicU64, Condvar, Mutex, Ordering, write_then_look};
use addr::{Gfn, Mfn, PageCount, VmId};
use std::sync::Arc;

/// Whose pages may share frames: those of the same group. Below 2³⁰.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub struct ShareGroup(pub u32);

/// What a frame holds.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Holds {
    /// Nothing: it is free.
    Nothing,
    /// One page of a VM.
    Page(VmId, Gfn),
    /// One content for several pages of a group.
    Shared {
        /// The group.
        group: ShareGroup,
        /// How many pages.
        pages: u32,
    },
    /// Compressed pages of a VM.
    Zip(VmId),
}

impl Holds {
    const SHARED: u32 = 1 << 31;
    const ZIP: u32 = 1 << 30;

    fn encode(self) -> (u32, u32) {
        match self {
            Self::Nothing => (0, 0),
            Self::Page(vm, gfn) => (vm.0, gfn.0 as u32),
            Self::Shared { group, pages } => (Self::SHARED | group.0, pages),
            Self::Zip(vm) => (Self::ZIP | vm.0, 0),
        }
    }

    fn decode(owner: u32, detail: u32) -> Self {
        let name = owner & !(Self::SHARED | Self::ZIP);
        match owner & (Self::SHARED | Self::ZIP) {
            0 if owner == 0 => Self::Nothing,
            0 => Self::Page(VmId(name), Gfn(u64::from(detail))),
            Self::SHARED => Self::Shared { group: ShareGroup(name), pages: detail },
            _ => Self::Zip(VmId(name)),
        }
    }
}

/// The outcome of an audit: `Err` names the first violation found.
pub type Audit = Result<(), String>;

#[derive(Default)]
struct Frame {
    owner: AtomicU32,
    detail: AtomicU32,
    /// Devices holding a slice of the frame: it may not move or be reclaimed.
    pins: AtomicU32,
    /// The next frame on the free list or on a chain of [`crate::share`]'s table.
    next: AtomicU32,
}

/// What is kept about a frame, all tables together, in bytes.
const BYTES_PER_FRAME: u64 = size_of::<Frame>() as u64 + crate::share::BYTES_PER_FRAME;
#[cfg(not(loom))]
const _: () = assert!(BYTES_PER_FRAME <= 24, "design limit of metadata per machine frame");

/// Ends a list of frames.
pub(crate) const END: u32 = u32::MAX;

/// Told when frames run short; called with no lock held, and often.
pub type Bell = Arc<dyn Fn() + Send + Sync>;

pub(crate) struct Frames {
    table: Box<[Frame]>,
    list: Mutex<FreeList>,
    /// A frame came free, or whoever waits has another reason to look.
    news: Condvar,
    /// Frames taken and not in their place yet, for pages and for zip stores. Grows under the lock.
    in_flight: [AtomicU64; 2],
}

impl Frames {
    pub(crate) fn new(count: PageCount) -> Self {
        let following = |mfn: u64| if mfn + 1 < count.0 { mfn as u32 + 1 } else { END };
        let frame = |mfn| Frame { next: AtomicU32::new(following(mfn)), ..Frame::default() };
        Self {
            table: (0..count.0).map(frame).collect(),
            list: Mutex::new(FreeList::new(count.0)),
            news: Condvar::new(),
            in_flight: [AtomicU64::new(0), AtomicU64::new(0)],
        }
    }

    fn frame(&self, mfn: Mfn) -> &Frame {
        &self.table[mfn.0 as usize]
    }

    /// Frames that are guaranteed to nobody.
    fn unreserved(&self, free: &FreeList) -> u64 {
        (self.table.len() as u64).saturating_sub(free.reserved + free.overhead)
    }

    /// Guarantees `count` frames, or says how many could be.
    pub(crate) fn reserve(&self, count: PageCount) -> Result<(), PageCount> {
        let mut free = self.list.lock();
        let unreserved = self.unreserved(&free);
        if count.0 > unreserved {
            return Err(PageCount(unreserved));
        }
        free.reserved += count.0;
        Ok(())
    }

    /// A VM more has memory, which is guaranteed `count` frames; or as many could be.
    pub(crate) fn enter(&self, count: PageCount) -> Result<(), PageCount> {
        self.reserve(count)?;
        self.list.lock().memories += 1;
        Ok(())
    }

    /// A VM's memory is gone, and what it was guaranteed.
    pub(crate) fn leave(&self, count: PageCount) {
        self.unreserve(count);
        self.list.lock().memories -= 1;
    }

    /// Gives a guarantee up.
    pub(crate) fn unreserve(&self, count: PageCount) {
        let mut free = self.list.lock();
        free.reserved = free.reserved.checked_sub(count.0).expect("INV-6: a reservation ends once");
    }

    /// Keeps `after` frames unused where `before` were for the same purpose.
    pub(crate) fn change_overhead(&self, before: PageCount, after: PageCount) {
        let mut free = self.list.lock();
        free.overhead = (free.overhead + after.0).checked_sub(before.0).expect("INV-5: overhead ends once");
        drop(free);
        if after < before {
            self.tell_waiting();
        }
    }

    /// The same for frames that are guaranteed to nobody, or says how many of these there are.
    pub(crate) fn add_overhead(&self, count: PageCount) -> Result<(), PageCount> {
        let mut free = self.list.lock();
        let unreserved = self.unreserved(&free);
        if count.0 > unreserved {
            return Err(PageCount(unreserved));
        }
        free.overhead += count.0;
        Ok(())
    }

    /// The same for what could be done without, and says whether it did: only if so many frames are available and nobody waits for one.
    pub(crate) fn add_spare_overhead(&self, count: PageCount) -> bool {
        let mut free = self.list.lock();
        let unreserved = self.unreserved(&free);
        let available = free.available();
        let fits = free.waiting == 0 && count.0 <= available.min(unreserved);
        if fits {
            free.overhead += count.0;
        }
        // Who asks runs a guest and holds its vCPU's lock: the bell only wakes who reclaims.
        let bell = (available <= free.mark + count.0).then(|| free.bell.clone()).flatten();
        drop(free);
        if let Some(bell) = bell {
            bell();
        }
        fits
    }

    /// Makes free frames cold until there are as many as stay unused, and says whether there are; `give_back` is to take the host's
    /// memory from a frame.
    pub(crate) fn cool(&self, give_back: impl Fn(Mfn)) -> bool {
        // One frame at a time, so that nobody waits for more than one system call.
        while self.cool_one(&give_back) {}
        let free = self.list.lock();
        free.cold.count() >= free.overhead
    }

    /// Makes a free frame cold if more have to be; says whether it did.
    fn cool_one(&self, give_back: impl Fn(Mfn)) -> bool {
        let mut free = self.list.lock();
        if free.cold.count() >= free.overhead {
            return false;
        }
        let Some(mfn) = free.warm.pop(|mfn| self.next(mfn)) else { return false };
        give_back(mfn);
        free.cold.push(mfn, |mfn, next| self.set_next(mfn, next));
        true
    }

    pub(crate) fn set_bell(&self, mark: PageCount, bell: Option<Bell>) {
        let mut free = self.list.lock();
        free.mark = mark.0;
        free.bell = bell;
    }

    /// Takes a frame to hold something, if one is available.
    pub(crate) fn take(&self, holds: Holds) -> Option<Taken<'_>> {
        let (taken, bell) = self.take_above(holds, |_| 0);
        if let Some(bell) = bell {
            bell();
        }
        taken
    }

    /// Takes a frame for what is only convenient: if so many are available that no bell rings.
    pub(crate) fn take_spare(&self, holds: Holds) -> Option<Taken<'_>> {
        self.take_above(holds, |free| free.mark + 1).0
    }

    /// Takes a frame to help in reclaiming others: whoever does that need not be woken, and holds
    /// locks.
    pub(crate) fn take_quietly(&self, holds: Holds) -> Option<Taken<'_>> {
        self.take_above(holds, |_| 0).0
    }

    fn take_above(&self, holds: Holds, keep: impl Fn(&FreeList) -> u64) -> (Option<Taken<'_>>, Option<Bell>) {
        #[cfg(test)]
        if is_refused() {
            return (None, None);
        }
        let mut free = self.list.lock();
        let available = free.available();
        let mut taken = None;
        if available > keep(&free) {
            let next = |mfn| self.next(mfn);
            taken = free.warm.pop(next).or_else(|| free.cold.pop(next));
            if let Some(count) = free.count(holds) {
                *count += 1;
            }
            if taken.is_some() {
                self.in_flight(holds).fetch_add(1, Ordering::SeqCst);
            }
        }
        let bell = if available <= free.mark { free.bell.clone() } else { None };
        drop(free);
        let taken = taken.map(|mfn| {
            let before = self.holds(mfn);
            assert_eq!(before, Holds::Nothing, "INV-5: {mfn:?} was free");
            self.set(mfn, holds);
            Taken { frames: self, mfn, holds }
        });
        (taken, bell)
    }

    /// Waits until a frame is available or `enough` says there is another reason to go on; rings
    /// the bell first. Changes that `enough` looks at must be followed by [`Frames::tell_waiting`].
    pub(crate) fn wait(&self, enough: impl Fn(bool) -> bool) {
        let bell = self.list.lock().bell.clone();
        if let Some(bell) = bell {
            bell();
        }
        let mut free = self.list.lock();
        free.waiting += 1;
        while !enough(free.available() > 0) {
            self.news.wait(&mut free);
        }
        free.waiting -= 1;
    }

    /// Lets everyone who waits look again.
    pub(crate) fn tell_waiting(&self) {
        drop(self.list.lock());
        self.news.notify_all();
    }

    /// Changes what a frame in the caller's hands holds.
    pub(crate) fn change(&self, mfn: Mfn, holds: Holds) {
        assert_ne!(holds, Holds::Nothing, "a frame is freed by releasing it");
        let before = self.holds(mfn);
        assert_ne!(before, Holds::Nothing, "INV-5: {mfn:?} is in use");
        self.set(mfn, holds);
        let mut free = self.list.lock();
        if let Some(count) = free.count(before) {
            *count -= 1;
        }
        if let Some(count) = free.count(holds) {
            *count += 1;
        }
    }

    /// Puts a frame on the free list. Nobody may be able to reach it any more.
    pub(crate) fn release(&self, mfn: Mfn) {
        self.free(mfn, || {});
    }

    fn in_flight(&self, holds: Holds) -> &AtomicU64 {
        &self.in_flight[usize::from(matches!(holds, Holds::Zip(_)))]
    }

    /// Puts a frame on the free list, and does `more` at the same moment.
    fn free(&self, mfn: Mfn, more: impl FnOnce()) {
        let before = self.holds(mfn);
        assert_ne!(before, Holds::Nothing, "INV-5: {mfn:?} is freed once");
        // A pin may come and go on a frame just left: its taker then finds the page elsewhere and
        // drops it, having touched nothing. So pins say nothing here.
        self.set(mfn, Holds::Nothing);
        let mut free = self.list.lock();
        if let Some(count) = free.count(before) {
            *count -= 1;
        }
        free.warm.push(mfn, |mfn, next| self.set_next(mfn, next));
        more();
        if free.waiting > 0 {
            self.news.notify_all();
        }
    }

    fn set(&self, mfn: Mfn, holds: Holds) {
        let (owner, detail) = holds.encode();
        let frame = self.frame(mfn);
        frame.owner.store(owner, Ordering::Relaxed);
        frame.detail.store(detail, Ordering::Relaxed);
    }

    /// What the frame holds; nothing for a frame that is not the pool's to give, as that of zeros.
    pub(crate) fn holds(&self, mfn: Mfn) -> Holds {
        let Some(frame) = self.table.get(mfn.0 as usize) else { return Holds::Nothing };
        Holds::decode(frame.owner.load(Ordering::Relaxed), frame.detail.load(Ordering::Relaxed))
    }

    pub(crate) fn pin(&self, mfn: Mfn) {
        if let Some(frame) = self.table.get(mfn.0 as usize) {
            frame.pins.fetch_add(1, Ordering::SeqCst);
        }
    }

    /// Pins a frame if the page is `still_there`. Whoever changes the page sets the passage bit first
    /// and looks for pins second; here the pin is set first and the entry read second, so one of the
    /// two sees the other, or both.
    pub(crate) fn pin_if(&self, mfn: Mfn, still_there: impl FnOnce() -> bool) -> bool {
        self.pin(mfn);
        write_then_look();
        let pinned = still_there();
        if !pinned {
            self.unpin(mfn);
        }
        pinned
    }

    pub(crate) fn unpin(&self, mfn: Mfn) {
        if let Some(frame) = self.table.get(mfn.0 as usize) {
            let before = frame.pins.fetch_sub(1, Ordering::SeqCst);
            assert_ne!(before, 0, "{mfn:?} is unpinned as often as pinned");
        }
    }

    /// Whether somebody holds the frame, of a page that is in passage.
    pub(crate) fn is_pinned(&self, mfn: Mfn) -> bool {
        write_then_look();
        self.frame(mfn).pins.load(Ordering::SeqCst) != 0
    }

    /// The next frame on the same list. Under the lock of the list.
    pub(crate) fn next(&self, mfn: Mfn) -> u32 {
        self.frame(mfn).next.load(Ordering::Relaxed)
    }

    pub(crate) fn set_next(&self, mfn: Mfn, next: u32) {
        self.frame(mfn).next.store(next, Ordering::Relaxed);
    }

    pub(crate) fn count(&self) -> PageCount {
        PageCount(self.table.len() as u64)
    }

    pub(crate) fn usage(&self) -> FrameUse {
        let free = self.list.lock();
        let total = self.table.len() as u64;
        let unused = free.free();
        let [pages, zip] = [0, 1].map(|kind: usize| self.in_flight[kind].load(Ordering::SeqCst));
        FrameUse {
            total: PageCount(total),
            free: PageCount(unused),
            // One may be counted in its place a moment before it is not in flight any more.
            private: PageCount((total - unused - free.shared - free.zip).saturating_sub(pages)),
            shared: PageCount(free.shared),
            zip: PageCount(free.zip.saturating_sub(zip)),
            in_flight: PageCount(pages + zip),
            overhead: PageCount(free.overhead),
            reserved: PageCount(free.reserved),
            memories: free.memories,
        }
    }

    pub(crate) fn audit(&self) -> Audit {
        let free = self.list.lock();
        if free.reserved > self.table.len() as u64 {
            return Err(format!("INV-6: {} frames reserved of {}", free.reserved, self.table.len()));
        }
        let mut on_list = vec![false; self.table.len()];
        for list in [&free.warm, &free.cold] {
            list.audit(|mfn| self.next(mfn), |mfn| !std::mem::replace(&mut on_list[mfn.0 as usize], true))?;
        }
        // A frame between the list and its owner has an owner already or still, so what is found
        // here holds also while VMs run, except that a frame off the list may not be owned yet.
        for (mfn, frame) in self.table.iter().enumerate() {
            if on_list[mfn] && frame.owner.load(Ordering::Relaxed) != 0 {
                return Err(format!("INV-5: frame {mfn:#x} is free and owned"));
            }
        }
        Ok(())
    }
}

#[cfg(test)]
thread_local! {
    /// How many frames this thread may take before it is refused one, once; 0 refuses none.
    pub(crate) static TAKES_UNTIL_REFUSED: std::cell::Cell<u32> = const { std::cell::Cell::new(0) };
}

#[cfg(test)]
fn is_refused() -> bool {
    let left = TAKES_UNTIL_REFUSED.get();
    TAKES_UNTIL_REFUSED.set(left.saturating_sub(1));
    left == 1
}

/// A frame taken for something, which is freed again unless it is put there.
pub(crate) struct Taken<'a> {
    frames: &'a Frames,
    mfn: Mfn,
    holds: Holds,
}

impl Taken<'_> {
    pub(crate) fn mfn(&self) -> Mfn {
        self.mfn
    }

    /// The frame is in its place now. Within a section of its VM.
    pub(crate) fn keep(self) -> Mfn {
        let mfn = self.mfn;
        self.frames.in_flight(self.holds).fetch_sub(1, Ordering::SeqCst);
        std::mem::forget(self);
        mfn
    }
}

impl Drop for Taken<'_> {
    fn drop(&mut self) {
        self.frames.free(self.mfn, || _ = self.frames.in_flight(self.holds).fetch_sub(1, Ordering::SeqCst));
    }
}

impl crate::Pool {
    /// Bytes of host memory that each frame costs beside itself.
    pub const BYTES_PER_FRAME: u64 = BYTES_PER_FRAME;

    /// How the frames are used now.
    pub fn usage(&self) -> FrameUse {
        self.frames().usage()
    }

    /// What a frame holds.
    pub fn holds(&self, mfn: Mfn) -> Holds {
        self.frames().holds(mfn)
    }

    /// Has `bell` called whenever a frame is taken with at most `mark` available, and whenever
    /// someone has to wait for one.
    pub fn set_bell(&self, mark: PageCount, bell: Option<Bell>) {
        self.frames().set_bell(mark, bell);
    }

    /// Checks the frame table against the free list and the shared frames (INV-5, INV-6).
    ///
    /// # Errors
    /// The first violation found.
    pub fn audit(&self) -> Audit {
        self.frames().audit()?;
        self.audit_shared()
    }
}
