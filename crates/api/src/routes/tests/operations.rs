//! Long work.

use super::*;
use crate::operations::MOST_RUNNING;
use types::{OperationKind, OperationState};

#[tokio::test]
async fn an_operation_is_looked_at_while_it_goes_on_and_after() {
    let fixture = Fixture::new();
    fixture.read::<types::Vm>("POST", "/v1/vms", fixture.spec("web")).await;
    let operation = fixture.done("/v1/vms/web/start").await;
    assert_eq!((operation.kind, operation.vm.as_deref()), (OperationKind::Start, Some("web")));
    assert!(operation.ended_at_milliseconds >= Some(operation.started_at_milliseconds));
    assert_eq!(fixture.done("/v1/vms/web/unswap").await.done_bytes.0, 0);
    fixture.done("/v1/audit").await;
    let listed = async |query: &str| {
        let list: types::List<types::Operation> =
            fixture.read("GET", &format!("/v1/operations{query}"), Value::Null).await;
        list.items.iter().map(|operation| operation.id).collect::<Vec<_>>()
    };
    assert_eq!(listed("").await, [1, 2, 3]);
    assert_eq!(listed("?vm=web").await, [1, 2]);
    assert_eq!(listed("?state=running").await, [0; 0]);
    assert_eq!(listed("?limit=1&cursor=1").await, [2]);
    let (status, answer) = fixture.ask("POST", "/v1/operations/1/cancel", "").await;
    assert_eq!((status.as_u16(), &answer["code"]), (409, &json!("operation-over")));
}

/// Begins an operation that lasts until it is cancelled.
fn begin_endless(fixture: &Fixture, kind: OperationKind) -> Result<types::Operation, types::Problem> {
    let work = |_: &Host, progress: &host::Progress| {
        while !progress.is_cancelled() {
            std::thread::sleep(Duration::from_millis(1));
        }
        Err(types::Problem::from(host::HostError::Cancelled))
    };
    fixture.operations.begin(&fixture.host, kind, None, Box::new(work))
}

#[tokio::test]
async fn an_operation_is_cancelled_if_it_can_be() {
    let fixture = Fixture::new();
    let begun = begin_endless(&fixture, OperationKind::Unswap).unwrap();
    let place = format!("/v1/operations/{}", begun.id);
    let shown: types::Operation = fixture.read("GET", &place, Value::Null).await;
    assert_eq!((shown.state, shown.cancellable), (OperationState::Running, true));
    // Who waits is answered when the time is over, too.
    fixture.read::<types::Operation>("GET", &format!("{place}?wait=1"), Value::Null).await;
    assert_eq!(fixture.raw("POST", &format!("{place}/cancel"), "").await.status(), StatusCode::ACCEPTED);
    let shown: types::Operation = fixture.read("GET", &format!("{place}?wait=60"), Value::Null).await;
    assert_eq!((shown.state, shown.cancellable), (OperationState::Cancelled, false));

    let begun = begin_endless(&fixture, OperationKind::Stop).unwrap();
    let (status, answer) = fixture.ask("POST", &format!("/v1/operations/{}/cancel", begun.id), "").await;
    assert_eq!((status.as_u16(), &answer["code"]), (409, &json!("not-cancellable")));
    fixture.operations.end_all();
}

#[tokio::test]
async fn operations_are_never_too_many() {
    let fixture = Fixture::new();
    for _ in 0..MOST_RUNNING {
        begin_endless(&fixture, OperationKind::Unswap).unwrap();
    }
    let (status, answer) = fixture.ask("POST", "/v1/audit", "").await;
    assert_eq!((status.as_u16(), &answer["code"]), (429, &json!("too-many-operations")));
    fixture.operations.end_all();
}

#[tokio::test]
async fn a_start_that_is_cancelled_leaves_the_vm_stopped() {
    let fixture = Fixture::new();
    fixture.read::<types::Vm>("POST", "/v1/vms", fixture.spec("web")).await;
    for _ in 0..5 {
        let (_, begun) = fixture.ask("POST", "/v1/vms/web/start", "").await;
        let place = format!("/v1/operations/{}", begun["id"]);
        let (status, answer) = fixture.ask("POST", &format!("{place}/cancel"), "").await;
        let shown: types::Operation = fixture.read("GET", &format!("{place}?wait=60"), Value::Null).await;
        let vm: types::Vm = fixture.read("GET", "/v1/vms/web", Value::Null).await;
        if status == StatusCode::ACCEPTED {
            assert_eq!(vm.info.power, types::Power::Stopped, "{shown:?}");
        } else {
            assert_eq!((&answer["code"], shown.state), (&json!("operation-over"), OperationState::Done));
            fixture.done("/v1/vms/web/stop").await;
        }
    }
}

#[tokio::test]
async fn a_vm_is_stopped_as_the_body_says() {
    let fixture = Fixture::new();
    fixture.read::<types::Vm>("POST", "/v1/vms", fixture.spec("web")).await;
    let unasked = "web is powered off: no agent runs in its guest";
    for (body, state, said) in [
        ("", OperationState::Done, unasked),
        ("{\"deadline_seconds\":null}", OperationState::Done, unasked),
        ("{\"now\":true}", OperationState::Done, "web is powered off"),
        ("{\"force\":false}", OperationState::Failed, "VM 'web' still runs: no agent runs in its guest"),
    ] {
        fixture.done("/v1/vms/web/start").await;
        let ended = stopped(&fixture, body).await;
        let words = ended.message.or(ended.problem.map(|problem| problem.message));
        assert_eq!((ended.state, words.as_deref()), (state, Some(said)), "{body}");
    }
    assert_eq!(stopped(&fixture, "{\"now\":true}").await.message.as_deref(), Some("web is powered off"));
    assert_eq!(stopped(&fixture, "{}").await.message.as_deref(), Some("web is stopped"));
}

/// The end of stopping `web` as `body` says.
async fn stopped(fixture: &Fixture, body: &'static str) -> types::Operation {
    let (status, begun) = fixture.ask("POST", "/v1/vms/web/stop", body).await;
    assert_eq!(status, StatusCode::ACCEPTED, "{body}: {begun}");
    fixture.read("GET", &format!("/v1/operations/{}?wait=60", begun["id"]), Value::Null).await
}

#[tokio::test]
async fn who_waits_for_a_guest_says_so_and_can_be_cancelled() {
    let fixture = Fixture::new();
    let work = |_: &Host, progress: &host::Progress| {
        progress.waits_for("the guest; 9 s left");
        while !progress.is_cancelled() {
            std::thread::sleep(Duration::from_millis(1));
        }
        Err(types::Problem::from(host::HostError::StopCancelled("web".to_owned())))
    };
    let begun = fixture.operations.begin(&fixture.host, OperationKind::Stop, None, Box::new(work)).unwrap();
    let place = format!("/v1/operations/{}", begun.id);
    let shown: types::Operation = loop {
        let shown: types::Operation = fixture.read("GET", &place, Value::Null).await;
        if shown.cancellable {
            break shown;
        }
    };
    assert_eq!(shown.waiting.as_deref(), Some("the guest; 9 s left"));
    assert_eq!(fixture.raw("POST", &format!("{place}/cancel"), "").await.status(), StatusCode::ACCEPTED);
    let shown: types::Operation = fixture.read("GET", &format!("{place}?wait=60"), Value::Null).await;
    assert_eq!((shown.state, shown.waiting), (OperationState::Cancelled, None));
    assert!(shown.problem.unwrap().message.contains("was asked to shut down already"));
}
