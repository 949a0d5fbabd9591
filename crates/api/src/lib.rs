//! Memtide's REST interface: what is asked and answered, and the server.
//!
//! **Model.** Everything is under `/v1`, in JSON. Sizes are integers in bytes, fields that hold them end in `_bytes`,
//! and what is not known is `null`. Later versions may add fields to answers; in what is asked, an unknown field is an error.
//!
//! Beside it the web client is served, at `/` (`web`).
//!
//! The routes, with all that can be asked and answered, are described in `OpenAPI` ([`openapi`], `docs/openapi.json`),
//! which is derived from the code: `routes.rs` names them all.
//!
//! What takes long is an *operation*: begun, looked at, waited for, cancelled. What changes something may say which revision it expects
//! (`if-match`). What happens is a stream.
//!
//! **Concurrency.** One thread serves all connections; whatever asks the host runs on a pool of threads that may
//! wait. Connections, followers, bodies and times are bounded, see [`Server`].
//!
//! **Failure.** Every error is a [`model::Problem`]. What a client sends can cause statuses from 400 to 499 and 507 only.
//!
//! Who may ask what is decided before a route is asked: `access`.

#![forbid(unsafe_code)]

mod access;
mod budget;
mod extract;
pub mod inspect;
mod metrics;
pub mod openapi;
mod operations;
mod problem;
mod query;
mod request;
mod routes;
mod server;
mod stream;
mod web;

pub use access::{Tls, TlsError};
pub use server::{Server, ServerError};
