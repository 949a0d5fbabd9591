//! Races between what the host does to a VM's memory, and a VM that ends in the midst of it.

use super::faults::within_a_minute;
use super::overcommit::{pattern, vm};
use super::{FIRST, pool};
use crate::frame::{Holds, Taken};
use crate::{Books, GivenBack, MemoryError, PageState, Pool, ShootDown, Use, User, VmMemory};
use addr::{Gfn, Mfn, PageCount, VmId};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

/// How often a race is run.
const ROUNDS: u64 = if cfg!(debug_assertions) { 300 } else { 3000 };

fn fill(memory: &VmMemory, page: u64, seed: u8) {
    let pin = memory.pin(Gfn(FIRST.0 + page)).expect("there are frames");
    let frame = memory.pool().frame(pin.mfn());
    (0..512).for_each(|word| frame.store(word * 8, pattern(seed, word)));
}

/// Audits again and again while `work` is done.
fn audit_beside(memory: &VmMemory, work: impl FnOnce() + Send) {
    let done = AtomicBool::new(false);
    std::thread::scope(|scope| {
        scope.spawn(|| {
            work();
            done.store(true, Ordering::Relaxed);
        });
        while !done.load(Ordering::Relaxed) {
            memory.pool().audit().unwrap();
            memory.audit().unwrap();
            for books in compare(memory) {
                assert!(!matches!(books, Books::Differ(_)), "{books:?}");
            }
        }
    });
    assert_eq!(compare(memory), [Books::Agree, Books::Agree], "nothing changes any more");
}

/// The books of the only VM on its pool.
fn compare(memory: &VmMemory) -> [Books; 2] {
    [memory.compare_census(), memory.pool().compare_books(std::iter::once(memory))]
}

#[test]
fn audits_find_nothing_while_frames_become_shared_and_free() {
    let pool = pool(8);
    let memory = vm(&pool, 1, 1, 8, 0);
    audit_beside(&memory, || {
        for _ in 0..ROUNDS {
            fill(&memory, 0, 1);
            fill(&memory, 1, 1);
            memory.scan(PageCount(8), &|_| None);
            memory.discard(memory.pmap().pages());
        }
    });
}

#[test]
fn audits_find_nothing_while_pages_go_out_and_come_back() {
    let pool = pool(16);
    let memory = vm(&pool, 1, 1, 8, 0);
    audit_beside(&memory, || {
        for round in 0..ROUNDS / 10 {
            (0..8).for_each(|page| fill(&memory, page, (round + page) as u8));
            memory.reclaim(PageCount(8));
            memory.unswap(PageCount(3)).unwrap();
        }
    });
    assert!(memory.counts().swapped_in > 0 && memory.counts().compressed > 0);
}

/// Processors that take their time.
struct Slow;

impl ShootDown for Slow {
    fn take_away(&self, _: &[(Gfn, Mfn)]) {
        std::thread::sleep(Duration::from_millis(20));
    }
}

#[test]
fn a_vm_that_ends_lets_everyone_go() {
    within_a_minute(|| {
        let pool = pool(4);
        let (memory, other) = (vm(&pool, 1, 1, 4, 0), vm(&pool, 2, 2, 4, 0));
        let processors = Arc::new(Slow);
        memory.attach(&processors);
        (0..2).for_each(|page| fill(&memory, page, 3));
        (0..2).for_each(|page| fill(&other, page, 3));
        std::thread::scope(|scope| {
            // Waits for a frame, those behind it for its passage.
            let touching: Vec<_> =
                (0..3).map(|_| scope.spawn(|| memory.resolve(Gfn(FIRST.0 + 3), Use::Write))).collect();
            let reading =
                scope.spawn(|| (0..2).all(|page| memory.resolve(Gfn(FIRST.0 + page), Use::Read).is_ok()));
            memory.move_pages(&[FIRST, Gfn(FIRST.0 + 1)]);
            memory.end();
            for touching in touching {
                assert_eq!(touching.join().unwrap(), Err(MemoryError::Ending));
            }
            assert!(reading.join().unwrap(), "what has a frame can still be read");
        });
        drop(memory);
        // What it held is the other's, who waits for nobody.
        (0..4).for_each(|page| fill(&other, page, 3));
        drop(other);
        assert_eq!(pool.usage().free, PageCount(4));
    });
}

/// Processors that hold a shoot-down up until they are let go.
#[derive(Default)]
struct Held {
    begun: AtomicBool,
    let_go: AtomicBool,
}

impl ShootDown for Held {
    fn take_away(&self, _: &[(Gfn, Mfn)]) {
        self.begun.store(true, Ordering::SeqCst);
        while !self.let_go.load(Ordering::SeqCst) {
            std::thread::yield_now();
        }
    }
}

