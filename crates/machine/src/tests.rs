//! Whole-crate tests: VMs on one pool against a naive model, and threads against each other.

use crate::{Holds, Lookup, MemoryError, MoveReport, PageState, Pool, Use, VmMemory};
use addr::{Gfn, Ma, Mfn, PageCount, VmId};
use proptest::prelude::*;
use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

mod at_once;
mod every_sequence;
mod faults;
mod overcommit;
mod reclaim;
mod sharing;

const FIRST: Gfn = Gfn(0x80000);

fn pool(frames: u64) -> Pool {
    Pool::new(PageCount(frames).bytes()).expect("a small pool fits")
}

fn vm(pool: &Pool, id: u32, pages: u64) -> VmMemory {
    VmMemory::new(pool, VmId(id), FIRST, PageCount(pages)).expect("the pool holds the VM")
}

#[test]
fn first_touch_gives_a_zeroed_frame_even_after_another_vm() {
    let pool = pool(4);
    let first = vm(&pool, 1, 4);
    for gfn in first.pmap().pages() {
        let mfn = first.resolve(gfn, Use::Write).unwrap();
        pool.store::<u64>(mfn.base(), 0xdead_beef);
    }
    drop(first);
    let second = vm(&pool, 2, 4);
    for gfn in second.pmap().pages() {
        let mfn = second.resolve(gfn, Use::Write).unwrap();
        assert!((0..512).all(|word| pool.frame(mfn).load::<u64>(word * 8) == 0), "INV-2");
    }
    second.audit().unwrap();
    pool.audit().unwrap();
}

#[test]
fn a_vm_larger_than_the_pool_is_refused_with_figures() {
    let pool = pool(10);
    let _first = vm(&pool, 1, 8);
    let refusal = VmMemory::new(&pool, VmId(2), FIRST, PageCount(3)).err().expect("refused");
    assert_eq!(refusal, MemoryError::PoolTooSmall { asked: PageCount(3), free: PageCount(2) });
    let text = refusal.to_string();
    assert!(text.contains("12 KiB") && text.contains("8 KiB") && text.contains("--machine-memory"), "{text}");
}

#[test]
fn a_pinned_page_stays_where_it_is() {
    let pool = pool(8);
    let vm = vm(&pool, 1, 2);
    let pin = vm.pin(FIRST).unwrap();
    assert_eq!(vm.move_pages(&[FIRST]), MoveReport { skipped: 1, ..Default::default() });
    assert_eq!(vm.pmap().lookup(FIRST), Lookup::Mapped(pin.mfn()));
    let second = pin.clone();
    drop(pin);
    assert_eq!(vm.move_pages(&[FIRST]).skipped, 1, "a clone pins too");
    drop(second);
    assert_eq!(vm.move_pages(&[FIRST]).moved, 1);
}

#[test]
fn a_move_without_a_spare_frame_leaves_the_page() {
    let pool = pool(1);
    let vm = vm(&pool, 1, 1);
    let mfn = vm.resolve(FIRST, Use::Write).unwrap();
    assert_eq!(vm.move_pages(&[FIRST]).no_frame, 1);
    assert_eq!(vm.resolve(FIRST, Use::Write), Ok(mfn));
}

#[test]
fn what_a_balloon_took_counts_as_freed_only_if_it_had_content() {
    let pool = pool(8);
    let vm = vm(&pool, 1, 8);
    let [written, read, never_used] = [FIRST, Gfn(FIRST.0 + 1), Gfn(FIRST.0 + 2)];
    vm.resolve(written, Use::Write).unwrap();
    vm.resolve(read, Use::Read).unwrap();
    let counted = || {
        vm.audit().unwrap();
        (vm.census().ballooned.0, vm.census().balloon_freed.0)
    };
    let free = pool.usage().free;
    assert_eq!(vm.inflate(&[written, read, never_used]).taken, 3);
    assert_eq!((counted(), pool.usage().free.0), ((3, 1), free.0 + 1));
    vm.inflate(&[written, never_used]);
    assert_eq!(counted(), (3, 1), "it was in already");
    vm.deflate(&[written, read]);
    assert_eq!(counted(), (1, 0));
    vm.inflate(&[written]);
    assert_eq!(counted(), (2, 0), "what it had went the first time");
    // The guest uses it all the same.
    vm.resolve(written, Use::Write).unwrap();
    assert_eq!(counted(), (1, 0));
    vm.inflate(&[written]);
    assert_eq!(counted(), (2, 1));
}

