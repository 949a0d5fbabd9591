//! Control and status registers: who may use which, and what of them can be written.

use crate::asm::*;
use crate::machine::*;
use riscv::{Exit, Lines};

const ILLEGAL: u64 = 2;

/// Writes all ones and then zeros to a register, and gives what was read after each.
fn ones_and_zeros(csr: u32) -> [u64; 2] {
    let mut machine = Machine::new();
    let code = [csrrw(0, csr, 5), csrrs(6, csr, 0), csrrw(0, csr, 0), csrrs(7, csr, 0), ECALL];
    assert_eq!(machine.run(BARE, &[(5, u64::MAX)], &code), Exit::Call, "csr {csr:#x}");
    [machine.hart.x(6), machine.hart.x(7)]
}

#[test]
fn registers_keep_what_they_can_hold() {
    const USER_XLEN: u64 = 2 << 32;
    const DIRTY: u64 = 1 << 63;
    let status = SSTATUS_SPIE | SSTATUS_SPP | SSTATUS_FS | SSTATUS_SUM | SSTATUS_MXR | SSTATUS_SIE;
    assert_eq!(ones_and_zeros(SSTATUS), [status | USER_XLEN | DIRTY, USER_XLEN]);
    assert_eq!(ones_and_zeros(SIE), [0x222, 0]);
    assert_eq!(ones_and_zeros(SSCRATCH), [u64::MAX, 0]);
    assert_eq!(ones_and_zeros(SEPC), [u64::MAX - 1, 0]);
    assert_eq!(ones_and_zeros(SCOUNTEREN), [7, 0]);
    assert_eq!(ones_and_zeros(SENVCFG), [1 << 7 | 1, 0]);
    // Mode 3 of stvec is reserved, so all ones are not taken.
    assert_eq!(ones_and_zeros(STVEC), [HANDLER, 0]);
    // So is mode 15 of satp.
    assert_eq!(ones_and_zeros(SATP), [0, 0]);
}

#[test]
fn of_sip_only_the_software_interrupt_can_be_written() {
    let mut machine = Machine::new();
    machine.lines.raise(Lines::EXTERNAL);
    let code = [csrrw(0, SIP, 5), csrrs(6, SIP, 0), csrrc(0, SIP, 5), csrrs(7, SIP, 0), ECALL];
    machine.run(BARE, &[(5, u64::MAX)], &code);
    assert_eq!(machine.hart.x(6), Lines::SOFTWARE | Lines::EXTERNAL);
    assert_eq!(machine.hart.x(7), Lines::EXTERNAL);
}

#[test]
fn the_registers_of_floating_point_are_there_while_it_is_on() {
    let mut machine = Machine::new();
    let code = [csrrw(0, FCSR, 5), csrrs(6, FCSR, 0), csrrs(7, 2, 0), csrrs(28, 1, 0), ECALL];
    let on = Start { status: SSTATUS_FS, ..BARE };
    assert_eq!(machine.run(on, &[(5, u64::MAX)], &code), Exit::Call);
    assert_eq!([6, 7, 28].map(|register| machine.hart.x(register)), [0xff, 7, 31]);
    assert_eq!(machine.trap(BARE, &[], &[csrrs(5, FCSR, 0)])[0], ILLEGAL);
}

#[test]
fn what_is_read_only_or_absent_is_illegal() {
    let mut machine = Machine::new();
    let absent =
        [csrrs(5, 0x300, 0), csrrs(5, 0x7a0, 0), csrrs(5, 0xf14, 0), csrrs(5, 0xc03, 0), csrrs(5, 0x200, 0)];
    let read_only = [csrrw(5, INSTRET, 0), csrrw(0, CYCLE, 5), csrrs(5, TIME, 6), csrrc(5, INSTRET, 6)];
    for code in absent.into_iter().chain(read_only) {
        assert_eq!(machine.trap(BARE, &[(5, 7)], &[code]), [ILLEGAL, CODE, u64::from(code)], "{code:#010x}");
        assert_eq!(machine.hart.x(5), 7, "an illegal access leaves the destination alone");
    }
    // Setting or clearing no bit is no write.
    let code = [csrrs(5, CYCLE, 0), csrrc(5, TIME, 0), 0xc020_6073 | 5 << 7, ECALL];
    assert_eq!(machine.run(BARE, &[], &code), Exit::Call);
}

