//! `memtide top`: how the host's memory is divided, live.
//!
//! **Model.** On a terminal, a screen: [`model::Model`] is all of its state and pure; keys, what the host's stream tells and
//! answers to questions are its [`model::Input`]s, and [`draw`] puts it into a frame. Around it are what makes the
//! inputs (`feed`, and the keyboard in `screen`) and the terminal itself (`screen`). Elsewhere, or asked for batches: `batch`, which shares with
//! the screen only the figures.
//!
//! **Concurrency.** One thread runs everything; others only read the keyboard and wait for signals, and send what they got.
//!
//! **Cost.** The screen is drawn after an input that changed something, and what is sent to the terminal is the
//! difference.

mod batch;
mod columns;
mod draw;
mod feed;
mod known;
mod model;
mod screen;
mod table;
#[cfg(test)]
pub(crate) mod tests;

use crate::args::{Top, TopFormat};
use crate::error::Error;
use crate::remote::Remote;
use std::io::{IsTerminal, stdin, stdout};

/// Shows it until somebody has seen enough.
pub(crate) fn top(remote: &Remote, args: &Top) -> Result<(), Error> {
    let dumb = std::env::var_os("TERM").is_some_and(|term| term == "dumb");
    let interactive = stdin().is_terminal() && stdout().is_terminal() && !dumb;
    if args.batch || args.output != TopFormat::Table || args.count.is_some() || !interactive {
        return batch::run(remote, args);
    }
    screen::run(remote, args.interval)
}

/// The time of day of a moment (UTC), in milliseconds since 1970.
fn clock(at_milliseconds: u64) -> String {
    let seconds = at_milliseconds / 1000;
    format!("{:02}:{:02}:{:02}Z", seconds / 3600 % 24, seconds / 60 % 60, seconds % 60)
}
