//! The dashboard and the alert rules in `packaging/` ask for nothing that is not exported.

use super::written;
use addr::ByteSize;
use host::{Host, HostConfig};
use serde_json::Value;
use std::collections::BTreeSet;
use tempfile::TempDir;

/// The metrics that there are, whether anything is counted by them or not.
fn exported() -> BTreeSet<String> {
    let place = TempDir::new().unwrap();
    let config = HostConfig {
        state: place.path().join("state"),
        machine_memory: ByteSize::mib(64),
        swap: place.path().join("swap"),
    };
    let text = written(&Host::open(&config).unwrap());
    let names = text.lines().filter_map(|line| line.strip_prefix("# TYPE ")?.split(' ').next());
    names.map(str::to_owned).collect()
}

/// Everything in a document that Prometheus is asked.
fn queries(document: &Value, found: &mut Vec<String>) {
    match document {
        Value::Object(fields) => {
            for (name, value) in fields {
                match value {
                    Value::String(query) if ["expr", "definition"].contains(&name.as_str()) => {
                        found.push(query.clone());
                    }
                    value => queries(value, found),
                }
            }
        }
        Value::Array(items) => items.iter().for_each(|item| queries(item, found)),
        _ => {}
    }
}

fn asks_for_what_is_exported(queries: &[String]) {
    let exported = exported();
    let is_part = |c: char| c.is_ascii_alphanumeric() || c == '_' || c == ':';
    for query in queries {
        let words = query.split(|c| !is_part(c));
        let ours = |word: &&str| word.starts_with("memtide_") || word.starts_with("process_");
        let names: Vec<&str> = words.filter(ours).collect();
        assert!(!names.is_empty(), "{query} asks for no metric");
        for name in names {
            assert!(exported.contains(name), "{query}: there is no {name}");
        }
    }
}

#[test]
fn the_dashboard_names_only_what_is_exported() {
    let dashboard: Value =
        serde_json::from_str(include_str!("../../../../packaging/grafana/memtide.json")).unwrap();
    let mut asked = Vec::new();
    queries(&dashboard, &mut asked);
    assert!(asked.len() > 25, "{asked:?}");
    asks_for_what_is_exported(&asked);
}

#[test]
fn alert_rules_name_only_what_is_exported() {
    let rules = include_str!("../../../../packaging/prometheus/memtide.rules.yml");
    let asked = rules.lines().filter_map(|line| line.trim().strip_prefix("expr: ").map(str::to_owned));
    // `up` is Prometheus' own.
    let asked: Vec<String> = asked.filter(|query| !query.starts_with("up{")).collect();
    assert!(asked.len() >= 9, "{asked:?}");
    asks_for_what_is_exported(&asked);
}
