//! How reports look to people, in a terminal or as a drawing.

mod address;
mod alarms;
mod canvas;
mod changes;
mod event;
mod host;
mod info;
mod lanes;
mod picture;
mod statistics;
mod status;
pub(crate) mod svg;
mod table;

pub(crate) use alarms::{alarm_rule, levels, tested};
pub(crate) use changes::changes;
pub(crate) use event::{event, facts};
pub(crate) use host::{setting, setting_changed, what_if};
pub(crate) use info::{FORGOTTEN_LIMIT, hosted};
pub(crate) use picture::pictures;
pub(crate) use status::{mib, status};
pub(crate) use table::{Align, lay_out, uptime};

use crate::color;
use model::inspect::Answer;
use rustix::termios::tcgetwinsize;
use std::io::{stderr, stdout};
use std::os::fd::AsFd;

/// A number of what is many with an s: `1 VM`, `2 VMs`.
pub(crate) fn counted(number: u64, one: &str) -> String {
    format!("{number} {one}{}", if number == 1 { "" } else { "s" })
}

/// Pages in a picture drawn with characters, and in a finer drawing.
pub(crate) const TERMINAL_PAGES: usize = 10;
pub(crate) const SVG_PAGES: usize = 24;

/// What the output can show.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Style {
    /// Lines and arrows beyond ASCII.
    pub(crate) unicode: bool,
    pub(crate) color: bool,
    /// Characters in a line.
    pub(crate) width: usize,
}

impl Style {
    pub(crate) fn of_stdout() -> Self {
        Self::of(stdout(), color::wanted(&stdout()))
    }

    pub(crate) fn of_stderr() -> Self {
        Self::of(stderr(), color::wanted(&stderr()))
    }

    fn of(output: impl AsFd, color: bool) -> Self {
        const PLAIN_WIDTH: usize = 100;
        let set = |name: &str| std::env::var_os(name).filter(|value| !value.is_empty());
        let locale = ["LC_ALL", "LC_CTYPE", "LANG"].into_iter().find_map(set).unwrap_or_default();
        let locale = locale.to_string_lossy().to_ascii_lowercase();
        Self {
            unicode: locale.contains("utf-8") || locale.contains("utf8"),
            color,
            width: tcgetwinsize(output).map_or(PLAIN_WIDTH, |size| size.ws_col.max(40).into()),
        }
    }
}

/// An answer as text that ends a line.
pub(crate) fn show(answer: &Answer, style: Style) -> String {
    match answer {
        Answer::Info(info) => info::show(info),
        Answer::Statistics(statistics) => statistics::show(statistics),
        Answer::Map(map) => pictures(std::slice::from_ref(map), style),
        Answer::Address(address) => address::show(address),
        Answer::Moved(moved) => info::moved(moved),
        Answer::Done(text) => format!("{text}\n"),
    }
}
