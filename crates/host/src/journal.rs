//! The host's events, the latest of them, and a way to wait for more.
//!
//! **Concurrency.** One lock, innermost, held to add or copy. Who adds never waits for who reads.

use crate::event::{Event, What};
use parking_lot::{Condvar, Mutex};
use std::collections::VecDeque;
use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

/// How many events are kept.
const KEPT: usize = 2048;

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
    kept: VecDeque<Arc<Event>>,
}

impl Journal {
    /// Notes that something happened.
    pub(crate) fn add(&self, what: What) {
        let mut events = self.events.lock();
        events.last += 1;
        let event = Event { seq: events.last, at_milliseconds: now(), what };
        if events.kept.len() == KEPT {
            events.kept.pop_front();
        }
        events.kept.push_back(Arc::new(event));
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
        self.kept.iter().skip(seq.saturating_sub(first) as usize).cloned().collect()
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
    fn waiting_ends_with_news_or_in_time() {
        let journal = Arc::new(Journal::default());
        assert!(journal.wait_since(0, Duration::from_millis(1)).is_empty());
        let other = Arc::clone(&journal);
        let speaker = std::thread::spawn(move || other.add(What::HostShutsDown));
        assert_eq!(numbers(&journal.wait_since(0, Duration::from_mins(1))), [1]);
        speaker.join().unwrap();
    }
}
