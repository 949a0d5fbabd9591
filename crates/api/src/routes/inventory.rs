//! VMs and resource pools: what there is, and what it is asked to be.

use super::Shared;
use crate::extract::{Given, IfMatch, InPath, Parameters, Tagged, ask};
use crate::problem::Failed;
use crate::query::{PoolsQuery, VmsQuery, page, selects, within};
use axum::extract::State;
use axum::http::StatusCode;
use axum::http::header::LOCATION;
use axum::{Extension, Json};
use host::Revision;
use model::Caller;
use model::Problem;
use model::VmInfo;
use model::{List, Pool, PoolChange, PoolSpec, Vm, VmChange, VmSpec};
use std::path::PathBuf;

/// Asks for something whose answer is a VM.
async fn ask_vm(
    shared: &Shared,
    work: impl FnOnce(&host::Host) -> Result<VmInfo, host::HostError> + Send + 'static,
) -> Result<Tagged<Vm>, Failed> {
    let info = ask(&shared.host, work).await?;
    Ok(Tagged(Revision::of_vm(&info.spec), Vm::new(info, &shared.host.status())))
}

/// Refuses files of a guest that the caller may not name.
fn check_files(shared: &Shared, caller: &Caller, files: [Option<&PathBuf>; 2]) -> Result<(), Problem> {
    files.into_iter().flatten().try_for_each(|path| shared.access.check_guest_file(path, caller))
}

/// List VMs
///
/// By name.
#[utoipa::path(get, path = "/v1/vms", tag = "vms", params(VmsQuery),
    responses((status = 200, description = "A page of them.", body = List<Vm>)))]
pub(super) async fn list_vms(
    State(shared): State<Shared>,
    Parameters(query): Parameters<VmsQuery>,
) -> Result<Json<List<Vm>>, Failed> {
    let infos = ask(&shared.host, |host| Ok(host.list())).await?;
    let status = shared.host.status();
    let asked = infos.into_iter().filter(|info| {
        selects(query.cursor.as_deref(), query.name.as_deref(), &info.spec.name)
            && query.power.is_none_or(|power| info.power == power)
            && within(query.pool.as_deref(), info.spec.pool.as_deref())
    });
    let vms = asked.map(|info| Vm::new(info, &status));
    Ok(Json(page(vms, query.limit, |vm| vm.info.spec.name.clone())))
}

/// Create a VM
///
/// It is stopped.
#[utoipa::path(post, path = "/v1/vms", tag = "vms", request_body = VmSpec,
    responses((status = 201, description = "The VM was created.", body = Vm,
        headers(("location", description = "The address of the VM."), ("etag", description = "The revision, for If-Match."))),
        (status = 404, description = "There is no such resource pool.", body = Problem),
        (status = 409, description = "There is one of that name.", body = Problem)))]
pub(super) async fn create_vm(
    State(shared): State<Shared>,
    Extension(caller): Extension<Caller>,
    Given(spec): Given<VmSpec>,
) -> Result<(StatusCode, [(axum::http::HeaderName, String); 1], Tagged<Vm>), Failed> {
    check_files(&shared, &caller, [Some(&spec.kernel), spec.initrd.as_ref()])?;
    let vm = ask_vm(&shared, |host| host.create(spec)).await?;
    let place = format!("/v1/vms/{}", vm.1.info.spec.name);
    Ok((StatusCode::CREATED, [(LOCATION, place)], vm))
}

/// Show a VM
#[utoipa::path(get, path = "/v1/vms/{name}", tag = "vms", params(("name" = String, Path, description = "The VM.")),
    responses((status = 200, description = "The VM.", body = Vm, headers(("etag", description = "Its revision: what a \
        change may change, not what is measured.")))))]
pub(super) async fn show_vm(
    State(shared): State<Shared>,
    InPath(name): InPath<String>,
) -> Result<Tagged<Vm>, Failed> {
    ask_vm(&shared, move |host| host.info(&name)).await
}

/// Change a VM
///
/// Only what is named changes; null takes away what a VM may be without. What it boots, its memory, CPUs and swap directory change
/// only while it is stopped.
#[utoipa::path(patch, path = "/v1/vms/{name}", tag = "vms", request_body = VmChange,
    params(("name" = String, Path, description = "The VM."),
        ("if-match" = Option<String>, Header, description = "The revision it should have; without it, any.")),
    responses((status = 200, description = "The VM after the change.", body = Vm,
            headers(("etag", description = "The revision, for If-Match."))),
        (status = 409, description = "The VM must be stopped for this change.", body = Problem),
        (status = 412, description = "Somebody changed it since: nothing is changed.", body = Problem),
        (status = 507, description = "Not enough unreserved memory for the reservation.", body = Problem)))]
pub(super) async fn change_vm(
    State(shared): State<Shared>,
    InPath(name): InPath<String>,
    Extension(caller): Extension<Caller>,
    IfMatch(expected): IfMatch,
    Given(change): Given<VmChange>,
) -> Result<Tagged<Vm>, Failed> {
    check_files(&shared, &caller, [change.kernel.as_ref(), change.initrd.as_ref().and_then(Option::as_ref)])?;
    ask_vm(&shared, move |host| host.set_if(&name, &change, &expected)).await
}

