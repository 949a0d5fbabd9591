//! Every route, asked in the process itself, with a guest that does nothing.

use super::{Shared, events::watch_events, router};
use crate::types;
use addr::ByteSize;
use axum::Router;
use axum::body::Body;
use axum::http::{Request, StatusCode};
use axum::response::Response;
use host::{Host, HostConfig};
use http_body_util::BodyExt;
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::{Value, json};
use std::time::Duration;
use tempfile::TempDir;
use tokio::sync::watch;
use tokio::time::timeout;
use tower::ServiceExt;

struct Fixture {
    place: TempDir,
    host: Host,
    router: Router,
    closing: watch::Sender<bool>,
}

/// A kernel that waits for ever: `wfi`, and a jump back to it.
fn idle_kernel() -> Vec<u8> {
    let mut image = vec![0; 4096];
    image[..4].copy_from_slice(&0x0400_006f_u32.to_le_bytes());
    image[8..16].copy_from_slice(&(2u64 << 20).to_le_bytes());
    image[16..24].copy_from_slice(&4096u64.to_le_bytes());
    image[56..60].copy_from_slice(b"RSC\x05");
    image[64..68].copy_from_slice(&0x1050_0073_u32.to_le_bytes());
    image[68..72].copy_from_slice(&0xffdf_f06f_u32.to_le_bytes());
    image
}

impl Fixture {
    fn new() -> Self {
        let place = TempDir::new().unwrap();
        std::fs::write(place.path().join("idle"), idle_kernel()).unwrap();
        let host = Host::open(&HostConfig {
            state: place.path().join("state"),
            machine_memory: ByteSize::mib(128),
            swap: place.path().join("swap"),
        })
        .unwrap();
        let (closing, closed) = watch::channel(false);
        let (news, _) = watch_events(&host, &closed).unwrap();
        let router = router(Shared::new(host.clone(), closed, news));
        Self { place, host, router, closing }
    }

    fn spec(&self, name: &str) -> Value {
        json!({"name": name, "memory_bytes": 64 << 20, "kernel": self.place.path().join("idle")})
    }

    async fn raw(&self, method: &str, path: &str, body: impl Into<Body>) -> Response {
        let request = Request::builder().method(method).uri(path).body(body.into()).unwrap();
        self.router.clone().oneshot(request).await.unwrap()
    }

    async fn ask(&self, method: &str, path: &str, body: impl Into<Body>) -> (StatusCode, Value) {
        let response = self.raw(method, path, body).await;
        let status = response.status();
        let bytes = response.into_body().collect().await.unwrap().to_bytes();
        let text = String::from_utf8_lossy(&bytes).into_owned();
        (status, serde_json::from_slice(&bytes).unwrap_or(Value::String(text)))
    }

    /// Asks for what must work, and checks that a reader of type `T` loses nothing of it.
    async fn read<T: DeserializeOwned + Serialize>(&self, method: &str, path: &str, body: Value) -> T {
        let body = if body.is_null() { String::new() } else { body.to_string() };
        let (status, answer) = self.ask(method, path, body).await;
        assert!(status.is_success(), "{method} {path}: {status} {answer}");
        let read: T =
            serde_json::from_value(answer.clone()).unwrap_or_else(|e| panic!("{path}: {e}: {answer}"));
        assert_eq!(serde_json::to_value(&read).unwrap(), answer, "{method} {path}");
        read
    }

    async fn with_running(name: &str) -> Self {
        let fixture = Self::new();
        let spec = fixture.spec(name);
        fixture.read::<types::Vm>("POST", "/v1/vms", spec).await;
        fixture.read::<types::Vm>("POST", &format!("/v1/vms/{name}/start"), Value::Null).await;
        fixture
    }
}

impl Drop for Fixture {
    fn drop(&mut self) {
        self.closing.send_replace(true);
        self.host.shutdown();
    }
}

