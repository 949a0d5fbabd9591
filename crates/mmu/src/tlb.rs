//! The TLB: the translations the processor uses at once.
//!
//! **Model.** Two direct-mapped arrays, one for data and one for instructions. An entry's tag is the
//! page's gva with a *context* in the twelve low bits, which says for which address space and view
//! the entry is good:
//!
//! ```text
//!   63               12 11      5 4    3 2   0
//!  |  page of the gva  |  slot   | view | age |
//! ```
//!
//! *Slots* stand for address spaces; a space whose entries must all go simply gets a new slot, and
//! when the 128 are used up the arrays are emptied. *View* is user, supervisor, or supervisor with
//! SUM. *Age* is 0 for data: a lookup compares the tag with the address whose low three bits are kept,
//! so a misaligned access never matches and takes the slow way. For instructions it counts `fence.i`,
//! so that entries made before the last one match no longer.
//!
//! A data entry has a read tag and a write tag; an absent write tag is how the processor is made to
//! come back before it writes (a clean page must be marked dirty, a shared one gets a frame of its own).
//!
//! **Cost.** Entries for data are part of the hart's state instead of memory it points to: with one
//! register less to keep, a load or store that hits needs none of those it would have to save.
//!
//! **Concurrency.** Belongs to one hart.

use crate::format::{Access, Permissions, View};
use addr::{Gva, Ma, Mfn, PAGE_OFFSET};
use machine::Frame;

/// Entries for data.
const DATA: usize = 4096;
/// Entries for instructions.
const FETCH: usize = 1024;
/// Slots for address spaces.
pub(crate) const SLOTS: u16 = 128;
/// Equals no tag: view 3 does not exist.
const NEVER: u64 = u64::MAX;
/// `fence.i` is counted so far, then from the beginning with an empty array.
const AGES: u64 = 8;
const SLOT: u64 = (SLOTS as u64 - 1) << 5;

/// Aligned so that none lies on two lines of the host's cache.
#[derive(Clone, Copy, Debug)]
#[repr(align(32))]
struct DataEntry {
    read: u64,
    write: u64,
    frame: Frame,
}

#[derive(Clone, Copy, Debug)]
#[repr(align(16))]
struct FetchEntry {
    tag: u64,
    code: u32,
}

const NO_DATA: DataEntry = DataEntry { read: NEVER, write: NEVER, frame: Frame::NOWHERE };
const NO_FETCH: FetchEntry = FetchEntry { tag: NEVER, code: 0 };
/// No frame has this number.
const NO_FRAME: u32 = u32::MAX;

/// The tags' contexts of the address space in use, for each half of it.
#[derive(Clone, Copy)]
struct Contexts {
    data: [u64; 2],
    fetch: [u64; 2],
}

/// A translation to enter in the TLB, whether a walk or a shadow entry gave it.
#[derive(Clone, Copy)]
pub(crate) struct Fill {
    pub(crate) mfn: Mfn,
    /// What the guest's leaf permits.
    pub(crate) permissions: Permissions,
    /// Whether the page may be written without another miss.
    pub(crate) dirty: bool,
}

/// One hart's TLB.
pub struct Tlb {
    data: [DataEntry; DATA],
    fetch: Box<[FetchEntry; FETCH]>,
    /// The frame each entry leads to, apart from the entries so that it is quickly searched. Of an
    /// entry that is not there it says anything.
    data_frames: Box<[u32; DATA]>,
    fetch_frames: Box<[u32; FETCH]>,
    contexts: Contexts,
    /// The slots in the contexts.
    slots: [u16; 2],
    /// The age in the contexts for instructions.
    age: u64,
}

/// The lower half of the address space has index 0, the upper 1.
#[inline(always)]
pub(crate) const fn half(gva: Gva) -> usize {
    (gva.0 >> 63) as usize
}

/// Folds the page's number, so that pages a large power of two apart, as the two ends of a copy
/// often are, do not drive each other out.
#[inline(always)]
const fn data_index(gva: Gva) -> usize {
    ((gva.0 ^ gva.0 >> 12) >> 12) as usize % DATA
}

#[inline(always)]
const fn fetch_index(gva: Gva) -> usize {
    ((gva.0 ^ gva.0 >> 10) >> 12) as usize % FETCH
}

