//! Several who change the same thing at once.

use super::*;

impl Fixture {
    /// Changes something that should be at `revision`; gives the status, the answer and its revision.
    async fn change(&self, path: &str, revision: &str, change: Value) -> (u16, Value, String) {
        let request = Request::patch(path).header("if-match", revision);
        let request = request.body(Body::from(change.to_string())).unwrap();
        let response = self.router.clone().oneshot(request).await.unwrap();
        let status = response.status().as_u16();
        let tag = response.headers().get("etag").map(|tag| tag.to_str().unwrap().to_owned());
        let body = response.into_body().collect().await.unwrap().to_bytes();
        (status, serde_json::from_slice(&body).unwrap(), tag.unwrap_or_default())
    }

    async fn revision(&self, path: &str) -> String {
        self.raw("GET", path, "").await.headers()["etag"].to_str().unwrap().to_owned()
    }
}

#[tokio::test]
async fn of_two_editors_one_is_told_and_nothing_is_lost() {
    let fixture = Fixture::new();
    fixture.read::<types::Vm>("POST", "/v1/vms", fixture.spec("web")).await;
    fixture.read::<types::Pool>("POST", "/v1/pools", json!({"name": "lab"})).await;
    for (path, mine, theirs, field) in [
        ("/v1/vms/web", json!({"limit_bytes": 33_554_432}), json!({"shares": 77}), "shares"),
        ("/v1/pools/lab", json!({"expandable": false}), json!({"shares": 77}), "shares"),
    ] {
        let read = fixture.revision(path).await;
        let (status, _, new) = fixture.change(path, &read, theirs).await;
        assert!(status == 200 && new != read, "{path}: {status} {new}");
        let (status, problem, _) = fixture.change(path, &read, mine.clone()).await;
        assert_eq!((status, &problem["code"]), (412, &json!("changed")), "{path}");
        assert_eq!(problem["details"]["etag"], json!(new));
        assert_eq!(fixture.ask("GET", path, "").await.1[field], 77, "{path}: theirs is kept");
        // Read again and decided anew.
        assert_eq!(fixture.change(path, &fixture.revision(path).await, mine).await.0, 200);
        let (_, now) = fixture.ask("GET", path, "").await;
        assert_eq!(now[field], 77, "{path}: {now}");
    }
}

#[tokio::test]
async fn settings_are_changed_as_they_were_read_or_not_at_all() {
    let fixture = Fixture::new();
    let read = fixture.revision("/v1/settings").await;
    assert_eq!(fixture.change("/v1/settings", &read, json!({"Mem.IdleTax": 50})).await.0, 200);
    let (status, ..) = fixture.change("/v1/settings", &read, json!({"Mem.BalancePeriod": 9})).await;
    assert_eq!(status, 412);
    let setting = |name: &str| fixture.host.setting(name).unwrap().value;
    assert_eq!((setting("Mem.IdleTax"), setting("Mem.BalancePeriod")), (50, 15));
    // Back as it was is as it was.
    fixture.read::<Value>("PATCH", "/v1/settings", json!({"Mem.IdleTax": null})).await;
    assert_eq!(fixture.revision("/v1/settings").await, read);
}

#[tokio::test]
async fn what_is_expected_may_be_anything_or_one_of_several() {
    let fixture = Fixture::new();
    fixture.read::<types::Vm>("POST", "/v1/vms", fixture.spec("web")).await;
    let read = fixture.revision("/v1/vms/web").await;
    for (expected, status) in [
        ("*".to_owned(), 200),
        (format!("\"0\", {read}"), 200),
        ("\"0\"".to_owned(), 412),
        ("nonsense".to_owned(), 412),
        (String::new(), 412),
    ] {
        assert_eq!(fixture.change("/v1/vms/web", &expected, json!({})).await.0, status, "{expected}");
    }
    // What is measured and what runs is none of it.
    fixture.done("/v1/vms/web/start").await;
    assert_eq!(fixture.revision("/v1/vms/web").await, read);
}

#[tokio::test]
async fn many_editors_at_once_lose_nothing() {
    let fixture = Fixture::new();
    fixture.read::<types::Vm>("POST", "/v1/vms", fixture.spec("web")).await;
    let add_one = async || loop {
        let response = fixture.raw("GET", "/v1/vms/web", "").await;
        let read = response.headers()["etag"].to_str().unwrap().to_owned();
        let body = response.into_body().collect().await.unwrap().to_bytes();
        let vm: Value = serde_json::from_slice(&body).unwrap();
        let shares = vm["shares"].as_u64().unwrap_or(0) + 1;
        match fixture.change("/v1/vms/web", &read, json!({"shares": shares})).await.0 {
            200 => return,
            status => assert_eq!(status, 412),
        }
    };
    let editor = async || {
        for _ in 0..5 {
            add_one().await;
        }
    };
    tokio::join!(editor(), editor(), editor(), editor());
    assert_eq!(fixture.ask("GET", "/v1/vms/web", "").await.1["shares"], 20);
}
