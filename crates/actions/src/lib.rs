//! Runs commands and calls webhooks for whoever cannot wait for them.
//!
//! **Model.** An [`Order`] is an action and what it is told. Orders wait in a line of [`MOST_WAITING`]; [`AT_ONCE`] of them are
//! carried out at a time, on one thread. How it went is given to whoever ordered it.
//!
//! **Failure.** A command that does not end in [`command::DEADLINE`] is killed, with all it started; a server that does not answer is
//! asked again a few times. What still fails is a [`Failure`], which says why, and what was answered.
//!
//! **Concurrency.** [`Worker::order`] never waits. When the worker is dropped, what waits is forgotten and what goes on is broken off.
//!
//! **Not here.** What there is to tell, and when.

#![forbid(unsafe_code)]

pub mod command;
pub mod webhook;

pub use command::Command;
pub use webhook::{BadUrl, Webhook};

use std::convert::Infallible;
use std::io;
use std::path::PathBuf;
use std::sync::Arc;
use std::thread::{self, JoinHandle};
use thiserror::Error;
use tokio::runtime::Builder;
use tokio::sync::{Semaphore, mpsc, oneshot};
use tokio::task::JoinSet;

/// Orders carried out at a time.
pub const AT_ONCE: usize = 4;
/// Orders that may wait.
pub const MOST_WAITING: usize = 256;
/// Bytes that are kept of what a command or a server says.
pub const MOST_SAID: usize = 4096;

/// Something to do, and what it is told.
pub struct Order {
    /// What to do.
    pub action: Action,
    /// JSON: a command's standard input, a webhook's body.
    pub body: String,
    /// A command's environment, beside `PATH` and `HOME`.
    pub environment: Vec<(&'static str, String)>,
    /// Whether a webhook that fails is tried again.
    pub again: bool,
    /// Who wants to know how it went.
    pub done: Box<dyn FnOnce(Result<String, Failure>) + Send>,
}

/// What can be done.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Action {
    /// Runs a program.
    Command(Command),
    /// Asks a server.
    Webhook(Webhook),
}

/// Why something was not done.
#[derive(Clone, PartialEq, Eq, Debug, Error)]
#[error("{why}")]
pub struct Failure {
    /// In words.
    pub why: String,
    /// The beginning of what it said, if it said something.
    pub said: Option<String>,
}

/// There are too many orders.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Error)]
#[error("{MOST_WAITING} others wait already")]
pub struct TooMany;

/// The thread that carries orders out.
pub struct Worker {
    orders: mpsc::Sender<Order>,
    /// Dropped to end it.
    stop: Option<oneshot::Sender<Infallible>>,
    thread: Option<JoinHandle<()>>,
}

impl Worker {
    /// Starts the thread. Commands have no access to the directories that are `hidden`; webhooks are called at `hosts` only, or
    /// anywhere if there are none (see [`Webhook::is_at`]).
    ///
    /// # Errors
    /// The machine gives no thread, or nothing to wait with.
    pub fn start(hidden: Vec<PathBuf>, hosts: Vec<String>) -> io::Result<Self> {
        // What whoever started this process left open is no command's.
        close_fds::set_fds_cloexec_threadsafe(3, &[]);
        let (orders, waiting) = mpsc::channel(MOST_WAITING);
        let runtime = Builder::new_current_thread().enable_all().build()?;
        let (stop, stopped) = oneshot::channel();
        let run = move || {
            runtime.block_on(async {
                tokio::select! {
                    _ = stopped => {}
                    () = carry_out_all(waiting, hidden.into(), hosts.into()) => {}
                }
            });
        };
        let thread = thread::Builder::new().name("memtide-actions".to_owned()).spawn(run)?;
        Ok(Self { orders, stop: Some(stop), thread: Some(thread) })
    }

    /// Has something done, soon.
    ///
    /// # Errors
    /// Too many others wait.
    pub fn order(&self, order: Order) -> Result<(), TooMany> {
        self.orders.try_send(order).map_err(|_| TooMany)
    }
}

impl Drop for Worker {
    fn drop(&mut self) {
        self.stop = None;
        if let Some(thread) = self.thread.take() {
            // Nothing is left to be told if it panicked.
            let _ = thread.join();
        }
    }
}

/// For ever. Dropping the tasks breaks off what goes on.
async fn carry_out_all(mut orders: mpsc::Receiver<Order>, hidden: Arc<[PathBuf]>, hosts: Arc<[String]>) {
    let places = Arc::new(Semaphore::new(AT_ONCE));
    let mut tasks = JoinSet::new();
    while let Some(Order { action, body, environment, again, done }) = orders.recv().await {
        let Ok(place) = Arc::clone(&places).acquire_owned().await else { return };
        let (hidden, hosts) = (Arc::clone(&hidden), Arc::clone(&hosts));
        tasks.spawn(async move {
            let outcome = match action {
                Action::Command(command) => command.run(&body, &environment, &hidden).await,
                Action::Webhook(webhook) if !hosts.is_empty() && !webhook.is_at(&hosts) => {
                    Err(webhook.elsewhere())
                }
                Action::Webhook(webhook) => webhook.call(&body, again).await,
            };
            drop(place);
            done(outcome);
        });
        while tasks.try_join_next().is_some() {}
    }
}

impl Failure {
    fn new(why: impl Into<String>) -> Self {
        Self { why: why.into(), said: None }
    }
}

/// The beginning of what was said, as text.
fn head(bytes: &[u8]) -> Option<String> {
    let text = String::from_utf8_lossy(&bytes[..bytes.len().min(MOST_SAID)]);
    let text = text.trim_end();
    (!text.is_empty()).then(|| text.to_owned())
}

#[cfg(test)]
mod tests;
