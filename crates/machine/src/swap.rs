//! The swap file of one VM.
//!
//! **Model.** An unnamed file, all of whose space is set aside when it is made, divided into *slots*
//! of a page. A page goes out sealed: encrypted under a key that exists only in this process, with
//! the tag that authenticates it kept in memory, not in the file.
//!
//! ```text
//!   pages --seal--> blocks --one write a run--> slots of the file
//!              '--> tag, serial ---------------> Slots (in memory)
//! ```
//!
//! **Invariants.** INV-4: a page comes back only if every bit of it is what was last written to its
//! slot; a file that was altered or truncated, whose slots were exchanged, or put back as they
//! were before, is found out. INV-7: whatever slot is free can be written, as far as the file
//! system keeps what it set aside. INV-5: a slot is free or taken, and counted so.
//!
//! **Concurrency.** Any number of threads read, write and free at once. One lock, innermost, guards
//! the slots and is never held over I/O; a second one lets one thread resize at a time. Who reads a
//! slot sees to it that nobody frees it meanwhile; the page's passage does that.
//!
//! **Failure.** A write that fails has swapped nothing, and all of its slots are free again. A page
//! that cannot be read stays in its slot, so that trying again is possible. A resize that fails
//! changes nothing.
//!
//! Nothing is left behind: the file has no name, and its blocks are of no use without the key, which
//! is gone with the process. That it is wiped from the process's memory when the VM ends, or
//! never lands in the host's own swap, is not promised.
//!
//! **Cost.** 24 bytes of memory a page in use, 16 bytes for each 256 KiB of the file, and
//! up to 256 KiB for each thread that reads or writes. Reading and writing go
//! around the host's page cache, which would only use memory elsewhere. Figures:
//! `docs/decisions/0021-swap-file.md`.
//!
//! **Not here.** Which pages go out and in, and when. Pages written together lie in neighbouring
//! slots, in the order given, so whoever sorts them by gfn can read ahead with
//! [`SwapFile::read_run`].

mod seal;
mod slots;
mod storage;
#[cfg(test)]
pub(crate) mod tests;

use crate::frame::Audit;
use addr::{ByteSize, PAGE_SIZE, PageCount};
use parking_lot::Mutex;
use seal::Key;
pub(crate) use slots::BYTES_PER_SLOT;
use slots::{Run, Slots};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::{io, ops::Range};
use storage::{Storage, with_blocks};
use thiserror::Error;

/// The place of a page in its VM's swap file.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct Slot(u64);

impl Slot {
    /// How many bits of [`Slot::bits`] are in use, counted from the lowest.
    pub const BITS: u32 = 40;

    /// The slot as a number below 2 to the [`Slot::BITS`], to be kept in a pmap entry. Neighbouring
    /// slots have neighbouring numbers.
    pub fn bits(self) -> u64 {
        self.0
    }

    /// The slot that [`Slot::bits`] gave.
    ///
    /// # Panics
    /// If no slot has these bits.
    pub fn from_bits(bits: u64) -> Self {
        assert!(bits >> Self::BITS == 0, "{bits:#x} are a slot's bits");
        Self(bits)
    }

    /// The slot `n` further on, if there can be one.
    pub(crate) fn after(self, n: u64) -> Option<Self> {
        (self.0 + n < 1 << Self::BITS).then_some(Self(self.0 + n))
    }

    fn offset(self) -> u64 {
        self.0 * PAGE_SIZE
    }
}

