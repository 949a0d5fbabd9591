//! Taking requests apart, every mistake answered with a [`Problem`]; and asking the host without holding up others.

use crate::problem::Failed;
use axum::Json;
use axum::body::Bytes;
use axum::extract::{FromRequest, FromRequestParts, Path, Query, Request};
use axum::http::request::Parts;
use axum::http::{HeaderMap, header};
use axum::response::{IntoResponse, Response};
use host::{Expected, Host, HostError, Revision};
use http_body_util::{BodyExt, LengthLimitError, Limited};
use model::{Problem, ProblemCode};
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::error::Category;
use std::time::Duration;
use tokio::sync::oneshot;
use tokio::time::timeout;

/// Longest body.
pub(crate) const MOST_BODY: usize = 64 << 10;
/// How long a client may take to send it.
const PATIENCE: Duration = Duration::from_secs(10);
/// How long the host may take to do what it is asked. The work is not broken off; only nobody waits for it any more.
const WORK: Duration = Duration::from_mins(2);

/// What stands in the path: a name or a number, or several.
pub(crate) struct InPath<T>(pub(crate) T);

impl<S: Send + Sync, T: DeserializeOwned + Send> FromRequestParts<S> for InPath<T> {
    type Rejection = Failed;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Failed> {
        let path = Path::from_request_parts(parts, state).await;
        path.map(|Path(part)| Self(part))
            .map_err(|error| Problem::new(ProblemCode::BadPath, error.body_text()).into())
    }
}

/// What stands behind the question mark.
pub(crate) struct Parameters<T>(pub(crate) T);

impl<S: Send + Sync, T: DeserializeOwned> FromRequestParts<S> for Parameters<T> {
    type Rejection = Failed;

    async fn from_request_parts(parts: &mut Parts, _state: &S) -> Result<Self, Failed> {
        let query = Query::try_from_uri(&parts.uri);
        query
            .map(|Query(query)| Self(query))
            .map_err(|error| Problem::new(ProblemCode::BadQuery, error.body_text()).into())
    }
}

/// What `if-match` says: which revisions the client has read. Without it, or with `*`, anything will do.
pub(crate) struct IfMatch(pub(crate) Expected);

impl<S: Send + Sync> FromRequestParts<S> for IfMatch {
    type Rejection = Failed;

    async fn from_request_parts(parts: &mut Parts, _state: &S) -> Result<Self, Failed> {
        let mut revisions = Vec::new();
        for value in parts.headers.get_all(header::IF_MATCH) {
            let text = value.to_str().map_err(|error| Problem::new(ProblemCode::BadHeader, error))?;
            if text.trim() == "*" {
                return Ok(Self(Expected::Anything));
            }
            let tags = text.split(',').map(|tag| tag.trim().trim_matches('"'));
            // A tag that is none of ours matches nothing.
            revisions.push(tags.filter_map(|tag| tag.parse::<Revision>().ok()).collect::<Vec<_>>());
        }
        let given = !revisions.is_empty();
        Ok(Self(if given { Expected::OneOf(revisions.concat()) } else { Expected::Anything }))
    }
}

/// An answer with the revision of what can be changed of it, to be given back in `if-match`.
pub(crate) struct Tagged<T>(pub(crate) Revision, pub(crate) T);

impl<T: Serialize> IntoResponse for Tagged<T> {
    fn into_response(self) -> Response {
        ([(header::ETAG, format!("\"{}\"", self.0))], Json(self.1)).into_response()
    }
}

/// A body of bounded size, sent in bounded time.
pub(crate) struct Raw(pub(crate) Bytes);

impl<S: Send + Sync> FromRequest<S> for Raw {
    type Rejection = Failed;

