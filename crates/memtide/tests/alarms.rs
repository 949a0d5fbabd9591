//! Alarms from the command line.

mod support;

use std::time::Instant;
use support::{Place, SOON, host, text};

#[test]
fn a_rule_is_made_its_alarm_acknowledged_and_its_action_tested() {
    let place = Place::new();
    let _host = host(&place, "128MiB", &[]);
    // Not right where the state directory lies: a command makes no files there.
    let beside = place.path().join("beside");
    std::fs::create_dir(&beside).unwrap();
    let told = beside.join("told");
    let script = format!("cat >> {}", told.display());
    let made = place.tell(&[
        "alarms",
        "rules",
        "set",
        "little-free",
        "--subject",
        "host-free",
        "--warning",
        "99",
        "--raise-after",
        "0",
        "--",
        "/bin/sh",
        "-c",
        &script,
    ]);
    assert!(made.contains("warning        99 %\n") && made.contains("raised after   at once\n"), "{made}");
    let deadline = Instant::now() + SOON;
    let alarms = loop {
        let alarms = place.tell(&["alarms", "ls", "--unacknowledged"]);
        if alarms.contains("little-free") || Instant::now() > deadline {
            break alarms;
        }
    };
    let line = alarms.lines().nth(1).unwrap_or_default();
    assert!(line.contains("warning") && line.ends_with("of machine memory is free"), "{alarms}");
    let id = line.split_whitespace().next().unwrap();
    assert_eq!(place.tell(&["alarms", "ack", id]), format!("{id} is acknowledged\n"));
    assert!(place.tell(&["alarms", "ls"]).contains("uid "));
    assert!(!place.tell(&["alarms", "ls", "--unacknowledged"]).contains("little-free"));
    assert!(place.tell(&["events"]).contains("alarm-raised  warning  "));
    assert_eq!(place.tell(&["alarms", "rules", "test", "little-free"]), "command: done\n");
    assert!(std::fs::read_to_string(&told).unwrap().contains("\"change\":\"test\""));

    // A change keeps what it does not name.
    let changed = place.tell(&["alarms", "rules", "set", "little-free", "--enabled", "no", "--no-command"]);
    assert!(
        changed.contains("enabled        no\n") && changed.contains("warning        99 %\n"),
        "{changed}"
    );
    assert!(changed.contains("command        none\n"), "{changed}");
    assert_eq!(place.tell(&["alarms", "rules", "rm", "little-free"]), "little-free is removed\n");
}

#[test]
fn mistakes_say_what_to_do() {
    let place = Place::new();
    let _host = host(&place, "128MiB", &[]);
    for (args, status, says) in [
        (&["alarms", "ack", "99"][..], 3, "there is no alarm 99"),
        (&["alarms", "rules", "show", "nothing"], 3, "'memtide alarms rules ls'"),
        (&["alarms", "rules", "set", "vm-waiting"], 1, "nothing is to be changed"),
        (&["alarms", "rules", "set", "mine", "--warning", "5"], 1, "--subject"),
        (&["alarms", "rules", "set", "vm-waiting", "--warning", "5:10"], 1, "take less than that"),
        (
            &["alarms", "rules", "set", "host-memory-short", "--warning", "80"],
            1,
            "high, clear, soft, hard, low",
        ),
        (&["alarms", "rules", "set", "vm-waiting", "--", "mail"], 1, "no absolute path"),
        (&["alarms", "rules", "test", "vm-waiting"], 1, "a command or a webhook"),
        (&["alarms", "rules", "set", "a", "--subject", "weather"], 2, "possible values"),
    ] {
        let output = place.ask(args);
        let said = text(&output.stderr);
        assert_eq!(output.status.code(), Some(status), "{args:?}: {said}");
        assert!(said.contains(says), "{args:?}: {said}");
    }
}
