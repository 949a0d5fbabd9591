//! The places at which a host is asked.
//!
//! **Failure.** Without its socket a host could not be administered, so it does not start. Without a certificate it runs, and is not
//! asked over TCP until there is one, which is looked for again and again.

use super::told::Listening;
use crate::config::{Config, group};
use crate::daemon::told::{Speaker, Told};
use crate::error::Error;
use api::{Server, Tls, TlsError};
use host::Host;
use model::FileState;
use std::net::SocketAddr;
use std::path::Path;
use std::sync::{Arc, Weak};
use std::thread;
use std::time::Duration;

/// How often a certificate is looked for again.
const LOOKS_AGAIN: Duration = Duration::from_secs(2);

/// Serves the host at its socket and, if that is wanted, over TCP; says where the latter is.
pub(super) fn serve(
    host: &Host,
    config: &Config,
    speaker: Speaker,
) -> Result<(Arc<Server>, Option<Listening>), Error> {
    let mut names = config.names.clone();
    names.push(rustix::system::uname().nodename().to_string_lossy().into_owned());
    let group = config.socket_group.as_deref().map(group).transpose()?;
    let failed = |error: api::ServerError| {
        Error::new(error).hint("--socket takes another socket; --host of other verbs names it then")
    };
    let mut server =
        Server::start(host, &config.state, names.clone(), config.guest_files.clone()).map_err(|error| {
            match &error {
                api::ServerError::Runtime(source) => super::refused("serve", source),
                _ => Error::new(error).hint("see 'memtide host --help'"),
            }
        })?;
    server.listen_unix(&config.socket, group).map_err(failed)?;
    let server = Arc::new(server);
    let Some(address) = config.listen else { return Ok((server, None)) };
    let tls = match tls(config, address, names.clone()) {
        Ok(tls) => tls,
        Err(error) => {
            note(host, &error);
            let later = Later {
                host: host.clone(),
                server: Arc::downgrade(&server),
                config: config.clone(),
                names,
                speaker,
            };
            let thread = thread::Builder::new().name("listen".to_owned());
            let spawned = thread.spawn(move || later.listen(address, error));
            spawned.map_err(|error| super::refused("start a thread", &error))?;
            return Ok((server, None));
        }
    };
    let listening = listen(&server, address, tls)?;
    Ok((server, Some(listening)))
}

fn listen(server: &Server, address: SocketAddr, tls: Option<Tls>) -> Result<Listening, Error> {
    let fingerprint = tls.as_ref().map(|tls| tls.fingerprint().to_owned());
    let address = server
        .listen_tcp(address, tls)
        .map_err(|error| Error::new(error).hint("--listen takes another address or port"))?;
    let scheme = if fingerprint.is_some() { "https" } else { "http" };
    Ok(Listening { address: format!("{scheme}://{address}"), fingerprint })
}

fn note(host: &Host, error: &TlsError) {
    host.note_file(error.path(), Some((FileState::Unreadable, format!("no TLS: {error}"))));
}

/// What it takes to listen once there is a certificate.
struct Later {
    host: Host,
    server: Weak<Server>,
    config: Config,
    names: Vec<String>,
    speaker: Speaker,
}

impl Later {
    fn listen(&self, address: SocketAddr, mut before: TlsError) {
        // It keeps to what the process may, since in the end it makes a socket.
        loop {
            thread::sleep(LOOKS_AGAIN);
            let made = tls(&self.config, address, self.names.clone());
            let Some(server) = self.server.upgrade() else { return };
            match made {
                Err(error) => {
                    if error.path() != before.path() {
                        self.over(before.path());
                    }
                    note(&self.host, &error);
                    before = error;
                }
                Ok(tls) => {
                    self.over(before.path());
                    match listen(&server, address, tls) {
                        Ok(listening) => self.speaker.tell(&Told::Listening(&listening)),
                        Err(error) => tracing::error!("{error}"),
                    }
                    return;
                }
            }
        }
    }

    fn over(&self, path: &Path) {
        self.host.note_file(path, None);
    }
}

/// The certificate, where one is needed.
fn tls(config: &Config, address: SocketAddr, mut names: Vec<String>) -> Result<Option<Tls>, TlsError> {
    let made = match &config.certificate {
        Some((certificate, key)) => Tls::from_files(certificate, key),
        None if config.tls || !address.ip().is_loopback() => {
            names.extend(["localhost", "127.0.0.1", "::1"].map(str::to_owned));
            names.extend((!address.ip().is_unspecified()).then(|| address.ip().to_string()));
            Tls::self_signed(&config.state, &names)
        }
        None => return Ok(None),
    };
    made.map(Some)
}
