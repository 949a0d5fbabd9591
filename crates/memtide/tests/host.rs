//! A host of VMs, from the command line.

mod support;

use rustix::process::Signal;
use serde_json::Value;
use std::io::Write;
use std::process::Stdio;
use std::time::{Duration, Instant};
use support::{Place, Running, SOON, create_idle, guest, host, text};

/// How long a guest may take to boot on a busy machine.
const BOOT: Duration = Duration::from_mins(3);

/// Runs a verb that must fail with this status and say all of `parts`.
#[track_caller]
fn fails(place: &Place, args: &[&str], status: i32, parts: &[&str]) {
    let output = place.ask(args);
    let err = text(&output.stderr);
    assert_eq!(output.status.code(), Some(status), "{args:?}: {err}");
    for part in parts {
        assert!(err.contains(part), "{args:?} does not say '{part}': {err}");
    }
}

fn wait_for(what: &str, within: Duration, mut is_so: impl FnMut() -> bool) {
    let deadline = Instant::now() + within;
    while !is_so() {
        assert!(Instant::now() < deadline, "{what}: not within {within:?}");
        std::thread::sleep(Duration::from_millis(50));
    }
}

fn every_question_about_web_has_an_answer(place: &Place) {
    let vm = place.json(&["set", "web", "--shares", "high", "--limit", "96MiB"]);
    assert_eq!((&vm["shares"], &vm["limit_bytes"]), (&"high".into(), &(96 << 20).into()));
    assert_eq!(place.json(&["set", "web", "--limit", "none"])["limit_bytes"], Value::Null);
    assert!(place.tell(&["explain"]).contains("web has 192 MiB"));
    assert!(place.json(&["plan", "add", "--memory", "512MiB"])["vms"].is_array());
    assert!(place.json(&["plan", "set", "web", "--shares", "2000"])["state_after"].is_string());
    assert!(place.json(&["unswap"])["brought_back_bytes"].is_u64());
    assert_eq!(place.json(&["map", "web"])[0]["name"], "web");
    assert!(place.json(&["stats"])["total"]["instructions"].as_u64() > Some(1_000_000));
    assert!(place.tell(&["mmu", "web", "software"]).contains("automatic -> software"));
    assert_eq!(place.tell(&["audit"]), "all invariants hold\n");
    assert!(place.tell(&["audit", "web"]).contains("all invariants hold"));
}

#[test]
fn a_debian_guest_lives_on_a_host() {
    let Some([image, initrd]) = guest() else { return };
    let place = Place::new();
    let mut host = host(&place, "256MiB", &[]);
    let append = "console=ttyS0 quiet cryptomgr.notests no4lvl";
    let create =
        ["create", "web", "--memory", "192MiB", "--kernel", &image, "--initrd", &initrd, "--append", append];
    let vm = place.json(&create);
    assert_eq!(
        (&vm["power"], &vm["memory_bytes"], &vm["limit_bytes"]),
        (&"stopped".into(), &(192 << 20).into(), &Value::Null)
    );
    place.tell(&["start", "web"]);
    let console = || place.tell(&["console", "web", "--no-follow"]);
    wait_for("the guest's shell", BOOT, || console().contains("memtide: shell ready"));

    let mut typing = place.memtide(&["console", "web"]);
    let child = typing.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    let mut typing = Running::new(child);
    typing.child.stdin.as_mut().unwrap().write_all(b"mt touch 16 2; echo sum $((1 + 1))\n").unwrap();
    typing.expect("sum 2", BOOT);
    typing.expect("touch mib=16", SOON);
    typing.signal(Signal::TERM);
    assert!(typing.end(SOON).success());

    // Measured once a second.
    wait_for("figures", SOON, || place.json(&["info"])["memory"]["consumed_bytes"].as_u64() > Some(16 << 20));
    let listed = place.json(&["ls"]);
    assert_eq!((&listed[0]["name"], &listed[0]["runs_in"]), (&"web".into(), &"host".into()), "{listed}");
    let status: Value = serde_json::from_str(&place.tell(&["top", "-b", "-n", "1", "-o", "json"])).unwrap();
    let ledger = &status["ledger"];
    let part = |name: &str| ledger[format!("{name}_bytes")].as_u64().unwrap();
    assert_eq!(
        ["free", "private", "shared", "zip", "in_flight", "overhead"].map(part).iter().sum::<u64>(),
        part("total")
    );
    assert!(place.tell(&["top", "-b", "-n", "1"]).contains(": closes\n"));

    every_question_about_web_has_an_answer(&place);

    assert_eq!(place.tell(&["stop", "web", "--deadline", "2min"]), "web is shut down\n");
    let events = place.json(&["events", "--decisions"]);
    let told: Vec<&str> =
        events.as_array().unwrap().iter().map(|event| event["event"].as_str().unwrap()).collect();
    for what in
        ["host-opened", "vm-created", "vm-started", "vm-changed", "planned", "shutdown-requested", "vm-ended"]
    {
        assert!(told.contains(&what), "{what}: {told:?}");
    }
    let events = place.json(&["events"]);
    let is_decision = |event: &Value| event["event"] == "planned" && event["state"] == event["state_before"];
    assert!(
        !events.as_array().unwrap().iter().any(is_decision),
        "decisions are shown to who asks for them: {events}"
    );
    fails(&place, &["set", "web"], 1, &["nothing is to be changed"]);
    place.tell(&["rm", "web"]);
    assert_eq!(place.json(&["ls"]), Value::Array(Vec::new()));
    host.signal(Signal::TERM);
    assert!(host.end(SOON).success(), "{}", host.said());
}