#[derive(Debug, Clone)]
enum Step {
    Write(usize, u64, u64),
    Move(usize, Vec<u64>),
    Restart(usize),
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let step = prop_oneof![
        6 => (0..2usize, 0..12u64, any::<u64>()).prop_map(|(v, p, w)| Step::Write(v, p, w)),
        3 => (0..2usize, prop::collection::vec(0..12u64, 1..6)).prop_map(|(v, p)| Step::Move(v, p)),
        1 => (0..2usize).prop_map(Step::Restart),
    ];
    prop::collection::vec(step, 1..60)
}

proptest! {
    /// Two VMs write, move and restart on one pool; a hash map says what each page must hold.
    #[test]
    fn two_vms_never_see_each_others_bytes(steps in steps(), spare in 0..4u64) {
        let pool = pool(24 + spare);
        let mut vms = [vm(&pool, 1, 12), vm(&pool, 2, 12)];
        let mut model: [HashMap<u64, u64>; 2] = Default::default();
        for step in steps {
            match step {
                Step::Write(v, page, word) => {
                    let mfn = vms[v].resolve(Gfn(FIRST.0 + page), Use::Write).unwrap();
                    pool.store(mfn.base(), word);
                    model[v].insert(page, word);
                }
                Step::Move(v, pages) => {
                    let gfns: Vec<Gfn> = pages.iter().map(|p| Gfn(FIRST.0 + p)).collect();
                    let report = vms[v].move_pages(&gfns);
                    prop_assert_eq!(report.moved + report.skipped + report.no_frame, gfns.len() as u64);
                }
                Step::Restart(v) => {
                    // The old memory must go before the new is reserved.
                    let id = vms[v].id();
                    let rest = vm(&self::pool(1), 9, 1);
                    drop(std::mem::replace(&mut vms[v], rest));
                    vms[v] = vm(&pool, id.0, 12);
                    model[v].clear();
                }
            }
            pool.audit().map_err(TestCaseError::fail)?;
            for (vm, model) in vms.iter().zip(&model) {
                vm.audit().map_err(TestCaseError::fail)?;
                for (page, word) in model {
                    let mfn = vm.resolve(Gfn(FIRST.0 + page), Use::Read).unwrap();
                    prop_assert_eq!(pool.load::<u64>(mfn.base()), *word);
                }
                prop_assert_eq!(vm.census().private.0, model.len() as u64);
            }
            let usage = pool.usage();
            prop_assert_eq!(usage.private.0, (model[0].len() + model[1].len()) as u64);
            prop_assert_eq!(usage.reserved.0, 24);
        }
    }
}

#[test]
fn threads_touching_pinning_and_moving_the_same_pages_agree() {
    const PAGES: u64 = 64;
    let pool = pool(PAGES * 2);
    let vm = vm(&pool, 1, PAGES);
    let stop = AtomicBool::new(false);
    let moved = AtomicU64::new(0);
    let counted = std::thread::scope(|scope| {
        scope.spawn(|| {
            let gfns: Vec<Gfn> = vm.pmap().pages().collect();
            while !stop.load(Ordering::Relaxed) {
                for batch in gfns.chunks(7) {
                    moved.fetch_add(vm.move_pages(batch).moved, Ordering::Relaxed);
                }
            }
        });
        let counters: Vec<_> = (0..2)
            .map(|_| {
                scope.spawn(|| {
                    // A busy machine may be long in starting the thread above.
                    let enough = |round| round >= 20_000 && moved.load(Ordering::Relaxed) > 0;
                    let mut round = 0;
                    while !enough(round) {
                        let pin = vm.pin(Gfn(FIRST.0 + round * 7 % PAGES)).unwrap();
                        pool.update::<u64>(pin.mfn().base(), |word| word + 1);
                        round += 1;
                    }
                    round
                })
            })
            .collect();
        let counted: u64 = counters.into_iter().map(|counter| counter.join().unwrap()).sum();
        stop.store(true, Ordering::Relaxed);
        counted
    });
    let total: u64 =
        vm.pmap().pages().map(|gfn| pool.load::<u64>(vm.resolve(gfn, Use::Read).unwrap().base())).sum();
    assert_eq!(total, counted, "INV-4: no increment is lost");
    vm.audit().unwrap();
    pool.audit().unwrap();
}

