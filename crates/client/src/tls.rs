//! Whether the host at the other end is the one that was meant.
//!
//! **Model.** Either somebody whom this machine trusts vouches for the host's name, or its certificate has the fingerprint that was given.
//! A fingerprint says which certificate exactly, so that neither its name nor its dates matter.

use crate::Error;
use ring::digest::{SHA256, digest};
use rustls::client::WebPkiServerVerifier;
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::{CryptoProvider, verify_tls12_signature, verify_tls13_signature};
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::version::TLS13;
use rustls::{CertificateError, ClientConfig, DigitallySignedStruct, RootCertStore, SignatureScheme};
use std::sync::Arc;
use tokio_rustls::TlsConnector;

/// A way to begin TLS with a host known by its fingerprint, or else by whom this machine trusts.
pub(crate) fn connector(fingerprint: Option<&str>) -> Result<TlsConnector, Error> {
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let verifier: Arc<dyn ServerCertVerifier> = if let Some(text) = fingerprint {
        Arc::new(Pinned { fingerprint: read(text)?, provider: Arc::clone(&provider) })
    } else {
        let mut roots = RootCertStore::empty();
        // One that cannot be used vouches for nobody.
        roots.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
        let builder = WebPkiServerVerifier::builder_with_provider(roots.into(), Arc::clone(&provider));
        builder.build().map_err(|error| {
            Error::Address(format!("this machine trusts nobody ({error}), so a fingerprint is needed"))
        })?
    };
    let mut config = ClientConfig::builder_with_provider(provider)
        .with_protocol_versions(&[&TLS13])
        .expect("ring has TLS 1.3")
        .dangerous()
        .with_custom_certificate_verifier(verifier)
        .with_no_client_auth();
    config.alpn_protocols = vec![b"http/1.1".to_vec()];
    Ok(TlsConnector::from(Arc::new(config)))
}

/// Reads a fingerprint: 64 hexadecimal digits, with colons or without.
fn read(text: &str) -> Result<[u8; 32], Error> {
    let bad = || Error::Address(format!("'{text}' is no fingerprint: it has 64 hexadecimal digits"));
    let digits: String = text.chars().filter(|&digit| digit != ':').collect();
    if digits.len() != 64 || !digits.bytes().all(|digit| digit.is_ascii_hexdigit()) {
        return Err(bad());
    }
    let byte = |at: usize| u8::from_str_radix(&digits[2 * at..2 * at + 2], 16).map_err(|_| bad());
    let bytes = (0..32).map(byte).collect::<Result<Vec<u8>, Error>>()?;
    Ok(bytes.try_into().expect("there are 32"))
}

/// Trusts one certificate. That the host has its key is checked all the same.
#[derive(Debug)]
struct Pinned {
    fingerprint: [u8; 32],
    provider: Arc<CryptoProvider>,
}

impl ServerCertVerifier for Pinned {
    fn verify_server_cert(
        &self,
        certificate: &CertificateDer<'_>,
        _others: &[CertificateDer<'_>],
        _name: &ServerName<'_>,
        _ocsp: &[u8],
        _now: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        if digest(&SHA256, certificate).as_ref() == self.fingerprint {
            return Ok(ServerCertVerified::assertion());
        }
        Err(CertificateError::ApplicationVerificationFailure.into())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        let algorithms = &self.provider.signature_verification_algorithms;
        verify_tls12_signature(message, certificate, signature, algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        let algorithms = &self.provider.signature_verification_algorithms;
        verify_tls13_signature(message, certificate, signature, algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.provider.signature_verification_algorithms.supported_schemes()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_fingerprint_is_read_with_colons_and_without() {
        let plain = "0a".repeat(32);
        let colons = vec!["0A"; 32].join(":");
        assert_eq!((read(&plain).unwrap(), read(&colons).unwrap()), ([10; 32], [10; 32]));
        for bad in ["", "0a", &"0g".repeat(32), &"0a".repeat(33), &"ü".repeat(32), &"+1".repeat(32)] {
            assert!(read(bad).is_err(), "{bad}");
        }
    }
}
