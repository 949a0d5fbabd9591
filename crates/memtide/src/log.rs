//! The host's log.
//!
//! **Model.** Three sinks to choose from: lines for people or JSON objects on standard error, or records in systemd's journal. What
//! comes in: what the host [tells](crate::daemon), its events (`events`), each once, and at `debug` every request, which `api` notes
//! with its name, its status and how long it took. Beside our own crates others may only warn.
//!
//! **Not here.** No secret: requests are noted without headers, bodies and queries, and what looks like a token in a path is cut.
//! Who changed what is in the audit log of `api`, which is complete and survives; a log may be turned down.
//!
//! **Failure.** What cannot be written is lost, and the host goes on.

mod events;

pub(crate) use events::Follower;

use crate::args::{LogFormat, LogLevel};
use crate::error::Error;
use std::io::{IsTerminal, stderr};
use tracing::Level;
use tracing::level_filters::LevelFilter;
use tracing_journald::{Priority, PriorityMappings};
use tracing_subscriber::Layer;
use tracing_subscriber::filter::Targets;
use tracing_subscriber::fmt::MakeWriter;
use tracing_subscriber::fmt::format::{self, FormatFields};
use tracing_subscriber::layer::{Layered, SubscriberExt as _};
use tracing_subscriber::registry::Registry;
use vm::plain::plain;

/// Our own crates that log.
const OURS: [&str; 3] = ["memtide", "api", "host"];

/// Begins the log; there is one in a process. Says where it goes, which is never [`LogFormat::Auto`].
///
/// # Errors
/// If there is no journal to write to.
pub(crate) fn begin(format: LogFormat, level: LogLevel) -> Result<LogFormat, Error> {
    let format = match format {
        LogFormat::Auto if is_journal() => LogFormat::Journald,
        LogFormat::Auto => LogFormat::Text,
        other => other,
    };
    let sink = match format {
        LogFormat::Journald => journald()?,
        LogFormat::Json => json(stderr),
        _ => text(
            stderr,
            stderr().is_terminal() && std::env::var_os("NO_COLOR").is_none_or(|no| no.is_empty()),
        ),
    };
    let subscriber = Registry::default().with(passed(level)).with(sink);
    tracing::subscriber::set_global_default(subscriber)
        .map_err(|error| Error::new(format!("cannot log: {error}")))?;
    Ok(format)
}

/// Where records go.
type Sink = Box<dyn Layer<Layered<Targets, Registry>> + Send + Sync>;

/// A line each: time, level, what happened, and in which request.
fn text(to: impl for<'w> MakeWriter<'w> + Send + Sync + 'static, colour: bool) -> Sink {
    // In words these are said already.
    const SAID: [&str; 4] = ["event", "vm", "details", "status"];
    let fields = format::debug_fn(|writer, field, value| match field.name() {
        // A line is one record, whatever users and guests wrote.
        "message" => writer.write_str(&plain(&format!("{value:?}"))),
        name if SAID.contains(&name) => Ok(()),
        name => write!(writer, " {name}={value:?}"),
    });
    let layer = tracing_subscriber::fmt::layer().with_target(false).log_internal_errors(false);
    Box::new(layer.with_ansi(colour).fmt_fields(fields_of(fields)).with_writer(to))
}

/// Says of which kind it is, which a closure cannot.
fn fields_of<F>(fields: F) -> F
where
    F: for<'w> FormatFields<'w> + Send + Sync + 'static,
{
    fields
}

fn json(to: impl for<'w> MakeWriter<'w> + Send + Sync + 'static) -> Sink {
    let layer = tracing_subscriber::fmt::layer().json().flatten_event(true).with_current_span(false);
    Box::new(layer.with_span_list(false).log_internal_errors(false).with_writer(to))
}

fn journald() -> Result<Sink, Error> {
    let layer = tracing_journald::layer().map_err(|error| {
        Error::new(format!("cannot log to the systemd journal: {error}"))
            .hint("--log-format text or json logs to standard error")
    })?;
    let priorities = PriorityMappings {
        info: Priority::Informational,
        debug: Priority::Debug,
        trace: Priority::Debug,
        ..PriorityMappings::new()
    };
    Ok(Box::new(
        layer
            .with_syslog_identifier("memtide".to_owned())
            .with_field_prefix(Some("MEMTIDE".to_owned()))
            .with_priority_mappings(priorities),
    ))
}

fn passed(level: LogLevel) -> Targets {
    let ours = match level {
        LogLevel::Off => LevelFilter::OFF,
        LogLevel::Error => Level::ERROR.into(),
        LogLevel::Warn => Level::WARN.into(),
        LogLevel::Info => Level::INFO.into(),
        LogLevel::Debug => Level::DEBUG.into(),
    };
    Targets::new().with_default(ours.min(LevelFilter::WARN)).with_targets(OURS.map(|name| (name, ours)))
}

/// Whether standard error leads to the journal, as systemd says and the file shows.
fn is_journal() -> bool {
    let Ok(found) = rustix::fs::fstat(stderr()) else { return false };
    std::env::var("JOURNAL_STREAM").is_ok_and(|said| said == format!("{}:{}", found.st_dev, found.st_ino))
}

#[cfg(test)]
mod tests;
