//! How the host's memory is divided, again and again.

use crate::args::{Format, Top};
use crate::error::Error;
use crate::print::{json_line, print};
use crate::remote::Remote;
use crate::view::{self, Style};
use std::io::{IsTerminal, stdout};
use std::time::Duration;

const HOME_AND_CLEAR: &str = "\x1b[H\x1b[2J";

pub(super) fn top(remote: &Remote, args: &Top) -> Result<(), Error> {
    let clear = !args.batch && args.output.output == Format::Table && stdout().is_terminal();
    let mut left = args.count;
    while left != Some(0) {
        let status = remote.wait(remote.client.status())?;
        let screen = match args.output.output {
            Format::Json => json_line(&status),
            Format::Table => view::status(&status, Style::of_stdout()),
        };
        print(&if clear { format!("{HOME_AND_CLEAR}{screen}") } else { screen })?;
        left = left.map(|left| left - 1);
        if left != Some(0) {
            std::thread::sleep(Duration::from_secs(args.delay));
        }
    }
    Ok(())
}
