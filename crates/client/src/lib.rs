//! A client of a host's REST interface, over its Unix socket or TCP.
//!
//! **Model.** A [`Client`] is an address and, for TCP, a token. Every request opens a connection of its own, so a client is cheap to keep
//! and to clone, and a host that was started again is found again. What is sent and received are [`model`] and, of a running VM's
//! insides, [`inspect`].
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
//! Over TCP, `Client::at("https://vm-host.example:8443", None)?.with_token(token)`.
//!
//! Who reads and then decides changes what was read, or is told that somebody was faster:
//!
//! ```no_run
//! # use client::{ByteSize, model::VmChange};
//! # async fn example(host: client::Client) -> Result<(), client::Error> {
//! let web = host.revised_vm("web").await?;
//! let half = ByteSize(web.value.info.spec.memory_bytes.0 / 2);
//! let change = VmChange { reservation_bytes: Some(half), ..VmChange::default() };
//! match host.set_if("web", &change, &web.revision).await {
//!     Err(client::Error::Problem(problem)) if problem.code == client::ProblemCode::Changed => println!("somebody was faster"),
//!     Err(client::Error::Problem(problem)) if problem.code == client::ProblemCode::NoMemory => println!("{problem}"),
//!     other => println!("{}", other?.info.spec.reservation_bytes),
//! }
//! # Ok(())
//! # }
//! ```
//!
//! Long work can be begun, looked at and cancelled; what happens is followed:
//!
//! ```no_run
//! # use client::{Message, model::OperationKind};
//! # async fn example(host: client::Client) -> Result<(), client::Error> {
//! let begun = host.begin(OperationKind::Unswap, Some("web")).await?;
//! println!("{:?}", host.operation(begun.id, 1).await?.progress);
//! host.cancel(begun.id).await?;
//!
//! let mut stream = host.stream(None).await?;
//! while let Some(message) = stream.next().await? {
//!     match message {
//!         Message::Snapshot(all) => println!("{} VMs", all.vms.len()),
//!         Message::Event(event) => println!("{} {}", event.seq, event.event),
//!         Message::Status(status) => println!("{:?}", status.state),
//!     }
//! }
//! // The connection ended; the id leads on from there.
//! let _rest = host.stream(stream.id()).await?;
//! # Ok(())
//! # }
//! ```
//!
//! **Failure.** [`enum@Error`] tells apart a host that says no from one that is not there.

#![forbid(unsafe_code)]

mod address;
mod alarms;
mod connection;
mod console;
mod operations;
mod raw;
mod requests;
mod stream;
mod tls;
mod tokens;

pub use addr::ByteSize;
pub use address::Address;
pub use console::{ConsoleInput, ConsoleOutput, Said};
pub use hyper::body::Bytes;
pub use model::{self, Problem, ProblemCode, inspect};
pub use raw::RawAnswer;
pub use stream::{Message, Stream};

use std::fmt::{self, Debug};
use std::io;
use std::path::PathBuf;
use thiserror::Error;
use tokio_rustls::TlsConnector;

/// The address of a host, and what it takes to be let in.
#[derive(Clone)]
pub struct Client {
    address: Address,
    token: Option<Token>,
    tls: Option<TlsConnector>,
}

/// Not to be shown by accident.
#[derive(Clone)]
struct Token(String);

impl Client {
    /// A client of the host that listens at a Unix socket.
    pub fn new(socket: impl Into<PathBuf>) -> Self {
        Self { address: Address::Unix(socket.into()), token: None, tls: None }
    }

    /// A client of the host at an [`Address`]. Over TLS, the host is the one whose certificate has this fingerprint (its
    /// SHA-256, in hexadecimal); without one, somebody whom this machine trusts has to vouch for its name.
    ///
    /// # Errors
    /// [`Error::Address`] if the address or the fingerprint is none.
    pub fn at(address: &str, fingerprint: Option<&str>) -> Result<Self, Error> {
        let address = address.parse()?;
        let tls = match &address {
            Address::Tcp { tls: true, .. } => Some(tls::connector(fingerprint)?),
            _ => None,
        };
        Ok(Self { address, token: None, tls })
    }

    /// The same with a token, which a host wants over TCP.
    #[must_use]
    pub fn with_token(self, token: impl Into<String>) -> Self {
        Self { token: Some(Token(token.into())), ..self }
    }
}

impl Debug for Client {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Client").field("address", &self.address).finish_non_exhaustive()
    }
}

/// Something with its revision: a word that changes with it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Revised<T> {
    /// The value.
    pub value: T,
    /// What is to be said by who wants to change it only as it is.
    pub revision: String,
}

/// Why a request has no answer.
#[derive(Debug, Error)]
pub enum Error {
    /// The host says no, and why.
    #[error(transparent)]
    Problem(#[from] Problem),
    /// Nobody listens there, or nobody may.
    #[error("no host answers at '{address}': {source}")]
    Unreachable {
        /// Where.
        address: String,
        /// The cause.
        source: io::Error,
    },
    /// Who answers there may be somebody else.
    #[error("the certificate at '{address}' is not to be trusted: {why}")]
    Untrusted {
        /// Where.
        address: String,
        /// The reason.
        why: String,
    },
    /// An address or a fingerprint is none.
    #[error("{0}")]
    Address(String),
    /// The host, or the connection to it, ended in the middle.
    #[error("the host broke off: {0}")]
    BrokenOff(String),
    /// What it answers is not what this client knows.
    #[error("the host's answer is not understood: {0}")]
    Strange(String),
}
