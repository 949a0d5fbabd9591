//! `memtide top`, on a terminal and for programs.

mod support;

use rustix::process::Signal;
use std::io::{BufRead, BufReader};
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};
use support::terminal::OnTerminal;
use support::{Place, Running, SOON, create_idle, host};

/// The program in a session of its own, so that no other terminal but the one it is on tells it a size.
fn top(place: &Place, color: bool) -> Command {
    let program = place.memtide(&[]);
    let mut command = Command::new("setsid");
    command.arg(program.get_program()).args(["top", "--interval", "1"]);
    command.env("TERM", "xterm-256color");
    for (name, value) in program.get_envs() {
        match value {
            Some(value) => command.env(name, value),
            None => command.env_remove(name),
        };
    }
    if color {
        command.env_remove("NO_COLOR")
    } else {
        command.env("NO_COLOR", "1")
    };
    command
}

fn host_with_vms(place: &Place) -> Running {
    let host = host(place, "128MiB", &[]);
    create_idle(place, "db", &["--start"]);
    create_idle(place, "web", &["--start"]);
    let begin = Instant::now();
    // Measured once a second.
    while place.json(&["top", "--count", "1"])["vms"].as_array().unwrap().len() < 2 {
        assert!(begin.elapsed() < SOON, "they are not measured");
        thread::sleep(Duration::from_millis(50));
    }
    host
}

/// On another terminal, once it shows what it should.
fn shown(place: &Place, color: bool) -> OnTerminal {
    let terminal = OnTerminal::start(top(place, color));
    terminal.program.expect("CONSUMED", SOON);
    terminal.program.expect("web", SOON);
    assert!(terminal.is_raw());
    terminal
}

#[test]
fn a_person_looks_around_while_the_host_goes_and_returns() {
    let place = Place::new();
    let mut first = host_with_vms(&place);
    let mut terminal = shown(&place, false);
    // Words stand beside each other; what is between them may be movements of the cursor.
    for (keys, word) in
        [("?", "another"), ("x", ""), ("\r", "targets"), ("e", "scroll"), ("x", ""), ("\t", "LEFT")]
    {
        terminal.type_in(keys);
        terminal.program.expect(word, SOON);
    }
    terminal.type_in("\t");
    assert!(!terminal.program.said().contains("GRANTED"), "{}", terminal.program.said());
    terminal.resize(140, 40);
    terminal.program.expect("GRANTED", SOON);

    first.signal(Signal::KILL);
    first.end(SOON);
    terminal.program.expect("GONE", SOON);
    let _second = host(&place, "128MiB", &[]);
    terminal.program.expect("BACK", SOON);
    assert!(!terminal.program.said().contains("\x1b[38;5;"), "no color is wanted");
    terminal.type_in("q");
    assert!(terminal.program.end(SOON).success(), "{}", terminal.program.said());
    assert!(terminal.is_as_found());
    terminal.program.expect("\x1b[?1049l", SOON);
}

#[test]
fn the_terminal_is_given_back_whatever_ends_it() {
    let place = Place::new();
    let mut host = host_with_vms(&place);
    for signal in [Signal::INT, Signal::TERM, Signal::HUP] {
        let mut terminal = shown(&place, true);
        terminal.program.signal(signal);
        assert!(terminal.program.end(SOON).success(), "{}", terminal.program.said());
        assert!(terminal.is_as_found(), "after {signal:?}");
        terminal.program.expect("\x1b[?25h", SOON);
        terminal.program.expect("\x1b[38;5;", SOON);
    }
    let mut terminal = shown(&place, true);
    terminal.type_in("\x03");
    assert!(terminal.program.end(SOON).success());
    assert!(terminal.is_as_found());
    host.signal(Signal::TERM);
    host.end(SOON);
    let mut nowhere = OnTerminal::start(top(&place, true));
    assert_eq!(nowhere.program.end(SOON).code(), Some(4), "{}", nowhere.program.said());
    assert!(nowhere.is_as_found() && nowhere.program.said().contains("no host answers"));
}

#[test]
fn csv_has_a_row_for_each_vm_and_time() {
    let place = Place::new();
    let _host = host_with_vms(&place);
    let csv = place.tell(&["top", "--batch", "--interval", "1", "--count", "3", "-o", "csv"]);
    let rows: Vec<Vec<&str>> = csv.lines().map(|line| line.split(',').collect()).collect();
    assert_eq!(rows.len(), 1 + 3 * 2, "{csv}");
    let column = |title: &str| rows[0].iter().position(|column| *column == title).expect(title);
    let names: Vec<&str> = rows[1..].iter().map(|row| row[column("name")]).collect();
    assert_eq!(names, ["db", "web", "db", "web", "db", "web"]);
    for row in &rows[1..] {
        assert_eq!(row[column("size_bytes")], (64 << 20).to_string());
        assert!(row[column("consumed_bytes")].parse::<u64>().is_ok(), "{row:?}");
    }
    let at = column("at_milliseconds");
    let times: Vec<u64> = rows[1..].iter().map(|row| row[at].parse().unwrap()).collect();
    assert!(times.is_sorted() && times[0] < times[5], "{times:?}");
    let text = place.tell(&["top", "--interval", "1", "--count", "2"]);
    assert_eq!(text.matches(": closes\n").count(), 2, "{text}");
}

/// Reports once a minute, after the first has come.
fn reporting(place: &Place) -> (Child, BufReader<std::process::ChildStdout>) {
    let mut command = place.memtide(&["top", "--batch", "--interval", "60", "-o", "csv"]);
    let mut child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    let mut output = BufReader::new(child.stdout.take().unwrap());
    for _ in 0..3 {
        output.read_line(&mut String::new()).unwrap();
    }
    (child, output)
}

#[test]
fn batches_end_at_once_and_well_when_nobody_wants_more() {
    let place = Place::new();
    let _host = host_with_vms(&place);
    let begin = Instant::now();
    for signal in [Signal::INT, Signal::TERM] {
        let (child, _output) = reporting(&place);
        let mut reporting = Running::new(child);
        reporting.signal(signal);
        assert_eq!(reporting.end(SOON).code(), Some(0), "{signal:?}");
    }
    let (child, output) = reporting(&place);
    drop(output);
    assert_eq!(Running::new(child).end(SOON).code(), Some(0), "after its reader left");
    assert!(begin.elapsed() < SOON);
}
