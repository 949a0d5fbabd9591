//! One hart's memory management unit: TLB, shadow tables or two-stage walk, and fences.
//!
//! **Model.** A TLB miss comes to [`Mmu::translate`]. Under the software technique it looks into
//! the shadow tables and makes a *hidden fault* of it when nothing is there: walk the guest's
//! tables, ask the pmap, fill shadow and TLB. Under the hardware technique it makes the two-stage
//! walk and fills the TLB. Both are caches of the same two things, the guest's tables and the pmap,
//! so changing the technique is emptying the caches.
//!
//! **Invariants.** INV-1: what the host takes away ([`Mmu::take_away`]) is in no cache afterwards.
//! INV-8: what is cached is as the guest's last fence of it allows.
//!
//! **Concurrency.** Belongs to one hart. Other threads reach it through the hart's lock only.

use crate::format::{Access, PagingMode, Permissions, Root, View};
use crate::shadow::{Shadow, ShadowCounts};
use crate::space::{Extent, Missed, SpaceId, Spaces};
use crate::tlb::{Fill, SLOTS, Tlb, half};
use crate::walk::{Fault, NESTED_REFERENCES, Source, Translation, walk};
use addr::{Gfn, Gva, Mfn, PageCount};
use machine::{Holds, Lookup, PageState, Use, VmMemory};

/// How a hart's translations are made.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Hash)]
pub enum Technique {
    /// Shadow page tables.
    Software,
    /// Two-stage walks.
    Hardware,
}

/// Why [`Mmu::translate`] gives no frame.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Miss {
    /// A true fault: the guest's tables forbid the access.
    Page,
    /// A guest table lies outside memory.
    Access,
    /// The page must first be made ready: by [`VmMemory::resolve`], with no hart's lock held.
    NeedsWork(Gfn, Use),
    /// The address is not memory: a device's, or nobody's.
    Device(Gfn),
}

/// What the unit did, since the beginning.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct MmuCounts {
    /// Misses for data.
    pub data_misses: u64,
    /// Misses for instructions.
    pub fetch_misses: u64,
    /// Misses that the guest must not see: the shadow had no entry.
    pub hidden_faults: u64,
    /// Misses that the guest gets as page faults.
    pub true_faults: u64,
    /// References to memory made by walks, lookups in the pmap and in shadow tables.
    pub walk_references: u64,
    /// Fences of everything or of an address space.
    pub space_fences: u64,
    /// Fences of one address.
    pub page_fences: u64,
    /// Changes of the address space.
    pub switches: u64,
    /// Pages whose translations the host took away.
    pub taken_away: u64,
    /// What happened to shadow tables.
    pub shadow: ShadowCounts,
}

/// A memory management unit. See the module's documentation.
pub struct Mmu {
    tlb: Tlb,
    spaces: Spaces,
    shadow: Shadow,
    technique: Technique,
    root: Root,
    view: View,
    /// The spaces that serve the lower and the upper half now.
    in_use: [SpaceId; 2],
    next_slot: u16,
    counts: MmuCounts,
}

/// Shadow tables kept for a VM of this size: enough for twice its memory mapped without a gap, and
/// never so few that a handful of processes thrash.
const fn shadow_limit(size: PageCount) -> usize {
    let twice = size.0 as usize / 256;
    if twice < 256 { 256 } else { twice }
}

impl Mmu {
    /// A unit for a VM with this memory; translation is off.
    pub fn new(technique: Technique, memory: &VmMemory) -> Self {
        let shadow_limit = shadow_limit(memory.pmap().size());
        let mut mmu = Self {
            tlb: Tlb::new(),
            spaces: Spaces::new(),
            shadow: Shadow::new(shadow_limit, memory.new_cache()),
            technique,
            root: Root::BARE,
            view: View::default(),
            in_use: [SpaceId(0); 2],
            next_slot: 0,
            counts: MmuCounts::default(),
        };
        mmu.enter_root();
        mmu
    }

    /// The translations usable at once.
    #[inline(always)]
    pub fn tlb(&self) -> &Tlb {
        &self.tlb
    }

    /// Tells the TLB where the processor keeps the decoded code of a page just translated.
    #[inline]
    pub fn fill_fetch(&mut self, gva: Gva, mfn: Mfn, code: u32) {
        self.tlb.fill_fetch(gva, mfn, code);
    }

    /// Drops all instructions from the TLB: the processor no longer vouches for decoded code.
    #[inline]
    pub fn drop_instructions(&mut self) {
        self.tlb.drop_instructions();
    }