/// Why a swap file could not do what was asked.
#[derive(Debug, Error)]
pub enum SwapError {
    /// The directory takes no file.
    #[error("cannot make a swap file in {}: {source}; choose a directory that can be written", dir.display())]
    Create {
        /// Where it was to be.
        dir: PathBuf,
        /// The cause.
        source: io::Error,
    },
    /// The file system is too full.
    #[error(
        "swap needs {asked} in {} and {free} is free there: make room, choose another directory, or reserve more \
         memory for the VM",
        dir.display()
    )]
    NoSpace {
        /// Where it was to be.
        dir: PathBuf,
        /// The bytes asked for, beyond those that the file has already.
        asked: ByteSize,
        /// The bytes free on the file system.
        free: ByteSize,
    },
    /// The file system does not set space aside.
    #[error(
        "cannot set {asked} aside for swap in {}: {source}; choose a directory on a file system that can, such as \
         ext4 or xfs",
        dir.display()
    )]
    Reserve {
        /// Where it was to be.
        dir: PathBuf,
        /// The bytes asked for.
        asked: ByteSize,
        /// The cause.
        source: io::Error,
    },
    /// There are fewer free slots than pages to write.
    #[error("{} are to be swapped and {} of the swap file is free", asked.bytes(), free.bytes())]
    Full {
        /// Pages to be written.
        asked: PageCount,
        /// Slots free.
        free: PageCount,
    },
    /// A slot beyond the size asked for is in use.
    #[error("the swap file cannot shrink to {} while pages lie in it up to {}", asked.bytes(), least.bytes())]
    InUse {
        /// The size asked for.
        asked: PageCount,
        /// The smallest size that keeps all pages where they are.
        least: PageCount,
    },
    /// The disk refused a write or a change of size.
    #[error("cannot write to the swap file in {}: {source}; check the disk", dir.display())]
    Write {
        /// Where the file is.
        dir: PathBuf,
        /// The cause.
        source: io::Error,
    },
    /// The disk refused a read.
    #[error("cannot read slot {} of the swap file in {}: {source}; check the disk", slot.0, dir.display())]
    Read {
        /// Where the file is.
        dir: PathBuf,
        /// The first slot of those that were to be read.
        slot: Slot,
        /// The cause.
        source: io::Error,
    },
    /// What was read is not what was written last.
    #[error(
        "slot {} of the swap file in {} is not what was written there: stop the VM, and check the disk and who can \
         write to it",
        slot.0, dir.display()
    )]
    Altered {
        /// Where the file is.
        dir: PathBuf,
        /// The slot.
        slot: Slot,
    },
}

/// What a swap file holds and has done.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct SwapUse {
    /// Slots there are.
    pub total: PageCount,
    /// Slots in use or being written.
    pub used: PageCount,
    /// Bytes written since the file was made.
    pub written: ByteSize,
    /// Bytes read since the file was made.
    pub read: ByteSize,
    /// Reads and writes that failed, for whatever reason but a lack of slots.
    pub failures: u64,
}

/// The swap file of one VM. See the module's documentation.
pub struct SwapFile {
    dir: PathBuf,
    storage: Storage,
    key: Key,
    slots: Mutex<Slots>,
    resizing: Mutex<()>,
    written: AtomicU64,
    read: AtomicU64,
    failures: AtomicU64,
}

impl SwapFile {
    /// Most slots of a file: 4 PiB.
    pub const MAX: PageCount = PageCount(1 << Slot::BITS);
    /// Most pages that are moved by one request to the disk: 256 KiB, since larger ones were not
    /// faster.
    pub const MAX_RUN: PageCount = PageCount(slots::EXTENT);

    /// Makes a swap file in `dir` with `size` slots, and sets its space aside.
    ///
    /// # Errors
    /// [`SwapError::Create`], [`SwapError::NoSpace`] or [`SwapError::Reserve`]; nothing is left in `dir`.
    ///
    /// # Panics
    /// If `size` is above [`SwapFile::MAX`].
    pub fn create(dir: &Path, size: PageCount) -> Result<Self, SwapError> {
        assert!(size <= Self::MAX, "{size:?} are a swap file's");
        let create = |source| SwapError::Create { dir: dir.to_owned(), source };
        let mut storage = Storage::create(dir).map_err(create)?;
        reserve(&storage, dir, 0..size.bytes().0)?;
        storage.go_around_the_page_cache().map_err(create)?;
        Ok(Self {
            dir: dir.to_owned(),
            storage,
            key: Key::random(),
            slots: Mutex::new(Slots::new(size)),
            resizing: Mutex::new(()),
            written: AtomicU64::new(0),
            read: AtomicU64::new(0),
            failures: AtomicU64::new(0),
        })
    }

