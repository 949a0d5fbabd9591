//! Fences, switches and what outlives them, case by case.

mod guest;
mod shadow_tables;

use addr::{Gfn, Gva, Mfn};
use guest::{Guest, KERNEL};
use machine::{Holds, Use};
use mmu::{Access, Miss, Mmu, PagingMode, Pte, Root, Technique};

const BOTH: [Technique; 2] = [Technique::Software, Technique::Hardware];
const MODES: [PagingMode; 3] = [PagingMode::Sv39, PagingMode::Sv48, PagingMode::Sv57];
const LOW: Gva = Gva(0x4020_0000);
const HIGH: Gva = Gva(0xffff_ffff_c000_0000);

fn unit(guest: &Guest, technique: Technique, root: Root) -> Mmu {
    let mut mmu = Mmu::new(technique, &guest.memory);
    mmu.switch(root);
    mmu
}

fn holder(guest: &Guest, mfn: Mfn) -> Gfn {
    match guest.memory.pool().holds(mfn) {
        Holds::Page(_, gfn) => gfn,
        other => panic!("{mfn:?} holds {other:?}"),
    }
}

/// Translates, making pages ready as needed; gives the page the address leads to.
fn ask(guest: &Guest, mmu: &mut Mmu, gva: Gva, access: Access) -> Result<Gfn, Miss> {
    loop {
        match mmu.translate(&guest.memory, gva, access) {
            Ok(mfn) => return Ok(holder(guest, mfn)),
            Err(Miss::NeedsWork(gfn, _)) => {
                // A frame of its own, whatever it is wanted for, so that it can be told by it.
                guest.memory.resolve(gfn, Use::Write).expect("only memory needs work");
            }
            Err(miss) => return Err(miss),
        }
    }
}

/// As a processor does: the TLB first.
fn load(guest: &Guest, mmu: &mut Mmu, gva: Gva) -> Result<Gfn, Miss> {
    match mmu.tlb().read(gva, 1) {
        Some(ma) => Ok(holder(guest, Mfn::containing(ma))),
        None => ask(guest, mmu, gva, Access::Load),
    }
}

/// The guest clears A and D of a large leaf to see whether it is used: it must see that it is.
#[test]
fn an_aged_large_leaf_is_marked_again_after_a_fence() {
    for technique in BOTH {
        let mut guest = Guest::new(600);
        let root = guest.root(PagingMode::Sv39);
        let leaf = guest.map(root, LOW, 1, Gfn(0), KERNEL);
        let mut mmu = unit(&guest, technique, root);
        assert_eq!(ask(&guest, &mut mmu, LOW, Access::Store), Ok(Gfn(0)));
        for (access, marks) in [(Access::Load, Pte::A), (Access::Store, Pte::A | Pte::D)] {
            guest.write(leaf, guest.read(leaf) & !(Pte::A | Pte::D));
            mmu.fence(None, None);
            assert_eq!(ask(&guest, &mut mmu, LOW, access), Ok(Gfn(0)));
            assert_eq!(guest.read(leaf) & (Pte::A | Pte::D), marks, "{technique:?} {access:?}");
        }
    }
}

/// A mapping that stops being global stays valid where it is, but not for other roots.
#[test]
fn a_mapping_that_stops_being_global_leaves_the_other_roots() {
    for level in [0, 1] {
        for technique in BOTH {
            let mut guest = Guest::new(1100);
            let (one, other) = (guest.root(PagingMode::Sv39), guest.root(PagingMode::Sv39));
            let leaf = guest.map(one, HIGH, level, Gfn(0), KERNEL | Pte::G);
            guest.map(other, HIGH, level, Gfn(512), KERNEL);
            let mut mmu = unit(&guest, technique, one);
            assert_eq!(load(&guest, &mut mmu, HIGH), Ok(Gfn(0)));
            guest.write(leaf, KERNEL);
            mmu.fence(None, None);
            assert_eq!(load(&guest, &mut mmu, HIGH), Ok(Gfn(0)));
            mmu.switch(other);
            assert_eq!(load(&guest, &mut mmu, HIGH), Ok(Gfn(512)), "{technique:?} level {level}");
        }
    }
}

