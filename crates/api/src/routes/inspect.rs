//! Looking into a running VM: its map and what it counted; moving its pages.

use super::Shared;
use crate::extract::{Given, InPath, Parameters, ask};
use crate::inspect::Guest;
use crate::problem::Failed;
use crate::query::{CpuQuery, MapQuery};
use axum::Json;
use axum::extract::State;
use host::{Host, HostError};
use model::MovePages;
use model::inspect::map::{Address, Map};
use model::inspect::statistics::Statistics;
use model::inspect::{Answer, Hex, Moved, Request};
use model::{Problem, ProblemCode};
use std::sync::Arc;
use std::time::{Duration, Instant};

/// Asks a running VM; it gives what `only` picks from its answer.
async fn ask_guest<T: Send + 'static>(
    shared: &Shared,
    name: String,
    request: Request,
    only: fn(Answer) -> Option<T>,
) -> Result<Json<T>, Failed> {
    let answer = ask(&shared.host, move |host| Ok(guest(host, &name)?.answer(&request))).await??;
    let answer =
        only(answer).ok_or_else(|| Problem::new(ProblemCode::Internal, "a VM answered something else"))?;
    Ok(Json(answer))
}

/// Show what a VM counted
///
/// Under each technique of its MMU, since it started.
#[utoipa::path(get, path = "/v1/vms/{name}/statistics", tag = "vms",
    params(("name" = String, Path, description = "The VM.")),
    responses((status = 200, description = "The counters of the VM.", body = Statistics),
        (status = 409, description = "The VM is not running.", body = Problem)))]
pub(super) async fn statistics(
    State(shared): State<Shared>,
    InPath(name): InPath<String>,
) -> Result<Json<Statistics>, Failed> {
    ask_guest(&shared, name, Request::Statistics, |answer| match answer {
        Answer::Statistics(statistics) => Some(*statistics),
        _ => None,
    })
    .await
}

/// Show how a VM's memory is mapped
///
/// What its pages are, and some of those that are mapped in one address space.
#[utoipa::path(get, path = "/v1/vms/{name}/map", tag = "vms",
    params(("name" = String, Path, description = "The VM."), MapQuery),
    responses((status = 200, description = "A picture's worth of it.", body = Map),
        (status = 409, description = "The VM is not running.", body = Problem)))]
pub(super) async fn map(
    State(shared): State<Shared>,
    InPath(name): InPath<String>,
    Parameters(MapQuery { cpu, pages }): Parameters<MapQuery>,
) -> Result<Json<Map>, Failed> {
    ask_guest(&shared, name, Request::Map { cpu, pages }, |answer| match answer {
        Answer::Map(map) => Some(*map),
        _ => None,
    })
    .await
}

/// Follow an address
///
/// From guest virtual through the guest's page tables and the pmap to the machine frame, and by the shadow entry.
#[utoipa::path(get, path = "/v1/vms/{name}/map/{gva}", tag = "vms",
    params(("name" = String, Path, description = "The VM."),
        ("gva" = Hex, Path, description = "The guest virtual address."), CpuQuery),
    responses((status = 200, description = "Each step.", body = Address),
        (status = 409, description = "The VM is not running.", body = Problem)))]
pub(super) async fn address(
    State(shared): State<Shared>,
    InPath((name, gva)): InPath<(String, Hex)>,
    Parameters(CpuQuery { cpu }): Parameters<CpuQuery>,
) -> Result<Json<Address>, Failed> {
    ask_guest(&shared, name, Request::Address { cpu, gva }, |answer| match answer {
        Answer::Address(address) => Some(*address),
        _ => None,
    })
    .await
}

/// Move pages of a VM
///
/// To other machine frames, unnoticed by its guest.
#[utoipa::path(post, path = "/v1/vms/{name}/move", tag = "vms", request_body = MovePages,
    params(("name" = String, Path, description = "The VM.")),
    responses((status = 200, description = "The number of pages that moved.", body = Moved),
        (status = 409, description = "The VM is not running.", body = Problem)))]
pub(super) async fn move_pages(
    State(shared): State<Shared>,
    InPath(name): InPath<String>,
    Given(MovePages { pages }): Given<MovePages>,
) -> Result<Json<Moved>, Failed> {
    ask_guest(&shared, name, Request::Move { pages }, |answer| match answer {
        Answer::Moved(moved) => Some(moved),
        _ => None,
    })
    .await
}

/// A running VM, to be looked into.
pub(super) fn guest(host: &Host, name: &str) -> Result<Guest, HostError> {
    let info = host.info(name)?;
    let lease = host.vm(name).ok_or_else(|| HostError::NotRunning(name.to_owned()))?;
    let uptime = Duration::try_from_secs_f64(info.uptime_seconds.unwrap_or(0.0)).unwrap_or_default();
    Ok(Guest {
        vm: Arc::clone(&lease),
        kernel: info.spec.kernel.display().to_string(),
        command_line: info.spec.append,
        started: Instant::now().checked_sub(uptime).unwrap_or_else(Instant::now),
        lease: Some(lease),
    })
}
