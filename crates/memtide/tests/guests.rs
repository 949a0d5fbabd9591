//! Guests that fail are told of, wherever people look.

mod support;

use serde_json::Value;
use std::time::{Duration, Instant};
use support::{Place, Running, guest, host};

/// How long a guest may take to boot and to be missed on a busy machine.
const BOOT: Duration = Duration::from_mins(3);

/// Creates a VM that runs Debian's kernel and these commands, and starts it.
fn start(place: &Place, name: &str, [kernel, initrd]: &[String; 2], commands: &str) {
    let line = format!("console=ttyS0 quiet cryptomgr.notests no4lvl memtide.run=\"{commands}\"");
    let fixed = ["create", name, "--kernel", kernel, "--initrd", initrd, "--memory", "256MiB"];
    place.tell(&[&fixed[..], &["--append", &line, "--start"]].concat());
}

/// Asks until the answer is as wanted.
#[track_caller]
fn wait_for(what: &str, host: &Running, mut done: impl FnMut() -> bool) {
    let deadline = Instant::now() + BOOT;
    while !done() {
        assert!(Instant::now() < deadline, "{what}: {}", host.said());
        std::thread::sleep(Duration::from_millis(200));
    }
}

fn find<'a>(all: &'a Value, is: &[(&str, &str)]) -> Option<&'a Value> {
    all.as_array().unwrap().iter().find(|one| is.iter().all(|(field, value)| one[field] == *value))
}

#[test]
fn panics_and_kills_are_seen_in_lists_events_and_alarms() {
    let Some(files) = guest() else { return };
    let place = Place::new();
    let host = host(&place, "700MiB", &[]);
    start(&place, "dead", &files, "echo c >/proc/sysrq-trigger");
    start(&place, "full", &files, "mt touch 180 1 || sleep 1000");

    wait_for("no panic", &host, || {
        let listed = place.json(&["ls"]);
        let dead = find(&listed, &[("name", "dead")]).expect("it is there");
        dead["trouble"].as_str().is_some_and(|trouble| trouble.contains("kernel panicked"))
    });
    assert!(place.tell(&["ls"]).contains("the guest's kernel panicked, as it said on its console"));
    assert!(place.tell(&["info", "dead"]).contains("panicked; says "), "{}", place.tell(&["info", "dead"]));
    assert!(find(&place.json(&["events"]), &[("event", "guest-panicked"), ("vm", "dead")]).is_some());

    wait_for("no kills", &host, || {
        let full = place.json(&["info", "full"]);
        full["memory"]["guest_oom_kills"].as_u64() >= Some(1)
    });
    let events = place.json(&["events"]);
    let killed = find(&events, &[("event", "guest-oom-kills"), ("vm", "full")]).expect("it is told");
    assert_eq!(
        (killed["kills"].as_u64(), killed["ballooned_bytes"].as_u64()),
        (Some(1), Some(0)),
        "{killed}"
    );
    assert!(place.tell(&["info", "full"]).contains("killed 1 program for want of memory"));

    wait_for("no alarms", &host, || {
        let alarms = place.json(&["alarms", "ls"]);
        find(&alarms, &[("rule", "vm-guest"), ("vm", "dead"), ("severity", "critical")]).is_some()
            && find(&alarms, &[("rule", "vm-guest-oom-kills"), ("vm", "full")]).is_some()
    });
    let devices = place.json(&["info", "dead"])["memory"]["totals"]["worker_seconds"].as_f64();
    assert!(devices.is_some_and(|seconds| seconds > 0.0), "{devices:?}");
}

#[test]
fn run_says_that_its_guest_panicked() {
    let Some([kernel, initrd]) = guest() else { return };
    let place = Place::new();
    let line = "console=ttyS0 quiet cryptomgr.notests no4lvl memtide.run=\"echo c >/proc/sysrq-trigger\"";
    let vm = place.run(&["--kernel", &kernel, "--initrd", &initrd, "--append", line, "--name", "dead"]);
    vm.expect("warning: dead: the guest's kernel panicked, as it said on its console", BOOT);
    assert!(place.json(&["info", "dead"])["trouble"].as_str().is_some_and(|said| said.contains("panicked")));
}
