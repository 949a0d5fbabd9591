//! A page's passage from one state to another: what every change of the pmap is made of.
//!
//! **Model.** In this order, for one page or a batch at once:
//!
//! 1. mark each entry in passage, so that no new translation can be made from it ([`Passage`]);
//! 2. take the translations away from every processor, a TLB shootdown ([`Passage::quiesce`], [`Batch::quiesce`]);
//! 3. do the work: copy, compare, compress, write out ([`Quiet::content`]);
//! 4. publish the new state ([`Quiet::end`]);
//! 5. only now reuse the old frame.
//!
//! The types carry the order: a [`Passage`] offers neither content nor an end, a [`Quiet`] is what a passage becomes by step 2. A page
//! that had no frame has no translations, and step 2 costs nothing. The one end without step 2 is that of a shared page that keeps
//! its frame ([`Passage::keep_frame`]): what is cached of it stays true.
//!
//! A passage that is dropped leaves the page as it was.
//!
//! **Invariants.** INV-1: between 2 and 4 nobody can reach the frames.
//!
//! **Failure.** Nothing is left behind: the page is in the old state or in the new.

use super::Pages;
use super::entry::Watches;
use super::state::{PageState, Use};
use crate::pool::Frame;
use addr::{Gfn, Mfn};

/// Why a passage ends: whether what was watched for has happened.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Because {
    /// Somebody puts the page to this use.
    Used(Use),
    /// The VMM moved it; nobody used it.
    Managed,
}

/// The right to change a page's entry, given back where it is dropped.
struct Held<'a> {
    pages: &'a Pages,
    gfn: Gfn,
    was: PageState,
}

impl Held<'_> {
    fn end(self, state: PageState, because: Because) {
        let Self { pages, gfn, was } = self;
        let section = pages.section();
        pages.census.moves(was, state);
        let used = match because {
            Because::Used(wanted) => Some(wanted),
            Because::Managed => None,
        };
        pages.pmap.publish(gfn, state, used);
        drop(section);
        pages.waiting.wake();
        std::mem::forget(self);
    }
}

impl Drop for Held<'_> {
    fn drop(&mut self) {
        self.pages.pmap.publish(self.gfn, self.was, None);
        self.pages.waiting.wake();
    }
}

/// A page in passage: no new translation can be made from its entry. Processors may still have those made before, so it must be
/// quiesced before its content means anything or it can be ended:
///
/// ```
/// use machine::{Because, PageState, Passage};
///
/// fn discard(passage: Passage<'_>) {
///     passage.quiesce().end(PageState::Untouched, Because::Managed);
/// }
/// ```
///
/// Ended too early, its frame would be reused while a processor writes to it:
///
/// ```compile_fail,E0599
/// use machine::{Because, PageState, Passage};
///
/// fn discard(passage: Passage<'_>) {
///     passage.end(PageState::Untouched, Because::Managed);
/// }
/// ```
///
/// And what is read too early may be written a moment later:
///
/// ```compile_fail,E0599
/// fn read(passage: &machine::Passage<'_>) -> u64 {
///     passage.content().load(0)
/// }
/// ```
pub struct Passage<'a>(Held<'a>);

impl<'a> Passage<'a> {
    /// The page.
    pub fn gfn(&self) -> Gfn {
        self.0.gfn
    }

    /// The state it is in.
    pub fn was(&self) -> PageState {
        self.0.was
    }

    /// Whether a device holds the page in its frame. The pin is looked for after the passage bit was set; see
    /// [`crate::VmMemory::pin`].
    pub(crate) fn is_pinned(&self) -> bool {
        let pool = &self.0.pages.pool;
        self.was().frame().is_some_and(|mfn| mfn != pool.zero() && pool.frames().is_pinned(mfn))
    }

    /// Takes the page's translations away from every processor, if it is in a frame.
    #[must_use]
    pub fn quiesce(self) -> Quiet<'a> {
        let pages = self.0.pages;
        if let Some(mfn) = self.was().frame() {
            pages.processors.take_away(&[(self.gfn(), mfn)], &pages.counts);
        }
        Quiet(self.0)
    }

    /// Publishes that a shared page has its frame for itself from here on. Translations for reading stay true.
    ///
    /// # Panics
    /// If it is not shared.
    pub(crate) fn keep_frame(self, because: Because) {
        let PageState::Shared(mfn) = self.was() else {
            unreachable!("INV-1: {:?} is {:?}, and keeps no frame", self.gfn(), self.was())
        };
        self.0.end(PageState::Private(mfn), because);
    }
}