#[test]
fn what_a_change_changed_is_told_and_a_limit_below_the_memory_is_warned_of() {
    let place = Place::new();
    let _host = host(&place, "256MiB", &[]);
    create_idle(&place, "web", &[]);
    let told = place.ask(&["set", "web", "--limit", "32MiB", "--shares", "high"]);
    assert_eq!(text(&told.stdout), "web: limit none -> 32 MiB\nweb: shares normal -> high\n");
    let warned = text(&told.stderr);
    assert!(warned.starts_with("warning: the limit of web is 32 MiB, less than its memory"), "{warned}");
    assert!(place.tell(&["info", "web"]).contains("32 MiB, less than its memory"));
    let told = place.ask(&["set", "web", "--limit", "none", "--shares", "high"]);
    assert_eq!(text(&told.stdout), "web: limit 32 MiB -> none\nweb: shares is high already\n");
    assert_eq!(text(&told.stderr), "");
    assert_eq!(place.tell(&["settings", "Mem.IdleTax", "50"]), "Mem.IdleTax: 75 % -> 50 %\n");
    assert_eq!(place.tell(&["settings", "Mem.IdleTax", "50"]), "Mem.IdleTax: is 50 % already\n");
    place.tell(&["pool", "create", "lab"]);
    assert_eq!(
        place.tell(&["pool", "set", "lab", "--reservation", "16MiB"]),
        "lab: reservation 0 B -> 16 MiB\n"
    );
}

#[test]
fn anything_can_be_asked_of_the_interface() {
    let place = Place::new();
    let _host = host(&place, "256MiB", &[]);
    create_idle(&place, "web", &[]);
    let who = place.tell(&["whoami"]);
    assert!(
        who.starts_with("uid ") && who.ends_with(" may administer: let in by the socket's mode\n"),
        "{who}"
    );
    let vm: Value = serde_json::from_str(&place.tell(&["api", "/v1/vms/web"])).unwrap();
    assert_eq!(vm["name"], "web");
    assert!(place.tell(&["api", "/metrics"]).contains("\nmemtide_vms 1\n"));
    assert_eq!(place.tell(&["api", "-X", "DELETE", "/v1/vms/web"]), "");
    fails(&place, &["api", "/v1/vms/web"], 3, &["web"]);
    fails(&place, &["api", "v1/vms"], 1, &["no path"]);
    fails(&place, &["api", "-X", "LOOK AT", "/v1/vms"], 1, &["no method"]);
    fails(&place, &["api", "/metrics", "-o", "json"], 1, &["no JSON", "hint:"]);
}

#[test]
fn what_there_is_no_room_for_is_refused_with_figures() {
    let place = Place::new();
    let _host = host(&place, "128MiB", &[]);
    create_idle(&place, "small", &["--reservation", "32MiB", "--start"]);
    create_idle(&place, "big", &["--reservation", "64MiB"]);
    place.tell(&["set", "big", "--memory", "256MiB", "--reservation", "256MiB"]);
    fails(&place, &["start", "big"], 5, &["'big'", "asked for", "free", "reserve less"]);
    fails(&place, &["set", "small", "--reservation", "1GiB"], 1, &["'small'"]);
    assert_eq!(place.json(&["info", "small"])["power"], "running", "nobody was harmed");
    let events = place.tell(&["events"]);
    assert!(events.contains("vm-refused"), "{events}");
}