/// The same when G stands above the leaf.
#[test]
fn a_subtree_that_stops_being_global_leaves_the_other_roots() {
    for level in [0, 1] {
        let mut guest = Guest::new(1100);
        let (one, other) = (guest.root(PagingMode::Sv39), guest.root(PagingMode::Sv39));
        guest.map(one, HIGH, level, Gfn(0), KERNEL);
        guest.map(other, HIGH, level, Gfn(512), KERNEL);
        let above = guest.entry(one, HIGH, 2);
        guest.write(above, guest.read(above) | Pte::G);
        let mut mmu = unit(&guest, Technique::Software, one);
        assert_eq!(load(&guest, &mut mmu, HIGH), Ok(Gfn(0)));
        guest.write(above, guest.read(above) & !Pte::G);
        mmu.fence(None, None);
        assert_eq!(load(&guest, &mut mmu, HIGH), Ok(Gfn(0)));
        mmu.switch(other);
        assert_eq!(load(&guest, &mut mmu, HIGH), Ok(Gfn(512)), "level {level}");
    }
}

#[test]
fn global_mappings_outlive_switches_and_fences_of_an_asid() {
    for technique in BOTH {
        let mut guest = Guest::new(64);
        let (one, other) = (guest.root(PagingMode::Sv39), guest.root(PagingMode::Sv39));
        let leaf = guest.map(one, HIGH, 0, Gfn(1), KERNEL | Pte::G);
        let kernel = guest.entry(one, HIGH, 1);
        let shared = guest.entry(other, HIGH, 1);
        guest.write(shared, guest.read(kernel));
        let mut mmu = unit(&guest, technique, one);
        assert_eq!(load(&guest, &mut mmu, HIGH), Ok(Gfn(1)));
        let misses = mmu.counts().data_misses;

        mmu.switch(other);
        assert_eq!(load(&guest, &mut mmu, HIGH), Ok(Gfn(1)));
        mmu.fence(None, Some(one.asid));
        mmu.fence(None, Some(other.asid));
        mmu.fence(Some(HIGH), Some(other.asid));
        assert_eq!(load(&guest, &mut mmu, HIGH), Ok(Gfn(1)));
        assert_eq!(mmu.counts().data_misses, misses, "{technique:?}: the TLB kept it all along");

        guest.write(leaf, 2 << 10 | KERNEL | Pte::G);
        mmu.fence(Some(HIGH), None);
        assert_eq!(load(&guest, &mut mmu, HIGH), Ok(Gfn(2)), "{technique:?}");
        guest.write(leaf, 3 << 10 | KERNEL | Pte::G);
        mmu.fence(None, None);
        assert_eq!(load(&guest, &mut mmu, HIGH), Ok(Gfn(3)), "{technique:?}");
        guest.write(leaf, 4 << 10 | KERNEL | Pte::G);
        mmu.fence(None, None);
        mmu.switch(one);
        assert_eq!(load(&guest, &mut mmu, HIGH), Ok(Gfn(4)), "{technique:?}: fenced while elsewhere");
    }
}

#[test]
fn a_known_address_space_is_entered_without_hidden_faults() {
    let mut guest = Guest::new(64);
    let (one, other) = (guest.root(PagingMode::Sv39), guest.root(PagingMode::Sv39));
    guest.map(one, LOW, 0, Gfn(1), KERNEL);
    guest.map(other, LOW, 0, Gfn(2), KERNEL);
    let mut mmu = unit(&guest, Technique::Software, one);
    for round in 0..10 {
        for (root, gfn) in [(one, Gfn(1)), (other, Gfn(2))] {
            mmu.switch(root);
            assert_eq!(load(&guest, &mut mmu, LOW), Ok(gfn), "round {round}");
        }
    }
    assert_eq!(mmu.counts().hidden_faults, 2);
    // After a fence of everything the tables are compared, not built again.
    mmu.fence(None, None);
    assert_eq!(load(&guest, &mut mmu, LOW), Ok(Gfn(2)));
    let counts = mmu.counts();
    assert_eq!((counts.hidden_faults, counts.shadow.tables_synced, counts.shadow.entries_kept), (2, 1, 1));
}