    /// Writes pages out and gives their slots, in the same order. Pages that follow each other get
    /// neighbouring slots as far as those are free.
    ///
    /// # Errors
    /// [`SwapError::Full`] or [`SwapError::Write`]; then none of the pages is swapped.
    pub fn write(&self, pages: &[&[u8; PAGE_SIZE as usize]]) -> Result<Vec<Slot>, SwapError> {
        let asked = PageCount(pages.len() as u64);
        let runs = self.slots.lock().take(asked).map_err(|free| SwapError::Full { asked, free })?;
        let mut rest = pages;
        for run in &runs {
            let (these, others) = rest.split_at(run.count as usize);
            rest = others;
            if let Err(source) = self.write_run(run, these) {
                let mut slots = self.slots.lock();
                runs.iter().flat_map(Run::slots).for_each(|slot| slots.free(slot));
                return Err(self.failed(SwapError::Write { dir: self.dir.clone(), source }));
            }
        }
        self.written.fetch_add(asked.bytes().0, Ordering::Relaxed);
        Ok(runs.iter().flat_map(Run::slots).collect())
    }

    fn write_run(&self, run: &Run, pages: &[&[u8; PAGE_SIZE as usize]]) -> io::Result<()> {
        let seals: Vec<_> = with_blocks(pages.len(), |blocks| {
            for (block, page) in blocks.iter_mut().zip(pages) {
                block.0 = **page;
            }
            let seals = blocks.iter_mut().map(|block| self.key.seal(&mut block.0)).collect();
            self.storage.write(run.first.offset(), blocks).map(|()| seals)
        })?;
        self.slots.lock().publish(run, &seals);
        Ok(())
    }

    /// Reads a page, which stays in its slot.
    ///
    /// # Errors
    /// [`SwapError::Read`] or [`SwapError::Altered`]; `into` is as it was.
    ///
    /// # Panics
    /// If no page is in the slot.
    pub fn read(&self, slot: Slot, into: &mut [u8; PAGE_SIZE as usize]) -> Result<(), SwapError> {
        self.read_run(slot, std::slice::from_mut(into))
    }

    /// Reads the pages of neighbouring slots, `first` and those after it, with one request to the
    /// disk.
    ///
    /// # Errors
    /// [`SwapError::Read`] or [`SwapError::Altered`] if one of them cannot be had. Those before it
    /// are in `into`.
    ///
    /// # Panics
    /// If no page is in one of the slots, or they are more than [`SwapFile::MAX_RUN`].
    pub fn read_run(&self, first: Slot, into: &mut [[u8; PAGE_SIZE as usize]]) -> Result<(), SwapError> {
        assert!(into.len() as u64 <= Self::MAX_RUN.0, "{} pages are a run", into.len());
        let run = Run { first, count: into.len() as u64 };
        let seals = self.slots.lock().seals(&run);
        with_blocks(into.len(), |blocks| {
            self.storage.read(first.offset(), blocks).map_err(|source| {
                self.failed(SwapError::Read { dir: self.dir.clone(), slot: first, source })
            })?;
            for (((slot, seal), block), page) in run.slots().zip(seals).zip(blocks).zip(into) {
                if !self.key.open(seal, &mut block.0) {
                    return Err(self.failed(SwapError::Altered { dir: self.dir.clone(), slot }));
                }
                *page = block.0;
            }
            Ok(())
        })?;
        self.read.fetch_add(PageCount(run.count).bytes().0, Ordering::Relaxed);
        Ok(())
    }

