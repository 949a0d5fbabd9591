//! What an order to change something changed.

use addr::ByteSize;
use serde::Serialize;
use serde_json::{Map, Value};
use std::fmt::Write;

/// A line for each field that was asked to be different: what it was, and what it is.
pub(crate) fn changes(
    name: &str,
    asked: &impl Serialize,
    before: &impl Serialize,
    after: &impl Serialize,
) -> String {
    let [asked, before, after] = [fields(asked), fields(before), fields(after)];
    asked.keys().fold(String::new(), |mut text, field| {
        let words = field.strip_suffix("_bytes").unwrap_or(field).replace('_', " ");
        let [was, is] = [&before, &after].map(|spec| shown(field, spec.get(field)));
        let _ = if was == is {
            writeln!(text, "{name}: {words} is {is} already")
        } else {
            writeln!(text, "{name}: {words} {was} -> {is}")
        };
        text
    })
}

fn fields(of: &impl Serialize) -> Map<String, Value> {
    match serde_json::to_value(of) {
        Ok(Value::Object(fields)) => fields,
        other => unreachable!("specs and changes of them are objects, not {other:?}"),
    }
}

fn shown(field: &str, value: Option<&Value>) -> String {
    match value {
        None | Some(Value::Null) => "none".to_owned(),
        Some(Value::Bool(true)) => "yes".to_owned(),
        Some(Value::Bool(false)) => "no".to_owned(),
        Some(Value::String(text)) if text.is_empty() => "nothing".to_owned(),
        Some(Value::String(text)) => text.clone(),
        Some(Value::Number(number)) => match number.as_u64().filter(|_| field.ends_with("_bytes")) {
            Some(bytes) => ByteSize(bytes).to_string(),
            None => number.to_string(),
        },
        Some(other) => other.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn what_was_asked_is_told_and_nothing_else() {
        let before =
            json!({"limit_bytes": null, "shares": "high", "swap_dir": "/srv", "zip": true, "cpus": 1});
        let after =
            json!({"limit_bytes": 201_326_592, "shares": "high", "swap_dir": null, "zip": false, "cpus": 2});
        let asked = json!({"limit_bytes": 201_326_592, "shares": "high", "swap_dir": null, "zip": false});
        assert_eq!(
            changes("web", &asked, &before, &after),
            "web: limit none -> 192 MiB\nweb: shares is high already\nweb: swap dir /srv -> none\nweb: zip yes -> no\n"
        );
    }
}
