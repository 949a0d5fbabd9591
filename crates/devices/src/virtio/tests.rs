//! A small driver, as a guest has it, against the whole bus: configuration space, BAR, queues, interrupts.

mod balloon;
mod driver;
mod port;

use super::*;
use crate::{IrqLine, output_pipe};
use driver::{BAD_ADDRESS, Driver, Machine, QUEUE_ENTRIES, READ, WRITE, buffer};
use std::io::Read;
use std::sync::Arc;
use std::time::Duration;
use vm_memory::{Bytes, GuestAddress};

fn rng(machine: &mut Machine) -> Driver {
    machine.plug(|line: IrqLine| VirtioPci::new(Rng, line))
}

#[test]
fn the_guest_finds_the_device_by_its_capabilities() {
    let mut machine = Machine::new();
    let driver = rng(&mut machine);
    machine.start();
    assert_eq!(machine.config(driver.slot, 0, 4), 0x1044_1af4);
    assert_eq!(machine.config(driver.slot, 8, 4), 0xff00_0001);
    let kinds: Vec<u64> =
        machine.capabilities(driver.slot).map(|at| machine.config(driver.slot, at + 3, 1)).collect();
    assert_eq!(kinds, [1, 2, 3, 5], "no device-specific configuration");
    assert_eq!(machine.config(driver.slot + 5, 0, 4), 0xffff_ffff);
}

#[test]
fn the_bar_moves_and_can_be_switched_off() {
    let mut machine = Machine::new();
    let driver = rng(&mut machine);
    machine.start();
    machine.set_config(driver.slot, 4, 2, 2);
    machine.set_config(driver.slot, 0x10, 4, 0xffff_ffff);
    assert_eq!(machine.config(driver.slot, 0x10, 4), 0xffff_c000);
    for address in [0x4000_0000, 0x7fff_c000] {
        machine.set_config(driver.slot, 0x10, 4, address);
        assert_eq!(machine.read(address + 18, 2), 1, "one queue");
    }
    assert_eq!(machine.read(0x4000_0000, 4), 0xffff_ffff);
    machine.set_config(driver.slot, 4, 2, 0);
    assert_eq!(machine.read(0x7fff_c000, 4), 0xffff_ffff);
}

#[test]
fn the_configuration_access_capability_reaches_the_bar() {
    let mut machine = Machine::new();
    let driver = rng(&mut machine);
    machine.start();
    let at = machine.capabilities(driver.slot).last().unwrap();
    let access = |offset: u64, length: u64, write: Option<u64>| {
        machine.set_config(driver.slot, at + 8, 4, offset);
        machine.set_config(driver.slot, at + 12, 4, length);
        match write {
            Some(value) => {
                machine.set_config(driver.slot, at + 16, 4, value);
                0
            }
            None => machine.config(driver.slot, at + 16, 4),
        }
    };
    assert_eq!(access(18, 2, None), 1, "one queue");
    access(20, 1, Some(3));
    assert_eq!(access(20, 1, None), 3, "the status");
    for (offset, length) in [(19, 2), (0x4000, 4), (16, 3), (16, 8)] {
        assert_eq!(access(offset, length, None), 0, "{offset:#x}, {length} bytes");
    }
}

#[test]
fn rng_fills_a_buffer_that_crosses_pages() {
    let mut machine = Machine::new();
    let mut driver = rng(&mut machine);
    machine.start();
    driver.bring_up(&machine);
    let start = buffer(0) + 0xff0;
    driver.submit(&machine, 0, &[(start, 64, WRITE), (buffer(4), 5000, WRITE)]);
    assert_eq!(driver.wait_used(&machine, 0), (0, 4096));
    let mut bytes = [0; 64];
    machine.memory.read_slice(&mut bytes, GuestAddress(start)).unwrap();
    assert!(bytes.chunks(8).all(|chunk| chunk != [0; 8]), "{bytes:?}");
    assert!(machine.interrupted());
    assert_eq!(driver.take_interrupt(&machine), 1);
    assert!(!machine.interrupted());
}

#[test]
fn a_masked_interrupt_waits() {
    let mut machine = Machine::new();
    let mut driver = rng(&mut machine);
    machine.start();
    driver.bring_up(&machine);
    let command = machine.config(driver.slot, 4, 2);
    machine.set_config(driver.slot, 4, 2, command | 1 << 10);
    driver.submit(&machine, 0, &[(buffer(0), 8, WRITE)]);
    driver.wait_used(&machine, 0);
    machine.wait_for("the interrupt status bit", || machine.config(driver.slot, 6, 2) & 8 != 0);
    assert!(!machine.interrupted());
    machine.set_config(driver.slot, 4, 2, command);
    assert!(machine.interrupted());
}

