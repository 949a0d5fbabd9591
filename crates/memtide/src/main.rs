//! The `memtide` program: runs VMs, and shows how their memory is mapped.
//!
//! **Model.** `memtide run` is a VM: a process that runs it in the foreground and listens on a control socket. Every
//! other verb is a client that asks such processes and shows what they answer.
//!
//! ```text
//!   run --> Guest (a vm::Vm) <-- monitor <-- Ctrl-] on the console
//!               ^------------ control <== socket == every other verb
//!           Request -> Answer (report) -> view
//! ```
//!
//! Read `run`, `console` and `terminal` for the one side, `guest` and `report` for what can be asked,
//! `control` for the way there, `verbs` and `view` for the other side.
//!
//! **Failure.** Errors go to standard error as `error: what` and `hint: what to do`; see `run --help` for exit statuses.

#![forbid(unsafe_code)]

mod args;
mod console;
mod control;
mod error;
mod guest;
mod monitor;
mod report;
mod run;
mod signals;
mod terminal;
mod verbs;
mod view;

use args::{Arguments, Verb};
use clap::Parser;
use std::process::ExitCode;

fn main() -> ExitCode {
    let outcome = match Arguments::parse().verb {
        Verb::Run(args) => run::run(&args),
        other => verbs::ask(other).map(|()| 0),
    };
    match outcome {
        Ok(status) => ExitCode::from(status),
        Err(error) => {
            eprintln!("{error}");
            ExitCode::FAILURE
        }
    }
}
