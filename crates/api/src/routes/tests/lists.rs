//! Lists: pages, filters, and that they are quick.

use super::*;
use std::time::Instant;

#[tokio::test]
async fn a_list_comes_in_pages_and_in_parts() {
    let fixture = Fixture::new();
    fixture.read::<types::Pool>("POST", "/v1/pools", json!({"name": "lab"})).await;
    fixture.read::<types::Pool>("POST", "/v1/pools", json!({"name": "inner", "parent": "lab"})).await;
    for index in 0..10 {
        let mut spec = fixture.spec(&format!("vm{index}"));
        if index % 2 == 0 {
            spec["pool"] = json!("lab");
        }
        fixture.read::<types::Vm>("POST", "/v1/vms", spec).await;
    }
    let names = async |query: &str| {
        let list: types::List<types::Vm> = fixture.read("GET", &format!("/v1/vms{query}"), Value::Null).await;
        let names: Vec<String> = list.items.into_iter().map(|vm| vm.info.spec.name).collect();
        (names.join(" "), list.next)
    };
    let (first, next) = names("?limit=4").await;
    assert_eq!((first.as_str(), next.as_deref()), ("vm0 vm1 vm2 vm3", Some("vm3")));
    // What goes and comes meanwhile moves nothing else.
    fixture.ask("DELETE", "/v1/vms/vm1", "").await;
    assert_eq!(names("?limit=4&cursor=vm3").await, ("vm4 vm5 vm6 vm7".into(), Some("vm7".into())));
    assert_eq!(names("?limit=4&cursor=vm7").await, ("vm8 vm9".into(), None));
    assert_eq!(names("?limit=2&cursor=vm7").await, ("vm8 vm9".into(), None));
    assert_eq!(names("?pool=lab").await.0, "vm0 vm2 vm4 vm6 vm8");
    assert_eq!(names("?pool=").await.0, "vm3 vm5 vm7 vm9");
    assert_eq!(names("?name=m3").await.0, "vm3");
    assert_eq!(names("?power=running").await.0, "");
    let pools: types::List<types::Pool> = fixture.read("GET", "/v1/pools?parent=lab", Value::Null).await;
    assert_eq!(pools.items[0].spec.name, "inner");
    let settings: types::List<types::Setting> =
        fixture.read("GET", "/v1/settings?name=Idle&limit=1", Value::Null).await;
    assert_eq!((settings.items.len(), settings.next.as_deref()), (1, Some("Mem.IdleTax")));
}

#[tokio::test]
async fn events_come_in_pages_and_in_parts() {
    let fixture = Fixture::new();
    for name in ["a", "b", "c"] {
        fixture.read::<types::Vm>("POST", "/v1/vms", fixture.spec(name)).await;
    }
    let events = async |query: &str| {
        let list: types::List<types::UntypedEvent> =
            fixture.read("GET", &format!("/v1/events{query}"), Value::Null).await;
        (list.items, list.next)
    };
    let (all, next) = events("").await;
    assert_eq!((all[0].event.as_str(), next), ("host-opened", None));
    let (first, next) = events("?limit=2").await;
    // Decisions have numbers among those of events.
    let last = all[1].seq.to_string();
    assert_eq!((first.len(), next.as_ref()), (2, Some(&last)));
    assert_eq!(events(&format!("?limit=2&cursor={last}")).await.0[0], all[2]);
    let (created, _) = events("?event=vm-created").await;
    assert_eq!(created.len(), 3);
    assert_eq!(events("?vm=b").await.0, created[1..2]);
}

/// 50 ms as released; unoptimised code is given more.
const QUICK: Duration = Duration::from_millis(if cfg!(debug_assertions) { 500 } else { 50 });

#[tokio::test]
async fn two_hundred_vms_are_listed_in_no_time() {
    let fixture = Fixture::new();
    for index in 0..200 {
        let spec = serde_json::from_value(fixture.spec(&format!("vm{index}"))).unwrap();
        fixture.host.create(spec).unwrap();
    }
    for path in ["/v1/vms", "/v1/pools", "/v1/settings", "/v1/events", "/v1/operations", "/metrics"] {
        // The best of some, as other tests run beside this one.
        let mut best = Duration::MAX;
        for _ in 0..10 {
            let start = Instant::now();
            let (status, _) = fixture.ask("GET", path, "").await;
            best = best.min(start.elapsed());
            assert_eq!(status, StatusCode::OK);
        }
        assert!(best < QUICK, "{path} took {best:?}");
    }
}
