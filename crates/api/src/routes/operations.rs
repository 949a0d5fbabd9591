//! Long work: begun here, and looked at while it goes on.

use super::{Shared, inspect::guest};
use crate::extract::{GivenOrDefault, InPath, Parameters, ask};
use crate::problem::Failed;
use crate::query::{OperationsQuery, WaitQuery, page};
use axum::Json;
use axum::extract::State;
use axum::http::header::LOCATION;
use axum::http::{HeaderName, StatusCode};
use host::{Host, HostError, Progress, Stop};
use model::Problem;
use model::inspect::Request;
use model::{List, Operation, OperationKind, OperationState, Power, RestartVm, StopVm};
use std::time::Duration;

/// An operation that was begun, or is being cancelled.
type Accepted = (StatusCode, [(HeaderName, String); 1], Json<Operation>);

/// How a VM is stopped that is asked to be stopped so.
fn stop(StopVm { now, deadline_seconds, force }: StopVm) -> Stop {
    if now {
        return Stop::Now;
    }
    let deadline = deadline_seconds.map(|seconds| Duration::from_secs(seconds.into()));
    Stop::Shutdown { deadline, force }
}

/// How a VM is stopped that is asked to be restarted so.
fn restart(RestartVm { guest, deadline_seconds, force }: RestartVm) -> Stop {
    stop(StopVm { now: !guest, deadline_seconds, force })
}

fn accepted(operation: Operation) -> Accepted {
    (StatusCode::ACCEPTED, [(LOCATION, format!("/v1/operations/{}", operation.id))], Json(operation))
}

/// What an operation needs its VM to be.
#[derive(Clone, Copy)]
enum Needs {
    Anything,
    Stopped,
    /// Running or paused.
    On,
}

impl Needs {
    fn check(self, host: &Host, name: &str) -> Result<(), HostError> {
        let vm = host.info(name)?;
        match (self, vm.power) {
            (Self::Stopped | Self::On, Power::Unreadable) => {
                Err(HostError::Unreadable { name: name.to_owned(), why: vm.reason.unwrap_or_default() })
            }
            (Self::Stopped, power) if power != Power::Stopped => {
                Err(HostError::NotStopped { name: name.to_owned(), what: "it cannot be started twice" })
            }
            (Self::On, power) if !power.is_on() => Err(HostError::NotRunning(name.to_owned())),
            _ => Ok(()),
        }
    }
}

/// Begins an operation on a VM that is as it needs to be.
async fn begin(
    shared: &Shared,
    kind: OperationKind,
    name: String,
    needs: Needs,
    work: impl FnOnce(&Host, &str, &Progress) -> Result<String, Problem> + Send + 'static,
) -> Result<Accepted, Failed> {
    let asked = name.clone();
    ask(&shared.host, move |host| needs.check(host, &asked)).await?;
    let vm = name.clone();
    let work = Box::new(move |host: &Host, progress: &Progress| work(host, &name, progress));
    Ok(accepted(shared.operations.begin(&shared.host, kind, Some(vm), work)?))
}

/// Start a VM
///
/// Done when its guest runs.
#[utoipa::path(post, path = "/v1/vms/{name}/start", tag = "vms", params(("name" = String, Path, description = "The VM.")),
    responses((status = 202, description = "The VM is being started.", body = Operation,
            headers(("location", description = "The address of the operation."))),
        (status = 409, description = "The VM is not stopped.", body = Problem),
        (status = 429, description = "Too many operations are going on.", body = Problem)))]
pub(super) async fn start_vm(
    State(shared): State<Shared>,
    InPath(name): InPath<String>,
) -> Result<Accepted, Failed> {
    begin(&shared, OperationKind::Start, name, Needs::Stopped, |host, name, progress| {
        host.start_with(name, progress)?;
        Ok(format!("{name} runs"))
    })
    .await
}

/// Stop a VM
///
/// Without a body: its guest is asked to shut down, through its agent, and given `VM.StopDeadline`. If it cannot be asked or has
/// not ended by then, it is powered off, and `message` says so. `waiting` says how long it still has; cancelled meanwhile,
/// the guest may still shut down. Done when the VM's memory is free again. A VM that is stopped already is fine.
#[utoipa::path(post, path = "/v1/vms/{name}/stop", tag = "vms", params(("name" = String, Path, description = "The VM.")),
    request_body = Option<StopVm>,
    responses((status = 202, description = "The VM is being stopped.", body = Operation,
            headers(("location", description = "The address of the operation."))),
        (status = 429, description = "Too many operations are going on.", body = Problem)))]
