//! What happened: once, waiting for more, or following without end.

use super::Shared;
use crate::extract::Parameters;
use crate::problem::Problem;
use crate::types::{EventsQuery, List};
use axum::Json;
use axum::body::{Body, Bytes};
use axum::extract::State;
use axum::http::HeaderMap;
use axum::http::header::{ACCEPT, CACHE_CONTROL, CONTENT_TYPE};
use axum::response::{IntoResponse, Response};
use host::Event;
use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::mpsc;
use tokio::time::timeout;
use tokio_stream::wrappers::ReceiverStream;

/// Longest wait for an event.
const MOST_WAIT: Duration = Duration::from_mins(1);
const EVENT_STREAM: &str = "text/event-stream";

pub(super) async fn events(
    State(mut shared): State<Shared>,
    Parameters(query): Parameters<EventsQuery>,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    if query.follow {
        return Ok(follow(shared, query, &headers));
    }
    let wait = Duration::from_secs(query.wait).min(MOST_WAIT);
    // Whether there is news, the time is over or the server ends: there is something to answer.
    let news = async {
        tokio::select! {
            _ = shared.news.wait_for(|&last| last > query.since) => {}
            _ = shared.closing.wait_for(|&closing| closing) => {}
        }
    };
    let _ = timeout(wait, news).await;
    Ok(Json(List { items: shared.host.events_since(query.since) }).into_response())
}

/// How an event is written out: as a line, or with its number for browsers to go on from.
fn written(event: &Event, as_stream: bool) -> Bytes {
    let json = serde_json::to_string(event).expect("events are JSON");
    if as_stream { format!("id: {}\ndata: {json}\n\n", event.seq).into() } else { (json + "\n").into() }
}

fn follow(mut shared: Shared, query: EventsQuery, headers: &HeaderMap) -> Response {
    let text = |name| headers.get(name).and_then(|value: &axum::http::HeaderValue| value.to_str().ok());
    let as_stream = text(ACCEPT.as_str()).is_some_and(|accepted| accepted.contains(EVENT_STREAM));
    let last = text("last-event-id").and_then(|id| id.parse().ok());
    let mut since = last.unwrap_or(query.since);
    let (sender, receiver) = mpsc::channel::<Result<Bytes, Infallible>>(16);
    tokio::spawn(async move {
        loop {
            for event in shared.host.events_since(since) {
                since = event.seq;
                if sender.send(Ok(written(&event, as_stream))).await.is_err() {
                    return;
                }
            }
            tokio::select! {
                news = shared.news.wait_for(|&last| last > since) => if news.is_err() { return },
                _ = shared.closing.wait_for(|&closing| closing) => return,
                () = sender.closed() => return,
            }
        }
    });
    let kind = if as_stream { EVENT_STREAM } else { "application/x-ndjson" };
    let headers = [(CONTENT_TYPE, kind), (CACHE_CONTROL, "no-store")];
    (headers, Body::from_stream(ReceiverStream::new(receiver))).into_response()
}

/// Watches the host's events on a thread of its own, so that any number of followers cost nothing while nothing happens.
pub(crate) fn watch_events(
    host: &host::Host,
    closing: &tokio::sync::watch::Receiver<bool>,
) -> std::io::Result<(tokio::sync::watch::Receiver<u64>, std::thread::JoinHandle<()>)> {
    /// How soon the thread sees that the server ends.
    const LOOK: Duration = Duration::from_millis(200);
    let (sender, receiver) = tokio::sync::watch::channel(0);
    let (host, closing) = (host.clone(), closing.clone());
    let watch = move || {
        let mut last = 0;
        while !*closing.borrow() {
            let news: Vec<Arc<Event>> = host.wait_events_since(last, LOOK);
            if let Some(event) = news.last() {
                last = event.seq;
                sender.send_replace(last);
            }
        }
    };
    let thread = std::thread::Builder::new().name("event-watch".to_owned()).spawn(watch)?;
    Ok((receiver, thread))
}
