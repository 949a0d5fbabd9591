//! One report after the other, for files and programs.
//!
//! **Model.** Text is that of the screen's figures in plain lines; JSON is the host's status, an object per line; CSV has a row for each
//! running VM and time, and a header before the first.
//!
//! **Failure.** A signal, or a reader who has seen enough, ends it at once and is no failure, also while it waits for
//! the next report. A host that goes away is one.

use crate::args::{Top, TopFormat};
use crate::error::Error;
use crate::print::{csv, json_line, print};
use crate::remote::Remote;
use crate::view::{self, Style};
use model::{HostStatus, VmStatus};
use rustix::event::{PollFd, PollFlags, poll};
use serde_json::{Map, Value};
use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM};
use signal_hook::iterator::Signals;
use std::io::stdout;
use std::thread;
use std::time::{Duration, Instant};

pub(super) fn run(remote: &Remote, args: &Top) -> Result<(), Error> {
    end_on_signals().map_err(|error| Error::new(format!("cannot watch for signals: {error}")))?;
    thread::spawn(end_with_the_reader);
    let interval = Duration::from_secs(args.interval);
    let mut next = Instant::now();
    let mut header = Header::default();
    let mut left = args.count;
    while left != Some(0) {
        let status = remote.wait(remote.client.status())?;
        print(&match args.output {
            TopFormat::Table => view::status(&status, Style::of_stdout()),
            TopFormat::Csv => csv(&rows(&status, &mut header)),
            TopFormat::Json => json_line(&status),
        })?;
        left = left.map(|left| left - 1);
        if left != Some(0) {
            // By the clock, so that the time a report takes does not add up.
            next = (next + interval).max(Instant::now());
            thread::sleep(next.saturating_duration_since(Instant::now()));
        }
    }
    Ok(())
}

fn end_on_signals() -> std::io::Result<()> {
    let mut signals = Signals::new([SIGHUP, SIGINT, SIGTERM])?;
    thread::spawn(move || {
        signals.forever().next();
        std::process::exit(0);
    });
    Ok(())
}

/// Ends the program when nobody can read its output any more. Files and terminals keep it waiting.
fn end_with_the_reader() {
    let output = stdout();
    loop {
        let mut polled = [PollFd::new(&output, PollFlags::empty())];
        let gone = PollFlags::ERR | PollFlags::HUP | PollFlags::NVAL;
        match poll(&mut polled, None) {
            Ok(_) if polled[0].revents().intersects(gone) => std::process::exit(0),
            Ok(_) | Err(rustix::io::Errno::INTR) => {}
            // Then it ends with the next report.
            Err(_) => return,
        }
    }
}

/// The names of a CSV's columns, once they are written.
#[derive(Default)]
struct Header(Vec<String>);

/// What precedes the fields of a VM, which follow in the order of the alphabet.
const OF_HOST: [&str; 3] = ["at_milliseconds", "state", "free_bytes"];

/// A row for each VM.
fn rows(status: &HostStatus, header: &mut Header) -> Vec<Vec<String>> {
    let mut rows = Vec::new();
    let of_host = [
        status.at_milliseconds.to_string(),
        status.state.to_string(),
        status.ledger.free_bytes.0.to_string(),
    ];
    for vm in &status.vms {
        let mut fields = fields(vm);
        let name = cell(fields.remove("name").unwrap_or_default());
        if header.0.is_empty() {
            header.0 = fields.keys().cloned().collect();
            rows.push([&OF_HOST.map(str::to_owned)[..], &["name".to_owned()], &header.0].concat());
        }
        let mut row = [&of_host[..], &[name]].concat();
        row.extend(header.0.iter().map(|name| cell(fields[name].take())));
        rows.push(row);
    }
    rows
}

/// What there is of a VM; what is counted since its start as `total_...`.
fn fields(vm: &VmStatus) -> Map<String, Value> {
    let object = |value: Result<Value, _>| match value {
        Ok(Value::Object(fields)) => fields,
        other => unreachable!("it is an object, not {other:?}"),
    };
    let mut fields = object(serde_json::to_value(vm));
    let totals = object(Ok::<_, serde_json::Error>(fields.remove("totals").unwrap_or_default()));
    fields.extend(totals.into_iter().map(|(name, value)| (format!("total_{name}"), value)));
    fields
}

/// Nothing for what is unknown.
fn cell(value: Value) -> String {
    match value {
        Value::Null => String::new(),
        Value::String(text) => text,
        other => other.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::top::tests::host;

    #[test]
    fn a_row_has_whole_bytes_under_a_header_that_comes_once() {
        let mut header = Header::default();
        let status = host(&["db", "web"]);
        let first = csv(&rows(&status, &mut header));
        let lines: Vec<Vec<&str>> = first.lines().map(|line| line.split(',').collect()).collect();
        assert_eq!(lines.len(), 3, "{first}");
        assert_eq!(lines[0][..4], ["at_milliseconds", "state", "free_bytes", "name"]);
        assert_eq!((lines[1][3], lines[2][3]), ("db", "web"));
        assert!(lines.iter().all(|line| line.len() == lines[0].len()), "{first}");
        for (title, value) in lines[0].iter().zip(&lines[2]) {
            let size = title.ends_with("_bytes") || title.ends_with("_bytes_per_second");
            assert!(!size || value.is_empty() || value.parse::<u64>().is_ok(), "{title}: {value}");
        }
        assert!(lines[0].contains(&"total_swap_in_bytes") && !lines[0].contains(&"totals"), "{first}");
        let consumed = lines[0].iter().position(|title| *title == "consumed_bytes").unwrap();
        assert_eq!(lines[2][consumed], status.vms[1].metrics.consumed_bytes.0.to_string());
        assert_eq!(rows(&status, &mut header).len(), 2, "the header came already");
    }

    #[test]
    fn text_with_commas_stays_one_cell() {
        let mut status = host(&["web"]);
        status.vms[0].swap_failure = Some("no space, \"so\" far".to_owned());
        let text = csv(&rows(&status, &mut Header::default()));
        assert!(text.contains(",\"no space, \"\"so\"\" far\","), "{text}");
    }
}
