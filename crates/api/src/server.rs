//! The server: listeners, connections, and an end in good order.
//!
//! **Model.** One thread serves all connections on a runtime of its own; what waits for the host does so on others (`threads`). At a Unix socket whoever the file's mode lets in is an
//! administrator; over TCP everybody needs a token, and over anything but loopback there is TLS (`access`). Whichever way
//! somebody comes, the same is served, within the same bounds.
//!
//! **Bounds.** So many connections at once in all and for each peer (`access`). For more, those leave that nobody was let in on; without any, more
//! wait to be accepted, or are closed. A request's head has to come in time and be shorter than [`MOST_HEAD`]; bodies and the time of the host's work are bounded where they
//! are used. A client that takes nothing of its answer for some time is cut off (`patient`).

mod listener;
mod patient;
mod strict;
mod threads;

use crate::access::{Access, Bounds, Connected, Peer, Tls};
use crate::budget::Budget;
use crate::routes::{Shared, router};
use axum::Router;
use axum::extract::Request;
use axum::http::header::CONNECTION;
use axum::http::{HeaderValue, StatusCode};
use host::Host;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::{Service as _, service_fn};
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::service::TowerToHyperService;
use listener::{Listener, listen_unix};
use std::convert::Infallible;
use std::io;
use std::net::{IpAddr, SocketAddr, TcpListener as StdTcpListener};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::thread::JoinHandle;
use std::time::Duration;
use strict::{Strict, is_last};
use thiserror::Error;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpListener, UnixListener};
use tokio::runtime::Handle;
use tokio::sync::{Semaphore, watch};

/// Longest head of a request.
const MOST_HEAD: usize = 32 << 10;
/// Most headers in it.
const MOST_HEADERS: usize = 64;
/// How often files are tried again that could not be read or written.
const LOOKS_AGAIN: Duration = Duration::from_secs(2);

/// Why the server cannot be started.
#[derive(Debug, Error)]
pub enum ServerError {
    /// Another host answers there.
    #[error("another host listens at '{}'", .0.display())]
    Taken(PathBuf),
    /// There is something else.
    #[error("'{}' is there and is no socket", .0.display())]
    NoSocket(PathBuf),
    /// The machine refuses a socket.
    #[error("cannot listen at '{}': {source}", path.display())]
    Io {
        /// Where.
        path: PathBuf,
        /// The cause.
        source: io::Error,
    },
    /// The machine refuses an address.
    #[error("cannot listen at {address}: {source}")]
    Address {
        /// Which.
        address: SocketAddr,
        /// The cause.
        source: io::Error,
    },
    /// Everybody on the way could listen.
    #[error("{0} is no address of this machine alone, and there is no TLS")]
    Unprotected(IpAddr),
    /// The machine has no threads for it.
    #[error("cannot serve: {0}")]
    Runtime(io::Error),
}

/// A server that runs. Dropping it ends it.
pub struct Server {
    sockets: Vec<PathBuf>,
    /// What is served; gone when the server ends.
    service: Option<Service>,
    closing: watch::Sender<bool>,
    runtime: Handle,
    thread: Option<JoinHandle<()>>,
}

/// What every listener serves.
#[derive(Clone)]
struct Service {
    router: Router,
    access: Access,
    budget: Budget,
    closing: watch::Receiver<bool>,
}

impl Server {
    /// A server for `host`, at no place yet, with the tokens and the audit log in its state directory. Over TCP it goes by
    /// `names`, besides addresses and `localhost`, and guests boot files in the directories `guest_files`, or, if there are none, in
    /// `guests` in the state directory.
    ///
    /// # Errors
    /// If the machine has no threads for it.
    pub fn start(
        host: &Host,
        state: &Path,
        names: Vec<String>,
        guest_files: Vec<PathBuf>,
    ) -> Result<Self, ServerError> {
        let access = Access::open(state, names, Bounds::default());
        Self::with_access(host, access.with_guest_files(guest_files))
    }

    fn with_access(host: &Host, access: Access) -> Result<Self, ServerError> {
        access.look_again(host);
        let (closing, closed) = watch::channel(false);
        let shared = Shared::new(host.clone(), access.clone(), closed.clone());
        let served = threads::serving(closing.clone()).map_err(ServerError::Runtime)?;
        let (runtime, thread) = (served.runtime, Some(served.thread));
        runtime.spawn(shared.stream.clone().run(closed.clone()));
        runtime.spawn(look_again(access.clone(), host.clone(), closed.clone()));
        let budget = shared.budget.clone();
        let service = Service { router: router(shared), access, budget, closing: closed };
        Ok(Self { sockets: Vec::new(), service: Some(service), closing, runtime, thread })
    }

    /// Serves at a Unix socket, to its user and its group: the one given by number, or else the process's.
    ///
    /// # Errors
    /// If somebody else listens there, or the socket cannot be made or given to the group.
    pub fn listen_unix(&mut self, path: &Path, group: Option<u32>) -> Result<(), ServerError> {
        let io = |source| ServerError::Io { path: path.to_owned(), source };
        let listener = listen_unix(path, group)?;
        self.sockets.push(path.to_owned());
        let _context = self.runtime.enter();
        self.serve_at(Listener::Unix(UnixListener::from_std(listener).map_err(io)?));
        Ok(())
    }

