//! What people are shown of the guest's tables.

mod guest;

use addr::{ByteSize, Gfn, Gva, PageCount, VmId};
use guest::{Guest, KERNEL};
use machine::{Backing, PageState, Pool, ShareGroup, Stores, SwapFile, Use, VmMemory};
use mmu::{Access, PagingMode, Pte, Root, Trace, Unreadable, View, leaves, trace, walk};
use proptest::prelude::*;

const GVA: Gva = Gva(0x4020_3000);
const SIZE: PageCount = PageCount(32);
/// Where the top-level table is.
const TABLE: Gfn = Gfn(3);

/// A VM of 32 pages with a zip store of `zip` frames, and a swap file.
fn memory(zip: u64) -> (VmMemory, tempfile::TempDir) {
    let dir = tempfile::tempdir().unwrap();
    let pool = Pool::new(SIZE.bytes()).unwrap();
    let stores = Stores::new(PageCount(zip), Some(SwapFile::create(dir.path(), SIZE).unwrap()));
    let backing = Backing { reservation: PageCount(0), group: ShareGroup(1), stores };
    (VmMemory::with_backing(&pool, VmId(1), Gfn(0), SIZE, backing).unwrap(), dir)
}

/// Writes a table whose entry for [`GVA`] is a leaf of 1 GiB at gfn 0, and whose others are not valid.
fn write_table(memory: &VmMemory) {
    let index = GVA.0 >> 30;
    memory.write(TABLE.base(), &[0; 4096]).unwrap();
    memory.write(TABLE.base().wrapping_add(index * 8), &KERNEL.to_le_bytes()).unwrap();
}

fn traced(memory: &VmMemory) -> Trace {
    trace(memory, &Root { mode: PagingMode::Sv39, asid: 0, table: TABLE }, GVA)
}

/// Whether the table is read, or what its page is instead.
fn seen(memory: &VmMemory) -> Result<bool, PageState> {
    let traced = traced(memory);
    assert_eq!((traced.is_canonical, traced.steps.len()), (true, 1));
    match traced.steps[0].entry {
        Ok(pte) => {
            assert_eq!(traced.gfn, pte.has(Pte::V).then_some(Gfn((GVA.0 >> 12) & 0x3ffff)));
            Ok(pte.has(Pte::V))
        }
        Err(Unreadable::Page { state, in_passage: false }) => {
            assert_eq!(traced.gfn, None);
            Err(state)
        }
        Err(other) => panic!("{other:?}"),
    }
}

#[test]
fn a_table_that_is_in_no_frame_is_told_for_what_it_is() {
    let (memory, _dir) = memory(0);
    assert_eq!(seen(&memory), Err(PageState::Untouched));
    memory.resolve(TABLE, Use::Read).unwrap();
    assert_eq!(seen(&memory), Ok(false), "a page of zeros can be read");
    write_table(&memory);
    assert_eq!(seen(&memory), Ok(true));
    assert_eq!(memory.reclaim(PageCount(1)).swapped, 1);
    assert!(matches!(seen(&memory), Err(PageState::Swapped(_))));
    assert_eq!(memory.counts().swapped_in, 0, "looking brings nothing back");
    memory.inflate(&[TABLE]);
    assert_eq!(seen(&memory), Err(PageState::Ballooned { freed: true }));

    let (memory, _dir) = self::memory(8);
    write_table(&memory);
    (4..12).for_each(|gfn| memory.write(Gfn(gfn).base(), &[gfn as u8; 8]).unwrap());
    // Several together, so that a frame of the zip store comes free for more than one.
    assert!(memory.reclaim(PageCount(8)).compressed > 8);
    assert!(matches!(seen(&memory), Err(PageState::Compressed(_))));
}

#[test]
fn a_table_that_is_watched_or_shared_is_read_and_stays_watched() {
    let (memory, _dir) = memory(0);
    write_table(&memory);
    let sample = memory.begin_sample([TABLE.0]);
    assert_eq!(seen(&memory), Ok(true));
    let root = Root { mode: PagingMode::Sv39, asid: 0, table: TABLE };
    assert_eq!(leaves(&memory, &root, 8).len(), 1, "nor is it passed over when all is shown");
    assert_eq!(memory.end_sample(sample).touched, 0, "who looks does not use it");
    let mut table = [0; 4096];
    memory.read(TABLE.base(), &mut table).unwrap();
    memory.write(Gfn(4).base(), &table).unwrap();
    memory.scan(SIZE, &|_| None);
    memory.scan(SIZE, &|_| None);
    assert_eq!(memory.census().shared, PageCount(2));
    assert_eq!(seen(&memory), Ok(true));
}

#[test]
fn a_table_outside_memory_is_told() {
    let (memory, _dir) = memory(0);
    let traced = trace(&memory, &Root { mode: PagingMode::Sv39, asid: 0, table: Gfn(SIZE.0) }, GVA);
    assert_eq!((traced.steps[0].entry.err(), traced.gfn), (Some(Unreadable::NotMemory), None));
}

