//! Two harts on one VM, each with a software and a hardware unit, and what they may answer.
//!
//! **Model.** For each hart, root and page it keeps every leaf that was valid for the page at some
//! moment since the hart's last fence that covers it, while the root was in use. An answer is right
//! if it follows from the tables as they are now, or from one of those leaves. After a fence there
//! are none but the present one, so the answer must be the present one. Faults always follow from
//! the present tables, frames from the present pmap.
//!
//! Beside it stand the words the guest's memory must hold: the units may set A and D where the
//! manual says so and change nothing else.

use super::guest::{FIRST, PAGES, ROOTS, TABLE_PAGES, entry, pages, tables};
use super::naive::{A, D, End, Leaf, walk};
use super::op::{Change, Op};
use addr::{ByteSize, Gfn, Gva, Ma, Mfn, PageCount, VmId};
use machine::{Lookup, Pool, ShootDown, Use, VmMemory};
use mmu::{Access, Miss, Mmu, MmuCounts, PagingMode, Root, Technique, View};
use parking_lot::Mutex;
use std::collections::HashMap;
use std::sync::Arc;

/// Leaves for each page, by its place in the list of pages.
type Leaves = Vec<Vec<Leaf>>;

struct Hart {
    units: [Box<Mmu>; 2],
    root: Root,
    view: View,
    own: HashMap<Root, Leaves>,
    /// Global leaves of the upper half, which serve every root of a mode.
    global: HashMap<PagingMode, Leaves>,
}

/// What a run exercised, to see that it exercised enough.
#[derive(Default, Debug, Clone, Copy)]
pub(crate) struct Seen {
    pub(crate) accesses: u64,
    pub(crate) tlb_hits: u64,
    /// Answers that only an older state of the tables explains.
    pub(crate) from_before: u64,
    pub(crate) page_faults: u64,
    pub(crate) access_faults: u64,
    pub(crate) devices: u64,
    pub(crate) needing_work: u64,
    pub(crate) marked: u64,
    pub(crate) moved: u64,
    pub(crate) units: MmuCounts,
}

/// The whole arrangement. See the module's documentation.
pub(crate) struct World {
    memory: VmMemory,
    taken: Arc<Taken>,
    harts: [Hart; 2],
    pages: Vec<u64>,
    /// What memory must hold.
    words: Vec<u64>,
    seen: Seen,
}

impl Hart {
    fn new(memory: &VmMemory) -> Self {
        let unit = |technique| Box::new(Mmu::new(technique, memory));
        Self {
            units: [unit(Technique::Software), unit(Technique::Hardware)],
            root: Root::BARE,
            view: View::default(),
            own: HashMap::new(),
            global: HashMap::new(),
        }
    }

    /// Notes what may be cached of the tables as they are now.
    fn note(&mut self, memory: &VmMemory, pages: &[u64]) {
        let none = || vec![Vec::new(); pages.len()];
        let own = self.own.entry(self.root).or_insert_with(none);
        let global = self.global.entry(self.root.mode).or_insert_with(none);
        for (index, &gva) in pages.iter().enumerate() {
            let End::Leaf(leaf) = walk(memory, self.root.satp(), gva).end else { continue };
            let for_all = leaf.global && gva >> 63 != 0;
            for leaves in [Some(&mut own[index]), for_all.then_some(&mut global[index])].into_iter().flatten()
            {
                if !leaves.contains(&leaf) {
                    leaves.push(leaf);
                }
            }
        }
    }

    /// The leaves that may be cached for a page.
    fn cached(&self, page: usize) -> impl Iterator<Item = &Leaf> {
        self.own[&self.root][page].iter().chain(&self.global[&self.root.mode][page])
    }

