//! Showing how a VM's memory is mapped: one address through all levels, and the whole.

use crate::vm::Vm;
use addr::{Gfn, Gpa, Gva, Mfn};
use machine::{PageCensus, PageState};
use mmu::{Permissions, Root, ShadowEntry, Step, Technique};

/// One guest virtual address, from the guest's tables to the machine frame.
#[derive(Clone, Debug)]
pub struct AddressMap {
    /// The hart whose address space it is.
    pub cpu: usize,
    /// The technique that hart uses.
    pub technique: Technique,
    /// Its address space.
    pub root: Root,
    /// The address.
    pub gva: Gva,
    /// Whether it is one of the mode's: using another is a fault.
    pub is_canonical: bool,
    /// The guest's walk, level by level; empty without translation, and for an address that is not canonical.
    pub steps: Vec<Step>,
    /// The guest physical address, if the walk leads to one.
    pub gpa: Option<Gpa>,
    /// What the page is, if it is memory; with whether it is in passage.
    pub state: Option<(PageState, bool)>,
    /// The hart's shadow entry, if there is one.
    pub shadow: Option<ShadowEntry>,
}

impl AddressMap {
    /// The machine frame, if the page has one.
    pub fn mfn(&self) -> Option<Mfn> {
        self.state.and_then(|(state, _)| state.frame())
    }

    /// Whether the shadow entry says what walk and pmap say; `None` if there is no entry to compare,
    /// or it is stale and will be compared by the hart before it is used.
    pub fn agrees(&self) -> Option<bool> {
        let shadow = self.shadow.filter(|entry| !entry.stale)?;
        let gfn = self.gpa.map(Gfn::containing);
        Some(gfn == Some(shadow.gfn) && self.mfn() == Some(shadow.mfn))
    }
}

/// One page as it is mapped now.
#[derive(Clone, Copy, Debug)]
pub struct Mapped {
    /// The guest virtual page.
    pub gva: Gva,
    /// The guest page.
    pub gfn: Gfn,
    /// Its frame, if it has one.
    pub mfn: Option<Mfn>,
    /// What the guest's leaf permits.
    pub permissions: Permissions,
    /// Whether a shadow entry leads straight from gva to frame.
    pub shadowed: bool,
}

/// The whole of a VM's memory.
#[derive(Clone, Debug)]
pub struct MemoryMap {
    /// The VM's name.
    pub name: String,
    /// What its pages are.
    pub pages: PageCensus,
    /// The address space shown.
    pub root: Root,
    /// The technique of the hart whose address space it is.
    pub technique: Technique,
    /// Mapped pages of this address space, spread over it, in order of address.
    pub mapped: Vec<Mapped>,
    /// How many pages the guest's tables map in this address space, as far as they were counted.
    pub mapped_total: usize,
    /// Shadow entries the hart has, for all address spaces.
    pub shadow_entries: usize,
    /// Frames of the whole pool.
    pub pool_frames: u64,
}

/// Most leaves looked at: enough for every page of a large guest's busiest process.
const MAX_LEAVES: usize = 1 << 16;

impl Vm {
    /// Follows `gva` in the address space that hart `cpu` uses now.
    ///
    /// # Panics
    /// If there is no such hart.
    pub fn map_address(&self, cpu: usize, gva: Gva) -> AddressMap {
        let hart = self.shared.vcpus[cpu].hart();
        let (memory, root) = (&*self.shared.memory, hart.mmu().root());
        let mmu::Trace { is_canonical, steps, gfn } = mmu::trace(memory, &root, gva);
        AddressMap {
            cpu,
            technique: hart.mmu().technique(),
            root,
            gva,
            is_canonical,
            steps,
            gpa: gfn.map(|gfn| gfn.base().wrapping_add(gva.page_offset())),
            state: gfn.and_then(|gfn| memory.pmap().state(gfn)),
            shadow: hart.mmu().shadow_entry(gva),
        }
    }

    /// Shows up to `pages` pages of the address space that hart `cpu` uses now: of its user half,
    /// if it has one.
    ///
    /// # Panics
    /// If there is no such hart.
    pub fn map(&self, cpu: usize, pages: usize) -> MemoryMap {
        let hart = self.shared.vcpus[cpu].hart();
        let (memory, root) = (&*self.shared.memory, hart.mmu().root());
        let all = mmu::leaves(memory, &root, MAX_LEAVES);
        let user: Vec<_> = all.iter().filter(|leaf| leaf.gva.0 >> 63 == 0).copied().collect();
        let shown = if user.is_empty() { &all } else { &user };
        let shadows: std::collections::HashSet<Gva> = hart
            .mmu()
            .shadow_entries()
            .filter(|entry| entry.in_use && !entry.stale)
            .map(|entry| entry.gva)
            .collect();
        let stride = shown.len().div_ceil(pages.max(1)).max(1);
        let mapped = shown
            .iter()
            .step_by(stride)
            .map(|leaf| Mapped {
                gva: leaf.gva,
                gfn: leaf.gfn,
                mfn: memory.pmap().state(leaf.gfn).and_then(|(state, _)| state.frame()),
                permissions: leaf.permissions,
                shadowed: shadows.contains(&leaf.gva),
            })
            .collect();
        MemoryMap {
            name: self.name().to_owned(),
            pages: memory.census(),
            root,
            technique: hart.mmu().technique(),
            mapped,
            mapped_total: shown.len(),
            shadow_entries: hart.mmu().shadow_entries().count(),
            pool_frames: memory.pool().size().0,
        }
    }
}
