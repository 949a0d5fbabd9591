//! Two harts on two threads, and a third that moves their pages meanwhile.

use crate::asm::*;
use crate::machine::*;
use addr::{Gfn, Mfn, PAGE_SIZE};
use machine::{ShootDown, Use, VmMemory};
use parking_lot::Mutex;
use riscv::{Exit, Hart};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;

const ROUNDS: u64 = if cfg!(debug_assertions) { 5_000 } else { 200_000 };
const OTHER_CODE: u64 = CODE + 0x1000;

/// Harts behind locks, as a VM has them.
struct Harts {
    memory: Arc<VmMemory>,
    harts: Arc<Locked>,
}

struct Locked(Vec<Mutex<Hart>>);

impl ShootDown for Locked {
    fn take_away(&self, pages: &[(Gfn, Mfn)]) {
        for hart in &self.0 {
            hart.lock().take_away(pages);
        }
    }
}

impl Harts {
    /// One hart for each piece of code; all get the same registers.
    fn new(pieces: &[(u64, &[u32])], registers: &[(u8, u64)]) -> Self {
        let memory = Machine::memory_alone();
        let harts = pieces.iter().map(|(at, code)| {
            let mut machine = Machine::sharing(&memory);
            machine.put(*at, code);
            machine.start(BARE, *at);
            machine.set(registers);
            Mutex::new(machine.hart)
        });
        let harts = Arc::new(Locked(harts.collect()));
        memory.attach(&harts);
        Self { memory, harts }
    }

    /// Runs all of them to their `ecall`, while their pages move; how many moves there were.
    fn run(&self) -> u64 {
        let done = AtomicBool::new(false);
        thread::scope(|scope| {
            let runners: Vec<_> =
                self.harts.0.iter().map(|hart| scope.spawn(|| self.run_one(hart))).collect();
            let mover = scope.spawn(|| self.move_pages(&done));
            for runner in runners {
                runner.join().expect("no hart panics");
            }
            done.store(true, Ordering::SeqCst);
            mover.join().expect("the mover does not panic")
        })
    }

    fn run_one(&self, hart: &Mutex<Hart>) {
        loop {
            let exit = hart.lock().run(500);
            match exit {
                Exit::Call => return,
                Exit::NeedsWork(gfn, wanted) => {
                    self.memory.resolve(gfn, wanted).expect("only memory needs work");
                }
                _ => thread::yield_now(),
            }
        }
    }

    fn move_pages(&self, done: &AtomicBool) -> u64 {
        let pages = [CODE, OTHER_CODE, DATA, DATA + PAGE_SIZE].map(|address| Gfn(address / PAGE_SIZE));
        let mut moved = 0;
        while !done.load(Ordering::SeqCst) {
            moved += self.memory.move_pages(&pages).moved;
            thread::yield_now();
        }
        moved
    }

    fn audit(&self) {
        for hart in &self.harts.0 {
            hart.lock().mmu().audit(&self.memory).expect("the caches are right");
        }
        self.memory.audit().expect("the pages are where the pmap says");
    }

    fn double(&self, address: u64) -> u64 {
        let mfn = self.memory.resolve(Gfn(address / PAGE_SIZE), Use::Read).expect("it is memory");
        self.memory.pool().load(addr::Ma(mfn.base().0 + address % PAGE_SIZE))
    }
}

#[test]
fn additions_are_never_lost() {
    // x5 counts down; x6 is the counter's address; x7 is 1.
    let atomic = [amoadd_d(0, 6, 7), addi(5, 5, -1), bne(5, 0, -8), ECALL];
    let reserved =
        [lr_d(8, 6), addi(8, 8, 1), sc_d(9, 6, 8), bne(9, 0, -12), addi(5, 5, -1), bne(5, 0, -20), ECALL];
    for pieces in [[&atomic[..], &atomic[..]], [&atomic[..], &reserved[..]], [&reserved[..], &reserved[..]]] {
        let pieces = [(CODE, pieces[0]), (OTHER_CODE, pieces[1])];
        let harts = Harts::new(&pieces, &[(5, ROUNDS), (6, DATA), (7, 1)]);
        let moved = harts.run();
        assert_eq!(harts.double(DATA), 2 * ROUNDS);
        assert!(moved > 0, "the pages stayed where they were");
        harts.audit();
    }
}

#[test]
fn what_is_stored_before_a_fence_is_seen_behind_it() {
    // x6 and x8 are on different pages: the message and its number. The writer counts x7 up, stores
    // it to both with a fence between; the reader reads them the other way round and adds up in x9
    // how often the message is older than its number.
    let write = [addi(7, 7, 1), store(3, 7, 6, 0), FENCE, store(3, 7, 8, 0), bne(7, 5, -16), ECALL];
    // sltu x12, x11, x10
    let older = 11 << 15 | 10 << 20 | 3 << 12 | 12 << 7 | 0x33;
    let read = [load(3, 10, 8, 0), FENCE, load(3, 11, 6, 0), older, add(9, 9, 12), bne(10, 5, -20), ECALL];
    let registers = [(5, ROUNDS), (6, DATA), (7, 0), (8, DATA + PAGE_SIZE), (9, 0)];
    let harts = Harts::new(&[(CODE, &write), (OTHER_CODE, &read)], &registers);
    let moved = harts.run();
    assert_eq!(harts.harts.0[1].lock().x(9), 0, "messages older than their number");
    assert_eq!((harts.double(DATA), harts.double(DATA + PAGE_SIZE)), (ROUNDS, ROUNDS));
    assert!(moved > 0, "the pages stayed where they were");
    harts.audit();
}
