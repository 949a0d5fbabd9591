use super::*;
use serde_json::Value;

const KEPT: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/openapi.json");

#[test]
fn the_description_that_is_kept_is_that_of_the_code() {
    let kept: Value = serde_json::from_str(&std::fs::read_to_string(KEPT).unwrap()).unwrap();
    let now: Value = serde_json::from_str(text()).unwrap();
    assert!(kept == now, "docs/openapi.json is of another version: 'make openapi' writes it anew");
}

/// Every `$ref` in a part of the description.
fn references<'a>(part: &'a Value, found: &mut Vec<&'a str>) {
    match part {
        Value::Object(fields) => {
            found.extend(fields.get("$ref").and_then(Value::as_str));
            fields.values().for_each(|part| references(part, found));
        }
        Value::Array(parts) => parts.iter().for_each(|part| references(part, found)),
        _ => {}
    }
}

#[test]
fn whatever_is_referred_to_is_there_and_described() {
    let document: Value = serde_json::from_str(text()).unwrap();
    let mut found = Vec::new();
    references(&document, &mut found);
    assert!(found.len() > 100);
    for reference in found {
        let path = reference.strip_prefix('#').unwrap();
        assert!(document.pointer(path).is_some(), "{reference} leads nowhere");
    }
    for (path, item) in document["paths"].as_object().unwrap() {
        for (method, operation) in item.as_object().unwrap() {
            assert!(operation["summary"].is_string(), "{method} {path} is not described");
            for (status, response) in operation["responses"].as_object().unwrap() {
                assert!(response["headers"][REQUEST_ID].is_object(), "{method} {path} {status}");
                let body = response["content"].as_object().into_iter().flatten().next();
                if status.as_bytes()[0] >= b'4' {
                    let schema = &body.unwrap().1["schema"]["$ref"];
                    assert_eq!(schema, "#/components/schemas/Problem", "{method} {path} {status}");
                }
            }
        }
    }
}
