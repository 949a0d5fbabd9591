//! What is answered when something cannot be done.
//!
//! **Model.** A [`Problem`] says what went wrong in a word for programs and a sentence for people, what to do about it, and the figures.

use crate::problem_code::ProblemCode;
use serde::{Deserialize, Serialize};
use serde_json::Value;
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
}

impl Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

impl std::error::Error for Problem {}

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
