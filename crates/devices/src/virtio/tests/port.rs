//! A named port against a driver, and drivers that do not keep to the protocol.

use super::driver::{Driver, Machine, READ, WRITE, buffer};
use crate::virtio::{NamedPort, PortDevice, Silence, VirtioDevice};
use std::time::{Duration, Instant};
use vm_memory::{Bytes, GuestAddress};

const RECEIVE: usize = 0;
const TRANSMIT: usize = 1;
const CONTROL_RECEIVE: usize = 2;
const CONTROL_TRANSMIT: usize = 3;

/// Events of control messages.
const DEVICE_READY: u16 = 0;
const PORT_ADD: u16 = 1;
const PORT_READY: u16 = 3;
const PORT_OPEN: u16 = 6;
const PORT_NAME: u16 = 7;

struct Bench {
    machine: Machine,
    driver: Driver,
    port: NamedPort,
}

impl Bench {
    fn new() -> Self {
        let mut machine = Machine::new();
        let mut port = None;
        let driver = machine.plug(|line| {
            let (named, transport, worker) = NamedPort::attach("org.example.test", line);
            port = Some(named);
            (transport, worker)
        });
        machine.start();
        let mut bench = Self { machine, driver, port: port.unwrap() };
        bench.driver.bring_up(&bench.machine);
        bench
    }

    /// Sends a control message.
    fn control(&mut self, port: u32, event: u16, value: u16) {
        let mut message = port.to_le_bytes().to_vec();
        message.extend([event, value].into_iter().flat_map(u16::to_le_bytes));
        self.send(CONTROL_TRANSMIT, &message);
    }

    fn send(&mut self, queue: usize, bytes: &[u8]) {
        self.machine.memory.write_slice(bytes, GuestAddress(buffer(0))).unwrap();
        self.driver.submit(&self.machine, queue, &[(buffer(0), bytes.len() as u32, READ)]);
        assert_eq!(self.driver.wait_used(&self.machine, queue), (0, 0));
    }

    /// Gives the device a buffer, and takes what comes in it.
    fn take(&mut self, queue: usize, room: u32) -> Vec<u8> {
        self.driver.submit(&self.machine, queue, &[(buffer(20), room, WRITE)]);
        let (_, count) = self.driver.wait_used(&self.machine, queue);
        let mut bytes = vec![0; count as usize];
        self.machine.memory.read_slice(&mut bytes, GuestAddress(buffer(20))).unwrap();
        bytes
    }

    /// Does what a driver does until a program has the port open.
    fn open(&mut self) {
        self.control(!0, DEVICE_READY, 1);
        assert_eq!(self.take(CONTROL_RECEIVE, 64), message(PORT_ADD, b""));
        self.control(0, PORT_READY, 1);
        assert_eq!(self.take(CONTROL_RECEIVE, 64), message(PORT_NAME, b"org.example.test"));
        assert_eq!(self.take(CONTROL_RECEIVE, 64), message(PORT_OPEN, b""));
        assert!(!self.port.is_open());
        self.control(0, PORT_OPEN, 1);
        assert!(self.port.is_open());
    }

    fn bad_requests(&self) -> u64 {
        self.machine.stats(0).bad_requests
    }
}

fn message(event: u16, name: &[u8]) -> Vec<u8> {
    let head = [0, 0, event, 1].into_iter().flat_map(u16::to_le_bytes);
    head.chain(name.iter().copied()).collect()
}

fn soon() -> Instant {
    Instant::now() + Duration::from_secs(10)
}

#[test]
fn a_program_finds_the_port_by_name_and_talks() {
    let mut bench = Bench::new();
    assert_eq!(bench.driver.device_config(&bench.machine, 4, 4), 1, "one port");
    bench.open();
    let port = bench.port.clone();
    bench.send(TRANSMIT, b"said to nobody");
    let talk = port.talk();
    assert_eq!(talk.say(b"hello"), 5);
    assert_eq!(bench.take(RECEIVE, 3), b"hel");
    assert_eq!(bench.take(RECEIVE, 100), b"lo");
    bench.send(TRANSMIT, b"good day");
    let mut bytes = [0; 5];
    assert_eq!((talk.hear(&mut bytes, soon()), &bytes[..]), (Ok(5), &b"good "[..]));
    assert_eq!((talk.hear(&mut bytes, soon()), &bytes[..3]), (Ok(3), &b"day"[..]));
    assert_eq!(talk.hear(&mut bytes, Instant::now()), Err(Silence::Late));
    assert_eq!(bench.bad_requests(), 0);
}

