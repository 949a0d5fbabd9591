//! Decoded code: for each machine frame the hart fetches from, its operations.
//!
//! **Model.** A page of code is decoded by *lines* of [`LINE`](crate::interp::place::LINE) halfwords, each made when something in it
//! is first reached. A [`Line`] has a slot for each of its halfwords, decoded when first reached too, and the words
//! of eight bytes that something was decoded from. The last operation of a line leads on to the next.
//!
//! ```text
//!   TLB: page of the gva --> page of code (mfn) and its table --> line (slots; words)
//! ```
//!
//! Every time the hart comes to a page by a TLB fill, its words are compared with the frame; the
//! operations of a line whose words changed go. `fence.i` drops what the TLB knows of instructions, which is the
//! increment of a number there. So nothing needs to watch the frame for writes, and a frame that left and came
//! back with other content is never mistaken for what it was.
//!
//! Pages and lines are made between slices, a few in advance. When there may be no more, lines make room that were not
//! reached since the hand of a clock was there last. The hand *hides* the lines of the page it comes to: their table leads to
//! them no more until they are reached again, which compares them. Those that are hidden still when it comes again go, and a
//! page without lines. So what is in use is known line by line, and costs nothing to know. [`Code::forget_unused`], called every so
//! often, does the same to all pages at once, and [`Code::limit`] has lines go until there are few enough.
//!
//! **Invariants.** What the TLB says of instructions needs no more checks: a page that makes room
//! for another frame is dropped from there first. Operations of a line follow from its own words alone. Lines are
//! reached through their page's table only, so they may move between slices.
//!
//! **Concurrency.** Belongs to one hart; cells, not locks.
//!
//! **Cost.** 1.2 KiB a line, at most [`LINES`] of them; a comparison is a nanosecond a word.

use crate::interp::line::{Line, Slot};
use crate::interp::place::{At, LINES_IN_PAGE};
use addr::{Gva, Mfn};
use machine::{CacheCharge, Pool};
use mmu::{Area, Mmu};
use rustc_hash::FxHashMap;
use std::cell::{Cell, RefCell};

/// Most lines that a hart keeps, and most pages they are of.
const LINES: usize = 4096;
const PAGES: usize = 1536;
/// Lines and pages kept ready for a slice.
const SPARE_LINES: usize = 32;
const SPARE_PAGES: usize = 8;
/// However short memory is, a hart keeps so many lines.
const LEAST_LINES: usize = 2 * SPARE_LINES;
const _: () = assert!(PAGES < NONE as usize);
/// No line, no page.
const NONE: u16 = u16::MAX;
/// Added to a line's place in its page's table while it is hidden: there is no such line.
const HIDDEN: u16 = 1 << 15;
const _: () = assert!(LINES < HIDDEN as usize);
const NO_FRAME: Mfn = Mfn(u64::MAX);
/// Bytes for a page, without its lines.
const PER_PAGE: usize = size_of::<Mfn>() + LINES_IN_PAGE * 2;

/// A hart's decoded code, with a `T` for each halfword.
pub(crate) struct Code<T> {
    /// First those that hold a frame's code or did, then spare ones. They grow and shrink between slices.
    lines: Area<Line<T>>,
    /// The frame of each page.
    pages: Vec<Cell<Mfn>>,
    /// For each page, its table: where each of its lines is.
    tables: Vec<Cell<u16>>,
    /// Most lines there may be now.
    limit: usize,
    filled_lines: Cell<usize>,
    filled_pages: Cell<usize>,
    /// Of those that held code, the ones that hold none now.
    free_lines: RefCell<Vec<u16>>,
    free_pages: RefCell<Vec<u16>>,
    by_frame: RefCell<FxHashMap<Mfn, u16>>,
    /// The page that is asked next to make room.
    hand: Cell<usize>,
    /// An instruction that begins on one page and ends on the next, in the first slot: the slots behind it lead on
    /// from there.
    alone: Box<Line<T>>,
    /// The instruction decoded there.
    alone_word: Cell<u32>,
    /// For all of it: last, so that it is given back when that is gone.
    charge: CacheCharge,
}

impl<T: Slot> Code<T> {
    /// The most host memory that decoded code takes.
    pub(crate) const MOST_BYTES: u64 = bytes_of::<T>(LINES, PAGES);

    pub(crate) fn new(charge: CacheCharge) -> Self {
        Self {
            lines: Area::new(LINES),
            pages: Vec::new(),
            tables: Vec::new(),
            limit: LINES,
            filled_lines: Cell::new(0),
            filled_pages: Cell::new(0),
            free_lines: RefCell::default(),
            free_pages: RefCell::default(),
            by_frame: RefCell::default(),
            hand: Cell::new(0),
            alone: Box::new(Line::all(T::PAGE_END)),
            // Not an instruction, so it is never taken for one decoded already.
            alone_word: Cell::new(0),
            charge,
        }
    }

