//! What happened, as far as it is kept.

use super::Shared;
use crate::extract::{Parameters, ask};
use crate::problem::Failed;
use crate::query::{EventsQuery, page};
use axum::Json;
use axum::extract::State;
use model::Event;
use model::List;
use std::sync::Arc;

/// List events
///
/// By number, as far as they are kept. Decisions of the memory loop, which are kept less long, only if they are asked for.
#[utoipa::path(get, path = "/v1/events", tag = "events", params(EventsQuery),
    responses((status = 200, description = "A page of them.", body = List<Event>)))]
pub(super) async fn list_events(
    State(shared): State<Shared>,
    Parameters(query): Parameters<EventsQuery>,
) -> Result<Json<List<Arc<Event>>>, Failed> {
    let events = ask(&shared.host, move |host| Ok(host.events_since(query.cursor))).await?;
    let asked = events.into_iter().filter(|event| {
        (query.decisions || !event.what.is_decision())
            && query.vm.as_deref().is_none_or(|vm| event.what.vm() == Some(vm))
            && query.event.as_deref().is_none_or(|name| event.what.name() == name)
    });
    Ok(Json(page(asked, query.limit, |event| event.seq.to_string())))
}
