//! Nonsense in the registers and queues of devices.

use crate::assembler::*;
use crate::{RAM_END, TABLES, powers_off, run};
use std::time::{Duration, Instant};

/// Where the registers of devices are, and how much of each to try.
const DEVICES: [(u64, u64); 9] = [
    (0x10_1000, 0x1200),
    (0x0c00_0000, 0x4000),
    (0x0c20_0000, 0x4000),
    (0x1000_0000, 0x200),
    (0x3000_0000, 0x10_0000),
    (0x3000_8000, 0x400),
    (0x4000_0000, 0x8000),
    (0, 0x1000_0000),
    (0x7fff_f000, 0x1000),
];

#[test]
fn garbage_in_device_registers_is_the_guests_own() {
    let program = |a: &mut Assembler| {
        a.seed(0x5eed);
        a.skip_faults();
        // The BAR of slot 1 answers.
        a.li(T0, 0x3000_8000);
        a.li(T1, 0x4000_0000);
        a.store(2, T1, T0, 0x10);
        a.li(T1, 6);
        a.store(1, T1, T0, 4);
        for (start, size) in DEVICES {
            a.li(S1, start);
            a.li(S2, size);
            a.repeat(S0, 2000, |a| {
                for width in 0..4 {
                    a.random(T0);
                    a.remu(T0, T0, S2);
                    a.add(T0, T0, S1);
                    a.random(T1);
                    a.store(width, T1, T0, 0);
                    a.load(width, T1, T0, 0);
                }
            });
        }
        a.power_off();
    };
    run(2, program, powers_off);
}

const COMMON: u64 = 0x4000_0000;
const NOTIFY: u64 = COMMON + 0x3000;

/// Writes a constant to a register of 2ⁿ bytes.
fn set(a: &mut Assembler, n: u32, register: u64, value: u64) {
    a.li(T0, register);
    a.li(T1, value);
    a.store(n, T1, T0, 0);
}

#[test]
fn bad_queues_break_the_device_only() {
    let program = |a: &mut Assembler| {
        a.seed(0x9e3);
        a.skip_faults();
        set(a, 2, 0x3000_8010, COMMON);
        set(a, 1, 0x3000_8004, 6);
        let rings = [TABLES, 0, RAM_END - 16, RAM_END, 0x1000_0000, !0 - 15, TABLES + 2, 1 << 55];
        for (round, ring) in rings.into_iter().cycle().take(24).enumerate() {
            // A ring full of garbage; every other round one that at least begins well.
            a.li(T0, TABLES);
            a.repeat(S0, 1024, |a| {
                a.random(T1);
                a.store(3, T1, T0, 0);
                a.addi(T0, T0, 8);
            });
            if round % 2 == 0 {
                set(a, 3, TABLES, TABLES + 0x1000); // descriptor 0: where,
                set(a, 2, TABLES + 8, 0xffff_ffff); // how long,
                set(a, 2, TABLES + 12, 0x0000_0003); // device-writable, and next is itself
                set(a, 2, TABLES + 0x800, 0x0007_0000); // available: 7 of them
                set(a, 3, TABLES + 0x804, 0);
            }
            set(a, 0, COMMON + 20, 0);
            a.li(T0, COMMON + 20);
            let waiting = a.here();
            a.load(0, T1, T0, 0);
            a.bnez(T1, waiting);
            set(a, 0, COMMON + 20, 3);
            set(a, 2, COMMON + 8, 1);
            set(a, 2, COMMON + 12, 1);
            set(a, 0, COMMON + 20, 11);
            set(a, 1, COMMON + 22, 0);
            set(a, 1, COMMON + 24, [8, 64, 0, 3, 0xffff][round % 5]);
            set(a, 3, COMMON + 32, ring);
            set(a, 3, COMMON + 40, if round % 2 == 0 { TABLES + 0x800 } else { ring });
            set(a, 3, COMMON + 48, if round % 3 == 0 { TABLES + 0xc00 } else { ring });
            set(a, 1, COMMON + 28, 1);
            set(a, 0, COMMON + 20, 15);
            a.repeat(S0, 50, |a| {
                for queue in 0..3 {
                    set(a, 1, NOTIFY + 4 * queue, queue);
                }
            });
        }
        a.power_off();
    };
    run(1, program, |guest| {
        powers_off(guest);
        let statistics = guest.vm.statistics();
        let rng = &statistics.devices.iter().find(|(name, _)| *name == "rng").expect("there is an rng").1;
        assert!(rng.bad_requests > 0 && rng.last_bad.is_some(), "{rng:?}");
    });
}

