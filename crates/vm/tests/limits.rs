//! What cannot be started is refused, with figures, and leaves nothing behind.

mod assembler;
mod guest;

use addr::{ByteSize, VmId};
use assembler::Assembler;
use machine::{Backing, Pool};
use vm::{Config, ConfigError, MmuChoice, StartError, Vm};

fn config(memory: ByteSize, cpus: u32) -> Config {
    let mut program = Assembler::default();
    program.forever(Assembler::wfi);
    Config {
        name: "small".to_owned(),
        memory,
        cpus,
        mmu: MmuChoice::Automatic,
        kernel: program.kernel(),
        initrd: None,
        command_line: String::new(),
    }
}

fn start(config: &Config, pool: &Pool) -> Result<Vm, StartError> {
    start_as(config, pool, VmId(1))
}

fn start_as(config: &Config, pool: &Pool, id: VmId) -> Result<Vm, StartError> {
    let backing = Backing::reserved(id, config.memory.pages());
    Vm::start(config, pool, id, backing, Box::new(std::io::sink()), Box::new(std::io::sink()))
}

/// The message of the refusal, after which the pool is as before.
fn refusal(config: &Config, pool: &Pool) -> String {
    let message = start(config, pool).err().expect("it is refused").to_string();
    guest::assert_unused(pool);
    message
}

#[test]
fn settings_out_of_range_are_named() {
    let pool = Pool::new(ByteSize::mib(64)).unwrap();
    for cpus in [0, 9, u32::MAX] {
        let config = config(ByteSize::mib(64), cpus);
        assert_eq!(config.check(), Err(ConfigError::Cpus(cpus)));
        assert!(refusal(&config, &pool).contains("--cpus"));
    }
    for bytes in [0, 1, 15 << 20, (64 << 20) - 4096, (256 << 30) + (1 << 20), u64::MAX] {
        let config = config(ByteSize(bytes), 1);
        assert_eq!(config.check(), Err(ConfigError::Memory(ByteSize(bytes))));
        assert!(refusal(&config, &pool).contains("--memory"));
    }
    for name in ["", "a\0b", "a\nb"] {
        let config = Config { name: name.to_owned(), ..config(ByteSize::mib(64), 1) };
        assert_eq!(config.check(), Err(ConfigError::Name(name.to_owned())));
        assert!(refusal(&config, &pool).contains("name"));
    }
    for cpus in [1, 8] {
        start(&config(ByteSize::mib(64), cpus), &pool).unwrap();
        guest::assert_unused(&pool);
    }
}

#[test]
fn a_pool_that_is_too_small_says_what_is_free() {
    let pool = Pool::new(ByteSize::mib(100)).unwrap();
    let message = refusal(&config(ByteSize::mib(101), 1), &pool);
    assert!(message.contains("101 MiB") && message.contains("100 MiB"), "{message}");
    let first = start(&config(ByteSize::mib(60), 1), &pool).unwrap();
    let second = start_as(&config(ByteSize::mib(60), 1), &pool, VmId(2));
    let message = second.err().expect("it is refused").to_string();
    assert!(message.contains("60 MiB") && message.contains("40 MiB"), "{message}");
    drop(first);
    guest::assert_unused(&pool);
}

#[test]
fn a_guest_with_too_little_memory_is_told_how_much_it_needs() {
    let pool = Pool::new(ByteSize::mib(64)).unwrap();
    let message = refusal(&config(ByteSize::mib(16), 1), &pool);
    let needed = message.split("at least ").nth(1).and_then(|rest| rest.split(';').next()).expect("a figure");
    let needed: ByteSize = needed.replace(' ', "").parse().unwrap();
    assert!(needed > ByteSize::mib(16), "{message}");
    start(&config(needed, 1), &pool).unwrap();
}

#[test]
fn a_command_line_that_linux_would_cut_off_is_refused() {
    let pool = Pool::new(ByteSize::mib(64)).unwrap();
    for line in ["x".repeat(5000), "a\0b".to_owned()] {
        let config = Config { command_line: line, ..config(ByteSize::mib(64), 1) };
        assert!(refusal(&config, &pool).contains("command line"));
    }
}
