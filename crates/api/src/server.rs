//! The server: a Unix socket, connections, and an end in good order.
//!
//! **Model.** One thread serves all connections on a runtime of its own. The socket belongs to the user
//! who runs the host: nobody else can open it.
//!
//! **Bounds.** [`MOST_CONNECTIONS`] at once, more wait to be accepted; a request's head has to come within
//! [`HEAD`]; bodies and the time of the host's work are bounded where they are used. A client that does not read
//! holds one connection and nothing else.

use crate::routes::{Shared, events::watch_events, router};
use axum::Router;
use host::Host;
use hyper::server::conn::http1;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::service::TowerToHyperService;
use std::fs::{self, Permissions};
use std::io;
use std::os::unix::fs::{FileTypeExt, PermissionsExt};
use std::os::unix::net::{UnixListener as StdListener, UnixStream as StdStream};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::thread::JoinHandle;
use std::time::Duration;
use thiserror::Error;
use tokio::net::{UnixListener, UnixStream};
use tokio::runtime::{Builder, Runtime};
use tokio::sync::{Semaphore, watch};

/// Most connections at once.
const MOST_CONNECTIONS: usize = 256;
/// Most threads that wait for the host, or for a console's guest.
const MOST_WAITING: usize = 64;
/// How long the head of a request may take, and how long a connection may be idle.
const HEAD: Duration = Duration::from_secs(30);
/// How long answers may take to be finished when the server ends.
const LAST_ANSWERS: Duration = Duration::from_secs(2);

/// Why the server cannot be started.
#[derive(Debug, Error)]
pub enum ServerError {
    /// Another host answers there.
    #[error("another host listens at '{}'", .0.display())]
    Taken(PathBuf),
    /// There is something else.
    #[error("'{}' is there and is no socket", .0.display())]
    NoSocket(PathBuf),
    /// The machine refuses.
    #[error("cannot listen at '{}': {source}", path.display())]
    Io {
        /// Where.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
}

/// A server that runs. Dropping it ends it.
pub struct Server {
    path: PathBuf,
    closing: watch::Sender<bool>,
    runtime: Option<Runtime>,
    watcher: Option<JoinHandle<()>>,
}

impl Server {
    /// Serves `host` at a socket from now on.
    ///
    /// # Errors
    /// If somebody else listens there, or the socket cannot be made.
    pub fn start(host: &Host, path: &Path) -> Result<Self, ServerError> {
        let io = |source| ServerError::Io { path: path.to_owned(), source };
        let listener = listen(path)?;
        let (closing, closed) = watch::channel(false);
        let (news, watcher) = watch_events(host, &closed).map_err(io)?;
        let router = router(Shared::new(host.clone(), closed.clone(), news));
        let runtime = Builder::new_multi_thread()
            .worker_threads(1)
            .max_blocking_threads(MOST_WAITING)
            .thread_name("api")
            .enable_all()
            .build()
            .map_err(io)?;
        let listener = {
            let _context = runtime.enter();
            UnixListener::from_std(listener).map_err(io)?
        };
        runtime.spawn(accept(listener, router, closed));
        Ok(Self { path: path.to_owned(), closing, runtime: Some(runtime), watcher: Some(watcher) })
    }
}

impl Drop for Server {
    /// Accepts nobody any more, lets answers be finished for a while, ends streams, and removes the socket.
    fn drop(&mut self) {
        self.closing.send_replace(true);
        let _ = fs::remove_file(&self.path);
        if let Some(runtime) = self.runtime.take() {
            runtime.block_on(async {
                // The accepting task and each connection hold a receiver as long as they live.
                let _ = tokio::time::timeout(LAST_ANSWERS, self.closing.closed()).await;
            });
            runtime.shutdown_timeout(LAST_ANSWERS);
        }
        if let Some(watcher) = self.watcher.take() {
            // If it panicked, that was reported.
            let _ = watcher.join();
        }
    }
}

/// Takes the place of a socket that nobody answers at.
fn listen(path: &Path) -> Result<StdListener, ServerError> {
    let io = |source| ServerError::Io { path: path.to_owned(), source };
    if let Ok(found) = fs::symlink_metadata(path) {
        if !found.file_type().is_socket() {
            return Err(ServerError::NoSocket(path.to_owned()));
        }
        if StdStream::connect(path).is_ok() {
            return Err(ServerError::Taken(path.to_owned()));
        }
        fs::remove_file(path).map_err(io)?;
    }
    let listener = StdListener::bind(path).map_err(io)?;
    fs::set_permissions(path, Permissions::from_mode(0o600)).map_err(io)?;
    listener.set_nonblocking(true).map_err(io)?;
    Ok(listener)
}

async fn accept(listener: UnixListener, router: Router, mut closing: watch::Receiver<bool>) {
    let places = Arc::new(Semaphore::new(MOST_CONNECTIONS));
    loop {
        let place = Arc::clone(&places).acquire_owned().await.expect("the semaphore is never closed");
        let stream = tokio::select! {
            accepted = listener.accept() => {
                let Ok((stream, _)) = accepted else {
                    // Too many open files, say: others have to close theirs first.
                    tokio::time::sleep(Duration::from_millis(100)).await;
                    continue;
                };
                stream
            }
            () = closed(&mut closing) => return,
        };
        let (router, closing) = (router.clone(), closing.clone());
        tokio::spawn(async move {
            serve(stream, router, closing).await;
            drop(place);
        });
    }
}

/// Returns once the server ends.
async fn closed(closing: &mut watch::Receiver<bool>) {
    // An error says that the server is gone altogether.
    let _ = closing.wait_for(|&closing| closing).await;
}

/// Serves one client. One that breaks off has only itself to blame.
async fn serve(stream: UnixStream, router: Router, mut closing: watch::Receiver<bool>) {
    let connection = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(HEAD)
        .serve_connection(TokioIo::new(stream), TowerToHyperService::new(router));
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
