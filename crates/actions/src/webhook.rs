//! A server that is told something.
//!
//! **Model.** A POST of JSON over HTTP or HTTPS, with one header more if that has been given: for a secret by which the server knows who asks. An answer of 200 to 299 is
//! good. A server that cannot be reached, fails (5xx) or is busy (429) is asked again after a while; what any
//! other answer refuses, it would refuse again. Redirections are not followed: the secret is for one server.
//!
//! **Concurrency.** Whom this machine trusts is read once, when it is first needed.

use crate::{Failure, MOST_SAID, head};
use http_body_util::{BodyExt, Full, Limited};
use hyper::body::Bytes;
use hyper::client::conn::http1;
use hyper::header::{CONTENT_TYPE, HOST, HeaderName, HeaderValue};
use hyper::http::uri::Scheme;
use hyper::{Request, StatusCode, Uri};
use hyper_util::rt::TokioIo;
use rustls::pki_types::ServerName;
use rustls::version::TLS13;
use rustls::{ClientConfig, RootCertStore};
use std::fmt::Display;
use std::sync::{Arc, LazyLock};
use std::time::Duration;
use thiserror::Error;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use tokio::time::{sleep, timeout};
use tokio_rustls::TlsConnector;

/// How long a server may take to answer.
pub const DEADLINE: Duration = Duration::from_secs(10);
/// How long to wait before it is asked again, the first time and the second.
const PAUSES: [Duration; 2] = [Duration::from_secs(1), Duration::from_secs(5)];
/// Longest URL.
const MOST_URL: usize = 2048;

/// Where to send it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Webhook {
    url: Uri,
    /// The URL's host and port, as written.
    host: String,
    /// The value is one that is not printed.
    header: Option<(HeaderName, HeaderValue)>,
}

/// Why something is no webhook, and what to do about it.
#[derive(Clone, PartialEq, Eq, Debug, Error)]
pub enum BadUrl {
    /// It is not understood.
    #[error("'{0}' is no URL: write http://NAME:PORT/PATH or https://NAME/PATH")]
    Url(String),
    /// It has a password in it, which everybody would see.
    #[error("the URL has a name and a password in it: give a header and a secret instead")]
    Password,
    /// A header of that name cannot be.
    #[error("'{0}' cannot be a header: take letters, digits and '-', and none that HTTP itself needs")]
    Header(String),
    /// The secret cannot be sent.
    #[error("the secret cannot be the value of a header: take printable characters of ASCII, 1 to 1024")]
    Secret,
}

/// Headers that are not for secrets.
const OURS: [&str; 5] = ["host", "content-length", "content-type", "connection", "transfer-encoding"];

impl Webhook {
    /// A POST to `url`, with a header and its value.
    ///
    /// # Errors
    /// What of it cannot be.
    pub fn new(url: &str, header: Option<(&str, &str)>) -> Result<Self, BadUrl> {
        let bad = || BadUrl::Url(url.chars().take(100).collect());
        let parsed: Uri = url.parse().map_err(|_| bad())?;
        let is_http = matches!(parsed.scheme_str(), Some("http" | "https"));
        let authority = parsed.authority().ok_or_else(bad)?;
        if authority.as_str().contains('@') {
            return Err(BadUrl::Password);
        }
        if !is_http || authority.host().is_empty() || url.len() > MOST_URL || url.contains('#') {
            return Err(bad());
        }
        let header = header.map(|(name, value)| {
            let name = name.to_ascii_lowercase().parse::<HeaderName>().ok();
            let name = name.filter(|name| !OURS.contains(&name.as_str()));
            let name = name.ok_or_else(|| BadUrl::Header(header.unwrap_or_default().0.to_owned()))?;
            let good =
                (1..=1024).contains(&value.len()) && value.bytes().all(|byte| (b' '..=b'~').contains(&byte));
            let mut value = HeaderValue::from_str(value).ok().filter(|_| good).ok_or(BadUrl::Secret)?;
            value.set_sensitive(true);
            Ok((name, value))
        });
        Ok(Self { host: authority.to_string(), header: header.transpose()?, url: parsed })
    }

    /// Whether it is at one of these: names or addresses as a URL has them, each alone, for any port, or with a port.
    pub fn is_at(&self, hosts: &[String]) -> bool {
        let name = self.url.host().unwrap_or_default();
        let with_port = format!("{name}:{}", self.port());
        hosts.iter().any(|host| host.eq_ignore_ascii_case(name) || host.eq_ignore_ascii_case(&with_port))
    }

