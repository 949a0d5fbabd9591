//! Every verb but `run` and `host`: asks running VMs and the host, and shows their answers.

mod console;
mod events;
mod inspect;
mod memory;
mod pool;
mod top;
mod vms;

use crate::args::Verb;
use crate::error::Error;
use crate::find;
use crate::remote::Remote;
use api::inspect::Request;

/// Carries out a verb.
///
/// # Errors
/// If what it is about is not there or says no.
///
/// # Panics
/// For `run` and `host`, which are none of these.
pub(crate) fn ask(remote: &Remote, verb: Verb) -> Result<(), Error> {
    match verb {
        Verb::Run(_) | Verb::Host(_) => unreachable!("run and host are carried out by modules of their own"),
        Verb::Create(args) => vms::create(remote, *args),
        Verb::Start(args) => vms::start(remote, &args.names),
        Verb::Stop { name } => inspect::order(remote, name, Request::Stop),
        Verb::Rm(args) => vms::remove(remote, &args.names),
        Verb::Ls { output } => vms::list(remote, output.output),
        Verb::Info { name, output } => vms::info(remote, name, output.output),
        Verb::Set(args) => vms::set(remote, *args),
        Verb::Console(args) => console::console(remote, args),
        Verb::Events(args) => events::events(remote, &args),
        Verb::Top(args) => top::top(remote, &args),
        Verb::Explain { name, output } => memory::explain(remote, name, output.output),
        Verb::Plan(args) => memory::plan(remote, args),
        Verb::Unswap { name, output } => memory::unswap(remote, name, output.output),
        Verb::Pool(verb) => pool::pool(remote, verb),
        Verb::Settings(args) => memory::settings(remote, &args),
        Verb::Map(args) => inspect::map(remote, &args),
        Verb::Stats { name, watch, output } => inspect::statistics(remote, name, watch, output),
        Verb::Mmu { name, mode } => inspect::mmu(remote, name, mode),
        Verb::Move { name, pages } => inspect::order(remote, name, Request::Move { pages }),
        Verb::Audit { name: None } => memory::audit(remote),
        Verb::Audit { name } => inspect::order(remote, name, Request::Audit),
    }
}

/// The VM named, or the one that runs; it has to be the host's.
fn hosted(remote: &Remote, name: Option<String>) -> Result<String, Error> {
    let name = find::only(remote, name)?;
    if find::is_hosted(remote, &name)? {
        return Ok(name);
    }
    // The host knows best why not.
    remote.wait(remote.client.vm(&name))?;
    Ok(name)
}
