//! One request, one answer, over a connection of their own.

use crate::{Address, Client, Error, Problem};
use http_body_util::{BodyExt, Full, LengthLimitError, Limited};
use hyper::body::{Bytes, Incoming};
use hyper::client::conn::http1;
use hyper::header::{AUTHORIZATION, CONTENT_TYPE, HOST};
use hyper::{Method, Request, Response};
use hyper_util::rt::TokioIo;
use rustls::pki_types::ServerName;
use serde::Serialize;
use serde::de::DeserializeOwned;
use std::fmt::Debug;
use std::io;
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpStream, UnixStream};
use tokio::time::timeout;
use tokio_rustls::TlsConnector;

type BoxedError = Box<dyn std::error::Error + Send + Sync>;

/// Longest answer that is read as a whole.
const MOST_ANSWER: usize = 64 << 20;

/// How long it may take to reach a host.
const REACH: Duration = Duration::from_secs(10);

/// What a connection is to those who use it, over whatever it goes.
pub(crate) trait Line: AsyncRead + AsyncWrite + Debug + Send + Unpin {}

impl<T: AsyncRead + AsyncWrite + Debug + Send + Unpin> Line for T {}

/// What is sent.
pub(crate) struct Asked<'a> {
    pub(crate) method: Method,
    pub(crate) path: &'a str,
    /// One header more, if it has a value.
    pub(crate) header: (&'static str, Option<&'a str>),
    pub(crate) body: Bytes,
}

impl<'a> Asked<'a> {
    pub(crate) fn new(method: Method, path: &'a str) -> Self {
        Self { method, path, header: ("", None), body: Bytes::new() }
    }

    pub(crate) fn json(self, body: &impl Serialize) -> Self {
        let body = serde_json::to_vec(body).expect("what is asked is JSON").into();
        Self { body, ..self }
    }

    pub(crate) fn header(self, name: &'static str, value: Option<&'a str>) -> Self {
        Self { header: (name, value), ..self }
    }
}

impl Client {
    pub(crate) async fn connect(&self) -> Result<Box<dyn Line>, Error> {
        let reached = timeout(REACH, reach(&self.address, self.tls.as_ref())).await;
        reached
            .unwrap_or_else(|_| Err(io::ErrorKind::TimedOut.into()))
            .map_err(|source| self.not_reached(source))
    }

    fn not_reached(&self, source: io::Error) -> Error {
        let tls = source.get_ref().and_then(|error| error.downcast_ref::<rustls::Error>());
        match tls {
            Some(rustls::Error::InvalidCertificate(why)) => {
                Error::Untrusted { address: self.address.to_string(), why: why.to_string() }
            }
            _ => Error::Unreachable { address: self.address.to_string(), source },
        }
    }

    /// What goes into `authorization`, if there is a token.
    pub(crate) fn authorization(&self) -> Option<String> {
        self.token.as_ref().map(|token| format!("Bearer {}", token.0))
    }

    /// Sends a request and gives the head of a good answer; reads a bad one.
    pub(crate) async fn send(&self, asked: Asked<'_>) -> Result<Response<Incoming>, Error> {
        let stream = self.connect().await?;
        let (mut sender, connection) = http1::handshake(TokioIo::new(stream)).await.map_err(broken)?;
        // Ends with the connection; what fails there fails here too.
        tokio::spawn(connection);
        let mut request = Request::builder()
            .method(asked.method)
            .uri(asked.path)
            .header(HOST, self.address.authority())
            .header(CONTENT_TYPE, "application/json");
        if let (name, Some(value)) = asked.header {
            request = request.header(name, value);
        }
        if let Some(authorization) = self.authorization() {
            request = request.header(AUTHORIZATION, authorization);
        }
        let request =
            request.body(Full::new(asked.body)).map_err(|error| Error::Strange(error.to_string()))?;
        let response = sender.send_request(request).await.map_err(broken)?;
        if response.status().is_success() {
            return Ok(response);
        }
        let status = response.status();
        Err(refused(status, &whole(response).await?))
    }

    pub(crate) async fn get<T: DeserializeOwned>(&self, path: &str) -> Result<T, Error> {
        self.ask(Asked::new(Method::GET, path)).await
    }

    /// Sends a request and reads the answer.
    pub(crate) async fn ask<T: DeserializeOwned>(&self, asked: Asked<'_>) -> Result<T, Error> {
        read(self.send(asked).await?).await
    }

    pub(crate) async fn delete(&self, path: &str) -> Result<(), Error> {
        whole(self.send(Asked::new(Method::DELETE, path)).await?).await.map(drop)
    }
}

async fn reach(address: &Address, tls: Option<&TlsConnector>) -> io::Result<Box<dyn Line>> {
    let (name, port) = match address {
        Address::Unix(path) => return Ok(Box::new(UnixStream::connect(path).await?)),
        Address::Tcp { name, port, .. } => (name, *port),
    };
    let stream = TcpStream::connect((name.as_str(), port)).await?;
    stream.set_nodelay(true)?;
    let Some(tls) = tls else { return Ok(Box::new(stream)) };
    let name = ServerName::try_from(name.clone()).map_err(io::Error::other)?;
    Ok(Box::new(tls.connect(name, stream).await?))
}

/// What a host says that does not do what it was asked.
pub(crate) fn refused(status: hyper::StatusCode, body: &[u8]) -> Error {
    match serde_json::from_slice::<Problem>(body) {
        Ok(problem) => Error::Problem(problem),
        Err(_) => Error::Strange(format!("{status}: {}", String::from_utf8_lossy(body))),
    }
}

pub(crate) fn broken(error: impl Into<BoxedError>) -> Error {
    Error::BrokenOff(error.into().to_string())
}

/// The whole body.
pub(crate) async fn whole(response: Response<Incoming>) -> Result<Bytes, Error> {
    match Limited::new(response.into_body(), MOST_ANSWER).collect().await {
        Ok(body) => Ok(body.to_bytes()),
        Err(error) if error.is::<LengthLimitError>() => {
            Err(Error::Strange(format!("it is longer than {MOST_ANSWER} bytes")))
        }
        Err(error) => Err(broken(error)),
    }
}

/// The whole body, read as JSON.
pub(crate) async fn read<T: DeserializeOwned>(response: Response<Incoming>) -> Result<T, Error> {
    let bytes = whole(response).await?;
    serde_json::from_slice(&bytes).map_err(|error| Error::Strange(error.to_string()))
}

/// The path of a VM, or of `what` of it.
pub(crate) fn of_vm(name: &str, what: &str) -> String {
    format!("/v1/vms/{}{what}", escaped(name))
}

/// A name as part of a path: everything but letters, digits, `-`, `_` and `.` is escaped.
pub(crate) fn escaped(name: &str) -> String {
    let escape = |byte: u8| match byte {
        b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'_' | b'.' => char::from(byte).to_string(),
        _ => format!("%{byte:02X}"),
    };
    name.bytes().map(escape).collect()
}

#[cfg(test)]
mod tests {
    use super::escaped;

    #[test]
    fn a_name_stays_one_part_of_the_path() {
        assert_eq!(escaped("web-1.a_B"), "web-1.a_B");
        assert_eq!(escaped("a/../b?c d\u{e9}"), "a%2F..%2Fb%3Fc%20d%C3%A9");
    }
}