    /// Sees to it that the slice that begins finds spare lines and pages, as far as there may be any.
    #[inline]
    pub(crate) fn keep_spare(&mut self) {
        if self.lines.len() - self.filled_lines.get() < SPARE_LINES && self.lines.len() < self.limit
            || self.pages.len() - self.filled_pages.get() < SPARE_PAGES && self.pages.len() < PAGES
        {
            self.grow();
        }
    }

    #[cold]
    fn grow(&mut self) {
        let lines = (self.filled_lines.get() + SPARE_LINES).min(self.limit).max(self.lines.len());
        let pages = (self.filled_pages.get() + SPARE_PAGES).min(PAGES).max(self.pages.len());
        let bytes = bytes_of::<T>(lines, pages);
        if !self.charge.grow(bytes) {
            if lines > LEAST_LINES {
                return;
            }
            self.charge.must_grow(bytes);
        }
        self.lines.grow(lines, || Line::all(T::PAGE_END));
        self.pages.reserve_exact(pages - self.pages.len());
        self.pages.resize(pages, Cell::new(NO_FRAME));
        self.tables.reserve_exact(pages * LINES_IN_PAGE - self.tables.len());
        self.tables.resize(pages * LINES_IN_PAGE, Cell::new(NONE));
    }

    /// The line of `at` in the page with this table, if it is there.
    #[inline(always)]
    pub(crate) fn line(&self, table: u32, at: At) -> Option<&Line<T>> {
        self.lines.get(self.tables.get(table as usize + at.line())?.get() as usize)
    }

    /// The places of a page's lines.
    fn table(&self, page: usize) -> &[Cell<u16>] {
        &self.tables[page * LINES_IN_PAGE..][..LINES_IN_PAGE]
    }

    /// The table of the page for `mfn`, which `gva` leads to, compared with the frame just now and entered in the
    /// TLB.
    #[inline(never)]
    pub(crate) fn enter(&self, pool: &Pool, mmu: &mut Mmu, gva: Gva, mfn: Mfn) -> u32 {
        let known = self.by_frame.borrow().get(&mfn).copied();
        let index = known.unwrap_or_else(|| self.new_page(mmu, mfn));
        let frame = pool.frame(mfn);
        for line in self.table(index.into()).iter().filter_map(|line| self.lines.get(line.get() as usize)) {
            line.check(frame);
        }
        let table = u32::from(index) * LINES_IN_PAGE as u32;
        mmu.fill_fetch(gva, mfn, table);
        table
    }

    /// The line of `at` in the page with this table, which the TLB knows; it is made if it is not there.
    #[inline(never)]
    pub(crate) fn line_made(&self, pool: &Pool, mmu: &mut Mmu, table: u32, at: At) -> &Line<T> {
        let place = &self.tables[table as usize + at.line()];
        let page = table as usize / LINES_IN_PAGE;
        let mfn = self.pages[page].get();
        if place.get() == NONE {
            place.set(self.new_line(mmu, page));
            let line = &self.lines[place.get() as usize];
            line.begin(table, at.line(), mfn);
            return line;
        }
        let line = &self.lines[(place.get() & !HIDDEN) as usize];
        if place.replace(place.get() & !HIDDEN) & HIDDEN != 0 {
            line.check(pool.frame(mfn));
        }
        line
    }

    /// The line for an instruction that stands alone, given the way to decode it. Not inlined: a
    /// caller that held the operation on its stack could not go on by a jump.
    #[inline(never)]
    pub(crate) fn alone(&self, word: u32, decode: impl Fn(u32) -> T) -> &Line<T> {
        if self.alone_word.replace(word) != word || word == 0 {
            self.alone.set(At::of(0), decode(word));
        }
        &self.alone
    }

    /// The line for an instruction that stands alone, as it is.
    #[cfg(debug_assertions)]
    pub(crate) fn alone_again(&self) -> &Line<T> {
        &self.alone
    }

    /// A page that holds nothing else, for `mfn`.
    fn new_page(&self, mmu: &mut Mmu, mfn: Mfn) -> u16 {
        let index = loop {
            if let Some(index) = take(&self.free_pages, &self.filled_pages, self.pages.len()) {
                break index;
            }
            self.evict(mmu, None);
        };
        self.pages[index as usize].set(mfn);
        self.by_frame.borrow_mut().insert(mfn, index);
        index
    }

    /// A line that holds nothing else, for a page which stays.
    fn new_line(&self, mmu: &mut Mmu, page: usize) -> u16 {
        loop {
            if let Some(line) = take(&self.free_lines, &self.filled_lines, self.lines.len()) {
                return line;
            }
            self.evict(mmu, Some(page));
        }
    }

