//! What happened, a line for each event.

use addr::ByteSize;
use model::UntypedEvent;
use serde_json::{Map, Number, Value};
use std::fmt::Write;

/// Fields that say what an event is about.
const SUBJECTS: [&str; 3] = ["vm", "pool", "name"];

/// An event: time of day (UTC), number, what, and its facts; a plan's VMs on lines of their own.
pub(crate) fn event(event: &UntypedEvent) -> String {
    let seconds = event.at_milliseconds / 1000;
    let (hour, minute, second) = (seconds / 3600 % 24, seconds / 60 % 60, seconds % 60);
    let mut text = format!(
        "{hour:02}:{minute:02}:{second:02}Z {:>5}  {}{}\n",
        event.seq,
        event.event,
        told(&event.fields)
    );
    for vm in event.fields.get("vms").and_then(Value::as_array).into_iter().flatten() {
        if let Some(fields) = vm.as_object() {
            let _ = writeln!(text, "{:17}{}", "", told(fields));
        }
    }
    text
}

/// What is known about an event, on one line.
pub(crate) fn facts(event: &UntypedEvent) -> String {
    told(&event.fields).trim_start().to_owned()
}

/// What it is about, then what is known and not nothing.
fn told(fields: &Map<String, Value>) -> String {
    // An alarm says itself what it is about.
    if let (Some(rule), Some(text)) = (fields.get("rule"), fields.get("text").and_then(Value::as_str)) {
        let severity = fields.get("severity").and_then(Value::as_str).unwrap_or_default();
        return format!("  {severity}  {text}  rule {}", rule.as_str().unwrap_or_default());
    }
    let about = SUBJECTS.iter().filter_map(|&key| fields.get(key)?.as_str()).map(str::to_owned);
    let others = fields.iter().filter(|(key, _)| !SUBJECTS.contains(&key.as_str()));
    let facts = about.chain(others.filter_map(|(key, value)| fact(key, value)));
    facts.fold(String::new(), |text, fact| text + "  " + &fact)
}

fn fact(key: &str, value: &Value) -> Option<String> {
    match value {
        // The VMs of a plan have lines of their own.
        Value::Array(_) if key != "changes" => None,
        Value::Null | Value::Bool(false) => None,
        Value::Number(number) if number.as_u64() == Some(0) => None,
        Value::Number(number) => Some(figure(key, number)),
        Value::String(text) => Some(format!("{key} {text}")),
        Value::Array(changes) => Some(changes.iter().map(change).collect::<Vec<_>>().join(", ")),
        Value::Bool(true) => Some(key.to_owned()),
        Value::Object(_) => Some(format!("{key} {value}")),
    }
}

fn figure(key: &str, number: &Number) -> String {
    let size = |suffix| key.strip_suffix(suffix).zip(number.as_u64());
    if let Some((what, bytes)) = size("_bytes") {
        format!("{what} {}", ByteSize(bytes))
    } else if let Some((what, bytes)) = size("_bytes_per_second") {
        format!("{what} {}/s", ByteSize(bytes))
    } else {
        format!("{key} {number}")
    }
}

fn change(changed: &Value) -> String {
    let text = |key: &str| changed[key].as_str().unwrap_or("none").to_owned();
    format!("{} {} -> {}", text("field"), text("old"), text("new"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn facts_are_said_and_nothings_left_out() {
        let told: UntypedEvent = serde_json::from_value(json!({
            "seq": 7, "at_milliseconds": 3_661_000, "event": "planned", "trigger": "shortage", "free_bytes": 4096,
            "unmet_bytes": 0, "vms": [{"vm": "web", "take_bytes": 2_097_152, "waits": false, "price": null}],
        }))
        .unwrap();
        let text = event(&told);
        assert_eq!(
            text,
            "01:01:01Z     7  planned  free 4 KiB  trigger shortage\n                   web  take 2 MiB\n"
        );
    }

    #[test]
    fn changes_say_what_was_and_what_is() {
        let told: UntypedEvent = serde_json::from_value(json!({
            "seq": 1, "at_milliseconds": 0, "event": "vm-changed", "vm": "web",
            "changes": [{"field": "shares", "old": "normal", "new": "high"}, {"field": "limit", "old": null, "new": "1 GiB"}],
        }))
        .unwrap();
        assert!(event(&told).contains("shares normal -> high, limit none -> 1 GiB"), "{}", event(&told));
    }
}
