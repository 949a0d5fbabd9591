//! Whether the client asks for every route that the interface has, and for none that it has not.
//!
//! Every method is called once, against a server that notes what it is asked and knows nothing.

use client::model::{
    AlarmRuleChange, Edit, OperationKind, PoolChange, PoolSpec, RestartVm, SettingsChange, StopVm, TokenSpec,
    VmChange, VmSpec,
};
use client::{ByteSize, Client, Error, ProblemCode, inspect::Hex};
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};
use std::io::{Read, Write};
use std::os::unix::net::UnixListener;
use std::sync::{Arc, Mutex};
use tempfile::TempDir;

/// For browsers, and for who watches over the host's process; and the description itself.
const NOT_ASKED: [&str; 5] =
    ["GET /healthz", "GET /v1/docs", "GET /v1/docs/page.css", "GET /v1/docs/page.js", "GET /v1/openapi.json"];

const ANSWER: &str = r#"{"code":"no-such-route","message":"","hint":null,"details":null,"request_id":null}"#;

/// A server that answers each request with 404, and what it was asked.
fn listen(directory: &TempDir) -> (Client, Arc<Mutex<BTreeSet<String>>>) {
    let socket = directory.path().join("host.socket");
    let listener = UnixListener::bind(&socket).unwrap();
    let asked: Arc<Mutex<BTreeSet<String>>> = Arc::default();
    let noted = Arc::clone(&asked);
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            let mut stream = stream.unwrap();
            let mut head = Vec::new();
            let mut some = [0; 4096];
            while !head.windows(4).any(|four| four == b"\r\n\r\n") {
                let count = stream.read(&mut some).unwrap();
                head.extend_from_slice(&some[..count]);
            }
            let line = String::from_utf8_lossy(&head).lines().next().unwrap_or_default().to_owned();
            let path = line.rsplit_once(" HTTP/").unwrap().0.split('?').next().unwrap().to_owned();
            noted.lock().unwrap().insert(path);
            let length = ANSWER.len();
            write!(
                stream,
                "HTTP/1.1 404 Not Found\r\ncontent-length: {length}\r\nconnection: close\r\n\r\n{ANSWER}"
            )
            .unwrap();
        }
    });
    (Client::new(socket), asked)
}

/// Whether a request is one of a route, such as `GET /v1/vms/{name}`.
fn is_of(request: &str, route: &str) -> bool {
    let (asked, described): (Vec<_>, Vec<_>) = (request.split('/').collect(), route.split('/').collect());
    asked.len() == described.len()
        && asked
            .iter()
            .zip(&described)
            .all(|(asked, described)| described.starts_with('{') || asked == described)
}

fn refused<T>(answer: Result<T, Error>) {
    assert!(matches!(answer, Err(Error::Problem(problem)) if problem.code == ProblemCode::NoSuchRoute));
}

#[tokio::test]
async fn every_route_is_asked_by_a_method() {
    let directory = TempDir::new().unwrap();
    let (host, asked) = listen(&directory);
    refused(host.status().await);
    refused(host.metrics().await);
    refused(host.ready().await);
    refused(host.vms().await);
    refused(host.vm("a").await);
    refused(host.revised_vm("a").await);
    refused(host.create(&VmSpec::new("a", ByteSize::mib(16), "kernel")).await);
    refused(host.set("a", &VmChange::default()).await);
    refused(host.set_if("a", &VmChange::default(), "\"1\"").await);
    refused(host.remove("a").await);
    refused(host.explain("a").await);
    refused(host.statistics("a").await);
    refused(host.map("a", 0, 1).await);
    refused(host.address("a", 0, Hex(0)).await);
    refused(host.move_pages("a", 1).await);
    refused(host.said("a", 0).await);
    refused(host.type_in("a", "b").await);
    refused(host.console("a", 0).await);
    refused(host.pools().await);
    refused(host.pool("a").await);
    refused(host.revised_pool("a").await);
    refused(host.create_pool(&PoolSpec::new("a")).await);
    refused(host.set_pool("a", &PoolChange::default()).await);
    refused(host.set_pool_if("a", &PoolChange::default(), "\"1\"").await);
    refused(host.remove_pool("a").await);
    let rule = r#"{"name":"a","subject":"host-free"}"#;
    refused(host.alarms().await);
    refused(host.acknowledge_alarm(1).await);
    refused(host.alarm_rules().await);
    refused(host.alarm_rule("a").await);
    refused(host.revised_alarm_rule("a").await);
    refused(host.create_alarm_rule(&serde_json::from_str(rule).unwrap()).await);
    refused(host.set_alarm_rule("a", &AlarmRuleChange::default(), None).await);
    refused(host.remove_alarm_rule("a").await);
    refused(host.test_alarm_rule("a").await);
    refused(host.settings().await);
    refused(host.revised_settings().await);
    refused(host.setting("a").await);
    refused(host.set_setting("a", 1).await);
    refused(host.set_settings(&SettingsChange(BTreeMap::new()), None).await);
    refused(host.events(0, false).await);
    refused(host.stream(None).await);
    refused(host.follow_events(0, false).await);
    refused(host.what_if(&Edit::StopVm { name: "a".to_owned() }).await);
    refused(host.start("a").await);
    refused(host.stop("a", &StopVm::default()).await);
    refused(host.restart("a", &RestartVm::default()).await);
    refused(host.pause("a").await);
    refused(host.resume("a").await);
    refused(host.unswap("a").await);
    refused(host.audit().await);
    refused(host.audit_vm("a").await);
    refused(host.begin(OperationKind::Audit, None).await);
    refused(host.carry_out(OperationKind::Audit, None).await);
    refused(host.operation(1, 0).await);
    refused(host.finish(1).await);
    refused(host.operations().await);
    refused(host.cancel(1).await);
    refused(host.whoami().await);
    refused(host.tokens().await);
    refused(
        host.create_token(&serde_json::from_str::<TokenSpec>(r#"{"name":"a","role":"view"}"#).unwrap()).await,
    );
    refused(host.remove_token("a").await);
    refused(host.audit_log(1).await);

    let description: Value = serde_json::from_str(api::openapi::text()).unwrap();
    let mut routes = BTreeMap::new();
    for (path, methods) in description["paths"].as_object().unwrap() {
        for method in ["get", "post", "put", "patch", "delete"] {
            if let Some(route) = methods.get(method) {
                routes.insert(
                    format!("{} {path}", method.to_uppercase()),
                    route["operationId"].as_str().unwrap().to_owned(),
                );
            }
        }
    }
    let asked = asked.lock().unwrap();
    let missing: Vec<_> = routes
        .iter()
        .filter(|(route, _)| !NOT_ASKED.contains(&route.as_str()))
        .filter(|(route, _)| !asked.iter().any(|request| is_of(request, route)))
        .collect();
    assert!(missing.is_empty(), "no method of `Client`, or none called here, asks for {missing:#?}");
    let strange: Vec<_> =
        asked.iter().filter(|request| !routes.keys().any(|route| is_of(request, route))).collect();
    assert!(strange.is_empty(), "the interface has no {strange:#?}");
    assert!(NOT_ASKED.iter().all(|route| routes.contains_key(*route)), "a route is gone");
}
