//! The pool: all machine memory, addressed by [`Ma`], and who owns each frame of it.
//!
//! **Model.** One memfd mapped once and never unmapped: machine memory is there as long as the
//! process is, so a [`Frame`] is a plain reference that nothing need keep alive. When the last handle
//! goes, the memory itself is given back and only the address range stays taken. It is a memfd so
//! that a processor that needs frames in another mapping can map the same bytes again. Behind the last
//! frame lies one more, which is all zeros and never written: every zero page's. Around it all lies memory that cannot
//! be used, so that whoever runs past an end is stopped there.
//!
//! **Concurrency.** Guests on several threads read and write the same bytes at the same time, so
//! every access is an atomic one of its width, or, for whole frames, a sequence of those.
//!
//! **Cost.** A load through a [`Frame`] is one host load; one by [`Ma`] has a bounds check too.

use crate::frame::Frames;
use crate::share::ShareTable;
use crate::word::Word;
use addr::{ByteSize, Ma, Mfn, PAGE_SIZE, PageCount};
use rustix::fs::{MemfdFlags, ftruncate, memfd_create};
use rustix::mm::{Advice, MapFlags, ProtFlags, madvise, mmap, mmap_anonymous, munmap};
use std::sync::atomic::{AtomicU64, Ordering};
use std::{io, ptr::NonNull, sync::Arc};

/// Bytes on either side of the pool that cannot be used.
const GUARD: usize = 16 * PAGE_SIZE as usize;
/// Words of eight bytes in a frame.
const FRAME_WORDS: u64 = PAGE_SIZE / 8;

/// A handle to the pool. Clones are the same pool.
#[derive(Clone)]
pub struct Pool {
    // Kept in the handle, not behind the `Arc`, because every guest load and store needs them.
    base: NonNull<u8>,
    bytes: u64,
    shared: Arc<Shared>,
}

struct Shared {
    _mapping: Mapping,
    frames: Frames,
    share: ShareTable,
}

struct Mapping {
    base: NonNull<u8>,
    bytes: usize,
}

// SAFETY: a `Mapping` is the address and length of plain memory that belongs to no thread. The range is never unmapped, so
// that the address is good on whichever thread it is used or dropped; what `Drop` does, a system call on the range,
// any thread may do.
unsafe impl Send for Mapping {}
// SAFETY: through a shared reference nothing is done with a `Mapping` but reading its address and length, which never change.
unsafe impl Sync for Mapping {}
// SAFETY: `base` is the address of that range, which is never unmapped: it outlives every handle, and the `Frame`s, which are
// `&'static` for the same reason. `shared` is an `Arc` of what is `Send` and `Sync` itself.
unsafe impl Send for Pool {}
// SAFETY: whatever several threads do through `base` at once is atomic accesses of words that are never accessed otherwise, so
// there is no data race; that those which reach a frame may use it is INV-1's, and nothing of soundness rests on it.
unsafe impl Sync for Pool {}

impl Mapping {
    fn new(bytes: usize) -> io::Result<Self> {
        let memory = memfd_create("memtide-pool", MemfdFlags::CLOEXEC)?;
        ftruncate(&memory, bytes as u64)?;
        let around = bytes + 2 * GUARD;
        // SAFETY: a new mapping at an address of the kernel's choice, so it overlaps nothing.
        let start =
            unsafe { mmap_anonymous(std::ptr::null_mut(), around, ProtFlags::empty(), MapFlags::PRIVATE) }?;
        let start = start.cast::<u8>();
        let (protection, flags) = (ProtFlags::READ | ProtFlags::WRITE, MapFlags::SHARED | MapFlags::FIXED);
        // SAFETY: `GUARD` and `bytes` after it lie within the mapping just made, which nobody else knows of; what is
        // replaced is the part of it that is exactly the pool's.
        let base = unsafe { mmap(start.add(GUARD).cast(), bytes, protection, flags, &memory, 0) }
            .inspect_err(|_| {
                // SAFETY: exactly the mapping just made, of which no address was given to anybody.
                let _ = unsafe { munmap(start.cast(), around) };
            })?;
        // A dump of the process is not to have guests' secrets in it.
        // SAFETY: exactly the range just mapped; its content stays as it is. An old kernel that refuses dumps it.
        let _ = unsafe { madvise(base, bytes, Advice::LinuxDontDump) };
        let base = NonNull::new(base.cast()).expect("mmap returned an address");
        Ok(Self { base, bytes })
    }
}

