//! Every name that docs/vsphere.md leads to is there.

mod support;

use std::io::{Read, Write};
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::time::{Duration, Instant};
use support::{Place, SOON, create_idle, host};

fn read(path: &str) -> String {
    std::fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("../..").join(path)).unwrap()
}

/// The cells of a table's line, between its first bar and its last.
fn cells(line: &str) -> Vec<&str> {
    let cells: Vec<_> = line.split('|').map(str::trim).collect();
    cells[1..cells.len() - 1].to_vec()
}

/// What stands in backticks in the columns that are headed *Memtide* or *here*.
fn names(text: &str) -> Vec<&str> {
    let mut column = None;
    let mut names = Vec::new();
    for line in text.lines() {
        if !line.starts_with('|') {
            column = None;
            continue;
        }
        let cells = cells(line);
        match column {
            None => column = cells.iter().position(|cell| ["Memtide", "here"].contains(cell)),
            Some(column) => names.extend(cells[column].split('`').skip(1).step_by(2)),
        }
    }
    names
}

/// The metrics of a host whose VM was measured.
fn metrics(place: &Place) -> String {
    let deadline = Instant::now() + SOON;
    loop {
        let metrics = scrape(place);
        if metrics.contains("memtide_vm_vcpus{") {
            return metrics;
        }
        assert!(Instant::now() < deadline, "no VM is measured: {metrics}");
        std::thread::sleep(Duration::from_millis(100));
    }
}

fn scrape(place: &Place) -> String {
    let mut socket = UnixStream::connect(place.path().join("memtide/host.socket")).unwrap();
    socket.write_all(b"GET /metrics HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n").unwrap();
    let mut answer = String::new();
    socket.read_to_string(&mut answer).unwrap();
    answer
}

#[test]
fn every_name_is_there() {
    let place = Place::new();
    let _host = host(&place, "256MiB", &[]);
    create_idle(&place, "web", &["--start"]);
    let (text, interface, metrics) = (read("docs/vsphere.md"), read("docs/openapi.json"), metrics(&place));
    let settings = place.tell(&["settings"]);
    let options = place.tell(&["create", "--help"]);
    let names = names(&text);
    assert!(names.len() > 100, "{names:?}");
    for name in names {
        let there = if let Some(verb) = name.strip_prefix("memtide ") {
            place.ask(&[verb.split(' ').collect(), vec!["--help"]].concat()).status.success()
        } else if name.starts_with("memtide_") {
            metrics.contains(&format!("\n{name}{{")) || metrics.contains(&format!("\n{name} "))
        } else if name.starts_with("--") {
            options.contains(&format!("{name} "))
        } else if name.starts_with("Mem.") {
            settings.contains(&format!("{name} "))
        } else {
            interface.contains(&format!("\"{name}\""))
        };
        assert!(there, "docs/vsphere.md names `{name}`, which is not there");
    }
}
