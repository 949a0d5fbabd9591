//! The host's memory: explanations, what-if, settings, audits.

use super::hosted;
use crate::args::{Controls, Format, Imagined, Plan, Settings};
use crate::error::Error;
use crate::find;
use crate::print::{json, print};
use crate::remote::Remote;
use crate::view;
use addr::ByteSize;
use api::inspect::Request;
use api::types::{Amount, Edit};

pub(super) fn explain(remote: &Remote, name: Option<String>, format: Format) -> Result<(), Error> {
    let name = hosted(remote, name)?;
    let explained = remote.wait(remote.client.explain(&name))?;
    match format {
        Format::Json => print(&json(&explained)),
        Format::Table => print(&format!("{}\n", explained.text.trim_end())),
    }
}

pub(super) fn unswap(remote: &Remote, name: Option<String>, format: Format) -> Result<(), Error> {
    let name = hosted(remote, name)?;
    let bytes = remote.wait(remote.client.unswap(&name))?;
    match format {
        Format::Json => print(&json(&Amount { bytes })),
        Format::Table => print(&format!("{name}: {bytes} brought back\n")),
    }
}

/// Of the host if there is one, else of the one VM that runs.
pub(super) fn audit(remote: &Remote) -> Result<(), Error> {
    match remote.if_there(remote.client.audit())? {
        Some(message) => print(&format!("{message}\n")),
        None => super::inspect::order(remote, Some(find::only(remote, None)?), Request::Audit),
    }
}

pub(super) fn settings(remote: &Remote, args: &Settings) -> Result<(), Error> {
    let Some(name) = &args.name else {
        let settings = remote.wait(remote.client.settings())?;
        return match args.output.output {
            Format::Json => print(&json(&settings)),
            Format::Table => print(&view::settings(&settings)),
        };
    };
    let setting = match args.value {
        Some(value) => remote.wait(remote.client.set_setting(name, value))?,
        None => remote.wait(remote.client.setting(name))?,
    };
    match args.output.output {
        Format::Json => print(&json(&setting)),
        Format::Table => print(&view::setting(&setting)),
    }
}

pub(super) fn plan(remote: &Remote, args: Plan) -> Result<(), Error> {
    let edit = match args.edit {
        Imagined::Set { name, controls: Controls { reservation, limit, shares } } => Edit::Vm {
            name,
            shares,
            reservation_bytes: reservation,
            limit_bytes: limit.map(|limit| limit.0.unwrap_or(ByteSize(0))),
        },
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
    match args.output {
        Format::Json => print(&json(&what_if)),
        Format::Table => print(&view::what_if(&what_if)),
    }
}
