//! What the program says when it cannot do what it was asked.

use model::{Problem, ProblemCode};
use serde::{Deserialize, Serialize};
use std::fmt::{self, Display};

/// Exit status where nothing more precise is said.
const FAILED: u8 = 1;
/// Wrong usage, of which the parser of the command line knows nothing.
pub(crate) const USAGE: u8 = 2;
/// There is no VM, pool, setting, token, operation, alarm or alarm rule of that name.
pub(crate) const NOT_FOUND: u8 = 3;
/// No host answers.
pub(crate) const UNREACHABLE: u8 = 4;
/// Not enough memory or disk space is free.
const REFUSED: u8 = 5;
/// The host does not know who asks, or they may not do that.
const NOT_ALLOWED: u8 = 6;
/// Ctrl-C.
pub(crate) const INTERRUPTED: u8 = 130;

/// What went wrong, with the facts, and what to do about it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Error {
    message: String,
    hint: Option<String>,
    /// The exit status.
    #[serde(skip, default = "failed")]
    status: u8,
}

const fn failed() -> u8 {
    FAILED
}

impl Error {
    pub(crate) fn new(message: impl Display) -> Self {
        Self { message: message.to_string(), hint: None, status: FAILED }
    }

    #[must_use]
    pub(crate) fn hint(mut self, hint: impl Display) -> Self {
        self.hint = Some(hint.to_string());
        self
    }

    /// The same with a hint before the one it has.
    #[must_use]
    pub(crate) fn first(mut self, hint: &str) -> Self {
        self.hint = Some(self.hint.map_or_else(|| hint.to_owned(), |more| format!("{hint} {more}")));
        self
    }

    /// The same after something that succeeded.
    #[must_use]
    pub(crate) fn but(mut self, done: &str) -> Self {
        self.message = format!("{done}, but: {}", self.message);
        self
    }

    #[must_use]
    pub(crate) fn status(mut self, status: u8) -> Self {
        self.status = status;
        self
    }

    pub(crate) fn message(&self) -> &str {
        &self.message
    }

    pub(crate) fn exit_status(&self) -> u8 {
        self.status
    }
}

impl From<Problem> for Error {
    fn from(problem: Problem) -> Self {
        let status = match problem.code {
            ProblemCode::NoSuchVm
            | ProblemCode::NoSuchPool
            | ProblemCode::NoSuchSetting
            | ProblemCode::NoSuchToken
            | ProblemCode::NoSuchOperation
            | ProblemCode::NoSuchAlarm
            | ProblemCode::NoSuchAlarmRule => NOT_FOUND,
            ProblemCode::NoMemory | ProblemCode::NoSwap => REFUSED,
            ProblemCode::NotSignedIn | ProblemCode::BadToken | ProblemCode::NotAllowed => NOT_ALLOWED,
            _ => FAILED,
        };
        // The host does not know how its clients are asked.
        let hint = match problem.code {
            ProblemCode::NoSuchVm => Some("'memtide ls' lists those that there are".to_owned()),
            ProblemCode::NoSuchPool => Some("'memtide pool ls' lists those that there are".to_owned()),
            ProblemCode::NoSuchAlarm => {
                Some("it may have cleared: 'memtide alarms ls' lists those that there are".to_owned())
            }
            ProblemCode::NoSuchAlarmRule => {
                Some("'memtide alarms rules ls' lists those that there are".to_owned())
            }
            _ => problem.hint,
        };
        Self { message: problem.message, hint, status }
    }
}

impl Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "error: {}", self.message)?;
        match &self.hint {
            Some(hint) => write!(f, "\nhint: {hint}"),
            None => Ok(()),
        }
    }
}
