//! The host's events and decisions, the latest of them, and a way to wait for more.
//!
//! **Model.** Events are few and worth keeping; decisions come every second while memory is short. They are numbered together, and
//! kept apart, so that decisions do not drive out events.
//!
//! **Concurrency.** One lock, innermost, held to add or copy. Who adds never waits for who reads.

use crate::clock::Clock;
use crate::host::Host;
use model::{Event, What};
use parking_lot::{Condvar, Mutex};
use std::collections::VecDeque;
use std::io::{self, Write};
use std::sync::Arc;
use std::time::{Duration, Instant};

/// How many events are kept at most, and how many decisions.
const KEPT: usize = 2048;
/// How many bytes events may take together, as they are written out, and how many decisions; the latest is kept whatever it takes.
const MOST_BYTES: usize = 2 << 20;
const MOST_DECISION_BYTES: usize = 1 << 20;

/// The host's events.
#[derive(Default)]
pub(crate) struct Journal {
    clock: Clock,
    events: Mutex<Events>,
    more: Condvar,
}

#[derive(Default)]
struct Events {
    /// The number of the latest.
    last: u64,
    told: Ring,
    decisions: Ring,
}

/// The latest of one sort.
#[derive(Default)]
struct Ring {
    kept: VecDeque<Kept>,
    /// What they take together.
    bytes: usize,
    /// The number of the latest that is not kept any more; 0 if all are.
    gone: u64,
}

struct Kept {
    event: Arc<Event>,
    bytes: usize,
}

impl Ring {
    fn add(&mut self, event: Event, bytes: usize, most_bytes: usize) {
        self.kept.push_back(Kept { event: Arc::new(event), bytes });
        self.bytes += bytes;
        while self.kept.len() > KEPT || (self.bytes > most_bytes && self.kept.len() > 1) {
            let Some(gone) = self.kept.pop_front() else { break };
            self.bytes -= gone.bytes;
            self.gone = gone.event.seq;
        }
    }

    fn since(&self, seq: u64) -> impl Iterator<Item = &Arc<Event>> {
        let first = self.kept.partition_point(|kept| kept.event.seq <= seq);
        self.kept.range(first..).map(|kept| &kept.event)
    }
}

/// Counts what is written to it.
struct Count(usize);

impl Write for Count {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0 += bytes.len();
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// What an event takes, written out. In memory it is about as much.
fn size(what: &What) -> usize {
    let mut count = Count(size_of::<Event>());
    // All events can be written out, and counting does not fail.
    let _ = serde_json::to_writer(&mut count, what);
    count.0
}

impl Journal {
    /// One whose events have the times of `clock`.
    #[cfg(test)]
    pub(crate) fn by(clock: Clock) -> Self {
        Self { clock, ..Self::default() }
    }

    /// By which its events have their times.
    pub(crate) fn clock(&self) -> &Clock {
        &self.clock
    }

    /// Notes that something happened.
    pub(crate) fn add(&self, what: What) {
        let bytes = size(&what);
        let mut events = self.events.lock();
        events.last += 1;
        let event = Event { seq: events.last, at_milliseconds: self.clock.milliseconds(), what };
        if event.what.is_decision() {
            events.decisions.add(event, bytes, MOST_DECISION_BYTES);
        } else {
            events.told.add(event, bytes, MOST_BYTES);
        }
        drop(events);
        self.more.notify_all();
    }

    /// Events and decisions numbered above `seq`, as far as they are kept.
    pub(crate) fn since(&self, seq: u64) -> Vec<Arc<Event>> {
        self.events.lock().since(seq)
    }

    /// Whether all events numbered above `seq` are kept.
    pub(crate) fn has_all_since(&self, seq: u64) -> bool {
        self.events.lock().told.gone <= seq
    }

