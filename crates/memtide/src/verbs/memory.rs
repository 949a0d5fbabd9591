//! The host's memory: explanations, what-if, settings, audits.

use super::{Done, hosted};
use crate::args::{Controls, Decided, DocumentFormat, Imagined, ListFormat, NumberOrDefault, Plan, Settings};
use crate::control;
use crate::error::Error;
use crate::find;
use crate::list::tables::SETTINGS;
use crate::print::{print, show};
use crate::remote::Remote;
use crate::view::{self, Style};
use addr::ByteSize;
use model::inspect::Request;
use model::{Edit, OperationKind, Setting, SettingsChange};
use serde::Serialize;
use std::collections::BTreeMap;

pub(super) fn explain(remote: &Remote, name: Option<String>, format: DocumentFormat) -> Result<(), Error> {
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

pub(super) fn unswap(remote: &Remote, name: Option<String>, format: DocumentFormat) -> Result<(), Error> {
    let name = hosted(remote, name)?;
    let brought_back_bytes = remote.carry_out(OperationKind::Unswap, Some(&name))?.done_bytes;
    show(&Unswapped { name, brought_back_bytes }, format, |of| {
        format!("{}: {} brought back\n", of.name, of.brought_back_bytes)
    })
}

/// Without a name, of the host if there is one, else of the one VM that runs.
pub(super) fn audit(remote: &Remote, name: Option<String>, format: DocumentFormat) -> Result<(), Error> {
    const AUDITED: &str = "audited";
    let of_host = match &name {
        None => remote.if_there(remote.client.status())?.is_some(),
        Some(name) => find::is_hosted(remote, name)?,
    };
    if of_host {
        let audited = remote.carry_out(OperationKind::Audit, name.as_deref())?;
        let message = audited.message.unwrap_or_default();
        return show(&Done { name, word: AUDITED, message: None }, format, |_| message + "\n");
    }
    let name = find::only(remote, name)?;
    let answer = control::ask(&name, Request::Audit)?;
    show(&Done::to(&name, AUDITED), format, |_| view::show(&answer, Style::of_stdout()))
}

pub(super) fn settings(remote: &Remote, args: &Settings) -> Result<(), Error> {
    let chosen = SETTINGS.choose(&args.list)?;
    let Some(name) = &args.name else {
        return chosen.print(remote.wait(remote.client.settings())?);
    };
    let before = remote.wait(remote.client.setting(name))?;
    let (told, setting) = if let Some(NumberOrDefault(value)) = args.value {
        let setting = change_setting(remote, name, value)?;
        (view::setting_changed(&setting, before.value), setting)
    } else {
        (view::setting(&before), before)
    };
    match args.list.output {
        ListFormat::Json => show(&setting, DocumentFormat::Json, view::setting),
        ListFormat::Yaml => show(&setting, DocumentFormat::Yaml, view::setting),
        ListFormat::Table if args.list.columns.is_empty() => print(&told),
        _ => chosen.print(vec![setting]),
    }
}

/// Gives a setting a value, or its default.
fn change_setting(remote: &Remote, name: &str, value: Option<u64>) -> Result<Setting, Error> {
    let change = SettingsChange(BTreeMap::from([(name.to_owned(), value)]));
    let all = remote.wait(remote.client.set_settings(&change, None))?;
    let changed = all.into_iter().find(|setting| setting.name.eq_ignore_ascii_case(name));
    changed.ok_or_else(|| Error::new(format!("{name} is changed, and not there")))
}

pub(super) fn plan(remote: &Remote, args: Plan) -> Result<(), Error> {
    let edit = match args.edit {
        Imagined::Set { controls: Controls { reservation: None, limit: None, shares: None }, .. } => {
            return Err(
                Error::new("nothing is to be different").hint("'memtide plan set --help' names what can be")
            );
        }
        Imagined::Set { name, controls } => {
            let Decided { reservation, limit, shares } = controls.of(|| vm_memory(remote, &name))?;
            Edit::Vm { name, shares, reservation_bytes: reservation, limit_bytes: limit }
        }
        Imagined::Add { memory, used, pool, reservation, shares } => Edit::AddVm {
            memory_bytes: memory,
            reservation_bytes: reservation.of(memory),
            shares,
            pool,
            used_bytes: used.map(|used| used.of(memory)),
        },
        Imagined::Stop { name } => Edit::StopVm { name },
        Imagined::Setting { name, value } => Edit::Setting { name, value },
    };
    let what_if = remote.wait(remote.client.what_if(&edit))?;
    show(&what_if, args.output, view::what_if)
}

/// What a part in a VM's controls is of.
pub(super) fn vm_memory(remote: &Remote, name: &str) -> Result<ByteSize, Error> {
    Ok(remote.wait(remote.client.vm(name))?.info.spec.memory_bytes)
}
