//! The stream of what happens and of how memory is.

use super::*;
use std::collections::VecDeque;
use tokio::time::timeout;

/// One who follows the stream.
struct Follower {
    body: Body,
    messages: VecDeque<(String, String, Value)>,
}

impl Follower {
    async fn new(fixture: &Fixture, query: &str, id: Option<&str>) -> Self {
        let mut request = Request::get(format!("/v1/stream{query}"));
        if let Some(id) = id {
            request = request.header("last-event-id", id);
        }
        let response = fixture.router.clone().oneshot(request.body(Body::empty()).unwrap()).await.unwrap();
        assert_eq!(response.headers()["content-type"], "text/event-stream");
        Self { body: response.into_body(), messages: VecDeque::new() }
    }

    /// The next message: its id, kind and data; `None` at the end.
    async fn next(&mut self) -> Option<(String, String, Value)> {
        while self.messages.is_empty() {
            let frame =
                timeout(Duration::from_secs(20), self.body.frame()).await.expect("something comes")?;
            let bytes = frame.unwrap().into_data().unwrap();
            let text = std::str::from_utf8(&bytes).unwrap();
            assert!(text.ends_with("\n\n"));
            for message in text.split_terminator("\n\n").filter(|message| !message.starts_with(':')) {
                let field = |name: &str| message.lines().find_map(|line| line.strip_prefix(name)).unwrap();
                let data = serde_json::from_str(field("data: ")).unwrap();
                self.messages.push_back((field("id: ").to_owned(), field("event: ").to_owned(), data));
            }
        }
        self.messages.pop_front()
    }

    /// The next event called `name`.
    async fn event(&mut self, name: &str) -> (String, Value) {
        loop {
            let (id, kind, data) = self.next().await.expect("it goes on");
            if kind == "event" && data["event"] == name {
                return (id, data);
            }
        }
    }
}

#[tokio::test]
async fn it_begins_with_all_there_is_and_goes_on_with_what_happens() {
    let fixture = Fixture::new();
    fixture.read::<types::Vm>("POST", "/v1/vms", fixture.spec("first")).await;
    let mut follower = Follower::new(&fixture, "", None).await;
    let (_, kind, data) = follower.next().await.unwrap();
    assert_eq!(kind, "snapshot");
    let snapshot: types::StreamSnapshot = serde_json::from_value(data).unwrap();
    assert_eq!(snapshot.vms[0].info.spec.name, "first");
    fixture.read::<types::Vm>("POST", "/v1/vms", fixture.spec("second")).await;
    let (id, event) = loop {
        let (id, event) = follower.event("vm-created").await;
        assert!(event["seq"].as_u64() > Some(snapshot.last_event), "{event}");
        // What is not told yet when the snapshot is made is told after it.
        if event["vm"] == "second" {
            break (id, event);
        }
    };
    assert!(id.ends_with(&format!("-{}", event["seq"])));
    while follower.next().await.unwrap().1 != "status" {}
    fixture.closing.send_replace(true);
    while follower.next().await.is_some() {}
}

#[tokio::test]
async fn who_comes_back_is_given_what_was_missed_or_what_there_is() {
    let fixture = Fixture::new();
    let mut follower = Follower::new(&fixture, "", None).await;
    let (id, ..) = follower.next().await.unwrap();
    drop(follower);
    for name in ["a", "b"] {
        fixture.read::<types::Vm>("POST", "/v1/vms", fixture.spec(name)).await;
    }
    let mut follower = Follower::new(&fixture, "?only=events", Some(&id)).await;
    assert_eq!(follower.event("vm-created").await.1["vm"], "a");
    assert_eq!(follower.event("vm-created").await.1["vm"], "b");
    // Of another host's stream, of none, and from before what is kept.
    for id in ["0123456789abcdef-1", "nonsense", ""] {
        let mut follower = Follower::new(&fixture, "", Some(id)).await;
        assert_eq!(follower.next().await.unwrap().1, "snapshot", "{id}");
    }
    let mut spec = fixture.spec("lost");
    spec["kernel"] = json!("/nowhere");
    fixture.read::<types::Vm>("POST", "/v1/vms", spec).await;
    for _ in 0..2100 {
        fixture.host.start("lost").unwrap_err();
    }
    let mut follower = Follower::new(&fixture, "", Some(&id)).await;
    assert_eq!(follower.next().await.unwrap().1, "snapshot", "after a gap");
}

#[tokio::test]
async fn only_what_is_asked_for_comes() {
    let fixture = Fixture::new();
    let mut events = Follower::new(&fixture, "?only=events&since=0", None).await;
    let mut status = Follower::new(&fixture, "?only=status", None).await;
    assert_eq!(events.event("host-opened").await.1["seq"], 1);
    assert_eq!(status.next().await.unwrap().1, "snapshot");
    for _ in 0..2 {
        assert_eq!(status.next().await.unwrap().1, "status");
    }
    fixture.read::<types::Vm>("POST", "/v1/vms", fixture.spec("web")).await;
    assert_eq!(events.event("vm-created").await.1["vm"], "web");
    assert!(events.messages.iter().all(|(_, kind, _)| kind == "event"));
}

#[tokio::test]
async fn who_does_not_read_is_cut_off_and_holds_up_nobody() {
    let fixture = Fixture::new();
    let mut slow = Follower::new(&fixture, "?only=events&since=0", None).await;
    let mut quick = Follower::new(&fixture, "?only=events&since=0", None).await;
    let mut seen = 0;
    // Each turn is a piece more in the queue of who does not read.
    for _ in 0..80 {
        let change = [("Mem.IdleTax".to_owned(), Some(if seen % 2 == 0 { 50 } else { 75 }))].into();
        fixture.host.set_settings(&change, &host::Expected::Anything).unwrap();
        quick.event("setting-changed").await;
        seen += 1;
    }
    assert_eq!(seen, 80);
    let mut got = 0;
    while slow.next().await.is_some() {
        got += 1;
    }
    assert!(got < 80, "it was given the first pieces at most: {got}");
}
