//! Shadow page tables: gva -> machine, derived from the guest's tables and the pmap.
//!
//! **Model.** A shadow table covers 2 MiB of one address space and mirrors what the guest has there:
//! a last-level table, or part of a large leaf. A directory finds it by space and address. Entries
//! are filled one by one, by hidden faults.
//!
//! After a fence a table is stale. It is *synced* when next used: if the guest still translates
//! these 2 MiB by the same table, each entry that still says the same is kept and the others are
//! dropped; otherwise all are.
//!
//! All entries that lead to one page are chained (`spte_rmap`), so that the host can take a page's
//! translations away without searching.
//!
//! **Invariants.** INV-8; every entry present is on the chain of its page and no other is.
//!
//! **Concurrency.** Belongs to one hart, so a fence needs nobody else.
//!
//! **Cost.** 16 bytes an entry, 8 KiB a table; at most `limit` tables, the one used longest ago
//! makes room. [`Shadow::forget_unused`], called every so often, gives back the memory of those not used since.

use crate::area::Area;
use crate::format::{Found, Permissions, Pte, Root};
use crate::rmap::Chains;
use crate::space::{Serving, SpaceId};
use crate::tlb::Fill;
use crate::walk::{NESTED_REFERENCES, Source, Translation};
use addr::{Gfn, Gva, Mfn};
use machine::{CacheCharge, Use, VmMemory};
use rustc_hash::FxHashMap;

/// Lists of entries for each table there may be: a VM's page is on one with three others.
const LISTS_PER_TABLE: usize = 64;
/// However short memory is, a process needs its code, data and stack, and its kernel.
const LEAST_TABLES: usize = 16;
/// Entries in a shadow table.
pub(crate) const ENTRIES: usize = 512;

/// A shadow entry (spte): `mfn:28 | gfn:28 | 0:2 | dirty | U X W R | present`.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) struct Spte(u64);

impl Spte {
    const ABSENT: Self = Self(0);
    const DIRTY: u64 = 1 << 5;

    fn new(translation: &Translation, mfn: Mfn) -> Self {
        let permissions = u64::from(translation.permissions.bits()) << 1;
        let dirty = if translation.dirty { Self::DIRTY } else { 0 };
        Self(mfn.0 << 36 | translation.gfn.0 << 8 | dirty | permissions | 1)
    }

    pub(crate) fn is_present(self) -> bool {
        self.0 & 1 != 0
    }

    pub(crate) fn mfn(self) -> Mfn {
        Mfn(self.0 >> 36)
    }

    pub(crate) fn gfn(self) -> Gfn {
        Gfn(self.0 << 28 >> 36)
    }

    pub(crate) fn permissions(self) -> Permissions {
        Permissions::from_bits((self.0 >> 1) as u8)
    }

    pub(crate) fn is_dirty(self) -> bool {
        self.0 & Self::DIRTY != 0
    }

    /// What the TLB is filled with.
    pub(crate) fn fill(self) -> Fill {
        Fill { mfn: self.mfn(), permissions: self.permissions(), dirty: self.is_dirty() }
    }

    /// Whether the guest's entry still says what this was derived from.
    fn agrees_with(self, pte: Pte) -> bool {
        pte.at(0) == Found::Leaf(self.gfn())
            && pte.permissions() == self.permissions()
            && self.is_marked_in(pte)
    }

    /// Whether the guest's leaf still has the bits that using this would otherwise have to set.
    fn is_marked_in(self, leaf: Pte) -> bool {
        leaf.has(Pte::A) && (!self.is_dirty() || leaf.has(Pte::D))
    }
}

struct Table {
    space: SpaceId,
    /// First address of the 2 MiB.
    base: Gva,
    source: Source,
    synced: u64,
    used: u64,
    entries: [Spte; ENTRIES],
}

/// What happened to shadow tables and entries, since the beginning.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ShadowCounts {
    /// Tables made.
    pub tables_built: u64,
    /// Tables dropped: for want of room or of use, because the guest dropped what they mirror, or with the technique.
    pub tables_dropped: u64,
    /// Tables compared with the guest's after a fence.
    pub tables_synced: u64,
    /// Entries found unchanged by that.
    pub entries_kept: u64,
    /// Entries dropped, by that, by a fence of one address or by the host.
    pub entries_dropped: u64,
}