#[test]
fn vms_pools_and_settings_survive_the_host() {
    let place = Place::new();
    let mut first = host(&place, "128MiB", &[]);
    place.tell(&["pool", "create", "lab", "--reservation", "48MiB", "--expandable", "no"]);
    place.tell(&["settings", "Mem.IdleTax", "50"]);
    create_idle(&place, "kept", &["--pool", "lab", "--shares", "1234", "--start"]);
    create_idle(&place, "off", &[]);
    first.signal(Signal::INT);
    assert!(first.end(SOON).success(), "{}", first.said());
    assert!(first.said().contains("kept has ended"), "{}", first.said());

    let mut second = host(&place, "128MiB", &[]);
    second.expect("with --resume these VMs would start now: kept;", SOON);
    let vm = place.json(&["info", "kept"]);
    assert_eq!((&vm["power"], &vm["pool"], &vm["shares"]), (&"stopped".into(), &"lab".into(), &1234.into()));
    assert_eq!(place.json(&["settings", "Mem.IdleTax"])["value"], 50);
    assert_eq!(place.json(&["pool", "ls"])[0]["expandable"], false);
    place.tell(&["start", "kept"]);
    second.signal(Signal::KILL);
    second.end(SOON);

    let _third = host(&place, "128MiB", &["--resume"]);
    wait_for("it to run again", SOON, || place.json(&["info", "kept"])["power"] == "running");
    assert_eq!(place.json(&["info", "off"])["power"], "stopped");
}

#[test]
fn what_is_not_there_has_a_status_of_its_own() {
    let place = Place::new();
    for verb in [&["start", "web"][..], &["top"], &["settings"], &["pool", "ls"], &["events"]] {
        fails(&place, verb, 4, &["no host answers at", "hint: 'memtide host"]);
    }
    let _host = host(&place, "128MiB", &[]);
    for verb in
        [&["start", "web"][..], &["info", "web"], &["rm", "web"], &["console", "web"], &["explain", "web"]]
    {
        fails(&place, verb, 3, &["no VM 'web'", "hint:"]);
    }
    fails(&place, &["settings", "Mem.Nothing"], 3, &["Mem.Nothing"]);
    fails(&place, &["pool", "rm", "lab"], 3, &["no resource pool 'lab'"]);
    fails(&place, &["settings", "Mem.IdleTax", "500"], 1, &["Mem.IdleTax"]);
    fails(&place, &["create", "web", "--kernel", "/nowhere/Image", "--limit", "lots"], 2, &["is not a size"]);
    place.tell(&["create", "web", "--kernel", "/nowhere/Image"]);
    fails(&place, &["start", "web"], 1, &["/nowhere/Image", "hint:"]);
}

#[test]
fn what_cannot_be_is_said_with_what_can() {
    let place = Place::new();
    let _host = host(&place, "128MiB", &[]);
    create_idle(&place, "web", &["--reservation", "32MiB", "--start"]);
    let usage: [(&[&str], &[&str]); 6] = [
        (&["set", "web", "--limit", "-5MiB"], &["'-5MiB' is not a size", "--limit"]),
        (&["set", "web", "--limit", "99999999TiB"], &["'99999999TiB' is not a size"]),
        (&["set", "web", "--sharing", "maybe"], &["--sharing", "write yes or no"]),
        (&["set", "web", "--shares", "-1"], &["low, normal, high or a number"]),
        (&["settings", "Mem.IdleTax", "-1"], &["'-1'", "whole number"]),
        (&["plan", "setting", "Mem.IdleTax", "x"], &["'x'", "whole number"]),
    ];
    for (args, parts) in usage {
        fails(&place, args, 2, parts);
    }
    let mistakes: [(&[&str], &[&str]); 12] = [
        (
            &["set", "web", "--limit", "16MiB"],
            &["reservation of 32 MiB", "limit of 16 MiB", "raise one or lower"],
        ),
        (
            &["set", "web", "--limit", "0", "--reservation", "0"],
            &["leaves a VM no memory", "none for no limit"],
        ),
        (&["set", "web", "--limit", "1000"], &["1000 bytes", "4096"]),
        (&["set", "web", "--reservation", "1TiB"], &["reserve at most its size"]),
        (&["plan", "set", "web", "--limit", "0", "--reservation", "0"], &["leaves a VM no memory"]),
        (&["plan", "set", "web"], &["nothing is to be different", "hint:"]),
        (&["create", "none", "--kernel", "x"], &["'none' cannot be a name"]),
        (&["create", "software", "--kernel", "x"], &["nor an MMU mode"]),
        (&["create", "a b", "--kernel", "x"], &["'a b' cannot be a name"]),
        (&["create", "big", "--kernel", "x", "--memory", "300GiB"], &["16 MiB to 256 GiB, not 300 GiB"]),
        (&["create", "new", "--kernel", "/nowhere/Image", "--start"], &["new is created, but: cannot read"]),
        (&["map", "web", "--svg", "/nowhere/a.svg"], &["'/nowhere/a.svg'", "hint:"]),
    ];
    for (args, parts) in mistakes {
        fails(&place, args, 1, parts);
    }
    fails(&place, &["info", "nobody"], 3, &["no VM 'nobody'", "hint: 'memtide ls'"]);
    place.tell(&["pool", "create", "lab"]);
    let within = ["pool", "set", "lab", "--parent", "lab"];
    fails(
        &place,
        &within,
        1,
        &["error: resource pool 'lab' cannot be changed: resource pool 'lab' would lie within"],
    );
    fails(
        &place,
        &["set", "web", "--pool", "lap"],
        3,
        &["no resource pool 'lap'", "hint: did you mean 'lab'? 'memtide pool ls'"],
    );
    let limited = ["plan", "set", "web", "--limit", "none", "--reservation", "16MiB"];
    assert!(place.json(&limited)["refusal"].is_null());
}

