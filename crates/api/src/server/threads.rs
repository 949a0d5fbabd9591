//! The threads that serve.
//!
//! **Model.** One serves all connections, and ends with the server. Those that wait for the host for a request's sake are started by it when they are needed,
//! and one of them is there from the start.
//!
//! **Failure.** A server that gets no thread at its start does not start. While the machine gives no more threads, requests wait for those there are: there is
//! always one, which no operation and no console keeps for itself.

use sandbox::Kind;
use std::io;
use std::sync::mpsc::sync_channel;
use std::thread::{self, JoinHandle};
use std::time::Duration;
use tokio::runtime::{Builder, Handle, Runtime};
use tokio::sync::watch;
use tokio::task::spawn_blocking;
use tokio::time::timeout;

/// Most threads that wait for the host.
const MOST_WAITING: usize = 128;
/// How long the first of them may take to be there.
const PATIENCE: Duration = Duration::from_secs(5);
/// How long one is kept that nobody needs. Files are looked at again more often, which needs one: so the last one stays.
const KEPT: Duration = Duration::from_secs(10);
/// How long answers may take to be finished when the server ends.
pub(super) const LAST_ANSWERS: Duration = Duration::from_secs(2);

/// What serves.
pub(super) struct Serving {
    pub(super) runtime: Handle,
    pub(super) thread: JoinHandle<()>,
}

/// Starts what serves, until the server is `closing` and nobody listens to that any more.
///
/// # Errors
/// The machine gives no threads, or nothing to wait with.
pub(super) fn serving(closing: watch::Sender<bool>) -> io::Result<Serving> {
    let (tell, told) = sync_channel(1);
    let serve = move || {
        // The threads that it starts keep to the same.
        sandbox::keep_to(Kind::Service);
        let runtime = match runtime() {
            Ok(runtime) => runtime,
            Err(error) => return drop(tell.send(Err(error))),
        };
        // Who started it waits for this.
        let _ = tell.send(Ok(runtime.handle().clone()));
        runtime.block_on(async {
            let mut closed = closing.subscribe();
            let _ = closed.wait_for(|&closing| closing).await;
            drop(closed);
            let _ = timeout(LAST_ANSWERS, closing.closed()).await;
        });
        runtime.shutdown_timeout(LAST_ANSWERS);
    };
    let thread = thread::Builder::new().name("api".to_owned()).spawn(serve)?;
    let runtime = told.recv().map_err(|_| io::Error::other("the thread that serves has ended"))??;
    Ok(Serving { runtime, thread })
}

/// The runtime, with a thread that waits.
fn runtime() -> io::Result<Runtime> {
    let mut builder = Builder::new_current_thread();
    let limited = builder.max_blocking_threads(MOST_WAITING).thread_keep_alive(KEPT).thread_name("api");
    let runtime = limited.enable_all().build()?;
    // Where there is no thread, and there was none, that is a panic of the library's.
    let first = || runtime.block_on(async { timeout(PATIENCE, spawn_blocking(|| ())).await });
    match std::panic::catch_unwind(std::panic::AssertUnwindSafe(first)) {
        Ok(Ok(Ok(()))) => Ok(runtime),
        _ => Err(io::ErrorKind::WouldBlock.into()),
    }
}