/// One hart's shadow page tables.
pub(crate) struct Shadow {
    tables: Area<Table>,
    free: Vec<u32>,
    directory: FxHashMap<u64, u32>,
    chains: Chains,
    /// Most tables there may ever be, and now.
    most: usize,
    limit: usize,
    uses: u64,
    /// Of these, how many there were when tables were forgotten last.
    forgotten_at: u64,
    pub(crate) counts: ShadowCounts,
    /// For the tables and their chains: last, so that it is given back when they are gone.
    charge: CacheCharge,
}

const fn key(space: SpaceId, gva: Gva) -> u64 {
    (space.0 as u64) << 43 | gva.0 >> 21
}

const fn index(gva: Gva) -> usize {
    (gva.0 >> 12) as usize % ENTRIES
}

impl Shadow {
    /// An empty shadow of at most `most` tables.
    pub(crate) fn new(most: usize, charge: CacheCharge) -> Self {
        Self {
            tables: Area::new(most),
            free: Vec::new(),
            directory: FxHashMap::default(),
            chains: Chains::new(most * LISTS_PER_TABLE, most * ENTRIES),
            most,
            limit: most,
            uses: 0,
            forgotten_at: 0,
            counts: ShadowCounts::default(),
            charge,
        }
    }

    /// The entry for `gva`, if there is one as of the space's last fence. A stale table is synced
    /// first.
    pub(crate) fn find(
        &mut self,
        memory: &VmMemory,
        root: &Root,
        serving: Serving,
        gva: Gva,
        references: &mut u64,
    ) -> Option<Spte> {
        *references += 1;
        let table = *self.directory.get(&key(serving.id, gva))?;
        if self.tables[table as usize].synced < serving.fenced {
            self.sync(memory, root, serving, table, references);
        }
        self.uses += 1;
        let found = &mut self.tables[table as usize];
        found.used = self.uses;
        *references += 1;
        Some(found.entries[index(gva)]).filter(|spte| spte.is_present())
    }

    /// Compares a stale table with what the guest has now. What is not global any more must leave a
    /// space that serves every root, though it may still translate to the same.
    fn sync(&mut self, memory: &VmMemory, root: &Root, serving: Serving, table: u32, references: &mut u64) {
        self.counts.tables_synced += 1;
        let (base, source) = {
            let table = &mut self.tables[table as usize];
            table.synced = serving.fenced;
            (table.base, table.source)
        };
        let origin = Source::find(memory, root, base, references).filter(|origin| origin.source == source);
        let Some(origin) = origin else {
            self.empty(table);
            return;
        };
        match source {
            Source::Large { .. } => {
                let belongs = origin.global || !serving.global;
                self.keep_where(table, |spte, _| {
                    belongs && origin.leaf.is_some_and(|leaf| spte.is_marked_in(leaf))
                });
            }
            Source::Table(guest_table) => {
                *references += NESTED_REFERENCES;
                let Some(frame) = memory.pmap().lookup(guest_table).permits(Use::Read) else {
                    self.empty(table);
                    return;
                };
                self.keep_where(table, |spte, index| {
                    *references += 1;
                    let pte = Pte(memory.pool().load(frame.base().wrapping_add(index as u64 * 8)));
                    let belongs = origin.global || pte.has(Pte::G) || !serving.global;
                    belongs && spte.agrees_with(pte)
                });
            }
        }
    }

    /// Drops the entries of a table that `agrees` is false for.
    fn keep_where(&mut self, table: u32, mut agrees: impl FnMut(Spte, usize) -> bool) {
        for index in 0..ENTRIES {
            let spte = self.tables[table as usize].entries[index];
            if !spte.is_present() {
                continue;
            }
            if agrees(spte, index) {
                self.counts.entries_kept += 1;
            } else {
                self.drop_entry(table, index);
            }
        }
    }

    /// Enters what a walk found for `gva`.
    pub(crate) fn fill(&mut self, serving: Serving, gva: Gva, translation: &Translation, mfn: Mfn) {
        let table = match self.directory.get(&key(serving.id, gva)) {
            Some(&table) => table,
            None => self.build(serving.id, gva, translation.source),
        };
        let found = &mut self.tables[table as usize];
        if found.source != translation.source || found.synced < serving.fenced {
            (found.source, found.synced) = (translation.source, serving.fenced);
            self.empty(table);
        }
        let index = index(gva);
        if self.tables[table as usize].entries[index].is_present() {
            self.unlink(table, index);
        }
        self.uses += 1;
        let entered = &mut self.tables[table as usize];
        entered.used = self.uses;
        entered.entries[index] = Spte::new(translation, mfn);
        self.chains.link(translation.gfn, id(table, index));
    }

