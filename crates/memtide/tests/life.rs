//! How a VM begins and ends, and what can be asked of it meanwhile; with guests of a few instructions.

mod support;

use kernels::reset;
use rustix::process::Signal;
use std::time::Duration;
use support::terminal::OnTerminal;
use support::{A0, A7, ECALL, ILLEGAL, Place, SOON, load};

#[test]
fn the_exit_status_says_how_the_guest_ended() {
    let place = Place::new();
    let (shutdown, reboot) = (0, 1);
    for (kind, reason, status, words) in [
        (shutdown, 0, 0, "powered off"),
        (reboot, 0, 10, "asked for a reboot"),
        (shutdown, 1, 11, "reported a failure"),
    ] {
        let image = place.file("Image", &kernels::image(&reset(kind, reason)));
        let mut vm =
            place.run(&["--kernel", image.to_str().unwrap(), "--memory", "64MiB", "--on-reboot", "stop"]);
        assert_eq!(vm.end(SOON).code(), Some(status), "{}", vm.said());
        vm.expect(words, SOON);
    }
    assert_eq!(place.tell(&["ls"]).lines().count(), 1, "nothing is left");
}

#[test]
fn a_guest_that_reboots_runs_anew_and_can_be_stopped_all_the_same() {
    let place = Place::new();
    let print = [load(A7, 1), load(A0, u32::from(b'~')), ECALL];
    let image = place.file("Image", &kernels::image(&[&print[..], &reset(1, 0)].concat()));
    let mut vm = place.run(&["--kernel", image.to_str().unwrap(), "--memory", "64MiB", "--name", "again"]);
    let deadline = std::time::Instant::now() + SOON;
    while vm.said().matches('~').count() < 4 || vm.said().matches("again reboots").count() < 4 {
        assert!(std::time::Instant::now() < deadline, "{}", vm.said());
        std::thread::sleep(Duration::from_millis(10));
    }
    vm.signal(Signal::TERM);
    let status = vm.end(SOON).code();
    assert!(matches!(status, Some(10 | 143)), "{status:?}: {}", vm.said());
}

#[test]
fn what_the_guest_prints_comes_out_to_the_last_byte() {
    let place = Place::new();
    let print = |letter: u8| [load(A7, 1), load(A0, u32::from(letter)), ECALL];
    let mut code: Vec<u32> = b"tide\n".iter().flat_map(|&letter| print(letter)).collect();
    code.extend(reset(0, 0));
    let image = place.file("Image", &kernels::image(&code));
    let output = place.ask(&["run", "--kernel", image.to_str().unwrap(), "--memory", "64MiB"]);
    assert_eq!(support::text(&output.stdout), "tide\n");
}

#[test]
fn signals_stop_a_vm_in_order() {
    let place = Place::new();
    for (signal, status) in [(Signal::INT, 130), (Signal::TERM, 143), (Signal::HUP, 129)] {
        let mut vm = place.idle("vm");
        vm.signal(signal);
        assert_eq!(vm.end(SOON).code(), Some(status), "{}", vm.said());
        assert!(!place.path().join("memtide/vm.sock").exists());
    }
}

#[test]
fn a_killed_vm_leaves_its_name_free() {
    let place = Place::new();
    let mut vm = place.idle("vm");
    vm.signal(Signal::KILL);
    vm.end(SOON);
    assert!(place.path().join("memtide/vm.sock").exists(), "nobody could clean up");
    assert_eq!(place.tell(&["ls"]).lines().count(), 1);
    assert!(!place.path().join("memtide/vm.sock").exists());
    drop(place.idle("vm"));
}

#[test]
fn vms_without_a_name_get_the_first_free_one() {
    let place = Place::new();
    let image = place.file("Image", &kernels::waiting());
    let run = || place.run(&["--kernel", image.to_str().unwrap(), "--memory", "64MiB"]);
    let mut first = run();
    place.wait_until_there("vm1");
    let _second = run();
    place.wait_until_there("vm2");
    assert_eq!(place.json(&["ls"]).as_array().unwrap().len(), 2);
    assert!(place.tell(&["stop", "vm1"]).contains("vm1"));
    assert_eq!(first.end(SOON).code(), Some(12));
    let _third = run();
    place.wait_until_there("vm1");
    let picture = place.tell(&["map"]);
    assert!(picture.contains("vm1, CPU 0") && picture.contains("vm2, CPU 0"), "{picture}");
}

#[test]
fn a_guest_that_only_faults_is_reported_once_and_can_be_stopped() {
    let place = Place::new();
    let image = place.file("Image", &kernels::image(&[ILLEGAL]));
    let mut vm = place.run(&["--kernel", image.to_str().unwrap(), "--memory", "64MiB", "--name", "lost"]);
    vm.expect("warning: lost: CPU 0 does nothing but fault", SOON);
    let trouble = place.json(&["info", "lost"])["trouble"].clone();
    assert!(trouble.as_str().is_some_and(|words| words.contains("fault at pc 0x0")), "{trouble}");
    std::thread::sleep(Duration::from_secs(1));
    assert_eq!(vm.said().matches("warning").count(), 1, "{}", vm.said());
    place.tell(&["stop"]);
    assert_eq!(vm.end(SOON).code(), Some(12));
}