#[tokio::test]
async fn a_vm_lives_from_its_making_to_its_removal() {
    let fixture = Fixture::new();
    let vm: types::Vm = fixture.read("POST", "/v1/vms", fixture.spec("web")).await;
    assert_eq!((vm.info.power.to_string().as_str(), vm.memory.is_some()), ("stopped", false));
    let vm: types::Vm = fixture.read("POST", "/v1/vms/web/start", Value::Null).await;
    assert_eq!((vm.info.power.to_string().as_str(), vm.info.id.is_some()), ("running", true));
    let change = json!({"shares": "high", "limit_bytes": 32 << 20, "mmu": "software"});
    let vm: types::Vm = fixture.read("PATCH", "/v1/vms/web", change).await;
    assert_eq!(vm.info.spec.limit_bytes, Some(ByteSize::mib(32)));
    let vm: types::Vm = fixture.read("PATCH", "/v1/vms/web", json!({"limit_bytes": null})).await;
    assert_eq!((vm.info.spec.limit_bytes, vm.info.spec.shares), (None, types::Shares::High));
    let vms: types::List<types::Vm> = fixture.read("GET", "/v1/vms", Value::Null).await;
    assert_eq!(vms.items.len(), 1);
    let (status, answer) = fixture.ask("DELETE", "/v1/vms/web", "").await;
    assert_eq!((status, &answer["code"]), (StatusCode::CONFLICT, &json!("not-stopped")));
    let vm: types::Vm = fixture.read("POST", "/v1/vms/web/stop", Value::Null).await;
    assert_eq!((vm.info.power.to_string().as_str(), vm.info.ended.as_deref()), ("stopped", Some("stopped")));
    assert_eq!(fixture.ask("DELETE", "/v1/vms/web", "").await.0, StatusCode::NO_CONTENT);
    assert_eq!(fixture.ask("GET", "/v1/vms/web", "").await.0, StatusCode::NOT_FOUND);
}

#[tokio::test]
async fn memory_is_shown_explained_planned_and_audited() {
    let fixture = Fixture::with_running("web").await;
    // Measured once a second.
    let deadline = std::time::Instant::now() + Duration::from_secs(20);
    let status = loop {
        let status: types::HostStatus = fixture.read("GET", "/v1/host", Value::Null).await;
        if !status.vms.is_empty() {
            break status;
        }
        assert!(std::time::Instant::now() < deadline, "the VM is never measured");
        tokio::time::sleep(Duration::from_millis(50)).await;
    };
    let of = status.ledger;
    let parts = [of.free_bytes, of.private_bytes, of.shared_bytes, of.zip_bytes, of.overhead_bytes];
    assert_eq!(parts.iter().map(|part| part.0).sum::<u64>(), of.total_bytes.0);
    let vm: types::Vm = fixture.read("GET", "/v1/vms/web", Value::Null).await;
    assert_eq!(vm.memory.unwrap().size_bytes, ByteSize::mib(64));

    let explained: types::Explained = fixture.read("GET", "/v1/vms/web/explain", Value::Null).await;
    assert!(explained.text.contains("web has 64 MiB"), "{}", explained.text);
    let edit = json!({"edit": "add-vm", "memory_bytes": 256 << 20});
    let what_if: types::WhatIf = fixture.read("POST", "/v1/plan", edit).await;
    assert!(what_if.vms.iter().any(|vm| vm.name.is_none()));
    fixture.read::<types::Amount>("POST", "/v1/vms/web/unswap", Value::Null).await;
    fixture.read::<types::Done>("POST", "/v1/audit", Value::Null).await;
    fixture.read::<types::Done>("POST", "/v1/vms/web/audit", Value::Null).await;
}

