//! Every verb but `run` and `host`: asks running VMs and the host, and shows their answers.

mod alarms;
mod apply;
mod asking;
mod console;
mod history;
mod inspect;
mod memory;
mod pool;
mod token;
mod vms;

use crate::args::{DocumentFormat, Verb};
use crate::error::Error;
use crate::find;
use crate::print::{print, show};
use crate::remote::Remote;
use serde::Serialize;

/// Carries out a verb.
///
/// # Errors
/// If what it is about is not there or says no.
///
/// # Panics
/// For those that ask nobody.
pub(crate) fn ask(remote: &Remote, verb: Verb) -> Result<(), Error> {
    match verb {
        Verb::Run(_) | Verb::Host(_) | Verb::Completion { .. } | Verb::Man { .. } => {
            unreachable!("they are carried out by modules of their own")
        }
        Verb::Create(args) => vms::create(remote, *args),
        Verb::Clone(args) => vms::clone(remote, args),
        Verb::Apply(args) => apply::apply(remote, &args),
        Verb::Start(args) => vms::start(remote, &args.names, args.output.output),
        Verb::Stop(args) => vms::stop(remote, args),
        Verb::Restart(args) => vms::restart(remote, &args),
        Verb::Pause(args) => vms::pause(remote, &args.names, args.output.output),
        Verb::Resume(args) => vms::resume(remote, &args.names, args.output.output),
        Verb::Rm(args) => vms::remove(remote, &args.names, args.output.output),
        Verb::Ls { list } => vms::list(remote, &list),
        Verb::Info { name, output } => vms::info(remote, name, output.output),
        Verb::Set(args) => vms::set(remote, *args),
        Verb::Console(args) => console::console(remote, args),
        Verb::Events(args) => history::events(remote, &args),
        Verb::AuditLog(args) => history::audit_log(remote, &args),
        Verb::Operation(verb) => history::operation(remote, &verb),
        Verb::Alarms(verb) => alarms::alarms(remote, verb),
        Verb::Top(args) => crate::top::top(remote, &args),
        Verb::Explain { name, output } => memory::explain(remote, name, output.output),
        Verb::Plan(args) => memory::plan(remote, args),
        Verb::Unswap { name, output } => memory::unswap(remote, name, output.output),
        Verb::Pool(verb) => pool::pool(remote, verb),
        Verb::Token(verb) => token::token(remote, verb),
        Verb::Settings(args) => memory::settings(remote, &args),
        Verb::Whoami { output } => asking::whoami(remote, output.output),
        Verb::Api(args) => asking::api(remote, &args),
        Verb::Map(args) => inspect::map(remote, &args),
        Verb::Stats { name, watch, output } => inspect::statistics(remote, name, watch, output),
        Verb::Mmu { name, mode, output } => inspect::mmu(remote, name, mode, output.output),
        Verb::Move { name, pages, output } => inspect::move_pages(remote, name, pages, output.output),
        Verb::Audit { name, output } => memory::audit(remote, name, output.output),
    }
}

/// The VM named, or the one that runs; it has to be the host's.
fn hosted(remote: &Remote, name: Option<String>) -> Result<String, Error> {
    let name = find::only(remote, name)?;
    if find::is_hosted(remote, &name)? {
        return Ok(name);
    }
    if crate::control::names()?.contains(&name) {
        return Err(Error::new(format!("'{name}' runs in the foreground, on no host")).hint(
            "its console is the terminal it was started on; info, map, stats, mmu, move, audit and stop work for it",
        ));
    }
    // The host knows best why not.
    remote.wait(remote.client.vm(&name))?;
    Ok(name)
}

/// What was done, where there is no more to say.
#[derive(Serialize)]
struct Done {
    /// To which VM or resource pool; `null`: to the host and all its VMs.
    name: Option<String>,
    /// In a word.
    #[serde(rename = "done")]
    word: &'static str,
    /// In a sentence, where there is more to say.
    #[serde(skip_serializing_if = "Option::is_none")]
    message: Option<String>,
}

impl Done {
    fn to(name: &str, word: &'static str) -> Self {
        Self { name: Some(name.to_owned()), word, message: None }
    }

    /// In words, where it is about one.
    fn told(&self) -> String {
        match &self.message {
            Some(message) => format!("{message}\n"),
            None => format!("{} is {}\n", self.name.as_deref().unwrap_or("the host"), self.word),
        }
    }
}

/// Gives an order to one after the other, until one cannot carry it out, and says to which it was done.
fn each(
    names: &[String],
    format: DocumentFormat,
    mut order: impl FnMut(&str) -> Result<Done, Error>,
) -> Result<(), Error> {
    let mut done = Vec::new();
    let outcome = names.iter().try_for_each(|name| {
        let this = order(name)?;
        if format == DocumentFormat::Table {
            print(&this.told())?;
        }
        done.push(this);
        Ok(())
    });
    if format != DocumentFormat::Table {
        show(&done, format, |_| String::new())?;
    }
    outcome
}
