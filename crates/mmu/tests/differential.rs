//! Shadow tables, two-stage walks and a naive walk written from the manual, on random guests.

mod model;

use model::{Op, Seen, World, guest::SEEDS};
use proptest::prelude::*;
use proptest::test_runner::{Config, TestRunner};
use std::cell::RefCell;

/// Optimized runs take many cases; the others exist for their overflow checks.
const CASES: u32 = if cfg!(debug_assertions) { 16 } else { 600 };

fn cases() -> impl Strategy<Value = (Vec<u32>, Vec<Op>)> {
    let seeds = prop::collection::vec(any::<u32>(), SEEDS);
    let op = any::<[u8; Op::BYTES]>().prop_map(Op::decode);
    (seeds, prop::collection::vec(op, 50..250))
}

fn add(total: &mut Seen, one: &Seen) {
    total.accesses += one.accesses;
    total.tlb_hits += one.tlb_hits;
    total.from_before += one.from_before;
    total.page_faults += one.page_faults;
    total.access_faults += one.access_faults;
    total.devices += one.devices;
    total.needing_work += one.needing_work;
    total.marked += one.marked;
    total.moved += one.moved;
    total.units.hidden_faults += one.units.hidden_faults;
    total.units.switches += one.units.switches;
    total.units.shadow.tables_synced += one.units.shadow.tables_synced;
    total.units.shadow.entries_kept += one.units.shadow.entries_kept;
    total.units.shadow.entries_dropped += one.units.shadow.entries_dropped;
}

#[test]
fn every_answer_follows_from_the_guests_tables_and_the_pmap() {
    let total = RefCell::new(Seen::default());
    let mut runner = TestRunner::new(Config { cases: CASES, failure_persistence: None, ..Config::default() });
    let outcome = runner.run(&cases(), |(seeds, ops)| {
        let mut world = World::new(&seeds);
        for op in ops {
            world.step(op);
        }
        add(&mut total.borrow_mut(), &world.seen());
        Ok(())
    });
    let total = total.into_inner();
    if let Err(failure) = outcome {
        panic!("{failure}\nafter {total:#?}");
    }
    println!("{total:#?}");
    // Random guests are worth nothing if they fault all the time.
    let Seen { units: mmu::MmuCounts { shadow, .. }, .. } = total;
    for (what, times, least) in [
        ("TLB hits", total.tlb_hits, 30),
        ("answers from before a change", total.from_before, 1),
        ("page faults", total.page_faults, 100),
        ("access faults", total.access_faults, 10),
        ("accesses to devices", total.devices, 10),
        ("first touches", total.needing_work, 2),
        ("accessed and dirty bits set", total.marked, 4),
        ("pages moved", total.moved, 10),
        ("hidden faults", total.units.hidden_faults, 20),
        ("switches", total.units.switches, 10),
        ("shadow tables synced", shadow.tables_synced, 3),
        ("shadow entries kept by that", shadow.entries_kept, 3),
        ("shadow entries dropped", shadow.entries_dropped, 10),
    ] {
        assert!(times >= least * u64::from(CASES), "only {times} {what}");
    }
}