#[test]
fn users_read_the_counters_they_are_let() {
    for (bit, counter) in [CYCLE, TIME, INSTRET].into_iter().enumerate() {
        for enabled in 0..8u64 {
            let mut machine = Machine::new();
            machine.run(BARE, &[(5, enabled)], &[csrrw(0, SCOUNTEREN, 5), ECALL]);
            machine.put(CODE, &[csrrw(0, SCOUNTEREN, 5), csrrw(0, SEPC, 6), csrrw(0, SSTATUS, 0), SRET]);
            machine.put(CODE + 16, &[csrrs(7, counter, 0), ECALL]);
            machine.start(BARE, CODE);
            machine.set(&[(5, enabled), (6, CODE + 16)]);
            machine.go();
            let may = enabled >> bit & 1 == 1;
            assert_eq!(machine.trapped()[0] == 8, may, "counter {counter:#x} with scounteren {enabled}");
        }
    }
}

#[test]
fn instret_counts_every_instruction_once() {
    for slice in [1, 2, 7, 1000] {
        let mut machine = Machine::new();
        // 10 + 3 * 100 instructions lie between the two reads, the first one among them.
        let mut code = vec![addi(5, 0, 100), csrrs(6, INSTRET, 0)];
        code.extend([NOP; 9]);
        code.extend([addi(5, 5, -1), add(8, 8, 5), bne(5, 0, -8)]);
        code.extend([csrrs(7, INSTRET, 0), ECALL]);
        machine.put(CODE, &code);
        machine.start(BARE, CODE);
        let before = machine.hart.counts().instructions;
        assert_eq!(machine.go_in_slices(slice), Exit::Call);
        assert_eq!(machine.hart.x(7) - machine.hart.x(6), 310, "in slices of {slice}");
        // With the sret that led here.
        assert_eq!(machine.hart.counts().instructions - before, 1 + 1 + 310 + 1 + 1);
    }
}

#[test]
fn sum_and_mxr_act_at_once() {
    for technique in TECHNIQUES {
        let mut machine = Machine::new();
        machine.map(0, CODE, ALL);
        machine.map(1, DATA, WRITE | USER);
        machine.map(2, DATA, EXECUTE);
        machine.put_double(DATA, 77);
        let start = Start { paging: Some(technique), ..BARE };
        // The register given is set in sstatus, used, cleared and used again.
        let code = [csrrs(0, SSTATUS, 6), load(3, 7, 5, 0), csrrc(0, SSTATUS, 6), load(3, 8, 5, 0), ECALL];
        for (bits, page) in [(SSTATUS_SUM, 1), (SSTATUS_MXR, 2)] {
            machine.put(CODE, &code);
            machine.start(start, VIRTUAL);
            machine.set(&[(5, VIRTUAL + page * 0x1000), (6, bits), (7, 0), (8, 0)]);
            assert_eq!(machine.go(), Exit::Wait);
            assert_eq!(machine.trapped(), [13, VIRTUAL + 12, VIRTUAL + page * 0x1000]);
            assert_eq!((machine.hart.x(7), machine.hart.x(8)), (77, 0));
        }
        // Never do supervisors execute what is the user's, whatever SUM says.
        machine.map(3, CODE, ALL | USER);
        machine.start(Start { status: SSTATUS_SUM, ..start }, VIRTUAL + 0x3000);
        assert_eq!(machine.go(), Exit::Wait);
        assert_eq!(machine.trapped(), [12, VIRTUAL + 0x3000, VIRTUAL + 0x3000]);
    }
}

#[test]
fn a_fence_makes_new_tables_count() {
    for technique in TECHNIQUES {
        let mut machine = Machine::new();
        machine.map(0, CODE, ALL);
        machine.map(1, DATA, WRITE);
        // The last-level table, through the supervisor's view of all memory.
        machine.put_double(DATA, 1);
        machine.put_double(DATA + 0x1000, 2);
        let entry = RAM + 0x3000 + 8;
        let other = (DATA + 0x1000) >> 12 << 10 | WRITE;
        let code = [load(3, 7, 5, 0), store(3, 8, 9, 0), SFENCE_VMA | 5 << 15, load(3, 6, 5, 0), ECALL];
        machine.put(CODE, &code);
        machine.start(Start { paging: Some(technique), ..BARE }, VIRTUAL);
        machine.set(&[(5, VIRTUAL + 0x1000), (8, other), (9, entry)]);
        assert_eq!(machine.go(), Exit::Call);
        assert_eq!((machine.hart.x(7), machine.hart.x(6)), (1, 2), "{technique:?}");
    }
}
