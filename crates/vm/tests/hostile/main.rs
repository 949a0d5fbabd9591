//! Guests that do what no kernel should (INV-9). None may crash or hang the host, disturb another VM, or
//! keep a frame.

#[path = "../assembler/mod.rs"]
mod assembler;
mod devices;
#[path = "../guest/mod.rs"]
mod guest;
mod harts;
mod paging;

use addr::ByteSize;
use assembler::*;
use guest::{Guest, HARDWARE, SOFTWARE};
use machine::Pool;
use std::thread;
use std::time::{Duration, Instant};
use vm::{Config, Ended, MmuChoice};

const MEMORY: ByteSize = ByteSize::mib(64);
const RAM_END: u64 = RAM + MEMORY.0;
/// Where tests put page tables and rings: behind everything that is loaded.
const TABLES: u64 = RAM + (32 << 20);
/// How long guests that never end may try.
const WHILE: Duration = Duration::from_millis(500);

fn config(cpus: u32, mmu: MmuChoice, write: impl FnOnce(&mut Assembler)) -> Config {
    let mut program = Assembler::default();
    write(&mut program);
    Config {
        name: "hostile".to_owned(),
        memory: MEMORY,
        cpus,
        mmu,
        kernel: program.kernel(),
        initrd: None,
        command_line: String::new(),
    }
}

/// Runs a guest under each technique, looks at it with `look`, and takes it down.
fn run(cpus: u32, write: impl Fn(&mut Assembler), look: impl Fn(&Guest)) {
    for mmu in [SOFTWARE, HARDWARE] {
        let pool = Pool::new(MEMORY).unwrap();
        let guest = Guest::start(&config(cpus, mmu, &write), &pool, 1);
        look(&guest);
        guest.vm.stop();
        guest.check();
        assert!(!matches!(guest.vm.ended(), Some(Ended::Failed(_))), "{:?}", guest.vm.ended());
        guest.take_down();
        guest::assert_unused(&pool);
    }
}

/// For guests that must come to their end by themselves.
fn powers_off(guest: &Guest) {
    assert_eq!(guest.end(), Ended::PoweredOff);
}

/// For guests that may do anything, as long as it is only to themselves.
fn goes_wild(guest: &Guest) {
    let start = Instant::now();
    while start.elapsed() < WHILE && guest.vm.wait(Duration::from_millis(50)).is_none() {
        guest.check();
        let _ = guest.vm.statistics();
        let _ = guest.vm.map(0, 100);
    }
}

/// For guests that are to be reported for making no progress.
fn is_in_trouble(guest: &Guest, causes: &[u64]) {
    let deadline = Instant::now() + Duration::from_secs(10);
    let trouble = loop {
        if let Some(trouble) = guest.vm.trouble() {
            break trouble;
        }
        assert!(Instant::now() < deadline, "trouble goes unnoticed: {:?}", guest.vm.statistics().harts);
        thread::sleep(Duration::from_millis(5));
    };
    assert!(causes.contains(&trouble.cause), "{trouble:?}");
    assert_eq!(guest.vm.ended(), None);
}

/// Runs `program` with a well-behaved neighbour, which must come to its end.
fn beside_another(write: impl Fn(&mut Assembler)) {
    let pool = Pool::new(ByteSize(2 * MEMORY.0)).unwrap();
    let hostile = Guest::start(&config(2, SOFTWARE, write), &pool, 1);
    let neighbour = Guest::start(&config(1, HARDWARE, counts_to_a_million), &pool, 2);
    powers_off(&neighbour);
    neighbour.take_down();
    hostile.take_down();
    guest::assert_unused(&pool);
}

fn counts_to_a_million(a: &mut Assembler) {
    a.li(T0, TABLES);
    a.repeat(S0, 1_000_000, |a| {
        a.load(3, T1, T0, 0);
        a.addi(T1, T1, 1);
        a.store(3, T1, T0, 0);
    });
    a.power_off();
}