/// An array made on the heap without passing over the stack.
fn boxed<T: Copy + std::fmt::Debug, const N: usize>(entry: T) -> Box<[T; N]> {
    vec![entry; N].into_boxed_slice().try_into().expect("N entries were made")
}

/// Calls `found` with the places of `wanted` among `frames`. Counts in many before it looks for the
/// places, which the host does with a few instructions.
fn for_each_of(frames: &[u32], wanted: u32, mut found: impl FnMut(usize)) {
    const MANY: usize = 64;
    for (chunk, frames) in frames.chunks(MANY).enumerate() {
        if frames.iter().map(|&frame| u32::from(frame == wanted)).sum::<u32>() > 0 {
            let equal = (0..frames.len()).filter(|&place| frames[place] == wanted);
            equal.for_each(|place| found(chunk * MANY + place));
        }
    }
}

impl Tlb {
    /// Host memory that a TLB takes.
    pub const BYTES: u64 =
        (DATA * (size_of::<DataEntry>() + 4) + FETCH * (size_of::<FetchEntry>() + 4)) as u64;

    #[expect(clippy::large_stack_arrays, reason = "128 KiB, once a vCPU, on a stack of megabytes")]
    pub(crate) fn new() -> Self {
        Self {
            data: [NO_DATA; DATA],
            fetch: boxed(NO_FETCH),
            data_frames: boxed(NO_FRAME),
            fetch_frames: boxed(NO_FRAME),
            contexts: Contexts { data: [0; 2], fetch: [0; 2] },
            slots: [0; 2],
            age: 0,
        }
    }

    /// Looks from now on from `view` into the spaces that `slots` stand for.
    pub(crate) fn select(&mut self, slots: [u16; 2], view: View) {
        self.slots = slots;
        self.look_from(view);
    }

    /// Looks from now on from `view` into the same spaces.
    #[inline]
    pub(crate) fn look_from(&mut self, view: View) {
        let data_view = match (view.user, view.sum) {
            (true, _) => 0,
            (false, false) => 1 << 3,
            (false, true) => 2 << 3,
        };
        let fetch_view = if view.user { 0 } else { 1 << 3 } | self.age;
        let base = self.slots.map(|slot| u64::from(slot) << 5);
        self.contexts =
            Contexts { data: base.map(|slot| slot | data_view), fetch: base.map(|slot| slot | fetch_view) };
    }

    /// The frame to read `size` bytes from, at the address's offset in the page, if the translation
    /// is here and the access is aligned.
    #[inline(always)]
    pub fn load_from(&self, gva: Gva, size: u64) -> Option<Frame> {
        let entry = &self.data[data_index(gva)];
        (self.key(gva, size) == entry.read).then_some(entry.frame)
    }

    /// The frame to write `size` bytes to, if the translation is here, the page dirty and the
    /// access aligned.
    #[inline(always)]
    pub fn store_to(&self, gva: Gva, size: u64) -> Option<Frame> {
        let entry = &self.data[data_index(gva)];
        (self.key(gva, size) == entry.write).then_some(entry.frame)
    }

    #[inline(always)]
    fn key(&self, gva: Gva, size: u64) -> u64 {
        (gva.0 & !(PAGE_OFFSET ^ (size - 1))) | self.contexts.data[half(gva)]
    }

    /// As [`Tlb::load_from`], as a machine address.
    pub fn read(&self, gva: Gva, size: u64) -> Option<Ma> {
        self.load_from(gva, size).map(|_| self.machine_address(gva))
    }

    /// As [`Tlb::store_to`], as a machine address.
    pub fn write(&self, gva: Gva, size: u64) -> Option<Ma> {
        self.store_to(gva, size).map(|_| self.machine_address(gva))
    }

    fn machine_address(&self, gva: Gva) -> Ma {
        Mfn(u64::from(self.data_frames[data_index(gva)])).base().wrapping_add(gva.page_offset())
    }

    /// The decoded code of the page `gva` is in, as [`Tlb::fill_fetch`] was told since the last
    /// `fence.i`, and its frame.
    #[inline(always)]
    pub fn fetch(&self, gva: Gva) -> Option<(u32, Mfn)> {
        let index = fetch_index(gva);
        let entry = &self.fetch[index];
        let key = (gva.0 & !PAGE_OFFSET) | self.contexts.fetch[half(gva)];
        (key == entry.tag).then_some((entry.code, Mfn(self.fetch_frames[index] as u64)))
    }

