//! The routes, and what they share.

mod access;
mod alarms;
mod console;
mod events;
mod inspect;
mod inventory;
mod memory;
mod operations;
mod service;
mod stream;

use crate::access::{Access, admit};
use crate::budget::{self, Budget};
use crate::operations::Operations;
use crate::problem::Failed;
use crate::request;
use crate::stream::Stream;
use axum::Router;
use axum::http::{Method, Uri};
use axum::middleware::{from_fn, from_fn_with_state};
use host::Host;
use model::{Problem, ProblemCode};
use std::sync::Arc;
use tokio::sync::{Semaphore, watch};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

/// What every route may use.
#[derive(Clone)]
pub(crate) struct Shared {
    pub(crate) host: Host,
    /// True once the server ends: answers that have no end of their own end then.
    pub(crate) closing: watch::Receiver<bool>,
    pub(crate) operations: Operations,
    pub(crate) stream: Stream,
    pub(crate) access: Access,
    /// What may be held for those who ask.
    pub(crate) budget: Budget,
    /// Places among those who follow a console.
    followers: Arc<Semaphore>,
}

impl Shared {
    pub(crate) fn new(host: Host, access: Access, closing: watch::Receiver<bool>) -> Self {
        Self {
            operations: Operations::new(),
            stream: Stream::new(host.clone()),
            budget: Budget::default(),
            followers: Arc::new(Semaphore::new(console::MOST_FOLLOWERS)),
            host,
            access,
            closing,
        }
    }
}

/// Every route and its description.
pub(crate) fn described() -> OpenApiRouter<Shared> {
    OpenApiRouter::new()
        .routes(routes!(memory::show_host))
        .routes(routes!(memory::what_if))
        .routes(routes!(operations::audit_host))
        .routes(routes!(memory::list_settings, memory::change_settings))
        .routes(routes!(memory::show_setting))
        .routes(routes!(inventory::list_vms, inventory::create_vm))
        .routes(routes!(inventory::show_vm, inventory::change_vm, inventory::remove_vm))
        .routes(routes!(operations::start_vm))
        .routes(routes!(operations::stop_vm))
        .routes(routes!(operations::restart_vm))
        .routes(routes!(operations::pause_vm))
        .routes(routes!(operations::resume_vm))
        .routes(routes!(operations::unswap_vm))
        .routes(routes!(operations::audit_vm))
        .routes(routes!(memory::explain_vm))
        .routes(routes!(inspect::statistics))
        .routes(routes!(inspect::map))
        .routes(routes!(inspect::address))
        .routes(routes!(inspect::move_pages))
        .routes(routes!(console::read_console, console::type_in))
        .routes(routes!(inventory::list_pools, inventory::create_pool))
        .routes(routes!(inventory::show_pool, inventory::change_pool, inventory::remove_pool))
        .routes(routes!(operations::list_operations))
        .routes(routes!(operations::show_operation))
        .routes(routes!(operations::cancel_operation))
        .routes(routes!(events::list_events))
        .routes(routes!(alarms::list_alarms))
        .routes(routes!(alarms::acknowledge_alarm))
        .routes(routes!(alarms::list_alarm_rules, alarms::create_alarm_rule))
        .routes(routes!(alarms::show_alarm_rule, alarms::change_alarm_rule, alarms::remove_alarm_rule))
        .routes(routes!(alarms::test_alarm_rule))
        .routes(routes!(stream::follow))
        .routes(routes!(access::whoami))
        .routes(routes!(access::list_tokens, access::create_token))
        .routes(routes!(access::remove_token))
        .routes(routes!(access::show_audit_log))
        .routes(routes!(service::healthz))
        .routes(routes!(service::readyz))
        .routes(routes!(service::show_metrics))
        .routes(routes!(service::show_openapi))
        .routes(routes!(service::show_docs))
        .routes(routes!(service::docs_script))
        .routes(routes!(service::docs_style))
}

/// Everything that is served, to whom it may be. Requests are named first, so that refusals are too.
pub(crate) fn router(shared: Shared) -> Router {
    let (router, _) = described().split_for_parts();
    let (access, budget) = (shared.access.clone(), shared.budget.clone());
    router
        .merge(crate::web::routes())
        .fallback(no_such_route)
        .method_not_allowed_fallback(wrong_method)
        .with_state(shared)
        .layer(from_fn_with_state(budget, budget::hold))
        .layer(from_fn_with_state(access, admit))
        .layer(from_fn(request::name))
}

async fn no_such_route(uri: Uri) -> Failed {
    Problem::new(ProblemCode::NoSuchRoute, format!("there is nothing at {}", uri.path()))
        .hint("/v1/docs says what there is")
        .into()
}

async fn wrong_method(method: Method, uri: Uri) -> Failed {
    Problem::new(ProblemCode::WrongMethod, format!("{} does not take {method}", uri.path())).into()
}

#[cfg(test)]
mod tests;
