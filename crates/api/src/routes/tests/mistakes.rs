//! Whatever a client does wrong, it is told what, and nothing else comes of it.

use super::*;
use model::ProblemCode;

#[tokio::test]
async fn what_cannot_be_is_never_the_servers_fault() {
    let fixture = Fixture::with_running("web").await;
    let long = format!("\"{}\"", "x".repeat(100 << 10));
    for (method, path, body, status, code) in [
        ("GET", "/nowhere", "", 404, "no-such-route"),
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
        ("POST", "/v1/vms", "{\"name\":\"web\",\"memory_bytes\":67108864,\"kernel\":\"/k\"}", 409, "exists"),
        ("POST", "/v1/vms", "{\"name\":\"a\",\"memory_bytes\":67108864,\"kernel\":\"k\"}", 422, "bad-spec"),
        ("PATCH", "/v1/vms/web", "{\"append\":\"a\\u001b]0;title\\u0007\"}", 422, "bad-spec"),
        ("PATCH", "/v1/vms/web", "{\"salt\":\"a\\nb\"}", 422, "bad-spec"),
        ("PATCH", "/v1/vms/web", "{\"swap_dir\":\"/a\\u0000b\"}", 422, "bad-spec"),
        ("PATCH", "/v1/vms/web", "{\"swap_dir\":\"swap\"}", 422, "bad-spec"),
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
        ("POST", "/v1/vms/web/stop", "{\"deadline_seconds\":-1}", 422, "bad-field"),
        ("POST", "/v1/vms/web/stop", "{\"deadline_seconds\":65536}", 422, "bad-field"),
        ("POST", "/v1/vms/web/stop", "{\"later\":true}", 422, "bad-field"),
        ("POST", "/v1/vms/web/stop", "{", 400, "bad-json"),
        ("POST", "/v1/vms/web/stop", "[]", 422, "bad-field"),
        ("PATCH", "/v1/vms/web", " [128]", 422, "bad-field"),
        ("POST", "/v1/vms/other/stop", "", 404, "no-such-vm"),
        ("GET", "/v1/vms/web/console?from=here", "", 400, "bad-query"),
        ("GET", "/v1/events?sinse=1", "", 400, "bad-query"),
        ("GET", "/v1/vms?limit=0", "", 400, "bad-query"),
        ("GET", "/v1/vms?limit=1001", "", 400, "bad-query"),
        ("GET", "/v1/vms?power=asleep", "", 400, "bad-query"),
        ("GET", "/v1/operations/77?wait=61", "", 400, "bad-query"),
        ("GET", "/v1/vms/web/map?pages=257", "", 400, "bad-query"),
        ("GET", "/v1/operations/77", "", 404, "no-such-operation"),
        ("GET", "/v1/operations/-1", "", 400, "bad-path"),
        ("POST", "/v1/operations/77/cancel", "", 404, "no-such-operation"),
        ("GET", "/v1/settings/Mem.Nothing", "", 404, "no-such-setting"),
        ("PATCH", "/v1/settings", "{\"Mem.IdleTax\":\"50\"}", 422, "bad-field"),
        ("PATCH", "/v1/settings", "{\"Mem.IdleTax\":-1}", 422, "bad-field"),
        ("PATCH", "/v1/settings", "{\"Mem.IdleTax\":18446744073709551615}", 422, "bad-setting"),
        ("PATCH", "/v1/vms/web", "{\"limit_bytes\":4095}", 422, "bad-spec"),
        ("PATCH", "/v1/vms/web", "{\"limit_bytes\":18446744073709551615}", 422, "bad-spec"),
        ("PATCH", "/v1/vms/web", "{\"reservation_bytes\":16777216,\"limit_bytes\":8388608}", 422, "bad-spec"),
        ("PATCH", "/v1/vms/web", "{\"reservation_bytes\":-4096}", 422, "bad-field"),
        ("PATCH", "/v1/vms/web", "{\"shares\":0}", 422, "bad-field"),
        ("PATCH", "/v1/vms/web", "{\"shares\":100000001}", 422, "bad-field"),
        ("POST", "/v1/pools", "{\"name\":\"lab\",\"reservation_bytes\":1099511627776}", 507, "no-memory"),
        (
            "POST",
            "/v1/pools",
            "{\"name\":\"lab\",\"reservation_bytes\":18446744073709547520}",
            507,
            "no-memory",
        ),
        (
            "POST",
            "/v1/pools",
            "{\"name\":\"lab\",\"reservation_bytes\":8192,\"limit_bytes\":4096}",
            422,
            "bad-spec",
        ),
        ("POST", "/v1/pools", "{\"name\":\"lab\",\"reservation_bytes\":1}", 422, "bad-spec"),
        ("POST", "/v1/vms/web/move", "{\"pages\":-1}", 422, "bad-field"),
        ("POST", "/v1/pools", "{\"name\":\"lab\",\"parent\":\"lab\"}", 404, "no-such-pool"),
        ("POST", "/v1/what-if", "{\"edit\":\"stop-vm\",\"name\":\"other\"}", 404, "no-such-vm"),
        ("POST", "/v1/what-if", "{\"edit\":\"flood\"}", 422, "bad-field"),
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
async fn a_problem_names_its_request_and_every_answer_does() {
    let fixture = Fixture::new();
    let ask = async |id: Option<&str>, path: &str| {
        let mut request = Request::get(path);
        if let Some(id) = id {
            request = request.header(types::REQUEST_ID, id);
        }
        let response = fixture.router.clone().oneshot(request.body(Body::empty()).unwrap()).await.unwrap();
        let named = response.headers()[types::REQUEST_ID].to_str().unwrap().to_owned();
        let body = response.into_body().collect().await.unwrap().to_bytes();
        (named, serde_json::from_slice::<Value>(&body).unwrap_or_default())
    };
    assert_eq!(ask(Some("mine-7"), "/healthz").await.0, "mine-7");
    let (named, problem) = ask(Some("mine-8"), "/v1/vms/nobody").await;
    assert_eq!((named.as_str(), &problem["request_id"]), ("mine-8", &json!("mine-8")));
    let (first, problem) = ask(None, "/nowhere").await;
    assert_eq!(problem["request_id"], json!(first));
    let (second, _) = ask(Some("two words"), "/v1/host").await;
    assert!(first != second && !second.contains(' '), "{second}");
    let (long, _) = ask(Some(&"x".repeat(65)), "/v1/host").await;
    assert!(long.len() < 65, "{long}");
}

#[tokio::test]
async fn a_method_that_is_not_taken_is_answered_with_those_that_are() {
    let fixture = Fixture::new();
    let response = fixture.raw("PUT", "/v1/vms", "{}").await;
    assert_eq!(response.status(), StatusCode::METHOD_NOT_ALLOWED);
    let allowed = response.headers()["allow"].to_str().unwrap();
    assert!(allowed.contains("GET") && allowed.contains("POST"), "{allowed}");
}

#[tokio::test]
async fn a_body_that_says_it_is_no_json_is_not_read() {
    let fixture = Fixture::new();
    for (kind, status) in [
        ("application/x-www-form-urlencoded", 415),
        ("text/plain", 415),
        ("application/json", 201),
        ("Application/JSON; charset=utf-8", 409),
    ] {
        let request = Request::post("/v1/pools").header("content-type", kind);
        let request = request.body(Body::from(r#"{"name":"lab"}"#)).unwrap();
        let response = fixture.router.clone().oneshot(request).await.unwrap();
        assert_eq!(response.status().as_u16(), status, "{kind}");
    }
}

#[tokio::test]
async fn a_refusal_has_figures() {
    let fixture = Fixture::new();
    let mut spec = fixture.spec("big");
    spec["memory_bytes"] = json!(256 << 20);
    spec["reservation_bytes"] = json!(256 << 20);
    fixture.read::<types::Vm>("POST", "/v1/vms", spec).await;
    let operation = fixture.carry_out("/v1/vms/big/start").await;
    let problem = operation.problem.unwrap();
    assert_eq!((operation.state, problem.code), (types::OperationState::Failed, ProblemCode::NoMemory));
    let details = problem.details.unwrap();
    assert_eq!(details["place"], "host");
    assert!(details["asked_bytes"].as_u64() > Some(256 << 20), "{details}");
    assert!(details["free_bytes"].as_u64() < Some(128 << 20), "{details}");
}

#[tokio::test]
async fn somebody_far_away_names_no_file_but_those_for_guests() {
    let fixture = Fixture::new();
    let guests = fixture.place.path().join("state/guests");
    std::fs::create_dir(&guests).unwrap();
    std::fs::copy(fixture.place.path().join("idle"), guests.join("idle")).unwrap();
    std::os::unix::fs::symlink("/dev/zero", guests.join("link")).unwrap();
    let remote = fixture.remote(types::Role::Administer);
    let spec = |kernel: &str| json!({"name": "far", "memory_bytes": 64 << 20, "kernel": kernel});
    let there = guests.join("idle").display().to_string();
    for kernel in ["/dev/zero", "/etc/passwd", "idle", &format!("{}/../idle", guests.display())] {
        let (status, problem) = remote("POST", "/v1/vms", spec(kernel)).await;
        assert_eq!((status, &problem["code"]), (403, &json!("not-allowed")), "{kernel}");
        assert!(problem["message"].as_str().unwrap().contains("state/guests"), "{problem}");
    }
    let link = guests.join("link").display().to_string();
    assert_eq!(remote("POST", "/v1/vms", spec(&link)).await.0, 403, "it leads elsewhere");
    assert_eq!(remote("POST", "/v1/vms", spec(&there)).await.0, 201);
    for change in [json!({"kernel": "/dev/zero"}), json!({"initrd": "/dev/zero"})] {
        assert_eq!(remote("PATCH", "/v1/vms/far", change).await.0, 403);
    }
    assert_eq!(remote("PATCH", "/v1/vms/far", json!({"initrd": there, "cpus": 2})).await.0, 200);
    // Who is here may name any.
    let near = json!({"name": "near", "memory_bytes": 64 << 20, "kernel": "/dev/zero"});
    fixture.read::<types::Vm>("POST", "/v1/vms", near).await;
}
