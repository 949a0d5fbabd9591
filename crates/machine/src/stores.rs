//! Where the content of pages without a frame is: a VM's zip store and its swap file.
//!
//! **Concurrency.** The zip store has a lock, held for one page's work; the swap file has its own.
//!
//! **Invariants.** INV-4: both give back what was put in or say that they cannot.

use crate::frame::Audit;
use crate::pages::state::PageState;
use crate::pool::{Frame, Page};
use crate::swap::{BYTES_PER_SLOT, Slot, SwapError, SwapFile, SwapUse};
use crate::zip::{BYTES_PER_FRAME, Compressor, ZipHandle, ZipStore, ZipUse};
use addr::{Gfn, Mfn, PageCount};
use parking_lot::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};

/// A VM's zip store and swap file.
pub struct Stores {
    zip: Mutex<Zip>,
    /// Frames of the zip store, to be read without its lock.
    zip_frames: AtomicU64,
    zip_limit: AtomicU64,
    swap: Option<SwapFile>,
}

struct Zip {
    store: ZipStore,
    compressor: Compressor,
}

/// What the stores hold.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct StoreUse {
    /// The zip store.
    pub zip: ZipUse,
    /// The swap file.
    pub swap: SwapUse,
}

impl StoreUse {
    /// Memory outside the pool for what the stores keep about pages, in bytes.
    pub const fn bytes(&self) -> u64 {
        self.swap.used.0 * BYTES_PER_SLOT + self.zip.frames.0 * BYTES_PER_FRAME
    }

    /// The most of it for a VM with so much memory: a page that is out takes a slot, and a frame of the zip store holds more than one page.
    pub const fn most_bytes(memory: PageCount) -> u64 {
        memory.0 * BYTES_PER_SLOT
    }
}

impl Stores {
    /// A zip store of at most `zip_limit` frames, and a swap file.
    pub fn new(zip_limit: PageCount, swap: Option<SwapFile>) -> Self {
        let zip = Zip { store: ZipStore::new(zip_limit), compressor: Compressor::default() };
        let (zip_frames, zip_limit) = (AtomicU64::new(0), AtomicU64::new(zip_limit.0));
        Self { zip: Mutex::new(zip), zip_frames, zip_limit, swap }
    }

    /// No store at all: what is private stays so.
    pub fn none() -> Self {
        Self::new(PageCount(0), None)
    }

    /// Changes how many frames the zip store may use. What is beyond goes out as it is used.
    pub fn set_zip_limit(&self, limit: PageCount) {
        self.zip.lock().store.set_limit(limit);
        self.zip_limit.store(limit.0, Ordering::Relaxed);
    }

    pub(crate) fn swap(&self) -> Option<&SwapFile> {
        self.swap.as_ref()
    }

    /// Frames the zip store uses.
    pub(crate) fn zip_frames(&self) -> u64 {
        self.zip_frames.load(Ordering::Relaxed)
    }

    pub(crate) fn usage(&self) -> StoreUse {
        let zip = self.zip.lock().store.usage();
        StoreUse { zip, swap: self.swap.as_ref().map(SwapFile::usage).unwrap_or_default() }
    }

    /// Compresses a page into the zip store, which asks `more` for a frame when it needs one. `None`
    /// if the page does not shrink enough or there is no room.
    pub(crate) fn compress(
        &self,
        gfn: Gfn,
        page: &Page,
        more: impl FnOnce() -> Option<(Mfn, Frame)>,
    ) -> Option<ZipHandle> {
        let Zip { store, compressor } = &mut *self.zip.lock();
        let compressed = compressor.compress(gfn, page)?;
        let handle = store.insert(&compressed, more);
        self.zip_frames.store(store.usage().frames.0, Ordering::Relaxed);
        handle
    }

    /// Whether the zip store uses all the frames it may, and more of its pages could go to swap.
    pub(crate) fn is_zip_full(&self) -> bool {
        let frames = self.zip_frames();
        self.swap.is_some() && frames > 0 && frames >= self.zip_limit.load(Ordering::Relaxed)
    }

    /// The pages in the zip store that have been there longest, at most `most`.
    pub(crate) fn oldest_compressed(&self, most: usize) -> Vec<(Gfn, ZipHandle)> {
        self.zip.lock().store.oldest_first().take(most).collect()
    }

    /// Copies the content of a page in the given state to `into`.
    ///
    /// # Errors
    /// Why it cannot be had.
    pub(crate) fn read(&self, gfn: Gfn, state: PageState, into: &mut Page) -> Result<(), String> {
        match state {
            PageState::Compressed(handle) => {
                self.zip.lock().store.read(gfn, handle, into).map_err(|corrupt| corrupt.to_string())
            }
            PageState::Swapped(slot) => {
                let swap = self.swap.as_ref().expect("a swapped page has a swap file");
                swap.read(slot, into).map_err(|error| error.to_string())
            }
            other => unreachable!("{other:?} is in no store"),
        }
    }

    /// Copies the content of neighbouring slots, from `first` on.
    ///
    /// # Errors
    /// Why one of them cannot be had.
    pub(crate) fn read_run(&self, first: Slot, into: &mut [Page]) -> Result<(), SwapError> {
        self.swap.as_ref().expect("a swapped page has a swap file").read_run(first, into)
    }

    /// Forgets the content of a page in the given state; gives the frame that the zip store does
    /// not need any more, to be freed.
    ///
    /// # Errors
    /// Why the zip store cannot let go of it.
    pub(crate) fn forget(&self, gfn: Gfn, state: PageState) -> Result<Option<Mfn>, String> {
        match state {
            PageState::Compressed(handle) => {
                let store = &mut self.zip.lock().store;
                let emptied = store.remove(gfn, handle).map_err(|corrupt| corrupt.to_string())?;
                self.zip_frames.store(store.usage().frames.0, Ordering::Relaxed);
                Ok(emptied)
            }
            PageState::Swapped(slot) => {
                self.swap.as_ref().expect("a swapped page has a swap file").free(slot);
                Ok(None)
            }
            other => unreachable!("{other:?} is in no store"),
        }
    }

    /// Writes pages to the swap file, in slots as near to each other as there are.
    ///
    /// # Errors
    /// Why it did not take them; then it has taken none.
    pub(crate) fn write_out(&self, pages: &[Page]) -> Result<Vec<Slot>, SwapError> {
        let pages: Vec<&Page> = pages.iter().collect();
        self.swap.as_ref().map_or(Ok(Vec::new()), |swap| swap.write(&pages))
    }

    /// The frames of the zip store, which goes with all it holds.
    pub(crate) fn zip_frames_at_end(&self) -> Vec<Mfn> {
        self.zip.lock().store.frames().collect()
    }

    pub(crate) fn audit(&self) -> Audit {
        self.zip.lock().store.audit()?;
        self.swap.as_ref().map_or(Ok(()), SwapFile::audit)
    }
}