    /// Enters a page for data, as far as it is readable and writable from `view`, the current one. `frame` gives the bytes of
    /// a machine frame.
    #[inline]
    pub(crate) fn fill(&mut self, gva: Gva, view: View, fill: Fill, frame: impl FnOnce(Mfn) -> Frame) {
        let Fill { mfn, permissions, dirty } = fill;
        let readable = permissions.permits(Access::Load, view);
        let writable = dirty && permissions.permits(Access::Store, view);
        if !(readable || writable) {
            return;
        }
        let page = gva.page_base();
        let tag = page.0 | self.contexts.data[half(gva)];
        let index = data_index(gva);
        self.data[index] = DataEntry {
            read: if readable { tag } else { NEVER },
            write: if writable { tag } else { NEVER },
            frame: frame(mfn),
        };
        self.data_frames[index] = mfn.0 as u32;
    }

    /// Enters a page for instructions: `code` is the processor's name for what it decoded from
    /// `mfn`.
    pub fn fill_fetch(&mut self, gva: Gva, mfn: Mfn, code: u32) {
        let tag = gva.page_base().0 | self.contexts.fetch[half(gva)];
        let index = fetch_index(gva);
        self.fetch[index] = FetchEntry { tag, code };
        self.fetch_frames[index] = mfn.0 as u32;
    }

    /// Drops what it knows of one page in the space of `slot`, whatever the view.
    pub(crate) fn drop_page(&mut self, gva: Gva, slot: u16) {
        let wanted = gva.page_base().0 | u64::from(slot) << 5;
        let matches = |tag: u64| tag & (!PAGE_OFFSET | SLOT) == wanted;
        let data = &mut self.data[data_index(gva)];
        if matches(data.read) || matches(data.write) {
            *data = NO_DATA;
        }
        let fetch = &mut self.fetch[fetch_index(gva)];
        if matches(fetch.tag) {
            *fetch = NO_FETCH;
        }
    }

    /// Drops what it knows of the 2 MiB around `gva` in the space of `slot`.
    pub(crate) fn drop_large(&mut self, gva: Gva, slot: u16) {
        let first = gva.0 & !((1 << 21) - 1);
        for page in 0..512 {
            self.drop_page(Gva(first + (page << 12)), slot);
        }
    }

    /// Drops every entry that leads to one of `frames`.
    pub(crate) fn drop_frames(&mut self, frames: &[Mfn]) {
        for mfn in frames {
            for_each_of(&*self.data_frames, mfn.0 as u32, |index| self.data[index] = NO_DATA);
            for_each_of(&*self.fetch_frames, mfn.0 as u32, |index| self.fetch[index] = NO_FETCH);
        }
    }

    /// Drops all instructions, as `fence.i` asks.
    pub(crate) fn drop_instructions(&mut self) {
        let age = (self.age + 1) % AGES;
        if age == 0 {
            self.fetch.fill(NO_FETCH);
        }
        self.contexts.fetch = self.contexts.fetch.map(|context| context - self.age + age);
        self.age = age;
    }

    /// Drops every entry for the decoded code `code`.
    pub(crate) fn drop_code(&mut self, code: u32) {
        for entry in self.fetch.iter_mut().filter(|entry| entry.code == code) {
            *entry = NO_FETCH;
        }
    }

    /// Drops everything.
    pub(crate) fn clear(&mut self) {
        self.data.fill(NO_DATA);
        self.fetch.fill(NO_FETCH);
    }

    /// The frames entries lead to, and whether for writing, for audits.
    pub(crate) fn frames(&self) -> impl Iterator<Item = (Mfn, bool)> {
        let data = self.data.iter().zip(&*self.data_frames);
        let data = data.filter(|(entry, _)| (entry.read, entry.write) != (NEVER, NEVER));
        let fetch = self.fetch.iter().zip(&*self.fetch_frames).filter(|(entry, _)| entry.tag != NEVER);
        let data = data.map(|(entry, mfn)| (*mfn, entry.write != NEVER));
        data.chain(fetch.map(|(_, mfn)| (*mfn, false))).map(|(mfn, write)| (Mfn(u64::from(mfn)), write))
    }
}