    fn fence(&mut self, pages: &[u64], gva: Option<u64>, asid: Option<u16>) {
        for unit in &mut self.units {
            unit.fence(gva.map(Gva), asid);
        }
        let own = self.own.iter_mut().filter(|(root, _)| asid.is_none_or(|asid| root.asid == asid));
        let global = self.global.values_mut().filter(|_| asid.is_none());
        for leaves in own.map(|(_, leaves)| leaves).chain(global) {
            for (leaves, page) in leaves.iter_mut().zip(pages) {
                // A fence of an address is one of the whole leaf that the address is in.
                let covers = |leaf: &Leaf| {
                    gva.is_none_or(|gva| gva >> (12 + 9 * leaf.level) == page >> (12 + 9 * leaf.level))
                };
                leaves.retain(|leaf| !covers(leaf));
            }
        }
    }
}

/// Notes what is to be taken away from the harts, none of which runs before it is.
#[derive(Default)]
struct Taken(Mutex<Vec<(Gfn, Mfn)>>);

impl ShootDown for Taken {
    fn take_away(&self, pages: &[(Gfn, Mfn)]) {
        self.0.lock().extend_from_slice(pages);
    }
}

impl World {
    /// Takes pages away from all units of all harts, as the VM does.
    fn take_away(&mut self) {
        let pages = std::mem::take(&mut *self.taken.0.lock());
        for unit in self.harts.iter_mut().flat_map(|hart| &mut hart.units) {
            unit.take_away(&pages);
            for &gva in &self.pages {
                let frames = [unit.tlb().read(Gva(gva), 8), unit.tlb().write(Gva(gva), 8)];
                let frames = frames.into_iter().flatten().map(Mfn::containing);
                let left = frames.chain(unit.tlb().fetch(Gva(gva)).map(|(_, mfn)| mfn));
                for mfn in left {
                    assert!(pages.iter().all(|page| page.1 != mfn), "INV-1: {gva:#x} still leads to {mfn:?}");
                }
            }
        }
    }
}

impl World {
    /// A VM with random tables: `seeds` holds [`super::guest::SEEDS`] numbers.
    pub(crate) fn new(seeds: &[u32]) -> Self {
        let pool = Pool::new(PageCount(PAGES + 24).bytes()).expect("a small pool fits");
        let memory =
            VmMemory::new(&pool, VmId(1), Gfn(FIRST), PageCount(PAGES)).expect("the pool holds the VM");
        let taken = Arc::new(Taken::default());
        memory.attach(&taken);
        let (run_seeds, table_seeds) = seeds.split_at(6);
        let mut world = Self {
            harts: [Hart::new(&memory), Hart::new(&memory)],
            memory,
            taken,
            pages: pages(run_seeds),
            words: vec![0; PAGES as usize * 512],
            seen: Seen::default(),
        };
        for (at, pte) in tables(table_seeds) {
            if pte != 0 {
                world.write(at, pte);
            }
        }
        for hart in 0..2 {
            world.step(Op::Switch { hart, root: hart });
            world.step(Op::Look { hart, view: 4 });
        }
        world
    }

    /// What happened so far.
    pub(crate) fn seen(&self) -> Seen {
        let mut seen = self.seen;
        for unit in self.harts.iter().flat_map(|hart| &hart.units) {
            let (sum, counts) = (&mut seen.units, unit.counts());
            sum.hidden_faults += counts.hidden_faults;
            sum.true_faults += counts.true_faults;
            sum.switches += counts.switches;
            sum.taken_away += counts.taken_away;
            sum.shadow.tables_synced += counts.shadow.tables_synced;
            sum.shadow.entries_kept += counts.shadow.entries_kept;
            sum.shadow.entries_dropped += counts.shadow.entries_dropped;
        }
        seen
    }

    /// The guest writes a doubleword of its memory.
    fn write(&mut self, at: u64, value: u64) {
        let mfn = self.memory.resolve(Gfn(at / 4096), Use::Write).expect("tables are in memory");
        self.memory.pool().store(Ma(mfn.0 * 4096 + at % 4096), value);
        self.words[(at / 8 - FIRST * 512) as usize] = value;
    }

    fn note(&mut self) {
        for hart in &mut self.harts {
            hart.note(&self.memory, &self.pages);
        }
    }

