//! Harts that start, stop, wait, fence and call without sense.

use crate::assembler::*;
use crate::guest::{self, Guest, SOFTWARE};
use crate::{MEMORY, RAM_END, TABLES, config, paging, powers_off, run};
use addr::{ByteSize, Gfn, PageCount};
use machine::Pool;
use std::thread;
use std::time::{Duration, Instant};

const TIME: u64 = 0x5449_4d45;
const IPI: u64 = 0x0073_5049;
const RFENCE: u64 = 0x5246_4e43;
const HSM: u64 = 0x0048_534d;
const SRST: u64 = 0x5352_5354;
const DBCN: u64 = 0x4442_434e;

#[test]
fn garbage_arguments_to_the_sbi_are_refused() {
    const ARGUMENTS: [u64; 12] =
        [0, 1, 2, 3, 63, 64, RAM, RAM_END - 1, RAM_END, 1 << 63, 0xffff_ffff, u64::MAX];
    let program = |a: &mut Assembler| {
        a.seed(0x5b1);
        a.skip_faults();
        // The arguments as a table in memory, to be drawn from.
        a.li(S1, TABLES);
        for (index, argument) in ARGUMENTS.into_iter().enumerate() {
            a.li(T1, argument);
            a.store(3, T1, S1, 8 * index as i64);
        }
        a.li(S2, ARGUMENTS.len() as u64);
        for extension in [0x10, TIME, IPI, RFENCE, HSM, DBCN, SRST, 0, 1, 8, 0x1234_5678, u64::MAX] {
            for function in [0, 1, 2, 3, 4, 7, u64::MAX] {
                // Hart 0 would stop, sleep for ever or begin anew.
                if [(HSM, 1), (HSM, 3), (SRST, 0)].contains(&(extension, function)) {
                    continue;
                }
                a.repeat(S0, 100, |a| {
                    for register in [A0, A1, A2, A3, A4, A5] {
                        a.random(register);
                        a.remu(register, register, S2);
                        a.slli(register, register, 3);
                        a.add(register, register, S1);
                        a.load(3, register, register, 0);
                    }
                    a.sbi(extension, function);
                });
            }
        }
        for (kind, reason) in [(3, 0), (0, 2), (1, 7), (u64::MAX, u64::MAX), (0, u64::MAX)] {
            a.li(A0, kind);
            a.li(A1, reason);
            a.sbi(SRST, 0);
        }
        a.power_off();
    };
    run(1, program, powers_off);
    run(3, program, powers_off);
}

#[test]
fn a_hart_that_stops_itself_can_be_started_again_and_again() {
    let program = |a: &mut Assembler| {
        let over = a.jump_ahead();
        let second = a.here();
        // a1 is the counter.
        a.li(T0, 1);
        a.amoadd_d(ZERO, A1, T0);
        a.sbi(HSM, 1);
        a.land(over);
        a.li(S1, TABLES);
        a.li(S2, second.address());
        a.repeat(S0, 2000, |a| {
            let again = a.here();
            a.li(A0, 1);
            a.mv(A1, S2);
            a.mv(A2, S1);
            a.sbi(HSM, 0);
            // Refused as long as the hart has not stopped.
            a.bnez(A0, again);
        });
        let running = a.here();
        a.li(A0, 1);
        a.sbi(HSM, 2);
        a.li(T0, 1);
        a.bne(A1, T0, running);
        a.power_off();
    };
    run(2, program, |guest| {
        powers_off(guest);
        let mut count = [0; 8];
        guest.vm.memory().read(addr::Gpa(TABLES), &mut count).unwrap();
        assert_eq!(u64::from_le_bytes(count), 2000);
    });
}

/// Has every other hart run what is written, and hart 0 go on.
fn on_all_others(a: &mut Assembler, harts: u64, write: impl FnOnce(&mut Assembler)) {
    let over = a.jump_ahead();
    let start = a.here();
    write(a);
    a.land(over);
    for hart in 1..harts {
        a.li(A0, hart);
        a.li(A1, start.address());
        a.li(A2, 0);
        a.sbi(HSM, 0);
    }
}

/// The guest does nothing, and that costs nothing.
fn is_still(guest: &Guest) {
    thread::sleep(Duration::from_millis(100));
    let instructions = || guest.vm.statistics().harts.iter().map(|hart| hart.instructions).sum::<u64>();
    let before = instructions();
    thread::sleep(Duration::from_millis(200));
    assert!(instructions() - before < 100, "{} instructions", instructions() - before);
    assert_eq!((guest.vm.ended(), guest.vm.trouble()), (None, None));
}

