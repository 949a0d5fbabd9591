//! What is answered when something cannot be done.
//!
//! **Model.** A [`Problem`] says what went wrong in a word for programs and a sentence for people, what to do about
//! it, and the figures. Its code decides the HTTP status; [`Problem::status`] has the whole table.

pub use host::ProblemCode;

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
    pub code: ProblemCode,
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
    pub fn new(code: ProblemCode, message: impl Display) -> Self {
        Self { code, message: message.to_string(), hint: None, details: None, request_id: None }
    }

    /// The same with a hint.
    #[must_use]
    pub fn hint(mut self, hint: impl Display) -> Self {
        self.hint = Some(hint.to_string());
        self
    }

    /// The HTTP status that goes with the code.
    pub fn status(&self) -> StatusCode {
        use ProblemCode as P;
        match self.code {
            P::BadJson | P::BadQuery | P::BadPath | P::BadHeader | P::BadBody | P::BadRequest => {
                StatusCode::BAD_REQUEST
            }
            P::NotSignedIn | P::BadToken => StatusCode::UNAUTHORIZED,
            P::NotAllowed | P::ForeignOrigin => StatusCode::FORBIDDEN,
            P::ForeignHost => StatusCode::MISDIRECTED_REQUEST,
            P::NoSuchVm
            | P::NoSuchPool
            | P::NoSuchSetting
            | P::NoSuchCpu
            | P::NoSuchOperation
            | P::NoSuchAlarm
            | P::NoSuchAlarmRule
            | P::NoSuchToken
            | P::NoSuchRoute => StatusCode::NOT_FOUND,
            P::WrongMethod => StatusCode::METHOD_NOT_ALLOWED,
            P::SlowBody => StatusCode::REQUEST_TIMEOUT,
            P::Exists
            | P::NotStopped
            | P::NotRunning
            | P::NotRestarted
            | P::Paused
            | P::PoolInUse
            | P::Unreadable
            | P::BadFile
            | P::OperationOver
            | P::NotCancellable
            | P::Cancelled
            | P::NoAction
            | P::StillRuns => StatusCode::CONFLICT,
            P::Changed => StatusCode::PRECONDITION_FAILED,
            P::WrongType => StatusCode::UNSUPPORTED_MEDIA_TYPE,
            P::LargeBody => StatusCode::PAYLOAD_TOO_LARGE,
            P::BadName
            | P::BadSpec
            | P::BadSetting
            | P::BadGuest
            | P::BadField
            | P::BadMode
            | P::GuestFile
            | P::KeptFrom => StatusCode::UNPROCESSABLE_ENTITY,
            P::TooMany
            | P::TooManyFollowers
            | P::TooManyOperations
            | P::TooManyRequests
            | P::TooManyRefusals
            | P::TooManyAlarmRules
            | P::TooManyTokens => StatusCode::TOO_MANY_REQUESTS,
            P::ShuttingDown | P::NotReady | P::Busy => StatusCode::SERVICE_UNAVAILABLE,
            P::Late => StatusCode::GATEWAY_TIMEOUT,
            P::NoMemory | P::NoSwap | P::Unwritten => StatusCode::INSUFFICIENT_STORAGE,
            P::NotKept
            | P::Locked
            | P::Io
            | P::AuditLog
            | P::BrokenInvariant
            | P::AuditUndecided
            | P::Internal
            | P::Unknown => StatusCode::INTERNAL_SERVER_ERROR,
        }
    }
}

impl Problem {
    /// For a status that axum or hyper chose, which have no problem of ours.
    pub(crate) fn of_status(status: StatusCode) -> Self {
        let code = if status.is_server_error() { ProblemCode::Internal } else { ProblemCode::BadRequest };
        Self::new(code, status.canonical_reason().unwrap_or("the request cannot be answered"))
    }
}

/// The machine gives no thread.
pub(crate) fn no_thread(error: std::io::Error) -> Problem {
    HostError::Io { what: "cannot start a thread".to_owned(), source: error }.into()
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
            code: error.code(),
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_code_is_a_word_and_a_later_hosts_is_unknown() {
        let problem = Problem::new(ProblemCode::NoSuchVm, "there is no VM 'x'");
        let mut json = serde_json::to_value(&problem).unwrap();
        assert_eq!(json["code"], "no-such-vm");
        assert_eq!(serde_json::from_value::<Problem>(json.clone()).unwrap(), problem);
        json["code"] = "of-tomorrow".into();
        assert_eq!(serde_json::from_value::<Problem>(json).unwrap().code, ProblemCode::Unknown);
    }
}