pub(super) async fn stop_vm(
    State(shared): State<Shared>,
    InPath(name): InPath<String>,
    GivenOrDefault(how): GivenOrDefault<StopVm>,
) -> Result<Accepted, Failed> {
    begin(&shared, OperationKind::Stop, name, Needs::Anything, move |host, name, progress| {
        let stopped = host.stop_with(name, stop(how), progress)?;
        Ok(format!("{name} is {stopped}{}", unwritten(host, name)))
    })
    .await
}

/// Restart a VM
///
/// Without a body: it is reset at once, and its guest is loaded anew, as when its guest reboots. With `guest`, the guest is asked to
/// shut down first, as by a stop. It stays the same VM: its number, console and memory, and what is reserved for it. Done when its guest runs.
#[utoipa::path(post, path = "/v1/vms/{name}/restart", tag = "vms",
    params(("name" = String, Path, description = "The VM.")), request_body = Option<RestartVm>,
    responses((status = 202, description = "The VM is being restarted.", body = Operation,
            headers(("location", description = "The address of the operation."))),
        (status = 409, description = "The VM is not running.", body = Problem),
        (status = 429, description = "Too many operations are going on.", body = Problem)))]
pub(super) async fn restart_vm(
    State(shared): State<Shared>,
    InPath(name): InPath<String>,
    GivenOrDefault(how): GivenOrDefault<RestartVm>,
) -> Result<Accepted, Failed> {
    begin(&shared, OperationKind::Restart, name, Needs::On, move |host, name, progress| {
        host.restart_with(name, restart(how), progress)?;
        Ok(format!("{name} runs anew"))
    })
    .await
}

/// Pause a VM
///
/// Its vCPUs stand still, and its clock. Its memory stays and may be reclaimed, though not by its balloon; what is reserved for it stays reserved. A
/// VM that is paused already is fine.
#[utoipa::path(post, path = "/v1/vms/{name}/pause", tag = "vms", params(("name" = String, Path, description = "The VM.")),
    responses((status = 202, description = "The VM is being paused.", body = Operation,
            headers(("location", description = "The address of the operation."))),
        (status = 409, description = "The VM is not running.", body = Problem),
        (status = 429, description = "Too many operations are going on.", body = Problem)))]
pub(super) async fn pause_vm(
    State(shared): State<Shared>,
    InPath(name): InPath<String>,
) -> Result<Accepted, Failed> {
    begin(&shared, OperationKind::Pause, name, Needs::On, |host, name, _| {
        host.pause(name)?;
        Ok(format!("{name} is paused"))
    })
    .await
}

/// Resume a VM
///
/// That was paused. One that runs is fine.
#[utoipa::path(post, path = "/v1/vms/{name}/resume", tag = "vms", params(("name" = String, Path, description = "The VM.")),
    responses((status = 202, description = "The VM is being resumed.", body = Operation,
            headers(("location", description = "The address of the operation."))),
        (status = 409, description = "The VM is not running.", body = Problem),
        (status = 429, description = "Too many operations are going on.", body = Problem)))]
pub(super) async fn resume_vm(
    State(shared): State<Shared>,
    InPath(name): InPath<String>,
) -> Result<Accepted, Failed> {
    begin(&shared, OperationKind::Resume, name, Needs::On, |host, name, _| {
        host.resume(name)?;
        Ok(format!("{name} runs"))
    })
    .await
}

/// What is to be told of a VM that is off, if the disk does not have that.
fn unwritten(host: &Host, name: &str) -> String {
    let why = host.info(name).ok().filter(|vm| !vm.wanted_on).and_then(|vm| vm.unwritten);
    why.map_or_else(String::new, |why| {
        format!("; that could not be written down and is tried again, until then it may start with the host: {why}")
    })
}

/// Bring back what is compressed and swapped
///
/// As far as memory is free. `done_bytes` says how much.
#[utoipa::path(post, path = "/v1/vms/{name}/unswap", tag = "vms",
    params(("name" = String, Path, description = "The VM.")),
    responses((status = 202, description = "Memory is being swapped in and decompressed.", body = Operation,
            headers(("location", description = "The address of the operation."))),
        (status = 409, description = "The VM is not running.", body = Problem),
        (status = 429, description = "Too many operations are going on.", body = Problem)))]
