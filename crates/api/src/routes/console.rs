//! A VM's console: what it said, byte for byte, and typing to it.

use super::Shared;
use crate::extract::{Name, Parameters, Raw, ask};
use crate::problem::Problem;
use crate::types::{Amount, CONSOLE_FROM, ConsoleQuery};
use addr::ByteSize;
use axum::Json;
use axum::body::{Body, Bytes};
use axum::extract::State;
use axum::http::header::CONTENT_TYPE;
use axum::response::{IntoResponse, Response};
use host::{Console, Host};
use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::{OwnedSemaphorePermit, mpsc, watch};
use tokio_stream::wrappers::ReceiverStream;

/// How long a thread waits for more before it looks whether anybody still listens.
const LOOK: Duration = Duration::from_millis(500);

pub(super) async fn said(
    State(shared): State<Shared>,
    Name(name): Name,
    Parameters(query): Parameters<ConsoleQuery>,
) -> Result<Response, Problem> {
    let asked = name.clone();
    let console = ask(&shared.host, move |host| host.console(&asked)).await?;
    let first = console.since(query.from);
    let headers =
        [(CONTENT_TYPE.as_str(), "application/octet-stream"), (CONSOLE_FROM, &first.from.to_string())];
    if !query.follow {
        return Ok((headers, first.bytes).into_response());
    }
    let place = shared.place()?;
    let (sender, receiver) = mpsc::channel(4);
    let follower = Follower {
        name,
        console,
        host: shared.host.clone(),
        closing: shared.closing.clone(),
        sender,
        _place: place,
    };
    tokio::task::spawn_blocking(move || follower.run(first.from));
    Ok((headers, Body::from_stream(ReceiverStream::new(receiver))).into_response())
}

/// Sends on what a guest says until nobody listens, the VM is gone, or the server ends.
struct Follower {
    name: String,
    console: Arc<Console>,
    host: Host,
    closing: watch::Receiver<bool>,
    sender: mpsc::Sender<Result<Bytes, Infallible>>,
    _place: OwnedSemaphorePermit,
}

impl Follower {
    fn run(&self, mut from: u64) {
        while !self.sender.is_closed() && !*self.closing.borrow() {
            let more = self.console.wait_since(from, LOOK);
            from = more.next();
            if more.bytes.is_empty() {
                // A VM of the same name that was created since has another console.
                let same = self.host.console(&self.name).is_ok_and(|now| Arc::ptr_eq(&now, &self.console));
                if !same {
                    return;
                }
            } else if !self.send(more.bytes.into()) {
                return;
            }
        }
    }

    /// Waits for a slow reader, who loses what is no longer kept by then, but not beyond the server's end.
    fn send(&self, bytes: Bytes) -> bool {
        let mut unsent = bytes;
        while !*self.closing.borrow() {
            match self.sender.try_send(Ok(unsent)) {
                Ok(()) => return true,
                Err(mpsc::error::TrySendError::Full(Ok(bytes))) => unsent = bytes,
                Err(_) => return false,
            }
            std::thread::sleep(Duration::from_millis(10));
        }
        false
    }
}

pub(super) async fn type_in(
    State(shared): State<Shared>,
    Name(name): Name,
    Raw(bytes): Raw,
) -> Result<Json<Amount>, Problem> {
    let taken = ask(&shared.host, move |host| host.type_in(&name, &bytes)).await?;
    Ok(Json(Amount { bytes: ByteSize(taken as u64) }))
}
