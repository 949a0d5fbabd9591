//! Lists in every format, with the rows and columns that are wanted.

mod support;

use serde_json::Value;
use std::collections::BTreeSet;
use std::process::Stdio;
use support::{Place, Running, SOON, create_idle, host, text};

/// Every verb that prints a list.
const LISTS: [&str; 8] =
    ["ls", "pool ls", "settings", "events", "token ls", "audit-log", "operation ls", "alarms rules ls"];

/// A host with two VMs, one of which runs, and something in every list.
fn populated() -> (Place, Running) {
    let place = Place::new();
    let host = host(&place, "256MiB", &[]);
    create_idle(&place, "web", &["--start", "--reservation", "50%", "--limit", "75%"]);
    create_idle(&place, "off", &["--shares", "low"]);
    place.tell(&["pool", "create", "lab", "--reservation", "25%"]);
    place.tell(&["token", "create", "monitor"]);
    (place, host)
}

fn words(verb: &str) -> Vec<&str> {
    verb.split(' ').collect()
}

/// Runs a verb that must be told to be wrong usage, with all of `parts`.
#[track_caller]
fn wrong(place: &Place, args: &[&str], parts: &[&str]) {
    let output = place.ask(args);
    let err = text(&output.stderr);
    assert_eq!((output.status.code(), output.stdout.len()), (Some(2), 0), "{args:?}: {err}");
    for part in parts {
        assert!(err.contains(part), "{args:?} does not say '{part}': {err}");
    }
}

#[test]
fn every_list_has_every_format() {
    let (place, _host) = populated();
    for verb in LISTS {
        let ask = |format: &str| place.tell(&[&words(verb)[..], &["-o", format]].concat());
        let rows: Value = serde_json::from_str(&ask("json")).unwrap();
        let rows = rows.as_array().unwrap();
        assert!(!rows.is_empty(), "{verb}");
        // The host goes on: between two questions there may be more events.
        let enough = |lines: usize| lines >= rows.len();
        let csv = ask("csv");
        let mut reader = csv::ReaderBuilder::new().from_reader(csv.as_bytes());
        let head: Vec<String> = reader.headers().unwrap().iter().map(str::to_owned).collect();
        assert!(head.iter().all(|name| name.chars().all(|c| c.is_ascii_lowercase() || c == '_')), "{head:?}");
        let lines: Vec<csv::StringRecord> = reader.records().map(|record| record.unwrap()).collect();
        assert!(enough(lines.len()), "{verb}: {csv}");
        assert!(enough(ask("name").lines().count()), "{verb}");
        let yaml = ask("yaml");
        let items = yaml.lines().filter(|line| line.starts_with("- ")).count();
        assert!(enough(items), "{verb}: {yaml}");
        let wide = ask("wide");
        assert_eq!(
            wide.lines().next().unwrap().split("  ").filter(|title| !title.is_empty()).count(),
            head.len()
        );
        assert!(ask("table").len() <= wide.len() || verb == "events", "{verb}");
    }
}

#[test]
fn rows_and_columns_are_those_that_are_wanted() {
    let (place, _host) = populated();
    assert_eq!(place.tell(&["ls", "-o", "name", "--filter", "power=running"]), "web\n");
    assert_eq!(place.tell(&["ls", "-o", "name", "--sort", "-name"]), "web\noff\n");
    assert_eq!(place.tell(&["ls", "-o", "name", "--filter", "shares=low,power!=running"]), "off\n");
    assert_eq!(
        place.tell(&["ls", "-o", "csv", "--columns", "NAME,reservation,limit", "--sort", "name"]),
        "name,reservation_bytes,limit_bytes\noff,0,\nweb,33554432,50331648\n",
        "half and three quarters of 64 MiB"
    );
    let table = place.tell(&["ls", "--columns", "limit,name", "--sort", "name"]);
    assert_eq!(table, " LIMIT  NAME\n  none  off\n48 MiB  web\n");
    assert_eq!(place.tell(&["settings", "-o", "name", "--filter", "changed=yes"]), "");
    place.tell(&["settings", "Mem.IdleTax", "50"]);
    assert_eq!(place.tell(&["settings", "-o", "name", "--filter", "changed=yes"]), "Mem.IdleTax\n");
    place.tell(&["settings", "Mem.IdleTax", "default"]);
    assert_eq!(place.json(&["settings", "Mem.IdleTax"])["value"], 75);
    assert_eq!(place.tell(&["settings", "Mem.IdleTax", "-o", "csv", "--columns", "value"]), "value\n75\n");
    let pools: Value = place.json(&["pool", "ls", "--filter", "reservation=64MiB"]);
    assert_eq!(pools[0]["name"], "lab", "a quarter of 256 MiB");
    let denied = place.json(&["audit-log", "--filter", "status>=400"]);
    assert_eq!(denied, Value::Array(Vec::new()));
    let started = place.json(&["operation", "ls", "--filter", "kind=start,state=done"]);
    assert_eq!(started[0]["vm"], "web");
}

