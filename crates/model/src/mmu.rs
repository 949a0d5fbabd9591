//! How a VM's addresses are translated, as people choose it.

use serde::{Deserialize, Serialize};
use std::fmt;
use std::str::FromStr;
use utoipa::ToSchema;

/// How addresses are translated.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Default, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum Mmu {
    /// Whichever costs less, as measured.
    #[default]
    Automatic,
    /// Shadow page tables.
    Software,
    /// Two-stage walks.
    Hardware,
}

impl fmt::Display for Mmu {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Automatic => "automatic",
            Self::Software => "software",
            Self::Hardware => "hardware",
        })
    }
}

impl FromStr for Mmu {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let found =
            [Self::Automatic, Self::Software, Self::Hardware].into_iter().find(|one| one.to_string() == text);
        found.ok_or_else(|| format!("'{text}' is not an MMU mode: choose automatic, software or hardware"))
    }
}
