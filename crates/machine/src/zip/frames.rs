//! The frames of a zip store, and which of their places are free.
//!
//! **Model.** A table of frames. Those of a class with a free place are its *open* frames, chained
//! through the table; a frame without a used one leaves the table, and its row waits for the next.

use super::ZipHandle;
use super::place::{CLASSES, PLACE_BITS, Place};
use crate::frame::Audit;
use crate::pool::Frame;
use addr::{Mfn, PageCount};

/// A row of the table.
struct ZipFrame {
    frame: Frame,
    mfn: u32,
    /// A bit for each place in use; none in a vacant row.
    used: u32,
    /// The open frames beside this one, if it is open itself.
    before: Option<Row>,
    after: Option<Row>,
    class: u8,
}

/// Memory for each frame.
pub(crate) const BYTES_PER_FRAME: u64 = size_of::<ZipFrame>() as u64;
const _: () = assert!(BYTES_PER_FRAME == 32, "the cost per frame that the documentation names");

/// The number of a row, plus one.
type Row = std::num::NonZeroU32;

#[derive(Default)]
pub(super) struct ZipFrames {
    table: Vec<ZipFrame>,
    vacant: Vec<u32>,
    /// The first open frame of each class.
    open: [Option<Row>; CLASSES.len()],
}

/// Which row and which place of it.
fn split(handle: ZipHandle) -> (usize, u32) {
    ((handle.0 >> PLACE_BITS) as usize, handle.0 & ((1 << PLACE_BITS) - 1))
}

fn row(number: usize) -> Row {
    Row::new(number as u32 + 1).expect("a number plus one is not zero")
}

fn number(row: Row) -> usize {
    row.get() as usize - 1
}

impl ZipFrame {
    fn is_full(&self) -> bool {
        self.used.count_ones() == CLASSES[usize::from(self.class)]
    }
}

impl ZipFrames {
    pub(super) fn count(&self) -> PageCount {
        PageCount((self.table.len() - self.vacant.len()) as u64)
    }

    pub(super) fn mfns(&self) -> impl Iterator<Item = Mfn> {
        self.table.iter().filter(|row| row.used != 0).map(|row| Mfn(u64::from(row.mfn)))
    }

    pub(super) fn mfn(&self, handle: ZipHandle) -> Mfn {
        Mfn(u64::from(self.table[split(handle).0].mfn))
    }

    pub(super) fn is_used(&self, handle: ZipHandle) -> bool {
        let (number, place) = split(handle);
        self.table.get(number).is_some_and(|row| row.used & 1 << place != 0)
    }

    /// A place in use.
    pub(super) fn place(&self, handle: ZipHandle) -> Place {
        assert!(self.is_used(handle), "{handle:?} is a page in the zip store");
        let (number, place) = split(handle);
        let row = &self.table[number];
        Place::new(row.frame, usize::from(row.class), place)
    }

    /// Takes a free place of an open frame.
    pub(super) fn take_place(&mut self, class: usize) -> Option<ZipHandle> {
        let number = number(self.open[class]?);
        let row = &mut self.table[number];
        let place = row.used.trailing_ones();
        row.used |= 1 << place;
        if row.is_full() {
            self.close(number);
        }
        Some(ZipHandle((number as u32) << PLACE_BITS | place))
    }

    /// Adds a frame and takes its first place.
    pub(super) fn add(&mut self, class: usize, mfn: Mfn, frame: Frame) -> ZipHandle {
        let mfn = u32::try_from(mfn.0).expect("a pool's frame numbers have 28 bits");
        let new = ZipFrame { frame, mfn, used: 1, before: None, after: None, class: class as u8 };
        let number = if let Some(number) = self.vacant.pop() {
            self.table[number as usize] = new;
            number
        } else {
            self.table.push(new);
            self.table.len() as u32 - 1
        };
        self.open(number as usize);
        ZipHandle(number << PLACE_BITS)
    }

    /// Frees a place, and gives its frame if that was the last one used.
    pub(super) fn release(&mut self, handle: ZipHandle) -> Option<Mfn> {
        assert!(self.is_used(handle), "{handle:?} is a page in the zip store");
        let (number, place) = split(handle);
        let was_full = self.table[number].is_full();
        let row = &mut self.table[number];
        row.used &= !(1 << place);
        if row.used == 0 {
            let mfn = row.mfn;
            row.frame = Frame::NOWHERE;
            self.close(number);
            self.vacant.push(number as u32);
            return Some(Mfn(u64::from(mfn)));
        }
        if was_full {
            self.open(number);
        }
        None
    }

    fn open(&mut self, number: usize) {
        let class = usize::from(self.table[number].class);
        let after = self.open[class].replace(row(number));
        if let Some(after) = after {
            self.table[self::number(after)].before = Some(row(number));
        }
        self.table[number].after = after;
        self.table[number].before = None;
    }

    fn close(&mut self, number: usize) {
        let ZipFrame { before, after, class, .. } = self.table[number];
        match before {
            Some(before) => self.table[self::number(before)].after = after,
            None => self.open[usize::from(class)] = after,
        }
        if let Some(after) = after {
            self.table[self::number(after)].before = before;
        }
    }

    /// Checks that exactly `pages` places are used, that the rows without one are the vacant ones,
    /// and that those with a free one are chained as open.
    pub(super) fn audit(&self, pages: u64) -> Audit {
        let used: u64 = self.table.iter().map(|row| u64::from(row.used.count_ones())).sum();
        if used != pages {
            return Err(format!("INV-5: {used} places used in the zip store for {pages} pages"));
        }
        for &number in &self.vacant {
            if self.table[number as usize].used != 0 {
                return Err(format!("INV-5: row {number} of the zip store's frames is vacant and used"));
            }
        }
        let empty = self.table.iter().filter(|row| row.used == 0).count();
        if empty != self.vacant.len() {
            return Err(format!("INV-5: the zip store has {empty} empty rows, {} vacant", self.vacant.len()));
        }
        (0..CLASSES.len()).try_for_each(|class| self.audit_open(class))
    }

    fn audit_open(&self, class: usize) -> Audit {
        let has_room = |row: &&ZipFrame| usize::from(row.class) == class && row.used != 0 && !row.is_full();
        let expected = self.table.iter().filter(has_room).count();
        let (mut chained, mut before, mut next) = (0, None, self.open[class]);
        while let Some(this) = next {
            let frame = &self.table[number(this)];
            if !has_room(&frame) || frame.before != before || chained == expected {
                return Err(format!(
                    "INV-5: row {this} is chained as open in class {class} and should not be"
                ));
            }
            chained += 1;
            before = next;
            next = frame.after;
        }
        if chained != expected {
            return Err(format!("INV-5: {chained} of {expected} open frames of class {class} are chained"));
        }
        Ok(())
    }
}
