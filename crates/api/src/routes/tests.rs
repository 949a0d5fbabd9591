//! Every route, asked in the process itself, with a guest that does nothing.

mod alarms;
mod changes;
mod lists;
mod metrics;
mod mistakes;
mod operations;
mod stream;

use super::{Shared, router};
use crate::access::{Access, Bounds, Peer};
use addr::ByteSize;
use axum::body::Body;
use axum::http::{Request, StatusCode};
use axum::response::Response;
use axum::{Extension, Router};
use host::{Host, HostConfig};
use http_body_util::BodyExt;
use model as types;
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::{Value, json};
use std::time::Duration;
use tempfile::TempDir;
use tokio::sync::watch;
use tower::ServiceExt;

struct Fixture {
    place: TempDir,
    host: Host,
    router: Router,
    operations: crate::operations::Operations,
    closing: watch::Sender<bool>,
}

impl Fixture {
    fn new() -> Self {
        let place = TempDir::new().unwrap();
        std::fs::write(place.path().join("idle"), kernels::waiting()).unwrap();
        let host = Host::open(&HostConfig {
            state: place.path().join("state"),
            machine_memory: ByteSize::mib(128),
            swap: place.path().join("swap"),
        })
        .unwrap();
        let (closing, closed) = watch::channel(false);
        let access = Access::open(&place.path().join("state"), Vec::new(), Bounds::default());
        let shared = Shared::new(host.clone(), access, closed.clone());
        tokio::spawn(shared.stream.clone().run(closed));
        let operations = shared.operations.clone();
        // As over the Unix socket.
        let router = router(shared).layer(Extension(Peer::Local { uid: 0 }));
        Self { place, host, router, operations, closing }
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
        fixture.done(&format!("/v1/vms/{name}/start")).await;
        fixture
    }

    /// Begins an operation and waits for its end, whatever that is.
    async fn carry_out(&self, path: &str) -> types::Operation {
        let response = self.raw("POST", path, "").await;
        assert_eq!(response.status(), StatusCode::ACCEPTED, "{path}");
        let place = response.headers()["location"].to_str().unwrap().to_owned();
        self.read("GET", &format!("{place}?wait=60"), Value::Null).await
    }

