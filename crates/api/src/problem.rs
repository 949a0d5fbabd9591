//! What is answered when something cannot be done.
//!
//! **Model.** A [`Problem`] says what went wrong in a word for programs and a sentence for people, what to do about
//! it, and the figures. Its code decides the HTTP status; [`Problem::status`] has the whole table.

use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use host::HostError;
use sched::settings::SettingError;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use std::fmt::{self, Display};
use utoipa::ToSchema;

/// What went wrong, with the facts, and what to do about it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Problem {
    /// A word for programs.
    pub code: String,
    /// What went wrong, for people.
    pub message: String,
    /// What to do about it, where the message does not say.
    pub hint: Option<String>,
    /// Figures for programs; what they are depends on the code.
    #[schema(value_type = Option<Object>)]
    pub details: Option<Box<Value>>,
    /// The request, as the header `x-request-id` names it; null in what is no answer to a request.
    pub request_id: Option<String>,
}

impl Problem {
    /// A problem without a hint.
    pub fn new(code: &str, message: impl Display) -> Self {
        Self {
            code: code.to_owned(),
            message: message.to_string(),
            hint: None,
            details: None,
            request_id: None,
        }
    }

    /// The same with a hint.
    #[must_use]
    pub fn hint(mut self, hint: impl Display) -> Self {
        self.hint = Some(hint.to_string());
        self
    }

    /// The HTTP status that goes with the code.
    pub fn status(&self) -> StatusCode {
        match self.code.as_str() {
            "bad-json" | "bad-query" | "bad-path" | "bad-header" | "bad-body" | "bad-request" => {
                StatusCode::BAD_REQUEST
            }
            "not-signed-in" | "bad-token" => StatusCode::UNAUTHORIZED,
            "not-allowed" | "foreign-origin" => StatusCode::FORBIDDEN,
            "foreign-host" => StatusCode::MISDIRECTED_REQUEST,
            "no-such-vm" | "no-such-pool" | "no-such-setting" | "no-such-cpu" | "no-such-operation"
            | "no-such-alarm" | "no-such-alarm-rule" | "no-such-token" | "no-such-route" => {
                StatusCode::NOT_FOUND
            }
            "wrong-method" => StatusCode::METHOD_NOT_ALLOWED,
            "slow-body" => StatusCode::REQUEST_TIMEOUT,
            "exists" | "not-stopped" | "not-running" | "not-restarted" | "paused" | "pool-in-use"
            | "unreadable" | "bad-file" | "operation-over" | "not-cancellable" | "cancelled"
            | "no-action" | "still-runs" => StatusCode::CONFLICT,
            "changed" => StatusCode::PRECONDITION_FAILED,
            "wrong-type" => StatusCode::UNSUPPORTED_MEDIA_TYPE,
            "large-body" => StatusCode::PAYLOAD_TOO_LARGE,
            "bad-name" | "bad-spec" | "bad-setting" | "bad-guest" | "bad-field" | "bad-mode"
            | "guest-file" | "kept-from" => StatusCode::UNPROCESSABLE_ENTITY,
            "too-many"
            | "too-many-followers"
            | "too-many-operations"
            | "too-many-requests"
            | "too-many-refusals"
            | "too-many-alarm-rules"
            | "too-many-tokens" => StatusCode::TOO_MANY_REQUESTS,
            "shutting-down" | "not-ready" | "busy" => StatusCode::SERVICE_UNAVAILABLE,
            "late" => StatusCode::GATEWAY_TIMEOUT,
            "no-memory" | "no-swap" | "unwritten" => StatusCode::INSUFFICIENT_STORAGE,
            _ => StatusCode::INTERNAL_SERVER_ERROR,
        }
    }
}

impl Problem {
    /// For a status that axum or hyper chose, which have no problem of ours.
    pub(crate) fn of_status(status: StatusCode) -> Self {
        let code = if status.is_server_error() { "internal" } else { "bad-request" };
        Self::new(code, status.canonical_reason().unwrap_or("the request cannot be answered"))
    }
}

impl From<HostError> for Problem {
    fn from(error: HostError) -> Self {
        let details = match &error {
            HostError::Refused { refusal, .. } => Some(json!({
                "place": refusal.place,
                "asked_bytes": refusal.asked,
                "free_bytes": refusal.free,
            })),
            HostError::NoVm(name)
            | HostError::NoPool(name)
            | HostError::NoAlarmRule(name)
            | HostError::Setting(SettingError::Unknown(name)) => Some(json!({"name": name})),
            HostError::Changed { revision, .. } => Some(json!({"etag": format!("\"{revision}\"")})),
            _ => None,
        };
        Self {
            code: error.code().to_owned(),
            message: error.to_string(),
            hint: error.hint().map(str::to_owned),
            details: details.map(Box::new),
            request_id: None,
        }
    }
}

impl Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

impl std::error::Error for Problem {}

impl IntoResponse for Problem {
    /// Without a body yet: `crate::request` writes it, who knows which request this answers.
    fn into_response(self) -> Response {
        let mut response = self.status().into_response();
        response.extensions_mut().insert(self);
        response
    }
}