impl Drop for Mapping {
    fn drop(&mut self) {
        // The range stays mapped, for the frames that someone may still hold; its content goes.
        // SAFETY: exactly the range `new` mapped, plain shared memory: what is removed reads as
        // zeros afterwards. An error leaves the content in place, which is merely wasteful.
        let _ = unsafe { madvise(self.base.as_ptr().cast(), self.bytes, Advice::LinuxRemove) };
    }
}

/// The content of a page, outside any frame.
pub(crate) type Page = [u8; PAGE_SIZE as usize];

/// The bytes of a frame, for processors that access it often.
///
/// Holding one is no right to use it: that comes from the pmap, and goes when a page's translations
/// are taken away (INV-1).
#[derive(Clone, Copy)]
pub struct Frame(&'static [AtomicU64; FRAME_WORDS as usize]);

static NOWHERE: [AtomicU64; FRAME_WORDS as usize] = [const { AtomicU64::new(0) }; FRAME_WORDS as usize];

impl Frame {
    /// A frame of no pool, for empty slots of caches.
    pub const NOWHERE: Self = Self(&NOWHERE);

    #[inline(always)]
    fn cell<T: Word>(self, offset: u64) -> &'static T::Atomic {
        debug_assert!(
            offset.is_multiple_of(T::SIZE),
            "offset {offset:#x} is not aligned to {} bytes",
            T::SIZE
        );
        let offset = offset & (PAGE_SIZE - T::SIZE);
        // SAFETY: the masked offset is a multiple of the word's size and the whole word lies within
        // the 4096 bytes of the array, which live as long as the process and are only ever accessed
        // atomically. `Word` pairs each integer with the atomic of its layout.
        unsafe { &*std::ptr::from_ref(self.0).cast::<u8>().add(offset as usize).cast::<T::Atomic>() }
    }

    /// Loads the word at `offset`, of which only the bits within a frame and above the word's size
    /// count.
    #[inline(always)]
    pub fn load<T: Word>(self, offset: u64) -> T {
        T::load(self.cell::<T>(offset))
    }

    /// Stores the word at `offset`.
    #[inline(always)]
    pub fn store<T: Word>(self, offset: u64, value: T) {
        T::store(self.cell::<T>(offset), value);
    }

    /// Replaces the word at `offset` by `new` if it is `current`, sequentially consistent with every
    /// other such exchange.
    ///
    /// # Errors
    /// The word found, if it was not `current`.
    #[inline(always)]
    pub fn compare_exchange<T: Word>(self, offset: u64, current: T, new: T) -> Result<T, T> {
        T::compare_exchange(self.cell::<T>(offset), current, new)
    }

    /// Replaces the word at `offset` by `change` of it, atomically, and gives the word before.
    #[inline(always)]
    pub fn update<T: Word>(self, offset: u64, change: impl Fn(T) -> T) -> T {
        let mut old = self.load::<T>(offset);
        loop {
            match self.compare_exchange(offset, old, change(old)) {
                Ok(_) => return old,
                Err(now) => old = now,
            }
        }
    }
}

impl Frame {
    /// Copies the content. Where somebody writes it meanwhile, each eight bytes are old or new.
    pub(crate) fn read(self, into: &mut Page) {
        for (word, bytes) in self.0.iter().zip(into.as_chunks_mut::<8>().0) {
            *bytes = word.load(Ordering::Relaxed).to_ne_bytes();
        }
    }

    /// Whether both frames hold the same bytes, and go on to if nobody writes them.
    pub(crate) fn equals(self, other: Self) -> bool {
        let word = |word: &AtomicU64| word.load(Ordering::Relaxed);
        self.0.iter().zip(other.0).all(|(one, two)| word(one) == word(two))
    }

    /// Whether all bytes are zero, and stay so if nobody writes them.
    pub(crate) fn is_zero(self) -> bool {
        self.0.iter().all(|word| word.load(Ordering::Relaxed) == 0)
    }
}

impl PartialEq for Frame {
    fn eq(&self, other: &Self) -> bool {
        std::ptr::eq(self.0, other.0)
    }
}

impl Eq for Frame {}

impl std::fmt::Debug for Frame {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "frame at {:p}", self.0)
    }
}

#[cold]
#[inline(never)]
fn outside_pool(ma: Ma) -> ! {
    panic!("machine address {ma} lies outside the pool");
}

impl Pool {
    /// Most frames a pool may have: 2²⁸, 1 TiB, so that an [`Mfn`] fits shadow entries' 28 bits.
    pub const MAX: PageCount = PageCount(1 << 28);

