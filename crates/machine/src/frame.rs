//! The frame table: for every frame who owns it, which page it holds and who has pinned it; and the
//! list of free frames.
//!
//! **Invariants.** INV-5: every frame is either on the free list or owned, never both. Frames that
//! running VMs were promised and have not touched yet (`promised`) never exceed the free ones, so
//! first touch cannot find the pool empty (INV-7).
//!
//! **Concurrency.** The free list and `promised` stand under one lock, the innermost of all. Owner
//! and page of a frame change only while the frame is off the free list and in one thread's hands.
//!
//! **Cost.** 12 bytes a frame.

use addr::{Gfn, Mfn, PageCount};
use parking_lot::Mutex;
use std::sync::atomic::{AtomicU32, Ordering};

/// Names a VM for as long as it has memory; 1 and up.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, PartialOrd, Ord)]
pub struct VmId(pub u32);

/// How the pool's frames are used. The three add up to the pool's size together with nothing else.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct FrameUse {
    /// Frames in the pool.
    pub total: PageCount,
    /// Frames on the free list.
    pub free: PageCount,
    /// Frames holding a VM's page.
    pub private: PageCount,
    /// Free frames set aside for pages that running VMs have not touched yet.
    pub promised: PageCount,
}

/// The outcome of an audit: `Err` names the first violation found.
pub type Audit = Result<(), String>;

#[derive(Default)]
struct Frame {
    /// The owner's [`VmId`], or 0 while free.
    owner: AtomicU32,
    gfn: AtomicU32,
    /// Devices holding a slice of the frame: it may not move or be reclaimed.
    pins: AtomicU32,
}

const _: () = assert!(size_of::<Frame>() <= 24, "design limit of metadata per machine frame");

pub(crate) struct Frames {
    table: Box<[Frame]>,
    free: Mutex<FreeList>,
}

struct FreeList {
    /// A stack: the frame freed last is the likeliest to be in the host's caches.
    frames: Vec<u32>,
    promised: u64,
}

impl Frames {
    pub(crate) fn new(count: PageCount) -> Self {
        let frames = (0..count.0 as u32).rev().collect();
        Self {
            table: (0..count.0).map(|_| Frame::default()).collect(),
            free: Mutex::new(FreeList { frames, promised: 0 }),
        }
    }

    fn frame(&self, mfn: Mfn) -> &Frame {
        &self.table[mfn.0 as usize]
    }

    /// Sets frames aside for a VM, or says how many could be.
    pub(crate) fn promise(&self, count: PageCount) -> Result<(), PageCount> {
        let mut free = self.free.lock();
        let available = free.frames.len() as u64 - free.promised;
        if count.0 > available {
            return Err(PageCount(available));
        }
        free.promised += count.0;
        Ok(())
    }

    /// Gives back what a VM was promised and never touched.
    pub(crate) fn forget_promise(&self, count: PageCount) {
        let mut free = self.free.lock();
        free.promised = free.promised.checked_sub(count.0).expect("a promise is forgotten once");
    }

    /// Takes a frame against a promise: cannot fail.
    pub(crate) fn take_promised(&self, owner: VmId, gfn: Gfn) -> Mfn {
        let mfn = {
            let mut free = self.free.lock();
            free.promised = free.promised.checked_sub(1).expect("INV-7: taken only what was promised");
            free.frames.pop().expect("INV-7: promised frames are free")
        };
        self.hand_over(mfn, owner, gfn)
    }

    /// Takes a frame nobody was promised, if there is one.
    pub(crate) fn take_spare(&self, owner: VmId, gfn: Gfn) -> Option<Mfn> {
        let mfn = {
            let mut free = self.free.lock();
            if free.frames.len() as u64 <= free.promised {
                return None;
            }
            free.frames.pop()?
        };
        Some(self.hand_over(mfn, owner, gfn))
    }

    fn hand_over(&self, mfn: u32, owner: VmId, gfn: Gfn) -> Mfn {
        let mfn = Mfn(u64::from(mfn));
        let frame = self.frame(mfn);
        assert_eq!(frame.owner.swap(owner.0, Ordering::Relaxed), 0, "INV-5: {mfn:?} was free and owned");
        frame.gfn.store(gfn.0 as u32, Ordering::Relaxed);
        mfn
    }

    /// Puts a frame on the free list. Nobody may be able to reach it any more.
    pub(crate) fn release(&self, mfn: Mfn, owner: VmId) {
        let frame = self.frame(mfn);
        // A pin may come and go on a frame just left: its taker then finds the page elsewhere and
        // drops it, having touched nothing. So pins say nothing here.
        assert_eq!(frame.owner.swap(0, Ordering::Relaxed), owner.0, "INV-5: {mfn:?} released by its owner");
        self.free.lock().frames.push(mfn.0 as u32);
    }

    pub(crate) fn pin(&self, mfn: Mfn) {
        self.frame(mfn).pins.fetch_add(1, Ordering::SeqCst);
    }

    pub(crate) fn unpin(&self, mfn: Mfn) {
        let before = self.frame(mfn).pins.fetch_sub(1, Ordering::SeqCst);
        assert_ne!(before, 0, "{mfn:?} is unpinned as often as pinned");
    }

    pub(crate) fn is_pinned(&self, mfn: Mfn) -> bool {
        self.frame(mfn).pins.load(Ordering::SeqCst) != 0
    }

    pub(crate) fn owner(&self, mfn: Mfn) -> Option<(VmId, Gfn)> {
        let frame = self.frame(mfn);
        let owner = frame.owner.load(Ordering::Relaxed);
        (owner != 0).then(|| (VmId(owner), Gfn(u64::from(frame.gfn.load(Ordering::Relaxed)))))
    }

    pub(crate) fn usage(&self) -> FrameUse {
        let free = self.free.lock();
        let total = self.table.len() as u64;
        let unused = free.frames.len() as u64;
        FrameUse {
            total: PageCount(total),
            free: PageCount(unused),
            private: PageCount(total - unused),
            promised: PageCount(free.promised),
        }
    }

    pub(crate) fn audit(&self) -> Audit {
        let free = self.free.lock();
        if free.promised > free.frames.len() as u64 {
            return Err(format!("INV-7: {} frames promised, {} free", free.promised, free.frames.len()));
        }
        let mut on_list = vec![false; self.table.len()];
        for &mfn in &free.frames {
            if std::mem::replace(&mut on_list[mfn as usize], true) {
                return Err(format!("INV-5: frame {mfn:#x} is on the free list twice"));
            }
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

impl crate::Pool {
    /// How the frames are used now.
    pub fn usage(&self) -> FrameUse {
        self.frames().usage()
    }

    /// Checks the frame table against the free list (INV-5, INV-7).
    ///
    /// # Errors
    /// The first violation found.
    pub fn audit(&self) -> Audit {
        self.frames().audit()
    }
}
