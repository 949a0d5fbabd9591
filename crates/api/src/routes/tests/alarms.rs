//! Alarms and their rules.

use super::*;
use std::time::Instant;

const SOON: Duration = Duration::from_secs(20);

/// A rule that is always reached, as the host itself takes some memory.
fn always(name: &str) -> Value {
    json!({"name": name, "subject": "host-free", "warning": {"raise": 99}, "raise_after_seconds": 0,
        "clear_after_seconds": 0})
}

impl Fixture {
    /// The alarms, once there are some.
    async fn alarms(&self, query: &str) -> Vec<types::Alarm> {
        let deadline = Instant::now() + SOON;
        loop {
            let list: types::List<types::Alarm> =
                self.read("GET", &format!("/v1/alarms{query}"), Value::Null).await;
            if !list.items.is_empty() || Instant::now() > deadline {
                return list.items;
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    }

    /// The same host as somebody with a token has it.
    pub(super) fn remote(&self, role: types::Role) -> impl AsyncFn(&str, &str, Value) -> (u16, Value) {
        let access = Access::open(&self.place.path().join("state"), Vec::new(), Bounds::default());
        let spec = json!({"name": role.to_string(), "role": role});
        let made = access.tokens.create(&serde_json::from_value(spec).unwrap()).unwrap();
        let shared = Shared::new(self.host.clone(), access, self.closing.subscribe());
        let address = std::net::Ipv4Addr::LOCALHOST.into();
        let router = router(shared).layer(Extension(Peer::Remote { address, tls: false }));
        let bearer = format!("Bearer {}", made.secret);
        async move |method: &str, path: &str, body: Value| {
            let body = if body.is_null() { String::new() } else { body.to_string() };
            let request = Request::builder().method(method).uri(path);
            let request = request.header("host", "localhost").header("authorization", &bearer);
            let response = router.clone().oneshot(request.body(Body::from(body)).unwrap()).await.unwrap();
            let status = response.status().as_u16();
            let bytes = response.into_body().collect().await.unwrap().to_bytes();
            (status, serde_json::from_slice(&bytes).unwrap_or_default())
        }
    }
}

#[tokio::test]
async fn an_alarm_is_listed_and_acknowledged() {
    let fixture = Fixture::new();
    fixture.read::<types::AlarmRule>("POST", "/v1/alarm-rules", always("little-free")).await;
    let alarms = fixture.alarms("?rule=little-free&acknowledged=false").await;
    let alarm = &alarms[0];
    assert_eq!(
        (alarms.len(), alarm.rule.as_str(), alarm.unit),
        (1, "little-free", types::AlarmUnit::Percent)
    );
    for (query, count) in [
        ("?severity=critical", 0),
        ("?severity=warning", 1),
        ("?vm=web", 0),
        ("?cursor=1", 0),
        ("?limit=1", 1),
    ] {
        let (_, list) = fixture.ask("GET", &format!("/v1/alarms{query}"), "").await;
        assert_eq!(list["items"].as_array().unwrap().len(), count, "{query}");
    }
    let path = format!("/v1/alarms/{}/acknowledge", alarm.id);
    let seen: types::Alarm = fixture.read("POST", &path, Value::Null).await;
    assert_eq!(seen.acknowledged.unwrap().by, "uid 0");
    assert_eq!(fixture.alarms("?acknowledged=true").await.len(), 1);
    let (status, problem) = fixture.ask("POST", "/v1/alarms/99/acknowledge", "").await;
    assert_eq!((status.as_u16(), &problem["code"]), (404, &json!("no-such-alarm")));
    let (_, events) = fixture.ask("GET", "/v1/events?event=alarm-acknowledged", "").await;
    assert_eq!(events["items"][0]["acknowledged"]["by"], "uid 0");
    let (_, figures) = fixture.ask("GET", "/metrics", "").await;
    let figures = figures.as_str().unwrap();
    assert!(figures.contains("memtide_alarms{rule=\"little-free\"} 1\n"), "{figures}");
    assert!(figures.contains("memtide_alarms_unacknowledged{rule=\"little-free\"} 0\n"), "{figures}");
}

#[tokio::test]
async fn rules_are_made_changed_tested_and_removed() {
    let fixture = Fixture::new();
    let rules: types::List<types::AlarmRule> = fixture.read("GET", "/v1/alarm-rules", Value::Null).await;
    assert!(rules.items.iter().any(|rule| rule.spec.name == "vm-waiting" && rule.spec.enabled && !rule.acts));
    let mut rule = always("little-free");
    rule["command"] = json!(["/bin/sh", "-c", "cat; exit 2"]);
    rule["webhook"] = json!({"url": "http://127.0.0.1:9/", "header": "x-token", "secret": "open sesame"});
    let response = fixture.raw("POST", "/v1/alarm-rules", rule.to_string()).await;
    assert_eq!(response.status(), StatusCode::CREATED);
    assert_eq!(response.headers()["location"], "/v1/alarm-rules/little-free");
    let read = response.headers()["etag"].to_str().unwrap().to_owned();
    let path = "/v1/alarm-rules/little-free";
    let (_, shown) = fixture.ask("GET", path, "").await;
    assert_eq!((&shown["acts"], &shown["webhook"]["header"]), (&json!(true), &json!("x-token")));
    assert!(!shown.to_string().contains("sesame"), "{shown}");

    let change = async |revision: &str, change: Value| {
        let request = Request::patch(path).header("if-match", revision).body(Body::from(change.to_string()));
        fixture.router.clone().oneshot(request.unwrap()).await.unwrap().status().as_u16()
    };
    assert_eq!(change(&read, json!({"enabled": false})).await, 200);
    assert_eq!(change(&read, json!({"enabled": true})).await, 412);
    assert_eq!(fixture.ask("GET", path, "").await.1["enabled"], false);
    let tested: types::TestedActions = fixture.read("POST", &format!("{path}/test"), Value::Null).await;
    let (command, webhook) = (tested.command.unwrap(), tested.webhook.unwrap());
    assert!(!command.done && command.said.unwrap().contains("\"change\":\"test\""));
    assert!(!webhook.done && webhook.why.unwrap().starts_with("127.0.0.1:9: "));
    let changed: types::AlarmRule =
        fixture.read("PATCH", path, json!({"command": null, "webhook": null})).await;
    assert!(!changed.acts);
    let (status, problem) = fixture.ask("POST", &format!("{path}/test"), "").await;
    assert_eq!((status.as_u16(), &problem["code"]), (409, &json!("no-action")));
    assert_eq!(fixture.ask("DELETE", path, "").await.0, StatusCode::NO_CONTENT);
    assert_eq!(fixture.ask("GET", path, "").await.1["code"], "no-such-alarm-rule");
}

#[tokio::test]
async fn bad_rules_are_refused_with_what_to_do() {
    let fixture = Fixture::new();
    let rule = |change: Value| {
        let mut rule = always("a");
        rule.as_object_mut().unwrap().extend(change.as_object().unwrap().clone());
        rule.to_string()
    };
    for (body, code, says) in [
        (rule(json!({"subject": "weather"})), "bad-field", "vm-active"),
        (rule(json!({"warning": {"raise": -1}})), "bad-spec", "a number from 0 to 100"),
        (rule(json!({"warning": {"raise": 1e300}})), "bad-spec", "a number from 0 to 100"),
        (rule(json!({"warning": {"raise": "soft"}})), "bad-spec", "a number from 0 to 100"),
        (rule(json!({"warning": {"raise": 10, "clear": 5}})), "bad-spec", "take more than that"),
        (rule(json!({"warning": null})), "bad-spec", "give 'warning'"),
        (rule(json!({"vms": ["web"]})), "bad-spec", "leave 'vms' null"),
        (rule(json!({"raise_after_seconds": 100_000})), "bad-spec", "86400 s"),
        (rule(json!({"raise_after_seconds": -1})), "bad-field", "-1"),
        (rule(json!({"threshold": 1})), "bad-field", "threshold"),
        (rule(json!({"command": []})), "bad-spec", "a program at least"),
        (rule(json!({"webhook": {"url": "mailto:me"}})), "bad-spec", "is no URL"),
        (rule(json!({"name": "../a"})), "bad-name", "cannot be a name"),
        (always("a").to_string().replace("99", "NaN"), "bad-json", "expected"),
    ] {
        let (status, problem) = fixture.ask("POST", "/v1/alarm-rules", body.clone()).await;
        assert!(status.is_client_error(), "{body}: {status}");
        assert_eq!(problem["code"], code, "{body}: {problem}");
        let said = problem["message"].as_str().unwrap();
        assert!(said.contains(says), "{body}: {said}");
    }
}

#[tokio::test]
async fn a_token_gives_no_command_and_who_may_not_administer_sees_no_action() {
    let fixture = Fixture::new();
    let mut rule = always("little-free");
    rule["command"] = json!(["/bin/true"]);
    fixture.read::<types::AlarmRule>("POST", "/v1/alarm-rules", rule.clone()).await;
    let path = "/v1/alarm-rules/little-free";
    let administrator = fixture.remote(types::Role::Administer);
    for (method, path, body) in [
        (
            "POST",
            "/v1/alarm-rules",
            json!({"name": "b", "subject": "host-free", "command": ["/bin/sh"],
            "warning": {"raise": 1}}),
        ),
        ("PATCH", path, json!({"command": ["/bin/sh"]})),
    ] {
        let (status, problem) = administrator(method, path, body).await;
        assert_eq!((status, &problem["code"]), (403, &json!("not-allowed")), "{problem}");
        assert!(problem["hint"].as_str().unwrap().contains("memtide alarms"));
    }
    assert_eq!(administrator("GET", path, Value::Null).await.1["command"], json!(["/bin/true"]));
    assert_eq!(administrator("PATCH", path, json!({"enabled": false})).await.0, 200);
    let (_, shown) = fixture.remote(types::Role::View)("GET", path, Value::Null).await;
    assert_eq!((&shown["command"], &shown["acts"]), (&Value::Null, &json!(true)));
    assert_eq!(administrator("PATCH", path, json!({"command": null})).await.1["acts"], false);
}

/// A server that refuses what it is told, and says more than others are to know; gives its port.
fn secretive() -> u16 {
    use std::io::{Read, Write};
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            let mut stream = stream.unwrap();
            let _ = stream.read(&mut [0; 4096]);
            let _ = stream.write_all(b"HTTP/1.1 403 Forbidden\r\ncontent-length: 15\r\n\r\nINTERNAL-SECRET");
        }
    });
    port
}

