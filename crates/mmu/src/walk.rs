//! The two-stage walk: the guest's own tables, each reached through the VM's pmap.
//!
//! **Model.** With *n* levels of guest tables and the pmap's three, a walk makes
//! (n + 1)(3 + 1) − 1 references to memory, as a processor with nested paging does: 15 for Sv39.
//! Accessed and dirty bits are set on the way by compare-and-swap (Svadu); if the guest changed the
//! entry meanwhile, it is read again.
//!
//! **Sources.** The RISC-V Instruction Set Manual, Volume II, "Virtual Address Translation Process".

use crate::descent::{Descent, Entry, Step};
use crate::format::{Access, Found, Permissions, Pte, Root, View, page_of};
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

/// The frame of a page of tables.
#[inline(always)]
fn frame_of(memory: &VmMemory, gfn: Gfn, references: &mut u64) -> Result<Mfn, Fault> {
    *references += NESTED_REFERENCES;
    match memory.pmap().lookup(gfn) {
        Lookup::Mapped(mfn) | Lookup::ReadOnly(mfn) => Ok(mfn),
        Lookup::NeedsWork => Err(Fault::NeedsWork(gfn, Use::Read)),
        Lookup::Outside => Err(Fault::Access),
    }
}

/// Where a descent ends.
struct End {
    level: u32,
    table: Gfn,
    entry: Entry,
    /// Whether an entry on the way, or this one, makes the mapping global.
    global: bool,
}

/// Goes down to the leaf, or to the entry at level `lowest` if that points to a table. Checks form, not permission.
#[inline(always)]
fn descend(
    memory: &VmMemory,
    root: &Root,
    gva: Gva,
    lowest: u32,
    references: &mut u64,
) -> Result<End, Fault> {
    let read = |table, offset| {
        let ma = frame_of(memory, table, references)?.base().wrapping_add(offset);
        *references += 1;
        Ok((ma, Pte(memory.pool().load(ma))))
    };
    let mut global = false;
    for Step { level, table, entry, .. } in Descent::new(root, gva, read).ok_or(Fault::Page)? {
        let entry = entry?;
        global |= entry.pte.has(Pte::G);
        match entry.found {
            Found::Table(_) if level > lowest => {}
            Found::Table(_) | Found::Leaf(_) => return Ok(End { level, table, entry, global }),
            Found::Nothing | Found::Misaligned => return Err(Fault::Page),
        }
    }
    Err(Fault::Page)
}

impl Source {
    fn of(leaf: &End) -> Self {
        match leaf.level {
            0 => Self::Table(leaf.table),
            level => Self::Large { level, leaf: leaf.entry.pte.0 & !(Pte::A | Pte::D) },
        }
    }

    /// What translates the 2 MiB around `gva` now, if anything does.
    pub(crate) fn find(memory: &VmMemory, root: &Root, gva: Gva, references: &mut u64) -> Option<Origin> {
        let end = descend(memory, root, gva, 1, references).ok()?;
        Some(match end.entry.found {
            Found::Table(last) => Origin { source: Self::Table(last), leaf: None, global: end.global },
            _ => Origin { source: Self::of(&end), leaf: Some(end.entry.pte), global: end.global },
        })
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
        let leaf = descend(memory, root, gva, 0, references)?;
        let Entry { ma, pte, .. } = leaf.entry;
        let permissions = pte.permissions();
        if !permissions.permits(access, view) {
            return Err(Fault::Page);
        }
        let marked = Pte(pte.0 | wanted);
        if marked != pte && !mark(memory, leaf.table, ma, (pte, marked))? {
            continue;
        }
        return Ok(Translation {
            gfn: page_of(pte.gfn(), leaf.level, gva),
            permissions,
            dirty: marked.has(Pte::D),
            global: leaf.global,
            source: Source::of(&leaf),
        });
    }
}

/// Sets bits in a guest entry of the page `table`, unless the guest changed it meanwhile: then says `false`.
fn mark(memory: &VmMemory, table: Gfn, ma: Ma, (pte, marked): (Pte, Pte)) -> Result<bool, Fault> {
    // The frame is still the one the entry was read from: it could only change under the lock of
    // this hart.
    if memory.pmap().lookup(table).permits(Use::Write).is_none() {
        return Err(Fault::NeedsWork(table, Use::Write));
    }
    Ok(memory.pool().compare_exchange(ma, pte.0, marked.0).is_ok())
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