    /// Events and decisions numbered above `seq`, but waits until there is one, for `timeout` at most.
    pub(crate) fn wait_since(&self, seq: u64, timeout: Duration) -> Vec<Arc<Event>> {
        let deadline = Instant::now() + timeout;
        let mut events = self.events.lock();
        while events.last <= seq {
            if self.more.wait_until(&mut events, deadline).timed_out() {
                break;
            }
        }
        events.since(seq)
    }
}

impl Events {
    fn since(&self, seq: u64) -> Vec<Arc<Event>> {
        let mut found: Vec<_> = self.told.since(seq).chain(self.decisions.since(seq)).cloned().collect();
        found.sort_unstable_by_key(|event| event.seq);
        found
    }
}

impl Host {
    /// Events and decisions numbered above `seq`, as far as they are kept: [`What::is_decision`] tells them apart.
    pub fn events_since(&self, seq: u64) -> Vec<Arc<Event>> {
        self.core().journal.since(seq)
    }

    /// Whether all events numbered above `seq` are kept; decisions are kept less long.
    pub fn has_all_events_since(&self, seq: u64) -> bool {
        self.core().journal.has_all_since(seq)
    }

    /// Events and decisions numbered above `seq`, but waits until there is one, for `timeout` at most.
    pub fn wait_events_since(&self, seq: u64, timeout: Duration) -> Vec<Arc<Event>> {
        self.core().journal.wait_since(seq, timeout)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn numbers(events: &[Arc<Event>]) -> Vec<u64> {
        events.iter().map(|event| event.seq).collect()
    }

    #[test]
    fn decisions_do_not_drive_out_events() {
        let journal = Journal::default();
        let taken = || What::Reclaimed {
            vm: "one".to_owned(),
            freed_bytes: addr::ByteSize(0),
            zeroed_bytes: addr::ByteSize(0),
            shared_bytes: addr::ByteSize(0),
            compressed_bytes: addr::ByteSize(0),
            swapped_bytes: addr::ByteSize(0),
        };
        journal.add(What::HostShutsDown);
        (0..3 * KEPT).for_each(|_| journal.add(taken()));
        journal.add(What::HostShutsDown);
        let found = journal.since(0);
        let decisions = found.iter().filter(|event| event.what.is_decision()).count();
        assert!(
            (KEPT / 4..=KEPT).contains(&decisions) && found.len() == 2 + decisions,
            "{decisions} decisions"
        );
        assert_eq!(found.first().map(|event| event.seq), Some(1));
        assert!(found.is_sorted_by_key(|event| event.seq), "by number, whatever they are");
        assert!(journal.has_all_since(0), "what is not kept any more are decisions");
    }

    #[test]
    fn a_reader_sees_every_event_once_and_notices_a_gap() {
        let journal = Journal::default();
        assert!(journal.since(0).is_empty());
        (0..3).for_each(|_| journal.add(What::HostShutsDown));
        assert_eq!(numbers(&journal.since(0)), [1, 2, 3]);
        assert_eq!(numbers(&journal.since(2)), [3]);
        assert!(journal.since(3).is_empty() && journal.since(9).is_empty());
        (0..KEPT).for_each(|_| journal.add(What::HostShutsDown));
        let late = journal.since(1);
        assert_eq!((late[0].seq, late.len()), (4, KEPT));
        assert!(journal.has_all_since(3) && !journal.has_all_since(2));
    }

    #[test]
    fn long_events_are_kept_for_a_shorter_time() {
        let journal = Journal::default();
        journal.add(What::HostShutsDown);
        let why = "x".repeat(60_000);
        (0..KEPT).for_each(|_| journal.add(What::Trouble { why: why.clone() }));
        let kept = journal.since(0);
        assert_eq!(kept.last().unwrap().seq, KEPT as u64 + 1);
        assert!((25..45).contains(&kept.len()), "{} of 60 KB each", kept.len());
        journal.add(What::Trouble { why: "x".repeat(2 * MOST_BYTES) });
        assert_eq!(journal.since(0).len(), 1);
        journal.add(What::HostShutsDown);
        assert_eq!(journal.since(0).len(), 1, "and it goes as soon as there is another");
    }

    #[test]
    fn waiting_ends_with_news_or_in_time() {
        let journal = Arc::new(Journal::default());
        assert!(journal.wait_since(0, Duration::from_millis(1)).is_empty());
        let other = Arc::clone(&journal);
        let speaker = std::thread::spawn(move || other.add(What::HostShutsDown));
        assert_eq!(numbers(&journal.wait_since(0, Duration::from_mins(1))), [1]);
        speaker.join().unwrap();
    }
}