/// Fences of single addresses reach the spaces that are not in use, however many there are.
#[test]
fn a_space_catches_up_with_the_fences_it_missed() {
    for technique in BOTH {
        for fences in [1, 63, 64, 65, 128, 1000] {
            let mut guest = Guest::new(64);
            let (one, other) = (guest.root(PagingMode::Sv39), guest.root(PagingMode::Sv39));
            let leaf = guest.map(one, LOW, 0, Gfn(1), KERNEL);
            let mut mmu = unit(&guest, technique, one);
            assert_eq!(load(&guest, &mut mmu, LOW), Ok(Gfn(1)));
            mmu.switch(other);
            guest.write(leaf, 2 << 10 | KERNEL);
            mmu.fence(Some(LOW), None);
            (1..fences).for_each(|page| mmu.fence(Some(Gva(page << 12)), None));
            mmu.switch(one);
            assert_eq!(load(&guest, &mut mmu, LOW), Ok(Gfn(2)), "{technique:?}, {fences} fences");
        }
    }
}

/// A fence of one address and ASID reaches all spaces of the ASID, in use or not.
#[test]
fn a_fence_of_an_asid_reaches_every_root_that_has_it() {
    for technique in BOTH {
        for gva in [None, Some(LOW)] {
            let mut guest = Guest::new(64);
            let one = guest.root(PagingMode::Sv39);
            let same = Root { asid: one.asid, ..guest.root(PagingMode::Sv39) };
            let elsewhere = guest.root(PagingMode::Sv39);
            let leaves = [one, same].map(|root| guest.map(root, LOW, 0, Gfn(1), KERNEL));
            let mut mmu = unit(&guest, technique, one);
            for fenced_from in [one, same, elsewhere] {
                for root in [one, same] {
                    mmu.switch(root);
                    ask(&guest, &mut mmu, LOW, Access::Load).unwrap();
                }
                let gfn = Gfn(guest.read(leaves[0]) << 10 >> 20);
                for leaf in leaves {
                    guest.write(leaf, (gfn.0 + 1) << 10 | KERNEL);
                }
                mmu.switch(fenced_from);
                mmu.fence(gva, Some(one.asid));
                for root in [one, same] {
                    mmu.switch(root);
                    assert_eq!(load(&guest, &mut mmu, LOW), Ok(Gfn(gfn.0 + 1)), "{technique:?} {gva:?}");
                }
            }
        }
    }
}

/// A fence of any address in a large leaf is one of the whole leaf.
#[test]
fn a_fence_of_one_address_drops_the_whole_large_leaf() {
    for (mode, level) in [
        (PagingMode::Sv39, 1),
        (PagingMode::Sv39, 2),
        (PagingMode::Sv48, 2),
        (PagingMode::Sv48, 3),
        (PagingMode::Sv57, 4),
    ] {
        for technique in BOTH {
            for asid in [None, Some(1)] {
                let mut guest = Guest::new(1100);
                let root = guest.root(mode);
                let leaf = guest.map(root, Gva(0), level, Gfn(0), KERNEL);
                let mut mmu = unit(&guest, technique, root);
                let pages = [0, 1, 511].map(|page| Gva(page << 12));
                let far = Gva(600 << 12);
                let at = if level == 1 { pages.to_vec() } else { [&pages[..], &[far]].concat() };
                for &gva in &at {
                    assert_eq!(load(&guest, &mut mmu, gva), Ok(Gfn(gva.0 >> 12)));
                }
                guest.write(leaf, Pte::V | Pte::X | Pte::A);
                mmu.fence(Some(Gva(5 << 12)), asid);
                for &gva in &at {
                    let what = format!("{technique:?} {mode:?} level {level}, {gva:?} {asid:?}");
                    assert_eq!(load(&guest, &mut mmu, gva), Err(Miss::Page), "{what}");
                }
            }
        }
    }
}

/// The kernel's linear mapping in leaves of 1 GiB does not make its other fences dear.
#[test]
fn a_fence_elsewhere_leaves_a_leaf_of_1_gib() {
    let mut guest = Guest::new(64);
    let root = guest.root(PagingMode::Sv39);
    guest.map(root, Gva(0), 2, Gfn(0), KERNEL);
    guest.map(root, LOW, 0, Gfn(1), KERNEL);
    let mut mmu = unit(&guest, Technique::Software, root);
    for gva in [Gva(0x5000), LOW] {
        ask(&guest, &mut mmu, gva, Access::Load).unwrap();
    }
    mmu.fence(Some(LOW), None);
    assert_eq!((mmu.tlb().read(Gva(0x5000), 8).is_some(), mmu.tlb().read(LOW, 8)), (true, None));
    assert!(mmu.shadow_entry(Gva(0x5000)).is_some_and(|entry| !entry.stale));
}

