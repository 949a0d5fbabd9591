//! What threads do to one entry, one frame and those who wait, in every order in which it may happen.
//!
//! Loom runs each model with every interleaving of its threads, and every value that each load may see.
//! What is modelled is the code itself ([`Entry`], [`Frames`], [`Waiting`], [`Sections`]), in the order in which
//! [`crate::VmMemory`] calls it. Run by `make loom`.

use crate::frame::{Frames, Holds, Taken};
use crate::pages::entry::{Entry, Lookup, Watches};
use crate::pages::sections::Sections;
use crate::pages::state::{PageState, Use};
use crate::pages::waiting::Waiting;
use crate::sync::{AtomicU64, Ordering};
use addr::{Gfn, Mfn, PageCount, VmId};
use loom::sync::Arc;
use loom::thread;

const HERE: PageState = PageState::Private(Mfn(0));
const THERE: PageState = PageState::Private(Mfn(1));
const HOLDS: Holds = Holds::Page(VmId(1), Gfn(0));

/// An entry in the given state.
fn entry(state: PageState) -> Entry {
    let entry = Entry::default();
    entry.begin_passage(|_| true).expect("nobody else is here");
    entry.publish(state, None);
    entry
}

/// A frame table whose first `taken` frames hold something, as machine memory with their bytes.
fn frames(count: u64, taken: u64) -> Frames {
    let frames = Frames::new(PageCount(count));
    for mfn in 0..taken {
        assert_eq!(frames.take(HOLDS).map(Taken::keep), Some(Mfn(mfn)));
    }
    frames
}

#[test]
fn one_of_two_gets_the_passage_and_the_other_waits_until_it_ends() {
    loom::model(|| {
        let page = Arc::new((entry(PageState::Untouched), Waiting::new(), AtomicU64::new(0)));
        let touch = |page: &(Entry, Waiting, AtomicU64)| {
            let (entry, waiting, firsts) = page;
            while entry.lookup() == Lookup::NeedsWork {
                if entry.begin_passage(|state| state == PageState::Untouched).is_some() {
                    firsts.fetch_add(1, Ordering::Relaxed);
                    entry.publish(HERE, Some(Use::Write));
                    waiting.wake();
                } else {
                    waiting.wait_while(|| entry.state().1);
                }
            }
        };
        let other = Arc::clone(&page);
        let other = thread::spawn(move || touch(&other));
        touch(&page);
        other.join().unwrap();
        assert_eq!(page.0.state(), (HERE, false));
        assert_eq!(page.2.load(Ordering::Relaxed), 1, "touched for the first time once");
    });
}

#[test]
fn every_waiter_is_woken() {
    loom::model(|| {
        let page = Arc::new((entry(HERE), Waiting::new()));
        page.0.begin_passage(|_| true).unwrap();
        let waiters: Vec<_> = (0..2)
            .map(|_| {
                let page = Arc::clone(&page);
                thread::spawn(move || page.1.wait_while(|| page.0.state().1))
            })
            .collect();
        page.0.publish(THERE, None);
        page.1.wake();
        for waiter in waiters {
            waiter.join().unwrap();
        }
    });
}

#[test]
fn a_pinned_page_does_not_move_and_one_that_moves_is_not_pinned() {
    loom::model(|| {
        let world = Arc::new((entry(HERE), frames(2, 2), AtomicU64::new(0)));
        let mover = Arc::clone(&world);
        let mover = thread::spawn(move || {
            let (entry, frames, first_frame) = &*mover;
            entry.begin_passage(|state| state == HERE).unwrap();
            if frames.is_pinned(Mfn(0)) {
                entry.publish(HERE, None);
            } else {
                // What a copy takes along; a device that writes afterwards is lost.
                first_frame.fetch_or(1, Ordering::Relaxed);
                entry.publish(THERE, None);
            }
        });
        let (entry, frames, first_frame) = &*world;
        if frames.pin_if(Mfn(0), || entry.lookup() == Lookup::Mapped(Mfn(0))) {
            assert_eq!(first_frame.load(Ordering::Relaxed), 0, "INV-4: the device holds what was copied");
            assert_eq!(entry.state().0, HERE);
            frames.unpin(Mfn(0));
        }
        mover.join().unwrap();
        assert!(!frames.is_pinned(Mfn(0)));
    });
}

