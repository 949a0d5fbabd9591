//! The entry of one page in the pmap: what the page is, in one 64-bit word.
//!
//! **Model.**
//!
//! ```text
//!   63                          12 11   7    6      5     4       3      2..0
//!  |  mfn, zip handle or swap slot |  0  | written | touched | idle | passage | state |
//!                                          \____ watches ____/
//! ```
//!
//! A *watch* makes the next use of a page noticed: a page with one is not mapped (`written`: not
//! writable), so that whoever wants it comes to [`crate::VmMemory::resolve`], which clears it.
//!
//! **Concurrency.** Readers load the word. Watches are set and cleared by compare-and-swap. A writer
//! of the state first sets the passage bit by compare-and-swap and then alone may change the word,
//! until it publishes one without the bit; see [`super::passage`]. The interleavings are gone through in
//! `interleavings.rs`.

use super::state::{PageState, StateTag, Use};
use crate::sync::{AtomicU64, Ordering};
use addr::{Mfn, PAGE_SHIFT};

const STATE: u64 = 0b111;
const PASSAGE: u64 = 1 << 3;
const WATCHES: u64 = Watches::IDLE.0 | Watches::SAMPLED.0;
/// The states of pages in frames.
const PRIVATE: u64 = StateTag::Private.bits();
const SHARED: u64 = StateTag::Shared.bits();
const ZERO: u64 = StateTag::Zero.bits();
/// With this set the page is not mapped for writing.
const WRITES_WATCHED: u64 = Watches::WRITTEN.0;
/// With one of these set the page is not mapped at all.
const UNMAPPED: u64 = PASSAGE | Watches::IDLE.0 | Watches::TOUCHED.0;

fn encode(state: PageState) -> u64 {
    state.payload() << PAGE_SHIFT | state.tag().bits()
}

fn decode(entry: u64) -> PageState {
    PageState::from_parts(StateTag::from_bits(entry & STATE), entry >> PAGE_SHIFT)
}

/// Uses of a page that are to be noticed. They are set, read and cleared together, so that what they
/// say of one page holds together whatever happens to it meanwhile.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Watches(u64);

impl Watches {
    /// Any use, for choosing what to reclaim: see [`crate::reclaim`].
    pub(crate) const IDLE: Self = Self(1 << 4);
    /// Any use, for estimating the working set: see [`crate::sample`].
    pub(crate) const TOUCHED: Self = Self(1 << 5);
    /// A write, for the same.
    pub(crate) const WRITTEN: Self = Self(1 << 6);
    /// What a sample waits for.
    pub(crate) const SAMPLED: Self = Self(Self::TOUCHED.0 | Self::WRITTEN.0);

    /// Whether all of `other` are among them.
    pub(crate) const fn contain(self, other: Self) -> bool {
        self.0 & other.0 == other.0
    }
}

/// What a processor or device finds when it looks a page up.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Lookup {
    /// The page is in this frame and may be read and written there.
    Mapped(Mfn),
    /// The page is in this frame and may be read there. Before a write it must be made ready.
    ReadOnly(Mfn),
    /// The page must first be made ready with [`crate::VmMemory::resolve`], outside any hart's lock.
    NeedsWork,
    /// The gfn is not memory.
    Outside,
}

impl Lookup {
    /// The frame, if the page may be put to this use in it.
    #[inline(always)]
    pub fn permits(self, wanted: Use) -> Option<Mfn> {
        match self {
            Self::Mapped(mfn) => Some(mfn),
            Self::ReadOnly(mfn) if wanted == Use::Read => Some(mfn),
            Self::ReadOnly(_) | Self::NeedsWork | Self::Outside => None,
        }
    }
}

/// What one page is, and who has an eye on it. An untouched page to begin with.
#[derive(Default)]
pub(crate) struct Entry(AtomicU64);

impl Entry {
    /// Looks the page up the way a nested walk does.
    #[inline(always)]
    pub(crate) fn lookup(&self) -> Lookup {
        let entry = self.0.load(Ordering::SeqCst);
        let mfn = Mfn(entry >> PAGE_SHIFT);
        match entry & (STATE | UNMAPPED | WRITES_WATCHED) {
            PRIVATE => Lookup::Mapped(mfn),
            unwritable => match unwritable & !WRITES_WATCHED {
                PRIVATE | SHARED | ZERO => Lookup::ReadOnly(mfn),
                _ => Lookup::NeedsWork,
            },
        }
    }

    /// The page's state, and whether it is in passage to another.
    pub(crate) fn state(&self) -> (PageState, bool) {
        let entry = self.0.load(Ordering::SeqCst);
        (decode(entry), entry & PASSAGE != 0)
    }

    /// Takes the page into passage if it `suits` and is not in passage already; gives the state it
    /// is in.
    pub(crate) fn begin_passage(&self, suits: impl Fn(PageState) -> bool) -> Option<PageState> {
        let mut entry = self.0.load(Ordering::SeqCst);
        while entry & PASSAGE == 0 && suits(decode(entry)) {
            match self.0.compare_exchange_weak(entry, entry | PASSAGE, Ordering::SeqCst, Ordering::SeqCst) {
                Ok(_) => return Some(decode(entry)),
                Err(now) => entry = now,
            }
        }
        None
    }

