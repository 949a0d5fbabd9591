//! Changes of VMs and resource pools: only what is to be different.
//!
//! **Model.** A field left out stays as it is. For what a spec may lack, `null` takes it away: in Rust,
//! `Some(None)`.

use crate::autostart::Autostart;
use crate::ended::Afterwards;
use crate::mmu::Mmu;
use crate::spec::{PoolSpec, VmSpec};
use addr::ByteSize;
use sched::Shares;
use serde::{Deserialize, Deserializer, Serialize};
use std::path::PathBuf;
use utoipa::ToSchema;

/// Changes of a VM. Those of `memory_bytes`, `cpus`, `kernel`, `initrd`, `append` and `swap_dir` need it to be
/// stopped; a new `salt` counts from its next start.
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct VmChange {
    /// Guest physical memory.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub memory_bytes: Option<ByteSize>,
    /// vCPUs.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(minimum = 1, maximum = 8)]
    pub cpus: Option<u32>,
    /// How addresses are translated.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub mmu: Option<Mmu>,
    /// The kernel.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>)]
    pub kernel: Option<PathBuf>,
    /// Its first file system.
    #[serde(default, deserialize_with = "given", skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>)]
    pub initrd: Option<Option<PathBuf>>,
    /// The kernel's command line.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub append: Option<String>,
    /// Machine memory guaranteed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reservation_bytes: Option<ByteSize>,
    /// Machine memory never exceeded.
    #[serde(default, deserialize_with = "given", skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<ByteSize>)]
    pub limit_bytes: Option<Option<ByteSize>>,
    /// Claim on scarce memory.
    #[serde(default, with = "crate::text::option", skip_serializing_if = "Option::is_none")]
    pub shares: Option<Shares>,
    /// The resource pool.
    #[serde(default, deserialize_with = "given", skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>)]
    pub pool: Option<Option<String>>,
    /// How large its balloon may get, but for its cushion.
    #[serde(default, deserialize_with = "given", skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<ByteSize>)]
    pub balloon_max_bytes: Option<Option<ByteSize>>,
    /// Whether its pages are looked through for equal ones.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub sharing: Option<bool>,
    /// Whom it may share pages with.
    #[serde(default, deserialize_with = "given", skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>)]
    pub salt: Option<Option<String>>,
    /// The directory of its swap file.
    #[serde(default, deserialize_with = "given", skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>)]
    pub swap_dir: Option<Option<PathBuf>>,
    /// Whether its pages are compressed before they are swapped.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub zip: Option<bool>,
    /// Whether it starts with the host.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub autostart: Option<Autostart>,
    /// Its turn among those that start with the host.
    #[serde(default, deserialize_with = "given", skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<u32>)]
    pub autostart_order: Option<Option<u32>>,
    /// Seconds that pass after it has started, before the next one's turn.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(maximum = 3600)]
    pub autostart_delay_seconds: Option<u32>,
    /// What is done when its guest reboots.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub on_reboot: Option<Afterwards>,
    /// What is done when its guest panics.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub on_panic: Option<Afterwards>,
}

/// Changes of a resource pool.
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct PoolChange {
    /// The pool it lies in.
    #[serde(default, deserialize_with = "given", skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>)]
    pub parent: Option<Option<String>>,
    /// Machine memory guaranteed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reservation_bytes: Option<ByteSize>,
    /// Whether reservations within may take from the parent.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub expandable: Option<bool>,
    /// Whether its shares scale with those of its members.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub scalable_shares: Option<bool>,
    /// Machine memory never exceeded.
    #[serde(default, deserialize_with = "given", skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<ByteSize>)]
    pub limit_bytes: Option<Option<ByteSize>>,
    /// Claim on scarce memory.
    #[serde(default, with = "crate::text::option", skip_serializing_if = "Option::is_none")]
    pub shares: Option<Shares>,
}

/// A field that was given, be it as null.
pub(crate) fn given<'de, D: Deserializer<'de>, T: Deserialize<'de>>(from: D) -> Result<Option<T>, D::Error> {
    T::deserialize(from).map(Some)
}

macro_rules! apply {
    ($change:expr, $spec:expr, $($field:ident)+) => {
        $(if let Some(value) = &$change.$field { $spec.$field = value.clone(); })+
    };
}

impl VmChange {
    /// `spec` with the changes made.
    pub fn applied_to(&self, spec: &VmSpec) -> VmSpec {
        let mut spec = spec.clone();
        apply!(self, spec, memory_bytes cpus mmu kernel initrd append reservation_bytes limit_bytes shares pool
            balloon_max_bytes sharing salt swap_dir zip autostart autostart_order autostart_delay_seconds
            on_reboot on_panic);
        spec
    }
}

impl PoolChange {
    /// `spec` with the changes made.
    pub fn applied_to(&self, spec: &PoolSpec) -> PoolSpec {
        let mut spec = spec.clone();
        apply!(self, spec, parent reservation_bytes expandable scalable_shares limit_bytes shares);
        spec
    }
}