    /// That it is not where webhooks may be.
    pub(crate) fn elsewhere(&self) -> Failure {
        Failure::new(format!("{}: the host's option webhook-hosts does not name it", self.host))
    }

    fn port(&self) -> u16 {
        self.url.port_u16().unwrap_or(if self.url.scheme() == Some(&Scheme::HTTPS) { 443 } else { 80 })
    }

    /// Tells it, a few times if need be and `again`; gives the beginning of the answer.
    ///
    /// # Errors
    /// It did not take it.
    pub async fn call(&self, body: &str, again: bool) -> Result<String, Failure> {
        let mut pauses = PAUSES.iter().filter(|_| again);
        loop {
            let failure = match timeout(DEADLINE, self.call_once(body, || &TRUSTED)).await {
                Ok(Ok(said)) => return Ok(said),
                Ok(Err(failure)) => failure,
                Err(_) => Refused::later(format!("no answer after {DEADLINE:?}")),
            };
            let why = format!("{}: {}", self.host, failure.failure.why);
            match pauses.next().filter(|_| failure.may_change) {
                Some(pause) => sleep(*pause).await,
                None => return Err(Failure { why, ..failure.failure }),
            }
        }
    }

    /// Tells it once, if it is or needs not be among those `trusted`.
    pub(crate) async fn call_once<'a>(
        &self,
        body: &str,
        trusted: impl FnOnce() -> &'a RootCertStore,
    ) -> Result<String, Refused> {
        let line = self.reach(trusted).await?;
        let (mut sender, connection) = http1::handshake(TokioIo::new(line)).await.map_err(Refused::later)?;
        // Ends with the connection; what fails there fails here too.
        let connection = tokio::spawn(connection);
        let request = self.request(body).map_err(Refused::for_good)?;
        let response = sender.send_request(request).await.map_err(Refused::later);
        let response = response.inspect_err(|_| connection.abort())?;
        let status = response.status();
        let said = Limited::new(response.into_body(), MOST_SAID).collect().await;
        connection.abort();
        // One that says more than is kept has said enough.
        let said = said.ok().and_then(|body| head(&body.to_bytes()));
        if status.is_success() {
            return Ok(format!("{status}"));
        }
        let may_change = status.is_server_error() || status == StatusCode::TOO_MANY_REQUESTS;
        Err(Refused { failure: Failure { why: format!("{status}"), said }, may_change })
    }

    async fn reach<'a>(&self, trusted: impl FnOnce() -> &'a RootCertStore) -> Result<Box<dyn Line>, Refused> {
        let tls = self.url.scheme() == Some(&Scheme::HTTPS);
        let name = self.url.host().unwrap_or_default().trim_matches(['[', ']']);
        let stream = TcpStream::connect((name, self.port())).await.map_err(Refused::later)?;
        if !tls {
            return Ok(Box::new(stream));
        }
        let name = ServerName::try_from(name.to_owned()).map_err(Refused::for_good)?;
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let config = ClientConfig::builder_with_provider(provider)
            .with_protocol_versions(&[&TLS13])
            .expect("ring has TLS 1.3")
            .with_root_certificates(trusted().clone())
            .with_no_client_auth();
        let stream = TlsConnector::from(Arc::new(config)).connect(name, stream).await;
        Ok(Box::new(stream.map_err(Refused::later)?))
    }

    fn request(&self, body: &str) -> hyper::http::Result<Request<Full<Bytes>>> {
        let path = self.url.path_and_query().map_or("/", |path| path.as_str());
        let mut request =
            Request::post(path).header(HOST, &self.host).header(CONTENT_TYPE, "application/json");
        if let Some((name, value)) = &self.header {
            request = request.header(name, value);
        }
        request.body(Full::new(Bytes::copy_from_slice(body.as_bytes())))
    }
}

/// Whoever this machine trusts.
static TRUSTED: LazyLock<RootCertStore> = LazyLock::new(|| {
    let mut roots = RootCertStore::empty();
    // One that cannot be used vouches for nobody.
    roots.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
    roots
});

/// What a connection is, over whatever it goes.
trait Line: AsyncRead + AsyncWrite + Send + Unpin {}

impl<T: AsyncRead + AsyncWrite + Send + Unpin> Line for T {}

/// A failure, and whether the next time it may be different.
#[derive(Debug)]
pub(crate) struct Refused {
    pub(crate) failure: Failure,
    pub(crate) may_change: bool,
}

impl Refused {
    fn later(why: impl Display) -> Self {
        Self { failure: Failure::new(why.to_string()), may_change: true }
    }

    fn for_good(why: impl Display) -> Self {
        Self { failure: Failure::new(why.to_string()), may_change: false }
    }
}
