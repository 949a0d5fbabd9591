//! Exceptions and interrupts: what the guest's handler finds.

use crate::asm::*;
use crate::machine::*;
use riscv::{Exit, Lines};

const ILLEGAL: u64 = 2;

#[test]
fn each_exception_says_what_where_and_why() {
    let mut machine = Machine::new();
    let registers = [(5, NOBODY), (6, DATA + 4)];
    for (code, cause, tval) in [
        (0xffff_ffff, ILLEGAL, 0xffff_ffff),
        (0x0000_0000, ILLEGAL, 0),
        (EBREAK, 3, CODE),
        (lr_d(7, 6), 4, DATA + 4),
        (load(3, 7, 5, 8), 5, NOBODY + 8),
        (lr_d(7, 5), 5, NOBODY),
        (sc_d(7, 6, 0), 6, DATA + 4),
        (amoadd_d(7, 6, 0), 6, DATA + 4),
        (store(2, 7, 5, 4), 7, NOBODY + 4),
        (amoadd_d(7, 5, 0), 7, NOBODY),
        (cbo_zero(5), 7, NOBODY),
        (load(3, 7, 5, 1), 5, NOBODY + 1),
    ] {
        assert_eq!(machine.trap(BARE, &registers, &[code]), [cause, CODE, tval], "{code:#010x}");
    }
    assert_eq!(machine.trap(BARE, &registers, &[NOP, jalr(1, 5)]), [1, NOBODY, NOBODY]);
    assert_eq!(machine.trap(USER_MODE, &[], &[NOP, ECALL]), [8, CODE + 4, 0]);
}

#[test]
fn what_is_for_the_supervisor_is_illegal_for_users() {
    let mut machine = Machine::new();
    for code in [SRET, WFI, SFENCE_VMA, 0x1800_0073, 0x1810_0073, 0x1600_0073, csrrs(5, SSTATUS, 0)] {
        assert_eq!(machine.trap(USER_MODE, &[], &[code]), [ILLEGAL, CODE, u64::from(code)], "{code:#010x}");
    }
}

#[test]
fn floating_point_is_illegal_while_off() {
    let mut machine = Machine::new();
    for code in [fld(1, 5, 24), 0x0000_b527, 0x0220_81d3, csrrs(5, FCSR, 0)] {
        let [cause, epc, tval] = machine.trap(BARE, &[(5, DATA)], &[code]);
        assert_eq!([cause, epc], [ILLEGAL, CODE]);
        assert!([0, u64::from(code)].contains(&tval), "tval is {tval:#x} for {code:#010x}");
    }
    assert_eq!(
        machine.run(Start { status: SSTATUS_FS, ..BARE }, &[(5, DATA)], &[fld(1, 5, 24), ECALL]),
        Exit::Call
    );
}

#[test]
fn page_faults_say_which_access_failed() {
    let mut machine = Machine::new();
    machine.map(0, CODE, ALL);
    machine.map(1, DATA, READ);
    machine.map(2, DATA, EXECUTE);
    for technique in TECHNIQUES {
        let start = Start { paging: Some(technique), ..BARE };
        machine.start(start, VIRTUAL);
        for (code, cause, tval) in [
            (load(3, 7, 5, 0x700), 13, VIRTUAL + 0x3700),
            (store(3, 7, 5, 0), 15, VIRTUAL + 0x3000),
            (amoadd_d(7, 6, 0), 15, VIRTUAL + 0x1000),
            (sc_d(7, 6, 0), 15, VIRTUAL + 0x1000),
            (load(3, 7, 8, 0), 13, VIRTUAL + 0x2000),
            (lr_d(7, 8), 13, VIRTUAL + 0x2000),
            (jalr(0, 6), 12, VIRTUAL + 0x1000),
            // Not canonical.
            (load(3, 7, 9, 0), 13, 1 << 40),
            // Misaligned, on two pages: the second one is missing.
            (load(3, 7, 5, -3), 13, VIRTUAL + 0x2ffd),
        ] {
            machine.put(CODE, &[code]);
            machine.start(start, VIRTUAL);
            let pages = [(5, VIRTUAL + 0x3000), (6, VIRTUAL + 0x1000), (8, VIRTUAL + 0x2000), (9, 1 << 40)];
            machine.set(&pages);
            assert_eq!(machine.go(), Exit::Wait);
            let epc = if cause == 12 { tval } else { VIRTUAL };
            assert_eq!(machine.trapped(), [cause, epc, tval], "{code:#010x} under {technique:?}");
        }
    }
}

