//! What the SBI answers, call by call, as the specification has it; and harts that suspend.

mod assembler;
mod guest;

use addr::{ByteSize, Gpa};
use assembler::*;
use guest::{Guest, SOFTWARE};
use machine::Pool;
use vm::{Config, Ended};

const MEMORY: ByteSize = ByteSize::mib(64);
const RAM_END: u64 = RAM + MEMORY.0;
/// Where the guests write down what they got.
const NOTES: u64 = RAM + (8 << 20);

const BASE: u64 = 0x10;
const TIME: u64 = 0x5449_4d45;
const IPI: u64 = 0x0073_5049;
const RFENCE: u64 = 0x5246_4e43;
const HSM: u64 = 0x0048_534d;
const SRST: u64 = 0x5352_5354;
const DBCN: u64 = 0x4442_434e;

const SUCCESS: i64 = 0;
const NOT_SUPPORTED: i64 = -2;
const INVALID_PARAM: i64 = -3;
const INVALID_ADDRESS: i64 = -5;
const ALREADY_AVAILABLE: i64 = -6;

const SUSPENDED: i64 = 4;

/// `sie.STIE` and `sie.SSIE`.
const TIMER: u64 = 1 << 5;
const SOFTWARE_INTERRUPT: u64 = 1 << 1;

/// Runs a guest to its end and gives the first `count` double words of its notes.
fn notes(cpus: u32, count: usize, write: impl FnOnce(&mut Assembler)) -> Vec<i64> {
    let mut program = Assembler::default();
    write(&mut program);
    let config = Config {
        name: "calls".to_owned(),
        memory: MEMORY,
        cpus,
        mmu: SOFTWARE,
        kernel: program.kernel(),
        initrd: None,
        command_line: String::new(),
    };
    let pool = Pool::new(MEMORY).unwrap();
    let guest = Guest::start(&config, &pool, 1);
    assert_eq!(guest.end(), Ended::PoweredOff);
    let mut bytes = vec![0; 8 * count];
    guest.vm.memory().read(Gpa(NOTES), &mut bytes).unwrap();
    guest.take_down();
    bytes.as_chunks().0.iter().map(|&note| i64::from_le_bytes(note)).collect()
}

/// Writes `from` down as note number `at`.
fn note(a: &mut Assembler, at: usize, from: Reg) {
    a.li(T0, NOTES + 8 * at as u64);
    a.store(3, from, T0, 0);
}

#[test]
fn every_error_is_the_specifications() {
    let calls: &[(u64, u64, [u64; 3], i64)] = &[
        (BASE, 0, [0; 3], SUCCESS),
        (BASE, 3, [HSM, 0, 0], SUCCESS),
        (BASE, 7, [0; 3], NOT_SUPPORTED),
        (TIME, 1, [0; 3], NOT_SUPPORTED),
        (IPI, 0, [1, 0, 0], SUCCESS),
        (IPI, 0, [0, 5, 0], SUCCESS),
        (IPI, 0, [1, 1, 0], INVALID_PARAM),
        (IPI, 0, [2, 0, 0], INVALID_PARAM),
        (IPI, 0, [1, u64::MAX - 1, 0], INVALID_PARAM),
        (IPI, 0, [0, u64::MAX, 0], SUCCESS),
        (IPI, 1, [0; 3], NOT_SUPPORTED),
        (RFENCE, 0, [1, 0, 0], SUCCESS),
        (RFENCE, 1, [3, 0, 0], INVALID_PARAM),
        // Fences of guests of guests, of which there are none.
        (RFENCE, 3, [1, 0, 0], NOT_SUPPORTED),
        (RFENCE, 6, [1, 0, 0], NOT_SUPPORTED),
        (HSM, 0, [0, RAM, 0], ALREADY_AVAILABLE),
        (HSM, 0, [1, RAM, 0], INVALID_PARAM),
        (HSM, 0, [0, RAM_END, 0], INVALID_ADDRESS),
        (HSM, 0, [0, RAM + 1, 0], INVALID_ADDRESS),
        (HSM, 2, [1, 0, 0], INVALID_PARAM),
        (HSM, 3, [1, 0, 0], INVALID_PARAM),
        (HSM, 3, [5, 0, 0], INVALID_PARAM),
        (HSM, 3, [0x0fff_ffff, 0, 0], INVALID_PARAM),
        (HSM, 3, [0x1000_0000, 0, 0], INVALID_PARAM),
        (HSM, 3, [0x8000_0000, RAM_END, 0], INVALID_ADDRESS),
        (HSM, 3, [0x8000_0001, RAM, 0], INVALID_PARAM),
        (HSM, 3, [0x9000_0000, RAM, 0], INVALID_PARAM),
        (HSM, 3, [0xffff_ffff, RAM, 0], INVALID_PARAM),
        (HSM, 4, [0; 3], NOT_SUPPORTED),
        (SRST, 0, [3, 0, 0], INVALID_PARAM),
        (SRST, 0, [0xf000_0000, 0, 0], INVALID_PARAM),
        (SRST, 0, [0, 2, 0], INVALID_PARAM),
        (SRST, 0, [0, 0xe000_0000, 0], INVALID_PARAM),
        (SRST, 1, [0; 3], NOT_SUPPORTED),
        (DBCN, 0, [0, RAM, 0], SUCCESS),
        (DBCN, 0, [1, RAM_END, 0], INVALID_PARAM),
        (DBCN, 0, [1, RAM, 1], INVALID_PARAM),
        (DBCN, 1, [16, RAM, 0], SUCCESS),
        (DBCN, 1, [16, RAM_END - 8, 0], INVALID_PARAM),
        (DBCN, 1, [16, RAM, 1], INVALID_PARAM),
        (DBCN, 1, [u64::MAX, RAM, 0], INVALID_PARAM),
        (DBCN, 3, [0; 3], NOT_SUPPORTED),
        // Extensions there are not: the firmware's counters, and none at all.
        (0x0050_4d55, 0, [0; 3], NOT_SUPPORTED),
        (0x0900_0000, 0, [0; 3], NOT_SUPPORTED),
    ];
    let got = notes(1, calls.len(), |a| {
        for (at, (extension, function, args, _)) in calls.iter().enumerate() {
            for (register, arg) in [A0, A1, A2].into_iter().zip(args) {
                a.li(register, *arg);
            }
            a.li(A3, 0);
            a.li(A4, 0);
            a.sbi(*extension, *function);
            note(a, at, A0);
        }
        a.power_off();
    });
    for (call, got) in calls.iter().zip(got) {
        assert_eq!(got, call.3, "{call:x?}");
    }
}

