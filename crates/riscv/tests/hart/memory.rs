//! Accesses that are more than a TLB hit: devices, reservations, cache blocks, pages that move.

use crate::asm::*;
use crate::machine::*;
use riscv::Exit;

#[test]
fn a_device_sees_each_access_once_with_its_width() {
    let mut machine = Machine::new();
    for (width, size) in [(0, 1), (1, 2), (2, 4), (3, 8), (4, 1), (5, 2), (6, 4)] {
        machine.run(BARE, &[(5, DEVICE)], &[load(width, 7, 5, 16), ECALL]);
        assert_eq!(machine.device.seen(), [(DEVICE + 16, size, None)]);
        let shift = 64 - 8 * u32::from(size);
        let shifted = Device::VALUE << shift;
        let expected = if width < 4 { (shifted as i64 >> shift) as u64 } else { shifted >> shift };
        assert_eq!(machine.hart.x(7), expected, "width {width}");
    }
    for (width, size) in [(0, 1), (1, 2), (2, 4), (3, 8)] {
        let value = 0x1122_3344_5566_7788;
        machine.run(BARE, &[(5, DEVICE), (7, value)], &[store(width, 7, 5, 24), ECALL]);
        let truncated = value & u64::MAX >> (64 - 8 * u32::from(size));
        assert_eq!(machine.device.seen(), [(DEVICE + 24, size, Some(truncated))]);
    }
    assert_eq!(machine.hart.counts().device_accesses, 11);
}

#[test]
fn a_load_to_x0_still_reads_the_device() {
    let mut machine = Machine::new();
    machine.run(BARE, &[(5, DEVICE)], &[load(2, 0, 5, 0), add(7, 0, 0), ECALL]);
    assert_eq!(machine.device.seen(), [(DEVICE, 4, None)]);
    assert_eq!(machine.hart.x(7), 0);
}

#[test]
fn atomics_and_misaligned_accesses_do_not_reach_devices() {
    let mut machine = Machine::new();
    for (code, cause) in [
        (amoadd_d(7, 5, 7), 7),
        (lr_d(7, 5), 5),
        (cbo_zero(5), 7),
        (load(3, 7, 5, 4), 5),
        (store(2, 7, 5, 2), 7),
    ] {
        assert_eq!(machine.trap(BARE, &[(5, DEVICE)], &[code])[0], cause, "{code:#010x}");
    }
    assert_eq!(machine.device.seen(), []);
}

/// Runs `between` from a load-reserved to a store-conditional to `x6`; whether that stored.
fn stores_after(machine: &mut Machine, between: &[u32], conditional: u32) -> bool {
    let mut code = vec![lr_d(7, 5)];
    code.extend(between);
    code.extend([conditional, ECALL]);
    machine.put_double(DATA, 1);
    let registers = [(5, DATA), (6, DATA), (8, 2), (9, DATA + 8), (28, 9)];
    assert_eq!(machine.run(BARE, &registers, &code), Exit::Call);
    let stored = machine.hart.x(10) == 0;
    assert_eq!(machine.double(DATA) == 2, stored, "memory says the same as the register");
    stored
}

#[test]
fn a_reservation_is_for_one_address_one_size_and_one_store() {
    let mut machine = Machine::new();
    let conditional = sc_d(10, 6, 8);
    assert!(stores_after(&mut machine, &[], conditional));
    assert!(stores_after(&mut machine, &[NOP, FENCE], conditional));
    assert!(!stores_after(&mut machine, &[sc_d(0, 9, 8)], conditional), "an sc elsewhere used it up");
    assert!(!stores_after(&mut machine, &[], sc_d(10, 9, 8)), "another address");
    assert!(!stores_after(&mut machine, &[], sc_w(10, 6, 8)), "another size");
    assert!(!stores_after(&mut machine, &[store(3, 28, 6, 0)], conditional), "the value changed");
    machine.put_double(DATA, 1);
    machine.run(BARE, &[(6, DATA), (8, 2)], &[sc_d(10, 6, 8), ECALL]);
    assert_eq!((machine.hart.x(10), machine.double(DATA)), (1, 1), "nothing was reserved");
}

#[test]
fn a_reservation_ends_when_its_page_leaves() {
    let mut machine = Machine::new();
    machine.put_double(DATA, 1);
    // The pause lets the host come between.
    machine.put(CODE, &[lr_d(7, 5), PAUSE, sc_d(10, 5, 8), ECALL]);
    for moves in [false, true] {
        machine.start(BARE, CODE);
        machine.set(&[(5, DATA), (8, 2)]);
        assert_eq!(machine.go(), Exit::Pause);
        if moves {
            machine.move_page(DATA);
        }
        assert_eq!(machine.go(), Exit::Call);
        assert_eq!(machine.hart.x(10), u64::from(moves));
    }
}

#[test]
fn a_cache_block_is_cleared_whole_and_alone() {
    let mut machine = Machine::new();
    let block = DATA + 0x140;
    for at in (DATA..DATA + 0x1000).step_by(8) {
        machine.put_double(at, 5);
    }
    assert_eq!(machine.run(BARE, &[(5, block + 39)], &[cbo_zero(5), ECALL]), Exit::Call);
    for at in (DATA..DATA + 0x1000).step_by(8) {
        let cleared = (block..block + 64).contains(&at);
        assert_eq!(machine.double(at), if cleared { 0 } else { 5 }, "at {at:#x}");
    }
    // For users only when they are let.
    assert_eq!(machine.trap(USER_MODE, &[(5, block)], &[cbo_zero(5)])[0], 2);
    machine.put(
        CODE,
        &[csrrw(0, SENVCFG, 6), csrrw(0, SEPC, 7), csrrw(0, SSTATUS, 0), SRET, cbo_zero(5), ECALL],
    );
    machine.start(BARE, CODE);
    machine.set(&[(5, DATA), (6, 1 << 7), (7, CODE + 16)]);
    machine.go();
    assert_eq!((machine.trapped()[0], machine.double(DATA)), (8, 0));
}

#[test]
fn a_cache_block_that_cannot_be_cleared_is_named_by_the_address_given() {
    let mut machine = Machine::new();
    assert_eq!(machine.trap(BARE, &[(5, NOBODY + 39)], &[cbo_zero(5)]), [7, CODE, NOBODY + 39]);
}

#[test]
fn an_instruction_that_does_nothing_special_goes_on() {
    let mut machine = Machine::new();
    let code = [FENCE, FENCE_I, 0x8330_000f, SFENCE_VMA, 0x1800_0073, 0x1810_0073, ECALL];
    assert_eq!(machine.run(BARE, &[], &code), Exit::Call);
    assert_eq!(machine.run(BARE, &[], &[PAUSE, addi(7, 0, 3), ECALL]), Exit::Pause);
    assert_eq!(machine.go(), Exit::Call);
    assert_eq!(machine.hart.x(7), 3);
}

#[test]
fn ctzw_counts_within_the_word() {
    let mut machine = Machine::new();
    for (value, count) in [(0, 32), (1 << 40, 32), (u64::MAX, 0), (1 << 31, 31), (0xffff_0000_0000_0100, 8)] {
        machine.run(BARE, &[(5, value)], &[0x6012_939b, ECALL]);
        assert_eq!(machine.hart.x(7), count, "ctzw of {value:#x}");
    }
}
