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
