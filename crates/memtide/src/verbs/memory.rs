//! The host's memory: explanations, what-if, settings, audits.

use super::{Done, hosted};
use crate::args::{Controls, Format, Imagined, Plan, Settings};
use crate::error::Error;
use crate::find;
use crate::print::show;
use crate::remote::Remote;
use crate::view::{self, Style};
use addr::ByteSize;
use api::inspect::Request;
use api::types::Edit;
use serde::Serialize;

pub(super) fn explain(remote: &Remote, name: Option<String>, format: Format) -> Result<(), Error> {
    let name = hosted(remote, name)?;
    let explained = remote.wait(remote.client.explain(&name))?;
    show(&explained, format, |explained| format!("{}\n", explained.text.trim_end()))
}

/// What came back into memory.
#[derive(Serialize)]
struct Unswapped {
    name: String,
    brought_back_bytes: ByteSize,
}

pub(super) fn unswap(remote: &Remote, name: Option<String>, format: Format) -> Result<(), Error> {
    let name = hosted(remote, name)?;
    let brought_back_bytes = remote.wait(remote.client.unswap(&name))?;
    show(&Unswapped { name, brought_back_bytes }, format, |of| {
        format!("{}: {} brought back\n", of.name, of.brought_back_bytes)
    })
}

/// Without a name, of the host if there is one, else of the one VM that runs.
pub(super) fn audit(remote: &Remote, name: Option<String>, format: Format) -> Result<(), Error> {
    const AUDITED: &str = "audited";
    if name.is_none()
        && let Some(message) = remote.if_there(remote.client.audit())?
    {
        return show(&Done { name: None, done: AUDITED }, format, |_| message + "\n");
    }
    let name = find::only(remote, name)?;
    let answer = find::ask(remote, &name, Request::Audit)?;
    show(&Done::to(&name, AUDITED), format, |_| view::show(&answer, Style::of_stdout()))
}

pub(super) fn settings(remote: &Remote, args: &Settings) -> Result<(), Error> {
    let Some(name) = &args.name else {
        let settings = remote.wait(remote.client.settings())?;
        return show(&settings, args.output.output, |settings| view::settings(settings));
    };
    let setting = match args.value {
        Some(value) => remote.wait(remote.client.set_setting(name, value))?,
        None => remote.wait(remote.client.setting(name))?,
    };
    show(&setting, args.output.output, view::setting)
}

pub(super) fn plan(remote: &Remote, args: Plan) -> Result<(), Error> {
    let edit = match args.edit {
        Imagined::Set { controls: Controls { reservation: None, limit: None, shares: None }, .. } => {
            return Err(
                Error::new("nothing is to be different").hint("'memtide plan set --help' names what can be")
            );
        }
        Imagined::Set { name, controls: Controls { reservation, limit, shares } } => {
            Edit::Vm { name, shares, reservation_bytes: reservation, limit_bytes: limit.map(|limit| limit.0) }
        }
        Imagined::Add { memory, used, pool, reservation, shares } => Edit::AddVm {
            memory_bytes: memory,
            reservation_bytes: reservation,
            shares,
            pool,
            used_bytes: used,
        },
        Imagined::Stop { name } => Edit::StopVm { name },
        Imagined::Setting { name, value } => Edit::Setting { name, value },
    };
    let what_if = remote.wait(remote.client.what_if(&edit))?;
    show(&what_if, args.output, view::what_if)
}
