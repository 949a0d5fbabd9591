//! The routes, and what they share.

mod console;
pub(crate) mod events;
mod inspect;
mod inventory;
mod memory;

use crate::problem::Problem;
use axum::Router;
use axum::http::{Method, Uri};
use axum::routing::{get, post};
use host::Host;
use std::sync::Arc;
use tokio::sync::{OwnedSemaphorePermit, Semaphore, watch};

/// Most consoles followed at once: each takes a thread that waits.
const MOST_FOLLOWERS: usize = 32;

/// What every route may use.
#[derive(Clone)]
pub(crate) struct Shared {
    pub(crate) host: Host,
    /// True once the server ends: answers that have no end of their own end then.
    pub(crate) closing: watch::Receiver<bool>,
    /// The number of the last event.
    pub(crate) news: watch::Receiver<u64>,
    followers: Arc<Semaphore>,
}

impl Shared {
    pub(crate) fn new(host: Host, closing: watch::Receiver<bool>, news: watch::Receiver<u64>) -> Self {
        Self { host, closing, news, followers: Arc::new(Semaphore::new(MOST_FOLLOWERS)) }
    }

    /// A place among those who follow a console.
    fn place(&self) -> Result<OwnedSemaphorePermit, Problem> {
        Arc::clone(&self.followers).try_acquire_owned().map_err(|_| {
            Problem::new(
                "too-many-followers",
                format!("{MOST_FOLLOWERS} consoles are being followed already"),
            )
            .hint("leave one of them, or ask without following")
        })
    }
}

/// All routes.
pub(crate) fn router(shared: Shared) -> Router {
    Router::new()
        .route("/healthz", get(|| async { "ok\n" }))
        .route("/v1/host", get(memory::status))
        .route("/v1/plan", post(memory::plan))
        .route("/v1/audit", post(memory::audit))
        .route("/v1/settings", get(memory::settings))
        .route("/v1/settings/{name}", get(memory::setting).put(memory::set_setting))
        .route("/v1/vms", get(inventory::vms).post(inventory::create))
        .route("/v1/vms/{name}", get(inventory::vm).patch(inventory::set).delete(inventory::remove))
        .route("/v1/vms/{name}/start", post(inventory::start))
        .route("/v1/vms/{name}/stop", post(inventory::stop))
        .route("/v1/vms/{name}/unswap", post(memory::unswap))
        .route("/v1/vms/{name}/explain", get(memory::explain))
        .route("/v1/vms/{name}/audit", post(inspect::audit))
        .route("/v1/vms/{name}/inspect", post(inspect::inspect))
        .route("/v1/vms/{name}/console", get(console::said).post(console::type_in))
        .route("/v1/pools", get(inventory::pools).post(inventory::create_pool))
        .route(
            "/v1/pools/{name}",
            get(inventory::pool).patch(inventory::set_pool).delete(inventory::remove_pool),
        )
        .route("/v1/events", get(events::events))
        .fallback(no_such_route)
        .method_not_allowed_fallback(wrong_method)
        .with_state(shared)
}

async fn no_such_route(uri: Uri) -> Problem {
    Problem::new("no-such-route", format!("there is nothing at {}", uri.path()))
}

async fn wrong_method(method: Method, uri: Uri) -> Problem {
    Problem::new("wrong-method", format!("{} does not take {method}", uri.path()))
}

#[cfg(test)]
mod tests;
