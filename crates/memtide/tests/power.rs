//! What was acknowledged survives: which VMs are wanted on, whenever the host is killed.

mod support;

use rustix::process::Signal;
use std::path::Path;
use std::process::{Child, Stdio};
use std::time::{Duration, Instant};
use support::{Place, Running, SOON, create_idle, host, text};

#[track_caller]
fn wait_for(what: &str, mut is_so: impl FnMut() -> bool) {
    let deadline = Instant::now() + SOON;
    while !is_so() {
        assert!(Instant::now() < deadline, "{what}: not within {SOON:?}");
        std::thread::sleep(Duration::from_millis(10));
    }
}

fn power(place: &Place, vm: &str) -> String {
    place.json(&["info", vm])["power"].as_str().unwrap().to_owned()
}

fn is_wanted_on(place: &Place, vm: &str) -> bool {
    place.json(&["info", vm])["wanted_on"].as_bool().unwrap()
}

fn kill(mut host: Running) {
    host.signal(Signal::KILL);
    host.end(SOON);
}

fn resumed(place: &Place) -> Running {
    host(place, "192MiB", &["--resume"])
}

/// A verb that goes on while the host is killed.
fn begin(place: &Place, args: &[&str]) -> Child {
    place.memtide(args).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap()
}

#[test]
fn a_stop_that_is_done_is_never_forgotten_and_neither_is_a_start() {
    let place = Place::new();
    let mut running = resumed(&place);
    create_idle(&place, "web", &[]);
    for round in 0..12 {
        place.tell(&["start", "web"]);
        kill(running);
        running = resumed(&place);
        wait_for("what was started runs again", || power(&place, "web") == "running");
        assert_eq!(place.tell(&["stop", "web", "--now"]), "web is powered off\n");
        kill(running);
        running = resumed(&place);
        let vm = place.json(&["info", "web"]);
        assert_eq!((&vm["power"], &vm["wanted_on"]), (&"stopped".into(), &false.into()), "round {round}");
    }
}

#[test]
fn a_crash_while_vms_are_started_again_forgets_nobody() {
    let place = Place::new();
    let mut running = resumed(&place);
    for vm in ["one", "two"] {
        create_idle(&place, vm, &["--start"]);
    }
    // One whose start is refused is not forgotten either.
    create_idle(&place, "refused", &["--start"]);
    let image = place.path().join("idle");
    let kept = place.path().join("kept");
    for round in 0..8 {
        kill(running);
        running = resumed(&place);
        std::thread::sleep(Duration::from_millis(5 * round));
    }
    kill(running);
    std::fs::rename(&image, &kept).unwrap();
    running = resumed(&place);
    let failed = || {
        place.json(&["events"]).as_array().unwrap().iter().any(|event| event["event"] == "autostart-failed")
    };
    wait_for("a start fails", failed);
    let alarm = || place.json(&["alarms", "ls"]).to_string().contains("vm-start");
    wait_for("an alarm", alarm);
    kill(running);
    std::fs::rename(&kept, &image).unwrap();
    let _running = resumed(&place);
    for vm in ["one", "two", "refused"] {
        wait_for(vm, || power(&place, vm) == "running");
    }
    wait_for("the alarm is over", || !alarm());
}

#[test]
fn whoever_cannot_start_is_tried_again_until_it_runs_or_is_told_to_stop_and_holds_up_nobody() {
    let place = Place::new();
    let first = resumed(&place);
    let image = place.file("gone", &kernels::waiting());
    let create = |name: &str| {
        let kernel = ["--memory", "64MiB", "--kernel", image.to_str().unwrap(), "--start"];
        place.tell(&[&["create", name, "--autostart-order", "1"][..], &kernel].concat());
    };
    create("waits");
    create("leaves");
    create_idle(&place, "other", &["--start", "--autostart-order", "2"]);
    create_idle(&place, "always", &["--autostart", "yes", "--autostart-delay", "1s"]);
    create_idle(&place, "never", &["--autostart", "no", "--start"]);
    kill(first);
    std::fs::remove_file(&image).unwrap();
    let _second = resumed(&place);
    for vm in ["other", "always"] {
        wait_for(vm, || power(&place, vm) == "running");
    }
    assert_eq!(power(&place, "never"), "stopped");
    assert!(is_wanted_on(&place, "waits") && is_wanted_on(&place, "leaves"));
    place.tell(&["stop", "leaves"]);
    assert!(!is_wanted_on(&place, "leaves"));
    std::fs::write(&image, kernels::waiting()).unwrap();
    wait_for("it to be tried again", || power(&place, "waits") == "running");
    assert_eq!(power(&place, "leaves"), "stopped");
}

#[test]
fn whenever_the_host_is_killed_a_vm_is_as_before_or_as_asked() {
    let place = Place::new();
    let mut running = resumed(&place);
    create_idle(&place, "web", &[]);
    let mut was_on = false;
    let mut acknowledged = 0;
    for round in 0_u64..24 {
        let verb: &[&str] = if was_on { &["stop", "web", "--now"] } else { &["start", "web"] };
        let asked = begin(&place, verb);
        // From before it is asked to after it is done.
        std::thread::sleep(Duration::from_millis(round * 4));
        kill(running);
        let answer = asked.wait_with_output().unwrap();
        running = resumed(&place);
        let on = is_wanted_on(&place, "web");
        if answer.status.success() {
            acknowledged += 1;
            assert_eq!(on, !was_on, "round {round}: {}", text(&answer.stdout));
        }
        let then = if on { "running" } else { "stopped" };
        wait_for(then, || power(&place, "web") == then);
        let file = place.path().join("state/vms/web.on");
        assert_eq!(Path::exists(&file), on);
        was_on = on;
    }
    assert!(acknowledged > 0, "no round was long enough");
}

#[test]
fn several_vms_are_stopped_at_the_same_time() {
    let place = Place::new();
    let _host = host(&place, "256MiB", &[]);
    let names = ["a", "b", "c"];
    for name in names {
        create_idle(&place, name, &["--start"]);
    }
    let told = place.tell(&["stop", "a", "b", "c", "--now"]);
    assert_eq!(told, "a is powered off\nb is powered off\nc is powered off\n");
    for name in names {
        assert_eq!(power(&place, name), "stopped");
    }
    // Whoever is named after one that is not there is left alone, as by all verbs.
    place.tell(&["start", "a", "b"]);
    assert_eq!(place.ask(&["stop", "a", "none", "b", "--now"]).status.code(), Some(3));
    assert_eq!((power(&place, "a").as_str(), power(&place, "b").as_str()), ("stopped", "running"));
}
