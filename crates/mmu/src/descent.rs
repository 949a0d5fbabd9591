//! The descent through the guest's tables that every walk of one address makes.
//!
//! **Model.** From the root downward, one entry at each level, as far as entries point to tables. What an entry is, [`Pte::at`] says; how
//! one is read is the caller's: a hart reads as the guest does, an inspection as somebody who only looks.
//!
//! **Not here.** Permissions, and accessed and dirty bits: [`crate::walk()`].

use crate::format::{Found, Pte, Root, entry_offset};
use addr::{Gfn, Gva, Ma};

/// An entry, with where it stands in machine memory.
#[derive(Clone, Copy)]
pub(crate) struct Entry {
    pub(crate) ma: Ma,
    pub(crate) pte: Pte,
    pub(crate) found: Found,
}

/// One level of a descent.
pub(crate) struct Step<E> {
    /// Counted down to 0.
    pub(crate) level: u32,
    /// The page the table is in.
    pub(crate) table: Gfn,
    /// Where in the table the entry stands, in bytes.
    pub(crate) offset: u64,
    /// The entry, or why the table cannot be read.
    pub(crate) entry: Result<Entry, E>,
}

/// The levels that translate one address, from the top. Ends with the first entry that does not point to a table.
pub(crate) struct Descent<R> {
    gva: Gva,
    table: Gfn,
    levels_left: u32,
    read: R,
}

impl<R, E> Descent<R>
where
    R: FnMut(Gfn, u64) -> Result<(Ma, Pte), E>,
{
    /// Begins at `root`; `None` for an address that no table can map. `read` reads the entry at an offset in a table.
    #[inline(always)]
    pub(crate) fn new(root: &Root, gva: Gva, read: R) -> Option<Self> {
        let descent = Self { gva, table: root.table, levels_left: root.mode.levels(), read };
        root.mode.is_canonical(gva).then_some(descent)
    }
}

impl<R, E> Iterator for Descent<R>
where
    R: FnMut(Gfn, u64) -> Result<(Ma, Pte), E>,
{
    type Item = Step<E>;

    #[inline(always)]
    fn next(&mut self) -> Option<Step<E>> {
        let level = self.levels_left.checked_sub(1)?;
        let (table, offset) = (self.table, entry_offset(self.gva, level));
        let entry = (self.read)(table, offset).map(|(ma, pte)| Entry { ma, pte, found: pte.at(level) });
        self.levels_left = match entry {
            Ok(Entry { found: Found::Table(below), .. }) => {
                self.table = below;
                level
            }
            _ => 0,
        };
        Some(Step { level, table, offset, entry })
    }
}
