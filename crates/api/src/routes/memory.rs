//! The host's memory: its status, what would be if, explanations and settings.

use super::Shared;
use crate::extract::{Given, IfMatch, InPath, Parameters, Tagged, ask};
use crate::problem::Failed;
use crate::query::{SettingsQuery, page, selects};
use axum::Json;
use axum::extract::State;
use host::Revision;
use model::Problem;
use model::{Edit, Explained, HostStatus, List, Setting, SettingsChange, WhatIf};
use std::sync::Arc;

/// Show the host's memory
///
/// As measured last, about a second ago at most. Asking costs the host nothing.
#[utoipa::path(get, path = "/v1/host", tag = "host",
    responses((status = 200, description = "The host.", body = HostStatus)))]
pub(super) async fn show_host(State(shared): State<Shared>) -> Json<Arc<HostStatus>> {
    Json(shared.host.status())
}

/// Say what would be if
///
/// Plans the host as it was measured last, with and without an edit, and gives the difference. Nothing is touched.
#[utoipa::path(post, path = "/v1/what-if", tag = "host", request_body = Edit,
    responses((status = 200, description = "The difference that the edit would make.", body = WhatIf),
        (status = 404, description = "There is no VM, pool or setting of that name.", body = Problem),
        (status = 409, description = "The VM is not running.", body = Problem)))]
pub(super) async fn what_if(
    State(shared): State<Shared>,
    Given(edit): Given<Edit>,
) -> Result<Json<WhatIf>, Failed> {
    Ok(Json(ask(&shared.host, move |host| host.what_if(&edit)).await?))
}

/// Explain what a VM holds
///
/// And what would change it.
#[utoipa::path(get, path = "/v1/vms/{name}/explain", tag = "vms",
    params(("name" = String, Path, description = "The VM.")),
    responses((status = 200, description = "The explanation, in words and figures.", body = Explained),
        (status = 409, description = "The VM is not running.", body = Problem)))]
pub(super) async fn explain_vm(
    State(shared): State<Shared>,
    InPath(name): InPath<String>,
) -> Result<Json<Explained>, Failed> {
    Ok(Json(ask(&shared.host, move |host| host.explain(&name)).await?))
}

/// List settings
///
/// By name.
#[utoipa::path(get, path = "/v1/settings", tag = "settings", params(SettingsQuery),
    responses((status = 200, description = "A page of them.", body = List<Setting>,
        headers(("etag", description = "The revision of all settings.")))))]
pub(super) async fn list_settings(
    State(shared): State<Shared>,
    Parameters(query): Parameters<SettingsQuery>,
) -> Result<Tagged<List<Setting>>, Failed> {
    let settings = ask(&shared.host, |host| Ok(host.settings())).await?;
    let revision = Revision::of_settings(&settings);
    let asked = settings
        .into_iter()
        .filter(|setting| selects(query.cursor.as_deref(), query.name.as_deref(), &setting.name));
    Ok(Tagged(revision, page(asked, query.limit, |setting| setting.name.clone())))
}

/// Show a setting
#[utoipa::path(get, path = "/v1/settings/{name}", tag = "settings",
    params(("name" = String, Path, description = "The setting, in any case.")),
    responses((status = 200, description = "The setting.", body = Setting)))]
pub(super) async fn show_setting(
    State(shared): State<Shared>,
    InPath(name): InPath<String>,
) -> Result<Json<Setting>, Failed> {
    Ok(Json(ask(&shared.host, move |host| host.setting(&name)).await?))
}

/// Change settings
///
/// All that are named, or none.
#[utoipa::path(patch, path = "/v1/settings", tag = "settings", request_body = SettingsChange,
    params(("if-match" = Option<String>, Header, description = "The revision they should have; without it, any.")),
    responses((status = 200, description = "All settings, after the change.", body = List<Setting>,
            headers(("etag", description = "The revision of all settings."))),
        (status = 404, description = "There is no setting of that name.", body = Problem),
        (status = 412, description = "Somebody changed one since: nothing is changed.", body = Problem),
        (status = 507, description = "Reservations would not fit any more.", body = Problem)))]
pub(super) async fn change_settings(
    State(shared): State<Shared>,
    IfMatch(expected): IfMatch,
    Given(SettingsChange(values)): Given<SettingsChange>,
) -> Result<Tagged<List<Setting>>, Failed> {
    let items = ask(&shared.host, move |host| host.set_settings(&values, &expected)).await?;
    Ok(Tagged(Revision::of_settings(&items), List { items, next: None }))
}
