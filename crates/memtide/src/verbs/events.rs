//! What happened on the host.

use crate::args::{Events, Format};
use crate::error::Error;
use crate::print::{json, json_line, print};
use crate::remote::Remote;
use crate::view;
use client::Message;

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
    let mut stream = remote.wait(remote.client.follow_events(args.since))?;
    while let Some(message) = remote.wait(stream.next())? {
        let Message::Event(event) = message else { continue };
        match args.output.output {
            Format::Json => print(&json_line(&event))?,
            Format::Table => print(&view::event(&event))?,
        }
    }
    Ok(())
}