    /// Carries out one operation and checks everything there is to check.
    pub(crate) fn step(&mut self, op: Op) {
        match op {
            Op::Edit { root, page, depth, change } => self.edit(root, page, depth, change),
            Op::Fence { hart, page, asid } => {
                let gva = page.map(|page| self.page(page).1 + u64::from(page) % 3);
                self.harts[hart as usize % 2].fence(&self.pages, gva, asid.map(|asid| u16::from(asid % 4)));
            }
            Op::Switch { hart, root } => {
                let hart = &mut self.harts[hart as usize % 2];
                // Half of the time one of those that differ least.
                hart.root = ROOTS[root as usize % if root < 128 { ROOTS.len() } else { 4 }];
                hart.units.iter_mut().for_each(|unit| unit.switch(hart.root));
            }
            Op::Look { hart, view } => {
                let hart = &mut self.harts[hart as usize % 2];
                hart.view = View { user: view % 3 == 0, sum: view & 0b1100 != 0, mxr: view & 0b1_1000 == 0 };
                hart.units.iter_mut().for_each(|unit| unit.set_view(hart.view));
            }
            Op::Access { hart, page, access, past_tlb } => {
                let page = self.page(page).0;
                self.access(hart as usize % 2, page, access, past_tlb);
            }
            Op::Sweep { hart, access, past_tlb } => {
                (0..self.pages.len()).for_each(|page| self.access(hart as usize % 2, page, access, past_tlb));
            }
            Op::Move { first, count } => {
                let gfns = (0..u64::from(count % 20)).map(|n| Gfn(FIRST + (u64::from(first) + n) % PAGES));
                self.seen.moved += self.memory.move_pages(&gfns.collect::<Vec<_>>()).moved;
                self.take_away();
            }
            Op::Technique { hart, unit } => {
                let unit = &mut self.harts[hart as usize % 2].units[unit as usize % 2];
                unit.set_technique(match unit.technique() {
                    Technique::Software => Technique::Hardware,
                    Technique::Hardware => Technique::Software,
                });
            }
            Op::Forget { hart, unit, room } => {
                let unit = &mut self.harts[hart as usize % 2].units[unit as usize % 2];
                match room {
                    Some(room) => unit.limit_shadow(u64::from(room) << 12),
                    None => unit.forget_unused(),
                }
            }
        }
        self.note();
        self.audit();
    }

    fn page(&self, page: u8) -> (usize, u64) {
        let index = page as usize % self.pages.len();
        (index, self.pages[index])
    }

    fn edit(&mut self, root: u8, page: u8, depth: u8, change: Change) {
        let root = match root {
            0..32 => ROOTS[root as usize % ROOTS.len()],
            _ => self.harts[root as usize % 2].root,
        };
        let read = walk(&self.memory, root.satp(), self.page(page).1).entries;
        let Some(last) = read.len().checked_sub(1) else { return };
        let depth = if depth < 64 { depth as usize % read.len() } else { last };
        let at = read[depth];
        let Some(&old) = at.checked_sub(FIRST * 4096).and_then(|offset| self.words.get(offset as usize / 8))
        else {
            return;
        };
        let level = root.mode.levels() - 1 - depth as u32;
        self.write(
            at,
            match change {
                Change::Invert(bit) => old ^ 1 << bit,
                Change::Age => old & !(A | D),
                Change::Replace(seed) => entry(level, seed),
            },
        );
    }

    /// Both units of the hart make the access, as a processor would: the TLB first.
    fn access(&mut self, hart: usize, page: usize, access: u8, past_tlb: bool) {
        let access = [Access::Load, Access::Store, Access::Fetch][access as usize % 3];
        for unit in 0..2 {
            self.seen.accesses += 1;
            self.misaligned_never_hits(hart, unit, page);
            if let Some(mfn) = self.hit(hart, unit, page, access) {
                self.seen.tlb_hits += 1;
                assert!(
                    self.is_cached(hart, page, access, mfn),
                    "{:?}",
                    self.describe(hart, unit, page, access)
                );
                if !past_tlb {
                    continue;
                }
            }
            while let Some((gfn, wanted)) = self.translate(hart, unit, page, access) {
                self.seen.needing_work += 1;
                self.memory.resolve(gfn, wanted).expect("only memory needs work");
                self.take_away();
            }
        }
    }

