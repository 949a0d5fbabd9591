//! What is derived from types says less than is known: this adds the rest, by rule.
//!
//! **Model.** Types that contain others by `flatten` become one list of fields. In answers every field is there, be it null. Lists refer to
//! what is in them. What clients send takes no other fields. Bytes are bytes.

use serde_json::{Map, Value, json};

/// What clients send; all else is answered.
const ASKED: [&str; 14] = [
    "VmSpec",
    "PoolSpec",
    "VmChange",
    "PoolChange",
    "Edit",
    "SettingsChange",
    "MovePages",
    "RestartVm",
    "StopVm",
    "TokenSpec",
    "AlarmRuleSpec",
    "AlarmRuleChange",
    "AlarmThreshold",
    "Webhook",
];

/// Applies the rules.
pub(super) fn tidy(document: &mut Value) {
    let Some(schemas) = document.pointer("/components/schemas").and_then(Value::as_object).cloned() else {
        return;
    };
    let tidied = schemas.iter().map(|(name, schema)| {
        let mut schema = flat(schema, &schemas).unwrap_or_else(|| schema.clone());
        let answered = !ASKED.contains(&name.as_str());
        for object in objects(&mut schema) {
            if answered {
                all_there(object);
            } else {
                object["additionalProperties"] = json!(false);
            }
        }
        if let Some(of) = name.strip_prefix("List_") {
            schema["properties"]["items"]["items"] = json!({"$ref": format!("#/components/schemas/{of}")});
        }
        (name.clone(), schema)
    });
    document["components"]["schemas"] = Value::Object(tidied.collect());
    formats(document);
    for item in document["paths"].as_object_mut().into_iter().flat_map(Map::values_mut) {
        for operation in item.as_object_mut().into_iter().flat_map(Map::values_mut) {
            of_headers(operation);
            of_bytes(operation);
        }
    }
}

/// One object for a schema that is all of several, if all are objects.
fn flat(schema: &Value, schemas: &Map<String, Value>) -> Option<Value> {
    if let Some(reference) = schema["$ref"].as_str() {
        return flat(schemas.get(reference.rsplit('/').next()?)?, schemas);
    }
    let Some(parts) = schema["allOf"].as_array() else {
        return schema.get("properties").is_some().then(|| schema.clone());
    };
    let (mut properties, mut required) = (Map::new(), Vec::new());
    for part in parts {
        let part = flat(part, schemas)?;
        properties.extend(part["properties"].as_object()?.clone());
        required.extend(part["required"].as_array().into_iter().flatten().cloned());
    }
    let description = &schema["description"];
    Some(
        json!({"type": "object", "description": description, "required": required, "properties": properties}),
    )
}

/// The objects that a schema is one of, or all of.
fn objects(schema: &mut Value) -> Vec<&mut Value> {
    if schema.get("properties").is_some() {
        return vec![schema];
    }
    let several = if schema.get("oneOf").is_some() { "oneOf" } else { "allOf" };
    let parts = schema.get_mut(several).and_then(Value::as_array_mut).into_iter().flatten();
    parts.filter(|part| part.get("properties").is_some()).collect()
}

/// The registry of formats has `uint64` where utoipa writes `u-int64`.
fn formats(part: &mut Value) {
    match part {
        Value::Object(fields) => {
            if let Some(Value::String(format)) = fields.get_mut("format") {
                *format = format.replace("u-int", "uint");
            }
            fields.values_mut().for_each(formats);
        }
        Value::Array(parts) => parts.iter_mut().for_each(formats),
        _ => {}
    }
}

fn all_there(object: &mut Value) {
    let names: Vec<String> =
        object["properties"].as_object().into_iter().flat_map(Map::keys).cloned().collect();
    object["required"] = json!(names);
}

/// A header that is not there is not null.
fn of_headers(operation: &mut Value) {
    for parameter in operation.get_mut("parameters").and_then(Value::as_array_mut).into_iter().flatten() {
        if parameter["in"] == "header" {
            parameter["schema"] = json!({"type": "string"});
        }
    }
}

fn of_bytes(operation: &mut Value) {
    let bytes = "application/octet-stream";
    let responses = operation["responses"].as_object_mut().into_iter().flat_map(Map::values_mut);
    for response in responses {
        if let Some(content) = response.pointer_mut("/content").and_then(|content| content.get_mut(bytes)) {
            *content = json!({});
        }
    }
    if let Some(content) =
        operation.pointer_mut("/requestBody/content").and_then(|content| content.get_mut(bytes))
    {
        *content = json!({});
        // No bytes are some, too.
        operation["requestBody"]["required"] = json!(false);
    }
}
