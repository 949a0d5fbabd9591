//! Files of the host's that are not as they should be.

use serde::{Deserialize, Serialize};
use std::fmt;
use utoipa::ToSchema;

/// What is the matter with a file.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "kebab-case")]
pub enum FileState {
    /// It cannot be read, and is left as it is.
    Unreadable,
    /// It does not have yet what it should.
    Unwritten,
}

impl fmt::Display for FileState {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Unreadable => "unreadable",
            Self::Unwritten => "unwritten",
        })
    }
}

/// A file of the host's that is not as it should be.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize, ToSchema)]
pub struct FileTrouble {
    /// The name of the file.
    pub file: String,
    /// What is the matter.
    pub state: FileState,
    /// Why, and where in the file.
    pub why: String,
    /// Since when, in milliseconds since 1970.
    pub since_milliseconds: u64,
}