#[test]
fn a_fence_of_one_address_leaves_its_neighbours() {
    let mut guest = Guest::new(64);
    let root = guest.root(PagingMode::Sv39);
    let pages = [0u64, 1, 2].map(|page| Gva(LOW.0 + page * 4096));
    for (gva, gfn) in pages.iter().zip(1..) {
        guest.map(root, *gva, 0, Gfn(gfn), KERNEL);
    }
    let mut mmu = unit(&guest, Technique::Software, root);
    for gva in pages {
        ask(&guest, &mut mmu, gva, Access::Load).unwrap();
    }
    mmu.fence(Some(Gva(pages[1].0 + 0x123)), None);
    assert_eq!(pages.map(|gva| mmu.tlb().read(gva, 8).is_some()), [true, false, true]);
    assert_eq!(pages.map(|gva| mmu.shadow_entry(gva).is_some()), [true, false, true]);
}

/// More fences than the TLB has slots: the slots are used again, their entries must not be.
#[test]
fn slots_are_used_again_without_their_entries() {
    for technique in BOTH {
        let mut guest = Guest::new(1024);
        let roots: Vec<Root> = (0..130).map(|_| guest.root(PagingMode::Sv39)).collect();
        for (&root, gfn) in roots.iter().zip(1..) {
            guest.map(root, LOW, 0, Gfn(gfn), KERNEL);
        }
        let mut mmu = unit(&guest, technique, roots[0]);
        for round in 0..3 {
            for (&root, gfn) in roots.iter().zip(1..) {
                mmu.switch(root);
                assert_eq!(load(&guest, &mut mmu, LOW), Ok(Gfn(gfn)), "{technique:?}, round {round}");
                assert!(mmu.tlb().read(LOW, 8).is_some());
            }
        }
        let leaf = guest.entry(roots[129], LOW, 0);
        for gfn in 1..300 {
            guest.write(leaf, gfn << 10 | KERNEL);
            mmu.fence(None, if gfn % 2 == 0 { None } else { Some(roots[129].asid) });
            assert_eq!(load(&guest, &mut mmu, LOW), Ok(Gfn(gfn)), "{technique:?}");
        }
    }
}

/// More roots than spaces are kept: those forgotten are learnt anew, with the tables they have then.
#[test]
fn forgotten_spaces_are_learnt_anew() {
    for technique in BOTH {
        let mut guest = Guest::new(2048);
        let roots: Vec<Root> = (0..300).map(|_| guest.root(PagingMode::Sv39)).collect();
        let leaves: Vec<u64> =
            roots.iter().zip(1..).map(|(&root, gfn)| guest.map(root, LOW, 0, Gfn(gfn), KERNEL)).collect();
        let mut mmu = unit(&guest, technique, roots[0]);
        for round in 0..3 {
            for (index, &root) in roots.iter().enumerate() {
                mmu.switch(root);
                assert_eq!(load(&guest, &mut mmu, LOW), Ok(Gfn(index as u64 + 1 + round)), "{technique:?}");
                guest.write(leaves[index], (index as u64 + 2 + round) << 10 | KERNEL);
                mmu.fence(Some(LOW), Some(root.asid));
            }
            mmu.audit(&guest.memory).unwrap();
        }
        assert!(mmu.shadow_size().0 <= 256 || technique == Technique::Hardware);
    }
}

#[test]
fn what_is_taken_away_is_gone_and_nothing_else() {
    for technique in BOTH {
        for count in [1, 8, 9, 64] {
            let mut guest = Guest::new(256);
            let root = guest.root(PagingMode::Sv39);
            let page = |n: u64| Gva(LOW.0 + n * 4096);
            (0..=64).for_each(|n| {
                guest.map(root, page(n), 0, Gfn(n), KERNEL);
            });
            let mut mmu = unit(&guest, technique, root);
            let frames: Vec<(Gfn, Mfn)> = (0..=64)
                .map(|n| {
                    ask(&guest, &mut mmu, page(n), Access::Store).unwrap();
                    let mfn = guest.memory.resolve(Gfn(n), Use::Write).unwrap();
                    mmu.fill_fetch(page(n), mfn, n as u32);
                    (Gfn(n), mfn)
                })
                .collect();
            mmu.take_away(&frames[..count]);
            for n in 0..=64 {
                let gone = (n as usize) < count;
                let tlb = mmu.tlb();
                let found = [tlb.read(page(n), 8), tlb.write(page(n), 8)].iter().any(Option::is_some);
                assert!(!(gone && (found || tlb.fetch(page(n)).is_some())), "{technique:?} {count} {n}");
                let kept = mmu.shadow_entry(page(n)).is_some();
                assert_eq!(kept, !gone && technique == Technique::Software, "{technique:?} {count} {n}");
            }
            assert_eq!(load(&guest, &mut mmu, page(64)), Ok(Gfn(64)));
        }
    }
}

