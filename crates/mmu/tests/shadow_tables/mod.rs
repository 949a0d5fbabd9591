//! How many shadow tables there are, and which of them go.

use super::*;
use addr::PageCount;

/// A root under which many runs of 2 MiB lead through one table to one page.
fn runs(guest: &mut Guest, many: u64) -> (Root, Vec<Gva>) {
    let root = guest.root(PagingMode::Sv39);
    let runs: Vec<Gva> = (0..many).map(|run| Gva(run << 21)).collect();
    guest.map(root, runs[0], 0, Gfn(7), KERNEL);
    let table = guest.entry(root, runs[0], 1);
    for &run in &runs {
        let at = guest.entry(root, run, 1);
        guest.write(at, guest.read(table));
    }
    (root, runs)
}

/// More 2 MiB runs in use than shadow tables are kept: the oldest make room, no answer changes.
#[test]
fn shadow_tables_stay_within_their_limit() {
    let mut guest = Guest::new(1024);
    let (root, runs) = runs(&mut guest, 700);
    let mut mmu = Mmu::new(Technique::Software, &guest.memory);
    mmu.switch(root);
    for _ in 0..2 {
        for &run in &runs {
            assert_eq!(ask(&guest, &mut mmu, run, Access::Load), Ok(Gfn(7)));
        }
        mmu.audit(&guest.memory).unwrap();
    }
    let counts = mmu.counts().shadow;
    assert_eq!(mmu.shadow_size().0, 256);
    assert_eq!(counts.tables_built - counts.tables_dropped, 256);
    assert!(counts.tables_dropped >= 444, "{counts:?}");
    let most_recent = *runs.last().unwrap();
    assert!(mmu.shadow_entry(most_recent).is_some(), "the one used longest ago went");
    // All of them lead to one frame, which goes in one go.
    mmu.take_away(&[(Gfn(7), guest.memory.resolve(Gfn(7), Use::Write).unwrap())]);
    assert_eq!(mmu.shadow_entries().count(), 0);
    mmu.audit(&guest.memory).unwrap();
}

/// Where frames are short, tables make room for each other: what they take is charged, and no answer changes.
#[test]
fn shadow_tables_grow_where_frames_are_free() {
    let mut guest = Guest::with_spare(1024, 256);
    guest.memory.charge_caches();
    let (root, runs) = runs(&mut guest, 200);
    let mut mmu = Mmu::new(Technique::Software, &guest.memory);
    mmu.switch(root);
    let ask_all = |mmu: &mut Mmu| {
        for &run in &runs {
            assert_eq!(ask(&guest, mmu, run, Access::Load), Ok(Gfn(7)));
        }
        mmu.audit(&guest.memory).unwrap();
        let (tables, bytes) = mmu.shadow_size();
        let caches = guest.memory.caches();
        assert_eq!(caches.used.0, bytes);
        assert!(caches.charged.bytes() >= caches.used, "{caches:?}");
        tables
    };
    guest.memory.resolve(Gfn(7), Use::Write).unwrap();
    let pool = guest.memory.pool();
    let elsewhere = pool.charge(pool.usage().available());
    let few = ask_all(&mut mmu);
    assert!(
        (16..24).contains(&few),
        "{few} tables: those it cannot do without, and what a step of its charge is more"
    );
    drop(elsewhere);
    let some = ask_all(&mut mmu);
    assert!((few + 16..200).contains(&some), "{some} tables in 256 frames");
    mmu.set_technique(Technique::Hardware);
    assert_eq!(guest.memory.caches().charged, PageCount(0));
}

/// Tables that are not used give their memory back, wherever they are among the others; all do when all are unused.
#[test]
fn shadow_tables_that_are_not_used_are_forgotten() {
    let mut guest = Guest::new(1024);
    let (root, runs) = runs(&mut guest, 200);
    let mut mmu = Mmu::new(Technique::Software, &guest.memory);
    mmu.switch(root);
    let use_some = |mmu: &mut Mmu, every: usize| {
        for &run in runs.iter().step_by(every) {
            assert_eq!(ask(&guest, mmu, run, Access::Load), Ok(Gfn(7)));
        }
    };
    use_some(&mut mmu, 1);
    let all = mmu.shadow_size();
    assert!(all.0 == 200 && all.1 <= Mmu::most_shadow_bytes(PageCount(1024)), "{all:?}");
    mmu.forget_unused();
    assert_eq!(mmu.shadow_size(), all, "all were used");
    use_some(&mut mmu, 10);
    mmu.forget_unused();
    mmu.audit(&guest.memory).unwrap();
    let some = mmu.shadow_size();
    assert!(some.0 == 20 && some.1 < all.1 / 5, "{some:?} of {all:?}");
    assert_eq!(mmu.shadow_entries().count(), 20);
    // All of them lead to one frame, and are found by it.
    use_some(&mut mmu, 1);
    mmu.take_away(&[(Gfn(7), guest.memory.resolve(Gfn(7), Use::Write).unwrap())]);
    assert_eq!(mmu.shadow_entries().count(), 0);
    mmu.forget_unused();
    mmu.forget_unused();
    assert_eq!(mmu.shadow_size(), (0, 0));
    use_some(&mut mmu, 1);
    mmu.limit_shadow(0);
    mmu.audit(&guest.memory).unwrap();
    assert!((1..20).contains(&mmu.shadow_size().0), "{:?}", mmu.shadow_size());
    use_some(&mut mmu, 1);
    assert!((1..20).contains(&mmu.shadow_size().0), "{:?}", mmu.shadow_size());
}