    fn misaligned_never_hits(&self, hart: usize, unit: usize, page: usize) {
        let tlb = self.harts[hart].units[unit].tlb();
        for (offset, size) in [(1, 2), (2, 4), (1, 8), (4, 8), (7, 8), (4095, 2), (4092, 8)] {
            let gva = Gva(self.pages[page] + offset);
            assert_eq!((tlb.read(gva, size), tlb.write(gva, size)), (None, None), "{gva:?}, {size} bytes");
        }
    }

    /// What the TLB says, looked up as the processor does.
    fn hit(&self, hart: usize, unit: usize, page: usize, access: Access) -> Option<Mfn> {
        let tlb = self.harts[hart].units[unit].tlb();
        let gva = self.pages[page];
        let (offset, size) = [(0, 1), (4095, 1), (2, 2), (4, 4), (4088, 8)][page % 5];
        let ma = match access {
            Access::Load => tlb.read(Gva(gva + offset), size),
            Access::Store => tlb.write(Gva(gva + offset), size),
            Access::Fetch => {
                return tlb.fetch(Gva(gva + offset)).map(|(code, mfn)| {
                    assert_eq!(code, (gva >> 12) as u32, "the code of another page");
                    mfn
                });
            }
        }?;
        assert_eq!(ma.page_offset(), offset);
        let mfn = Mfn::containing(ma);
        let frame = if access == Access::Store {
            tlb.store_to(Gva(gva + offset), size)
        } else {
            tlb.load_from(Gva(gva + offset), size)
        };
        assert_eq!(frame, Some(self.memory.pool().frame(mfn)));
        Some(mfn)
    }

    fn leads_to(&self, leaf: &Leaf, mfn: Mfn) -> bool {
        self.memory.pmap().lookup(Gfn(leaf.gfn)).permits(Use::Read) == Some(mfn)
    }

    fn is_cached(&self, hart: usize, page: usize, access: Access, mfn: Mfn) -> bool {
        let hart = &self.harts[hart];
        hart.cached(page).any(|leaf| leaf.serves(access, hart.view) && self.leads_to(leaf, mfn))
    }

    fn describe(&self, hart: usize, unit: usize, page: usize, access: Access) -> impl std::fmt::Debug {
        let (hart, gva) = (&self.harts[hart], self.pages[page]);
        let now = walk(&self.memory, hart.root.satp(), gva).end;
        let cached: Vec<Leaf> = hart.cached(page).copied().collect();
        (hart.units[unit].technique(), Gva(gva), access, hart.root, hart.view, now, cached)
    }

