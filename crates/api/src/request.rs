//! What every request and answer goes through: the name of the request, and the body of a problem.
//!
//! **Model.** A request is named by its header `x-request-id`, or here. The answer carries the name, and so does the problem
//! in it, if there is one: so what a client was told can be found in whatever else was written about that request. What is written
//! here, into the process's log, is its method, path and status, and how long it took: no header, query or body, where secrets are.

use crate::problem::of_status;
use axum::Json;
use axum::extract::Request;
use axum::http::{HeaderValue, StatusCode};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use model::{Problem, REQUEST_ID, Token};
use std::fmt::Write;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Instant, SystemTime, UNIX_EPOCH};

/// Longest name a client may choose.
const MOST_NAME: usize = 64;

/// Longest path that is written.
const MOST_PATH: usize = 256;

/// What a request is called, for whoever handles it.
#[derive(Clone)]
pub(crate) struct RequestId(pub(crate) String);

/// Names the request, writes the problem that its answer carries, and logs both.
pub(crate) async fn name(mut request: Request, next: Next) -> Response {
    let id = given(&request).unwrap_or_else(chosen);
    let begun = tracing::enabled!(tracing::Level::DEBUG).then(Instant::now);
    let (method, path) = (request.method().clone(), request.uri().path().to_owned());
    request.extensions_mut().insert(RequestId(id.clone()));
    let mut response = next.run(request).await;
    let status = response.status();
    if let Some(begun) = begun {
        let (status, milliseconds) = (status.as_u16(), begun.elapsed().as_millis() as u64);
        tracing::debug!(request_id = id, status, milliseconds, "{method} {}: {status}", shown(&path));
    }
    let failed = status.is_client_error() || status.is_server_error();
    if failed {
        let found = response.extensions_mut().remove::<Problem>();
        let problem = found.unwrap_or_else(|| of_status(status));
        if status == StatusCode::INTERNAL_SERVER_ERROR {
            tracing::error!(request_id = id, "{method} {}: {}", shown(&path), problem.message);
        }
        response = with_body(&response, Problem { request_id: Some(id.clone()), ..problem });
    }
    if let Ok(value) = HeaderValue::try_from(id) {
        response.headers_mut().insert(REQUEST_ID, value);
    }
    response
}

/// A path as it is written: not without end, and without what looks like a token that was put there by mistake.
pub(crate) fn shown(path: &str) -> String {
    let mut shown: String = path.split('?').next().unwrap_or_default().chars().take(MOST_PATH).collect();
    if let Some(at) = shown.find(Token::PREFIX) {
        shown.truncate(at + Token::PREFIX.len());
        shown.push_str("...");
    }
    shown
}

/// The same head, but for what it says of its body.
fn with_body(response: &Response, problem: Problem) -> Response {
    let mut whole = Json(problem).into_response();
    *whole.status_mut() = response.status();
    for (name, value) in response.headers() {
        if !whole.headers().contains_key(name) && name != axum::http::header::CONTENT_LENGTH {
            whole.headers_mut().append(name, value.clone());
        }
    }
    whole
}

/// The name that the client chose, if it can be one.
fn given(request: &Request) -> Option<String> {
    let name = request.headers().get(REQUEST_ID)?.to_str().ok()?;
    let good = (1..=MOST_NAME).contains(&name.len()) && name.bytes().all(|byte| byte.is_ascii_graphic());
    good.then(|| name.to_owned())
}

/// A name that no other request has: when the first was named, and how many were since.
fn chosen() -> String {
    static BEGUN: std::sync::LazyLock<u128> = std::sync::LazyLock::new(|| {
        SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_micros())
    });
    static NAMED: AtomicU64 = AtomicU64::new(0);
    let mut name = String::new();
    let number = NAMED.fetch_add(1, Ordering::Relaxed);
    let _ = write!(name, "{:x}-{number:x}", *BEGUN);
    name
}
