//! What the memory loop measured and planned last, for everybody to read.

use crate::memory_loop::before_anything;
use machine::FrameUse;
use model::HostStatus;
use sched::{InvalidSnapshot, Plan, Snapshot, plan};
use std::collections::BTreeMap;
use std::sync::Arc;
use vm::Statistics;

/// What the memory loop measured and planned last.
pub(crate) struct Measured {
    pub(crate) snapshot: Snapshot,
    /// The plan in force, which may be of a moment before.
    pub(crate) plan: Plan,
    pub(crate) status: Arc<HostStatus>,
    /// How many changes the plan knows of.
    pub(crate) changes: u64,
    /// What running VMs counted, by name.
    pub(crate) counted: BTreeMap<String, Arc<Statistics>>,
}

impl Measured {
    /// Before anything was measured.
    ///
    /// # Errors
    /// If resource pools do not form a tree.
    pub(crate) fn nothing(
        snapshot: Snapshot,
        usage: &FrameUse,
        at_milliseconds: u64,
    ) -> Result<Self, InvalidSnapshot> {
        let plan = plan(&snapshot)?;
        let status = Arc::new(before_anything(&snapshot, &plan, usage, at_milliseconds));
        Ok(Self { snapshot, plan, status, changes: 0, counted: BTreeMap::new() })
    }
}
