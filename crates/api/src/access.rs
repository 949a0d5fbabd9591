//! Who may ask what, from where, and how often.
//!
//! **Model.** A request comes from a [`Peer`]: a process of this machine over the Unix socket, which the file's mode has let in, or
//! somebody over TCP. The former is an administrator; the latter says who it is by a token, which has a [role](model::Role).
//!
//! ```text
//!   peers    how many connections and requests each peer may have, and how many refusals
//!   origin   whether a browser asks on behalf of somebody else's page
//!   tokens   whose token it is
//!   role     what a request needs: one table of all routes
//!   audit_log  what was changed, by whom, and what was refused
//!   admission  for how long somebody is let in, where answers have no end
//!   admit    asks all of these, for every request, in this order
//!   tls      the certificate
//! ```
//!
//! **Invariants.** A route that the table does not name needs an administrator. A secret is neither kept nor written anywhere: of
//! a token there is its hash.
//!
//! **Failure.** Whoever may not is answered with a [`model::Problem`] of status 401, 403, 421 or 429.
//!
//! **Not here.** Bounds of bodies and times: `extract`, `server`.

mod admission;
mod admit;
mod audit_log;
mod origin;
mod peers;
mod role;
mod tls;
mod tokens;

pub(crate) use admission::Admission;
pub(crate) use admit::admit;
pub(crate) use audit_log::AuditLog;
#[cfg(test)]
pub(crate) use peers::Rate;
pub(crate) use peers::{Bounds, Connected, Peer, Peers};
pub use tls::{Tls, TlsError};
pub(crate) use tokens::Tokens;

use host::Host;
use model::FileState;
use model::{Caller, Problem, ProblemCode};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{SystemTime, UNIX_EPOCH};

/// Everything that decides on requests. Clones are the same.
#[derive(Clone)]
pub(crate) struct Access {
    pub(crate) tokens: Arc<Tokens>,
    pub(crate) audit_log: Arc<AuditLog>,
    pub(crate) peers: Arc<Peers>,
    /// What the host is called by who asks over TCP, besides addresses.
    names: Arc<[String]>,
    /// Where the files of guests lie that may be named over TCP.
    guest_files: Arc<[PathBuf]>,
}

impl Access {
    /// With what is kept in a state directory, as far as that can be read.
    pub(crate) fn open(state: &Path, names: Vec<String>, bounds: Bounds) -> Self {
        Self {
            tokens: Arc::new(Tokens::open(state)),
            audit_log: Arc::new(AuditLog::open(state)),
            peers: Arc::new(Peers::new(bounds)),
            names: names.into(),
            guest_files: [state.join("guests")].into(),
        }
    }

    /// Reads and writes again what could not be read and written, and tells the host how that went. Waits for the disk.
    pub(crate) fn look_again(&self, host: &Host) {
        let tokens = self.tokens.look_again().map(|why| (FileState::Unreadable, why));
        host.note_file(self.tokens.path(), tokens);
        let audit_log = self.audit_log.look_again().map(|why| (FileState::Unwritten, why));
        host.note_file(self.audit_log.path(), audit_log);
    }

    /// The same with the files of guests in these directories, if there are any, and else in `guests` in the state directory.
    pub(crate) fn with_guest_files(self, directories: Vec<PathBuf>) -> Self {
        if directories.is_empty() { self } else { Self { guest_files: directories.into(), ..self } }
    }

    /// Refuses what somebody far away is not to have the host read: any file but one meant for guests.
    pub(crate) fn check_guest_file(&self, path: &Path, caller: &Caller) -> Result<(), Problem> {
        if caller.is_local || sandbox::lies_in(path, &self.guest_files) {
            return Ok(());
        }
        let directories: Vec<_> = self.guest_files.iter().map(|path| path.display().to_string()).collect();
        let directories = directories.join(", ");
        let why = format!(
            "'{}' can only be named over the host's Unix socket; over TCP, files in {directories} can",
            path.display()
        );
        Err(Problem::new(ProblemCode::NotAllowed, why)
            .hint("put it there, or name its directory with the host's option guest-files"))
    }
}

/// Milliseconds since 1970.
fn now() -> u64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    u64::try_from(since.as_millis()).unwrap_or(u64::MAX)
}

/// What a route needs, for tests of the whole.
#[cfg(test)]
pub(crate) fn needs(method: &str, route: &str) -> Option<model::Role> {
    let method = method.parse().expect("it is one");
    role::Asked { method: &method, route: Some(route), upgrade: false }.needs()
}