    fn build(&mut self, space: SpaceId, gva: Gva, source: Source) -> u32 {
        self.counts.tables_built += 1;
        if self.tables() >= self.limit || self.free.is_empty() && !self.may_grow() {
            self.drop_oldest();
        }
        let base = Gva(gva.0 & !((1 << 21) - 1));
        let table = if let Some(table) = self.free.pop() {
            let reused = &mut self.tables[table as usize];
            (reused.space, reused.base, reused.source, reused.synced) = (space, base, source, 0);
            table
        } else {
            let entries = [Spte::ABSENT; ENTRIES];
            self.tables.push(Table { space, base, source, synced: 0, used: 0, entries });
            self.chains.grow(self.tables.len() * ENTRIES);
            self.tables.len() as u32 - 1
        };
        self.directory.insert(key(space, gva), table);
        table
    }

    /// Whether there may be a table more: always, as long as there are few.
    fn may_grow(&mut self) -> bool {
        let bytes = self.bytes_with_next();
        let may_grow = self.charge.grow(bytes);
        if !may_grow && self.tables.len() < LEAST_TABLES {
            self.charge.must_grow(bytes);
            return true;
        }
        may_grow
    }

    fn drop_oldest(&mut self) {
        let oldest = self
            .directory
            .values()
            .copied()
            .min_by_key(|&table| self.tables[table as usize].used)
            .expect("a full shadow has a table");
        self.drop_table(oldest);
    }

    fn drop_table(&mut self, table: u32) {
        self.counts.tables_dropped += 1;
        self.empty(table);
        let dropped = &self.tables[table as usize];
        self.directory.remove(&key(dropped.space, dropped.base));
        self.free.push(table);
    }

    fn drop_where(&mut self, is_dropped: impl Fn(&Table) -> bool) {
        let is_dropped = |table: &u32| is_dropped(&self.tables[*table as usize]);
        let tables: Vec<u32> = self.directory.values().copied().filter(is_dropped).collect();
        for table in tables {
            self.drop_table(table);
        }
    }

    /// Drops the tables that were not used since this was called last, and gives their memory back.
    pub(crate) fn forget_unused(&mut self) {
        let since = std::mem::replace(&mut self.forgotten_at, self.uses);
        self.drop_where(|table| table.used <= since);
        self.give_back();
    }

    /// Keeps from now on no more tables than `bytes` are enough for, but a few.
    pub(crate) fn limit(&mut self, bytes: u64) {
        let tables = bytes as usize / (size_of::<Table>() + ENTRIES * Chains::BYTES_PER_ID);
        self.limit = tables.max(LEAST_TABLES).min(self.most);
        while self.tables() > self.limit {
            self.drop_oldest();
        }
        if self.tables.len() > self.limit {
            self.give_back();
        }
    }

    /// Gives back the memory of tables not in use; those at the end move into their places.
    fn give_back(&mut self) {
        let in_use = self.tables();
        self.free.retain(|&table| (table as usize) < in_use);
        for table in in_use..self.tables.len() {
            let found = &self.tables[table];
            if self.directory.get(&key(found.space, found.base)) == Some(&(table as u32)) {
                let place = self.free.pop().expect("as many places are free as tables are behind");
                self.move_table(table as u32, place);
            }
        }
        self.tables.truncate(in_use);
        self.chains.shrink(in_use * ENTRIES);
        self.free.shrink_to_fit();
        self.directory.shrink_to_fit();
        self.charge.shrink(self.bytes());
    }

    /// Moves a table into a place that is free.
    fn move_table(&mut self, from: u32, to: u32) {
        self.tables.swap(from as usize, to as usize);
        let moved = &self.tables[to as usize];
        self.directory.insert(key(moved.space, moved.base), to);
        for (index, spte) in moved.entries.iter().enumerate().filter(|(_, spte)| spte.is_present()) {
            self.chains.unlink(spte.gfn(), id(from, index));
            self.chains.link(spte.gfn(), id(to, index));
        }
    }

    fn empty(&mut self, table: u32) {
        for index in 0..ENTRIES {
            if self.tables[table as usize].entries[index].is_present() {
                self.drop_entry(table, index);
            }
        }
    }

