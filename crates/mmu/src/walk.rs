//! The two-stage walk: the guest's own tables, each reached through the VM's pmap.
//!
//! **Model.** With *n* levels of guest tables and the pmap's three, a walk makes
//! (n + 1)(3 + 1) − 1 references to memory, as a processor with nested paging does: 15 for Sv39.
//! Accessed and dirty bits are set on the way by compare-and-swap (Svadu); if the guest changed the
//! entry meanwhile, it is read again.
//!
//! **Sources.** The RISC-V Instruction Set Manual, Volume II, "Virtual Address Translation Process".

use crate::format::{Access, Permissions, Pte, Root, View, entry_offset, span};
use addr::{Gfn, Gva, Ma, Mfn, PAGE_SHIFT};
use machine::{Lookup, Use, VmMemory};

/// Memory references of one lookup in the pmap's radix table.
pub(crate) const NESTED_REFERENCES: u64 = 3;

/// Why an address has no translation now.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Fault {
    /// The guest's own tables forbid the access: a true fault, which the guest gets.
    Page,
    /// A guest table lies outside memory, or the address does where no device may be.
    Access,
    /// The page behind the access or behind one of its tables must be made ready first.
    NeedsWork(Gfn, Use),
}

/// Where an address leads by the guest's tables.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Translation {
    /// The guest page.
    pub gfn: Gfn,
    /// What the leaf permits.
    pub permissions: Permissions,
    /// Whether the leaf's dirty bit is set.
    pub dirty: bool,
    /// Whether the mapping is in every address space.
    pub global: bool,
    /// Where the leaf stands.
    pub source: Source,
}

/// Which guest entries a run of 2 MiB is translated by.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Source {
    /// By the entries of a last-level table in this page.
    Table(Gfn),
    /// By a single leaf of a higher level.
    Large {
        /// 1 for 2 MiB, 2 for 1 GiB and so on.
        level: u32,
        /// The leaf, without its accessed and dirty bits.
        leaf: u64,
    },
}

/// A guest entry found on a walk, and where.
#[derive(Clone, Copy)]
struct Found {
    table: Gfn,
    ma: Ma,
    pte: Pte,
}

/// The frame of a page of tables.
fn frame_of(memory: &VmMemory, gfn: Gfn, references: &mut u64) -> Result<Mfn, Fault> {
    *references += NESTED_REFERENCES;
    match memory.pmap().lookup(gfn) {
        Lookup::Mapped(mfn) | Lookup::ReadOnly(mfn) => Ok(mfn),
        Lookup::NeedsWork => Err(Fault::NeedsWork(gfn, Use::Read)),
        Lookup::Outside => Err(Fault::Access),
    }
}

/// Reads one entry of a table.
fn read_entry(memory: &VmMemory, table: Gfn, offset: u64, references: &mut u64) -> Result<Found, Fault> {
    let ma = frame_of(memory, table, references)?.base().wrapping_add(offset);
    *references += 1;
    Ok(Found { table, ma, pte: Pte(memory.pool().load(ma)) })
}

/// Walks down to the first leaf, giving its level too; checks form, not permission.
fn find_leaf(
    memory: &VmMemory,
    root: &Root,
    gva: Gva,
    global: &mut bool,
    references: &mut u64,
) -> Result<(Found, u32), Fault> {
    if !root.mode.is_canonical(gva) {
        return Err(Fault::Page);
    }
    let mut table = root.table;
    for level in (0..root.mode.levels()).rev() {
        let found = read_entry(memory, table, entry_offset(gva, level), references)?;
        if !found.pte.is_well_formed() {
            return Err(Fault::Page);
        }
        *global |= found.pte.has(Pte::G);
        if found.pte.is_leaf() {
            let aligned = found.pte.gfn().0.is_multiple_of(span(level));
            return if aligned { Ok((found, level)) } else { Err(Fault::Page) };
        }
        table = found.pte.gfn();
    }
    Err(Fault::Page)
}

impl Source {
    fn of(found: &Found, level: u32) -> Self {
        match level {
            0 => Self::Table(found.table),
            _ => Self::Large { level, leaf: found.pte.0 & !(Pte::A | Pte::D) },
        }
    }

    /// What translates the 2 MiB around `gva` now, if anything does.
    pub(crate) fn find(memory: &VmMemory, root: &Root, gva: Gva, references: &mut u64) -> Option<Origin> {
        let mut table = root.table;
        let mut global = false;
        for level in (1..root.mode.levels()).rev() {
            let found = read_entry(memory, table, entry_offset(gva, level), references).ok()?;
            if !found.pte.is_well_formed() {
                return None;
            }
            global |= found.pte.has(Pte::G);
            if found.pte.is_leaf() {
                return Some(Origin { source: Self::of(&found, level), leaf: Some(found.pte), global });
            }
            table = found.pte.gfn();
        }
        Some(Origin { source: Self::Table(table), leaf: None, global })
    }
}