#[test]
fn a_frame_that_is_taken_and_has_no_place_yet_is_in_flight() {
    within_a_minute(|| {
        let pool = pool(8);
        let memory = vm(&pool, 1, 1, 4, 0);
        let held = Arc::new(Held::default());
        memory.attach(&held);
        (0..2).for_each(|page| fill(&memory, page, 3));
        std::thread::scope(|scope| {
            let moving = scope.spawn(|| memory.move_pages(&[FIRST, Gfn(FIRST.0 + 1)]));
            while !held.begun.load(Ordering::SeqCst) {
                std::thread::yield_now();
            }
            // However long this lasts, the books agree.
            let usage = pool.usage();
            assert_eq!((usage.private, usage.in_flight), (PageCount(2), PageCount(2)));
            assert_eq!(compare(&memory), [Books::Agree, Books::Agree]);
            held.let_go.store(true, Ordering::SeqCst);
            assert_eq!(moving.join().unwrap().moved, 2);
        });
        assert_eq!((pool.usage().private, pool.usage().in_flight), (PageCount(2), PageCount(0)));
        assert_eq!(compare(&memory), [Books::Agree, Books::Agree]);
    });
}

#[test]
fn books_that_do_not_agree_are_told_at_the_first_look_and_strangers_are_not_taken_for_that() {
    let pool = pool(8);
    let memory = vm(&pool, 1, 1, 4, 0);
    fill(&memory, 0, 3);
    let other = vm(&pool, 2, 2, 2, 0);
    fill(&other, 0, 3);
    let undecided = Books::Undecided("a VM is starting or ending");
    assert_eq!(pool.compare_books(std::iter::once(&*memory)), undecided, "one VM is not looked at");
    drop(other);
    assert_eq!(compare(&memory), [Books::Agree, Books::Agree]);
    // A frame that is in no page's place.
    let lost = pool.frames().take(Holds::Page(VmId(1), FIRST)).map(Taken::keep).unwrap();
    let books = pool.compare_books(std::iter::once(&*memory));
    assert!(matches!(&books, Books::Differ(why) if why.contains("2 private frames")), "{books:?}");
    pool.frames().release(lost);
    let section = memory.section();
    assert!(matches!(compare(&memory)[1], Books::Undecided(_)), "somebody is at work");
    drop(section);
    assert_eq!(compare(&memory), [Books::Agree, Books::Agree]);
}

#[test]
fn a_wait_for_a_frame_counts_while_it_lasts() {
    within_a_minute(|| {
        let pool = pool(8);
        let memory = vm(&pool, 1, 1, 4, 0);
        memory.times().add_cpus(1);
        memory.set_allowance(PageCount(0));
        std::thread::scope(|scope| {
            let cpu = scope.spawn(|| memory.resolve_for(User::Cpu, FIRST, Use::Write));
            while memory.times().now().waiting == 0 {
                std::thread::yield_now();
            }
            let started = memory.times().now();
            std::thread::sleep(Duration::from_millis(1));
            let during = memory.times().now().since(&started);
            assert!(during.waiting >= 1_000_000 && during.waiting == during.total(), "{during:?}");
            memory.set_allowance(PageCount(8));
            cpu.join().unwrap().unwrap();
        });
        let ended = memory.times().now();
        std::thread::sleep(Duration::from_millis(1));
        let after = memory.times().now().since(&ended);
        assert_eq!(after.total(), after.running, "{after:?}");
    });
}

/// Has `act` work with a VM whose second page of two that are in use is in passage until the processors let go.
fn while_in_passage(act: impl FnOnce(&VmMemory, &Held)) -> (Pool, Arc<VmMemory>) {
    let pool = pool(8);
    let memory = vm(&pool, 1, 1, 4, 0);
    let processors = Arc::new(Held::default());
    (0..2).for_each(|page| fill(&memory, page, 3));
    memory.attach(&processors);
    std::thread::scope(|scope| {
        scope.spawn(|| assert_eq!(memory.move_pages(&[Gfn(FIRST.0 + 1)]).moved, 1));
        while !processors.begun.load(Ordering::SeqCst) {
            std::thread::yield_now();
        }
        act(&memory, &processors);
    });
    memory.audit().unwrap();
    (pool, memory)
}

#[test]
fn a_page_given_back_while_in_passage_is_given_back_when_that_ends() {
    type Give = fn(&VmMemory) -> GivenBack;
    let gives: [(Give, PageState); 2] = [
        (|memory| memory.inflate(&[FIRST, Gfn(FIRST.0 + 1), FIRST]), PageState::Ballooned { freed: true }),
        (|memory| memory.discard([FIRST, Gfn(FIRST.0 + 1), FIRST].into_iter()), PageState::Untouched),
    ];
    for (give, state) in gives {
        within_a_minute(move || {
            let (pool, memory) = while_in_passage(|memory, processors| {
                std::thread::scope(|scope| {
                    let giving = scope.spawn(|| give(memory));
                    std::thread::sleep(Duration::from_millis(20));
                    processors.let_go.store(true, Ordering::SeqCst);
                    assert_eq!(giving.join().unwrap(), GivenBack { taken: 3, refused: 0 });
                });
            });
            for page in 0..2 {
                assert_eq!(memory.pmap().state(Gfn(FIRST.0 + page)), Some((state, false)));
            }
            assert_eq!(pool.usage().free, PageCount(8));
        });
    }
}