    /// Serves at an address. Says which: port 0 is any that is free.
    ///
    /// # Errors
    /// If it is not a loopback address and there is no TLS, or the machine refuses.
    pub fn listen_tcp(&self, address: SocketAddr, tls: Option<Tls>) -> Result<SocketAddr, ServerError> {
        if tls.is_none() && !address.ip().is_loopback() {
            return Err(ServerError::Unprotected(address.ip()));
        }
        let refused = |source| ServerError::Address { address, source };
        let listener = StdTcpListener::bind(address).map_err(refused)?;
        listener.set_nonblocking(true).map_err(refused)?;
        let address = listener.local_addr().map_err(refused)?;
        let _context = self.runtime.enter();
        let listener = TcpListener::from_std(listener).map_err(refused)?;
        self.serve_at(Listener::Tcp(listener, tls.map(|tls| tls.acceptor)));
        Ok(address)
    }

    fn serve_at(&self, listener: Listener) {
        self.runtime.spawn(accept(listener, self.service().clone()));
    }

    fn service(&self) -> &Service {
        self.service.as_ref().expect("it is there until the server is dropped")
    }
}

impl Drop for Server {
    /// Accepts nobody any more, lets answers be finished for a while, ends streams, and removes the sockets.
    fn drop(&mut self) {
        self.closing.send_replace(true);
        for socket in &self.sockets {
            let _ = std::fs::remove_file(socket);
        }
        // Whoever serves holds a receiver as long as it lives; so does what is served, which is not waited for.
        self.service = None;
        if let Some(thread) = self.thread.take() {
            // A panic in it was printed.
            let _ = thread.join();
        }
    }
}

/// Now and then has files read and written again that could not be.
async fn look_again(access: Access, host: Host, mut closing: watch::Receiver<bool>) {
    loop {
        tokio::select! {
            () = tokio::time::sleep(LOOKS_AGAIN) => {}
            () = closed(&mut closing) => return,
        }
        let (access, host) = (access.clone(), host.clone());
        // It waits for the disk.
        let _ = tokio::task::spawn_blocking(move || access.look_again(&host)).await;
    }
}

async fn accept(listener: Listener, mut service: Service) {
    let peers = Arc::clone(&service.access.peers);
    let places = Arc::new(Semaphore::new(peers.bounds.connections));
    loop {
        let accepted = tokio::select! {
            accepted = listener.accept() => accepted,
            () = closed(&mut service.closing) => return,
        };
        let Ok((peer, connection)) = accepted else {
            // Too many open files, say: others have to close theirs first.
            peers.make_room();
            tokio::time::sleep(Duration::from_millis(100)).await;
            continue;
        };
        // Who comes over TCP takes no handle that the host or its administrators may need.
        if !connection.leaves_room() {
            peers.make_room();
            continue;
        }
        if places.available_permits() == 0 {
            peers.make_room();
        }
        let place = tokio::select! {
            place = Arc::clone(&places).acquire_owned() => place.expect("the semaphore is never closed"),
            () = closed(&mut service.closing) => return,
        };
        // One connection more than the peer may have is closed.
        let Some(connected) = peers.connect(peer) else { continue };
        let Some(held) = service.budget.connection(peer) else {
            connection.refuse(&service.budget.no_connection(peer));
            continue;
        };
        let service = service.clone();
        tokio::spawn(async move {
            tokio::select! {
                () = connection.serve(peer, connected.clone(), service) => {}
                () = connected.over() => {}
            }
            drop((place, held));
        });
    }
}

/// Returns once the server ends.
async fn closed(closing: &mut watch::Receiver<bool>) {
    // An error says that the server is gone altogether.
    let _ = closing.wait_for(|&closing| closing).await;
}

/// What a client comes over.
trait Line: AsyncRead + AsyncWrite + Send + Unpin {}

impl<T: AsyncRead + AsyncWrite + Send + Unpin> Line for T {}

/// Serves one client, over whatever it comes. One that breaks off has only itself to blame.
async fn serve(stream: Box<dyn Line>, peer: Peer, connected: Connected, service: Service) {
    let Service { router, access, mut closing, .. } = service;
    let router = TowerToHyperService::new(router);
    let with_peer = service_fn(move |mut request: Request<Incoming>| {
        connected.note_request();
        request.extensions_mut().insert(peer);
        request.extensions_mut().insert(connected.clone());
        let is_last = is_last(request.headers());
        let answer = router.call(request);
        async move {
            let mut answer = answer.await?;
            if is_last && answer.status() != StatusCode::SWITCHING_PROTOCOLS {
                answer.headers_mut().insert(CONNECTION, HeaderValue::from_static("close"));
            }
            Ok::<_, Infallible>(answer)
        }
    });
    let connection = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(access.peers.bounds.head)
        .max_buf_size(MOST_HEAD)
        .max_headers(MOST_HEADERS)
        .serve_connection(TokioIo::new(Strict::new(stream)), with_peer)
        .with_upgrades();
    tokio::pin!(connection);
    tokio::select! {
        _ = connection.as_mut() => {}
        () = closed(&mut closing) => {
            connection.as_mut().graceful_shutdown();
            let _ = connection.await;
        }
    }
}

#[cfg(test)]
mod tests;
