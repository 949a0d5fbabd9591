//! Bad input gets an error that names what, where and what to do.

mod support;

use support::terminal::OnTerminal;
use support::{Place, SOON, create_idle, host, text};

#[test]
fn files_that_are_not_there_or_not_what_they_should_be_are_named() {
    let place = Place::new();
    place.refused(&["run", "--kernel", "/nowhere/Image"], &["kernel '/nowhere/Image'", "No such file"]);
    let image = place.file("Image", &kernels::image(&[]));
    let image = image.to_str().unwrap();
    place.refused(&["run", "--kernel", image, "--initrd", "/nowhere/initrd"], &["initrd '/nowhere/initrd'"]);
    let script = place.file("script", b"#!/bin/sh\nexit 0\n");
    place.refused(&["run", "--kernel", script.to_str().unwrap()], &["script' is", "RISC-V Linux Image"]);
    let directory = place.path().to_str().unwrap();
    place.refused(&["run", "--kernel", directory], &["cannot read kernel", directory, "it is a directory"]);
    place.refused(&["run", "--kernel", "/dev/zero"], &["'/dev/zero'", "it is a device and not a file"]);
    let sparse = place.file("sparse", b"");
    std::fs::File::options().write(true).open(&sparse).unwrap().set_len(15 << 40).unwrap();
    let sparse = sparse.to_str().unwrap();
    place.refused(&["run", "--kernel", sparse], &["it has 15 TiB", "most it may have", "--memory"]);
    place.refused(&["run", "--kernel", image, "--initrd", sparse], &["cannot read initrd", "it has 15 TiB"]);
    let pipe = place.path().join("pipe");
    rustix::fs::mkfifoat(rustix::fs::CWD, &pipe, 0o600.into()).unwrap();
    place.refused(&["run", "--kernel", pipe.to_str().unwrap()], &["it is a named pipe and not a file"]);
}

#[test]
fn an_initrd_that_ends_early_is_found_before_the_guest_starts() {
    let place = Place::new();
    let image = place.file("Image", &kernels::image(&[]));
    // The header of a cpio entry that promises 4096 bytes, and no more.
    let header =
        format!("070701{}{}{}", "0".repeat(48), "00001000", "0".repeat(32) + "00000002" + "00000000");
    let initrd = place.file("initrd", (header + "a\0").as_bytes());
    let [image, initrd] = [&image, &initrd].map(|path| path.to_str().unwrap());
    place.refused(&["run", "--kernel", image, "--initrd", initrd], &["ends early", "initrd'"]);
}

#[test]
fn too_little_memory_is_refused_with_what_is_needed() {
    let place = Place::new();
    let image = place.file("Image", &kernels::image(&[]));
    let image = image.to_str().unwrap();
    place.refused(
        &["run", "--kernel", image, "--memory", "16MiB"],
        &["16 MiB of guest memory is too little", "hint: run it with --memory"],
    );
    place.refused(
        &["run", "--kernel", image, "--memory", "256MiB", "--machine-memory", "100MiB"],
        &["256 MiB", "100 MiB", "--machine-memory 256MiB"],
    );
    place.refused(
        &["run", "--kernel", image, "--memory", "256GiB"],
        &["256 GiB", "more than this machine has", "--memory"],
    );
    place.refused(&["run", "--kernel", image, "--machine-memory", "0"], &["machine memory"]);
    place.refused(&["run", "--kernel", image, "--memory", "1000000"], &["whole number of MiB"]);
    place.refused(&["run", "--kernel", image, "--cpus", "9"], &["1 to 8 CPUs, not 9"]);
}

#[test]
fn wrong_usage_is_told_apart_by_its_status() {
    let place = Place::new();
    for (args, part) in [
        (&["run", "--kernel", "x", "--memroy", "1GiB"][..], "'--memory'"),
        (&["run", "--kernel", "x", "--memory", "lots"], "is not a size"),
        (&["run", "--kernel", "x", "--mmu", "magic"], "automatic, software, hardware"),
        (&["run"], "--kernel"),
        (&["reboot"], "unrecognized subcommand"),
        (&["map", "--address", "here"], "hexadecimal"),
    ] {
        let output = place.ask(args);
        assert_eq!(output.status.code(), Some(2), "{args:?}");
        assert!(text(&output.stderr).contains(part), "{args:?}: {}", text(&output.stderr));
    }
}

