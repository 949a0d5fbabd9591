//! What happens and how memory is, as it comes, to any number of clients.
//!
//! **Model.** One task looks for events and for what was measured, writes each out once, and hands the bytes to all clients by
//! a queue that is bounded in pieces and bytes. A client that does not take them in time is cut off, and may come back with the id of what it got
//! last: it is given what it missed or, if that is not kept any more, what there is.
//!
//! An id is the stream's own name and the number of the last event. Another host, or the same one started again, has another name, so
//! nobody is given the events of one run as the continuation of another.
//!
//! **Cost.** A client costs a copy into its socket for each piece, and nothing while it does not read.

mod queue;

use crate::query::Only;
use axum::body::Bytes;
use host::Host;
use model::{Event, HostStatus};
use model::{StreamSnapshot, Vm};
use queue::{Next, Piece, Place, Queue};
use std::fmt::Write;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use tokio::sync::watch;

/// How often it is looked whether something was measured, and how long events are gathered.
const LOOK: Duration = Duration::from_millis(100);
/// Looks between two pieces that merely say that the stream lives.
const LOOKS_ALIVE: u32 = 100;

impl Piece {
    /// What of it those get who want `only` something.
    fn bytes_for(self, only: Option<Only>) -> Bytes {
        match (only, self.is_status) {
            (Some(Only::Status), false) | (Some(Only::Events | Only::Decisions), true) => Bytes::new(),
            (Some(Only::Events), false) => self.only_events,
            _ => self.bytes,
        }
    }
}

/// The stream. Clones are the same one.
#[derive(Clone)]
pub(crate) struct Stream {
    name: Arc<str>,
    host: Host,
    sent: Arc<Mutex<Sent>>,
    /// How often there was something new in `sent`.
    news: watch::Sender<u64>,
}

struct Sent {
    /// The number of the last event that was handed out.
    last: u64,
    /// The last status.
    status: Bytes,
    queue: Queue,
    /// Nothing more will be handed out.
    is_over: bool,
}

/// One client's part of it.
pub(crate) struct Follower {
    only: Option<Only>,
    /// What it is given before anything else.
    first: Option<Bytes>,
    place: Place,
    sent: Arc<Mutex<Sent>>,
    news: watch::Receiver<u64>,
}

/// Where a client wants to go on.
pub(crate) enum Since {
    /// It has nothing yet.
    Beginning,
    /// It knows the events up to this one.
    Event(u64),
    /// It has what goes with this id.
    Id(String),
}

impl Stream {
    pub(crate) fn new(host: Host) -> Self {
        let last = host.events_since(0).last().map_or(0, |event| event.seq);
        let name = format!("{:016x}", fastrand::u64(..));
        let sent = Sent { last, status: Bytes::new(), queue: Queue::default(), is_over: false };
        Self { name: name.into(), host, sent: Arc::new(Mutex::new(sent)), news: watch::Sender::new(0) }
    }

    /// Hands out what comes, until the server ends.
    pub(crate) async fn run(self, mut closing: watch::Receiver<bool>) {
        let mut looks = tokio::time::interval(LOOK);
        looks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        let (mut measured, mut quiet) = (0, 0);
        loop {
            tokio::select! {
                _ = looks.tick() => {}
                _ = closing.wait_for(|&closing| closing) => break,
            }
            let events = self.hand_out_events();
            let status = self.host.status();
            let new = status.at_milliseconds != measured;
            if new {
                measured = status.at_milliseconds;
                self.hand_out_status(&status);
            }
            quiet = if events { 0 } else { quiet + 1 };
            if quiet == LOOKS_ALIVE {
                quiet = 0;
                // A comment, for those who only follow events.
                let bytes = Bytes::from_static(b":\n\n");
                let only_events = bytes.clone();
                self.change(|sent| sent.queue.hand_out(Piece { is_status: false, bytes, only_events }));
            }
        }
        // Followers end once they have what was handed out.
        self.change(|sent| sent.is_over = true);
    }

    fn change(&self, change: impl FnOnce(&mut Sent)) {
        change(&mut lock(&self.sent));
        self.news.send_modify(|news| *news += 1);
    }

    /// Whether there was something for all who follow events.
    fn hand_out_events(&self) -> bool {
        let last = lock(&self.sent).last;
        let events = self.host.events_since(last);
        let Some(newest) = events.last().map(|event| event.seq) else { return false };
        let bytes = self.written(&events, true);
        let only_events = self.written(&events, false);
        let told = !only_events.is_empty();
        self.change(|sent| {
            sent.last = newest;
            sent.queue.hand_out(Piece { is_status: false, bytes, only_events });
        });
        told
    }

