//! The host as its clients see it.
//!
//! **Model.** The crate `client` is asynchronous; a verb asks one thing after the other. So a [`Remote`] has a runtime on
//! which it waits.

use crate::args::AskedHost;
use crate::control::runtime_directory;
use crate::error::{Error, UNREACHABLE};
use crate::meant::closest;
use client::{Address, Client, Problem, ProblemCode};
use std::future::Future;
use std::path::PathBuf;
use std::pin::Pin;
use tokio::runtime::{Builder, Runtime};

/// Where the service listens, which is open to its group.
pub(crate) const SERVICE_SOCKET: &str = "/run/memtide/host.socket";

/// A host that may be asked, if it is there.
pub(crate) struct Remote {
    pub(crate) client: Client,
    /// Somebody said where it is, so it should be there.
    named: bool,
    runtime: Runtime,
}

/// Where a host listens unless said otherwise: where it is looked for, if that is a socket.
pub(crate) fn default_socket() -> PathBuf {
    match variable("MEMTIDE_HOST").map(|address| address.parse()) {
        Some(Ok(Address::Unix(path))) => path,
        _ => usual_socket(),
    }
}

fn usual_socket() -> PathBuf {
    // Not `.sock`, as the sockets of VMs in the foreground are called there.
    runtime_directory().join("host.socket")
}

/// Where a host is looked for: the user's own, if it is there, or else the service.
fn found_socket() -> PathBuf {
    let (own, service) = (usual_socket(), PathBuf::from(SERVICE_SOCKET));
    if !own.exists() && service.exists() { service } else { own }
}

fn variable(name: &str) -> Option<String> {
    std::env::var(name).ok().filter(|value| !value.is_empty())
}

/// A client of the host that is meant.
fn client(asked: AskedHost) -> Result<Client, Error> {
    let fingerprint = asked.fingerprint.or_else(|| variable("MEMTIDE_FINGERPRINT"));
    let client = match asked.host.or_else(|| variable("MEMTIDE_HOST")) {
        Some(address) => Client::at(&address, fingerprint.as_deref())?,
        None => Client::new(found_socket()),
    };
    Ok(match asked.token.or_else(|| variable("MEMTIDE_TOKEN")) {
        Some(token) => client.with_token(token),
        None => client,
    })
}

impl Remote {
    pub(crate) fn new(asked: AskedHost) -> Result<Self, Error> {
        let runtime = Builder::new_current_thread()
            .enable_all()
            .build()
            .map_err(|error| Error::new(format!("cannot ask a host: {error}")))?;
        let named = asked.host.is_some() || variable("MEMTIDE_HOST").is_some();
        Ok(Self { client: client(asked)?, named, runtime })
    }

    /// Does what takes more than one answer.
    pub(crate) fn run<T>(&self, work: impl Future<Output = Result<T, Error>>) -> Result<T, Error> {
        self.until_done(work)
    }

    /// The runtime's part of this is compiled once for all that is waited for, not once for each.
    fn until_done<T>(&self, work: impl Future<Output = T>) -> T {
        let mut outcome = None;
        let all: Pin<Box<dyn Future<Output = ()> + '_>> = Box::pin(async { outcome = Some(work.await) });
        self.runtime.block_on(all);
        outcome.expect("it is done")
    }

    /// Waits for an answer.
    pub(crate) fn wait<T>(&self, answer: impl Future<Output = Result<T, client::Error>>) -> Result<T, Error> {
        self.until_done(answer).map_err(|error| self.explain(error))
    }

    /// Waits for an answer; `None` if there is no host and nobody said that there is.
    pub(crate) fn if_there<T>(
        &self,
        answer: impl Future<Output = Result<T, client::Error>>,
    ) -> Result<Option<T>, Error> {
        match self.until_done(answer) {
            Ok(answer) => Ok(Some(answer)),
            Err(client::Error::Unreachable { .. }) if !self.named => Ok(None),
            Err(error) => Err(self.explain(error)),
        }
    }
}

impl Remote {
    /// What went wrong, and which name was meant if there is none of that name.
    fn explain(&self, error: client::Error) -> Error {
        let meant = match &error {
            client::Error::Problem(problem) => self.meant(problem),
            _ => None,
        };
        let error = Error::from(error);
        match meant {
            Some(name) => error.first(&format!("did you mean '{name}'?")),
            None => error,
        }
    }

    /// The name of something that is there most like one of what is not.
    fn meant(&self, problem: &Problem) -> Option<String> {
        let name = problem.details.as_ref()?.get("name")?.as_str()?;
        let client = &self.client;
        let names: Vec<String> = self
            .runtime
            .block_on(async {
                Ok::<_, client::Error>(match problem.code {
                    ProblemCode::NoSuchVm => {
                        client.vms().await?.into_iter().map(|vm| vm.info.spec.name).collect()
                    }
                    ProblemCode::NoSuchPool => {
                        client.pools().await?.into_iter().map(|pool| pool.spec.name).collect()
                    }
                    ProblemCode::NoSuchSetting => {
                        client.settings().await?.into_iter().map(|of| of.name).collect()
                    }
                    ProblemCode::NoSuchToken => {
                        client.tokens().await?.into_iter().map(|token| token.name).collect()
                    }
                    ProblemCode::NoSuchAlarmRule => {
                        client.alarm_rules().await?.into_iter().map(|rule| rule.spec.name).collect()
                    }
                    _ => Vec::new(),
                })
            })
            .ok()?;
        closest(name, names)
    }
}

impl From<client::Error> for Error {
    fn from(error: client::Error) -> Self {
        match error {
            client::Error::Problem(problem) => problem.into(),
            unreachable @ client::Error::Unreachable { .. } => Self::new(unreachable).status(UNREACHABLE).hint(
                "'memtide host --machine-memory SIZE' runs one; --host or MEMTIDE_HOST says where it listens",
            ),
            untrusted @ client::Error::Untrusted { .. } => Self::new(untrusted)
                .status(UNREACHABLE)
                .hint("--fingerprint takes what the host printed when it started, if that is the host"),
            mistake @ client::Error::Address(_) => {
                Self::new(mistake).hint("see 'memtide --help' on --host and --fingerprint")
            }
            broken @ client::Error::BrokenOff(_) => {
                Self::new(broken).hint("what was asked may be done all the same: look before you ask again")
            }
            other => Self::new(other).hint("see what the host printed; is it of the same version?"),
        }
    }
}