#[test]
fn everything_can_be_asked_of_a_running_vm() {
    let place = Place::new();
    let _vm = place.idle("vm");
    let info = place.json(&["info"]);
    assert_eq!(info["memory_bytes"], 64 << 20);
    assert_eq!(info["mmu"], "automatic");
    assert_eq!(place.tell(&["mmu", "software"]).trim(), "vm: automatic -> software");
    assert_eq!(place.tell(&["mmu", "vm", "hardware"]).trim(), "vm: software -> hardware");
    assert!(place.tell(&["mmu"]).contains("set by the administrator"));
    let statistics = place.json(&["stats"]);
    assert!(statistics["total"]["instructions"].as_u64() > Some(0), "{statistics}");
    assert!(statistics["cpus"][0]["technique"] == "hardware", "{statistics}");
    assert!(place.tell(&["move", "--pages", "10"]).contains("pages moved"));
    assert!(place.tell(&["audit"]).contains("all invariants hold"));
    let address = place.json(&["map", "--address", "80200000"]);
    assert_eq!(
        (&address["gpa"], &address["agreement"]),
        (&"0x80200000".into(), &"nothing_to_compare".into())
    );
    assert_eq!(address["page"]["state"], "private");
    assert!(place.tell(&["map", "--address", "80200000"]).contains("translation is off"));
    let untouched = place.json(&["map", "--address", "83f00000"]);
    assert_eq!(untouched["page"]["state"], "untouched");
    assert!(untouched["machine"].is_null());
}

/// A VM of a few instructions on a terminal of its own.
fn on_terminal(place: &Place, instructions: &[u32], args: &[&str]) -> OnTerminal {
    let image = place.file("Image", &kernels::image(instructions));
    let fixed = ["run", "--kernel", image.to_str().unwrap(), "--memory", "64MiB"];
    OnTerminal::start(place.memtide(&[&fixed, args].concat()))
}

#[test]
fn the_escape_key_leads_to_the_monitor_and_back() {
    let place = Place::new();
    let mut terminal = on_terminal(&place, &kernels::WAIT, &[]);
    terminal.program.expect("Ctrl-] leads to the monitor", SOON);
    assert!(terminal.is_raw());
    terminal.type_in("\x1d");
    terminal.program.expect("vm1> ", SOON);
    assert!(!terminal.is_raw(), "lines are edited and echoed");
    terminal.type_in("info\n");
    terminal.program.expect("machine memory", SOON);
    terminal.type_in("nonsense\n");
    terminal.program.expect("hint: 'help' lists", SOON);
    terminal.type_in("quit\n");
    terminal.becomes_raw();
    terminal.type_in("\x1dstop\n");
    assert_eq!(terminal.program.end(SOON).code(), Some(12), "{}", terminal.program.said());
    assert!(terminal.is_as_found());
}

#[test]
fn guest_output_is_held_while_the_monitor_is_shown() {
    let place = Place::new();
    let chatter = [load(A7, 1), load(A0, u32::from(b'~')), ECALL, 0xff5f_f06f];
    let mut terminal = on_terminal(&place, &chatter, &[]);
    terminal.program.expect("~~~~", SOON);
    terminal.type_in("\x1d");
    terminal.program.expect("vm1> ", SOON);
    std::thread::sleep(Duration::from_millis(300));
    let said = terminal.program.said();
    let prompt = said.rfind("vm1> ").unwrap();
    assert!(!said[prompt..].contains('~'), "{}", &said[prompt..]);
    terminal.type_in("\x03");
    let before = said.len();
    let deadline = std::time::Instant::now() + SOON;
    while !terminal.program.said()[before..].contains("~~~~") {
        assert!(std::time::Instant::now() < deadline, "output flows again");
        std::thread::sleep(Duration::from_millis(10));
    }
}

#[test]
fn the_terminal_is_restored_however_the_program_ends() {
    let place = Place::new();
    for (signal, status) in [(Signal::TERM, 143), (Signal::INT, 130), (Signal::HUP, 129)] {
        let mut terminal = on_terminal(&place, &kernels::WAIT, &[]);
        terminal.program.expect("Ctrl-]", SOON);
        assert!(terminal.is_raw());
        terminal.program.signal(signal);
        assert_eq!(terminal.program.end(SOON).code(), Some(status), "{}", terminal.program.said());
        assert!(terminal.is_as_found(), "after {signal:?}");
    }
    let mut terminal = on_terminal(&place, &reset(0, 0), &[]);
    assert_eq!(terminal.program.end(SOON).code(), Some(0));
    assert!(terminal.is_as_found(), "after the guest powered off");
    let mut terminal = on_terminal(&place, &kernels::WAIT, &["--machine-memory", "1MiB"]);
    assert_eq!(terminal.program.end(SOON).code(), Some(1));
    assert!(terminal.is_as_found(), "after an error");
}