#[test]
fn nothing_is_left_of_a_talk() {
    let mut bench = Bench::new();
    bench.open();
    let port = bench.port.clone();
    let talk = port.talk();
    talk.say(b"not taken");
    bench.send(TRANSMIT, b"not heard");
    drop(talk);
    let talk = port.talk();
    assert_eq!(talk.hear(&mut [0; 10], Instant::now()), Err(Silence::Late));
    talk.say(b"taken");
    assert_eq!(bench.take(RECEIVE, 100), b"taken");
}

#[test]
fn talks_wait_for_their_turn_and_end_with_the_guest() {
    let mut bench = Bench::new();
    bench.open();
    let port = bench.port.clone();
    let first = port.talk();
    let other = bench.port.clone();
    let second = std::thread::spawn(move || other.talk().hear(&mut [0; 10], soon()));
    drop(first);
    // Closed by the program, or by the driver's reset: there is nobody to hear.
    bench.control(0, PORT_OPEN, 0);
    assert_eq!(second.join().unwrap(), Err(Silence::HungUp));
    bench.control(0, PORT_OPEN, 1);
    assert!(port.is_open());
    bench.driver.reset(&bench.machine);
    assert!(!port.is_open());
    assert_eq!(port.talk().hear(&mut [0; 10], soon()), Err(Silence::HungUp));
    bench.driver.bring_up(&bench.machine);
    bench.open();
    port.hang_up();
    assert!(!port.is_open());
    assert_eq!(port.talk().hear(&mut [0; 10], soon()), Err(Silence::HungUp));
}

#[test]
fn a_flood_is_cut_off() {
    let mut bench = Bench::new();
    bench.open();
    let port = bench.port.clone();
    let talk = port.talk();
    for _ in 0..20 {
        bench.send(TRANSMIT, &[b'x'; 4096]);
    }
    assert_eq!(bench.bad_requests(), 4, "16 of 20 have room");
    let mut bytes = vec![0; 1 << 20];
    assert_eq!(talk.hear(&mut bytes, soon()), Ok(65_536));
    assert_eq!(talk.say(&vec![b'x'; 100_000]), 65_536, "nor can the host say more");
}

#[test]
fn nonsense_is_counted_and_told_messages_wait_once() {
    let mut bench = Bench::new();
    for (port, event, value) in [(0, DEVICE_READY, 0), (1, PORT_READY, 1), (7, PORT_OPEN, 1), (0, 99, 1)] {
        bench.control(port, event, value);
    }
    bench.send(CONTROL_TRANSMIT, b"short");
    bench.control(0, PORT_OPEN, 2);
    assert_eq!(bench.bad_requests(), 6);
    assert!(!bench.port.is_open());
    for _ in 0..100 {
        bench.control(0, PORT_READY, 1);
        bench.control(!0, DEVICE_READY, 1);
    }
    let told: Vec<_> = (0..3).map(|_| bench.take(CONTROL_RECEIVE, 64)).collect();
    assert_eq!(
        told,
        [message(PORT_NAME, b"org.example.test"), message(PORT_OPEN, b""), message(PORT_ADD, b"")]
    );
    // There is no fourth; and one for which there is no room is lost, with a word about it.
    bench.control(0, PORT_READY, 1);
    assert_eq!(bench.take(CONTROL_RECEIVE, 10).len(), 10);
    assert_eq!(bench.bad_requests(), 7);
}

#[test]
fn a_driver_that_knows_no_ports_is_left_alone() {
    let mut bench = Bench::new();
    bench.driver.bring_up_with(&bench.machine, 0);
    bench.send(TRANSMIT, b"as a console would");
    assert!(!bench.port.is_open());
    assert_eq!(PortDevice::FEATURES, 2);
}