/// A page in passage that no processor can reach: the right to its content, and to its next state. See [`Passage`].
pub struct Quiet<'a>(Held<'a>);

impl Quiet<'_> {
    /// The page.
    pub fn gfn(&self) -> Gfn {
        self.0.gfn
    }

    /// The state it is in.
    pub fn was(&self) -> PageState {
        self.0.was
    }

    /// The frame it is in.
    ///
    /// # Panics
    /// If it is in none.
    pub fn mfn(&self) -> Mfn {
        self.was().frame().expect("the page is in a frame")
    }

    /// The bytes of the frame it is in, which nobody writes.
    ///
    /// # Panics
    /// If it is in none.
    pub fn content(&self) -> Frame {
        self.0.pages.pool.frame(self.mfn())
    }

    /// Publishes the page's new state.
    pub fn end(self, state: PageState, because: Because) {
        self.0.end(state, because);
    }
}

/// Pages whose translations are taken away together, by one shootdown: such in passage, each with what is to be done with it, and such
/// that are watched.
pub(crate) struct Batch<'a, T> {
    pages: &'a Pages,
    passages: Vec<(Passage<'a>, T)>,
    mapped: Vec<(Gfn, Mfn)>,
}

impl<'a, T> Batch<'a, T> {
    pub(crate) fn new(pages: &'a Pages) -> Self {
        Self { pages, passages: Vec::new(), mapped: Vec::new() }
    }

    /// How many pages in passage there are.
    pub(crate) fn len(&self) -> usize {
        self.passages.len()
    }

    /// Adds a page in passage.
    pub(crate) fn add(&mut self, passage: Passage<'a>, with: T) {
        self.mapped.extend(passage.was().frame().map(|mfn| (passage.gfn(), mfn)));
        self.passages.push((passage, with));
    }

    /// Sets watches, unless the page is in passage, and says whether it did. They notice nothing before the batch is quiesced.
    pub(crate) fn watch(&mut self, gfn: Gfn, watches: Watches) -> bool {
        let is_watched = self.pages.pmap.watch(gfn, watches);
        if is_watched {
            // Looked up after it is watched: who maps it from here on is noticed.
            let frame = self.pages.pmap.state(gfn).and_then(|(state, _)| state.frame());
            self.mapped.extend(frame.map(|mfn| (gfn, mfn)));
        }
        is_watched
    }

    /// Takes the translations of all away, and gives those in passage. The batch is empty then.
    pub(crate) fn quiesce(&mut self) -> impl ExactSizeIterator<Item = (Quiet<'a>, T)> + use<'a, '_, T> {
        self.pages.processors.take_away(&self.mapped, &self.pages.counts);
        self.mapped.clear();
        self.passages.drain(..).map(|(passage, with)| (Quiet(passage.0), with))
    }
}

impl Pages {
    /// Takes a page into passage if it is memory, in a state that `suits` and not in passage
    /// already.
    pub(crate) fn begin(&self, gfn: Gfn, suits: impl Fn(PageState) -> bool) -> Option<Passage<'_>> {
        let was = self.pmap.begin_passage(gfn, suits)?;
        Some(Passage(Held { pages: self, gfn, was }))
    }

    /// As [`Pages::begin`], after another's passage of the page has ended if there is one. The caller has
    /// none in passage itself.
    pub(crate) fn begin_in_turn(&self, gfn: Gfn, suits: impl Fn(PageState) -> bool) -> Option<Passage<'_>> {
        loop {
            if let Some(passage) = self.begin(gfn, &suits) {
                return Some(passage);
            }
            let (state, in_passage) = self.pmap.state(gfn)?;
            if in_passage {
                self.wait_for(gfn);
            } else if !suits(state) {
                return None;
            }
        }
    }

    /// Takes a private page that no device holds into passage.
    pub(crate) fn begin_private(&self, gfn: Gfn) -> Option<Passage<'_>> {
        let passage = self.begin(gfn, |state| matches!(state, PageState::Private(_)))?;
        (!passage.is_pinned()).then_some(passage)
    }
}
