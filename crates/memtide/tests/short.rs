//! A host whose reads and writes of files are all short, as Linux may have any of them be: what it reads and keeps is what it would be
//! otherwise.
//!
//! A small library that is loaded before the C library makes them short. It does not reach calls that go past the C library, as those of swap
//! files do. Of sockets nothing is: there a short read says that no more has come (epoll(7)).

mod support;

use kernels::skipped;
use rustix::process::Signal;
use std::path::PathBuf;
use std::process::{Command, Stdio};
use support::{Place, Running, SOON, create_idle, text};

const SOURCE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/short/short.c");

/// The library, made in `place`; `None`, and a word about it, if it cannot be.
fn library(place: &Place) -> Option<PathBuf> {
    let library = place.path().join("short.so");
    let made = Command::new("cc").args(["-shared", "-fPIC", "-O1", "-o"]).arg(&library).arg(SOURCE).output();
    match made {
        Ok(made) if made.status.success() => return Some(library),
        Ok(made) => skipped(&format!("cc cannot make a library: {}", text(&made.stderr))),
        Err(error) => skipped(&format!("cc: {error}")),
    }
    None
}

fn short_host(place: &Place, library: &PathBuf) -> Running {
    let state = place.path().join("state");
    let args = ["host", "--machine-memory", "192MiB", "--resume", "--state", state.to_str().unwrap()];
    let mut host = place.memtide(&args);
    host.env("LD_PRELOAD", library).stdout(Stdio::piped()).stderr(Stdio::piped());
    let host = Running::new(host.spawn().unwrap());
    host.expect("the host is ready", SOON);
    let maps = std::fs::read_to_string(format!("/proc/{}/maps", host.child.id())).unwrap();
    assert!(maps.contains("short.so"), "the library is loaded");
    host
}

#[test]
fn a_host_whose_reads_and_writes_are_short_does_the_same() {
    let place = Place::new();
    let Some(library) = library(&place) else { return };
    let mut running = short_host(&place, &library);
    // A kernel of 4096 bytes, in three at a time.
    create_idle(&place, "web", &["--shares", "1000", "--start"]);
    place.tell(&["set", "web", "--shares", "2000"]);
    place.tell(&["pool", "create", "pool", "--shares", "3000"]);
    place.tell(&["settings", "Mem.IdleTax", "60"]);
    place.tell(&["token", "create", "me"]);
    place.tell(&["audit"]);
    running.signal(Signal::TERM);
    assert!(running.end(SOON).success(), "{}", running.said());
    let _host = short_host(&place, &library);
    let deadline = std::time::Instant::now() + SOON;
    while place.json(&["info", "web"])["power"] != "running" {
        assert!(std::time::Instant::now() < deadline, "it does not start again");
    }
    assert_eq!(place.json(&["info", "web"])["shares"], 2000);
    assert_eq!(place.json(&["pool", "ls"])[0]["shares"], 3000);
    assert_eq!(place.json(&["settings", "Mem.IdleTax"])["value"], 60);
    assert_eq!(place.json(&["token", "ls"])[0]["name"], "me");
    let log = std::fs::read_to_string(place.path().join("state/audit-log.jsonl")).unwrap();
    for line in log.lines() {
        serde_json::from_str::<serde_json::Value>(line).unwrap_or_else(|error| panic!("{error}: {line}"));
    }
    assert!(log.lines().count() >= 5, "{log}");
}
