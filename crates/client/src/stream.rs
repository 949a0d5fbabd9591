//! Answers without an end: what a guest says, and what happens.

use crate::Error;
use crate::connection::{broken, whole};
use crate::types::CONSOLE_FROM;
use http_body_util::BodyExt;
use hyper::Response;
use hyper::body::Incoming;

pub use hyper::body::Bytes;

/// Longest line.
const MOST_LINE: usize = 1 << 20;

/// What a guest said.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Said {
    /// The number of the first byte: greater than asked for if older ones are gone.
    pub from: u64,
    /// It.
    pub bytes: Bytes,
}

impl Said {
    pub(crate) async fn read(response: Response<Incoming>) -> Result<Self, Error> {
        let from = from(&response)?;
        Ok(Self { from, bytes: whole(response).await? })
    }
}

fn from(response: &Response<Incoming>) -> Result<u64, Error> {
    let from = response.headers().get(CONSOLE_FROM).and_then(|value| value.to_str().ok()?.parse().ok());
    from.ok_or_else(|| Error::Strange(format!("the header {CONSOLE_FROM} is missing")))
}

/// What a guest says.
#[derive(Debug)]
pub struct ConsoleOutput {
    from: u64,
    body: Incoming,
}

impl ConsoleOutput {
    pub(crate) fn new(response: Response<Incoming>) -> Result<Self, Error> {
        Ok(Self { from: from(&response)?, body: response.into_body() })
    }

    /// The number of the first byte: greater than asked for if older ones are gone.
    pub fn from(&self) -> u64 {
        self.from
    }

    /// The next bytes; `None` at the end.
    ///
    /// # Errors
    /// [`crate::Error::BrokenOff`].
    pub async fn next(&mut self) -> Result<Option<Bytes>, Error> {
        next(&mut self.body).await
    }
}

/// Lines of text.
#[derive(Debug)]
pub struct Lines {
    body: Incoming,
    begun: Vec<u8>,
}

impl Lines {
    pub(crate) fn new(response: Response<Incoming>) -> Self {
        Self { body: response.into_body(), begun: Vec::new() }
    }

    /// The next line, without its end; `None` at the end.
    ///
    /// # Errors
    /// [`crate::Error::BrokenOff`], or [`crate::Error::Strange`] for a line without end.
    pub async fn next(&mut self) -> Result<Option<String>, Error> {
        loop {
            if let Some(end) = self.begun.iter().position(|&byte| byte == b'\n') {
                let line: Vec<u8> = self.begun.drain(..=end).collect();
                return Ok(Some(String::from_utf8_lossy(&line[..end]).into_owned()));
            }
            if self.begun.len() > MOST_LINE {
                return Err(Error::Strange("a line without end".to_owned()));
            }
            match next(&mut self.body).await? {
                Some(bytes) => self.begun.extend_from_slice(&bytes),
                None => return Ok(None),
            }
        }
    }
}

async fn next(body: &mut Incoming) -> Result<Option<Bytes>, Error> {
    loop {
        match body.frame().await {
            None => return Ok(None),
            Some(Err(error)) => return Err(broken(error)),
            // Trailers say nothing here.
            Some(Ok(frame)) => {
                if let Ok(bytes) = frame.into_data() {
                    return Ok(Some(bytes));
                }
            }
        }
    }
}