    /// Asks a unit and judges its answer. Gives the page it needs made ready, if it does.
    fn translate(&mut self, hart: usize, unit: usize, page: usize, access: Access) -> Option<(Gfn, Use)> {
        let (gva, view) = (self.pages[page], self.harts[hart].view);
        let now = walk(&self.memory, self.harts[hart].root.satp(), gva);
        let leaf = if let End::Leaf(leaf) = now.end { Some(leaf) } else { None };
        let permitted = leaf.filter(|leaf| leaf.permits(access, view));

        let answer = self.harts[hart].units[unit].translate(&self.memory, Gva(gva), access);
        let marked = self.take_marks(&now.entries, permitted.filter(|leaf| !leaf.bare), access);
        let what = || format!("{answer:?}, {:?}", self.describe(hart, unit, page, access));
        let lookup = |gfn: Gfn| self.memory.pmap().lookup(gfn);
        match answer {
            Ok(mfn) => {
                let fresh = permitted
                    .is_some_and(|leaf| self.leads_to(&leaf, mfn) && (marked || leaf.serves(access, view)));
                assert!(fresh || self.is_cached(hart, page, access, mfn), "{}", what());
                self.seen.from_before += u64::from(!fresh);
                self.enter(hart, unit, page, access, mfn);
            }
            Err(Miss::Page) => {
                assert!(permitted.is_none() && now.end != End::AccessFault, "{}", what());
                self.seen.page_faults += 1;
            }
            Err(Miss::Access) => {
                assert_eq!(now.end, End::AccessFault, "{}", what());
                self.seen.access_faults += 1;
            }
            Err(Miss::Device(gfn)) => {
                assert_eq!(
                    (permitted.map(|leaf| leaf.gfn), lookup(gfn)),
                    (Some(gfn.0), Lookup::Outside),
                    "{}",
                    what()
                );
                self.seen.devices += 1;
            }
            Err(Miss::NeedsWork(gfn, wanted)) => {
                let tables = now.entries.iter().map(|at| Gfn(at / 4096));
                let mut needed = tables.chain(permitted.map(|leaf| Gfn(leaf.gfn)));
                let first = needed.find(|&gfn| lookup(gfn).permits(wanted).is_none());
                assert_eq!(first, Some(gfn), "{}", what());
            }
        }
        if marked {
            self.seen.marked += 1;
            self.note();
        }
        if let Err(Miss::NeedsWork(gfn, wanted)) = answer { Some((gfn, wanted)) } else { None }
    }

    /// After a translation the TLB must serve the access.
    fn enter(&mut self, hart: usize, unit: usize, page: usize, access: Access, mfn: Mfn) {
        if access == Access::Fetch {
            self.harts[hart].units[unit].fill_fetch(
                Gva(self.pages[page]),
                mfn,
                (self.pages[page] >> 12) as u32,
            );
        }
        assert_eq!(self.hit(hart, unit, page, access), Some(mfn), "{access:?} comes back at once");
    }

    /// Compares memory with what it must hold. Only the leaf of `permitted`, the last of `entries`,
    /// may have got the bits that the access wants; gives whether it did.
    fn take_marks(&mut self, entries: &[u64], permitted: Option<Leaf>, access: Access) -> bool {
        let leaf_at = permitted.and(entries.last()).map(|at| (at / 8 - FIRST * 512) as usize);
        let mut marked = false;
        // A flipped bit makes a pointer of a leaf, and a table of any page; the other words of such a one are the audit's.
        let tables = TABLE_PAGES as usize * 512;
        let elsewhere = leaf_at.filter(|at| (tables..self.words.len()).contains(at));
        for index in (0..tables).chain(elsewhere) {
            let (word, before) = (self.word(index), self.words[index]);
            if word != before {
                let wanted = before | Leaf::wanted(access);
                assert_eq!((Some(index), word), (leaf_at, wanted), "memory changed: was {before:#x}");
                self.words[index] = word;
                marked = true;
            }
        }
        marked
    }

    /// The doubleword of memory at `index`.
    fn word(&self, index: usize) -> u64 {
        match self.memory.pmap().lookup(Gfn(FIRST + index as u64 / 512)) {
            Lookup::Mapped(mfn) | Lookup::ReadOnly(mfn) => {
                self.memory.pool().load(Ma(mfn.0 * 4096 + index as u64 % 512 * 8))
            }
            Lookup::NeedsWork | Lookup::Outside => 0,
        }
    }

    fn audit(&self) {
        for index in TABLE_PAGES as usize * 512..self.words.len() {
            assert_eq!(self.word(index), self.words[index], "memory changed at {index}");
        }
        self.memory.audit().unwrap();
        self.memory.pool().audit().unwrap();
        let (census, usage) = (self.memory.census(), self.memory.pool().usage());
        assert_eq!((census.private, census.total()), (usage.private, PageCount(PAGES)), "INV-5");
        for unit in self.harts.iter().flat_map(|hart| &hart.units) {
            unit.audit(&self.memory).unwrap();
            assert!(ByteSize(unit.shadow_size().1) < ByteSize::mib(16), "shadows stay within their limit");
        }
    }
}
