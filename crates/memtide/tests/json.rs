//! Every verb speaks JSON: a new one that does not, or that nobody tries here, fails.

mod support;

use rustix::process::Signal;
use serde_json::Value;
use std::collections::BTreeSet;
use support::{Place, Running, SOON, create_idle, host, text};

/// What a verb's document must have.
enum Has {
    /// An object with these fields.
    Fields(&'static [&'static str]),
    /// A list of so many objects with these fields.
    List(usize, &'static [&'static str]),
}
use Has::{Fields, List};

/// In the order of a life: the VMs web, that runs, and off; the pool lab.
const VERBS: [(&str, Has); 53] = [
    ("pool create lab --reservation 16MiB", Fields(&["name", "reservation_bytes", "limit_bytes", "shares"])),
    ("pool set lab --limit 64MiB", Fields(&["limit_bytes", "unreserved_bytes"])),
    ("pool show lab", Fields(&["name", "reservation_used_bytes"])),
    ("pool ls", List(1, &["name", "reservation_bytes", "expandable"])),
    ("create more --kernel KERNEL --memory 64MiB", Fields(&["name", "power", "memory_bytes", "memory"])),
    ("start off", List(1, &["name", "done"])),
    ("pause off", List(1, &["name", "done"])),
    ("resume off", List(1, &["name", "done"])),
    ("restart off", List(1, &["name", "done"])),
    ("stop off", List(1, &["name", "done"])),
    ("ls", List(3, &["name", "runs_in", "power", "pid", "consumed_bytes"])),
    ("clone off copy", Fields(&["name", "power", "memory_bytes"])),
    ("apply -f FILE", List(1, &["name", "result", "changes"])),
    ("info web", Fields(&["name", "limit_bytes", "uptime_seconds", "memory"])),
    ("set web --shares high --pool lab", Fields(&["shares", "pool", "reservation_bytes"])),
    ("console web --no-follow", Fields(&["from", "text"])),
    ("events", List(0, &["seq", "at_milliseconds", "event"])),
    ("top -n 1", Fields(&["state", "ledger", "vms", "pools"])),
    ("explain web", Fields(&["text", "size_bytes", "limit_bytes", "entitlement", "pools", "levers"])),
    ("plan set web --shares low", Fields(&["refusal", "state_after", "for_guests_after_bytes", "vms"])),
    ("plan add --memory 64MiB", Fields(&["refusal", "vms"])),
    ("plan stop web", Fields(&["refusal", "vms"])),
    ("plan setting Mem.IdleTax 0", Fields(&["refusal", "vms"])),
    ("unswap web", Fields(&["name", "brought_back_bytes"])),
    ("settings", List(0, &["name", "value", "default"])),
    ("settings Mem.IdleTax 50", Fields(&["name", "value"])),
    ("map web", List(1, &["name", "sample"])),
    ("stats web", Fields(&["name", "total", "cpus"])),
    ("mmu web software", Fields(&["name", "mmu", "technique", "reason"])),
    ("mmu off", Fields(&["name", "mmu", "technique", "reason"])),
    ("move web --pages 4", Fields(&["name", "pages_moved", "pages_in_use", "pages_without_frame"])),
    ("audit", Fields(&["name", "done"])),
    ("audit web", Fields(&["name", "done"])),
    ("operation ls", List(0, &["id", "kind", "vm", "state", "progress", "done_bytes"])),
    ("operation show 1", Fields(&["id", "state", "message", "cancellable"])),
    ("audit-log", List(0, &["at_milliseconds", "who", "method", "path", "status"])),
    ("alarms rules ls", List(0, &["name", "subject", "warning", "unit", "acts"])),
    (
        "alarms rules set little-free --subject host-free --warning 99 --raise-after 0 -o json -- /bin/echo",
        Fields(&["name", "subject", "warning", "command", "acts"]),
    ),
    ("alarms rules show little-free", Fields(&["name", "raise_after_seconds"])),
    ("alarms rules test little-free", Fields(&["command", "webhook"])),
    ("alarms ls", List(0, &[])),
    ("alarms ack --all", List(0, &[])),
    ("alarms rules rm little-free", List(1, &["name", "done"])),
    ("whoami", Fields(&["who", "role", "is_local"])),
    ("api /v1/vms/web", Fields(&["name", "power", "memory"])),
    ("api -X PATCH /v1/vms/web --data {\"shares\":\"low\"}", Fields(&["name", "shares"])),
    ("api /v1/what-if --data {\"edit\":\"stop-vm\",\"name\":\"web\"}", Fields(&["refusal", "vms"])),
    ("token create monitor", Fields(&["name", "role", "secret"])),
    ("token ls", List(1, &["name", "role"])),
    ("token rm monitor", List(1, &["name", "done"])),
    ("stop", List(1, &["name", "done"])),
    ("rm web off more copy", List(4, &["name", "done"])),
    ("pool rm lab", Fields(&["name", "done"])),
];

/// Without JSON: what `run` prints is the guest's, what `completion` prints a shell's. `host` and `operation cancel` have
/// tests of their own.
const NOT_HERE: [&str; 5] = ["cancel", "completion", "help", "host", "run"];

