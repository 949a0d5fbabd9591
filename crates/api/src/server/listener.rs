//! Where connections come from: Unix sockets and TCP ports, with or without TLS.

use super::patient::Patient;
use super::{ServerError, Service, serve};
use crate::access::{Connected, Peer};
use rustix::process::{Resource, getrlimit};
use std::fs::{self, Permissions};
use std::io;
use std::os::fd::AsRawFd;
use std::os::unix::fs::{FileTypeExt, PermissionsExt, chown};
use std::os::unix::net::{UnixListener as StdListener, UnixStream as StdStream};
use std::path::Path;
use tokio::net::{TcpListener, TcpStream, UnixListener, UnixStream};
use tokio_rustls::TlsAcceptor;

/// Where connections come from.
pub(super) enum Listener {
    Unix(UnixListener),
    Tcp(TcpListener, Option<TlsAcceptor>),
}

/// One that came.
pub(super) enum Connection {
    Unix(UnixStream),
    Tcp(TcpStream, Option<TlsAcceptor>),
}

impl Listener {
    /// The next connection, and whose it is.
    pub(super) async fn accept(&self) -> io::Result<(Peer, Connection)> {
        match self {
            Self::Unix(listener) => {
                let (stream, _) = listener.accept().await?;
                // As the kernel saw it when they connected.
                let uid = stream.peer_cred()?.uid();
                Ok((Peer::Local { uid }, Connection::Unix(stream)))
            }
            Self::Tcp(listener, tls) => {
                let (stream, address) = listener.accept().await?;
                // Answers are small, and someone waits for each.
                // One that is gone already is found out soon enough.
                let _ = stream.set_nodelay(true);
                let peer = Peer::Remote { address: address.ip(), tls: tls.is_some() };
                Ok((peer, Connection::Tcp(stream, tls.clone())))
            }
        }
    }
}

/// As many handles are left to the host itself, to start VMs with, and to the Unix socket; or a quarter, where there are few.
const KEPT_HANDLES: u64 = 64;

impl Connection {
    /// Says why it is not served, as far as it takes that at once, and closes it. Over TLS nothing can be said yet.
    pub(super) fn refuse(self, why: &str) {
        let _ = match self {
            Self::Unix(stream) => stream.try_write(why.as_bytes()),
            Self::Tcp(stream, None) => stream.try_write(why.as_bytes()),
            Self::Tcp(_, Some(_)) => Ok(0),
        };
    }

    /// Whether enough handles are left with this one, which is the first that was free. There is always room for one at a Unix socket.
    pub(super) fn leaves_room(&self) -> bool {
        match (self, getrlimit(Resource::Nofile).current) {
            (Self::Tcp(stream, _), Some(most)) => leaves_room(stream.as_raw_fd() as u64, most),
            _ => true,
        }
    }

    /// Serves whoever is there until they leave.
    pub(super) async fn serve(self, peer: Peer, connected: Connected, service: Service) {
        match self {
            Self::Unix(stream) => serve(Box::new(Patient::new(stream)), peer, connected, service).await,
            Self::Tcp(stream, None) => serve(Box::new(Patient::new(stream)), peer, connected, service).await,
            Self::Tcp(stream, Some(tls)) => {
                let mut closing = service.closing.clone();
                let limit = service.access.peers.bounds.handshake;
                let handshake = tokio::time::timeout(limit, tls.accept(Patient::new(stream)));
                let begun = tokio::select! {
                    begun = handshake => begun,
                    () = super::closed(&mut closing) => return,
                };
                // Whoever speaks no TLS, or does not trust the certificate, is gone.
                if let Ok(Ok(stream)) = begun {
                    serve(Box::new(stream), peer, connected, service).await;
                }
            }
        }
    }
}

fn leaves_room(handle: u64, most: u64) -> bool {
    handle + KEPT_HANDLES.min(most / 4) < most
}

/// Takes the place of a socket that nobody answers at, for its user and its group.
pub(super) fn listen_unix(path: &Path, group: Option<u32>) -> Result<StdListener, ServerError> {
    let io = |source| ServerError::Io { path: path.to_owned(), source };
    if let Ok(found) = fs::symlink_metadata(path) {
        if !found.file_type().is_socket() {
            return Err(ServerError::NoSocket(path.to_owned()));
        }
        if StdStream::connect(path).is_ok() {
            return Err(ServerError::Taken(path.to_owned()));
        }
        fs::remove_file(path).map_err(io)?;
    }
    let listener = StdListener::bind(path).map_err(io)?;
    // The group first, so that it is never another's.
    let made = group.map_or(Ok(()), |group| chown(path, None, Some(group)));
    let made = made.and_then(|()| fs::set_permissions(path, Permissions::from_mode(0o660)));
    if let Err(error) = made.and_then(|()| listener.set_nonblocking(true)) {
        let _ = fs::remove_file(path);
        return Err(io(error));
    }
    Ok(listener)
}
