//! The stream of what happens and of how memory is.

use super::Shared;
use crate::access::Admission;
use crate::extract::{Parameters, ask};
use crate::problem::Failed;
use crate::query::StreamQuery;
use crate::stream::{Since, message};
use axum::Extension;
use axum::body::{Body, Bytes};
use axum::extract::State;
use axum::http::HeaderMap;
use axum::http::header::{CACHE_CONTROL, CONTENT_TYPE};
use axum::response::{IntoResponse, Response};
use model::Problem;
use std::convert::Infallible;

/// Follow what happens
///
/// As `text/event-stream`: first a `snapshot` of all there is, then each `event`, and once a second the host's `status`. Who comes
/// back with the id of the last message is given the events that were missed or, if these are not kept any more, a `snapshot` again. A
/// client that does not read in time is cut off. When its token is removed or expires, the last message is `end`, with a Problem.
#[utoipa::path(get, path = "/v1/stream", tag = "events", params(StreamQuery,
        ("last-event-id" = Option<String>, Header, description = "The id of the last message that was got.")),
    responses((status = 200, description = "Messages without end. The data of an `event` is an Event, of a `status` \
        a HostStatus, of a `snapshot` a StreamSnapshot, of an `end` a Problem.", body = String, content_type = "text/event-stream")))]
pub(super) async fn follow(
    State(shared): State<Shared>,
    Parameters(query): Parameters<StreamQuery>,
    Extension(admission): Extension<Admission>,
    headers: HeaderMap,
) -> Result<Response, Failed> {
    let id = headers.get("last-event-id").map(|id| String::from_utf8_lossy(id.as_bytes()).into_owned());
    let since = id.map(Since::Id).or(query.since.map(Since::Event)).unwrap_or(Since::Beginning);
    let stream = shared.stream.clone();
    let follower = ask(&shared.host, move |_| Ok(stream.follow(&since, query.only))).await?;
    let pieces = futures_util::stream::unfold(Some((follower, admission)), |admitted| async {
        let (mut follower, admission) = admitted?;
        tokio::select! {
            piece = follower.next() => Some((Ok::<_, Infallible>(piece?), Some((follower, admission)))),
            why = admission.over() => Some((Ok(end(&why)), None)),
        }
    });
    let headers = [(CONTENT_TYPE, "text/event-stream"), (CACHE_CONTROL, "no-store")];
    Ok((headers, Body::from_stream(pieces)).into_response())
}

/// The last message, where there is a reason for it.
fn end(why: &Problem) -> Bytes {
    let json = serde_json::to_string(why).expect("a problem is JSON");
    message(None, "end", &json).into()
}
