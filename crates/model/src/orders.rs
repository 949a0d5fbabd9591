//! What is asked for beside specs and changes.

use addr::ByteSize;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use utoipa::ToSchema;

/// New values of settings, by name; null is a setting's default.
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize, Deserialize, ToSchema)]
#[serde(transparent)]
#[schema(example = json!({"Mem.IdleTax": 50, "Mem.BalancePeriod": null}))]
pub struct SettingsChange(pub BTreeMap<String, Option<u64>>);

/// How much of what was typed the guest's line took.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize, ToSchema)]
pub struct TypedIn {
    /// So much, from the beginning.
    pub taken_bytes: ByteSize,
}

/// How many pages are to be moved.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct MovePages {
    /// At most so many.
    pub pages: u64,
}

/// How a VM is to be stopped.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize, ToSchema)]
#[serde(default, deny_unknown_fields)]
pub struct StopVm {
    /// Whether it is powered off at once, without asking its guest to shut down.
    #[schema(default = false)]
    pub now: bool,
    /// How long its guest may take to shut down; null: as `VM.StopDeadline` has it.
    pub deadline_seconds: Option<u16>,
    /// Whether it is powered off if no agent answers in its guest, or the guest has not shut down in time. Otherwise
    /// it runs on, and the operation fails.
    #[schema(default = true)]
    pub force: bool,
}

impl Default for StopVm {
    fn default() -> Self {
        Self { now: false, deadline_seconds: None, force: true }
    }
}

/// How a VM is to be restarted.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize, ToSchema)]
#[serde(default, deny_unknown_fields)]
pub struct RestartVm {
    /// Whether its guest is asked to shut down first. Otherwise the VM is reset at once.
    #[schema(default = false)]
    pub guest: bool,
    /// How long its guest may take for that; null: as `VM.StopDeadline` has it.
    pub deadline_seconds: Option<u16>,
    /// Whether it is reset if no agent answers in its guest, or the guest has not shut down in time. Otherwise it runs
    /// on, and the operation fails.
    #[schema(default = true)]
    pub force: bool,
}

impl Default for RestartVm {
    fn default() -> Self {
        Self { guest: false, deadline_seconds: None, force: true }
    }
}