/// A kernel without work of its own: each millisecond it asks its entropy device for 64 pages, and sleeps in between.
fn ask_for_entropy_without_end(a: &mut Assembler) {
    const BUFFERS: u64 = TABLES + 0x10_0000;
    const AVAILABLE: u64 = TABLES + 0x800;
    const USED: u64 = TABLES + 0x1000;
    const ENTRIES: u64 = 64;
    set(a, 2, 0x3000_8010, COMMON);
    set(a, 1, 0x3000_8004, 6);
    // All descriptors take a page of entropy, and all are available.
    a.li(T0, TABLES);
    a.li(T1, AVAILABLE + 4);
    a.li(S1, BUFFERS);
    a.li(S2, 2 << 32 | 4096);
    a.li(S3, 0);
    a.repeat(S0, ENTRIES, |a| {
        a.store(3, S1, T0, 0);
        a.store(3, S2, T0, 8);
        a.store(1, S3, T1, 0);
        a.addi(S3, S3, 1);
        a.addi(T0, T0, 16);
        a.addi(T1, T1, 2);
    });
    set(a, 0, COMMON + 20, 3);
    set(a, 2, COMMON + 8, 1);
    set(a, 2, COMMON + 12, 1);
    set(a, 0, COMMON + 20, 11);
    set(a, 1, COMMON + 22, 0);
    set(a, 1, COMMON + 24, ENTRIES);
    set(a, 3, COMMON + 32, TABLES);
    set(a, 3, COMMON + 40, AVAILABLE);
    set(a, 3, COMMON + 48, USED);
    set(a, 1, COMMON + 28, 1);
    set(a, 0, COMMON + 20, 15);
    // Fill it again each millisecond, and sleep in between.
    a.li(T0, 1 << 5);
    a.csrw(SIE, T0);
    a.forever(|a| {
        a.li(T0, USED);
        a.load(1, S3, T0, 2);
        a.addi(S3, S3, ENTRIES as i64);
        a.li(T0, AVAILABLE);
        a.store(1, S3, T0, 2);
        set(a, 1, NOTIFY, 0);
        a.csrr(T1, TIME_CSR);
        a.li(T0, 10_000);
        a.add(T1, T1, T0);
        a.csrw(STIMECMP, T1);
        a.wfi();
    });
}

/// The entropy device's thread has a twentieth of a processor for each vCPU, and two seconds of that saved.
#[test]
fn a_guest_that_sleeps_cannot_keep_its_devices_busy() {
    const SAVED: Duration = Duration::from_millis(100);
    let start = Instant::now();
    run(1, ask_for_entropy_without_end, |guest| {
        let begun = Instant::now();
        let entropy = || {
            let devices = guest.vm.statistics().devices;
            devices.into_iter().find(|(name, _)| *name == "rng").expect("there is an rng").1
        };
        let look = |until: &dyn Fn(Duration) -> bool| {
            let mut used = entropy().worker_time;
            while !until(used) {
                assert!(start.elapsed() < Duration::from_mins(2), "{:?}", entropy());
                guest.vm.wait(Duration::from_millis(20));
                used = entropy().worker_time;
                // What is more is one task's, and what this thread needs to look.
                let most = SAVED + begun.elapsed() / 20 + Duration::from_millis(100);
                assert!(used < most, "{used:?} of {:?}", begun.elapsed());
            }
            used
        };
        // All that was saved is used up; from now on it rests.
        look(&|used| used > SAVED);
        let spent = Instant::now();
        look(&|_| spent.elapsed() > Duration::from_secs(3));
        assert_eq!(entropy().bad_requests, 0, "{:?}", entropy());
        assert!(guest.vm.worker_time() >= entropy().worker_time);
    });
}