#[test]
fn an_access_over_a_page_end_faults_where_the_missing_page_begins_and_changes_nothing() {
    let mut machine = Machine::new();
    machine.map(0, CODE, ALL);
    machine.map(1, DATA, WRITE);
    machine.put_double(DATA + 0xff8, 0x1111_1111_1111_1111);
    for technique in TECHNIQUES {
        for (code, cause) in [(load(3, 7, 5, -4), 13), (store(3, 7, 5, -4), 15)] {
            machine.put(CODE, &[code]);
            machine.start(Start { paging: Some(technique), ..BARE }, VIRTUAL);
            machine.set(&[(5, VIRTUAL + 0x2000), (7, 5)]);
            assert_eq!(machine.go(), Exit::Wait);
            assert_eq!(machine.trapped(), [cause, VIRTUAL, VIRTUAL + 0x2000]);
            assert_eq!((machine.hart.x(7), machine.double(DATA + 0xff8)), (5, 0x1111_1111_1111_1111));
        }
    }
}

#[test]
fn an_instruction_whose_second_half_is_missing_faults_there() {
    let mut machine = Machine::new();
    machine.map(0, CODE, ALL);
    machine.map(1, 0, 0);
    let last = CODE + 0xffe;
    machine.put_half(last, addi(7, 0, 5) as u16);
    for technique in TECHNIQUES {
        machine.map(1, 0, 0);
        machine.start(Start { paging: Some(technique), ..BARE }, VIRTUAL + 0xffe);
        assert_eq!(machine.go(), Exit::Wait);
        assert_eq!(machine.trapped(), [12, VIRTUAL + 0xffe, VIRTUAL + 0x1000]);
        // The page comes, with the half.
        machine.map(1, CODE + 0x1000, ALL);
        machine.put_half(CODE + 0x1000, (addi(7, 0, 5) >> 16) as u16);
        machine.put(CODE + 0x1002, &[ECALL]);
        machine.start(Start { paging: Some(technique), ..BARE }, VIRTUAL + 0xffe);
        assert_eq!(machine.go(), Exit::Call);
        assert_eq!(machine.hart.x(7), 5);
    }
}

#[test]
fn a_trap_and_sret_move_the_bits_of_sstatus() {
    let mut machine = Machine::new();
    for (user, enabled) in [(false, false), (false, true), (true, false), (true, true)] {
        let status = if enabled { SSTATUS_SPIE } else { 0 };
        let start = Start { user, status, ..BARE };
        // Behind the handler's first wfi the hart is in the trap; look at sstatus from there.
        machine.put(HANDLER + 4, &[csrrs(7, SSTATUS, 0), WFI]);
        machine.trap(start, &[], &[EBREAK]);
        assert_eq!(machine.go(), Exit::Wait);
        let found = machine.hart.x(7) & (SSTATUS_SIE | SSTATUS_SPIE | SSTATUS_SPP);
        let expected = if enabled { SSTATUS_SPIE } else { 0 } | if user { 0 } else { SSTATUS_SPP };
        assert_eq!(found, expected, "trapped from user {user}, interrupts enabled {enabled}");
        assert!(!machine.hart.registers().user);

        // sret: SPIE is set, SPP cleared, and execution goes on in the mode of the trap.
        machine.put(HANDLER + 4, &[csrrw(0, SEPC, 5), SRET]);
        machine.put(CODE + 0x100, &[WFI]);
        machine.trap(start, &[(5, CODE + 0x100)], &[EBREAK]);
        machine.go();
        let was_illegal = machine.trapped()[0] == ILLEGAL;
        assert_eq!(was_illegal, user, "a wfi behind sret is illegal for users only");
        machine.put(HANDLER + 4, &[WFI; 8]);
    }
}

