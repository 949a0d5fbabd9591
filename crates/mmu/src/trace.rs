//! The guest's tables for people to look at: one address through all levels, or all that is mapped.
//!
//! **Model.** As [`crate::walk()`], but no bit is set and no page made ready: a table that is in no frame now is not read, and what it
//! is instead is told. A watched page is in its frame, and its content is there for whoever only looks.
//!
//! **Concurrency.** The caller holds a hart of the VM: a page that is in no passage stays in its frame meanwhile.

use crate::descent::{Descent, Entry};
use crate::format::{Found, Permissions, Pte, Root, TABLE_ENTRIES, page_of, span};
use addr::{Gfn, Gva, Ma, PAGE_SHIFT};
use machine::{PageState, VmMemory};

/// Why a table cannot be read.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Unreadable {
    /// It is not in the VM's memory.
    NotMemory,
    /// Its page is in no frame, or on its way to another state.
    Page {
        /// What the page is, or was before.
        state: PageState,
        /// Whether it is on its way to another state.
        in_passage: bool,
    },
}

/// One step of a walk.
#[derive(Clone, Copy, Debug)]
pub struct Step {
    /// Level of the table, counted down to 0.
    pub level: u32,
    /// The page the table is in.
    pub table: Gfn,
    /// Which of its 512 entries.
    pub index: u64,
    /// The entry, or why it cannot be read.
    pub entry: Result<Pte, Unreadable>,
}

impl Step {
    /// Whether the entry is a leaf for pages that do not begin where pages of their size do: using it is a page fault.
    pub fn is_misaligned(&self) -> bool {
        self.entry.is_ok_and(|pte| pte.at(self.level) == Found::Misaligned)
    }
}

/// Where an address leads.
#[derive(Clone, Debug)]
pub struct Trace {
    /// Whether the address is one of the mode's: the upper bits of others are not copies of the highest that counts, and using them is a
    /// fault whatever the tables say.
    pub is_canonical: bool,
    /// The walk, level by level; empty without translation, and for an address that is not canonical.
    pub steps: Vec<Step>,
    /// The guest page it leads to, if it leads to one.
    pub gfn: Option<Gfn>,
}

/// Reads an entry of a table, without noting that it is used.
fn read(memory: &VmMemory, table: Gfn, offset: u64) -> Result<(Ma, Pte), Unreadable> {
    let (state, in_passage) = memory.pmap().state(table).ok_or(Unreadable::NotMemory)?;
    match state.frame() {
        Some(mfn) if !in_passage => {
            let ma = mfn.base().wrapping_add(offset);
            Ok((ma, Pte(memory.pool().load(ma))))
        }
        _ => Err(Unreadable::Page { state, in_passage }),
    }
}

/// Follows an address through the guest's tables, without setting a bit anywhere.
pub fn trace(memory: &VmMemory, root: &Root, gva: Gva) -> Trace {
    let descent = Descent::new(root, gva, |table, offset| read(memory, table, offset));
    let mut trace = Trace { is_canonical: descent.is_some(), steps: Vec::new(), gfn: None };
    let Some(descent) = descent else { return trace };
    if root.mode.levels() == 0 {
        trace.gfn = Some(Gfn(gva.0 >> PAGE_SHIFT));
        return trace;
    }
    for step in descent {
        if let Ok(Entry { found: Found::Leaf(gfn), .. }) = step.entry {
            trace.gfn = Some(page_of(gfn, step.level, gva));
        }
        let (level, table, index) = (step.level, step.table, step.offset / 8);
        trace.steps.push(Step { level, table, index, entry: step.entry.map(|entry| entry.pte) });
    }
    trace
}

/// A page that the guest's tables map.
#[derive(Clone, Copy, Debug)]
pub struct Leaf {
    /// The guest virtual page.
    pub gva: Gva,
    /// The guest page.
    pub gfn: Gfn,
    /// What the leaf permits.
    pub permissions: Permissions,
}

/// The pages that the guest's tables map, in order of their tables' entries, at most `most`. Large
/// leaves count once, by their first page.
pub fn leaves(memory: &VmMemory, root: &Root, most: usize) -> Vec<Leaf> {
    // A table that points to itself is as deep as the levels, and `most` bounds what it unrolls to:
    // so does the number of entries looked at.
    let mut leaves = Leaves { memory, root, most, entries_left: most.saturating_mul(64), found: Vec::new() };
    if let Some(top) = root.mode.levels().checked_sub(1) {
        leaves.collect(root.table, top, 0);
    }
    leaves.found
}

struct Leaves<'a> {
    memory: &'a VmMemory,
    root: &'a Root,
    most: usize,
    entries_left: usize,
    found: Vec<Leaf>,
}

impl Leaves<'_> {
    /// Adds what a table at `level` maps from the virtual page `first` on.
    fn collect(&mut self, table: Gfn, level: u32, first: u64) {
        for index in 0..TABLE_ENTRIES {
            if self.found.len() >= self.most || self.entries_left == 0 {
                return;
            }
            self.entries_left -= 1;
            let Ok((_, pte)) = read(self.memory, table, index * 8) else { return };
            let page = first + index * span(level);
            match pte.at(level) {
                Found::Table(below) => self.collect(below, level - 1, page),
                Found::Leaf(gfn) => {
                    let gva = self.root.mode.canonical(Gva(page << PAGE_SHIFT));
                    self.found.push(Leaf { gva, gfn, permissions: pte.permissions() });
                }
                Found::Nothing | Found::Misaligned => {}
            }
        }
    }
}