#[test]
fn a_page_reported_free_while_in_passage_is_left_as_it_is_and_not_waited_for() {
    within_a_minute(|| {
        let (_, memory) = while_in_passage(|memory, processors| {
            let given = memory.reported_free([Gfn(FIRST.0 + 1), Gfn(FIRST.0 + 2)].into_iter());
            processors.let_go.store(true, Ordering::SeqCst);
            assert_eq!(given, GivenBack { taken: 1, refused: 1 });
        });
        assert!(matches!(memory.pmap().state(Gfn(FIRST.0 + 1)), Some((PageState::Private(_), false))));
    });
}

#[test]
fn the_balloon_holds_what_its_driver_gave_whatever_the_host_did_meanwhile() {
    const PAGES: u64 = 8;
    let pool = pool(16);
    let memory = vm(&pool, 1, 1, PAGES, 0);
    let pages: Vec<Gfn> = memory.pmap().pages().collect();
    let done = AtomicBool::new(false);
    std::thread::scope(|scope| {
        scope.spawn(|| {
            while !done.load(Ordering::Relaxed) {
                memory.move_pages(&pages);
                memory.scan(PageCount(PAGES), &|_| None);
                memory.reclaim(PageCount(2));
                memory.unswap(PageCount(2)).unwrap();
                memory.audit().unwrap();
            }
        });
        for round in 0..ROUNDS {
            (0..PAGES).for_each(|page| fill(&memory, page, (round + page) as u8));
            let given = memory.inflate(&pages);
            assert_eq!((given.taken, memory.census().ballooned), (PAGES, PageCount(PAGES)), "{given:?}");
            let taken_back = memory.deflate(&pages);
            assert_eq!(
                (taken_back.taken, memory.census().ballooned),
                (PAGES, PageCount(0)),
                "{taken_back:?}"
            );
        }
        done.store(true, Ordering::Relaxed);
    });
}

#[test]
fn while_a_vcpu_does_not_answer_other_vms_go_on_and_so_do_its_own_other_pages() {
    within_a_minute(|| {
        let pool = pool(24);
        let (silent, other) = (vm(&pool, 1, 1, 8, 0), vm(&pool, 2, 2, 8, 0));
        let processors = Arc::new(Held::default());
        (0..8).for_each(|page| fill(&silent, page, (page as u8) << 2 | 3));
        silent.attach(&processors);
        let audit = || {
            pool.audit().unwrap();
            silent.audit().unwrap();
            other.audit().unwrap();
        };
        std::thread::scope(|scope| {
            scope.spawn(|| assert_eq!(silent.move_pages(&[FIRST]).moved, 1));
            while !processors.begun.load(Ordering::SeqCst) {
                std::thread::yield_now();
            }
            audit();
            for round in 0..20 {
                (0..8).for_each(|page| fill(&other, page, [3, 3, 0, 7][page as usize % 4] + (round & 4)));
                audit();
                other.scan(PageCount(8), &|_| None);
                audit();
                assert_eq!(other.reclaim(PageCount(8)).failure, None);
                audit();
                other.unswap(PageCount(4)).unwrap();
                audit();
                other.inflate(&[FIRST]);
                other.deflate(&[FIRST]);
                audit();
                fill(&silent, 1, round << 2 | 3);
                assert_eq!(silent.pmap().state(FIRST).map(|(_, in_passage)| in_passage), Some(true));
            }
            processors.let_go.store(true, Ordering::SeqCst);
        });
        let frame = pool.frame(silent.resolve(FIRST, Use::Read).unwrap());
        assert!((0..512).all(|word| frame.load::<u64>(word * 8) == pattern(3, word)), "INV-4");
        audit();
    });
}

#[test]
fn a_sample_counts_no_page_as_written_that_it_does_not_count_as_used() {
    let pool = pool(16);
    let memory = vm(&pool, 1, 1, 8, 0);
    let pages: Vec<Gfn> = memory.pmap().pages().collect();
    let done = AtomicBool::new(false);
    let mut used = 0;
    std::thread::scope(|scope| {
        scope.spawn(|| {
            for round in 0..100 * ROUNDS {
                fill(&memory, round % 8, round as u8);
                memory.move_pages(&pages);
            }
            done.store(true, Ordering::Relaxed);
        });
        while !done.load(Ordering::Relaxed) {
            let sample = memory.begin_sample(0..8);
            let sampled = memory.end_sample(sample);
            assert!(sampled.written <= sampled.touched && sampled.touched <= sampled.watched, "{sampled:?}");
            used += sampled.written;
        }
    });
    assert!(used > 0, "the pages are written all the time");
}
