//! Looking into a running VM: its map, what it counted, its invariants.

use super::Shared;
use crate::extract::{Given, Name, ask};
use crate::inspect::{Answer, Guest, Request};
use crate::problem::Problem;
use crate::types::Done;
use axum::Json;
use axum::extract::State;
use host::{Host, HostError, VmChange};
use std::time::{Duration, Instant};

pub(super) async fn inspect(
    State(shared): State<Shared>,
    Name(name): Name,
    Given(request): Given<Request>,
) -> Result<Json<Answer>, Problem> {
    Ok(Json(ask(&shared.host, move |host| Ok(answer(host, &name, &request))).await??))
}

pub(super) async fn audit(State(shared): State<Shared>, Name(name): Name) -> Result<Json<Done>, Problem> {
    match ask(&shared.host, move |host| Ok(answer(host, &name, &Request::Audit))).await?? {
        Answer::Done(message) => Ok(Json(Done { message })),
        other => Err(Problem::new("internal", format!("an audit answered {other:?}"))),
    }
}

/// What changes the VM goes through the host, so that the host knows; the rest asks the VM itself.
fn answer(host: &Host, name: &str, request: &Request) -> Result<Answer, Problem> {
    match request {
        Request::Stop => {
            host.stop(name)?;
            Ok(Answer::Done(format!("{name} is stopped")))
        }
        Request::Mmu { mode: Some(mode) } => {
            let mmu = mode.parse().map_err(|error| Problem::new("bad-mode", error))?;
            let before = host.info(name)?.spec.mmu;
            host.set(name, &VmChange { mmu: Some(mmu), ..VmChange::default() })?;
            Ok(Answer::Done(format!("{name}: {before} -> {mmu}")))
        }
        request => guest(host, name)?.answer(request),
    }
}

fn guest(host: &Host, name: &str) -> Result<Guest, HostError> {
    let info = host.info(name)?;
    let vm = host.vm(name).ok_or_else(|| HostError::NotRunning(name.to_owned()))?;
    let uptime = Duration::try_from_secs_f64(info.uptime_seconds.unwrap_or(0.0)).unwrap_or_default();
    Ok(Guest {
        vm,
        kernel: info.spec.kernel.display().to_string(),
        command_line: info.spec.append,
        started: Instant::now().checked_sub(uptime).unwrap_or_else(Instant::now),
    })
}