#[test]
fn states_name_their_frames() {
    let pool = pool(4);
    let vm = vm(&pool, 1, 1);
    assert_eq!(vm.pmap().state(FIRST), Some((PageState::Untouched, false)));
    let mfn = vm.resolve(FIRST, Use::Write).unwrap();
    assert_eq!(vm.pmap().state(FIRST), Some((PageState::Private(mfn), false)));
    assert_eq!(pool.holds(mfn), Holds::Page(VmId(1), FIRST));
    assert_eq!(vm.resolve(Gfn(1), Use::Read), Err(MemoryError::Outside(Gfn(1))));
    assert_eq!(pool.load::<u64>(Ma(mfn.base().0)), 0);
}

#[test]
fn what_is_kept_unused_for_overhead_takes_no_memory() {
    let pool = pool(64);
    let vm = vm(&pool, 1, 48);
    for gfn in vm.pmap().pages() {
        let mfn = vm.resolve(gfn, Use::Write).unwrap();
        pool.store::<u64>(mfn.base(), 1);
    }
    drop(vm);
    let used = || (0..64).filter(|&mfn| pool.load::<u64>(Mfn(mfn).base()) == 1).count();
    assert_eq!(used(), 48);
    // Sixteen were never used.
    let charge = pool.charge(PageCount(16));
    assert_eq!(used(), 48);
    charge.set(PageCount(40));
    assert_eq!((used(), pool.usage().available()), (24, PageCount(24)));
    drop(charge);
    pool.audit().unwrap();
    // All of them can be used again, the cold ones too.
    let again = self::vm(&pool, 2, 64);
    again.pmap().pages().for_each(|gfn| _ = again.resolve(gfn, Use::Write).unwrap());
    assert_eq!(pool.usage().available(), PageCount(0));
    again.audit().unwrap();
}

#[test]
fn what_is_charged_and_not_free_is_a_deficit_until_it_is() {
    let pool = pool(64);
    let vm = vm(&pool, 1, 48);
    vm.pmap().pages().for_each(|gfn| _ = vm.resolve(gfn, Use::Write).unwrap());
    let (one, other) = (pool.charge(PageCount(10)), pool.charge(PageCount(20)));
    let usage = pool.usage();
    assert_eq!(
        (usage.overhead, usage.deficit(), usage.available()),
        (PageCount(30), PageCount(14), PageCount(0))
    );
    assert!(!pool.set_aside());
    let given_back: Vec<_> = vm.pmap().pages().take(20).collect();
    assert_eq!(vm.inflate(&given_back).taken, 20);
    assert_eq!(pool.usage().deficit(), PageCount(0));
    assert!(pool.set_aside(), "what came free meanwhile is given back, too");
    drop(one);
    assert_eq!((pool.usage().overhead, other.count()), (PageCount(20), PageCount(20)));
    pool.audit().unwrap();
}

#[test]
fn what_could_be_left_is_not_taken_from_what_is_guaranteed() {
    let pool = pool(64);
    let vm = vm(&pool, 1, 48);
    assert_eq!(pool.try_charge(PageCount(17)).err(), Some(PageCount(16)));
    let charge = pool.try_charge(PageCount(16)).unwrap();
    assert_eq!(pool.try_charge(PageCount(1)).err(), Some(PageCount(0)));
    drop(charge);
    assert!(pool.try_charge(PageCount(5)).is_ok());
    drop(vm);
    assert!(pool.try_charge(PageCount(64)).is_ok());
    assert_eq!(pool.usage().overhead, PageCount(0));
}