    /// Drops the decoded code that the processor calls `code` from the TLB.
    pub fn drop_code(&mut self, code: u32) {
        self.tlb.drop_code(code);
    }

    /// The technique in use.
    pub fn technique(&self) -> Technique {
        self.technique
    }

    /// The address space in use.
    pub fn root(&self) -> Root {
        self.root
    }

    /// What happened so far.
    pub fn counts(&self) -> MmuCounts {
        MmuCounts { shadow: self.shadow.counts, ..self.counts }
    }

    /// Shadow tables in use now, and the host memory they take, in bytes.
    pub fn shadow_size(&self) -> (usize, u64) {
        (self.shadow.tables(), self.shadow.bytes())
    }

    /// The most host memory that one hart's shadow tables take in a VM with memory of `size`.
    pub const fn most_shadow_bytes(size: PageCount) -> u64 {
        Shadow::bytes_of(shadow_limit(size))
    }

    /// Forgets the shadow tables that were not used since this was called last, and gives their memory back.
    pub fn forget_unused(&mut self) {
        self.shadow.forget_unused();
    }

    /// Keeps shadow tables of about `bytes` at most from now on.
    pub fn limit_shadow(&mut self, bytes: u64) {
        self.shadow.limit(bytes);
    }

    /// Changes the technique; takes effect with the next access.
    pub fn set_technique(&mut self, technique: Technique) {
        if technique != self.technique {
            self.technique = technique;
            self.shadow.drop_all();
            self.forget_tlb();
        }
    }

    /// Looks from now on from `view`.
    #[inline]
    pub fn set_view(&mut self, view: View) {
        let mxr_changes = view.mxr != self.view.mxr;
        self.view = view;
        if mxr_changes {
            // MXR is too rare to be worth a view in the tags.
            self.forget_tlb();
        } else {
            self.tlb.look_from(view);
        }
    }

    /// Uses from now on the address space of `root`, with what is cached for it.
    pub fn switch(&mut self, root: Root) {
        if root != self.root {
            self.counts.switches += 1;
            self.root = root;
            self.enter_root();
        }
    }

    fn enter_root(&mut self) {
        let keep = self.in_use;
        let own = self.find_space(self.root, keep);
        let upper = if self.spaces.get(own).upper_is_global {
            self.find_space(Spaces::global_root(self.root.mode), [own, own])
        } else {
            own
        };
        self.in_use = [own, upper];
        self.select();
    }

    fn find_space(&mut self, root: Root, keep: [SpaceId; 2]) -> SpaceId {
        let (id, replaced) = self.spaces.find(root, keep);
        if replaced {
            self.shadow.drop_space(id);
        }
        match self.spaces.catch_up(id) {
            Missed::Nothing => {}
            Missed::Pages(pages) => {
                for gva in pages {
                    self.drop_page(id, gva);
                }
            }
            Missed::Everything => self.spaces.fence(id),
        }
        id
    }

    /// Makes sure the spaces in use have slots, and points the TLB at them.
    fn select(&mut self) {
        let missing = self.in_use.iter().filter(|&&id| self.spaces.get(id).slot.is_none()).count() as u16;
        if self.next_slot + missing > SLOTS {
            self.tlb.clear();
            self.spaces.iter_mut().for_each(|(_, space)| space.slot = None);
            self.next_slot = 0;
        }
        let next_slot = &mut self.next_slot;
        let slots = self.in_use.map(|id| {
            *self.spaces.get_mut(id).slot.get_or_insert_with(|| {
                *next_slot += 1;
                *next_slot - 1
            })
        });
        self.tlb.select(slots, self.view);
    }

    fn forget_tlb(&mut self) {
        self.spaces.iter_mut().for_each(|(_, space)| space.slot = None);
        self.select();
    }

    /// The frame behind `gva` for `access`, entered in the TLB for data; the processor enters
    /// instructions itself with [`Mmu::fill_fetch`].
    ///
    /// # Errors
    /// [`Miss`] says why there is none. The guest's accessed and dirty bits may be set all the same,
    /// as the architecture allows.
    pub fn translate(&mut self, memory: &VmMemory, gva: Gva, access: Access) -> Result<Mfn, Miss> {
        match access {
            Access::Fetch => self.counts.fetch_misses += 1,
            Access::Load | Access::Store => self.counts.data_misses += 1,
        }
        let shadowed = self.technique == Technique::Software && self.root.mode != PagingMode::Bare;
        let hit = if shadowed { self.shadowed(memory, gva, access) } else { None };
        let fill = match hit {
            Some(fill) => fill,
            None => self.walked(memory, gva, access, shadowed)?,
        };
        self.tlb.fill(gva, self.view, fill, |mfn| memory.pool().frame(mfn));
        Ok(fill.mfn)
    }