    /// Makes a pool of `size`, rounded down to whole frames.
    ///
    /// The host gives the memory as frames are first used.
    ///
    /// # Errors
    /// What the host kernel says when it refuses the mapping; `InvalidInput` for a size of no frame
    /// at all or above [`Pool::MAX`].
    pub fn new(size: ByteSize) -> io::Result<Self> {
        let frames = size.pages();
        if frames.0 == 0 || frames > Self::MAX {
            let limit = Self::MAX.bytes();
            let message = format!("machine memory must be between 4 KiB and {limit}, not {size}");
            return Err(io::Error::new(io::ErrorKind::InvalidInput, message));
        }
        let bytes = frames.bytes().0 + PAGE_SIZE;
        let mapping = Mapping::new(bytes as usize)?;
        let base = mapping.base;
        let shared =
            Shared { _mapping: mapping, frames: Frames::new(frames), share: ShareTable::new(frames) };
        Ok(Self { base, bytes, shared: Arc::new(shared) })
    }

    /// How many frames the pool has.
    pub fn size(&self) -> PageCount {
        self.frames().count()
    }

    /// The frame that every zero page is in. It belongs to nobody and is never written.
    pub fn zero(&self) -> Mfn {
        Mfn(self.size().0)
    }

    pub(crate) fn frames(&self) -> &Frames {
        &self.shared.frames
    }

    pub(crate) fn share(&self) -> &ShareTable {
        &self.shared.share
    }

    #[inline(always)]
    fn cell<T: Word>(&self, ma: Ma) -> &T::Atomic {
        debug_assert!(ma.0.is_multiple_of(T::SIZE), "{ma:?} is not aligned to {} bytes", T::SIZE);
        // Rounding down makes misalignment impossible for the price of one AND; callers align.
        let offset = ma.0 & !(T::SIZE - 1);
        if offset >= self.bytes {
            outside_pool(ma);
        }
        // SAFETY: `offset` is a multiple of the size and below `bytes`, a multiple of the page size,
        // so the whole word lies in the mapping, which lives as long as `self`. The memory is only
        // ever accessed atomically; `Word` pairs each integer with the atomic of its layout.
        unsafe { &*self.base.as_ptr().add(offset as usize).cast::<T::Atomic>() }
    }

    /// Loads a naturally aligned word. A misaligned address is a broken invariant of the caller;
    /// it reads the aligned word around it.
    ///
    /// # Panics
    /// If `ma` lies outside the pool.
    #[inline(always)]
    pub fn load<T: Word>(&self, ma: Ma) -> T {
        T::load(self.cell::<T>(ma))
    }

    /// Stores a naturally aligned word.
    ///
    /// # Panics
    /// If `ma` lies outside the pool.
    #[inline(always)]
    pub fn store<T: Word>(&self, ma: Ma, value: T) {
        T::store(self.cell::<T>(ma), value);
    }

    /// Replaces the word at `ma` by `new` if it is `current`, sequentially consistent with every
    /// other such exchange. Gives the word found, in `Err` if it was not `current`.
    ///
    /// # Errors
    /// The word found, if it was not `current`.
    ///
    /// # Panics
    /// If `ma` lies outside the pool.
    #[inline(always)]
    pub fn compare_exchange<T: Word>(&self, ma: Ma, current: T, new: T) -> Result<T, T> {
        T::compare_exchange(self.cell::<T>(ma), current, new)
    }

    /// Replaces the word at `ma` by `change` of it, atomically, and gives the word before.
    ///
    /// # Panics
    /// If `ma` lies outside the pool.
    #[inline]
    pub fn update<T: Word>(&self, ma: Ma, change: impl Fn(T) -> T) -> T {
        self.frame(Mfn::containing(ma)).update(ma.page_offset(), change)
    }

    /// The bytes of a frame.
    ///
    /// # Panics
    /// If the frame lies outside the pool.
    pub fn frame(&self, mfn: Mfn) -> Frame {
        let start = self.frame_start(mfn).cast();
        // SAFETY: a whole frame of the mapping, page-aligned, never unmapped, only ever accessed
        // atomically.
        Frame(unsafe { start.as_ref() })
    }

