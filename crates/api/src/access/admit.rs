//! What every request goes through before it is carried out: may they ask, who are they, may they do that.
//!
//! **Model.** Decisions are functions of what is asked and known; [`admit`] asks them in turn and writes the audit log.

use super::role::Asked;
use super::tokens::Invalid;
use super::{Access, Admission, Connected, Peer, now, origin};
use crate::problem::{Failed, status};
use crate::request::RequestId;
use axum::extract::{MatchedPath, Request, State};
use axum::http::{HeaderMap, HeaderValue, Method, Uri, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use model::{AuditLine, Caller, Problem, ProblemCode, Role, Token};
use std::sync::Arc;
use std::time::{Duration, Instant};

/// What the subprotocol of a WebSocket begins with that is a token: browsers can send no other header with it.
const BEARER_PROTOCOL: &str = "memtide.bearer.";

/// Lets a request through to its route, or refuses it.
pub(crate) async fn admit(State(access): State<Access>, mut request: Request, next: Next) -> Response {
    // Every connection says whose it is. A request without one was not asked over any.
    let Some(&peer) = request.extensions().get::<Peer>() else {
        return Failed(Problem::new(ProblemCode::Internal, "nobody knows who asks")).into_response();
    };
    if let Err(wait) = access.peers.request(peer, Instant::now()) {
        return come_back(ProblemCode::TooManyRequests, "too many requests", wait);
    }
    let route = request.extensions().get::<MatchedPath>().cloned();
    let method = request.method().clone();
    let upgrade = is_websocket(request.headers());
    let asked = Asked { method: &method, route: route.as_ref().map(MatchedPath::as_str), upgrade };
    let mut line = begun(peer, &request);

    let caller = access.caller(peer, request.uri(), request.headers(), asked);
    let refusal = match &caller {
        Ok(caller) => decide(asked, caller.as_ref()).err(),
        Err(problem) => Some(problem.clone()),
    };
    if let Ok(Some(caller)) = &caller {
        request.extensions().get::<Connected>().inspect(|connected| connected.let_in());
        caller.who.clone_into(&mut line.who);
        line.role = Some(caller.role);
        request.extensions_mut().insert(caller.clone());
    }
    if let Some(problem) = refusal {
        return refuse(access, peer, problem, line).await;
    }
    let token = caller.ok().flatten().and_then(|caller| caller.token);
    request.extensions_mut().insert(Admission::new(Arc::clone(&access.tokens), token));
    let response = next.run(request).await;
    if asked.is_change() {
        write(access, AuditLine { status: response.status().as_u16(), ..line }, false).await;
    }
    response
}

impl Access {
    /// Who asks; `None` if they do not say.
    fn caller(
        &self,
        peer: Peer,
        uri: &Uri,
        headers: &HeaderMap,
        asked: Asked<'_>,
    ) -> Result<Option<Caller>, Problem> {
        let tls = match peer {
            Peer::Local { uid } => {
                return Ok(Some(Caller {
                    who: format!("uid {uid}"),
                    role: Role::Administer,
                    is_local: true,
                    token: None,
                }));
            }
            Peer::Remote { tls, .. } => tls,
        };
        origin::check(uri, headers, &self.names, tls)?;
        let Some(secret) = presented(headers, asked.upgrade)? else { return Ok(None) };
        let token = self.tokens.find(secret, now()).map_err(not_valid)?;
        self.note_use(&token);
        Ok(Some(Caller {
            who: format!("token {}", token.name),
            role: token.role,
            is_local: false,
            token: Some(token),
        }))
    }

    fn note_use(&self, token: &Token) {
        if self.tokens.used(token, now()) {
            let tokens = Arc::clone(&self.tokens);
            tokio::task::spawn_blocking(move || tokens.keep_used());
        }
    }
}

/// Whether somebody may ask that.
fn decide(asked: Asked<'_>, caller: Option<&Caller>) -> Result<(), Problem> {
    let Some(least) = asked.needs() else { return Ok(()) };
    match caller {
        None => Err(Problem::new(ProblemCode::NotSignedIn, "a token is needed")
            .hint("send the header 'authorization: Bearer TOKEN'; 'memtide token create' makes one")),
        Some(caller) if caller.role < least => {
            let why = format!("{} may {}; this takes the role {least}", caller.who, caller.role);
            Err(Problem::new(ProblemCode::NotAllowed, why).hint("ask an administrator"))
        }
        Some(_) => Ok(()),
    }
}

/// The token that a request brings along.
fn presented(headers: &HeaderMap, upgrade: bool) -> Result<Option<&str>, Problem> {
    if let Some(value) = headers.get(header::AUTHORIZATION) {
        let value = value.to_str().ok().and_then(|value| value.split_once(' '));
        return match value {
            Some((scheme, secret)) if scheme.eq_ignore_ascii_case("bearer") => Ok(Some(secret.trim())),
            _ => Err(Problem::new(ProblemCode::BadToken, "the header authorization has no token")
                .hint("it is 'authorization: Bearer TOKEN'")),
        };
    }
    let protocols = headers.get_all(header::SEC_WEBSOCKET_PROTOCOL).iter().filter(|_| upgrade);
    let mut protocols = protocols.filter_map(|value| value.to_str().ok()).flat_map(|value| value.split(','));
    Ok(protocols.find_map(|protocol| protocol.trim().strip_prefix(BEARER_PROTOCOL)))
}

fn not_valid(why: Invalid) -> Problem {
    let why = match why {
        Invalid::Unknown => "there is no such token",
        Invalid::Expired => "the token has expired",
    };
    Problem::new(ProblemCode::BadToken, why).hint("'memtide token create' on the host makes one")
}

fn is_websocket(headers: &HeaderMap) -> bool {
    headers.get(header::UPGRADE).is_some_and(|value| value.as_bytes().eq_ignore_ascii_case(b"websocket"))
}

/// What the audit log says of a request as long as nothing came of it.
fn begun(peer: Peer, request: &Request) -> AuditLine {
    AuditLine {
        at_milliseconds: 0,
        who: "unknown".to_owned(),
        from: match peer {
            Peer::Local { .. } => None,
            Peer::Remote { address, .. } => Some(address.to_canonical().to_string()),
        },
        role: None,
        method: short(request.method()),
        path: request.uri().path().to_owned(),
        status: 0,
        request_id: request.extensions().get::<RequestId>().map(|id| id.0.clone()).unwrap_or_default(),
        omitted: 0,
    }
}

/// A method's name can be as long as a client likes.
fn short(method: &Method) -> String {
    method.as_str().chars().take(16).collect()
}

async fn refuse(access: Access, peer: Peer, problem: Problem, line: AuditLine) -> Response {
    if let Err(wait) = access.peers.refusal(peer, Instant::now()) {
        return come_back(ProblemCode::TooManyRefusals, &format!("{problem}, and that too often"), wait);
    }
    let status = status(&problem);
    write(access, AuditLine { status: status.as_u16(), ..line }, true).await;
    let mut response = Failed(problem).into_response();
    if status == axum::http::StatusCode::UNAUTHORIZED {
        response.headers_mut().insert(header::WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
    }
    response
}

/// Before the answer, so that whoever has that finds the line.
async fn write(access: Access, line: AuditLine, refused: bool) {
    let line = AuditLine { at_milliseconds: now(), ..line };
    let write =
        move || if refused { access.audit_log.write_refused(&line) } else { access.audit_log.write(&line) };
    let _ = tokio::task::spawn_blocking(write).await;
}

fn come_back(code: ProblemCode, why: &str, wait: Duration) -> Response {
    let seconds = wait.as_secs() + 1;
    let problem = Problem::new(code, why).hint(format!("come back in {seconds} s"));
    let mut response = Failed(problem).into_response();
    response.headers_mut().insert(header::RETRY_AFTER, seconds.into());
    response
}

#[cfg(test)]
mod tests;