#[test]
fn names_that_cannot_be_or_are_not_there_are_refused() {
    let place = Place::new();
    place.refused(&["stats"], &["no VM is running", "memtide run"]);
    place.refused(&["map"], &["no VM is running"]);
    place.refused(&["info", "web"], &["no VM named 'web'", "none is"]);
    place.refused(&["info", "../web"], &["cannot be a VM's name"]);
    assert_eq!(place.tell(&["ls"]).lines().count(), 1, "titles only");

    let first = place.idle("first");
    place.refused(&["stop", "web"], &["no VM named 'web'", "running: first"]);
    place.refused(&["stop", "frist"], &["no VM named 'frist'", "did you mean 'first'? running: first"]);
    let image = place.path().join("idle");
    let image = image.to_str().unwrap();
    place.refused(
        &["run", "--kernel", image, "--name", "first"],
        &["a VM named 'first' is running already", "--name"],
    );
    let _second = place.idle("second");
    place.refused(&["stats"], &["several VMs are running", "first, second"]);
    place.refused(&["map", "first", "--cpu", "1"], &["no CPU 1", "0 to 0"]);
    drop(first);
}

#[test]
fn a_name_that_is_a_slip_away_is_offered() {
    let place = Place::new();
    let _host = host(&place, "128MiB", &[]);
    create_idle(&place, "web", &[]);
    place.tell(&["pool", "create", "lab"]);
    place.tell(&["token", "create", "monitor"]);
    place.refused(&["start", "wbe"], &["no VM 'wbe'", "did you mean 'web'?", "memtide ls"]);
    place.refused(&["info", "wep"], &["did you mean 'web'?"]);
    place.refused(&["set", "web", "--pool", "lap"], &["did you mean 'lab'?", "pool ls"]);
    place.refused(&["settings", "Mem.IdelTax"], &["did you mean 'Mem.IdleTax'?"]);
    place.refused(&["plan", "setting", "mem.idletaxx", "0"], &["did you mean 'Mem.IdleTax'?"]);
    place.refused(&["token", "rm", "monitro"], &["did you mean 'monitor'?"]);
    place.refused(&["alarms", "rules", "show", "vm-watiing"], &["did you mean 'vm-waiting'?"]);
    let output = place.ask(&["start", "somebody-else"]);
    assert!(!text(&output.stderr).contains("did you mean"), "{output:?}");
    assert_eq!(output.status.code(), Some(3));
    assert_eq!(place.ask(&["operation", "show", "77"]).status.code(), Some(3));
}

#[test]
fn nobody_writes_sequences_of_their_own_onto_a_terminal() {
    let place = Place::new();
    let _host = host(&place, "128MiB", &[]);
    create_idle(&place, "web", &[]);
    let bad = "a\u{1b}]0;title\u{7}\u{9b}2J\u{202e}";
    let shown = "a\\u{1b}]0;title\\u{7}\\u{9b}2J\\u{202e}";
    for option in ["--append", "--salt"] {
        place.refused(&["set", "web", option, bad], &["it has the character \\u{1b}"]);
    }
    place.refused(&["info", bad], &[shown]);
    place.refused(&["create", bad, "--memory", "64MiB", "--kernel", "/Image"], &[shown]);
    for args in
        [&["start", bad][..], &["pool", "rm", bad], &["settings", bad], &["--color=always", "stop", bad]]
    {
        let output = place.ask(args);
        let said = text(&output.stderr)
            .replace("\u{1b}[1;31m", "")
            .replace("\u{1b}[1;36m", "")
            .replace("\u{1b}[0m", "");
        assert!(
            !said.is_empty() && said.chars().all(|c| c == '\n' || !c.is_control() && c != '\u{202e}'),
            "{said:?}"
        );
    }
}

#[test]
fn colour_is_for_terminals_unless_it_is_asked_for() {
    const RED: &str = "\u{1b}[1;31merror:";
    let place = Place::new();
    let fails = |args: &[&str], variables: &[(&str, &str)]| {
        let mut command = place.memtide(args);
        command.envs(variables.iter().copied()).env_remove("CLICOLOR_FORCE");
        command
    };
    let said = |args: &[&str]| text(&fails(args, &[]).output().unwrap().stderr);
    assert!(said(&["stats"]).starts_with("error: "));
    assert!(said(&["stats", "--color", "always"]).starts_with(RED));
    assert!(said(&["--color=always", "stats"]).contains("\u{1b}[1;36mhint:"));
    assert!(said(&["stats", "--color=always", "--no-such"]).contains('\u{1b}'), "usage has colours, too");
    let seen = |args: &[&str], variables: &[(&str, &str)]| {
        let mut terminal = OnTerminal::start(fails(args, variables));
        terminal.program.end(SOON);
        terminal.program.expect("error:", SOON);
        terminal.program.said()
    };
    let colours = [("TERM", "xterm"), ("NO_COLOR", "")];
    assert!(seen(&["stats"], &colours).contains(RED));
    assert!(!seen(&["stats"], &[("TERM", "xterm"), ("NO_COLOR", "1")]).contains('\u{1b}'));
    assert!(!seen(&["stats", "--color", "never"], &colours).contains('\u{1b}'));
    assert!(!place.tell(&["ls"]).contains('\u{1b}'));
    assert!(place.tell(&["ls", "--color", "always"]).starts_with("\u{1b}[1mNAME "));
}
