//! A host that is killed while much is changed: whatever was answered is kept, and nothing is half of one change and half
//! of another.

mod support;

use rustix::process::Signal;
use serde_json::{Value, json};
use std::io::{BufRead, BufReader, Read, Write};
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::thread;
use std::time::Duration;
use support::{Place, SOON, create_idle, host};

const ROUNDS: u32 = 8;

/// Sends a request; gives the status, or `None` if the host is gone before it has answered.
fn send(connection: &mut BufReader<UnixStream>, method: &str, path: &str, body: &Value) -> Option<u16> {
    let body = body.to_string();
    let head =
        format!("{method} {path} HTTP/1.1\r\nhost: localhost\r\ncontent-length: {}\r\n\r\n", body.len());
    connection.get_mut().write_all((head + &body).as_bytes()).ok()?;
    let mut line = String::new();
    connection.read_line(&mut line).ok()?;
    let status = line.split(' ').nth(1)?.parse().ok()?;
    let mut length = 0;
    while line != "\r\n" {
        line.clear();
        if connection.read_line(&mut line).ok()? == 0 {
            return None;
        }
        if let Some(value) = line.to_ascii_lowercase().strip_prefix("content-length: ") {
            length = value.trim().parse().ok()?;
        }
    }
    connection.read_exact(&mut vec![0; length]).ok()?;
    Some(status)
}

/// Something with two fields that a change always sets both of, to figures that belong together.
struct Pair {
    path: &'static str,
    /// What a change is, by its number.
    change: fn(u64) -> Value,
    /// The numbers of the change that the two fields are of.
    read: fn(&Place) -> [u64; 2],
    /// The last change that was answered, and the last that was sent.
    answered: u64,
    sent: u64,
}

const PAGE: u64 = 4096;
/// So that any change's limit is above any reservation.
const LEAST: u64 = 32 << 20;

fn controls(number: u64) -> Value {
    json!({"shares": number + 1, "limit_bytes": LEAST + number * PAGE})
}

fn numbers(of: &Value) -> [u64; 2] {
    let shares = of["shares"].as_u64().unwrap_or_else(|| panic!("{of}"));
    [shares - 1, (of["limit_bytes"].as_u64().unwrap() - LEAST) / PAGE]
}

/// Settings take no great numbers; changes that follow each other are told apart all the same.
const SETTINGS: u64 = 50;

fn pairs() -> [Pair; 3] {
    let read_settings = |place: &Place| {
        ["Mem.IdleTax", "Mem.CtlMaxPercent"]
            .map(|name| place.json(&["settings", name])["value"].as_u64().unwrap())
    };
    let read_pool = |place: &Place| {
        let pools = place.json(&["pool", "ls"]);
        numbers(pools.as_array().unwrap().iter().find(|pool| pool["name"] == "lab").unwrap())
    };
    let settings = |number| json!({"Mem.IdleTax": number % SETTINGS, "Mem.CtlMaxPercent": number % SETTINGS});
    let pair = |path, change, read| Pair { path, change, read, answered: 0, sent: 0 };
    [
        pair("/v1/vms/web", controls, |place| numbers(&place.json(&["info", "web"]))),
        pair("/v1/pools/lab", controls, read_pool),
        pair("/v1/settings", settings, read_settings),
    ]
}

impl Pair {
    /// Changes it until the host is gone.
    fn storm(&mut self, socket: &Path) {
        let Ok(connection) = UnixStream::connect(socket) else { return };
        let mut connection = BufReader::new(connection);
        loop {
            self.sent += 1;
            match send(&mut connection, "PATCH", self.path, &(self.change)(self.sent)) {
                Some(200) => self.answered = self.sent,
                Some(status) => panic!("{} answers {status}", self.path),
                None => return,
            }
        }
    }

    /// It is as the last change that was answered left it, or the one that was not.
    fn check(&mut self, place: &Place) {
        let now = (self.read)(place);
        let modulus = if self.path == "/v1/settings" { SETTINGS } else { u64::MAX };
        assert_eq!(now[0], now[1], "{} is half of one change and half of another", self.path);
        let may = [self.answered % modulus, self.sent % modulus];
        assert!(may.contains(&now[0]), "{}: {} is none of {may:?}", self.path, now[0]);
        if now[0] == self.sent % modulus {
            self.answered = self.sent;
        }
    }
}

/// Makes resource pools and removes every other one until the host is gone; gives what must be there, and what may.
fn come_and_go(socket: &Path, round: u32) -> (Vec<String>, Option<String>) {
    let mut there = Vec::new();
    let Ok(connection) = UnixStream::connect(socket) else { return (there, None) };
    let mut connection = BufReader::new(connection);
    for number in 0.. {
        let name = format!("p{round}-{number}");
        match send(&mut connection, "POST", "/v1/pools", &json!({"name": name})) {
            Some(201) if number % 2 == 0 => there.push(name),
            Some(201) => {
                let removed = send(&mut connection, "DELETE", &format!("/v1/pools/{name}"), &json!({}));
                if removed != Some(204) {
                    assert_eq!(removed, None);
                    return (there, Some(name));
                }
            }
            Some(status) => panic!("a pool is answered with {status}"),
            None => return (there, Some(name)),
        }
    }
    unreachable!("numbers have no end")
}

#[test]
fn what_was_answered_outlives_a_host_that_is_killed_whenever() {
    let place = Place::new();
    let mut running = host(&place, "128MiB", &[]);
    create_idle(&place, "web", &[]);
    place.tell(&["pool", "create", "lab"]);
    let socket = place.path().join("memtide/host.socket");
    assert!(socket.exists(), "{}", running.said());
    let mut pairs = pairs();
    let mut connection = BufReader::new(UnixStream::connect(&socket).unwrap());
    for pair in &pairs {
        assert_eq!(send(&mut connection, "PATCH", pair.path, &(pair.change)(0)), Some(200));
    }
    let mut must = vec!["lab".to_owned()];
    for round in 0..ROUNDS {
        let (more, may) = thread::scope(|scope| {
            for pair in &mut pairs {
                scope.spawn(|| pair.storm(&socket));
            }
            let pools = scope.spawn(|| come_and_go(&socket, round));
            thread::sleep(Duration::from_millis(150 + 37 * u64::from(round)));
            running.signal(Signal::KILL);
            running.end(SOON);
            pools.join().unwrap()
        });
        must.extend(more);
        running = host(&place, "128MiB", &[]);
        for pair in &mut pairs {
            pair.check(&place);
        }
        let listed = place.json(&["pool", "ls"]);
        let there: Vec<&str> =
            listed.as_array().unwrap().iter().map(|pool| pool["name"].as_str().unwrap()).collect();
        for name in &must {
            assert!(there.contains(&name.as_str()), "{name} was answered, and is lost");
        }
        for name in there {
            if !must.iter().any(|known| known == name) {
                assert_eq!(Some(name), may.as_deref(), "it was removed, or never asked for");
                // Whoever reads this as success may have it.
                must.push(name.to_owned());
            }
        }
        place.tell(&["audit"]);
    }
    assert!(pairs.iter().all(|pair| pair.sent > u64::from(ROUNDS)), "there was no storm");
}
