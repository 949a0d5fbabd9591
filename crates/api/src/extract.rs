//! Taking requests apart, every mistake answered with a [`Problem`]; and asking the host without holding up others.

use crate::problem::Problem;
use axum::body::Bytes;
use axum::extract::{FromRequest, FromRequestParts, Path, Query, Request};
use axum::http::request::Parts;
use host::{Host, HostError};
use http_body_util::{BodyExt, LengthLimitError, Limited};
use serde::de::DeserializeOwned;
use serde_json::error::Category;
use std::time::Duration;
use tokio::time::timeout;

/// Longest body.
const MOST_BODY: usize = 64 << 10;
/// How long a client may take to send it.
const PATIENCE: Duration = Duration::from_secs(10);
/// How long the host may take to do what it is asked. The work is not broken off; only nobody waits for it any more.
const WORK: Duration = Duration::from_mins(2);

/// The name in the path.
pub(crate) struct Name(pub(crate) String);

impl<S: Send + Sync> FromRequestParts<S> for Name {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Problem> {
        let path = Path::from_request_parts(parts, state).await;
        path.map(|Path(name)| Self(name)).map_err(|error| Problem::new("bad-path", error.body_text()))
    }
}

/// What stands behind the question mark.
pub(crate) struct Parameters<T>(pub(crate) T);

impl<S: Send + Sync, T: DeserializeOwned> FromRequestParts<S> for Parameters<T> {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _state: &S) -> Result<Self, Problem> {
        let query = Query::try_from_uri(&parts.uri);
        query.map(|Query(query)| Self(query)).map_err(|error| Problem::new("bad-query", error.body_text()))
    }
}

/// A body of bounded size, sent in bounded time.
pub(crate) struct Raw(pub(crate) Bytes);

impl<S: Send + Sync> FromRequest<S> for Raw {
    type Rejection = Problem;

    async fn from_request(request: Request, _state: &S) -> Result<Self, Problem> {
        match timeout(PATIENCE, Limited::new(request.into_body(), MOST_BODY).collect()).await {
            Ok(Ok(body)) => Ok(Self(body.to_bytes())),
            Ok(Err(error)) if error.is::<LengthLimitError>() => {
                Err(Problem::new("large-body", format!("a body has at most {MOST_BODY} bytes")))
            }
            Ok(Err(error)) => Err(Problem::new("bad-body", error)),
            Err(_) => Err(Problem::new("slow-body", format!("the body did not come within {PATIENCE:?}"))),
        }
    }
}

/// A body in JSON.
pub(crate) struct Given<T>(pub(crate) T);

impl<S: Send + Sync, T: DeserializeOwned> FromRequest<S> for Given<T> {
    type Rejection = Problem;

    async fn from_request(request: Request, state: &S) -> Result<Self, Problem> {
        let Raw(bytes) = Raw::from_request(request, state).await?;
        serde_json::from_slice(&bytes).map(Self).map_err(|error| {
            let code = if error.classify() == Category::Data { "bad-field" } else { "bad-json" };
            Problem::new(code, error)
        })
    }
}

/// Asks the host on a thread that may wait.
pub(crate) async fn ask<T: Send + 'static>(
    host: &Host,
    work: impl FnOnce(&Host) -> Result<T, HostError> + Send + 'static,
) -> Result<T, Problem> {
    let host = host.clone();
    match timeout(WORK, tokio::task::spawn_blocking(move || work(&host))).await {
        Ok(Ok(outcome)) => Ok(outcome?),
        // A panic: our mistake, reported where it happened.
        Ok(Err(error)) => Err(Problem::new("internal", format!("the host failed: {error}"))),
        Err(_) => Err(Problem::new("late", format!("the host is not done after {WORK:?}"))
            .hint("it goes on; its events say when it is done")),
    }
}