    /// Carries out an operation that must be done.
    async fn done(&self, path: &str) -> types::Operation {
        let operation = self.carry_out(path).await;
        assert_eq!(operation.state, types::OperationState::Done, "{operation:?}");
        assert_eq!(operation.progress, Some(1.0));
        operation
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
    fixture.done("/v1/vms/web/start").await;
    let vm: types::Vm = fixture.read("GET", "/v1/vms/web", Value::Null).await;
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
    fixture.done("/v1/vms/web/stop").await;
    let vm: types::Vm = fixture.read("GET", "/v1/vms/web", Value::Null).await;
    assert_eq!((vm.info.power, vm.info.ended), (model::Power::Stopped, Some(model::HowEnded::Stopped)));
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
    assert!(status.ledger.closes(), "{:?}", status.ledger);
    let vm: types::Vm = fixture.read("GET", "/v1/vms/web", Value::Null).await;
    assert_eq!(vm.memory.unwrap().size_bytes, ByteSize::mib(64));

    let explained: types::Explained = fixture.read("GET", "/v1/vms/web/explain", Value::Null).await;
    assert!(explained.text.contains("web has 64 MiB"), "{}", explained.text);
    let edit = json!({"edit": "add-vm", "memory_bytes": 256 << 20});
    let what_if: types::WhatIf = fixture.read("POST", "/v1/what-if", edit).await;
    assert!(what_if.vms.iter().any(|vm| vm.name.is_none()));
    fixture.done("/v1/vms/web/unswap").await;
    assert_eq!(fixture.done("/v1/audit").await.message.as_deref(), Some("all invariants hold"));
    fixture.done("/v1/vms/web/audit").await;
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
    let change = json!({"Mem.IdleTax": 50, "mem.balanceperiod": 5});
    let settings: types::List<types::Setting> = fixture.read("PATCH", "/v1/settings", change).await;
    let setting = settings.items.iter().find(|setting| setting.name == "Mem.IdleTax").unwrap();
    assert_eq!(setting.value, 50);
    assert_eq!(
        fixture.read::<types::Setting>("GET", "/v1/settings/Mem.IdleTax", Value::Null).await,
        *setting
    );
    // All or none.
    for (bad, status, code) in [
        (json!({"Mem.IdleTax": 60, "Mem.BalancePeriod": 500}), 422, "bad-setting"),
        (json!({"Mem.IdleTax": 60, "Mem.Nothing": 1}), 404, "no-such-setting"),
        (json!({"Mem.IdleTax": 60, "mem.idletax": 61}), 422, "bad-setting"),
    ] {
        let (found, answer) = fixture.ask("PATCH", "/v1/settings", bad.to_string()).await;
        assert_eq!((found.as_u16(), &answer["code"]), (status, &json!(code)), "{answer}");
    }
    let settings: types::List<types::Setting> =
        fixture.read("PATCH", "/v1/settings", json!({"Mem.BalancePeriod": null})).await;
    let values: Vec<u32> = settings.items.iter().map(|setting| setting.value).take(3).collect();
    assert_eq!(values, [15, 65, 50]);
}

#[tokio::test]
async fn a_running_vm_is_looked_into() {
    let fixture = Fixture::with_running("web").await;
    let get = async |what: &str| fixture.ask("GET", &format!("/v1/vms/web/{what}"), "").await.1;
    assert_eq!(get("statistics").await["name"], "web");
    assert_eq!(get("map?pages=4").await["space"]["mode"], "bare");
    assert_eq!(get("map/0x80200040").await["page"]["state"], "private");
    let moved: model::inspect::Moved = fixture.read("POST", "/v1/vms/web/move", json!({"pages": 8})).await;
    assert_eq!((moved.name.as_str(), moved.pages_without_frame), ("web", 0));
    assert_eq!(get("map?cpu=7").await["code"], "no-such-cpu");
    assert_eq!(get("map/80200040").await["code"], "bad-path");
    fixture.read::<types::Vm>("PATCH", "/v1/vms/web", json!({"mmu": "hardware"})).await;
    assert_eq!(get("statistics").await["mmu"], "hardware");
    fixture.done("/v1/vms/web/stop").await;
    assert_eq!(get("statistics").await["code"], "not-running");
}

#[tokio::test]
async fn a_console_is_read_and_typed_to() {
    let fixture = Fixture::with_running("web").await;
    let (status, answer) = fixture.ask("POST", "/v1/vms/web/console", "ls\n").await;
    assert_eq!(status, StatusCode::OK, "{answer}");
    assert!(answer["taken_bytes"].as_u64().unwrap() <= 3);
    let response = fixture.raw("GET", "/v1/vms/web/console?from=99", "").await;
    assert_eq!(response.headers()[types::CONSOLE_FROM], "0", "this guest says nothing");
    fixture.done("/v1/vms/web/stop").await;
    assert_eq!(fixture.ask("POST", "/v1/vms/web/console", "x").await.1["code"], "not-running");
}

#[tokio::test]
async fn it_says_that_it_is_well_and_ready() {
    let fixture = Fixture::new();
    assert_eq!(fixture.ask("GET", "/healthz", "").await, (StatusCode::OK, json!("ok\n")));
    assert_eq!(fixture.ask("GET", "/readyz", "").await, (StatusCode::OK, json!("ready\n")));
    fixture.closing.send_replace(true);
    let (status, answer) = fixture.ask("GET", "/readyz", "").await;
    assert_eq!((status.as_u16(), &answer["code"]), (503, &json!("not-ready")));
}

#[tokio::test]
async fn it_describes_itself() {
    let fixture = Fixture::new();
    let (_, description) = fixture.ask("GET", "/v1/openapi.json", "").await;
    assert_eq!(description["openapi"], "3.1.0");
    for (path, kind) in [("", "text/html"), ("/page.js", "text/javascript"), ("/page.css", "text/css")] {
        let response = fixture.raw("GET", &format!("/v1/docs{path}"), "").await;
        assert!(response.headers()["content-type"].to_str().unwrap().starts_with(kind));
    }
}