    /// Has the hand go on until something made room for it. The page that is to `stay` does, without lines too.
    fn evict(&self, mmu: &mut Mmu, stay: Option<usize>) {
        loop {
            let index = self.hand.get() % self.filled_pages.get();
            self.hand.set(index + 1);
            if self.pages[index].get() == NO_FRAME {
                continue;
            }
            let (dropped, left) = self.age(index);
            let is_dropped = left == 0 && stay != Some(index);
            if is_dropped {
                self.drop_page(index);
                mmu.drop_code((index * LINES_IN_PAGE) as u32);
            }
            if dropped > 0 || is_dropped {
                return;
            }
        }
    }

    /// Drops the lines of a page that are hidden, and hides the others; how many of both there are.
    fn age(&self, page: usize) -> (usize, usize) {
        let (mut dropped, mut left) = (0, 0);
        let mut free = self.free_lines.borrow_mut();
        for place in self.table(page).iter().filter(|place| place.get() != NONE) {
            if place.get() & HIDDEN == 0 {
                place.set(place.get() | HIDDEN);
                left += 1;
            } else {
                free.push(place.replace(NONE) & !HIDDEN);
                dropped += 1;
            }
        }
        (dropped, left)
    }

    /// Drops a page without lines. The TLB may know it still.
    fn drop_page(&self, page: usize) {
        self.by_frame.borrow_mut().remove(&self.pages[page].replace(NO_FRAME));
        self.free_pages.borrow_mut().push(page as u16);
    }

    /// Drops the lines that were not reached since this was called last, and gives their memory back.
    pub(crate) fn forget_unused(&mut self, mmu: &mut Mmu) {
        for index in 0..self.filled_pages.get() {
            if self.pages[index].get() != NO_FRAME && self.age(index).1 == 0 {
                self.drop_page(index);
            }
        }
        self.give_back(mmu);
    }

    /// Keeps from now on no more than about `bytes`, but a few lines; what is more goes at once.
    pub(crate) fn limit(&mut self, mmu: &mut Mmu, bytes: u64) {
        self.limit = (bytes as usize / size_of::<Line<T>>()).clamp(LEAST_LINES, LINES);
        if self.lines.len() > self.limit {
            while self.filled_lines.get() - self.free_lines.get_mut().len() > self.limit - SPARE_LINES {
                self.evict(mmu, None);
            }
            self.give_back(mmu);
        }
    }

    /// Gives back the memory of lines and pages that hold nothing. The others move together, so that the TLB must
    /// learn anew where they are.
    fn give_back(&mut self, mmu: &mut Mmu) {
        mmu.drop_instructions();
        let mut is_held = vec![false; self.lines.len()];
        self.tables
            .iter()
            .filter(|place| place.get() != NONE)
            .for_each(|place| is_held[(place.get() & !HIDDEN) as usize] = true);
        let mut is_held = is_held.into_iter();
        self.lines.retain(|_| is_held.next().expect("one for each line"));
        let mut new_page = vec![NONE; self.pages.len()];
        let held = (0..self.pages.len()).filter(|&index| self.pages[index].get() != NO_FRAME);
        held.zip(0..).for_each(|(index, page)| new_page[index] = page);
        self.pages.retain(|mfn| mfn.get() != NO_FRAME);
        self.pages.shrink_to_fit();
        let before =
            std::mem::replace(&mut self.tables, vec![Cell::new(NONE); self.pages.len() * LINES_IN_PAGE]);
        for (id, line) in self.lines.iter().enumerate() {
            let hidden = before[line.table() as usize + line.number()].get() & HIDDEN;
            line.move_to(u32::from(new_page[line.table() as usize / LINES_IN_PAGE]) * LINES_IN_PAGE as u32);
            self.tables[line.table() as usize + line.number()].set(id as u16 | hidden);
        }
        let by_frame = self.pages.iter().enumerate().map(|(index, mfn)| (mfn.get(), index as u16));
        self.by_frame.replace(by_frame.collect());
        self.filled_lines.set(self.lines.len());
        self.filled_pages.set(self.pages.len());
        self.free_lines.take();
        self.free_pages.take();
        self.hand.set(0);
        self.charge.shrink(self.bytes());
    }

    /// Bytes of host memory that decoded code takes.
    pub(crate) fn bytes(&self) -> u64 {
        bytes_of::<T>(self.lines.len(), self.pages.len())
    }
}

/// Bytes that so many lines of so many pages take, and the line of what stands alone.
const fn bytes_of<T>(lines: usize, pages: usize) -> u64 {
    ((lines + 1) * size_of::<Line<T>>() + pages * PER_PAGE) as u64
}

/// One that held something and is free again, or else a spare one behind those `filled`.
fn take(free: &RefCell<Vec<u16>>, filled: &Cell<usize>, there: usize) -> Option<u16> {
    let index = filled.get();
    free.borrow_mut().pop().or_else(|| (index < there).then(|| filled.replace(index + 1) as u16))
}

#[cfg(test)]
mod tests;
