//! What happened on the host.

use crate::args::{Events, Format};
use crate::error::Error;
use crate::print::{json, json_line, print};
use crate::remote::Remote;
use crate::view;
use api::types::Event;

pub(super) fn events(remote: &Remote, args: &Events) -> Result<(), Error> {
    if args.follow {
        return follow(remote, args);
    }
    let events = remote.wait(remote.client.events(args.since))?;
    match args.output.output {
        Format::Json => print(&json(&events)),
        Format::Table => events.iter().try_for_each(|event| print(&view::event(event))),
    }
}

/// One event at a time, until the host ends.
fn follow(remote: &Remote, args: &Events) -> Result<(), Error> {
    let mut lines = remote.wait(remote.client.follow_events(args.since))?;
    while let Some(line) = remote.wait(lines.next())? {
        let event: Event = serde_json::from_str(&line).map_err(|error| {
            Error::new(format!("the host tells an event that is not understood: {error}"))
        })?;
        match args.output.output {
            Format::Json => print(&json_line(&event))?,
            Format::Table => print(&view::event(&event))?,
        }
    }
    Ok(())
}
