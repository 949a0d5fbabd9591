//! What happened on the host, and what goes on: events, operations, the audit log.

use crate::args::{AuditLog, DocumentFormat, Events, ListFormat, Operation};
use crate::error::Error;
use crate::list::Chosen;
use crate::list::tables::{AUDIT_LOG, EVENTS, OPERATIONS};
use crate::print::{print, show};
use crate::remote::Remote;
use crate::view;
use client::Message;
use model::{self as types, UntypedEvent};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

/// Which events are wanted, beyond what the list's options say.
struct Wanted<'a> {
    args: &'a Events,
    /// Milliseconds since 1970.
    after: u64,
    /// In lower case.
    text: Option<String>,
}

impl<'a> Wanted<'a> {
    fn new(args: &'a Events) -> Self {
        let last = args.last.map(Duration::from_secs);
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        let after = last.map_or(0, |last| now.saturating_sub(last).as_millis() as u64);
        Self { args, after, text: args.text.as_ref().map(|text| text.to_lowercase()) }
    }

    /// Whether decisions are wanted: who asks for a kind that only they are of wants them.
    fn decisions(&self) -> bool {
        let kind = self.args.event.as_deref();
        self.args.decisions || matches!(kind, Some("planned" | "reclaimed"))
    }

    fn takes(&self, event: &UntypedEvent) -> bool {
        let about = |vm: &String| event.fields.get("vm").and_then(|of| of.as_str()) == Some(vm);
        event.at_milliseconds >= self.after
            && self.args.vm.as_ref().is_none_or(about)
            && self.args.event.as_ref().is_none_or(|kind| event.event == *kind)
            && self.text.as_ref().is_none_or(|text| view::event(event).to_lowercase().contains(text))
    }
}

pub(super) fn events(remote: &Remote, args: &Events) -> Result<(), Error> {
    let chosen = EVENTS.choose(&args.list)?;
    let wanted = Wanted::new(args);
    if args.follow {
        return follow(remote, &wanted, &chosen);
    }
    let events = remote.wait(remote.client.events(args.since, wanted.decisions()))?.into_iter();
    let events: Vec<UntypedEvent> = events.filter(|event| wanted.takes(event)).collect();
    if args.list.output == ListFormat::Table && args.list.columns.is_empty() {
        return chosen.select(events).iter().try_for_each(|event| print(&view::event(event)));
    }
    chosen.print(events)
}

/// One event at a time, until the host ends.
fn follow(remote: &Remote, wanted: &Wanted, chosen: &Chosen<UntypedEvent>) -> Result<(), Error> {
    let mut stream = remote.wait(remote.client.follow_events(wanted.args.since, wanted.decisions()))?;
    if chosen.format == ListFormat::Csv {
        print(&chosen.csv_head())?;
    }
    while let Some(message) = remote.wait(stream.next())? {
        match message {
            Message::Event(event) if wanted.takes(&event) => chosen.print_one(&event, view::event)?,
            _ => {}
        }
    }
    Ok(())
}

pub(super) fn audit_log(remote: &Remote, args: &AuditLog) -> Result<(), Error> {
    let chosen = AUDIT_LOG.choose(&args.list)?;
    chosen.print(remote.wait(remote.client.audit_log(args.count))?)
}

pub(super) fn operation(remote: &Remote, verb: &Operation) -> Result<(), Error> {
    match verb {
        Operation::Ls { list } => {
            let chosen = OPERATIONS.choose(list)?;
            chosen.print(remote.wait(remote.client.operations())?)
        }
        Operation::Show { id, output } => tell(&remote.wait(remote.client.operation(*id, 0))?, output.output),
        Operation::Cancel { id, output } => tell(&remote.wait(remote.client.cancel(*id))?, output.output),
    }
}

fn tell(operation: &types::Operation, format: DocumentFormat) -> Result<(), Error> {
    show(operation, format, |operation| OPERATIONS.facts(operation))
}
