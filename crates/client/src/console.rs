//! A VM's console: what the guest says, and typing to it, over a WebSocket.

use crate::connection::{Line, broken, of_vm, refused};
use crate::{Bytes, Client, Error, Problem, ProblemCode};
use futures_util::stream::{SplitSink, SplitStream};
use futures_util::{SinkExt, StreamExt};
use hyper::Response;
use hyper::header::AUTHORIZATION;
use model::CONSOLE_FROM;
use serde::Deserialize;
use tokio_tungstenite::tungstenite::protocol::frame::coding::CloseCode;
use tokio_tungstenite::tungstenite::protocol::{CloseFrame, WebSocketConfig};
use tokio_tungstenite::tungstenite::{self, ClientRequestBuilder, Message};
use tokio_tungstenite::{WebSocketStream, client_async_with_config};

/// Longest message of a host, with room for those of others.
const MOST_PIECE: usize = 64 << 10;

/// Longest message to a host, which takes up to 32 KiB.
const MOST_TYPED: usize = 16 << 10;

/// What a guest said.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Said {
    /// The number of the first byte: greater than asked for if older ones are gone.
    pub from: u64,
    /// The bytes.
    pub bytes: Bytes,
}

/// What a guest says.
#[derive(Debug)]
pub struct ConsoleOutput {
    stream: SplitStream<WebSocketStream<Box<dyn Line>>>,
    /// The number of the next byte.
    from: u64,
}

/// Typing to it.
#[derive(Debug)]
pub struct ConsoleInput(SplitSink<WebSocketStream<Box<dyn Line>>, Message>);

impl Client {
    /// What a VM's guest said from byte `from` on, what it will say, and a way to type to it. While it does not run, what
    /// is typed goes nowhere.
    ///
    /// # Errors
    /// The host says no, is not there, or breaks off.
    pub async fn console(&self, name: &str, from: u64) -> Result<(ConsoleOutput, ConsoleInput), Error> {
        let stream = self.connect().await?;
        let path = of_vm(name, &format!("/console?from={from}"));
        // What lies below the WebSocket is there already, so `ws` says nothing about TLS.
        let address = format!("ws://{}{path}", self.address.authority());
        let uri = address.parse().map_err(|error| Error::Strange(format!("{address}: {error}")))?;
        let mut request = ClientRequestBuilder::new(uri);
        if let Some(authorization) = self.authorization() {
            request = request.with_header(AUTHORIZATION.as_str(), authorization);
        }
        // The host sends pieces of 16 KiB.
        let config = WebSocketConfig::default()
            .read_buffer_size(MOST_PIECE)
            .max_message_size(Some(MOST_PIECE))
            .max_frame_size(Some(MOST_PIECE));
        match client_async_with_config(request, stream, Some(config)).await {
            Ok((socket, _)) => {
                let (input, output) = socket.split();
                Ok((ConsoleOutput { stream: output, from }, ConsoleInput(input)))
            }
            Err(tungstenite::Error::Http(response)) => {
                Err(refused(response.status(), response.body().as_deref().unwrap_or_default()))
            }
            Err(error) => Err(broken(error)),
        }
    }
}

impl ConsoleOutput {
    /// The next bytes; `None` at the end: the VM is removed, or the host ends.
    ///
    /// # Errors
    /// [`Error::Problem`] if the host ends it as the token is not valid any more; [`Error::BrokenOff`].
    pub async fn next(&mut self) -> Result<Option<Said>, Error> {
        /// Some of what the guest said is gone.
        #[derive(Deserialize)]
        struct Gap {
            from: u64,
        }
        loop {
            match self.stream.next().await {
                Some(Ok(Message::Close(Some(CloseFrame { code: CloseCode::Policy, reason })))) => {
                    return Err(Error::Problem(Problem::new(ProblemCode::BadToken, reason.as_str())));
                }
                None | Some(Ok(Message::Close(_))) => return Ok(None),
                Some(Ok(Message::Binary(bytes))) => {
                    let from = self.from;
                    self.from += bytes.len() as u64;
                    return Ok(Some(Said { from, bytes }));
                }
                Some(Ok(Message::Text(text))) => {
                    let gap: Gap =
                        serde_json::from_str(&text).map_err(|error| Error::Strange(error.to_string()))?;
                    self.from = gap.from;
                }
                Some(Ok(_)) => {}
                Some(Err(error)) => return Err(broken(error)),
            }
        }
    }
}

impl ConsoleInput {
    /// Types, as much as there is; returns when the host has it.
    ///
    /// # Errors
    /// [`Error::BrokenOff`].
    pub async fn type_in(&mut self, bytes: impl Into<Bytes>) -> Result<(), Error> {
        let mut left = bytes.into();
        while !left.is_empty() {
            let piece = left.split_to(left.len().min(MOST_TYPED));
            self.0.send(Message::binary(piece)).await.map_err(broken)?;
        }
        Ok(())
    }
}

/// With which byte an answer begins.
pub(crate) fn first_byte<T>(response: &Response<T>) -> Result<u64, Error> {
    let from = response.headers().get(CONSOLE_FROM).and_then(|value| value.to_str().ok()?.parse().ok());
    from.ok_or_else(|| Error::Strange(format!("the header {CONSOLE_FROM} is missing")))
}