    /// What the shadow has for the access.
    fn shadowed(&mut self, memory: &VmMemory, gva: Gva, access: Access) -> Option<Fill> {
        let serving = self.spaces.serving(self.in_use[half(gva)]);
        let references = &mut self.counts.walk_references;
        let fill = self.shadow.find(memory, &self.root, serving, gva, references)?.fill();
        let usable = fill.permissions.permits(access, self.view) && (access != Access::Store || fill.dirty);
        usable.then_some(fill)
    }

    /// What the guest's tables and the pmap have for the access, entered in the shadow if that is in use.
    #[inline(always)]
    fn walked(&mut self, memory: &VmMemory, gva: Gva, access: Access, shadowed: bool) -> Result<Fill, Miss> {
        let references = &mut self.counts.walk_references;
        let mut translation = match walk(memory, &self.root, gva, access, self.view, references) {
            Ok(translation) => translation,
            Err(Fault::NeedsWork(gfn, wanted)) => return Err(Miss::NeedsWork(gfn, wanted)),
            Err(Fault::Access) => return Err(Miss::Access),
            Err(Fault::Page) => {
                self.counts.true_faults += 1;
                return Err(Miss::Page);
            }
        };
        *references += NESTED_REFERENCES;
        let mfn = match memory.pmap().lookup(translation.gfn) {
            Lookup::Mapped(mfn) => mfn,
            Lookup::ReadOnly(mfn) if access != Access::Store => {
                // As with a page that is clean: who wants to write comes back first.
                translation.dirty = false;
                mfn
            }
            Lookup::ReadOnly(_) => return Err(Miss::NeedsWork(translation.gfn, Use::Write)),
            Lookup::NeedsWork => return Err(Miss::NeedsWork(translation.gfn, access.to_page())),
            Lookup::Outside => return Err(Miss::Device(translation.gfn)),
        };
        let space = self.space_for(gva, &translation);
        if shadowed {
            self.counts.hidden_faults += 1;
            self.shadow.fill(self.spaces.serving(space), gva, &translation, mfn);
        }
        Ok(Fill { mfn, permissions: translation.permissions, dirty: translation.dirty })
    }

    /// The space a translation belongs to. A mapping of the upper half that is not global takes
    /// this half of its root out of the global space.
    fn space_for(&mut self, gva: Gva, translation: &Translation) -> SpaceId {
        let half = half(gva);
        if half == 1 && !translation.global && self.in_use[0] != self.in_use[1] {
            self.spaces.get_mut(self.in_use[0]).upper_is_global = false;
            self.in_use[1] = self.in_use[0];
            self.select();
        }
        let id = self.in_use[half];
        if let Source::Large { level, .. } = translation.source {
            self.spaces.get_mut(id).note_large(level, gva);
        }
        id
    }

    /// Carries out `sfence.vma` (Volume II, "Supervisor Memory-Management Fence Instruction"):
    /// of one address or of all, in one address space or in all.
    pub fn fence(&mut self, gva: Option<Gva>, asid: Option<u16>) {
        let concerned = move |root: &Root| match asid {
            // A fence of one address space leaves global mappings alone.
            Some(asid) => root.asid == asid && !Spaces::is_global(root),
            None => true,
        };
        match gva {
            None => {
                self.counts.space_fences += 1;
                self.spaces.fence_where(concerned);
                self.select();
            }
            Some(gva) => {
                self.counts.page_fences += 1;
                self.fence_page(gva, asid, concerned);
            }
        }
    }

    fn fence_page(&mut self, gva: Gva, asid: Option<u16>, concerned: impl Fn(&Root) -> bool) {
        let used = self.in_use;
        let serving = used[half(gva)];
        if concerned(&self.spaces.get(serving).root) {
            self.drop_page(serving, gva);
        }
        match asid {
            None => {
                // Both are told; the other half's space holds nothing of this address.
                let distinct = if used[0] == used[1] { [used[0]; 2] } else { used };
                self.spaces.log_page(gva, distinct);
            }
            Some(asid) if self.root.asid != asid || self.spaces.count_of(asid) > 1 => {
                let current = self.root;
                self.spaces.fence_where(|root| concerned(root) && *root != current);
            }
            Some(_) => {}
        }
        self.select();
    }