pub(super) async fn unswap_vm(
    State(shared): State<Shared>,
    InPath(name): InPath<String>,
) -> Result<Accepted, Failed> {
    begin(&shared, OperationKind::Unswap, name, Needs::On, |host, name, progress| {
        let bytes = host.unswap_with(name, progress)?;
        Ok(format!("{name}: {bytes} brought back"))
    })
    .await
}

/// Check the invariants of a VM
///
/// Of its memory and of its processors' caches.
#[utoipa::path(post, path = "/v1/vms/{name}/audit", tag = "vms", params(("name" = String, Path, description = "The VM.")),
    responses((status = 202, description = "The invariants are being checked.", body = Operation,
            headers(("location", description = "The address of the operation."))),
        (status = 409, description = "The VM is not running.", body = Problem),
        (status = 429, description = "Too many operations are going on.", body = Problem)))]
pub(super) async fn audit_vm(
    State(shared): State<Shared>,
    InPath(name): InPath<String>,
) -> Result<Accepted, Failed> {
    begin(&shared, OperationKind::Audit, name, Needs::On, |host, name, _| {
        guest(host, name)?.answer(&Request::Audit)?;
        Ok(format!("{name}: all invariants hold"))
    })
    .await
}

/// Check all invariants
///
/// Of the host and its running VMs.
#[utoipa::path(post, path = "/v1/audit", tag = "host",
    responses((status = 202, description = "The invariants are being checked.", body = Operation,
            headers(("location", description = "The address of the operation."))),
        (status = 429, description = "Too many operations are going on.", body = Problem)))]
pub(super) async fn audit_host(State(shared): State<Shared>) -> Result<Accepted, Failed> {
    let work = |host: &Host, progress: &Progress| {
        host.audit_with(progress)?;
        Ok("all invariants hold".to_owned())
    };
    Ok(accepted(shared.operations.begin(&shared.host, OperationKind::Audit, None, Box::new(work))?))
}

/// List operations
///
/// By number: those that go on, and the last that have ended.
#[utoipa::path(get, path = "/v1/operations", tag = "operations", params(OperationsQuery),
    responses((status = 200, description = "A page of them.", body = List<Operation>)))]
pub(super) async fn list_operations(
    State(Shared { operations, .. }): State<Shared>,
    Parameters(query): Parameters<OperationsQuery>,
) -> Json<List<Operation>> {
    let asked = operations.after(query.cursor).into_iter().filter(|operation| {
        query.state.is_none_or(|state| operation.state == state)
            && query.vm.as_ref().is_none_or(|vm| operation.vm.as_ref() == Some(vm))
    });
    Json(page(asked, query.limit, |operation| operation.id.to_string()))
}

/// Show an operation
#[utoipa::path(get, path = "/v1/operations/{id}", tag = "operations",
    params(("id" = u64, Path, description = "The number of the operation."), WaitQuery),
    responses((status = 200, description = "The operation.", body = Operation)))]
pub(super) async fn show_operation(
    State(Shared { operations, mut closing, .. }): State<Shared>,
    InPath(id): InPath<u64>,
    Parameters(WaitQuery { wait }): Parameters<WaitQuery>,
) -> Result<Json<Operation>, Failed> {
    let wait = Duration::from_secs(wait.into());
    let ends = async { drop(closing.wait_for(|&closing| closing).await) };
    tokio::select! {
        operation = operations.wait(id, wait) => Ok(Json(operation?)),
        () = ends => Ok(Json(operations.wait(id, Duration::ZERO).await?)),
    }
}

/// Cancel an operation
///
/// It ends soon, as `cancelled` unless it was done just before.
#[utoipa::path(post, path = "/v1/operations/{id}/cancel", tag = "operations",
    params(("id" = u64, Path, description = "The number of the operation.")),
    responses((status = 202, description = "The operation was asked to end.", body = Operation,
            headers(("location", description = "The address of the operation."))),
        (status = 409, description = "The operation has ended or cannot be cancelled.", body = Problem)))]
pub(super) async fn cancel_operation(
    State(Shared { host, operations, .. }): State<Shared>,
    InPath(id): InPath<u64>,
) -> Result<Accepted, Failed> {
    let operation = operations.cancel(id)?;
    if let (OperationKind::Start, OperationState::Running, Some(vm)) =
        (operation.kind, operation.state, operation.vm.clone())
    {
        // A guest that is being loaded may wait for memory; this wakes it. Who works says how it ended.
        let _ = ask(&host, move |host| host.stop(&vm, Stop::Now)).await;
    }
    Ok(accepted(operation))
}