    async fn from_request(request: Request, _state: &S) -> Result<Self, Failed> {
        let problem = match timeout(PATIENCE, Limited::new(request.into_body(), MOST_BODY).collect()).await {
            Ok(Ok(body)) => return Ok(Self(body.to_bytes())),
            Ok(Err(error)) if error.is::<LengthLimitError>() => {
                Problem::new(ProblemCode::LargeBody, format!("a body has at most {MOST_BODY} bytes"))
            }
            Ok(Err(error)) => Problem::new(ProblemCode::BadBody, error),
            Err(_) => {
                Problem::new(ProblemCode::SlowBody, format!("the body did not come within {PATIENCE:?}"))
            }
        };
        Err(problem.into())
    }
}

/// A body in JSON.
pub(crate) struct Given<T>(pub(crate) T);

impl<S: Send + Sync, T: DeserializeOwned> FromRequest<S> for Given<T> {
    type Rejection = Failed;

    async fn from_request(request: Request, state: &S) -> Result<Self, Failed> {
        check_type(request.headers())?;
        let Raw(bytes) = Raw::from_request(request, state).await?;
        Ok(Self(read(&bytes)?))
    }
}

/// The same, or none, which means the defaults.
pub(crate) struct GivenOrDefault<T>(pub(crate) T);

impl<S: Send + Sync, T: DeserializeOwned + Default> FromRequest<S> for GivenOrDefault<T> {
    type Rejection = Failed;

    async fn from_request(request: Request, state: &S) -> Result<Self, Failed> {
        let right_type = check_type(request.headers());
        let Raw(bytes) = Raw::from_request(request, state).await?;
        if bytes.is_empty() {
            return Ok(Self(T::default()));
        }
        right_type?;
        Ok(Self(read(&bytes)?))
    }
}

/// All that is asked is an object. Serde would also take a list, for its fields in their order.
fn read<T: DeserializeOwned>(body: &[u8]) -> Result<T, Problem> {
    if body.trim_ascii_start().starts_with(b"[") {
        return Err(Problem::new(ProblemCode::BadField, "the body is a list and should be an object"));
    }
    serde_json::from_slice(body).map_err(|error| {
        let code =
            if error.classify() == Category::Data { ProblemCode::BadField } else { ProblemCode::BadJson };
        Problem::new(code, error)
    })
}

/// A body is JSON, unless it says that it is something else.
fn check_type(headers: &HeaderMap) -> Result<(), Problem> {
    let Some(kind) = headers.get(header::CONTENT_TYPE) else { return Ok(()) };
    let essence = kind.to_str().unwrap_or_default().split(';').next().unwrap_or_default().trim();
    if essence.eq_ignore_ascii_case("application/json") {
        return Ok(());
    }
    Err(Problem::new(
        ProblemCode::WrongType,
        format!("the body is '{essence}' and should be application/json"),
    )
    .hint("curl sends that with --json instead of --data"))
}

/// Asks the host on a thread that may wait.
pub(crate) async fn ask<T: Send + 'static>(
    host: &Host,
    work: impl FnOnce(&Host) -> Result<T, HostError> + Send + 'static,
) -> Result<T, Problem> {
    let host = host.clone();
    let (told, mut outcome) = oneshot::channel();
    // Whoever asked may have gone.
    do_work(Box::new(move || drop(told.send(work(&host))))).await?;
    Ok(outcome.try_recv().expect("what is done has told its outcome")?)
}

/// The runtime's part of [`ask`], compiled once for all that is asked.
async fn do_work(work: Box<dyn FnOnce() + Send>) -> Result<(), Problem> {
    match timeout(WORK, tokio::task::spawn_blocking(work)).await {
        Ok(Ok(())) => Ok(()),
        // A panic: our mistake, reported where it happened.
        Ok(Err(error)) => Err(Problem::new(ProblemCode::Internal, format!("the host failed: {error}"))),
        Err(_) => Err(Problem::new(ProblemCode::Late, format!("the host is not done after {WORK:?}"))
            .hint("it goes on; its events say when it is done")),
    }
}
