//! A VM's console: what it said, byte for byte, and typing to it.
//!
//! **Model.** What was said can be read as a whole, and keys can be sent. Who asks for a WebSocket gets both at once, as it
//! happens. On it, binary messages are the guest's bytes, and the client's keys. Texts are JSON: `{"from": 4711}` from here says with which
//! byte the next message begins, wherever that is not the one that follows.
//!
//! **Bounds.** [`MOST_FOLLOWERS`] at once, as each has a thread that waits. A frame and a message have at most [`MOST_TYPED`] bytes, and
//! are refused by their length before anything is kept of them; what is said is handed on in pieces of [`PIECE`]. A reader who is slow
//! loses what is no longer kept by then, and one who does not read at all is cut off by the server. Clients are pinged: one that finishes no
//! frame for `Bounds::silence`, not even the answer to a ping, is cut off.

use super::Shared;
use crate::access::{Admission, Peer};
use crate::budget::Held;
use crate::extract::{InPath, Parameters, Raw, ask};
use crate::problem::Failed;
use crate::problem::no_thread;
use crate::query::ConsoleQuery;
use addr::ByteSize;
use axum::body::Bytes;
use axum::extract::ws::{CloseFrame, Message, WebSocket, WebSocketUpgrade, close_code};
use axum::extract::{FromRequestParts, Request, State};
use axum::http::header::{CONTENT_TYPE, UPGRADE};
use axum::response::{IntoResponse, Response};
use axum::{Extension, Json};
use futures_util::stream::{SplitSink, SplitStream};
use futures_util::{SinkExt, StreamExt};
use host::{Console, Excerpt, Host};
use model::{CONSOLE_FROM, CONSOLE_PROTOCOL, TypedIn};
use model::{Problem, ProblemCode};
use std::sync::Arc;
use std::thread;
use std::time::Duration;
use tokio::sync::{OwnedSemaphorePermit, mpsc, watch};
use tokio::time::{Instant, interval_at, timeout};

/// Most consoles followed at once.
pub(super) const MOST_FOLLOWERS: usize = 32;
/// How long a thread waits for more before it looks whether anybody still listens.
const LOOK: Duration = Duration::from_millis(500);
/// Longest frame and message of a client.
const MOST_TYPED: usize = 32 << 10;
/// Most of what a guest said in one message.
const PIECE: usize = 16 << 10;
/// What a follower takes: a message being read, and pieces on their way. All followers there may be have room, and leave some for others.
const FOLLOWER: u64 = (MOST_TYPED + 2 * PIECE) as u64;
/// What is read from the connection at once.
const READ_AT_ONCE: usize = 8 << 10;
/// Pings sent in the time after which silence ends a connection.
const PINGS: u32 = 3;
/// How soon to type on when the guest takes no more.
const RETRY: Duration = Duration::from_millis(20);

/// Read what a VM's guest said
///
/// As far as it is kept. Asked for a WebSocket, goes on with what it says from then on, in binary messages, and takes keys in the
/// same way. A text message `{"from": 4711}` says with which byte the next one begins.
#[utoipa::path(get, path = "/v1/vms/{name}/console", tag = "vms",
    params(("name" = String, Path, description = "The VM."), ConsoleQuery),
    responses(
        (status = 101, description = "A WebSocket, if asked for."),
        (status = 200, description = "The bytes.", body = Vec<u8>, content_type = "application/octet-stream",
            headers(("memtide-console-from" = u64, description = "The number of the first byte: later than asked for if \
                older ones are gone."))),
        (status = 429, description = "Too many consoles are being followed.", body = Problem)))]
pub(super) async fn read_console(
    State(shared): State<Shared>,
    InPath(name): InPath<String>,
    Parameters(ConsoleQuery { from }): Parameters<ConsoleQuery>,
    Extension(admission): Extension<Admission>,
    Extension(peer): Extension<Peer>,
    request: Request,
) -> Result<Response, Failed> {
    let asked = name.clone();
    let console = ask(&shared.host, move |host| host.console(&asked)).await?;
    if !request.headers().contains_key(UPGRADE) {
        let Excerpt { from, bytes } = console.since(from);
        let headers =
            [(CONTENT_TYPE.as_str(), "application/octet-stream"), (CONSOLE_FROM, &from.to_string())];
        return Ok((headers, bytes).into_response());
    }
    let place = Arc::clone(&shared.followers).try_acquire_owned().map_err(|_| {
        Problem::new(
            ProblemCode::TooManyFollowers,
            format!("{MOST_FOLLOWERS} consoles are being followed already"),
        )
        .hint("leave one of them, or read without a WebSocket")
    })?;
    let held = shared.budget.hold(peer, FOLLOWER).await?;
    let (mut parts, _) = request.into_parts();
    let upgrade = WebSocketUpgrade::from_request_parts(&mut parts, &())
        .await
        .map_err(|error| Problem::new(ProblemCode::BadHeader, error.body_text()))?;
    let said = Listener::start(&name, &console, &shared.host, from)?;
    let follower = Follower {
        name,
        silence: shared.access.peers.bounds.silence,
        host: shared.host,
        closing: shared.closing,
        admission,
        _place: (place, held),
    };
    // Beside it a browser may send its token, which is not to be chosen.
    Ok(upgrade
        .protocols([CONSOLE_PROTOCOL])
        .max_message_size(MOST_TYPED)
        .max_frame_size(MOST_TYPED)
        .read_buffer_size(READ_AT_ONCE)
        .write_buffer_size(PIECE)
        .max_write_buffer_size(4 * PIECE)
        .on_upgrade(move |socket| follower.run(socket, said)))
}

