//! Memtide's REST interface: what is asked and answered, and the server.
//!
//! **Model.** Everything is under `/v1`, in JSON. Sizes are integers in bytes, fields that hold them end in `_bytes`,
//! and what is not known is `null`. Later versions may add fields to answers; in what is asked, an unknown field is an error.
//!
//! ```text
//!   GET  /healthz                         POST /v1/plan            what would be if, without touching anything
//!   GET  /v1/host                         POST /v1/audit
//!   GET  /v1/vms            POST          GET  /v1/pools           POST
//!   GET  /v1/vms/{name}     PATCH DELETE  GET  /v1/pools/{name}    PATCH DELETE
//!   POST /v1/vms/{name}/start stop unswap audit inspect
//!   GET  /v1/vms/{name}/explain           GET  /v1/settings
//!   GET  /v1/vms/{name}/console  POST     GET  /v1/settings/{name} PUT
//!   GET  /v1/events?since&wait&follow
//! ```
//!
//! **Concurrency.** One thread serves all connections; whatever asks the host runs on a pool of threads that may
//! wait. Connections, followers, bodies and times are bounded, see [`Server`].
//!
//! **Failure.** Every error is a [`Problem`]. What a client sends can cause statuses from 400 to 499 and 507 only.
//!
//! **Not here.** Access from beyond this machine's user: the socket belongs to who runs the host.

#![forbid(unsafe_code)]

mod extract;
pub mod inspect;
mod problem;
mod routes;
mod server;
pub mod types;

pub use problem::Problem;
pub use server::{Server, ServerError};
