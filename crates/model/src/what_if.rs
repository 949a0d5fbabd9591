//! What would be different after a change.

use crate::change::given;
use addr::ByteSize;
use sched::{HostState, Shares};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// A change to be imagined.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize, ToSchema)]
#[serde(tag = "edit", rename_all = "kebab-case", deny_unknown_fields)]
pub enum Edit {
    /// A running VM had other controls. What is left out stays.
    Vm {
        /// The name of the VM.
        name: String,
        /// Its claim on scarce memory.
        #[serde(default, with = "crate::text::option")]
        shares: Option<Shares>,
        /// What is guaranteed to it.
        #[serde(default)]
        reservation_bytes: Option<ByteSize>,
        /// What it never exceeds; `null` for no limit.
        #[serde(default, deserialize_with = "given", skip_serializing_if = "Option::is_none")]
        limit_bytes: Option<Option<ByteSize>>,
    },
    /// One more VM ran.
    AddVm {
        /// Its memory.
        memory_bytes: ByteSize,
        /// What is guaranteed to it.
        #[serde(default)]
        reservation_bytes: ByteSize,
        /// Its claim on scarce memory.
        #[serde(default, with = "crate::text")]
        shares: Shares,
        /// The resource pool it lies in.
        #[serde(default)]
        pool: Option<String>,
        /// What it would hold and use; all of its memory by default.
        #[serde(default)]
        used_bytes: Option<ByteSize>,
    },
    /// A running VM did not run.
    StopVm {
        /// The name of the VM.
        name: String,
    },
    /// A setting had another value.
    Setting {
        /// The name of the setting.
        name: String,
        /// Its value.
        value: u64,
    },
}

/// What would be different.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize, ToSchema)]
pub struct WhatIf {
    /// Why it would be refused, if it would; what follows is what would be if it was not.
    pub refusal: Option<String>,
    /// The state as it is.
    pub state_before: HostState,
    /// The state as it would be.
    pub state_after: HostState,
    /// What there is for guests, as it is.
    pub for_guests_before_bytes: ByteSize,
    /// As it would be.
    pub for_guests_after_bytes: ByteSize,
    /// The VMs for which something would be different.
    pub vms: Vec<VmShift>,
}

/// What would be different for one VM.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize, ToSchema)]
pub struct VmShift {
    /// Which one; a VM that is only imagined has no name.
    pub name: Option<String>,
    /// What it should have.
    pub entitlement: Shift,
    /// What it would have if all VMs used their whole size.
    pub worst_case: Shift,
    /// What its balloon is asked to hold.
    pub balloon_target: Shift,
    /// The swap target: what is swapped, and what is to be compressed or swapped at once.
    pub swap_target: Shift,
}

/// A size before and after.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize, ToSchema)]
pub struct Shift {
    /// As it is.
    pub before_bytes: ByteSize,
    /// As it would be.
    pub after_bytes: ByteSize,
}

/// A size before and after, in bytes.
pub fn shift(of: sched::Shift) -> Shift {
    Shift { before_bytes: of.before.bytes(), after_bytes: of.after.bytes() }
}
