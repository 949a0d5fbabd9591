use super::*;
use serde_json::Value;
use std::collections::BTreeSet;

const DESCRIPTION: &str = include_str!("../../../../../docs/openapi.json");

fn needs(entry: &str) -> Option<Role> {
    let (method, route) = entry.split_once(' ').unwrap();
    let upgrade = method == "UPGRADE";
    let method: Method = if upgrade { Method::GET } else { method.parse().unwrap() };
    Asked { method: &method, route: Some(route), upgrade }.needs()
}

#[test]
fn each_route_is_in_one_table_and_each_entry_is_a_route() {
    let description: Value = serde_json::from_str(DESCRIPTION).unwrap();
    let mut routes = BTreeSet::new();
    for (path, item) in description["paths"].as_object().unwrap() {
        routes.extend(
            item.as_object().unwrap().keys().map(|method| format!("{} {path}", method.to_uppercase())),
        );
    }
    // Not described: the web client's files, and that a console can be asked for as a WebSocket.
    routes.extend(["GET /", "GET /app/{file}", "UPGRADE /v1/vms/{name}/console"].map(str::to_owned));
    let mut named = BTreeSet::new();
    for entry in [OPEN, VIEW, OPERATE, ADMINISTER].concat() {
        assert!(named.insert(entry.to_owned()), "{entry} is named twice");
    }
    let forgotten: Vec<_> = routes.difference(&named).collect();
    assert!(forgotten.is_empty(), "decide who may: {forgotten:?}");
    let stale: Vec<_> = named.difference(&routes).collect();
    assert!(stale.is_empty(), "there is no such route: {stale:?}");
}

#[test]
fn each_entry_needs_what_its_table_says() {
    let tables = [
        (OPEN, None),
        (VIEW, Some(Role::View)),
        (OPERATE, Some(Role::Operate)),
        (ADMINISTER, Some(Role::Administer)),
    ];
    for (table, role) in tables {
        for entry in table {
            assert_eq!(needs(entry), role, "{entry}");
        }
    }
}

#[test]
fn what_is_not_known_is_for_administrators() {
    for entry in
        ["PUT /v1/vms", "POST /", "GET /v1/new", "DELETE /healthz", "UPGRADE /v1/host", "OPTIONS /v1/vms"]
    {
        assert_eq!(needs(entry), Some(Role::Administer), "{entry}");
    }
    let nothing = |method: &Method| Asked { method, route: None, upgrade: false }.needs();
    assert_eq!((nothing(&Method::GET), nothing(&Method::POST)), (Some(Role::View), Some(Role::Administer)));
    assert_eq!(needs("HEAD /v1/host"), Some(Role::View));
}

#[test]
fn changes_are_what_operators_and_administrators_do() {
    let change =
        |method: Method, route, upgrade| Asked { method: &method, route: Some(route), upgrade }.is_change();
    assert!(change(Method::POST, "/v1/vms", false));
    assert!(change(Method::POST, "/v1/vms/{name}/start", false));
    assert!(change(Method::GET, "/v1/vms/{name}/console", true));
    assert!(!change(Method::GET, "/v1/vms/{name}/console", false));
    assert!(!change(Method::GET, "/v1/tokens", false));
    assert!(!change(Method::POST, "/v1/what-if", false), "it touches nothing");
}

#[test]
fn roles_are_written_as_they_are_read() {
    for role in [Role::View, Role::Operate, Role::Administer] {
        assert_eq!(role.to_string().parse(), Ok(role));
        assert_eq!(serde_json::to_value(role).unwrap(), role.to_string());
    }
    assert!("root".parse::<Role>().is_err());
}
