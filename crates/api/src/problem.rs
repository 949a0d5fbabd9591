//! What is answered when something cannot be done.
//!
//! **Model.** A [`Problem`] says what went wrong in a word for programs and a sentence for people, what to do about
//! it, and the figures. Its code decides the HTTP status; [`Problem::status`] has the whole table.

use axum::Json;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use host::HostError;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use std::fmt::{self, Display};

/// What went wrong, with the facts, and what to do about it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Problem {
    /// A word for programs.
    pub code: String,
    /// What went wrong, for people.
    pub message: String,
    /// What to do about it, where the message does not say.
    pub hint: Option<String>,
    /// Figures for programs; what they are depends on the code.
    pub details: Option<Value>,
}

impl Problem {
    /// A problem without a hint.
    pub fn new(code: &str, message: impl Display) -> Self {
        Self { code: code.to_owned(), message: message.to_string(), hint: None, details: None }
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
            "bad-json" | "bad-query" | "bad-path" | "bad-body" => StatusCode::BAD_REQUEST,
            "no-such-vm" | "no-such-pool" | "no-such-setting" | "no-such-cpu" | "no-such-route" => {
                StatusCode::NOT_FOUND
            }
            "wrong-method" => StatusCode::METHOD_NOT_ALLOWED,
            "slow-body" => StatusCode::REQUEST_TIMEOUT,
            "exists" | "not-stopped" | "not-running" | "pool-in-use" => StatusCode::CONFLICT,
            "large-body" => StatusCode::PAYLOAD_TOO_LARGE,
            "bad-name" | "bad-spec" | "bad-setting" | "bad-guest" | "bad-field" | "bad-mode"
            | "guest-file" => StatusCode::UNPROCESSABLE_ENTITY,
            "too-many-followers" => StatusCode::TOO_MANY_REQUESTS,
            "shutting-down" => StatusCode::SERVICE_UNAVAILABLE,
            "late" => StatusCode::GATEWAY_TIMEOUT,
            "no-memory" | "no-swap" => StatusCode::INSUFFICIENT_STORAGE,
            _ => StatusCode::INTERNAL_SERVER_ERROR,
        }
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
            _ => None,
        };
        Self {
            code: error.code().to_owned(),
            message: error.to_string(),
            hint: error.hint().map(str::to_owned),
            details,
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
    fn into_response(self) -> Response {
        (self.status(), Json(self)).into_response()
    }
}