#[test]
fn a_function_that_is_not_bus_master_leaves_memory_alone() {
    let mut machine = Machine::new();
    let mut driver = rng(&mut machine);
    machine.start();
    driver.bring_up(&machine);
    let command = machine.config(driver.slot, 4, 2);
    machine.set_config(driver.slot, 4, 2, command & !4);
    driver.submit(&machine, 0, &[(buffer(0), 8, WRITE)]);
    std::thread::sleep(Duration::from_millis(20));
    assert_eq!(driver::used(&machine, 0), 0);
    machine.set_config(driver.slot, 4, 2, command);
    driver.wait_used(&machine, 0);
}

#[test]
fn console_carries_bytes_both_ways() {
    let mut machine = Machine::new();
    let (writer, mut reader) = output_pipe(1 << 20);
    let mut port = None;
    let mut driver = machine.plug(|line| {
        let (console, transport, worker) = ConsolePort::attach(Box::new(writer), line);
        port = Some(console);
        (transport, worker)
    });
    let port = port.unwrap();
    machine.start();
    port.set_size(80, 25);
    driver.bring_up(&machine);
    assert_eq!(driver.device_config(&machine, 0, 4), 0x0019_0050);

    let text: Vec<u8> = (0..10_000u32).map(|n| n as u8).collect();
    machine.memory.write_slice(&text, GuestAddress(buffer(0))).unwrap();
    driver.submit(&machine, 1, &[(buffer(0), 1, READ), (buffer(0) + 1, 9_999, READ)]);
    assert_eq!(driver.wait_used(&machine, 1), (0, 0));
    let mut seen = vec![0; text.len()];
    reader.read_exact(&mut seen).unwrap();
    assert_eq!(seen, text);

    // Input before there is a buffer, and a buffer before there is input.
    assert_eq!(port.enqueue(b"hello"), 5);
    driver.submit(&machine, 0, &[(buffer(8), 3, WRITE)]);
    assert_eq!(driver.wait_used(&machine, 0), (0, 3));
    driver.submit(&machine, 0, &[(buffer(9), 100, WRITE)]);
    assert_eq!(driver.wait_used(&machine, 0), (0, 2));
    driver.submit(&machine, 0, &[(buffer(10), 100, WRITE)]);
    assert_eq!(port.enqueue(b"!"), 1);
    assert_eq!(driver.wait_used(&machine, 0), (0, 1));
    for (at, expected) in [(8, &b"hel"[..]), (9, b"lo"), (10, b"!")] {
        let mut bytes = vec![0; expected.len()];
        machine.memory.read_slice(&mut bytes, GuestAddress(buffer(at))).unwrap();
        assert_eq!(bytes, expected);
    }

    let generation = driver.common(&machine, 21, 1);
    driver.take_interrupt(&machine);
    port.set_size(100, 40);
    assert_eq!(driver.take_interrupt(&machine), 2);
    assert_eq!(driver.common(&machine, 21, 1), generation + 1);
    assert_eq!(port.enqueue(&vec![0; 100_000]), 65_536, "input is bounded");
}

#[test]
fn many_requests_wrap_around_the_rings() {
    let mut machine = Machine::new();
    let mut driver = rng(&mut machine);
    machine.start();
    driver.bring_up(&machine);
    for round in 0..u32::from(QUEUE_ENTRIES) * 5 {
        driver.submit(&machine, 0, &[(buffer(u64::from(round) % 16), round + 1, WRITE)]);
        assert_eq!(driver.wait_used(&machine, 0), (0, round + 1));
    }
    let stats = machine.stats(0);
    assert!(stats.kicks >= u64::from(QUEUE_ENTRIES) && stats.interrupts > 0, "{stats:?}");
    assert_eq!(stats.bad_requests, 0, "{stats:?}");
}

#[test]
fn a_reset_gives_the_queues_back_and_the_driver_can_start_over() {
    let mut machine = Machine::new();
    let mut driver = rng(&mut machine);
    machine.start();
    for _ in 0..3 {
        driver.bring_up(&machine);
        driver.submit(&machine, 0, &[(buffer(0), 8, WRITE)]);
        driver.wait_used(&machine, 0);
        driver.reset(&machine);
        assert!(!machine.interrupted());
    }
}

