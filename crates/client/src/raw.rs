//! Asking for what has no method here: a route of a later host, say.

use crate::connection::{Asked, broken};
use crate::{Bytes, Client, Error};
use http_body_util::BodyExt;
use hyper::Method;
use hyper::body::Incoming;

/// An answer as it comes.
#[derive(Debug)]
pub struct RawAnswer(Incoming);

impl Client {
    /// Asks for a path, query and all, with any method and body, which is sent as JSON; the answer is not looked at.
    ///
    /// # Errors
    /// The host says no, is not there, or breaks off; the method or the path is none.
    pub async fn raw(&self, method: &str, path: &str, body: Bytes) -> Result<RawAnswer, Error> {
        let method = Method::from_bytes(method.as_bytes()).map_err(|_| {
            Error::Address(format!("'{method}' is no method: write GET, POST, PATCH or DELETE"))
        })?;
        if !path.starts_with('/') {
            return Err(Error::Address(format!("'{path}' is no path: write /v1/vms, say")));
        }
        let response = self.send(Asked { body, ..Asked::new(method, path) }).await?;
        Ok(RawAnswer(response.into_body()))
    }
}

impl RawAnswer {
    /// What comes next; `None` at the end.
    ///
    /// # Errors
    /// If the host breaks off.
    pub async fn next(&mut self) -> Result<Option<Bytes>, Error> {
        while let Some(frame) = self.0.frame().await {
            // What follows a body is of no interest.
            if let Ok(data) = frame.map_err(broken)?.into_data() {
                return Ok(Some(data));
            }
        }
        Ok(None)
    }
}
