//! A client of a host's REST interface, over its Unix socket.
//!
//! **Model.** A [`Client`] is an address. Every request opens a connection of its own, so a client is cheap to keep
//! and to clone, and a host that was started again is found again. What is sent and received are [`api::types`].
//!
//! ```no_run
//! # async fn example() -> Result<(), client::Error> {
//! let host = client::Client::new("/run/user/1000/memtide/host.socket");
//! for vm in host.vms().await? {
//!     println!("{}: {}, {}", vm.info.spec.name, vm.info.power, vm.info.spec.memory_bytes);
//! }
//! # Ok(())
//! # }
//! ```
//!
//! **Failure.** [`enum@Error`] tells apart a host that says no from one that is not there.

#![forbid(unsafe_code)]

mod connection;
mod requests;
mod stream;

pub use api::{Problem, types};
pub use stream::{Bytes, ConsoleOutput, Lines, Said};

use std::io;
use std::path::{Path, PathBuf};
use thiserror::Error;

/// The address of a host.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Client {
    path: PathBuf,
}

impl Client {
    /// A client of the host that listens at a Unix socket.
    pub fn new(socket: impl Into<PathBuf>) -> Self {
        Self { path: socket.into() }
    }

    /// The host's socket.
    pub fn path(&self) -> &Path {
        &self.path
    }
}

/// Why a request has no answer.
#[derive(Debug, Error)]
pub enum Error {
    /// The host says no, and why.
    #[error(transparent)]
    Problem(#[from] Problem),
    /// Nobody listens there, or nobody may.
    #[error("no host answers at '{}': {source}", path.display())]
    Unreachable {
        /// Where.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// The host, or the connection to it, ended in the middle.
    #[error("the host broke off: {0}")]
    BrokenOff(String),
    /// What it answers is not what this client knows.
    #[error("the host's answer is not understood: {0}")]
    Strange(String),
}
