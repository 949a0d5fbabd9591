//! Tokens, and what was done with them.

use super::Shared;
use crate::extract::{Given, InPath, Parameters, ask};
use crate::problem::Failed;
use crate::query::{AuditLogQuery, TokensQuery, page, selects};
use axum::extract::State;
use axum::http::header::{CACHE_CONTROL, LOCATION};
use axum::http::{HeaderName, StatusCode};
use axum::{Extension, Json};
use model::{AuditLine, Caller, List, NewToken, Token, TokenSpec};
use model::{Problem, ProblemCode};
use std::sync::Arc;

/// Say who asks
///
/// And what they may do: a client need not offer the rest.
#[utoipa::path(get, path = "/v1/whoami", tag = "access",
    responses((status = 200, description = "The caller.", body = Caller)))]
pub(super) async fn whoami(Extension(caller): Extension<Caller>) -> Json<Caller> {
    Json(caller)
}

/// List tokens
///
/// By name; without their secrets, which nobody knows any more.
#[utoipa::path(get, path = "/v1/tokens", tag = "access", params(TokensQuery),
    responses((status = 200, description = "A page of them.", body = List<Token>)))]
pub(super) async fn list_tokens(
    State(shared): State<Shared>,
    Parameters(query): Parameters<TokensQuery>,
) -> Result<Json<List<Token>>, Failed> {
    let tokens = shared.access.tokens.list().into_iter();
    let asked = tokens.filter(|token| selects(query.cursor.as_deref(), None, &token.name));
    Ok(Json(page(asked, query.limit, |token| token.name.clone())))
}

/// Make a token
///
/// Its secret is in the answer and nowhere else.
#[utoipa::path(post, path = "/v1/tokens", tag = "access", request_body = TokenSpec,
    responses((status = 201, description = "The token was created.", body = NewToken,
        headers(("location", description = "The address at which the token can be removed."))),
        (status = 409, description = "There is one of that name.", body = Problem)))]
pub(super) async fn create_token(
    State(shared): State<Shared>,
    Given(spec): Given<TokenSpec>,
) -> Result<(StatusCode, [(HeaderName, String); 2], Json<NewToken>), Failed> {
    let tokens = Arc::clone(&shared.access.tokens);
    let made = ask(&shared.host, move |_| Ok(tokens.create(&spec))).await??;
    let headers =
        [(LOCATION, format!("/v1/tokens/{}", made.token.name)), (CACHE_CONTROL, "no-store".to_owned())];
    Ok((StatusCode::CREATED, headers, Json(made)))
}

/// Remove a token
///
/// From then on it is not valid. What goes on that it began goes on.
#[utoipa::path(delete, path = "/v1/tokens/{name}", tag = "access",
    params(("name" = String, Path, description = "The token.")),
    responses((status = 204, description = "The token was removed.")))]
pub(super) async fn remove_token(
    State(shared): State<Shared>,
    InPath(name): InPath<String>,
) -> Result<StatusCode, Failed> {
    let tokens = Arc::clone(&shared.access.tokens);
    ask(&shared.host, move |_| Ok(tokens.remove(&name))).await??;
    Ok(StatusCode::NO_CONTENT)
}

/// Show the audit log
///
/// The last changes and refusals, the last one first.
#[utoipa::path(get, path = "/v1/audit-log", tag = "access", params(AuditLogQuery),
    responses((status = 200, description = "The last lines of the audit log.", body = List<AuditLine>)))]
pub(super) async fn show_audit_log(
    State(shared): State<Shared>,
    Parameters(query): Parameters<AuditLogQuery>,
) -> Result<Json<List<AuditLine>>, Failed> {
    let log = Arc::clone(&shared.access.audit_log);
    let lines = ask(&shared.host, move |_| Ok(log.last(query.limit))).await?;
    let items = lines.map_err(|error| {
        Problem::new(ProblemCode::AuditLog, format!("cannot read the audit log: {error}"))
    })?;
    Ok(Json(List { items, next: None }))
}