    fn drop_entry(&mut self, table: u32, index: usize) {
        self.counts.entries_dropped += 1;
        self.unlink(table, index);
        self.tables[table as usize].entries[index] = Spte::ABSENT;
    }

    fn unlink(&mut self, table: u32, index: usize) {
        let gfn = self.tables[table as usize].entries[index].gfn();
        self.chains.unlink(gfn, id(table, index));
    }

    /// Carries out a fence of one address. Part of a large leaf goes with all of the leaf's parts
    /// in the same 2 MiB.
    pub(crate) fn drop_page(&mut self, space: SpaceId, gva: Gva) {
        let Some(&table) = self.directory.get(&key(space, gva)) else { return };
        let found = &self.tables[table as usize];
        match found.source {
            Source::Large { .. } => self.drop_table(table),
            Source::Table(_) if found.entries[index(gva)].is_present() => {
                self.drop_entry(table, index(gva));
            }
            Source::Table(_) => {}
        }
    }

    /// Drops all tables of one space.
    pub(crate) fn drop_space(&mut self, space: SpaceId) {
        self.drop_where(|table| table.space == space);
    }

    /// Drops all tables and gives their memory back.
    pub(crate) fn drop_all(&mut self) {
        self.drop_where(|_| true);
        self.give_back();
    }

    /// Drops every entry that leads to the page `gfn`.
    pub(crate) fn drop_gfn(&mut self, gfn: Gfn) {
        let ids: Vec<u32> = self.chains.of(gfn).collect();
        for id in ids {
            let (table, index) = (id / ENTRIES as u32, id as usize % ENTRIES);
            if self.tables[table as usize].entries[index].gfn() == gfn {
                self.drop_entry(table, index);
            }
        }
    }

    /// All entries present, with space and address, and whether their table was synced at or after
    /// the stamp `fenced` gives for the space.
    pub(crate) fn entries(&self) -> impl Iterator<Item = (SpaceId, u64, Gva, Spte)> {
        self.directory.values().flat_map(|&table| {
            let table = &self.tables[table as usize];
            table.entries.iter().enumerate().filter(|(_, spte)| spte.is_present()).map(
                move |(index, &spte)| {
                    (table.space, table.synced, Gva(table.base.0 + ((index as u64) << 12)), spte)
                },
            )
        })
    }

    /// Tables in use.
    pub(crate) fn tables(&self) -> usize {
        self.directory.len()
    }

    /// How many bytes of host memory so many tables take, if there may be no more, with chains for their entries.
    pub(crate) const fn bytes_of(tables: usize) -> u64 {
        let chains = Chains::bytes_of((tables * LISTS_PER_TABLE).next_power_of_two(), tables * ENTRIES);
        (tables * size_of::<Table>()) as u64 + chains
    }

    /// Bytes of host memory the tables take.
    pub(crate) fn bytes(&self) -> u64 {
        (self.tables.len() * size_of::<Table>()) as u64 + self.chains.bytes()
    }

    /// The same with one table more.
    fn bytes_with_next(&self) -> u64 {
        let tables = self.tables.len() + 1;
        (tables * size_of::<Table>()) as u64 + self.chains.bytes_with(tables * ENTRIES)
    }

    /// Checks that the chains hold exactly the entries present.
    pub(crate) fn audit(&self) -> machine::Audit {
        let mut buckets: FxHashMap<usize, usize> = FxHashMap::default();
        for (_, _, _, spte) in self.entries() {
            *buckets.entry(self.chains.bucket(spte.gfn())).or_default() += 1;
        }
        for (&bucket, &present) in &buckets {
            // One more than there should be tells of a ring as well as of a stranger.
            let chained: Vec<u32> = self.chains.list(bucket).take(present + 1).collect();
            let strays = chained.iter().filter(|&&at| {
                let spte = self.tables[at as usize / ENTRIES].entries[at as usize % ENTRIES];
                !spte.is_present() || self.chains.bucket(spte.gfn()) != bucket
            });
            if strays.count() != 0 || chained.len() != present {
                return Err(format!(
                    "INV-8: {present} entries belong on chain {bucket}, which holds {chained:?}"
                ));
            }
        }
        let present: usize = buckets.values().sum();
        if self.chains.linked() == present {
            Ok(())
        } else {
            Err(format!("INV-8: {present} shadow entries present, {} chained", self.chains.linked()))
        }
    }
}

const fn id(table: u32, index: usize) -> u32 {
    table * ENTRIES as u32 + index as u32
}
