//! The host as its clients see it.
//!
//! **Model.** The crate `client` is asynchronous; a verb asks one thing after the other. So a [`Remote`] has a runtime on
//! which it waits.

use crate::control::runtime_directory;
use crate::error::{Error, UNREACHABLE};
use client::Client;
use std::future::Future;
use std::path::PathBuf;
use tokio::runtime::{Builder, Runtime};

/// A host that may be asked, if it is there.
pub(crate) struct Remote {
    pub(crate) client: Client,
    /// Somebody said where it is, so it should be there.
    named: bool,
    runtime: Runtime,
}

/// Where a host listens, and is looked for, unless said otherwise.
pub(crate) fn default_socket() -> PathBuf {
    // Not `.sock`, as the sockets of VMs in the foreground are called there.
    from_environment().unwrap_or_else(|| runtime_directory().join("host.socket"))
}

fn from_environment() -> Option<PathBuf> {
    std::env::var_os("MEMTIDE_HOST").filter(|path| !path.is_empty()).map(PathBuf::from)
}

impl Remote {
    pub(crate) fn new(socket: Option<PathBuf>) -> Result<Self, Error> {
        let runtime = Builder::new_current_thread()
            .enable_all()
            .build()
            .map_err(|error| Error::new(format!("cannot ask a host: {error}")))?;
        let socket = socket.or_else(from_environment);
        let named = socket.is_some();
        Ok(Self { client: Client::new(socket.unwrap_or_else(default_socket)), named, runtime })
    }

    /// Another one of the same host, for another thread.
    pub(crate) fn another(&self) -> Result<Self, Error> {
        Self::new(Some(self.client.path().to_owned()))
    }

    /// Waits for an answer.
    pub(crate) fn wait<T>(&self, answer: impl Future<Output = Result<T, client::Error>>) -> Result<T, Error> {
        Ok(self.runtime.block_on(answer)?)
    }

    /// Waits for an answer; `None` if there is no host and nobody said that there is.
    pub(crate) fn if_there<T>(
        &self,
        answer: impl Future<Output = Result<T, client::Error>>,
    ) -> Result<Option<T>, Error> {
        match self.runtime.block_on(answer) {
            Ok(answer) => Ok(Some(answer)),
            Err(client::Error::Unreachable { .. }) if !self.named => Ok(None),
            Err(error) => Err(error.into()),
        }
    }
}

impl From<client::Error> for Error {
    fn from(error: client::Error) -> Self {
        match error {
            client::Error::Problem(problem) => problem.into(),
            unreachable @ client::Error::Unreachable { .. } => Self::new(unreachable).status(UNREACHABLE).hint(
                "'memtide host --machine-memory SIZE' runs one; --host or MEMTIDE_HOST says where it listens",
            ),
            other => Self::new(other).hint("see what the host printed; is it of the same version?"),
        }
    }
}