#[tokio::test]
async fn what_a_server_answers_is_told_to_nobody_far_away() {
    let fixture = Fixture::new();
    let remote = fixture.remote(types::Role::Administer);
    let mut rule = always("probe");
    rule["webhook"] = json!({"url": format!("http://127.0.0.1:{}/", secretive())});
    assert_eq!(remote("POST", "/v1/alarm-rules", rule).await.0, 201);
    let (status, tested) = remote("POST", "/v1/alarm-rules/probe/test", Value::Null).await;
    let why = tested["webhook"]["why"].as_str().unwrap();
    assert!(status == 200 && why.ends_with("403 Forbidden"), "{tested}");
    assert_eq!(tested["webhook"]["said"], Value::Null);
    let deadline = Instant::now() + SOON;
    let failed = loop {
        let (_, events) = remote("GET", "/v1/events?event=alarm-action-failed", Value::Null).await;
        if let Some(event) = events["items"].get(0) {
            break event.clone();
        }
        assert!(Instant::now() < deadline, "no webhook failed");
        tokio::time::sleep(Duration::from_millis(50)).await;
    };
    assert!(
        failed["why"].as_str().unwrap().ends_with("403 Forbidden") && failed["said"].is_null(),
        "{failed}"
    );
    let tested: types::TestedActions = fixture.read("POST", "/v1/alarm-rules/probe/test", Value::Null).await;
    assert_eq!(tested.webhook.unwrap().said.as_deref(), Some("INTERNAL-SECRET"), "over the Unix socket");
}
