//! Whether the host is well, what it counts for Prometheus, and what this interface is.

use super::Shared;
use crate::extract::ask;
use crate::problem::Failed;
use crate::{metrics, openapi};
use axum::extract::State;
use axum::http::header::{CONTENT_SECURITY_POLICY, CONTENT_TYPE};
use axum::response::{Html, IntoResponse};
use model::{Problem, ProblemCode};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

/// What is measured once a second is stale after this.
const STALE: Duration = Duration::from_secs(10);

/// Say whether the process answers
#[utoipa::path(get, path = "/healthz", tag = "service",
    responses((status = 200, description = "The process answers.", body = String, content_type = "text/plain")))]
pub(super) async fn healthz() -> &'static str {
    "ok\n"
}

/// Say whether the host does its work
///
/// Which is so while its memory loop measures.
#[utoipa::path(get, path = "/readyz", tag = "service",
    responses((status = 200, description = "The host is ready.", body = String, content_type = "text/plain"),
        (status = 503, description = "The host is not ready, and the reason.", body = Problem)))]
pub(super) async fn readyz(State(shared): State<Shared>) -> Result<&'static str, Failed> {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    let age = now.saturating_sub(Duration::from_millis(shared.host.status().at_milliseconds));
    if *shared.closing.borrow() {
        return Err(Problem::new(ProblemCode::NotReady, "the host is shutting down").into());
    }
    if age > STALE {
        let why = format!("nothing was measured for {} s", age.as_secs());
        return Err(Problem::new(ProblemCode::NotReady, why).hint("see the host's events").into());
    }
    Ok("ready\n")
}

/// Show figures for Prometheus
///
/// As measured last. Asking takes no VM's lock.
#[utoipa::path(get, path = "/metrics", tag = "service",
    responses((status = 200, description = "Metrics in the text format 0.0.4.", body = String, content_type = "text/plain")))]
pub(super) async fn show_metrics(State(shared): State<Shared>) -> Result<impl IntoResponse, Failed> {
    let text = ask(&shared.host, |host| Ok(metrics::written(host))).await?;
    Ok(([(CONTENT_TYPE, "text/plain; version=0.0.4; charset=utf-8")], text))
}

/// Describe this interface
#[utoipa::path(get, path = "/v1/openapi.json", tag = "service",
    responses((status = 200, description = "The description, in OpenAPI 3.1.", body = Object)))]
pub(super) async fn show_openapi() -> impl IntoResponse {
    ([(CONTENT_TYPE, "application/json")], openapi::text())
}

/// Describe this interface to people
#[utoipa::path(get, path = "/v1/docs", tag = "service",
    responses((status = 200, description = "A page.", body = String, content_type = "text/html")))]
pub(super) async fn show_docs() -> impl IntoResponse {
    let policy = "default-src 'none'; connect-src 'self'; script-src 'self'; style-src 'self'; base-uri 'none'; \
                  form-action 'none'; frame-ancestors 'none'";
    ([(CONTENT_SECURITY_POLICY, policy)], Html(include_str!("../docs/page.html")))
}

/// The page's script
#[utoipa::path(get, path = "/v1/docs/page.js", tag = "service",
    responses((status = 200, description = "The script.", body = String, content_type = "text/javascript")))]
pub(super) async fn docs_script() -> impl IntoResponse {
    ([(CONTENT_TYPE, "text/javascript")], include_str!("../docs/page.js"))
}

/// The page's style
#[utoipa::path(get, path = "/v1/docs/page.css", tag = "service",
    responses((status = 200, description = "The style sheet.", body = String, content_type = "text/css")))]
pub(super) async fn docs_style() -> impl IntoResponse {
    ([(CONTENT_TYPE, "text/css")], include_str!("../docs/page.css"))
}
