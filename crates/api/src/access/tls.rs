//! The certificate that the host shows over TCP.
//!
//! **Model.** Either an administrator's own, or one that the host made and signed itself when it first needed one:
//! `tls-cert.pem` in the state directory, and `tls-key.pem`, which nobody else may have. Nobody vouches for such a
//! certificate: clients know it by its fingerprint, the SHA-256 of it. It does not expire, as nobody trusts it for its date.
//!
//! TLS 1.3 only, with the algorithms of `ring`: whoever speaks to the host is of this decade.

use super::tokens::hex;
use addr::ByteSize;
use files::{FileError, Regular, Written, write_atomically};
use ring::digest::{SHA256, digest};
use rustls::ServerConfig;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::version::TLS13;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::{fs, io};
use thiserror::Error;
use tokio_rustls::TlsAcceptor;

/// Why there is no TLS.
#[derive(Debug, Error)]
pub enum TlsError {
    /// A file cannot be read.
    #[error("'{}': {source}", path.display())]
    Unreadable {
        /// Which.
        path: PathBuf,
        /// The cause.
        source: FileError,
    },
    /// A file cannot be written.
    #[error("'{}': {source}", path.display())]
    Io {
        /// Which.
        path: PathBuf,
        /// The cause.
        source: io::Error,
    },
    /// A file holds no certificate or no key, or they do not belong together.
    #[error("'{}': {why}", path.display())]
    Unusable {
        /// Which.
        path: PathBuf,
        /// The reason.
        why: String,
    },
}

/// A certificate and its key, ready for use.
#[derive(Clone)]
pub struct Tls {
    pub(crate) acceptor: TlsAcceptor,
    fingerprint: String,
}

impl TlsError {
    /// The file that is the matter.
    pub fn path(&self) -> &Path {
        match self {
            Self::Unreadable { path, .. } | Self::Io { path, .. } | Self::Unusable { path, .. } => path,
        }
    }
}

impl Tls {
    /// The host's own, made if there is none yet, for these names and addresses.
    ///
    /// # Errors
    /// If the file in the state directory cannot be written, or is none of ours.
    pub fn self_signed(state: &Path, names: &[String]) -> Result<Self, TlsError> {
        let [certificate, key] = ["tls-cert.pem", "tls-key.pem"].map(|name| state.join(name));
        if !certificate.exists() || !key.exists() {
            make(&certificate, &key, names)?;
        }
        Self::from_files(&certificate, &key)
    }

    /// An administrator's: the certificate with those that vouch for it, and its key, in PEM.
    ///
    /// # Errors
    /// If a file cannot be read, or they do not belong together.
    pub fn from_files(certificate: &Path, key: &Path) -> Result<Self, TlsError> {
        let read =
            |path: &Path| read(path).map_err(|source| TlsError::Unreadable { path: path.to_owned(), source });
        let unusable = |path: &Path| {
            let path = path.to_owned();
            move |why: String| TlsError::Unusable { path, why }
        };
        let chain = CertificateDer::pem_slice_iter(&read(certificate)?)
            .collect::<Result<Vec<_>, _>>()
            .map_err(|error| unusable(certificate)(error.to_string()))?;
        let first =
            chain.first().ok_or_else(|| unusable(certificate)("there is no certificate in it".to_owned()))?;
        let fingerprint = hex(digest(&SHA256, first).as_ref());
        let secret = PrivateKeyDer::from_pem_slice(&read(key)?)
            .map_err(|error| unusable(key)(format!("there is no key in it: {error}")))?;
        let mut config =
            ServerConfig::builder_with_provider(Arc::new(rustls::crypto::ring::default_provider()))
                .with_protocol_versions(&[&TLS13])
                .map_err(|error| unusable(certificate)(error.to_string()))?
                .with_no_client_auth()
                .with_single_cert(chain, secret)
                .map_err(|error| unusable(certificate)(error.to_string()))?;
        config.alpn_protocols = vec![b"http/1.1".to_vec()];
        Ok(Self { acceptor: TlsAcceptor::from(Arc::new(config)), fingerprint })
    }

    /// The SHA-256 of the certificate, in hexadecimal: what clients know it by.
    pub fn fingerprint(&self) -> &str {
        &self.fingerprint
    }
}

/// Makes a certificate and its key. Whatever interrupts that, there is never one without its own key.
fn make(certificate: &Path, key: &Path, names: &[String]) -> Result<(), TlsError> {
    let made = rcgen::generate_simple_self_signed(names)
        .map_err(|error| TlsError::Unusable { path: certificate.to_owned(), why: error.to_string() })?;
    let io = |path: &Path| {
        let path = path.to_owned();
        move |source| TlsError::Io { path, source }
    };
    match fs::remove_file(certificate) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(io(certificate)(error)),
        _ => {}
    }
    for (path, text) in [(key, made.signing_key.serialize_pem()), (certificate, made.cert.pem())] {
        // One that a loss of power undoes is made again.
        let (Written::Surely | Written::Unconfirmed(_)) =
            write_atomically(path, text.as_bytes()).map_err(io(path))?;
    }
    Ok(())
}

/// No certificate with all that vouch for it is longer.
const MOST: ByteSize = ByteSize::mib(1);

fn read(path: &Path) -> Result<Vec<u8>, FileError> {
    Regular::open(path, MOST)?.read(|| true)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::PermissionsExt;
    use tempfile::TempDir;

    #[test]
    fn it_is_made_once_and_for_its_owner_alone() {
        let state = TempDir::new().unwrap();
        let names = ["localhost".to_owned(), "127.0.0.1".to_owned()];
        let made = Tls::self_signed(state.path(), &names).unwrap();
        assert_eq!(made.fingerprint().len(), 64);
        let [certificate, key] = ["tls-cert.pem", "tls-key.pem"].map(|name| state.path().join(name));
        assert_eq!(fs::metadata(&key).unwrap().permissions().mode() & 0o777, 0o600);
        assert!(!fs::read_to_string(&certificate).unwrap().contains("PRIVATE"));
        let again = Tls::self_signed(state.path(), &names).unwrap();
        assert_eq!(again.fingerprint(), made.fingerprint());
        assert_eq!(Tls::from_files(&certificate, &key).unwrap().fingerprint(), made.fingerprint());
        for lost in [&certificate, &key] {
            fs::remove_file(lost).unwrap();
            let anew = Tls::self_signed(state.path(), &names).unwrap();
            assert_ne!(anew.fingerprint(), made.fingerprint());
        }
    }

    #[test]
    fn files_that_cannot_be_used_are_named() {
        let [one, other] = [(); 2].map(|()| TempDir::new().unwrap());
        for state in [&one, &other] {
            Tls::self_signed(state.path(), &["localhost".to_owned()]).unwrap();
        }
        let [certificate, key, missing, empty] =
            ["tls-cert.pem", "tls-key.pem", "missing.pem", "empty.pem"].map(|name| one.path().join(name));
        fs::write(&empty, "nothing").unwrap();
        let foreign = other.path().join("tls-key.pem");
        let cases = [
            (&missing, &key, &missing),
            (&certificate, &missing, &missing),
            (&empty, &key, &empty),
            (&certificate, &empty, &empty),
            (&certificate, &foreign, &certificate),
        ];
        for (certificate, key, named) in cases {
            let error = Tls::from_files(certificate, key).map(|_| ()).unwrap_err().to_string();
            assert!(error.contains(named.to_str().unwrap()), "{error}");
        }
    }
}
