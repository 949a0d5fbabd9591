//! A [`Problem`] as an answer: its code decides the HTTP status, of which [`status`] has the whole table.

use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use host::HostError;
use model::{Problem, ProblemCode};

/// What a route answers instead of what was asked for.
#[derive(Debug)]
pub(crate) struct Failed(pub(crate) Problem);

impl From<Problem> for Failed {
    fn from(problem: Problem) -> Self {
        Self(problem)
    }
}

impl From<HostError> for Failed {
    fn from(error: HostError) -> Self {
        Self(error.into())
    }
}

impl IntoResponse for Failed {
    /// Without a body yet: `crate::request` writes it, who knows which request this answers.
    fn into_response(self) -> Response {
        let mut response = status(&self.0).into_response();
        response.extensions_mut().insert(self.0);
        response
    }
}

/// The HTTP status that goes with the code.
pub(crate) fn status(problem: &Problem) -> StatusCode {
    use ProblemCode as P;
    match problem.code {
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

/// For a status that axum or hyper chose, which have no problem of ours.
pub(crate) fn of_status(status: StatusCode) -> Problem {
    let code = if status.is_server_error() { ProblemCode::Internal } else { ProblemCode::BadRequest };
    Problem::new(code, status.canonical_reason().unwrap_or("the request cannot be answered"))
}

/// The machine gives no thread.
pub(crate) fn no_thread(error: std::io::Error) -> Problem {
    HostError::Io { what: "cannot start a thread".to_owned(), source: error }.into()
}