    fn failed(&self, error: SwapError) -> SwapError {
        self.failures.fetch_add(1, Ordering::Relaxed);
        error
    }

    /// Frees the slot of a page that was read or is no longer wanted.
    ///
    /// # Panics
    /// If the slot is free.
    pub fn free(&self, slot: Slot) {
        self.slots.lock().free(slot);
    }

    /// Changes how much space is set aside. A file shrinks only by what lies unused at its end.
    ///
    /// # Errors
    /// [`SwapError::NoSpace`], [`SwapError::Reserve`], [`SwapError::InUse`] or [`SwapError::Write`]; the size
    /// is as it was.
    ///
    /// # Panics
    /// If `size` is above [`SwapFile::MAX`].
    pub fn resize(&self, size: PageCount) -> Result<(), SwapError> {
        assert!(size <= Self::MAX, "{size:?} are a swap file's");
        let _alone = self.resizing.lock();
        let before = self.slots.lock().total();
        if size >= before {
            reserve(&self.storage, &self.dir, before.bytes().0..size.bytes().0)?;
            self.slots.lock().grow(size);
            return Ok(());
        }
        self.slots.lock().shrink(size).map_err(|least| SwapError::InUse { asked: size, least })?;
        self.storage.truncate(size.bytes().0).map_err(|source| {
            self.slots.lock().grow(before);
            self.failed(SwapError::Write { dir: self.dir.clone(), source })
        })
    }

    /// Whether there is space for a file of `size`. Asks the disk, and changes nothing.
    ///
    /// # Errors
    /// [`SwapError::NoSpace`].
    pub fn check_size(&self, size: PageCount) -> Result<(), SwapError> {
        let more = size.0.saturating_sub(self.slots.lock().total().0);
        check_space(&self.storage, &self.dir, PageCount(more).bytes()).map(drop)
    }

    /// What the file holds and has done.
    pub fn usage(&self) -> SwapUse {
        let (total, used) = {
            let slots = self.slots.lock();
            (slots.total(), slots.used())
        };
        SwapUse {
            total,
            used,
            written: ByteSize(self.written.load(Ordering::Relaxed)),
            read: ByteSize(self.read.load(Ordering::Relaxed)),
            failures: self.failures.load(Ordering::Relaxed),
        }
    }

    /// Checks the slots against their counts (INV-5), and that the file is as long as it should be
    /// (INV-7). May be made while the file is used; O(slots in use), under the lock.
    ///
    /// # Errors
    /// The first violation found.
    pub fn audit(&self) -> Audit {
        let _alone = self.resizing.lock();
        let total = self.slots.lock().audit()?;
        match self.storage.length() {
            Ok(length) if length == total.bytes().0 => Ok(()),
            found => Err(format!("INV-7: the swap file's length is {found:?}, not {}", total.bytes().0)),
        }
    }
}

/// Sets the bytes of the file in `range` aside, or leaves it as it was.
fn reserve(storage: &Storage, dir: &Path, range: Range<u64>) -> Result<(), SwapError> {
    let asked = ByteSize(range.end - range.start);
    // Asked first, because on the way to failing a file system would take all that is left.
    let free = check_space(storage, dir, asked)?;
    storage.reserve(range).map_err(|source| match free {
        Some(free) if source.kind() == io::ErrorKind::StorageFull => {
            SwapError::NoSpace { dir: dir.to_owned(), asked, free }
        }
        _ => SwapError::Reserve { dir: dir.to_owned(), asked, source },
    })
}

/// Gives what the disk has free, if it says.
fn check_space(storage: &Storage, dir: &Path, asked: ByteSize) -> Result<Option<ByteSize>, SwapError> {
    match storage.free_space() {
        Some(free) if free < asked => Err(SwapError::NoSpace { dir: dir.to_owned(), asked, free }),
        free => Ok(free),
    }
}
