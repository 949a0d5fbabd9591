//! Wild jumps and nonsensical page tables.

use crate::assembler::*;
use crate::{RAM_END, TABLES, beside_another, goes_wild, is_in_trouble, powers_off, run};

const SV39: u64 = 8 << 60;
const SV57: u64 = 10 << 60;
/// A leaf with every permission for supervisors, accessed and dirty.
const LEAF: u64 = 0xcf;

pub(crate) fn jumps_into_nowhere(a: &mut Assembler) {
    a.li(T0, 0x10);
    a.jalr(ZERO, T0);
}

#[test]
fn a_jump_into_nowhere_is_reported() {
    run(1, jumps_into_nowhere, |guest| is_in_trouble(guest, &[1]));
    beside_another(jumps_into_nowhere);
}

#[test]
fn a_loop_of_page_faults_is_reported() {
    let program = |a: &mut Assembler| {
        a.li(T0, SV39 | TABLES >> 12);
        a.csrw(SATP, T0);
    };
    run(1, program, |guest| is_in_trouble(guest, &[12]));
    beside_another(program);
}

#[test]
fn a_handler_that_handles_nothing_is_reported() {
    let program = |a: &mut Assembler| {
        let over = a.jump_ahead();
        let handler = a.here();
        a.csrr(T1, SEPC);
        a.csrw(SEPC, T1);
        a.sret();
        a.land(over);
        a.li(T0, handler.address());
        a.csrw(STVEC, T0);
        a.load(3, T0, ZERO, 0);
    };
    run(1, program, |guest| is_in_trouble(guest, &[5]));
}

#[test]
fn root_tables_outside_memory_are_access_faults() {
    for table in [0, 0x1000_0000 >> 12, RAM_END >> 12, (1 << 44) - 1] {
        run(
            1,
            |a| {
                a.li(T0, SV57 | table);
                a.csrw(SATP, T0);
            },
            |guest| is_in_trouble(guest, &[1]),
        );
    }
}

/// Turns Sv39 on with a root of which entry 2 maps memory to itself and all others are `entry`.
fn map_memory_and(a: &mut Assembler, entry: u64) {
    a.li(T0, TABLES);
    a.li(T1, entry);
    a.repeat(S0, 512, |a| {
        a.store(3, T1, T0, 0);
        a.addi(T0, T0, 8);
    });
    a.li(T0, TABLES);
    a.li(T1, RAM >> 12 << 10 | LEAF);
    a.store(3, T1, T0, 16);
    a.li(T1, SV39 | TABLES >> 12);
    a.csrw(SATP, T1);
    a.sfence_vma(ZERO, ZERO);
}

#[test]
fn nonsense_in_the_root_table_faults_and_no_more() {
    let pointer = |gpa: u64| gpa >> 12 << 10 | 1;
    let nonsense = [
        pointer(TABLES),            // to itself
        pointer(0),                 // outside memory
        pointer(RAM_END),           // just outside
        ((1 << 54) - 1) & !0xfe,    // outside everything
        pointer(TABLES) | 1 << 63,  // NAPOT
        pointer(TABLES) | 3 << 61,  // a reserved memory type
        pointer(TABLES) | 1 << 54,  // a reserved bit
        pointer(TABLES) | 0xd0,     // a pointer with A, D and U
        pointer(RAM) | 0x4,         // writable, not readable
        pointer(RAM + 4096) | LEAF, // a large leaf that is not aligned
        pointer(0) | LEAF,          // a leaf of devices
        !0,
    ];
    for entry in nonsense {
        run(
            1,
            |a| {
                a.seed(entry);
                a.skip_faults();
                map_memory_and(a, entry);
                // Only loads and jumps: a store might find the program itself.
                a.repeat(S0, 20_000, |a| {
                    // Any of the upper or lower half, but not where the program is.
                    a.random(T0);
                    a.srai(T0, T0, 25);
                    a.li(T1, 3 << 30);
                    a.xor(T2, T0, T1);
                    a.load(3, T1, T0, 0);
                    a.load(0, T1, T2, 0);
                    a.li(SAFE, a.here().address() + 4 * (Assembler::LI_LENGTH + 1));
                    a.jalr(ZERO, T0);
                });
                a.power_off();
            },
            powers_off,
        );
    }
}

/// Writes page table entries at random, uses addresses at random, and fences at random.
fn shuffles_its_tables(a: &mut Assembler, seed: u64) {
    a.seed(seed);
    a.skip_faults();
    map_memory_and(a, (TABLES + 4096) >> 12 << 10 | 1);
    a.li(S1, TABLES + 4096);
    a.li(S2, 0x7ff8);
    a.li(S3, (RAM >> 12 << 10) | 0xff);
    a.li(S4, (RAM_END >> 12 << 10) | 0x3ff);
    a.forever(|a| {
        // An entry that leads somewhere into memory, most of the time, in one of eight tables.
        a.random(T0);
        a.and(T1, T0, S2);
        a.add(T1, T1, S1);
        a.random(T0);
        a.and(T0, T0, S4);
        a.random(T2);
        a.srli(T2, T2, 60);
        let valid = a.beq_ahead(T2, ZERO);
        a.ori(T0, T0, 1);
        a.land(valid);
        a.store(3, T0, T1, 0);
        // An address below 1 GiB.
        a.random(T0);
        a.srli(T0, T0, 34);
        a.li(SAFE, a.here().address() + 4 * Assembler::LI_LENGTH);
        a.load(3, T1, T0, 0);
        a.store(3, T0, T0, 0);
        a.amoadd_d(T1, T0, T0);
        a.sfence_vma(T0, ZERO);
        a.sfence_vma(ZERO, T1);
        a.fence_i();
    });
}

#[test]
fn shuffled_page_tables_keep_within_memory() {
    for seed in 1..8 {
        run(1, |a| shuffles_its_tables(a, seed * 0x1234_5677), goes_wild);
    }
}

#[test]
fn returning_to_user_garbage_is_reported() {
    for address in [0, 1, RAM + 2, RAM_END, 0x1000_0000, 1 << 38, u64::MAX] {
        run(
            1,
            |a| {
                a.li(T0, address);
                a.csrw(STVEC, T0);
                a.csrw(SEPC, T0);
                a.csrw(SSTATUS, ZERO);
                a.sret();
            },
            goes_wild,
        );
    }
    let program = |a: &mut Assembler| {
        a.li(T0, 0x1000_0000);
        a.csrw(STVEC, T0);
        a.csrw(SEPC, T0);
        a.sret();
    };
    run(1, program, |guest| is_in_trouble(guest, &[1]));
}
