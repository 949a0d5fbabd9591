//! Who may ask over TCP, and who changed what.

use crate::connection::{Asked, escaped};
use crate::{Client, Error};
use hyper::Method;
use model::{AuditLine, Caller, List, NewToken, Token, TokenSpec};

#[expect(clippy::missing_errors_doc, reason = "the same for all: the host says no, is not there, breaks off")]
impl Client {
    /// Who the host takes this client for, and what it may do.
    pub async fn whoami(&self) -> Result<Caller, Error> {
        self.get("/v1/whoami").await
    }

    /// All tokens, by name.
    pub async fn tokens(&self) -> Result<Vec<Token>, Error> {
        self.all("/v1/tokens", None).await
    }

    /// Makes a token. What is given with it is given once.
    pub async fn create_token(&self, spec: &TokenSpec) -> Result<NewToken, Error> {
        self.ask(Asked::new(Method::POST, "/v1/tokens").json(spec)).await
    }

    /// Removes a token: it is not valid any more.
    pub async fn remove_token(&self, name: &str) -> Result<(), Error> {
        self.delete(&format!("/v1/tokens/{}", escaped(name))).await
    }

    /// The last changes and refusals, `limit` of them at most, the last one first.
    pub async fn audit_log(&self, limit: u16) -> Result<Vec<AuditLine>, Error> {
        Ok(self.get::<List<AuditLine>>(&format!("/v1/audit-log?limit={limit}")).await?.items)
    }
}
