//! What happens on the host, as it happens.

use crate::connection::{Asked, broken, escaped};
use crate::{Client, Error};
use http_body_util::BodyExt;
use hyper::Method;
use hyper::body::Incoming;
use model::{HostStatus, StreamSnapshot, UntypedEvent};
use serde::de::DeserializeOwned;

/// Longest message.
const MOST_MESSAGE: usize = 64 << 20;

/// What the host tells without being asked each time.
#[derive(Debug)]
pub struct Stream {
    body: Incoming,
    begun: Vec<u8>,
    id: Option<String>,
}

/// What it tells.
#[derive(Clone, PartialEq, Debug)]
pub enum Message {
    /// What there is: at the beginning, and after a gap.
    Snapshot(Box<StreamSnapshot>),
    /// Something happened.
    Event(UntypedEvent),
    /// The host's memory was measured.
    Status(Box<HostStatus>),
}

#[expect(clippy::missing_errors_doc, reason = "the same for all: the host says no, is not there, breaks off")]
impl Client {
    /// A snapshot, then all that happens and is measured; or what follows on the message with the id `last`.
    pub async fn stream(&self, last: Option<&str>) -> Result<Stream, Error> {
        let asked = Asked::new(Method::GET, "/v1/stream").header("last-event-id", last);
        Ok(Stream::new(self.send(asked).await?.into_body()))
    }

    /// Events numbered above `since`, as far as they are kept, and those to come, with the memory loop's `decisions` or without.
    pub async fn follow_events(&self, since: u64, decisions: bool) -> Result<Stream, Error> {
        let only = if decisions { "decisions" } else { "events" };
        let path = format!("/v1/stream?only={only}&since={}", escaped(&since.to_string()));
        Ok(Stream::new(self.send(Asked::new(Method::GET, &path)).await?.into_body()))
    }
}

impl Stream {
    fn new(body: Incoming) -> Self {
        Self { body, begun: Vec::new(), id: None }
    }

    /// The id of the last message, to go on from.
    pub fn id(&self) -> Option<&str> {
        self.id.as_deref()
    }

    /// The next message; `None` at the end.
    ///
    /// # Errors
    /// [`Error::Problem`] if the host ends it for a reason, [`Error::BrokenOff`], or [`Error::Strange`] for what is not
    /// understood.
    pub async fn next(&mut self) -> Result<Option<Message>, Error> {
        loop {
            while let Some(end) = self.begun.windows(2).position(|two| two == b"\n\n") {
                let text: Vec<u8> = self.begun.drain(..end + 2).collect();
                if let Some(message) = self.take_apart(&String::from_utf8_lossy(&text))? {
                    return Ok(Some(message));
                }
            }
            if self.begun.len() > MOST_MESSAGE {
                return Err(Error::Strange("a message without end".to_owned()));
            }
            match self.body.frame().await {
                None => return Ok(None),
                Some(Err(error)) => return Err(broken(error)),
                // Trailers say nothing here.
                Some(Ok(frame)) => self.begun.extend_from_slice(&frame.into_data().unwrap_or_default()),
            }
        }
    }

    /// `None` for what is only there to show that the host lives, or of a kind that is not known.
    fn take_apart(&mut self, text: &str) -> Result<Option<Message>, Error> {
        let field = |name: &str| text.lines().find_map(|line| line.strip_prefix(name));
        if let Some(id) = field("id: ") {
            self.id = Some(id.to_owned());
        }
        let data = field("data: ").unwrap_or_default();
        Ok(Some(match field("event: ") {
            Some("snapshot") => Message::Snapshot(read(data)?),
            Some("event") => Message::Event(read(data)?),
            Some("status") => Message::Status(read(data)?),
            Some("end") => return Err(Error::Problem(read(data)?)),
            _ => return Ok(None),
        }))
    }
}

fn read<T: DeserializeOwned>(data: &str) -> Result<T, Error> {
    serde_json::from_str(data).map_err(|error| Error::Strange(error.to_string()))
}
