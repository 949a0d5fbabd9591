//! The guest's tables for people to look at: one address through all levels, or all that is mapped.
//!
//! **Model.** As [`crate::walk()`], but no bit is set and no page made ready: a table that is in no frame now is not read, and what it
//! is instead is told. A watched page is in its frame, and its content is there for whoever only looks.
//!
//! **Concurrency.** The caller holds a hart of the VM: a page that is in no passage stays in its frame meanwhile.

use crate::format::{Permissions, Pte, Root, TABLE_ENTRIES, entry_offset, span};
use addr::{Gfn, Gva, PAGE_SHIFT};
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
        self.entry.is_ok_and(|pte| pte.is_well_formed() && pte.is_leaf() && !is_aligned(pte, self.level))
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

fn is_aligned(pte: Pte, level: u32) -> bool {
    pte.gfn().0.is_multiple_of(span(level))
}

/// Reads an entry of a table, without noting that it is used.
fn read(memory: &VmMemory, table: Gfn, offset: u64) -> Result<Pte, Unreadable> {
    let (state, in_passage) = memory.pmap().state(table).ok_or(Unreadable::NotMemory)?;
    match state.frame() {
        Some(mfn) if !in_passage => Ok(Pte(memory.pool().load(mfn.base().wrapping_add(offset)))),
        _ => Err(Unreadable::Page { state, in_passage }),
    }
}

/// Follows an address through the guest's tables, without setting a bit anywhere.
pub fn trace(memory: &VmMemory, root: &Root, gva: Gva) -> Trace {
    let is_canonical = root.mode.is_canonical(gva);
    let mut trace = Trace { is_canonical, steps: Vec::new(), gfn: None };
    if !is_canonical {
        return trace;
    }
    if root.mode.levels() == 0 {
        trace.gfn = Some(Gfn(gva.0 >> PAGE_SHIFT));
        return trace;
    }
    let mut table = root.table;
    for level in (0..root.mode.levels()).rev() {
        let offset = entry_offset(gva, level);
        let entry = read(memory, table, offset);
        trace.steps.push(Step { level, table, index: offset / 8, entry });
        let Some(pte) = entry.ok().filter(|pte| pte.is_well_formed()) else { break };
        if pte.is_leaf() {
            let within = (gva.0 >> PAGE_SHIFT) & (span(level) - 1);
            trace.gfn = is_aligned(pte, level).then_some(Gfn(pte.gfn().0 | within));
            break;
        }
        table = pte.gfn();
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
    let mut found = Vec::new();
    // A table that points to itself is as deep as the levels, and `most` bounds what it unrolls to:
    // so does the number of entries looked at.
    let mut budget = most.saturating_mul(64);
    if root.mode.levels() > 0 {
        collect(memory, root, root.table, root.mode.levels() - 1, 0, most, &mut budget, &mut found);
    }
    found
}

#[expect(clippy::too_many_arguments, reason = "a recursion over what never changes")]
fn collect(
    memory: &VmMemory,
    root: &Root,
    table: Gfn,
    level: u32,
    prefix: u64,
    most: usize,
    budget: &mut usize,
    found: &mut Vec<Leaf>,
) {
    let unused = 64 - (PAGE_SHIFT + 9 * root.mode.levels());
    for index in 0..TABLE_ENTRIES {
        if found.len() >= most || *budget == 0 {
            return;
        }
        *budget -= 1;
        let Ok(pte) = read(memory, table, index * 8) else { return };
        if !pte.is_well_formed() {
            continue;
        }
        let address = prefix | index << (PAGE_SHIFT + 9 * level);
        if pte.is_leaf() {
            if !is_aligned(pte, level) {
                continue;
            }
            let gva = Gva(((address << unused) as i64 >> unused) as u64);
            found.push(Leaf { gva, gfn: pte.gfn(), permissions: pte.permissions() });
        } else if level > 0 {
            collect(memory, root, pte.gfn(), level - 1, address, most, budget, found);
        }
    }
}