#[test]
fn instructions_are_dropped_as_often_as_asked_and_come_back() {
    let mut guest = Guest::new(64);
    let root = guest.root(PagingMode::Sv39);
    guest.map(root, LOW, 0, Gfn(1), KERNEL);
    let mut mmu = unit(&guest, Technique::Hardware, root);
    // Not the same place in the array as the first.
    let high = Gva(HIGH.0 + 4096);
    let mfn = guest.memory.resolve(Gfn(1), Use::Write).unwrap();
    // An entry from long ago must not match again, however often instructions were dropped since.
    mmu.fill_fetch(high, mfn, 7);
    for code in 0..100 {
        assert_eq!(mmu.tlb().fetch(LOW), None, "{code}");
        mmu.fill_fetch(LOW, mfn, code);
        assert_eq!(mmu.tlb().fetch(LOW), Some((code, mfn)));
        assert_eq!(mmu.tlb().fetch(high).is_some(), code == 0, "{code}");
        load(&guest, &mut mmu, LOW).unwrap();
        mmu.drop_instructions();
        assert!(mmu.tlb().read(LOW, 8).is_some(), "data stays");
    }
    mmu.fill_fetch(LOW, mfn, 1);
    mmu.fill_fetch(high, mfn, 2);
    mmu.drop_code(1);
    assert_eq!([LOW, high].map(|gva| mmu.tlb().fetch(gva)), [None, Some((2, mfn))]);
    // Fences of an address reach instructions of any age.
    mmu.fence(Some(high), None);
    assert_eq!(mmu.tlb().fetch(high), None);
}

#[test]
fn a_change_of_technique_forgets_everything() {
    let mut guest = Guest::new(64);
    let root = guest.root(PagingMode::Sv48);
    guest.map(root, LOW, 0, Gfn(1), KERNEL);
    guest.map(root, HIGH, 0, Gfn(2), KERNEL | Pte::G);
    let mut mmu = unit(&guest, Technique::Software, root);
    for technique in [Technique::Hardware, Technique::Software, Technique::Hardware] {
        assert_eq!((load(&guest, &mut mmu, LOW), load(&guest, &mut mmu, HIGH)), (Ok(Gfn(1)), Ok(Gfn(2))));
        mmu.set_technique(technique);
        assert_eq!((mmu.tlb().read(LOW, 8), mmu.tlb().read(HIGH, 8)), (None, None));
        assert_eq!(mmu.shadow_entries().count(), 0);
    }
}

/// An address with wrong upper bits must not meet the entry of the address it resembles.
#[test]
fn addresses_that_are_not_canonical_always_fault() {
    for mode in MODES {
        for technique in BOTH {
            let mut guest = Guest::new(64);
            let root = guest.root(mode);
            guest.map(root, LOW, 0, Gfn(1), KERNEL);
            guest.map(root, HIGH, 0, Gfn(2), KERNEL);
            let mut mmu = unit(&guest, technique, root);
            assert_eq!((load(&guest, &mut mmu, LOW), load(&guest, &mut mmu, HIGH)), (Ok(Gfn(1)), Ok(Gfn(2))));
            let bits = 12 + 9 * mode.levels();
            for gva in [LOW.0 | 1 << bits, LOW.0 | 1 << 63, HIGH.0 & !(1 << 63), HIGH.0 & !(1 << bits)] {
                assert_eq!(load(&guest, &mut mmu, Gva(gva)), Err(Miss::Page), "{mode:?} {gva:#x}");
            }
            mmu.switch(Root::BARE);
            assert_eq!(load(&guest, &mut mmu, Gva(5 << 12)), Ok(Gfn(5)));
            assert_eq!(load(&guest, &mut mmu, Gva(64 << 12)), Err(Miss::Device(Gfn(64))));
            assert_eq!(load(&guest, &mut mmu, Gva(1 << 56)), Err(Miss::Access));
            mmu.switch(root);
            assert_eq!(load(&guest, &mut mmu, LOW), Ok(Gfn(1)));
        }
    }
}
