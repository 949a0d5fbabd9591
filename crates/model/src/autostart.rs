//! Whether a VM starts with the host.

use serde::{Deserialize, Serialize};
use std::fmt;
use std::str::FromStr;
use utoipa::ToSchema;

/// Whether a VM starts with the host.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Default, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum Autostart {
    /// It does.
    Yes,
    /// It does not.
    No,
    /// It does if it was on when the host ended, or failed: neither stopped nor powered off by its guest.
    #[default]
    Last,
}

impl fmt::Display for Autostart {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Yes => "yes",
            Self::No => "no",
            Self::Last => "last",
        })
    }
}

impl FromStr for Autostart {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let found = [Self::Yes, Self::No, Self::Last].into_iter().find(|one| one.to_string() == text);
        found.ok_or_else(|| format!("'{text}' is neither yes, no nor last"))
    }
}