    /// Ends the passage begun by the caller: from here on the page is in `state`, with the watches
    /// it had but for those that notice the use, if it is put to one.
    pub(crate) fn publish(&self, state: PageState, used: Option<Use>) {
        let noticed = used.map_or(0, noticed_by);
        let watches = self.0.load(Ordering::SeqCst) & WATCHES & !noticed;
        let before = self.0.swap(encode(state) | watches, Ordering::SeqCst);
        assert_ne!(
            before & PASSAGE,
            0,
            "INV-1: a page is published out of a passage, not out of {before:#x}"
        );
    }

    fn change(&self, change: impl Fn(u64) -> Option<u64>) -> bool {
        let mut entry = self.0.load(Ordering::SeqCst);
        while let Some(changed) = change(entry) {
            match self.0.compare_exchange_weak(entry, changed, Ordering::SeqCst, Ordering::SeqCst) {
                Ok(_) => return true,
                Err(now) => entry = now,
            }
        }
        false
    }

    /// Sets watches, unless the page is in passage. Translations made before must then be taken
    /// away for them to notice anything.
    pub(crate) fn watch(&self, watches: Watches) -> bool {
        self.change(|entry| (entry & PASSAGE == 0).then_some(entry | watches.0))
    }

    /// The watches that are set: nobody used the page in the ways they wait for.
    pub(crate) fn watches(&self) -> Watches {
        Watches(self.0.load(Ordering::SeqCst) & WATCHES)
    }

    /// Clears watches. A page in passage keeps them, until its next use.
    pub(crate) fn unwatch(&self, watches: Watches) {
        self.change(|entry| (entry & PASSAGE == 0).then_some(entry & !watches.0));
    }

    /// Clears the watches that a use of a page in a frame is noticed by; says whether any was set.
    pub(crate) fn notice(&self, wanted: Use) -> bool {
        let noticed = noticed_by(wanted);
        self.change(|entry| {
            let resident = decode(entry).frame().is_some();
            (resident && entry & PASSAGE == 0 && entry & noticed != 0).then_some(entry & !noticed)
        })
    }
}

/// The watches that a use is noticed by.
const fn noticed_by(wanted: Use) -> u64 {
    match wanted {
        Use::Read => Watches::IDLE.0 | Watches::TOUCHED.0,
        Use::Write => WATCHES,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::swap::Slot;
    use crate::zip::ZipHandle;

    #[test]
    fn a_page_in_passage_is_not_mapped() {
        let entry = Entry::default();
        let private = PageState::Private(Mfn(7));
        let untouched = |state| state == PageState::Untouched;
        assert_eq!(entry.begin_passage(|state| state == private), None);
        assert_eq!(entry.begin_passage(untouched), Some(PageState::Untouched));
        assert_eq!(entry.begin_passage(untouched), None, "one passage at a time");
        entry.publish(private, Some(Use::Write));
        assert_eq!(entry.lookup(), Lookup::Mapped(Mfn(7)));
        assert_eq!(entry.begin_passage(|_| true), Some(private));
        assert_eq!(entry.lookup(), Lookup::NeedsWork);
        assert_eq!(entry.state(), (private, true));
    }

    #[test]
    fn every_state_comes_back_as_it_went() {
        let entry = Entry::default();
        let largest = (1 << 40) - 1;
        for (state, lookup) in [
            (PageState::Untouched, Lookup::NeedsWork),
            (PageState::Private(Mfn(3)), Lookup::Mapped(Mfn(3))),
            (PageState::Shared(Mfn(4)), Lookup::ReadOnly(Mfn(4))),
            (PageState::Zero(Mfn(5)), Lookup::ReadOnly(Mfn(5))),
            (PageState::Ballooned { freed: false }, Lookup::NeedsWork),
            (PageState::Ballooned { freed: true }, Lookup::NeedsWork),
            (PageState::Compressed(ZipHandle::from_bits((1 << ZipHandle::BITS) - 1)), Lookup::NeedsWork),
            (PageState::Swapped(Slot::from_bits(largest)), Lookup::NeedsWork),
        ] {
            entry.begin_passage(|_| true).expect("no passage is under way");
            entry.publish(state, Some(Use::Write));
            assert_eq!(entry.state(), (state, false));
            assert_eq!(entry.lookup(), lookup);
        }
    }

    #[test]
    fn watches_are_noticed_by_the_uses_they_wait_for() {
        let entry = Entry::default();
        entry.begin_passage(|_| true).expect("no passage is under way");
        entry.publish(PageState::Private(Mfn(1)), Some(Use::Write));
        for watches in [Watches::IDLE, Watches::SAMPLED] {
            assert!(entry.watch(watches));
        }
        assert_eq!(entry.lookup(), Lookup::NeedsWork);
        assert!(entry.notice(Use::Read));
        assert_eq!(entry.lookup(), Lookup::ReadOnly(Mfn(1)));
        assert!(!entry.notice(Use::Read), "nothing is left to notice");
        assert_eq!(entry.watches(), Watches::WRITTEN);
        assert!(entry.notice(Use::Write));
        assert_eq!(entry.lookup(), Lookup::Mapped(Mfn(1)));
    }

    #[test]
    fn a_passage_keeps_the_watches_that_did_not_notice_it() {
        let entry = Entry::default();
        for (used, kept) in
            [(None, Watches::SAMPLED), (Some(Use::Read), Watches::WRITTEN), (Some(Use::Write), Watches(0))]
        {
            assert!(entry.watch(Watches::SAMPLED));
            entry.begin_passage(|_| true).expect("no passage is under way");
            assert!(!entry.watch(Watches::IDLE), "a page in passage is left alone");
            entry.publish(PageState::Private(Mfn(1)), used);
            assert_eq!(entry.watches(), kept, "{used:?}");
        }
    }
}