/// Remove a VM
///
/// Which must be stopped.
#[utoipa::path(delete, path = "/v1/vms/{name}", tag = "vms", params(("name" = String, Path, description = "The VM.")),
    responses((status = 204, description = "The VM was removed."),
        (status = 409, description = "The VM is not stopped.", body = Problem)))]
pub(super) async fn remove_vm(
    State(shared): State<Shared>,
    InPath(name): InPath<String>,
) -> Result<StatusCode, Failed> {
    ask(&shared.host, move |host| host.remove(&name)).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Asks for something whose answer is a resource pool.
async fn ask_pool(
    shared: &Shared,
    work: impl FnOnce(&host::Host) -> Result<Pool, host::HostError> + Send + 'static,
) -> Result<Tagged<Pool>, Failed> {
    let pool = ask(&shared.host, work).await?;
    Ok(Tagged(Revision::of_pool(&pool.spec), pool))
}

/// List resource pools
///
/// By name.
#[utoipa::path(get, path = "/v1/pools", tag = "pools", params(PoolsQuery),
    responses((status = 200, description = "A page of them.", body = List<Pool>)))]
pub(super) async fn list_pools(
    State(shared): State<Shared>,
    Parameters(query): Parameters<PoolsQuery>,
) -> Result<Json<List<Pool>>, Failed> {
    let pools = ask(&shared.host, |host| Ok(host.pools())).await?;
    let asked = pools.into_iter().filter(|pool| {
        selects(query.cursor.as_deref(), query.name.as_deref(), &pool.spec.name)
            && within(query.parent.as_deref(), pool.spec.parent.as_deref())
    });
    Ok(Json(page(asked, query.limit, |pool| pool.spec.name.clone())))
}

/// Create a resource pool
#[utoipa::path(post, path = "/v1/pools", tag = "pools", request_body = PoolSpec,
    responses((status = 201, description = "The resource pool was created.", body = Pool,
        headers(("location", description = "The address of the resource pool."), ("etag", description = "The revision, for If-Match."))),
        (status = 404, description = "There is no such parent.", body = Problem),
        (status = 409, description = "There is one of that name.", body = Problem),
        (status = 507, description = "Not enough unreserved memory for the reservation.", body = Problem)))]
pub(super) async fn create_pool(
    State(shared): State<Shared>,
    Given(spec): Given<PoolSpec>,
) -> Result<(StatusCode, [(axum::http::HeaderName, String); 1], Tagged<Pool>), Failed> {
    let pool = ask_pool(&shared, |host| host.create_pool(spec)).await?;
    let place = format!("/v1/pools/{}", pool.1.spec.name);
    Ok((StatusCode::CREATED, [(LOCATION, place)], pool))
}

/// Show a resource pool
#[utoipa::path(get, path = "/v1/pools/{name}", tag = "pools",
    params(("name" = String, Path, description = "The resource pool.")),
    responses((status = 200, description = "The resource pool.", body = Pool, headers(("etag", description = "The revision, for If-Match.")))))]
pub(super) async fn show_pool(
    State(shared): State<Shared>,
    InPath(name): InPath<String>,
) -> Result<Tagged<Pool>, Failed> {
    ask_pool(&shared, move |host| host.pool(&name)).await
}

/// Change a resource pool
///
/// Only what is named changes; null takes away what it may be without.
#[utoipa::path(patch, path = "/v1/pools/{name}", tag = "pools", request_body = PoolChange,
    params(("name" = String, Path, description = "The resource pool."),
        ("if-match" = Option<String>, Header, description = "The revision it should have; without it, any.")),
    responses((status = 200, description = "The resource pool after the change.", body = Pool,
            headers(("etag", description = "The revision, for If-Match."))),
        (status = 412, description = "Somebody changed it since: nothing is changed.", body = Problem),
        (status = 507, description = "Not enough unreserved memory for the reservation.", body = Problem)))]
pub(super) async fn change_pool(
    State(shared): State<Shared>,
    InPath(name): InPath<String>,
    IfMatch(expected): IfMatch,
    Given(change): Given<PoolChange>,
) -> Result<Tagged<Pool>, Failed> {
    ask_pool(&shared, move |host| host.set_pool_if(&name, &change, &expected)).await
}

/// Remove a resource pool
///
/// In which nothing lies.
#[utoipa::path(delete, path = "/v1/pools/{name}", tag = "pools",
    params(("name" = String, Path, description = "The resource pool.")),
    responses((status = 204, description = "The resource pool was removed."),
        (status = 409, description = "Something lies in it.", body = Problem),
        (status = 507, description = "Without this pool, its parent would have more reserved than it has.", body = Problem)))]
pub(super) async fn remove_pool(
    State(shared): State<Shared>,
    InPath(name): InPath<String>,
) -> Result<StatusCode, Failed> {
    ask(&shared.host, move |host| host.remove_pool(&name)).await?;
    Ok(StatusCode::NO_CONTENT)
}