    fn hand_out_status(&self, status: &HostStatus) {
        let json = serde_json::to_string(status).expect("a status is JSON");
        self.change(|sent| {
            let bytes = Bytes::from(message(Some(&self.id(sent.last)), "status", &json));
            sent.status = bytes.clone();
            sent.queue.hand_out(Piece { is_status: true, bytes, only_events: Bytes::new() });
        });
    }

    fn id(&self, event: u64) -> String {
        format!("{}-{event}", self.name)
    }

    fn written(&self, events: &[Arc<Event>], decisions: bool) -> Bytes {
        let mut text = String::new();
        for event in events.iter().filter(|event| decisions || !event.what.is_decision()) {
            let json = serde_json::to_string(event).expect("events are JSON");
            text.push_str(&message(Some(&self.id(event.seq)), "event", &json));
        }
        text.into()
    }

    /// One client more. May wait for the host's locks.
    pub(crate) fn follow(&self, since: &Since, only: Option<Only>) -> Follower {
        let news = self.news.subscribe();
        let (place, last, status) = {
            let mut sent = lock(&self.sent);
            (sent.queue.join(), sent.last, sent.status.clone())
        };
        let mut follower = Follower { only, first: None, place, sent: Arc::clone(&self.sent), news };
        // What is handed out from here on comes by the queue; what was before is made up for now.
        let known = match since {
            Since::Beginning => None,
            Since::Event(number) => Some(*number),
            Since::Id(id) => self.kept_since(id),
        };
        let first = match known {
            Some(_) if only == Some(Only::Status) => status,
            Some(number) => {
                let missed: Vec<_> =
                    self.host.events_since(number).into_iter().filter(|event| event.seq <= last).collect();
                self.written(&missed, only != Some(Only::Events))
            }
            None => self.snapshot(last),
        };
        follower.first = Some(first);
        follower
    }

    /// The number of the event in an id, if all that followed are kept.
    fn kept_since(&self, id: &str) -> Option<u64> {
        let (name, number) = id.rsplit_once('-')?;
        let number: u64 = number.parse().ok()?;
        (name == &*self.name && self.host.has_all_events_since(number)).then_some(number)
    }

    fn snapshot(&self, last_event: u64) -> Bytes {
        let status = self.host.status();
        let vms = self.host.list().into_iter().map(|info| Vm::new(info, &status)).collect();
        let snapshot = StreamSnapshot {
            last_event,
            vms,
            pools: self.host.pools(),
            settings: self.host.settings(),
            alarms: self.host.alarms(),
            status: (*status).clone(),
        };
        let json = serde_json::to_string(&snapshot).expect("a snapshot is JSON");
        message(Some(&self.id(last_event)), "snapshot", &json).into()
    }
}

impl Follower {
    /// The next bytes; `None` at the end, or if the client was too slow.
    pub(crate) async fn next(&mut self) -> Option<Bytes> {
        if let Some(first) = self.first.take().filter(|first| !first.is_empty()) {
            return Some(first);
        }
        loop {
            let next = {
                let mut sent = lock(&self.sent);
                match sent.queue.take(&mut self.place) {
                    Next::Nothing if sent.is_over => return None,
                    next => next,
                }
            };
            match next {
                Next::Lost => return None,
                Next::Nothing => self.news.changed().await.ok()?,
                Next::Piece(piece) => match piece.bytes_for(self.only) {
                    nothing if nothing.is_empty() => {}
                    bytes => return Some(bytes),
                },
            }
        }
    }
}

impl Drop for Follower {
    fn drop(&mut self) {
        lock(&self.sent).queue.leave(&self.place);
    }
}

/// Nothing is left half done by who panics with it.
fn lock(sent: &Mutex<Sent>) -> MutexGuard<'_, Sent> {
    sent.lock().unwrap_or_else(PoisonError::into_inner)
}

/// A message as `text/event-stream` has it. One without an id is none to go on from.
pub(crate) fn message(id: Option<&str>, kind: &str, json: &str) -> String {
    let mut text = String::with_capacity(json.len() + 64);
    if let Some(id) = id {
        let _ = writeln!(text, "id: {id}");
    }
    let _ = write!(text, "event: {kind}\ndata: {json}\n\n");
    text
}