/// The verbs that `help` lists, those of verbs that have some among them.
fn verbs(place: &Place, of: &[&str]) -> BTreeSet<String> {
    let help = place.tell(&[of, &["--help"]].concat());
    let listed =
        help.lines().skip_while(|line| *line != "Commands:").skip(1).take_while(|line| !line.is_empty());
    let mut all = BTreeSet::new();
    // A verb's line is indented by two; those its description goes on in are by more.
    for line in listed.filter(|line| !line.starts_with("   ")) {
        let path = [of, &[line.split_whitespace().next().unwrap()]].concat();
        let within = if path.contains(&"help") { BTreeSet::new() } else { verbs(place, &path) };
        if within.is_empty() {
            all.insert(path.join(" "));
        }
        all.extend(within);
    }
    all
}

fn check(verb: &str, document: &Value, has: &Has) {
    let fields = match has {
        Fields(fields) => {
            assert!(document.is_object(), "{verb}: {document}");
            fields
        }
        List(count, fields) => {
            let list = document.as_array().unwrap_or_else(|| panic!("{verb}: {document}"));
            assert!(*count == 0 || list.len() == *count, "{verb}: {document}");
            fields
        }
    };
    let object = document.get(0).unwrap_or(document);
    for field in *fields {
        assert!(object.get(field).is_some(), "{verb}: no field '{field}' in {object}");
    }
    sizes_are_named(verb, document);
}

/// A size is an integer, and its field says that it is one. Here a size is recognized by its kind of name.
fn sizes_are_named(verb: &str, value: &Value) {
    match value {
        Value::Object(fields) => {
            for (name, value) in fields {
                let size = name.ends_with("_bytes") || name.ends_with("_bytes_per_second");
                assert!(!size || value.is_u64() || value.is_null(), "{verb}: {name} is {value}");
                let unnamed =
                    ["size", "memory", "target", "limit", "reservation", "free", "bytes", "consumed"];
                assert!(
                    !(unnamed.contains(&name.as_str()) && value.is_number()),
                    "{verb}: {name} is {value}"
                );
                sizes_are_named(verb, value);
            }
        }
        Value::Array(items) => items.iter().for_each(|item| sizes_are_named(verb, item)),
        _ => {}
    }
}

#[test]
fn every_verb_answers_with_one_document() {
    let place = Place::new();
    let _host = host(&place, "256MiB", &[]);
    create_idle(&place, "web", &["--start"]);
    create_idle(&place, "off", &[]);
    let kernel = place.path().join("idle");
    let file = place.file("copy.yaml", b"{name: copy, shares: low}");
    let mut untried = verbs(&place, &[]);
    assert!(untried.len() > 20, "{untried:?}");
    untried.retain(|verb| !NOT_HERE.contains(&verb.rsplit(' ').next().unwrap()));
    for (line, has) in &VERBS {
        let line = line.replace("KERNEL", kernel.to_str().unwrap()).replace("FILE", file.to_str().unwrap());
        let document = place.json(&line.split(' ').collect::<Vec<_>>());
        check(&line, &document, has);
        untried.retain(|verb| !format!("{line} ").starts_with(&format!("{verb} ")));
    }
    assert!(untried.is_empty(), "not tried with -o json: {untried:?}");
}

#[test]
fn what_has_no_end_is_an_object_per_line() {
    let place = Place::new();
    let _host = host(&place, "128MiB", &[]);
    create_idle(&place, "web", &["--start"]);
    for (args, part) in [
        (&["events", "-f"][..], r#""event":"vm-started""#),
        (&["top"], r#""ledger":"#),
        (&["stats", "web", "--watch", "1"], r#""name":"web""#),
    ] {
        let said = follow(&place, args, part);
        for line in said.lines() {
            let object: Value = serde_json::from_str(line).unwrap_or_else(|error| panic!("{error}: {line}"));
            assert!(object.is_object(), "{args:?}: {line}");
        }
    }
}

/// Runs a verb until it has said `part` and a line is complete.
fn follow(place: &Place, args: &[&str], part: &str) -> String {
    use std::process::Stdio;
    let mut command = place.memtide(&[args, &["-o", "json"]].concat());
    let mut running = Running::new(command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap());
    running.expect(part, SOON);
    running.expect("\n", SOON);
    running.signal(Signal::TERM);
    running.end(SOON);
    let said = running.said();
    said[..said.rfind('\n').unwrap()].to_owned()
}

#[test]
fn a_host_tells_what_it_does_line_by_line() {
    let place = Place::new();
    let state = place.path().join("state");
    let args = ["host", "--machine-memory", "128MiB", "--state", state.to_str().unwrap()];
    let said = follow(&place, &args, r#""told":"ready""#);
    // Beside it, standard error has the log.
    let lines = said.lines().filter(|line| line.starts_with('{'));
    let lines: Vec<Value> = lines.map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!(lines[0]["machine_memory_bytes"], 128 << 20);
    assert_eq!(lines.last().unwrap()["told"], "ended");
}

#[test]
fn an_error_is_text_beside_what_was_done() {
    let place = Place::new();
    let _host = host(&place, "128MiB", &[]);
    create_idle(&place, "web", &[]);
    let output = place.ask(&["start", "web", "nobody", "-o", "json"]);
    assert_eq!(output.status.code(), Some(3));
    let done: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(done, serde_json::json!([{"name": "web", "done": "started"}]));
    assert!(text(&output.stderr).starts_with("error: there is no VM 'nobody'\nhint: "), "{output:?}");
    let output = place.ask(&["info", "nobody", "-o", "json"]);
    assert_eq!((output.status.code(), output.stdout.len()), (Some(3), 0));
}