/// What [`Source::find`] finds on its way down.
pub(crate) struct Origin {
    pub(crate) source: Source,
    /// A large leaf as it stands, accessed and dirty bits included.
    pub(crate) leaf: Option<Pte>,
    /// Whether an entry on the way makes all below it global.
    pub(crate) global: bool,
}

/// Translates `gva` by the guest's tables for `access` from `view`, setting A and D as needed.
/// Adds the memory references made to `references`. Since it writes to the guest's tables, it is
/// called under the lock of a hart: whoever moves a table takes that before copying it.
///
/// # Errors
/// [`Fault`] says why there is no translation.
pub fn walk(
    memory: &VmMemory,
    root: &Root,
    gva: Gva,
    access: Access,
    view: View,
    references: &mut u64,
) -> Result<Translation, Fault> {
    if root.mode.levels() == 0 {
        return untranslated(root, gva, view);
    }
    let wanted = if access == Access::Store { Pte::A | Pte::D } else { Pte::A };
    loop {
        let mut global = false;
        let (found, level) = find_leaf(memory, root, gva, &mut global, references)?;
        let permissions = found.pte.permissions();
        if !permissions.permits(access, view) {
            return Err(Fault::Page);
        }
        let marked = Pte(found.pte.0 | wanted);
        if marked != found.pte && !mark(memory, &found, marked)? {
            continue;
        }
        let within = (gva.0 >> PAGE_SHIFT) % span(level);
        return Ok(Translation {
            gfn: Gfn(found.pte.gfn().0 | within),
            permissions,
            dirty: marked.has(Pte::D),
            global,
            source: Source::of(&found, level),
        });
    }
}

/// Sets bits in a guest entry, unless the guest changed it meanwhile: then says `false`.
fn mark(memory: &VmMemory, found: &Found, marked: Pte) -> Result<bool, Fault> {
    // The frame is still the one the entry was read from: it could only change under the lock of
    // this hart.
    if memory.pmap().lookup(found.table).permits(Use::Write).is_none() {
        return Err(Fault::NeedsWork(found.table, Use::Write));
    }
    Ok(memory.pool().compare_exchange(found.ma, found.pte.0, marked.0).is_ok())
}

fn untranslated(root: &Root, gva: Gva, view: View) -> Result<Translation, Fault> {
    if !root.mode.is_canonical(gva) {
        return Err(Fault::Access);
    }
    Ok(Translation {
        gfn: Gfn(gva.0 >> PAGE_SHIFT),
        permissions: Permissions::all(view.user),
        dirty: true,
        global: false,
        source: Source::Table(Gfn(0)),
    })
}

/// One step of a walk, for people to look at.
#[derive(Clone, Copy, Debug)]
pub struct Step {
    /// Level of the table, counted down to 0.
    pub level: u32,
    /// The page the table is in.
    pub table: Gfn,
    /// Which of its 512 entries.
    pub index: u64,
    /// The entry, or why it cannot be read.
    pub entry: Result<Pte, Fault>,
}

/// The steps of a walk, without setting a bit anywhere.
pub fn trace(memory: &VmMemory, root: &Root, gva: Gva) -> Vec<Step> {
    let mut steps = Vec::new();
    let mut table = root.table;
    for level in (0..root.mode.levels()).rev() {
        let offset = entry_offset(gva, level);
        let entry = read_entry(memory, table, offset, &mut 0).map(|found| found.pte);
        steps.push(Step { level, table, index: offset / 8, entry });
        match entry {
            Ok(pte) if pte.is_well_formed() && !pte.is_leaf() => table = pte.gfn(),
            _ => break,
        }
    }
    steps
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
    for index in 0..crate::format::TABLE_ENTRIES {
        if found.len() >= most || *budget == 0 {
            return;
        }
        *budget -= 1;
        let Ok(entry) = read_entry(memory, table, index * 8, &mut 0) else { return };
        if !entry.pte.is_well_formed() {
            continue;
        }
        let address = prefix | index << (PAGE_SHIFT + 9 * level);
        if entry.pte.is_leaf() {
            let gva = Gva(((address << unused) as i64 >> unused) as u64);
            found.push(Leaf { gva, gfn: entry.pte.gfn(), permissions: entry.pte.permissions() });
        } else if level > 0 {
            collect(memory, root, entry.pte.gfn(), level - 1, address, most, budget, found);
        }
    }
}
