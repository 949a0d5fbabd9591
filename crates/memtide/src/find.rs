//! Where VMs run: in the foreground, each with a control socket, or on the host. Whoever asks a VM needs not care.

use crate::control;
use crate::error::{Error, NOT_FOUND};
use crate::remote::Remote;
use model::VmChange;
use model::inspect::{Answer, Request};

/// The names of all VMs that run.
pub(crate) fn running(remote: &Remote) -> Result<Vec<String>, Error> {
    let mut names = control::names()?;
    let hosted = remote.if_there(remote.client.vms())?.unwrap_or_default();
    names.extend(hosted.into_iter().filter(|vm| vm.info.power.is_on()).map(|vm| vm.info.spec.name));
    Ok(names)
}

/// The name given, or that of the one VM that runs.
pub(crate) fn only(remote: &Remote, name: Option<String>) -> Result<String, Error> {
    if let Some(name) = name {
        return Ok(name);
    }
    let mut names = running(remote)?;
    match names.len() {
        0 => Err(Error::new("no VM is running").hint("'memtide run' or 'memtide start' starts one")),
        1 => Ok(names.remove(0)),
        _ => Err(Error::new("several VMs are running").hint(format!("name one of {}", names.join(", ")))),
    }
}

/// Asks a VM, wherever it runs.
pub(crate) fn ask(remote: &Remote, name: &str, request: Request) -> Result<Answer, Error> {
    if is_hosted(remote, name)? { ask_host(remote, name, request) } else { control::ask(name, request) }
}

/// Asks the host what a VM in the foreground is asked itself.
fn ask_host(remote: &Remote, name: &str, request: Request) -> Result<Answer, Error> {
    let client = &remote.client;
    Ok(match request {
        Request::Statistics => Answer::Statistics(Box::new(remote.wait(client.statistics(name))?)),
        Request::Map { cpu, pages } => Answer::Map(Box::new(remote.wait(client.map(name, cpu, pages))?)),
        Request::Address { cpu, gva } => {
            Answer::Address(Box::new(remote.wait(client.address(name, cpu, gva))?))
        }
        Request::Mmu { mode: Some(mode) } => {
            let mmu = mode.parse().map_err(Error::new)?;
            let before = remote.wait(client.vm(name))?.info.spec.mmu;
            remote.wait(client.set(name, &VmChange { mmu: Some(mmu), ..VmChange::default() }))?;
            Answer::Done(format!("{name}: {before} -> {mmu}"))
        }
        Request::Move { pages } => Answer::Moved(remote.wait(client.move_pages(name, pages))?),
        Request::Audit => Answer::Done(remote.wait(client.audit_vm(name))?),
        Request::Info | Request::Mmu { mode: None } | Request::Stop => {
            unreachable!("verbs ask the host these in its own words")
        }
    })
}

/// Whether a VM is the host's; an error if there is none, or two.
pub(crate) fn is_hosted(remote: &Remote, name: &str) -> Result<bool, Error> {
    let in_foreground = control::names()?.iter().any(|running| running == name);
    let hosted = match remote.if_there(remote.client.vm(name)) {
        Ok(vm) => vm.is_some(),
        Err(error) if error.exit_status() == NOT_FOUND && in_foreground => false,
        Err(error) => return Err(error),
    };
    if in_foreground && hosted {
        return Err(Error::new(format!(
            "a VM in the foreground and one of the host's are both called '{name}'"
        ))
        .hint("use the monitor (Ctrl-]) of the one in the foreground, or end it"));
    }
    Ok(hosted)
}
