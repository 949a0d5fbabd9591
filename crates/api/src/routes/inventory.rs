//! VMs and resource pools: what there is, and their power.

use super::Shared;
use crate::extract::{Given, Name, ask};
use crate::problem::Problem;
use crate::types::{List, Vm};
use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use host::{HostStatus, PoolChange, PoolInfo, PoolSpec, VmChange, VmInfo, VmSpec};

type Answer<T> = Result<Json<T>, Problem>;

/// A VM with what its memory was measured to be.
fn with_memory(info: VmInfo, status: &HostStatus) -> Vm {
    // The status is of a second ago at most, so it may still know a VM that has ended, or its run before.
    let by_name = status.vms.binary_search_by(|vm| vm.name.cmp(&info.spec.name));
    let memory = by_name.ok().map(|index| &status.vms[index]).filter(|vm| Some(vm.id) == info.id).cloned();
    Vm { info, memory }
}

/// Asks for something whose answer is a VM.
async fn ask_vm(
    shared: &Shared,
    work: impl FnOnce(&host::Host) -> Result<VmInfo, host::HostError> + Send + 'static,
) -> Answer<Vm> {
    let info = ask(&shared.host, work).await?;
    Ok(Json(with_memory(info, &shared.host.status())))
}

pub(super) async fn vms(State(shared): State<Shared>) -> Answer<List<Vm>> {
    let infos = ask(&shared.host, |host| Ok(host.list())).await?;
    let status = shared.host.status();
    Ok(Json(List { items: infos.into_iter().map(|info| with_memory(info, &status)).collect() }))
}

pub(super) async fn create(
    State(shared): State<Shared>,
    Given(spec): Given<VmSpec>,
) -> Result<(StatusCode, Json<Vm>), Problem> {
    Ok((StatusCode::CREATED, ask_vm(&shared, |host| host.create(spec)).await?))
}

pub(super) async fn vm(State(shared): State<Shared>, Name(name): Name) -> Answer<Vm> {
    ask_vm(&shared, move |host| host.info(&name)).await
}

pub(super) async fn set(
    State(shared): State<Shared>,
    Name(name): Name,
    Given(change): Given<VmChange>,
) -> Answer<Vm> {
    ask_vm(&shared, move |host| host.set(&name, &change)).await
}

pub(super) async fn remove(State(shared): State<Shared>, Name(name): Name) -> Result<StatusCode, Problem> {
    ask(&shared.host, move |host| host.remove(&name)).await?;
    Ok(StatusCode::NO_CONTENT)
}

pub(super) async fn start(State(shared): State<Shared>, Name(name): Name) -> Answer<Vm> {
    ask_vm(&shared, move |host| host.start(&name)).await
}

pub(super) async fn stop(State(shared): State<Shared>, Name(name): Name) -> Answer<Vm> {
    ask_vm(&shared, move |host| host.stop(&name)).await
}

pub(super) async fn pools(State(shared): State<Shared>) -> Answer<List<PoolInfo>> {
    let items = ask(&shared.host, |host| Ok(host.pools())).await?;
    Ok(Json(List { items }))
}

pub(super) async fn create_pool(
    State(shared): State<Shared>,
    Given(spec): Given<PoolSpec>,
) -> Result<(StatusCode, Json<PoolInfo>), Problem> {
    let pool = ask(&shared.host, |host| host.create_pool(spec)).await?;
    Ok((StatusCode::CREATED, Json(pool)))
}

pub(super) async fn pool(State(shared): State<Shared>, Name(name): Name) -> Answer<PoolInfo> {
    Ok(Json(ask(&shared.host, move |host| host.pool(&name)).await?))
}

pub(super) async fn set_pool(
    State(shared): State<Shared>,
    Name(name): Name,
    Given(change): Given<PoolChange>,
) -> Answer<PoolInfo> {
    Ok(Json(ask(&shared.host, move |host| host.set_pool(&name, &change)).await?))
}

pub(super) async fn remove_pool(
    State(shared): State<Shared>,
    Name(name): Name,
) -> Result<StatusCode, Problem> {
    ask(&shared.host, move |host| host.remove_pool(&name)).await?;
    Ok(StatusCode::NO_CONTENT)
}