/// Type to a VM's guest
///
/// It takes fewer bytes than all only while it does not read.
#[utoipa::path(post, path = "/v1/vms/{name}/console", tag = "vms",
    params(("name" = String, Path, description = "The VM.")),
    request_body(content = Vec<u8>, content_type = "application/octet-stream", description = "The keys."),
    responses((status = 200, description = "The number of bytes that were typed.", body = TypedIn),
        (status = 409, description = "The VM is not running.", body = Problem)))]
pub(super) async fn type_in(
    State(shared): State<Shared>,
    InPath(name): InPath<String>,
    Raw(bytes): Raw,
) -> Result<Json<TypedIn>, Failed> {
    let taken = ask(&shared.host, move |host| host.type_in(&name, &bytes)).await?;
    Ok(Json(TypedIn { taken_bytes: ByteSize(taken as u64) }))
}

/// Somebody at a console.
struct Follower {
    name: String,
    host: Host,
    /// How long the client may finish no frame.
    silence: Duration,
    closing: watch::Receiver<bool>,
    admission: Admission,
    _place: (OwnedSemaphorePermit, Held),
}

impl Follower {
    /// Until the client leaves or may not stay, the VM is gone, or the server ends.
    async fn run(self, socket: WebSocket, said: mpsc::Receiver<Excerpt>) {
        let (mut sink, typed) = socket.split();
        let mut closing = self.closing.clone();
        let why = tokio::select! {
            () = tell(&mut sink, said, self.silence / PINGS) => None,
            () = self.type_in(typed) => None,
            _ = closing.wait_for(|&closing| closing) => None,
            why = self.admission.over() => {
                Some(CloseFrame { code: close_code::POLICY, reason: why.message.into() })
            }
        };
        // Nobody may be there any more.
        let _ = sink.send(Message::Close(why)).await;
    }

    /// Types what comes, until the client leaves or is silent for too long. While the guest takes nothing, nothing is read.
    async fn type_in(&self, mut typed: SplitStream<WebSocket>) {
        while let Ok(Some(Ok(message))) = timeout(self.silence, typed.next()).await {
            match message {
                Message::Binary(keys) => self.type_all(&keys).await,
                Message::Text(keys) => self.type_all(keys.as_bytes()).await,
                _ => {}
            }
        }
    }

    /// Types until the guest has taken all. While it does not run, what is typed goes nowhere.
    async fn type_all(&self, keys: &[u8]) {
        let mut left = keys;
        while let Ok(taken) = self.host.type_in(&self.name, left) {
            left = &left[taken..];
            if left.is_empty() {
                return;
            }
            tokio::time::sleep(RETRY).await;
        }
    }
}

/// Passes on what a guest says, until its console ends or nobody is there any more; sends a ping every so often.
async fn tell(sink: &mut SplitSink<WebSocket, Message>, mut said: mpsc::Receiver<Excerpt>, every: Duration) {
    let mut next = None;
    let mut pings = interval_at(Instant::now() + every, every);
    loop {
        let excerpt = tokio::select! {
            excerpt = said.recv() => excerpt,
            _ = pings.tick() => {
                if sink.send(Message::Ping(Bytes::new())).await.is_err() {
                    return;
                }
                continue;
            }
        };
        let Some(excerpt) = excerpt else { return };
        if next != Some(excerpt.from) {
            let place = Message::text(format!("{{\"from\": {}}}", excerpt.from));
            if sink.send(place).await.is_err() {
                return;
            }
        }
        next = Some(excerpt.next());
        if !excerpt.bytes.is_empty() && sink.send(Message::binary(excerpt.bytes)).await.is_err() {
            return;
        }
    }
}

/// Waits for what a guest says, on a thread of its own.
struct Listener {
    name: String,
    console: Arc<Console>,
    host: Host,
    sender: mpsc::Sender<Excerpt>,
}

impl Listener {
    /// Starts the thread, which ends soon after nobody receives any more; gives where to receive.
    fn start(
        name: &str,
        console: &Arc<Console>,
        host: &Host,
        from: u64,
    ) -> Result<mpsc::Receiver<Excerpt>, Failed> {
        let (sender, said) = mpsc::channel(1);
        let (name, console) = (name.to_owned(), Arc::clone(console));
        let listener = Self { name, console, host: host.clone(), sender };
        let thread = thread::Builder::new().name("console".to_owned());
        thread.spawn(move || listener.run(from)).map_err(no_thread)?;
        Ok(said)
    }

    fn run(&self, from: u64) {
        let first = self.console.wait_since(from, PIECE, Duration::ZERO);
        let mut from = first.next();
        let mut open = self.sender.blocking_send(first).is_ok();
        while open && !self.sender.is_closed() {
            let more = self.console.wait_since(from, PIECE, LOOK);
            from = more.next();
            open = if more.bytes.is_empty() {
                // A VM of the same name that was created since has another console.
                self.host.console(&self.name).is_ok_and(|now| Arc::ptr_eq(&now, &self.console))
            } else {
                self.sender.blocking_send(more).is_ok()
            };
        }
    }
}