/// Enables only the interrupts that are given, which are to wake the hart and not to be taken.
fn enable(a: &mut Assembler, interrupts: u64) {
    a.csrw(SSTATUS, ZERO);
    a.li(T0, interrupts);
    a.csrw(SIE, T0);
}

/// Waits until hart 1 is in this state.
fn wait_for_state(a: &mut Assembler, state: i64) {
    let again = a.here();
    a.pause();
    a.li(A0, 1);
    a.sbi(HSM, 2);
    a.li(T0, state as u64);
    a.bne(A1, T0, again);
}

#[test]
fn a_suspended_hart_is_seen_to_be_and_woken_by_an_interrupt_of_another() {
    let got = notes(2, 2, |a| {
        let over = a.jump_ahead();
        let second = a.here();
        enable(a, SOFTWARE_INTERRUPT);
        a.li(A0, 0);
        a.sbi(HSM, 3);
        note(a, 0, A0);
        // Woken with the interrupt still pending.
        a.csrr(T1, SIP);
        note(a, 1, T1);
        a.sbi(HSM, 1);
        a.land(over);
        a.li(A0, 1);
        a.li(A1, second.address());
        a.li(A2, 0);
        a.sbi(HSM, 0);
        wait_for_state(a, SUSPENDED);
        a.li(A0, 2);
        a.li(A1, 0);
        a.sbi(IPI, 0);
        // Stopped again, when it has written its notes.
        wait_for_state(a, 1);
        a.power_off();
    });
    assert_eq!(got, [SUCCESS, SOFTWARE_INTERRUPT as i64]);
}

#[test]
fn a_timer_ends_a_suspension_and_nothing_that_is_disabled_does() {
    let got = notes(1, 3, |a| {
        // Pending, and disabled.
        a.li(A0, 1);
        a.li(A1, 0);
        a.sbi(IPI, 0);
        enable(a, TIMER);
        a.csrr(T1, TIME_CSR);
        a.li(T0, 200_000);
        a.add(T1, T1, T0);
        a.csrw(STIMECMP, T1);
        a.mv(S0, T1);
        a.li(A0, 0);
        a.sbi(HSM, 3);
        note(a, 0, A0);
        a.csrr(T1, TIME_CSR);
        note(a, 1, T1);
        note(a, 2, S0);
        a.power_off();
    });
    assert_eq!(got[0], SUCCESS);
    assert!(got[1] >= got[2], "woken too early: {got:?}");
}

#[test]
fn a_hart_that_keeps_nothing_begins_anew_where_it_said() {
    const ARGUMENT: u64 = 0x1234_5678;
    let got = notes(1, 3, |a| {
        let over = a.jump_ahead();
        let resumed = a.here();
        note(a, 0, A0);
        note(a, 1, A1);
        a.csrr(T1, SATP);
        note(a, 2, T1);
        a.power_off();
        a.land(over);
        enable(a, TIMER);
        a.csrw(STIMECMP, ZERO);
        a.li(A0, 0x8000_0000);
        a.li(A1, resumed.address());
        a.li(A2, ARGUMENT);
        a.sbi(HSM, 3);
        // Never here.
        a.forever(|_| {});
    });
    assert_eq!(got, [0, ARGUMENT as i64, 0]);
}

#[test]
fn a_vm_whose_harts_are_suspended_for_ever_can_be_stopped() {
    let mut program = Assembler::default();
    enable(&mut program, 0);
    program.li(A0, 0);
    program.sbi(HSM, 3);
    program.power_off();
    let config = Config {
        name: "asleep".to_owned(),
        memory: MEMORY,
        cpus: 1,
        mmu: SOFTWARE,
        kernel: program.kernel(),
        initrd: None,
        command_line: String::new(),
    };
    let pool = Pool::new(MEMORY).unwrap();
    let guest = Guest::start(&config, &pool, 1);
    assert_eq!(guest.vm.wait(std::time::Duration::from_millis(200)), None);
    guest.take_down();
    guest::assert_unused(&pool);
}
