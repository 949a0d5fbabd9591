//! The `memtide` program: runs VMs, and shows how their memory is mapped.
//!
//! **Model.** `memtide host` is a host of VMs: a process that runs them and serves the REST interface of the crate `api`
//! on a socket. `memtide run` is a single VM: a process that runs it in the foreground and listens on a control socket.
//! Every other verb is a client that asks such processes and shows what they answer.
//!
//! ```text
//!   host --> host::Host <-- api::Server <== socket == client::Client <-- remote <-- verbs --> view
//!   run  --> Guest (a vm::Vm) <-- control <========== socket ============ find  <----'
//!                     ^---------- monitor <-- Ctrl-] on the console
//! ```
//!
//! Read `daemon` for the host, with `config`, `log` and `notify` for its life as a service; `run`, `console`, `terminal` and
//! `control` for a VM in the foreground; `remote` and `find` for the way there, `verbs` and `view` for the other side, `top`
//! for its screen.
//!
//! **Failure.** Errors go to standard error as `error: what` and `hint: what to do`; see `memtide --help` for exit statuses.

#![forbid(unsafe_code)]

mod args;
mod color;
mod completion;
mod config;
mod console;
mod control;
mod current;
mod daemon;
mod error;
mod find;
mod limits;
mod list;
mod log;
mod manual;
mod meant;
mod monitor;
mod notify;
mod operation;
mod print;
mod progress;
mod remote;
mod run;
mod signals;
mod terminal;
mod top;
mod verbs;
mod view;

use args::{Arguments, Verb};
use clap::FromArgMatches;
use clap_complete::CompleteEnv;
use remote::Remote;
use std::process::ExitCode;

fn main() -> ExitCode {
    // Asked by a shell: answers it and ends.
    CompleteEnv::with_factory(args::command).var(completion::VARIABLE).complete();
    color::choose();
    let matches = args::command().get_matches();
    let Arguments { asked, verb, .. } =
        Arguments::from_arg_matches(&matches).unwrap_or_else(|error| error.exit());
    let outcome = match verb {
        Verb::Run(args) => run::run(&args),
        Verb::Completion { shell } => print::print_bytes(completion::script(shell).as_bytes()).map(|()| 0),
        Verb::Man { dir } => manual::write(&dir).map(|()| 0),
        Verb::Host(args) => daemon::run(&args).map(|()| 0),
        other => Remote::new(asked).and_then(|remote| verbs::ask(&remote, other)).map(|()| 0),
    };
    match outcome {
        Ok(status) => ExitCode::from(status),
        Err(error) => {
            color::print_error(&error);
            ExitCode::from(error.exit_status())
        }
    }
}