#[test]
fn interrupts_come_by_priority_and_vectored() {
    const TIMER: u64 = 1 << 5;
    let all = Lines::SOFTWARE | Lines::EXTERNAL | TIMER;
    for (enabled, cause) in [(all, 9), (all & !Lines::EXTERNAL, 1), (TIMER, 5)] {
        for vectored in [0, 1] {
            let mut machine = Machine::new();
            machine.lines.raise(Lines::SOFTWARE | Lines::EXTERNAL);
            let code = [
                csrrw(0, STIMECMP, 0),
                csrrw(0, STVEC, 5),
                csrrw(0, SIE, 6),
                csrrs(0, SSTATUS, 7),
                // Never reached.
                ECALL,
            ];
            let registers = [(5, HANDLER | vectored), (6, enabled), (7, SSTATUS_SIE)];
            assert_eq!(machine.run(BARE, &registers, &code), Exit::Wait);
            assert_eq!(machine.trapped(), [1 << 63 | cause, CODE + 16, 0]);
            // The pc is behind the handler's wfi.
            let offset = if vectored == 1 { 4 * cause } else { 0 };
            assert_eq!(machine.hart.registers().pc, HANDLER + offset + 4);
            assert_eq!(machine.hart.counts().interrupts, 1);
        }
    }
}

#[test]
fn an_exception_goes_to_the_base_of_vectored_handlers() {
    let mut machine = Machine::new();
    assert_eq!(machine.run(BARE, &[(5, HANDLER | 1)], &[csrrw(0, STVEC, 5), EBREAK]), Exit::Wait);
    assert_eq!(machine.hart.registers().pc, HANDLER + 4);
}

#[test]
fn users_are_always_interrupted_supervisors_when_they_allow_it() {
    for (user, allowed, taken) in [(true, false, true), (false, false, false), (false, true, true)] {
        let mut machine = Machine::new();
        assert_eq!(machine.run(BARE, &[(5, Lines::SOFTWARE)], &[csrrw(0, SIE, 5), ECALL]), Exit::Call);
        let status = if allowed { SSTATUS_SPIE } else { 0 };
        machine.put(CODE, &[csrrw(0, SIE, 5), csrrw(0, SEPC, 6), csrrw(0, SSTATUS, 7), SRET, NOP, ECALL]);
        machine.start(BARE, CODE);
        let mode = if user { 0 } else { SSTATUS_SPP };
        machine.set(&[(5, Lines::SOFTWARE), (6, CODE + 16), (7, status | mode)]);
        machine.lines.raise(Lines::SOFTWARE);
        let exit = machine.go();
        assert_eq!(machine.hart.counts().interrupts, u64::from(taken));
        if taken {
            assert_eq!(machine.trapped(), [1 << 63 | 1, CODE + 16, 0]);
        } else {
            assert_eq!(exit, Exit::Call);
        }
    }
}

#[test]
fn a_waiting_hart_wakes_for_what_it_enabled() {
    let mut machine = Machine::new();
    machine.run(BARE, &[(5, Lines::EXTERNAL)], &[csrrw(0, SIE, 5), WFI]);
    assert!(!machine.hart.may_wake());
    machine.lines.raise(Lines::SOFTWARE);
    assert!(!machine.hart.may_wake(), "the software interrupt is not enabled");
    machine.lines.raise(Lines::EXTERNAL);
    assert!(machine.hart.may_wake());
    machine.lines.lower(Lines::EXTERNAL | Lines::SOFTWARE);
    assert!(!machine.hart.may_wake());
    assert_eq!(machine.hart.wakes_at(), None);
    machine.run(BARE, &[(5, 1 << 5), (6, 1)], &[csrrw(0, SIE, 5), csrrw(0, STIMECMP, 6), WFI]);
    assert!(machine.hart.wakes_at().is_some_and(|at| at <= std::time::Instant::now()));
    assert!(machine.hart.may_wake());
    let hour = std::time::Duration::from_hours(1);
    let before = machine.hart.wakes_at().unwrap();
    machine.hart.delay_clock(hour);
    assert_eq!(machine.hart.wakes_at(), Some(before + hour), "its clock stood still for so long");
}