#[test]
fn events_are_searched_by_vm_kind_time_and_text() {
    let (place, _host) = populated();
    let kinds = |args: &[&str]| -> BTreeSet<String> {
        let events = place.json(&[&["events"], args].concat());
        events.as_array().unwrap().iter().map(|event| event["event"].as_str().unwrap().to_owned()).collect()
    };
    let set = |kinds: &[&str]| kinds.iter().map(|&kind| kind.to_owned()).collect::<BTreeSet<_>>();
    assert_eq!(kinds(&["--vm", "off"]), set(&["vm-created"]));
    assert_eq!(kinds(&["--event", "vm-started"]), set(&["vm-started"]));
    assert_eq!(kinds(&["--text", "LAB"]), set(&["pool-created"]));
    assert!(kinds(&["--last", "1h"]).contains("host-opened"));
    assert_eq!(kinds(&["--filter", "at<2001"]), set(&[]));
    assert_eq!(kinds(&["--filter", "event~created,vm=none"]), set(&["pool-created"]));
    assert!(place.tell(&["events", "--vm", "off"]).contains("vm-created  off"));
    // Those to come are searched too.
    let mut command =
        place.memtide(&["events", "-f", "--event", "vm-created", "-o", "csv", "--columns", "event,vm"]);
    let following = Running::new(command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap());
    following.expect("event,vm\nvm-created,web\nvm-created,off\n", SOON);
    create_idle(&place, "third", &[]);
    following.expect("vm-created,third\n", SOON);
    assert_eq!(following.said().lines().count(), 4);
}

#[test]
fn what_a_verb_cannot_print_is_wrong_usage_that_says_what_it_can() {
    let place = Place::new();
    // No host is there: usage is checked first.
    wrong(&place, &["info", "web", "-o", "csv"], &["table, json, yaml"]);
    wrong(&place, &["ls", "-o", "xml"], &["table, wide, json, yaml, csv, name"]);
    wrong(&place, &["pool", "ls", "--columns", "size"], &["no column 'size'", "reservation"]);
    wrong(&place, &["pool", "ls", "--sort", "-size"], &["no column 'size'"]);
    wrong(&place, &["pool", "ls", "--filter", "limit>much"], &["'much'", "64MiB"]);
    wrong(&place, &["pool", "ls", "-o", "json", "--columns", "name"], &["table, wide and csv"]);
    wrong(&place, &["events", "-f", "--sort", "seq"], &["--follow", "--sort"]);
    wrong(&place, &["set", "web", "--limit", "150%"], &["0% to 100%"]);
    wrong(&place, &["set", "web", "--limit", "much"], &["512MiB", "50%"]);
    let help = place.tell(&["pool", "ls", "--help"]);
    assert!(help.contains("reserved-within, unreserved"), "{help}");
}

#[test]
fn yaml_is_the_same_document_as_json() {
    let (place, _host) = populated();
    let yaml = place.tell(&["info", "web", "-o", "yaml"]);
    let document = place.json(&["info", "web"]);
    for field in ["name", "power", "reservation_bytes", "limit_bytes"] {
        let value = document[field].to_string();
        let line = format!("{field}: {}", value.trim_matches('"'));
        assert!(yaml.lines().any(|known| known == line), "{line}: {yaml}");
    }
}

#[test]
fn parts_of_memory_are_of_the_vms_or_the_hosts() {
    let (place, _host) = populated();
    let bytes = |args: &[&str], field: &str| place.json(args)[field].as_u64().unwrap() >> 20;
    assert_eq!(bytes(&["set", "web", "--limit", "100%"], "limit_bytes"), 64);
    assert_eq!(bytes(&["set", "off", "--memory", "128MiB", "--reservation", "25%"], "reservation_bytes"), 32);
    assert_eq!(bytes(&["set", "off", "--balloon-max", "50%"], "balloon_max_bytes"), 64);
    assert_eq!(bytes(&["pool", "set", "lab", "--limit", "50%"], "limit_bytes"), 128);
    let planned = place.json(&["plan", "set", "web", "--reservation", "75%"]);
    assert_eq!(planned["refusal"], Value::Null, "{planned}");
    let planned = place.json(&["plan", "add", "--memory", "64MiB", "--reservation", "50%", "--used", "25%"]);
    assert_eq!(planned["vms"].as_array().map(Vec::len).map(|count| count > 0), Some(true), "{planned}");
}
