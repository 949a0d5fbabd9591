//! Making a host what a file says, and other verbs that may be given twice.

mod support;

use serde_json::Value;
use support::{Place, create_idle, host, text};

fn results(place: &Place, args: &[&str]) -> Vec<(String, String)> {
    let of = |value: &Value| value.as_str().unwrap().to_owned();
    let answer = place.json(args);
    answer.as_array().unwrap().iter().map(|one| (of(&one["name"]), of(&one["result"]))).collect()
}

#[test]
fn what_is_printed_can_be_applied_and_a_second_time_changes_nothing() {
    let place = Place::new();
    let _host = host(&place, "128MiB", &[]);
    place.tell(&["pool", "create", "lab", "--shares", "high"]);
    create_idle(&place, "web", &["--pool", "lab", "--start"]);
    let printed = format!(
        "{}---\n{}---\n{}",
        place.tell(&["info", "web", "-o", "yaml"]),
        place.tell(&["pool", "ls", "-o", "yaml"]),
        place.tell(&["pool", "show", "lab", "-o", "yaml"]).replace("name: lab", "name: test")
    );
    let file = place.file("host.yaml", printed.replace("name: web", "name: db").as_bytes());
    let file = file.to_str().unwrap();

    let told = place.tell(&["apply", "-f", file, "--dry-run"]);
    assert!(told.contains("db: would be created\n") && told.contains("lab is unchanged\n"), "{told}");
    assert_eq!(place.json(&["ls"]).as_array().unwrap().len(), 1, "a dry run creates nothing");
    let all = |db, lab, test| {
        [("lab", lab), ("test", test), ("db", db)]
            .map(|(name, result)| (name.to_owned(), String::from(result)))
    };
    assert_eq!(results(&place, &["apply", "-f", file]), all("created", "unchanged", "created"));
    assert_eq!(results(&place, &["apply", "-f", file]), all("unchanged", "unchanged", "unchanged"));
    let vm = place.json(&["info", "db"]);
    assert_eq!((&vm["pool"], &vm["power"]), (&"lab".into(), &"stopped".into()));

    let change = place.file("change.json", br#"{"name": "db", "limit_bytes": 33554432}"#);
    let change = change.to_str().unwrap();
    let told = place.tell(&["apply", "-f", change]);
    assert!(told.contains("db: limit none -> 32 MiB"), "{told}");
    assert_eq!(place.json(&["info", "db"])["pool"], "lab", "what a file leaves out stays");
}

#[test]
fn a_file_is_judged_before_anything_is_changed() {
    let place = Place::new();
    let _host = host(&place, "128MiB", &[]);
    let file = place.file("bad.yaml", b"- {name: lab, expandable: true}\n- {name: web, ram: 5}\n");
    let output = place.ask(&["apply", "-f", file.to_str().unwrap()]);
    assert_eq!(output.status.code(), Some(2), "wrong usage");
    assert!(text(&output.stderr).contains("'web': a VM has no field 'ram'"), "{output:?}");
    assert_eq!(place.json(&["pool", "ls"]), Value::Array(Vec::new()));
    place.refused(&["apply", "-f", "/nowhere/vms.yaml"], &["cannot read '/nowhere/vms.yaml'"]);
}

#[test]
fn a_clone_has_the_settings_of_another_vm() {
    let place = Place::new();
    let _host = host(&place, "128MiB", &[]);
    create_idle(&place, "web", &["--shares", "1234", "--limit", "32MiB", "--start"]);
    assert_eq!(place.tell(&["clone", "web", "web2"]), "web2 is created with the settings of web\n");
    let [mut old, mut new] = ["web", "web2"].map(|name| place.json(&["info", name]));
    assert_eq!((&new["power"], &new["shares"]), (&"stopped".into(), &1234.into()));
    for field in ["name", "power", "id", "uptime_seconds", "wanted_on", "agent_answers", "memory"] {
        old[field] = Value::Null;
        new[field] = Value::Null;
    }
    assert_eq!(old, new);
    place.refused(&["clone", "web", "web2"], &["web2"]);
}

#[test]
fn starting_a_vm_that_runs_is_no_mistake() {
    let place = Place::new();
    let _host = host(&place, "128MiB", &[]);
    create_idle(&place, "web", &[]);
    assert_eq!(place.tell(&["start", "web"]), "web is started\n");
    assert_eq!(place.tell(&["start", "web"]), "web runs already\n");
    assert_eq!(place.json(&["show", "web"])["power"], "running");
}