#[test]
fn harts_that_all_stop_leave_a_vm_that_can_be_stopped() {
    run(1, |a| a.sbi(HSM, 1), is_still);
    let program = |a: &mut Assembler| {
        on_all_others(a, 4, |a| a.sbi(HSM, 1));
        a.sbi(HSM, 1);
    };
    run(4, program, is_still);
}

#[test]
fn waiting_for_nothing_costs_nothing() {
    run(1, |a| a.forever(Assembler::wfi), is_still);
    // A timer that has fired, but whose interrupt is off, is nothing to wake for.
    let program = |a: &mut Assembler| {
        on_all_others(a, 2, |a| a.forever(Assembler::wfi));
        a.csrw(STIMECMP, ZERO);
        a.forever(Assembler::wfi);
    };
    run(2, program, is_still);
}

/// Others get at the harts of a guest that never gives them up. With twice as many of them as the host has
/// CPUs, each wait may be for the host's scheduler, some milliseconds; without fairness it would have no end.
fn shares_its_harts(guest: &Guest) {
    thread::sleep(Duration::from_millis(50));
    let pages: Vec<Gfn> = guest.vm.memory().pmap().pages().take(64).collect();
    let start = Instant::now();
    for _ in 0..200 {
        guest.vm.move_pages(&pages);
        let _ = guest.vm.statistics();
    }
    assert!(start.elapsed() < Duration::from_secs(10), "{:?}", start.elapsed());
}

#[test]
fn busy_harts_are_shared() {
    let pool_has_spare = |write: &dyn Fn(&mut Assembler)| {
        let pool = Pool::new(ByteSize(2 * MEMORY.0)).unwrap();
        let guest = Guest::start(&config(4, SOFTWARE, write), &pool, 1);
        shares_its_harts(&guest);
        guest.take_down();
        guest::assert_unused(&pool);
    };
    let everywhere = |a: &mut Assembler, write: fn(&mut Assembler)| {
        on_all_others(a, 4, |a| a.forever(write));
        a.forever(write);
    };
    pool_has_spare(&|a| everywhere(a, Assembler::pause));
    pool_has_spare(&|a| everywhere(a, |_| {}));
    pool_has_spare(&|a| everywhere(a, |a| a.sbi(0x10, 0)));
}

#[test]
fn harts_that_fence_each_other_all_come_through() {
    const TIMES: u64 = 300;
    const HARTS: u64 = 4;
    let fence_all = |a: &mut Assembler| {
        a.repeat(S0, TIMES, |a| {
            for (function, start, size) in
                [(0, 0, 0), (1, 0, u64::MAX), (1, RAM, 4096), (2, RAM + 1, 64 << 12), (2, 0, 0)]
            {
                a.li(A0, 0);
                a.li(A1, u64::MAX);
                a.li(A2, start);
                a.li(A3, size);
                a.li(A4, 0);
                a.sbi(RFENCE, function);
            }
            a.li(A0, (1 << HARTS) - 1);
            a.li(A1, 0);
            a.sbi(IPI, 0);
        });
    };
    let program = |a: &mut Assembler| {
        on_all_others(a, HARTS, |a| {
            fence_all(a);
            a.li(T0, TABLES);
            a.li(T1, 1);
            a.amoadd_d(ZERO, T0, T1);
            a.sbi(HSM, 1);
        });
        fence_all(a);
        a.li(T0, TABLES);
        a.li(T2, HARTS - 1);
        let waiting = a.here();
        a.pause();
        a.load(3, T1, T0, 0);
        a.bne(T1, T2, waiting);
        a.power_off();
    };
    run(HARTS as u32, program, powers_off);
}

#[test]
fn powering_off_ends_the_other_harts_too() {
    let ways: [fn(&mut Assembler); 4] = [|_| {}, Assembler::pause, Assembler::wfi, |a| a.sbi(0x10, 0)];
    for write in ways {
        let program = |a: &mut Assembler| {
            on_all_others(a, 4, |a| a.forever(write));
            a.power_off();
        };
        run(4, program, powers_off);
    }
}

#[test]
fn starting_and_stopping_at_once_leaves_nothing_behind() {
    let pool = Pool::new(MEMORY).unwrap();
    let config = config(4, SOFTWARE, paging::jumps_into_nowhere);
    for _ in 0..50 {
        Guest::start(&config, &pool, 1).take_down();
    }
    guest::assert_unused(&pool);
    assert_eq!(pool.usage().total, PageCount(MEMORY.0 >> 12));
}
