//! Guests that panic are noticed, however they say it, and those that only speak of it are not taken for one.

mod assembler;
mod guest;

use addr::ByteSize;
use assembler::*;
use guest::{Guest, SOFTWARE};
use machine::Pool;
use std::time::{Duration, Instant};
use vm::{Config, Panic};

const MEMORY: ByteSize = ByteSize::mib(256);
const PANIC_PORT: u64 = 0x10_2000;

/// Looks as often as a host does, until there is something to see.
fn panic_of(guest: &Guest) -> Panic {
    let deadline = Instant::now() + guest::PATIENCE;
    loop {
        if let Some(panic) = guest.vm.look_for_panic() {
            assert_eq!(guest.vm.panicked(), Some(panic));
            return panic;
        }
        assert!(Instant::now() < deadline, "unnoticed:\n{}", guest.console.text());
        guest.vm.wait(Duration::from_millis(200));
    }
}

#[test]
fn a_kernel_that_tells_its_host_is_believed() {
    let mut program = Assembler::default();
    program.li(T0, PANIC_PORT);
    // Another kernel takes over: no panic yet.
    program.li(T1, 2);
    program.store(0, T1, T0, 0);
    program.load(0, T1, T0, 0);
    program.li(T2, 0x1000_0000);
    program.store(0, T1, T2, 0);
    program.wfi();
    let told = |program: &Assembler| Config {
        name: "panics".to_owned(),
        memory: ByteSize::mib(64),
        cpus: 1,
        mmu: SOFTWARE,
        kernel: program.kernel(),
        initrd: None,
        command_line: String::new(),
    };
    let pool = Pool::new(ByteSize::mib(64)).unwrap();
    let guest = Guest::start(&told(&program), &pool, 1);
    guest.console.expect("\x03");
    assert_eq!(guest.vm.look_for_panic(), None);
    guest.take_down();

    let mut program = Assembler::default();
    program.li(T0, PANIC_PORT);
    program.li(T1, 1);
    program.store(0, T1, T0, 0);
    program.forever(Assembler::wfi);
    let guest = Guest::start(&told(&program), &pool, 1);
    assert_eq!(panic_of(&guest), Panic::Told);
    guest.take_down();
    guest::assert_unused(&pool);
}

#[test]
fn debian_that_crashes_is_noticed_by_its_console() {
    let Some(files) = guest::debian() else { return };
    let pool = Pool::new(MEMORY).unwrap();
    for cpus in [1, 2] {
        let config = Config { cpus, ..guest::programs(&files, MEMORY, "", "echo c >/proc/sysrq-trigger") };
        let guest = Guest::start(&config, &pool, 1);
        guest.console.expect("Kernel panic - not syncing");
        let said = Instant::now();
        assert_eq!(panic_of(&guest), Panic::OnConsole);
        println!("{cpus} CPUs: noticed {:?} after it was said", said.elapsed());
        assert_eq!(guest.vm.ended(), None);
        guest.take_down();
    }
}

#[test]
fn debian_that_speaks_of_a_panic_lives() {
    let Some(files) = guest::debian() else { return };
    let pool = Pool::new(MEMORY).unwrap();
    // Idle, busy with the kernel, and busy without it but for the clock.
    let commands = "echo Kernel panic - not syncing; sleep 5; mt syscalls 100000; echo Kernel panic - not syncing; mt integer 60";
    let guest = Guest::start(&guest::programs(&files, MEMORY, "", commands), &pool, 1);
    let ended = loop {
        assert_eq!(guest.vm.look_for_panic(), None, "{}", guest.console.text());
        if let Some(ended) = guest.vm.wait(Duration::from_millis(200)) {
            break ended;
        }
    };
    assert_eq!(ended, vm::Ended::PoweredOff);
    assert!(guest.console.text().contains("integer "), "{}", guest.console.text());
    guest.take_down();
}
