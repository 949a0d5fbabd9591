//! One request, one answer, over a connection of their own.

use crate::{Client, Error, Problem};
use http_body_util::{BodyExt, Full, LengthLimitError, Limited};
use hyper::body::{Bytes, Incoming};
use hyper::client::conn::http1;
use hyper::header::{CONTENT_TYPE, HOST};
use hyper::{Method, Request, Response};
use hyper_util::rt::TokioIo;
use serde::Serialize;
use serde::de::DeserializeOwned;
use tokio::net::UnixStream;

type BoxedError = Box<dyn std::error::Error + Send + Sync>;

/// Longest answer that is read as a whole.
const MOST_ANSWER: usize = 64 << 20;

impl Client {
    /// Sends a request and gives the head of a good answer; reads a bad one.
    pub(crate) async fn send(
        &self,
        method: Method,
        path: &str,
        body: Bytes,
    ) -> Result<Response<Incoming>, Error> {
        let unreachable = |source| Error::Unreachable { path: self.path.clone(), source };
        let stream = UnixStream::connect(&self.path).await.map_err(unreachable)?;
        let (mut sender, connection) = http1::handshake(TokioIo::new(stream)).await.map_err(broken)?;
        // Ends with the connection; what fails there fails here too.
        tokio::spawn(connection);
        let request = Request::builder()
            .method(method)
            .uri(path)
            .header(HOST, "localhost")
            .header(CONTENT_TYPE, "application/json")
            .body(Full::new(body))
            .map_err(|error| Error::Strange(error.to_string()))?;
        let response = sender.send_request(request).await.map_err(broken)?;
        if response.status().is_success() {
            return Ok(response);
        }
        let status = response.status();
        let bytes = whole(response).await?;
        Err(match serde_json::from_slice::<Problem>(&bytes) {
            Ok(problem) => Error::Problem(problem),
            Err(_) => Error::Strange(format!("{status}: {}", String::from_utf8_lossy(&bytes))),
        })
    }

    pub(crate) async fn get<T: DeserializeOwned>(&self, path: &str) -> Result<T, Error> {
        read(self.send(Method::GET, path, Bytes::new()).await?).await
    }

    /// Sends a body and reads the answer.
    pub(crate) async fn ask<T: DeserializeOwned>(
        &self,
        method: Method,
        path: &str,
        body: &impl Serialize,
    ) -> Result<T, Error> {
        let body = serde_json::to_vec(body).expect("what is asked is JSON");
        read(self.send(method, path, body.into()).await?).await
    }

    pub(crate) async fn order<T: DeserializeOwned>(&self, path: &str) -> Result<T, Error> {
        read(self.send(Method::POST, path, Bytes::new()).await?).await
    }

    pub(crate) async fn delete(&self, path: &str) -> Result<(), Error> {
        whole(self.send(Method::DELETE, path, Bytes::new()).await?).await.map(drop)
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