#[test]
fn a_host_that_was_named_has_to_be_there() {
    let place = Place::new();
    place.tell(&["ls"]);
    let alone = place.idle("alone");
    fails(&place, &["--host", "/nowhere/socket", "ls"], 4, &["no host answers at '/nowhere/socket'"]);
    let mut named = place.memtide(&["info", "alone"]);
    assert_eq!(named.env("MEMTIDE_HOST", "/nowhere/socket").output().unwrap().status.code(), Some(4));
    fails(&place, &["console", "alone"], 1, &["'alone' runs in the foreground", "hint:"]);
    drop(alone);
    let state = place.path().join("state");
    let state = state.to_str().unwrap();
    for (args, parts) in [
        (
            &["--machine-memory", "1MiB", "--state", state][..],
            &["1 MiB", "the host itself takes", "or more"][..],
        ),
        (&["--machine-memory", "64MiB", "--state", "/proc/none"], &["/proc/none", "--state and --swap"]),
        (&["--machine-memory", "0", "--state", state], &["0 B", "--machine-memory takes"]),
    ] {
        fails(&place, &[&["host"], args].concat(), 1, parts);
    }
}

#[test]
fn a_host_and_vms_in_the_foreground_live_side_by_side() {
    let place = Place::new();
    let _host = host(&place, "128MiB", &[]);
    create_idle(&place, "hosted", &["--start"]);
    let _alone = place.idle("alone");
    let listed = place.json(&["ls"]);
    let runs_in = |index: usize| (listed[index]["name"].clone(), listed[index]["runs_in"].clone());
    assert_eq!(runs_in(0), ("hosted".into(), "host".into()));
    assert_eq!(runs_in(1), ("alone".into(), "foreground".into()));
    for name in ["hosted", "alone"] {
        assert_eq!(place.json(&["map", name])[0]["name"], name);
        assert!(place.tell(&["mmu", name, "hardware"]).contains("automatic -> hardware"));
    }
    let maps = place.json(&["map"]);
    assert_eq!(maps.as_array().unwrap().len(), 2);
    place.refused(&["stats"], &["several VMs are running", "alone, hosted"]);
    create_idle(&place, "alone", &[]);
    place.refused(&["info", "alone"], &["both called 'alone'"]);
    let why = "no agent runs in its guest";
    let hints = ["--now", "qemu-guest-agent"];
    place.refused(&["stop", "hosted", "--no-force"], &[&["'hosted' still runs", why], &hints[..]].concat());
    assert_eq!(place.tell(&["stop", "hosted"]), format!("hosted is powered off: {why}\n"));
    assert_eq!(place.json(&["info", "hosted"])["ended"], "stopped");
}

#[test]
fn one_socket_and_one_state_directory_have_one_host() {
    let place = Place::new();
    let _host = host(&place, "128MiB", &[]);
    let state = place.path().join("state");
    let state = state.to_str().unwrap();
    place.refused(&["host", "--machine-memory", "64MiB", "--state", state], &["another host runs on", state]);
    let other = place.path().join("other");
    let args = ["host", "--machine-memory", "64MiB", "--state", other.to_str().unwrap()];
    place.refused(&args, &["another host listens at", "--socket"]);
    place.refused(
        &["host", "--machine-memory", "900TiB"],
        &["900", "more than this machine has", "--machine-memory"],
    );

    // One that was killed leaves its socket behind; clients come and go meanwhile.
    let socket = place.path().join("second.socket");
    let socket = socket.to_str().unwrap();
    let piped = |args: &[&str]| {
        let mut command = place.memtide(args);
        Running::new(command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap())
    };
    let start = || {
        let host = piped(&[&args[..], &["--socket", socket]].concat());
        host.expect("is ready", SOON);
        host
    };
    let follow = || {
        let follower = piped(&["--host", socket, "events", "-f"]);
        follower.expect("host-opened", SOON);
        follower
    };
    let mut second = start();
    let mut follower = follow();
    second.signal(Signal::KILL);
    second.end(SOON);
    assert_eq!(follower.end(SOON).code(), Some(1), "the host broke off: {}", follower.said());
    let mut third = start();
    drop(follow());
    assert!(place.tell(&["--host", socket, "events"]).contains("host-opened"));
    third.signal(Signal::TERM);
    assert!(third.end(SOON).success());
}
