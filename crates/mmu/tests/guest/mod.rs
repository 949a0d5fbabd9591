//! A guest that builds sound page tables, for tests and benchmarks that need to know them.

use addr::{Gfn, Gva, Ma, PageCount, VmId};
use machine::{Pool, Use, VmMemory};
use mmu::{PagingMode, Pte, Root};

/// Flags of an ordinary kernel page, all marks set.
pub(crate) const KERNEL: u64 = Pte::V | Pte::R | Pte::W | Pte::X | Pte::A | Pte::D;

/// A VM whose memory starts at gfn 0; tables are taken from its end downwards.
pub(crate) struct Guest {
    pub(crate) memory: VmMemory,
    next_table: u64,
    next_asid: u16,
}

impl Guest {
    /// A guest with `pages` of memory, and as many spare frames to move them to, up to 64.
    pub(crate) fn new(pages: u64) -> Self {
        Self::with_spare(pages, pages.min(64))
    }

    /// The same with so many spare frames.
    pub(crate) fn with_spare(pages: u64, spare: u64) -> Self {
        let pool = Pool::new(PageCount(pages + spare).bytes()).expect("the pool fits");
        let memory = VmMemory::new(&pool, VmId(1), Gfn(0), PageCount(pages)).expect("the VM fits");
        Self { memory, next_table: pages, next_asid: 0 }
    }

    /// An address space with an ASID of its own, in which nothing is mapped.
    pub(crate) fn root(&mut self, mode: PagingMode) -> Root {
        self.next_asid += 1;
        Root { mode, asid: self.next_asid, table: self.table() }
    }

    fn table(&mut self) -> Gfn {
        self.next_table -= 1;
        Gfn(self.next_table)
    }

    fn word(&self, gpa: u64) -> Ma {
        let mfn = self.memory.resolve(Gfn(gpa / 4096), Use::Write).expect("tables are in memory");
        mfn.base().wrapping_add(gpa % 4096)
    }

    /// Where the entry for `gva` at `level` stands; tables above it are made as needed.
    pub(crate) fn entry(&mut self, root: Root, gva: Gva, level: u32) -> u64 {
        let mut table = root.table;
        let mut at = root.mode.levels();
        loop {
            at -= 1;
            let gpa = table.base().0 + (gva.0 >> (12 + 9 * at)) % 512 * 8;
            if at == level {
                return gpa;
            }
            let pte = Pte(self.memory.pool().load(self.word(gpa)));
            table = if pte.has(Pte::V) {
                pte.gfn()
            } else {
                let below = self.table();
                self.write(gpa, below.0 << 10 | Pte::V);
                below
            };
        }
    }

    /// Writes a doubleword of guest memory.
    pub(crate) fn write(&self, gpa: u64, value: u64) {
        self.memory.pool().store(self.word(gpa), value);
    }

    /// Reads a doubleword of guest memory.
    pub(crate) fn read(&self, gpa: u64) -> u64 {
        self.memory.pool().load(self.word(gpa))
    }

    /// Maps `gva` by a leaf at `level` and gives where the leaf stands.
    pub(crate) fn map(&mut self, root: Root, gva: Gva, level: u32, gfn: Gfn, flags: u64) -> u64 {
        let at = self.entry(root, gva, level);
        self.write(at, gfn.0 << 10 | flags);
        at
    }
}