#[test]
fn an_address_that_is_not_canonical_leads_nowhere_though_the_tables_map_it() {
    let mut guest = Guest::new(64);
    for (mode, bits) in [(PagingMode::Sv39, 39), (PagingMode::Sv48, 48), (PagingMode::Sv57, 57)] {
        let root = guest.root(mode);
        guest.map(root, GVA, 0, Gfn(7), KERNEL);
        assert_eq!(trace(&guest.memory, &root, GVA).gfn, Some(Gfn(7)));
        // The same indices, and so the same entries.
        let traced = trace(&guest.memory, &root, Gva(GVA.0 | 1 << bits));
        assert_eq!((traced.is_canonical, traced.steps.len(), traced.gfn), (false, 0, None));
    }
    let bare = Root { mode: PagingMode::Bare, asid: 0, table: Gfn(0) };
    assert_eq!(trace(&guest.memory, &bare, GVA).gfn, Some(Gfn(GVA.0 >> 12)));
    assert_eq!(trace(&guest.memory, &bare, Gva(1 << 56)).gfn, None);
}

#[test]
fn a_large_leaf_that_is_not_aligned_leads_nowhere() {
    let mut guest = Guest::new(ByteSize::mib(4).pages().0);
    let root = guest.root(PagingMode::Sv39);
    guest.map(root, GVA, 1, Gfn(512), KERNEL);
    assert_eq!(trace(&guest.memory, &root, GVA).gfn, Some(Gfn(512 + 3)));
    assert_eq!(leaves(&guest.memory, &root, 8).len(), 1);
    let leaf = guest.map(root, GVA, 1, Gfn(513), KERNEL);
    assert_eq!(Pte(guest.read(leaf)).gfn(), Gfn(513));
    let traced = trace(&guest.memory, &root, GVA);
    assert!(traced.steps.last().unwrap().is_misaligned() && traced.gfn.is_none(), "{traced:?}");
    assert!(leaves(&guest.memory, &root, 8).is_empty());
}

/// An entry: nothing, a pointer to one of four tables, or a leaf that is aligned for some levels.
fn entry() -> impl Strategy<Value = u64> {
    let table = (0..TABLES).prop_map(|table| table << 10 | Pte::V);
    let leaf = (0..3u32, 0..64u64).prop_map(|(level, number)| (number << (9 * level)) << 10 | KERNEL);
    prop_oneof![2 => Just(0), 6 => table, 3 => leaf, 1 => leaf_that_is_reserved()]
}

fn leaf_that_is_reserved() -> impl Strategy<Value = u64> {
    prop_oneof![Just(Pte::V | Pte::W), Just(KERNEL | 1 << 60), Just(Pte::V | Pte::A)]
}

/// Tables of the random guest, from page 0 on, each with entries at these indices.
const TABLES: u64 = 4;
const INDICES: [u64; 4] = [0, 1, 256, 511];

proptest! {
    /// Whoever follows an address by whichever of the walks comes to the same page, or to none.
    #[test]
    fn all_walks_agree(
        entries in prop::collection::vec(entry(), (TABLES as usize) * INDICES.len()),
        mode in prop_oneof![Just(PagingMode::Sv39), Just(PagingMode::Sv48), Just(PagingMode::Sv57)],
    ) {
        let guest = Guest::new(64);
        for (number, pte) in (0..).zip(&entries) {
            let (table, index) = (number / INDICES.len(), INDICES[number % INDICES.len()]);
            guest.write(table as u64 * 4096 + index * 8, *pte);
        }
        let root = Root { mode, asid: 0, table: Gfn(0) };
        let found = leaves(&guest.memory, &root, 1 << 12);
        for number in 0..4u64.pow(mode.levels()) {
            let page = (0..mode.levels()).fold(0, |page, level| {
                page | INDICES[(number >> (2 * level)) as usize % 4] << (9 * level)
            });
            let sign = page >> (9 * mode.levels() - 1) & 1;
            let gva = Gva((page | sign.wrapping_neg() << (9 * mode.levels())) << 12);
            let traced = trace(&guest.memory, &root, gva);
            prop_assert!(traced.is_canonical);
            let walked = walk(&guest.memory, &root, gva, Access::Load, View::default(), &mut 0);
            prop_assert_eq!(walked.ok().map(|walked| walked.gfn), traced.gfn, "{:?}: {:?}", gva, traced);
            let size = |level: u32| 1u64 << (9 * level);
            let pages = traced.steps.last().map_or(1, |last| size(last.level));
            let first = Gva(gva.0 & !(pages * 4096 - 1));
            let listed = found.iter().find(|leaf| leaf.gva == first);
            let expected = traced.gfn.map(|gfn| Gfn(gfn.0 & !(pages - 1)));
            if found.len() < 1 << 12 && traced.gfn.is_some() {
                prop_assert_eq!(listed.map(|leaf| leaf.gfn), expected, "{:?}: {:?}", gva, traced);
            }
        }
    }
}
