//! The host's memory: its status, plans, explanations and settings.

use super::Shared;
use crate::extract::{Given, Name, ask};
use crate::problem::Problem;
use crate::types::{Amount, Done, Explained, List, SettingValue};
use axum::Json;
use axum::extract::State;
use host::{Edit, HostStatus, SettingInfo, WhatIf};
use std::sync::Arc;

type Answer<T> = Result<Json<T>, Problem>;

pub(super) async fn status(State(shared): State<Shared>) -> Json<Arc<HostStatus>> {
    Json(shared.host.status())
}

pub(super) async fn plan(State(shared): State<Shared>, Given(edit): Given<Edit>) -> Answer<WhatIf> {
    Ok(Json(ask(&shared.host, move |host| host.what_if(&edit)).await?))
}

pub(super) async fn audit(State(shared): State<Shared>) -> Answer<Done> {
    ask(&shared.host, host::Host::audit).await?;
    Ok(Json(Done { message: "all invariants hold".to_owned() }))
}

pub(super) async fn explain(State(shared): State<Shared>, Name(name): Name) -> Answer<Explained> {
    Ok(Json(ask(&shared.host, move |host| host.explain(&name)).await?))
}

pub(super) async fn unswap(State(shared): State<Shared>, Name(name): Name) -> Answer<Amount> {
    let bytes = ask(&shared.host, move |host| host.unswap(&name)).await?;
    Ok(Json(Amount { bytes }))
}

pub(super) async fn settings(State(shared): State<Shared>) -> Answer<List<SettingInfo>> {
    let items = ask(&shared.host, |host| Ok(host.settings())).await?;
    Ok(Json(List { items }))
}

pub(super) async fn setting(State(shared): State<Shared>, Name(name): Name) -> Answer<SettingInfo> {
    Ok(Json(ask(&shared.host, move |host| host.setting(&name)).await?))
}

pub(super) async fn set_setting(
    State(shared): State<Shared>,
    Name(name): Name,
    Given(given): Given<SettingValue>,
) -> Answer<SettingInfo> {
    Ok(Json(ask(&shared.host, move |host| host.set_setting(&name, given.value)).await?))
}
