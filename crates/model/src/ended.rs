//! How a VM's run ended, and what is done then.

use serde::{Deserialize, Serialize};
use std::fmt;
use std::str::FromStr;
use utoipa::ToSchema;

/// How a VM's run ended.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "kebab-case")]
pub enum HowEnded {
    /// Its guest powered it off.
    PoweredOff,
    /// Its guest asked for a reset.
    RebootRequested,
    /// Its guest asked for its end because something failed in it.
    GuestFailure,
    /// It was powered off.
    Stopped,
    /// The host could not go on with it.
    Failed,
}

impl fmt::Display for HowEnded {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::PoweredOff => "powered-off",
            Self::RebootRequested => "reboot-requested",
            Self::GuestFailure => "guest-failure",
            Self::Stopped => "stopped",
            Self::Failed => "failed",
        })
    }
}

/// What is done about a VM whose guest reboots or fails.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum Afterwards {
    /// The VM is restarted.
    Restart,
    /// The VM is powered off.
    Stop,
    /// It is kept as it is, to be looked at.
    Keep,
}

impl fmt::Display for Afterwards {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Restart => "restart",
            Self::Stop => "stop",
            Self::Keep => "keep",
        })
    }
}

impl FromStr for Afterwards {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let found = [Self::Restart, Self::Stop, Self::Keep].into_iter().find(|one| one.to_string() == text);
        found.ok_or_else(|| format!("'{text}' is neither restart, stop nor keep"))
    }
}

/// Why a VM was restarted.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, ToSchema)]
#[serde(rename_all = "kebab-case")]
pub enum RestartedFor {
    /// Somebody asked for it.
    Asked,
    /// Its guest rebooted.
    GuestRebooted,
    /// Its guest panicked, or said that something failed in it.
    GuestFailed,
}