/// Each breaks the rng's queue in its own way, after which the device must say so and recover.
#[test]
fn broken_queues_stop_the_device_and_nothing_else() {
    type Breakage = (&'static str, fn(&mut Driver, &Machine));
    let breakages: [Breakage; 11] = [
        ("not all of it is memory", |driver, machine| {
            driver.bring_up_at(machine, BAD_ADDRESS, QUEUE_ENTRIES);
        }),
        ("not all of it is memory", |driver, machine| driver.bring_up_at(machine, !0xfff, QUEUE_ENTRIES)),
        ("alignment", |driver, machine| driver.bring_up_at(machine, buffer(0) + 1, QUEUE_ENTRIES)),
        ("size", |driver, machine| driver.bring_up_at(machine, buffer(0), 3)),
        ("size", |driver, machine| driver.bring_up_at(machine, buffer(0), 32768)),
        ("available ring index", |driver, machine| {
            driver.bring_up(machine);
            driver.set_available(machine, 0, 1000);
        }),
        ("loops", |driver, machine| {
            driver.bring_up(machine);
            driver.submit_raw(machine, 0, &[(buffer(0), 8, WRITE | 1, 0)]);
        }),
        ("leads out", |driver, machine| {
            driver.bring_up(machine);
            driver.submit_raw(machine, 0, &[(buffer(0), 8, WRITE | 1, 999)]);
        }),
        ("leads out", |driver, machine| {
            driver.bring_up(machine);
            // An indirect table of seven bytes.
            driver.submit_raw(machine, 0, &[(buffer(0), 7, 4, 0)]);
        }),
        ("readable buffer after", |driver, machine| {
            driver.bring_up(machine);
            driver.submit(machine, 0, &[(buffer(0), 8, WRITE), (buffer(1), 8, READ)]);
        }),
        ("no memory at", |driver, machine| {
            driver.bring_up(machine);
            driver.submit(machine, 0, &[(BAD_ADDRESS, 8, WRITE)]);
        }),
    ];
    for (reason, breakage) in breakages {
        let mut machine = Machine::new();
        let mut driver = rng(&mut machine);
        machine.start();
        breakage(&mut driver, &machine);
        machine.wait_for(reason, || driver.common(&machine, 20, 1) & 0x40 != 0);
        assert_eq!(driver.take_interrupt(&machine) & 2, 2, "{reason}");
        let stats = machine.stats(0);
        assert!(stats.last_bad.as_ref().is_some_and(|why| why.contains(reason)), "{reason}: {stats:?}");
        driver.reset(&machine);
        driver.bring_up(&machine);
        driver.submit(&machine, 0, &[(buffer(0), 8, WRITE)]);
        driver.wait_used(&machine, 0);
    }
}

#[test]
fn an_indirect_chain_longer_than_the_queue_is_refused() {
    let mut machine = Machine::new();
    let mut driver = rng(&mut machine);
    machine.start();
    driver.bring_up(&machine);
    let entries = u32::from(QUEUE_ENTRIES) + 1;
    for entry in 0..entries {
        let flags = if entry + 1 < entries { WRITE | 1 } else { WRITE };
        driver::descriptor(&machine, buffer(0), entry as u16, (buffer(2), 1, flags, entry as u16 + 1));
    }
    driver.submit_raw(&machine, 0, &[(buffer(0), entries * 16, 4, 0)]);
    machine.wait_for("a broken device", || driver.common(&machine, 20, 1) & 0x40 != 0);
    assert!(machine.stats(0).last_bad.unwrap().contains("longer than its queue"));
}

#[test]
fn notifying_a_queue_that_is_not_there_is_counted() {
    let mut machine = Machine::new();
    let driver = rng(&mut machine);
    machine.start();
    driver.enable_bar(&machine);
    driver.notify(&machine, 0);
    driver.notify(&machine, 7);
    let stats = machine.stats(0);
    assert_eq!((stats.kicks, stats.bad_requests), (1, 1), "{stats:?}");
    assert_eq!(driver.common(&machine, 20, 1), 0);
}

#[test]
fn workers_stop_whatever_they_are_doing() {
    let mut machine = Machine::new();
    let driver = rng(&mut machine);
    machine.start();
    machine.stop();
    // Without a worker a reset is immediate, and the registers still answer.
    driver.enable_bar(&machine);
    driver.reset(&machine);

    let mut machine = Machine::new();
    let mut driver = rng(&mut machine);
    machine.start();
    driver.bring_up(&machine);
    for _ in 0..QUEUE_ENTRIES {
        driver.submit(&machine, 0, &[(buffer(0), 4096, WRITE)]);
    }
    machine.stop();
    driver.reset(&machine);
}

/// A device that never returns from one request until it is told to.
struct Stubborn;

impl VirtioDevice for Stubborn {
    const ID: u16 = 42;
    const CLASS: [u8; 3] = [0xff, 0, 0];
    const NAME: &str = "stubborn";
    const QUEUES: &[u16] = &[8];

    fn serve<M: GuestMemory>(&mut self, _: usize, ring: &mut Ring<'_, M>) -> Result<(), QueueFault> {
        while !ring.halted() {
            std::thread::yield_now();
        }
        Ok(())
    }
}

#[test]
fn the_status_is_zero_only_once_the_worker_let_go() {
    let mut machine = Machine::new();
    let mut driver = machine.plug(|line: IrqLine| VirtioPci::new(Stubborn, line));
    machine.start();
    driver.bring_up(&machine);
    driver.submit(&machine, 0, &[(buffer(0), 8, WRITE)]);
    driver.reset(&machine);
    driver.bring_up(&machine);
    machine.stop();
}

#[test]
fn workers_are_threads_of_their_own() {
    fn is_send<T: Send>() {}
    fn is_shared<T: Send + Sync>() {}
    is_send::<WorkerThread>();
    is_send::<Worker<Console>>();
    is_shared::<Arc<VirtioPci>>();
    is_shared::<ConsolePort>();
}