#[test]
fn watches_come_and_go_beside_a_passage_without_harm() {
    loom::model(|| {
        let page = Arc::new(entry(HERE));
        let sampler = Arc::clone(&page);
        let sampler = thread::spawn(move || {
            let watched = sampler.watch(Watches::SAMPLED);
            let seen = sampler.watches();
            assert!(!watched || seen == Watches::SAMPLED || !seen.contain(Watches::TOUCHED), "{seen:?}");
            sampler.unwatch(Watches::SAMPLED);
            watched
        });
        let user = Arc::clone(&page);
        let user = thread::spawn(move || user.notice(Use::Write));
        let moved = page.begin_passage(|_| true).is_some();
        if moved {
            assert_eq!(page.state(), (HERE, true), "nobody else ends a passage");
            page.publish(THERE, None);
        }
        let watched = sampler.join().unwrap();
        let noticed = user.join().unwrap();
        assert!(moved && (watched || !noticed));
        assert_eq!(page.state(), (THERE, false));
    });
}

#[test]
fn who_looks_a_page_up_finds_its_content() {
    loom::model(|| {
        let world = Arc::new((entry(PageState::Untouched), AtomicU64::new(7)));
        let reader = Arc::clone(&world);
        let reader = thread::spawn(move || {
            if reader.0.lookup() == Lookup::Mapped(Mfn(0)) {
                assert_eq!(reader.1.load(Ordering::Relaxed), 0, "INV-2: what was there before is gone");
            }
        });
        world.0.begin_passage(|_| true).unwrap();
        world.1.store(0, Ordering::Relaxed);
        world.0.publish(HERE, Some(Use::Write));
        reader.join().unwrap();
    });
}

#[test]
fn who_waits_for_a_frame_gets_one_that_comes_free() {
    loom::model(|| {
        let frames = Arc::new(frames(1, 1));
        let giver = Arc::clone(&frames);
        let giver = thread::spawn(move || giver.release(Mfn(0)));
        let taken = loop {
            match frames.take(HOLDS) {
                Some(taken) => break taken.keep(),
                None => frames.wait(|available| available),
            }
        };
        giver.join().unwrap();
        assert_eq!(frames.holds(taken), HOLDS);
        frames.audit().unwrap();
    });
}

#[test]
fn who_waits_for_a_frame_learns_that_there_is_no_need() {
    loom::model(|| {
        let world = Arc::new((frames(1, 1), AtomicU64::new(0)));
        let ender = Arc::clone(&world);
        let ender = thread::spawn(move || {
            ender.1.store(1, Ordering::Relaxed);
            ender.0.tell_waiting();
        });
        world.0.wait(|available| available || world.1.load(Ordering::Relaxed) == 1);
        ender.join().unwrap();
    });
}

#[test]
fn two_who_take_and_give_frames_never_have_the_same() {
    loom::model(|| {
        let frames = Arc::new(frames(2, 0));
        let other = Arc::clone(&frames);
        let other = thread::spawn(move || {
            drop(other.take(HOLDS).expect("there are two"));
            other.take(HOLDS).expect("there are two").keep()
        });
        let mine = frames.take(HOLDS).expect("there are two").keep();
        assert_ne!(other.join().unwrap(), mine);
        frames.audit().unwrap();
    });
}

#[test]
fn books_that_are_compared_are_of_one_moment() {
    loom::model(|| {
        let books = Arc::new((Sections::new(), AtomicU64::new(0), AtomicU64::new(0)));
        let change = |books: &(Sections, AtomicU64, AtomicU64)| {
            let (sections, one, two) = books;
            let _section = sections.begin();
            one.fetch_add(1, Ordering::Relaxed);
            two.fetch_add(1, Ordering::Relaxed);
        };
        let other = Arc::clone(&books);
        let other = thread::spawn(move || change(&other));
        let (sections, one, two) = &*books;
        let read = || (one.load(Ordering::Relaxed), two.load(Ordering::Relaxed));
        if let Some(quiet) = sections.quiet() {
            let (one, two) = read();
            assert!(one == two || !sections.is_still(quiet), "{one} and {two}");
        }
        other.join().unwrap();
        let quiet = sections.quiet().expect("no section is open");
        assert_eq!(read(), (1, 1));
        assert!(sections.is_still(quiet));
    });
}
