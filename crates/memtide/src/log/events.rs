//! The host's events as log records.
//!
//! **Bounds.** So many at once and so many a second; how many were left out is said once others are written again. All events are at
//! `/v1/events`, as long as the host keeps them.

use crate::print::written_out;
use crate::view::{counted, facts};
use host::Host;
use model::{Event, HowEnded, What};
use sandbox::Kind;
use serde_json::Value;
use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};
use tracing::Level;
use vm::plain::plain;

/// How many events are written at once if there were few before.
const BURST: f64 = 200.0;
/// How many are written in a second if there are many.
const PER_SECOND: f64 = 20.0;
/// How soon the end is noticed.
const TICK: Duration = Duration::from_millis(200);

/// Writes the host's events until it is dropped; then, those that are left.
pub(crate) struct Follower {
    ending: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
}

impl Follower {
    /// # Errors
    /// There is no thread for that.
    pub(crate) fn of(host: &Host) -> io::Result<Self> {
        let ending = Arc::new(AtomicBool::new(false));
        let (host, ended) = (host.clone(), Arc::clone(&ending));
        let thread = thread::Builder::new().name("log".to_owned()).spawn(move || follow(&host, &ended))?;
        Ok(Self { ending, thread: Some(thread) })
    }
}

impl Drop for Follower {
    fn drop(&mut self) {
        self.ending.store(true, Ordering::Relaxed);
        if let Some(thread) = self.thread.take() {
            // A panic there was printed.
            let _ = thread.join();
        }
    }
}

fn follow(host: &Host, ending: &AtomicBool) {
    sandbox::keep_to(Kind::Memory);
    let mut last = 0;
    let mut allowance = Allowance::new(Instant::now());
    loop {
        let ended = ending.load(Ordering::Relaxed);
        let events = host.wait_events_since(last, if ended { Duration::ZERO } else { TICK });
        for event in events {
            // Those between are not kept any more.
            allowance.omitted += event.seq - last - 1;
            last = event.seq;
            let level = level(&event.what);
            if is_logged(level) && allowance.take(Instant::now()) {
                note(level, &event);
            }
        }
        if ended {
            return;
        }
    }
}

/// How many events may be written.
struct Allowance {
    left: f64,
    at: Instant,
    omitted: u64,
}

impl Allowance {
    fn new(now: Instant) -> Self {
        Self { left: BURST, at: now, omitted: 0 }
    }

    /// Whether one more may be written; says how many could not be before it.
    fn take(&mut self, now: Instant) -> bool {
        let earned = now.duration_since(self.at).as_secs_f64() * PER_SECOND;
        self.left = (self.left + earned).min(BURST);
        self.at = now;
        if self.left < 1.0 {
            self.omitted += 1;
            return false;
        }
        self.left -= 1.0;
        let omitted = std::mem::take(&mut self.omitted);
        if omitted > 0 {
            tracing::warn!(omitted, "not in this log: {} before this one", counted(omitted, "event"));
        }
        true
    }
}

/// Whether anybody wants it: what nobody wants takes nothing of what may be written.
fn is_logged(level: Level) -> bool {
    match level {
        Level::ERROR => tracing::enabled!(Level::ERROR),
        Level::WARN => tracing::enabled!(Level::WARN),
        Level::INFO => tracing::enabled!(Level::INFO),
        _ => tracing::enabled!(Level::DEBUG),
    }
}

/// How much an event matters to whoever reads a log.
fn level(what: &What) -> Level {
    match what {
        What::MemoryStandsStill { .. }
        | What::Trouble { .. }
        | What::InternalError { .. }
        | What::AuditFailed { .. } => Level::ERROR,
        What::VmRefused { .. }
        | What::HostExposed { .. }
        | What::VmTrouble { .. }
        | What::VmSlowed { .. }
        | What::GuestPanicked { .. }
        | What::GuestSilent { .. }
        | What::GuestOomKills { .. }
        | What::SwapFailed { .. }
        | What::SwapInMemory { .. }
        | What::FileTrouble { .. }
        | What::DiskSilent { .. }
        | What::MemoryLimitLow(_)
        | What::AlarmRaised(_)
        | What::LoopLate { .. }
        | What::AutostartFailed { .. }
        | What::VmEnded { how: HowEnded::Failed | HowEnded::GuestFailure, .. } => Level::WARN,
        decision if decision.is_decision() => Level::DEBUG,
        // That the host opened is told when it is ready.
        What::HostOpened { .. } => Level::DEBUG,
        _ => Level::INFO,
    }
}

/// Writes an event: in words, as its word, and with all that it says as JSON.
fn note(level: Level, event: &Event) {
    let (seq, name, vm) = (event.seq, event.what.name(), event.what.vm());
    let (words, details) = (words(event), details(event));
    match level {
        Level::ERROR => tracing::error!(seq, event = name, vm, details, "{words}"),
        Level::WARN => tracing::warn!(seq, event = name, vm, details, "{words}"),
        Level::INFO => tracing::info!(seq, event = name, vm, details, "{words}"),
        _ => tracing::debug!(seq, event = name, vm, details, "{words}"),
    }
}

/// An event as its clients see it.
fn seen(event: &Event) -> Option<model::UntypedEvent> {
    serde_json::to_value(event).and_then(serde_json::from_value).ok()
}

/// What happened, and what is known about it.
fn words(event: &Event) -> String {
    let facts = seen(event).map(|event| facts(&event)).unwrap_or_default();
    plain(format!("{}  {facts}", event.what.name()).trim_end()).into_owned()
}

/// All that an event says beside its word, as JSON.
fn details(event: &Event) -> String {
    seen(event).map(|event| written_out(&Value::Object(event.fields).to_string())).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bursts_are_written_and_floods_counted() {
        let begin = Instant::now();
        let mut allowance = Allowance::new(begin);
        let taken = (0..1000).filter(|_| allowance.take(begin)).count();
        assert_eq!((taken, allowance.omitted), (200, 800));
        assert!(allowance.take(begin + Duration::from_millis(100)));
        assert_eq!(allowance.omitted, 0, "it was said");
        let later = begin + Duration::from_hours(1);
        assert_eq!((0..1000).filter(|_| allowance.take(later)).count(), 200);
    }

    #[test]
    fn an_event_says_all_but_its_word() {
        let what = What::VmTrouble { vm: "web".to_owned(), what: "gets nowhere".to_owned() };
        let event = Event { seq: 1, at_milliseconds: 0, what };
        assert_eq!(words(&event), "vm-trouble  web  what gets nowhere");
        assert_eq!(details(&event), r#"{"vm":"web","what":"gets nowhere"}"#);
        assert_eq!(words(&Event { what: What::HostShutsDown, ..event }), "host-shuts-down");
        let what = What::Trouble { why: "a\nb\u{1b}[2J\u{202e}".to_owned() };
        let event = Event { seq: 1, at_milliseconds: 0, what };
        assert_eq!(words(&event), "trouble  why a\\nb\\u{1b}[2J\\u{202e}");
        assert_eq!(details(&event), r#"{"why":"a\nb\u001b[2J\u202e"}"#);
    }
}
