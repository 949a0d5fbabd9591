//! The host's events, the latest of them, and a way to wait for more.
//!
//! **Concurrency.** One lock, innermost, held to add or copy. Who adds never waits for who reads.

use crate::event::{Event, What};
use parking_lot::{Condvar, Mutex};
use std::collections::VecDeque;
use std::io::{self, Write};
use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

/// How many events are kept at most.
const KEPT: usize = 2048;
/// How many bytes they may take together, as they are written out; the latest is kept whatever it takes.
const MOST_BYTES: usize = 3 << 20;

/// The host's events.
#[derive(Default)]
pub(crate) struct Journal {
    events: Mutex<Events>,
    more: Condvar,
}

#[derive(Default)]
struct Events {
    /// The number of the latest.
    last: u64,
    kept: VecDeque<Kept>,
    /// What they take together.
    bytes: usize,
}

struct Kept {
    event: Arc<Event>,
    bytes: usize,
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
    /// Notes that something happened.
    pub(crate) fn add(&self, what: What) {
        let bytes = size(&what);
        let mut events = self.events.lock();
        events.last += 1;
        let event = Arc::new(Event { seq: events.last, at_milliseconds: now(), what });
        events.kept.push_back(Kept { event, bytes });
        events.bytes += bytes;
        while events.kept.len() > KEPT || (events.bytes > MOST_BYTES && events.kept.len() > 1) {
            events.bytes -= events.kept.pop_front().map_or(0, |kept| kept.bytes);
        }
        drop(events);
        self.more.notify_all();
    }

    /// Events numbered above `seq`, as far as they are kept.
    pub(crate) fn since(&self, seq: u64) -> Vec<Arc<Event>> {
        self.events.lock().since(seq)
    }

    /// The same, but waits until there is one, for `timeout` at most.
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
        let first = self.last - self.kept.len() as u64;
        let since = self.kept.iter().skip(seq.saturating_sub(first) as usize);
        since.map(|kept| Arc::clone(&kept.event)).collect()
    }
}

/// Milliseconds since 1970.
pub(crate) fn now() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_millis() as u64)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn numbers(events: &[Arc<Event>]) -> Vec<u64> {
        events.iter().map(|event| event.seq).collect()
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
    }

    #[test]
    fn long_events_are_kept_for_a_shorter_time() {
        let journal = Journal::default();
        journal.add(What::HostShutsDown);
        let why = "x".repeat(60_000);
        (0..KEPT).for_each(|_| journal.add(What::Trouble { why: why.clone() }));
        let kept = journal.since(0);
        assert_eq!(kept.last().unwrap().seq, KEPT as u64 + 1);
        assert!((40..60).contains(&kept.len()), "{} of 60 KB each", kept.len());
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