    /// The words of a frame whose content is to be replaced. Who has only seen the frame in passing, as
    /// a sharing scan does, may still read it: hence not as plain memory.
    fn words(&self, mfn: Mfn) -> &'static [AtomicU64; FRAME_WORDS as usize] {
        assert_ne!(mfn, self.zero(), "INV-3: the frame of zeros is never written");
        self.frame(mfn).0
    }

    /// Gives the host the memory of a free frame back. The frame is there as before, and zero.
    pub(crate) fn give_back(&self, mfn: Mfn) {
        let start = self.frame_start(mfn);
        // SAFETY: exactly one frame of the mapping, plain shared memory, which is free: nobody relies on what
        // it holds. An error leaves it as it is, which is merely wasteful.
        let _ = unsafe { madvise(start.as_ptr().cast(), PAGE_SIZE as usize, Advice::LinuxRemove) };
    }

    /// Fills a frame with zeros.
    pub(crate) fn zero_frame(&self, mfn: Mfn) {
        for word in self.words(mfn) {
            word.store(0, Ordering::Relaxed);
        }
    }

    /// Fills a frame.
    pub(crate) fn fill_frame(&self, mfn: Mfn, bytes: &Page) {
        for (word, bytes) in self.words(mfn).iter().zip(bytes.as_chunks::<8>().0) {
            word.store(u64::from_ne_bytes(*bytes), Ordering::Relaxed);
        }
    }

    /// Copies a frame that nobody writes to another.
    pub(crate) fn copy_frame(&self, from: Mfn, to: Mfn) {
        assert_ne!(from, to, "a frame is copied to another");
        for (word, from) in self.words(to).iter().zip(self.frame(from).0) {
            word.store(from.load(Ordering::Relaxed), Ordering::Relaxed);
        }
    }

    pub(crate) fn frame_start(&self, mfn: Mfn) -> NonNull<u8> {
        if mfn.0 >= self.bytes / PAGE_SIZE {
            outside_pool(mfn.base());
        }
        // SAFETY: the frame lies in the mapping, as just checked.
        unsafe { self.base.add(mfn.base().0 as usize) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pool(frames: u64) -> Pool {
        Pool::new(PageCount(frames).bytes()).expect("a small pool fits")
    }

    #[test]
    fn words_are_little_endian_and_read_back() {
        let pool = pool(2);
        pool.store::<u64>(Ma(4096), 0x0807_0605_0403_0201);
        assert_eq!(pool.load::<u8>(Ma(4096)), 1);
        assert_eq!(pool.load::<u16>(Ma(4098)), 0x0403);
        assert_eq!(pool.load::<u32>(Ma(4100)), 0x0807_0605);
        assert_eq!(pool.update::<u32>(Ma(4096), |v| v + 1), 0x0403_0201);
        assert_eq!(pool.compare_exchange::<u8>(Ma(4096), 9, 7), Err(2));
        assert_eq!(pool.compare_exchange::<u8>(Ma(4096), 2, 7), Ok(2));
    }

    #[test]
    #[should_panic(expected = "outside the pool")]
    fn an_address_past_the_end_is_refused() {
        pool(1).load::<u8>(Ma(2 * 4096));
    }

    #[test]
    fn sizes_out_of_range_are_a_callers_mistake() {
        assert_eq!(Pool::new(ByteSize(4095)).map(|_| ()).unwrap_err().kind(), io::ErrorKind::InvalidInput);
        assert!(Pool::new(ByteSize(u64::MAX)).is_err());
    }

    /// What the kernel says of the mapping that `address` lies in: its line, and its flags.
    fn mapping(address: usize) -> (String, String) {
        let maps = std::fs::read_to_string("/proc/self/smaps").unwrap();
        let range = |line: &str| {
            let (start, end) = line.split_once(' ')?.0.split_once('-')?;
            Some(usize::from_str_radix(start, 16).ok()?..usize::from_str_radix(end, 16).ok()?)
        };
        let mut lines =
            maps.lines().skip_while(|line| range(line).is_none_or(|range| !range.contains(&address)));
        let line = lines.next().unwrap().to_owned();
        (line, lines.find_map(|line| line.strip_prefix("VmFlags:")).unwrap().to_owned())
    }

    #[test]
    fn around_the_pool_lies_nothing_and_no_dump_has_it() {
        let pool = pool(4);
        let (start, end) = (pool.base.as_ptr().addr(), pool.base.as_ptr().addr() + pool.bytes as usize);
        for outside in [start - GUARD, start - 1, end, end + GUARD - 1] {
            assert!(mapping(outside).0.contains(" ---p "), "{}", mapping(outside).0);
        }
        let (line, flags) = mapping(start);
        assert!(line.contains(" rw-s ") && flags.contains(" dd"), "{line}{flags}");
    }

    #[test]
    fn frames_copy_and_clear() {
        let pool = pool(3);
        pool.store::<u64>(Ma(8), 42);
        pool.copy_frame(Mfn(0), Mfn(2));
        pool.zero_frame(Mfn(0));
        assert_eq!((pool.load::<u64>(Ma(8)), pool.frame(Mfn(2)).load::<u64>(8)), (0, 42));
        assert_ne!(pool.frame(Mfn(0)), pool.frame(Mfn(2)));
    }
}
