//! A person at a terminal and a Debian guest's shell.

mod support;

use rustix::process::Signal;
use std::io::Write;
use std::process::Command;
use std::time::Duration;
use support::terminal::OnTerminal;
use support::{Place, SOON, guest, host};

/// How long a guest may take to boot on a busy machine.
const BOOT: Duration = Duration::from_mins(3);
const APPEND: &str = "console=ttyS0 quiet cryptomgr.notests no4lvl";
/// What a pipe takes that nobody reads.
const PIPE: usize = 1 << 16;
const CTRL_C: &str = "\x03";
const ESCAPE: &str = "\x1d";

/// Has the guest's shell say something that was not typed.
#[track_caller]
fn talk(terminal: &mut OnTerminal, number: u32) {
    terminal.type_in(&format!("echo it is $(({number} + 1))\n"));
    terminal.program.expect(&format!("it is {}", number + 1), SOON);
}

#[test]
fn a_person_talks_with_a_vm_in_the_foreground_and_its_monitor() {
    let Some([image, initrd]) = guest() else { return };
    let place = Place::new();
    let args = ["run", "--kernel", &image, "--initrd", &initrd, "--memory", "128MiB", "--append", APPEND];
    let mut terminal = OnTerminal::start(place.memtide(&args));
    terminal.program.expect("Ctrl-] leads to the monitor", SOON);
    assert!(terminal.is_raw());
    terminal.program.expect("memtide: shell ready", BOOT);
    talk(&mut terminal, 100);
    terminal.type_in(CTRL_C);
    talk(&mut terminal, 200);

    terminal.type_in(ESCAPE);
    terminal.program.expect("vm1> ", SOON);
    assert!(!terminal.is_raw(), "lines are edited and echoed");
    terminal.type_in("info\n");
    terminal.program.expect("machine memory", SOON);
    terminal.type_in("quit\n");
    terminal.becomes_raw();
    talk(&mut terminal, 300);

    terminal.program.signal(Signal::TERM);
    assert_eq!(terminal.program.end(SOON).code(), Some(143), "{}", terminal.program.said());
    assert!(terminal.is_as_found());
}

#[test]
fn a_person_talks_with_a_vm_of_the_host() {
    let Some([image, initrd]) = guest() else { return };
    let place = Place::new();
    let mut host = host(&place, "256MiB", &[]);
    let web = ["create", "web", "--kernel", &image, "--initrd", &initrd, "--memory", "128MiB"];
    place.tell(&[&web[..], &["--append", APPEND, "--start"]].concat());
    let console = |place: &Place| -> Command { place.memtide(&["console", "web"]) };

    let mut terminal = OnTerminal::start(console(&place));
    terminal.program.expect("the console of web; Ctrl-] leaves it", SOON);
    terminal.becomes_raw();
    terminal.program.expect("memtide: shell ready", BOOT);
    talk(&mut terminal, 100);
    terminal.type_in(CTRL_C);
    talk(&mut terminal, 200);
    terminal.type_in(ESCAPE);
    assert!(terminal.program.end(SOON).success(), "{}", terminal.program.said());
    assert!(terminal.is_as_found());
    assert_eq!(place.json(&["info", "web"])["power"], "running", "it runs on");

    let again = || {
        let terminal = OnTerminal::start(console(&place));
        terminal.program.expect("it is 201", SOON);
        assert!(terminal.is_raw());
        terminal
    };
    for signal in [Signal::INT, Signal::TERM, Signal::HUP] {
        let mut terminal = again();
        terminal.program.signal(signal);
        assert!(terminal.program.end(SOON).success(), "{}", terminal.program.said());
        assert!(terminal.is_as_found(), "after {signal:?}");
    }

    // Somebody who reads no further, and somebody who does not read at all.
    let (reader, output) = std::io::pipe().unwrap();
    drop(reader);
    let mut closed = OnTerminal::start_with(console(&place), Some(output.into()));
    assert!(closed.program.end(SOON).success(), "{}", closed.program.said());
    assert!(closed.is_as_found(), "after its output was closed");
    let (_reader, mut output) = std::io::pipe().unwrap();
    output.write_all(&vec![b'.'; PIPE]).unwrap();
    let mut stopped = OnTerminal::start_with(console(&place), Some(output.into()));
    stopped.becomes_raw();
    for _ in 0..2 {
        stopped.program.signal(Signal::TERM);
        std::thread::sleep(Duration::from_millis(500));
    }
    // 0 only if the first one came before it wrote.
    assert!(matches!(stopped.program.end(SOON).code(), Some(0 | 143)), "{}", stopped.program.said());
    assert!(stopped.is_as_found(), "after its output was stopped");

    let mut left = OnTerminal::start(console(&place));
    left.becomes_raw();
    host.signal(Signal::TERM);
    assert!(host.end(SOON).success(), "{}", host.said());
    left.program.end(SOON);
    assert!(left.is_as_found(), "after the host has ended");
    let mut nowhere = OnTerminal::start(console(&place));
    assert_eq!(nowhere.program.end(SOON).code(), Some(4));
    assert!(nowhere.is_as_found(), "where no host is");
}
