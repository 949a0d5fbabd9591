//! How much is held for those who ask: connections, requests while they are answered, answers until they are taken.
//!
//! **Model.** A budget in bytes, counted as the host's own overhead from the start ([`host::MOST_SERVED`]), so that nothing of it is
//! taken from VMs. A third of that is for who comes over the Unix sockets, a third for TCP, so that who is far away takes nothing of what is for
//! those who are here; the rest is for what is kept for all: events and the stream. Who finds too little left waits for [`PATIENCE`] and is then
//! refused with figures.
//!
//! **Bounds.** One answer may be larger than the budget; it then takes half of it, so that there are two such at most.

use crate::access::Peer;
use crate::extract::MOST_BODY;
use crate::problem::Failed;
use addr::ByteSize;
use axum::body::{Body, Bytes, HttpBody};
use axum::extract::{Request, State};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use hyper::body::{Frame, SizeHint};
use model::{Problem, ProblemCode};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::timeout;

/// How long what is in use is waited for.
const PATIENCE: Duration = Duration::from_secs(5);
/// What there is for the Unix sockets, and again for TCP.
const OF_A_SIDE: u64 = host::MOST_SERVED.0 / 3;
/// A unit of it.
const UNIT: u64 = 1 << 10;
/// What a connection takes that asks nothing.
const CONNECTION: u64 = 8 << 10;
/// What a request takes without its body, and its answer if that is no longer.
const REQUEST: u64 = 16 << 10;

/// The budget. Clones are the same one.
#[derive(Clone)]
pub(crate) struct Budget {
    of_a_side: u64,
    local: Arc<Semaphore>,
    remote: Arc<Semaphore>,
}

/// A part of it that is in use, until this is dropped.
pub(crate) struct Held {
    _permit: OwnedSemaphorePermit,
}

impl Default for Budget {
    fn default() -> Self {
        Self::new(OF_A_SIDE)
    }
}

impl Budget {
    pub(crate) fn new(of_a_side: u64) -> Self {
        let side = || Arc::new(Semaphore::new((of_a_side / UNIT) as usize));
        Self { of_a_side, local: side(), remote: side() }
    }

    fn side(&self, peer: Peer) -> &Arc<Semaphore> {
        match peer {
            Peer::Local { .. } => &self.local,
            Peer::Remote { .. } => &self.remote,
        }
    }

    /// Room for a connection, if there is some.
    pub(crate) fn connection(&self, peer: Peer) -> Option<Held> {
        let permit = Arc::clone(self.side(peer)).try_acquire_many_owned((CONNECTION / UNIT) as u32);
        permit.ok().map(|permit| Held { _permit: permit })
    }

    /// Room for `bytes`, waited for if need be.
    ///
    /// # Errors
    /// `busy`.
    pub(crate) async fn hold(&self, peer: Peer, bytes: u64) -> Result<Held, Problem> {
        let side = self.side(peer);
        let units = bytes.min(self.of_a_side / 2).div_ceil(UNIT) as u32;
        match timeout(PATIENCE, Arc::clone(side).acquire_many_owned(units)).await {
            Ok(Ok(permit)) => Ok(Held { _permit: permit }),
            _ => Err(self.busy(peer, bytes)),
        }
    }

    /// Why there is no room, in figures.
    pub(crate) fn busy(&self, peer: Peer, bytes: u64) -> Problem {
        let free = self.side(peer).available_permits() as u64 * UNIT;
        let [all, free, asked] = [self.of_a_side, free, bytes].map(ByteSize);
        Problem::new(
            ProblemCode::Busy,
            format!("{asked} more cannot be held for requests: {free} of {all} is free"),
        )
        .hint("come back in some seconds, or end some of the requests and consoles that go on")
    }

    /// What a connection is told that there is no room for.
    pub(crate) fn no_connection(&self, peer: Peer) -> String {
        let body = serde_json::to_string(&self.busy(peer, CONNECTION)).expect("a problem is JSON");
        let length = body.len();
        format!(
            "HTTP/1.1 503 Service Unavailable\r\ncontent-type: application/json\r\ncontent-length: {length}\r\n\
             connection: close\r\n\r\n{body}"
        )
    }
}

/// Holds what a request and its answer take, until the answer is taken.
pub(crate) async fn hold(State(budget): State<Budget>, request: Request, next: Next) -> Response {
    // Who admits requests has seen to it that there is one.
    let Some(&peer) = request.extensions().get::<Peer>() else { return next.run(request).await };
    let body = request.body().size_hint().upper().unwrap_or(u64::MAX).min(MOST_BODY as u64);
    let asked = match budget.hold(peer, REQUEST + body).await {
        Ok(held) => held,
        Err(problem) => return Failed(problem).into_response(),
    };
    let response = next.run(request).await;
    let answered = match response.body().size_hint().exact() {
        Some(length) if length > REQUEST => match budget.hold(peer, length).await {
            Ok(held) => Some(held),
            Err(problem) => return Failed(problem).into_response(),
        },
        _ => None,
    };
    response.map(|body| Body::new(HeldBody { body, _held: (asked, answered) }))
}

/// A body, and what it takes of the budget.
struct HeldBody {
    body: Body,
    _held: (Held, Option<Held>),
}

impl HttpBody for HeldBody {
    type Data = Bytes;
    type Error = axum::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, axum::Error>>> {
        Pin::new(&mut self.body).poll_frame(context)
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const HERE: Peer = Peer::Local { uid: 0 };

    fn there() -> Peer {
        Peer::Remote { address: [192, 0, 2, 1].into(), tls: true }
    }

    #[tokio::test(start_paused = true)]
    async fn who_is_far_away_takes_nothing_of_those_who_are_here() {
        let budget = Budget::new(64 << 10);
        let connections: Vec<_> = std::iter::from_fn(|| budget.connection(there())).collect();
        assert_eq!(connections.len(), 8);
        let problem = budget.hold(there(), 1).await.err().unwrap();
        assert!(
            problem.code == ProblemCode::Busy && problem.message.contains("0 B of 64 KiB is free"),
            "{problem}"
        );
        assert!(budget.no_connection(there()).starts_with("HTTP/1.1 503 "));
        assert!(budget.connection(HERE).is_some() && budget.hold(HERE, REQUEST).await.is_ok());
        drop(connections);
        assert!(budget.hold(there(), REQUEST).await.is_ok());
    }

    #[tokio::test(start_paused = true)]
    async fn an_answer_larger_than_the_budget_takes_half_of_it() {
        let budget = Budget::new(64 << 10);
        let (one, other) = (budget.hold(HERE, 1 << 30).await, budget.hold(HERE, 1 << 30).await);
        assert!(one.is_ok() && other.is_ok());
        assert!(budget.hold(HERE, 1).await.is_err());
        drop(one);
        assert!(budget.hold(HERE, 1 << 30).await.is_ok());
    }
}