    fn drop_page(&mut self, id: SpaceId, gva: Gva) {
        let space = self.spaces.get_mut(id);
        match (space.take_extent(gva), space.slot) {
            (Extent::Space, _) => {
                self.spaces.fence(id);
                return;
            }
            (Extent::Run, Some(slot)) => self.tlb.drop_large(gva, slot),
            (Extent::Page, Some(slot)) => self.tlb.drop_page(gva, slot),
            (_, None) => {}
        }
        self.shadow.drop_page(id, gva);
    }

    /// Forgets every translation that leads to one of `pages`' frames. The pages are in passage.
    pub fn take_away(&mut self, pages: &[(Gfn, Mfn)]) {
        /// From here on it is cheaper to refill the TLB than to search it.
        const FEW: usize = 8;
        self.counts.taken_away += pages.len() as u64;
        if pages.len() <= FEW {
            let mut frames = [Mfn(u64::MAX); FEW];
            for (frame, (_, mfn)) in frames.iter_mut().zip(pages) {
                *frame = *mfn;
            }
            self.tlb.drop_frames(&frames[..pages.len()]);
        } else {
            self.tlb.clear();
        }
        for (gfn, _) in pages {
            self.shadow.drop_gfn(*gfn);
        }
    }

    /// The shadow entry for `gva` in the space in use, as it stands: nothing is synced or filled.
    pub fn shadow_entry(&self, gva: Gva) -> Option<ShadowEntry> {
        self.shadow_entries().find(|entry| entry.gva == gva.page_base() && entry.in_use)
    }

    /// All shadow entries, in no order.
    pub fn shadow_entries(&self) -> impl Iterator<Item = ShadowEntry> {
        self.shadow.entries().map(|(id, synced, gva, spte)| {
            let space = self.spaces.get(id);
            ShadowEntry {
                root: Some(space.root).filter(|root| !Spaces::is_global(root)),
                in_use: self.in_use.contains(&id),
                gva,
                gfn: spte.gfn(),
                mfn: spte.mfn(),
                permissions: spte.permissions(),
                dirty: spte.is_dirty(),
                stale: synced < space.fenced,
            }
        })
    }

    /// Checks INV-1 and INV-8 against the pmap: every frame that a cache leads to holds a page of the
    /// VM, and every shadow entry leads where the pmap does now. A page in passage counts as where it
    /// was, since whoever moves it waits for this hart. May be made while the VM runs.
    ///
    /// # Errors
    /// The first violation found.
    pub fn audit(&self, memory: &VmMemory) -> machine::Audit {
        let state = |gfn: Gfn| memory.pmap().state(gfn).map(|(state, _)| state);
        for (mfn, writable) in self.tlb.frames() {
            let holds = memory.pool().holds(mfn);
            let right = match holds {
                Holds::Page(vm, gfn) => {
                    vm == memory.id() && state(gfn).is_some_and(|state| state.frame() == Some(mfn))
                }
                Holds::Shared { .. } => !writable,
                Holds::Nothing => mfn == memory.pool().zero() && !writable,
                Holds::Zip(_) => false,
            };
            if !right {
                let how = if writable { "for writing" } else { "for reading" };
                return Err(format!("INV-1: the TLB leads {how} to {mfn:?}, which holds {holds:?}"));
            }
        }
        for entry in self.shadow_entries() {
            let state = state(entry.gfn);
            let writable = matches!(state, Some(PageState::Private(_)));
            if state.and_then(PageState::frame) != Some(entry.mfn) || entry.dirty && !writable {
                return Err(format!("INV-8: {entry:?} disagrees with the pmap, {state:?}"));
            }
        }
        self.shadow.audit()
    }
}

/// A shadow entry, for people to look at.
#[derive(Clone, Copy, Debug)]
pub struct ShadowEntry {
    /// The address space, or `None` for mappings that are in all of them.
    pub root: Option<Root>,
    /// Whether the hart uses this address space now.
    pub in_use: bool,
    /// The guest virtual page.
    pub gva: Gva,
    /// The guest page it leads to.
    pub gfn: Gfn,
    /// The frame that page is in.
    pub mfn: Mfn,
    /// What the guest's leaf permits.
    pub permissions: Permissions,
    /// Whether the page may be written without another hidden fault.
    pub dirty: bool,
    /// Whether a fence came since: to be synced before it is used.
    pub stale: bool,
}