#[tokio::test]
async fn pools_and_settings_are_changed_and_listed() {
    let fixture = Fixture::new();
    let body = json!({"name": "lab", "reservation_bytes": 16 << 20});
    fixture.read::<types::Pool>("POST", "/v1/pools", body).await;
    let change = json!({"expandable": false, "shares": 1234});
    let pool: types::Pool = fixture.read("PATCH", "/v1/pools/lab", change).await;
    assert_eq!((pool.spec.expandable, pool.spec.shares), (false, types::Shares::Custom(1234)));
    assert_eq!(fixture.read::<types::Pool>("GET", "/v1/pools/lab", Value::Null).await, pool);
    let mut spec = fixture.spec("web");
    spec["pool"] = json!("lab");
    fixture.read::<types::Vm>("POST", "/v1/vms", spec).await;
    assert_eq!(fixture.ask("DELETE", "/v1/pools/lab", "").await.1["code"], "pool-in-use");
    fixture.read::<types::Vm>("PATCH", "/v1/vms/web", json!({"pool": null})).await;
    assert_eq!(fixture.ask("DELETE", "/v1/pools/lab", "").await.0, StatusCode::NO_CONTENT);
    let pools: types::List<types::Pool> = fixture.read("GET", "/v1/pools", Value::Null).await;
    assert_eq!(pools.items, []);

    let settings: types::List<types::Setting> = fixture.read("GET", "/v1/settings", Value::Null).await;
    assert!(settings.items.iter().any(|setting| setting.name == "Mem.IdleTax" && setting.value == 75));
    let setting: types::Setting = fixture.read("PUT", "/v1/settings/Mem.IdleTax", json!({"value": 50})).await;
    assert_eq!(setting.value, 50);
    assert_eq!(fixture.read::<types::Setting>("GET", "/v1/settings/Mem.IdleTax", Value::Null).await, setting);
    let (status, answer) = fixture.ask("PUT", "/v1/settings/Mem.IdleTax", r#"{"value": 500}"#).await;
    assert_eq!((status, &answer["code"]), (StatusCode::UNPROCESSABLE_ENTITY, &json!("bad-setting")));
}

#[tokio::test]
async fn a_running_vm_is_looked_into() {
    let fixture = Fixture::with_running("web").await;
    let inspect =
        async |request: Value| fixture.ask("POST", "/v1/vms/web/inspect", request.to_string()).await.1;
    assert_eq!(inspect(json!({"ask": "info"})).await["info"]["memory_bytes"], 64 << 20);
    assert_eq!(inspect(json!({"ask": "statistics"})).await["statistics"]["name"], "web");
    assert_eq!(inspect(json!({"ask": "map", "cpu": 0, "pages": 4})).await["map"]["space"]["mode"], "bare");
    let address = inspect(json!({"ask": "address", "cpu": 0, "gva": "0x80200040"})).await;
    assert_eq!(address["address"]["page"]["state"], "private", "{address}");
    assert_eq!(inspect(json!({"ask": "move", "pages": 8})).await["moved"]["name"], "web");
    assert_eq!(
        inspect(json!({"ask": "mmu", "mode": "hardware"})).await["done"],
        "web: automatic -> hardware"
    );
    assert_eq!(inspect(json!({"ask": "map", "cpu": 7, "pages": 4})).await["code"], "no-such-cpu");
    assert_eq!(inspect(json!({"ask": "mmu", "mode": "magic"})).await["code"], "bad-mode");
    // The host knows of it.
    let vm: types::Vm = fixture.read("GET", "/v1/vms/web", Value::Null).await;
    assert_eq!(vm.info.spec.mmu.to_string(), "hardware");
    assert!(inspect(json!({"ask": "stop"})).await["done"].is_string());
    assert_eq!(inspect(json!({"ask": "info"})).await["code"], "not-running");
}

#[tokio::test]
async fn what_cannot_be_is_never_the_servers_fault() {
    let fixture = Fixture::with_running("web").await;
    let long = format!("\"{}\"", "x".repeat(100 << 10));
    for (method, path, body, status, code) in [
        ("GET", "/", "", 404, "no-such-route"),
        ("GET", "/v1/vms/web/nothing", "", 404, "no-such-route"),
        ("PUT", "/v1/vms", "{}", 405, "wrong-method"),
        ("DELETE", "/v1/host", "", 405, "wrong-method"),
        ("POST", "/v1/vms", "", 400, "bad-json"),
        ("POST", "/v1/vms", "{\"name\":", 400, "bad-json"),
        ("POST", "/v1/vms", "[]", 422, "bad-field"),
        (
            "POST",
            "/v1/vms",
            "{\"name\":\"a\",\"memory_bytes\":67108864,\"kernel\":\"k\",\"ram\":1}",
            422,
            "bad-field",
        ),
        ("POST", "/v1/vms", "{\"name\":\"a\",\"memory_bytes\":-1,\"kernel\":\"k\"}", 422, "bad-field"),
        ("POST", "/v1/vms", "{\"name\":\"a\",\"memory_bytes\":1e30,\"kernel\":\"k\"}", 422, "bad-field"),
        ("POST", "/v1/vms", "{\"name\":\"a\",\"memory_bytes\":67108865,\"kernel\":\"k\"}", 422, "bad-spec"),
        (
            "POST",
            "/v1/vms",
            "{\"name\":\"../a\",\"memory_bytes\":67108864,\"kernel\":\"k\"}",
            422,
            "bad-name",
        ),
        ("POST", "/v1/vms", "{\"name\":\"web\",\"memory_bytes\":67108864,\"kernel\":\"k\"}", 409, "exists"),
        ("POST", "/v1/vms", &long, 413, "large-body"),
        ("PATCH", "/v1/vms/web", "{\"name\":\"other\"}", 422, "bad-field"),
        ("PATCH", "/v1/vms/web", "{\"shares\":\"huge\"}", 422, "bad-field"),
        ("PATCH", "/v1/vms/web", "{\"reservation_bytes\":134217728}", 422, "bad-spec"),
        ("PATCH", "/v1/vms/web", "{\"memory_bytes\":134217728}", 409, "not-stopped"),
        ("PATCH", "/v1/vms/web", "{\"pool\":\"nowhere\"}", 404, "no-such-pool"),
        ("PATCH", "/v1/vms/other", "{}", 404, "no-such-vm"),
        ("GET", "/v1/vms/%ff", "", 400, "bad-path"),
        ("GET", "/v1/vms/..%2F..%2Fetc", "", 404, "no-such-vm"),
        ("POST", "/v1/vms/web/start", "", 409, "not-stopped"),
        ("POST", "/v1/vms/web/inspect", "{\"ask\":\"reboot\"}", 422, "bad-field"),
        ("GET", "/v1/vms/web/console?from=here", "", 400, "bad-query"),
        ("GET", "/v1/events?sinse=1", "", 400, "bad-query"),
        ("GET", "/v1/settings/Mem.Nothing", "", 404, "no-such-setting"),
        ("PUT", "/v1/settings/Mem.IdleTax", "{\"value\":\"50\"}", 422, "bad-field"),
        ("POST", "/v1/pools", "{\"name\":\"lab\",\"parent\":\"lab\"}", 404, "no-such-pool"),
        ("POST", "/v1/plan", "{\"edit\":\"stop-vm\",\"name\":\"other\"}", 404, "no-such-vm"),
        ("POST", "/v1/plan", "{\"edit\":\"flood\"}", 422, "bad-field"),
    ] {
        let (found, answer) = fixture.ask(method, path, body.to_owned()).await;
        assert_eq!(
            (found.as_u16(), answer["code"].as_str()),
            (status, Some(code)),
            "{method} {path} {body}: {answer}"
        );
        assert!(answer["message"].is_string() && answer.get("hint").is_some(), "{answer}");
    }
}

#[tokio::test]
async fn a_refusal_has_figures() {
    let fixture = Fixture::new();
    let mut spec = fixture.spec("big");
    spec["memory_bytes"] = json!(256 << 20);
    spec["reservation_bytes"] = json!(256 << 20);
    fixture.read::<types::Vm>("POST", "/v1/vms", spec).await;
    let (status, answer) = fixture.ask("POST", "/v1/vms/big/start", "").await;
    assert_eq!(
        (status, &answer["code"]),
        (StatusCode::INSUFFICIENT_STORAGE, &json!("no-memory")),
        "{answer}"
    );
    let details = &answer["details"];
    assert_eq!(details["place"], "host");
    assert!(details["asked_bytes"].as_u64() > Some(256 << 20), "{answer}");
    assert!(details["free_bytes"].as_u64() < Some(128 << 20), "{answer}");
}

/// The next piece of an answer without end.
async fn piece(body: &mut Body) -> Option<String> {
    let frame = timeout(Duration::from_secs(10), body.frame()).await.expect("something comes soon")?;
    Some(String::from_utf8_lossy(&frame.unwrap().into_data().unwrap()).into_owned())
}

#[tokio::test]
async fn events_are_listed_waited_for_and_followed() {
    let fixture = Fixture::new();
    let events: types::List<types::Event> = fixture.read("GET", "/v1/events", Value::Null).await;
    assert_eq!(events.items[0].event, "host-opened");
    let mut lines = fixture.raw("GET", "/v1/events?follow=true", "").await.into_body();
    assert!(piece(&mut lines).await.unwrap().contains("host-opened"));

    let request = Request::get("/v1/events?follow=true").header("accept", "text/event-stream");
    let request = request.header("last-event-id", "0").body(Body::empty()).unwrap();
    let mut stream = fixture.router.clone().oneshot(request).await.unwrap().into_body();
    let first = piece(&mut stream).await.unwrap();
    assert!(first.starts_with("id: 1\ndata: {") && first.ends_with("}\n\n"), "{first}");
    // One who is there no more harms nobody.
    drop(stream);

    let last = fixture.host.events_since(0).last().unwrap().seq;
    let path = format!("/v1/events?since={}&wait=30", last + 1000);
    assert!(timeout(Duration::from_millis(100), fixture.ask("GET", &path, "")).await.is_err(), "it waits");
    fixture.read::<types::Vm>("POST", "/v1/vms", fixture.spec("web")).await;
    let events: types::List<types::Event> =
        fixture.read("GET", &format!("/v1/events?since={last}&wait=30"), Value::Null).await;
    assert!(events.items[0].seq == last + 1, "{:?}", events.items);
    while !piece(&mut lines).await.expect("it goes on").contains("vm-created") {}
    fixture.closing.send_replace(true);
    while piece(&mut lines).await.is_some() {}
}

#[tokio::test]
async fn a_console_is_read_followed_and_typed_to() {
    let fixture = Fixture::with_running("web").await;
    let taken: types::Amount = {
        let (status, answer) = fixture.ask("POST", "/v1/vms/web/console", "ls\n").await;
        assert_eq!(status, StatusCode::OK, "{answer}");
        serde_json::from_value(answer).unwrap()
    };
    assert!(taken.bytes.0 <= 3);
    let response = fixture.raw("GET", "/v1/vms/web/console?from=99", "").await;
    assert_eq!(response.headers()[types::CONSOLE_FROM], "0", "this guest says nothing");
    let mut followed = Vec::new();
    for _ in 0..super::MOST_FOLLOWERS {
        followed.push(fixture.raw("GET", "/v1/vms/web/console?follow=true", "").await);
        assert_eq!(followed.last().unwrap().status(), StatusCode::OK);
    }
    let (status, answer) = fixture.ask("GET", "/v1/vms/web/console?follow=true", "").await;
    assert_eq!((status.as_u16(), &answer["code"]), (429, &json!("too-many-followers")));
    // Those who vanish leave their places.
    followed.truncate(1);
    let deadline = std::time::Instant::now() + Duration::from_secs(20);
    while fixture.raw("GET", "/v1/vms/web/console?follow=true", "").await.status() != StatusCode::OK {
        assert!(std::time::Instant::now() < deadline, "places are not given back");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    // A console ends with its VM.
    fixture.read::<types::Vm>("POST", "/v1/vms/web/stop", Value::Null).await;
    assert_eq!(fixture.ask("POST", "/v1/vms/web/console", "x").await.1["code"], "not-running");
    fixture.ask("DELETE", "/v1/vms/web", "").await;
    let mut body = followed.remove(0).into_body();
    assert_eq!(piece(&mut body).await, None);
}

#[tokio::test]
async fn it_says_that_it_is_well() {
    let fixture = Fixture::new();
    assert_eq!(fixture.ask("GET", "/healthz", "").await, (StatusCode::OK, json!("ok\n")));
}
