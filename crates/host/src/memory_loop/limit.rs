//! The memory limit of the process's control group, which may be lowered while the host runs.
//!
//! **Model.** What the limit lacks to what the host needs is withheld from it: charged like overhead, so that VMs give it up by
//! entitlement before Linux takes it by ending the process.

use crate::core::Core;
use crate::linux_memory::LinuxMemory;
use addr::{ByteSize, PageCount};
use model::{MemoryLimit, What};
use std::sync::atomic::Ordering;

/// What is known of the limit.
#[derive(Default)]
pub(super) struct Limit(Option<MemoryLimit>);

impl Limit {
    /// Looks at the limit, says when it becomes too low or is not any more, and gives what is withheld from the host.
    pub(super) fn look(&mut self, core: &Core) -> PageCount {
        let is_ours = core.is_whole_process.load(Ordering::Relaxed);
        let memory = LinuxMemory::read().filter(|_| is_ours);
        let now = memory.and_then(|memory| of(&memory, core.pool.size().bytes()));
        let before = std::mem::replace(&mut self.0, now);
        match (&before, &self.0) {
            (before, Some(now)) if before.as_ref() != Some(now) => {
                core.journal.add(What::MemoryLimitLow(now.clone()));
            }
            (Some(_), None) => core.journal.add(What::MemoryLimitFits),
            _ => {}
        }
        self.0.as_ref().map_or(PageCount(0), |limit| limit.lacks_bytes.pages_up())
    }

    /// The limit, if it is lower than what the host needs.
    pub(super) fn shown(&self) -> Option<MemoryLimit> {
        self.0.clone()
    }
}

/// What a control group's limit lacks to what a host of `size` needs, if it does.
fn of(memory: &LinuxMemory, size: ByteSize) -> Option<MemoryLimit> {
    let group = memory.group.as_ref()?;
    let needed = LinuxMemory::needed(size);
    let lacks = needed.0.checked_sub(group.limit_bytes.0).filter(|lacks| *lacks > 0)?;
    Some(MemoryLimit {
        control_group: group.path.clone(),
        limit_bytes: group.limit_bytes,
        needed_bytes: needed,
        lacks_bytes: ByteSize(lacks),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::linux_memory::ControlGroup;

    #[test]
    fn only_a_limit_below_what_is_needed_withholds_anything() {
        let memory = |limit| LinuxMemory {
            total: ByteSize::mib(limit),
            available: ByteSize::mib(limit),
            group: Some(ControlGroup { path: "/g".to_owned(), limit_bytes: ByteSize::mib(limit) }),
        };
        let lacks = |limit| of(&memory(limit), ByteSize::mib(500)).map(|limit| limit.lacks_bytes);
        assert_eq!((lacks(510), lacks(510 + 1)), (None, None));
        assert_eq!(lacks(410), Some(ByteSize::mib(100)));
        assert_eq!(of(&LinuxMemory { group: None, ..memory(1) }, ByteSize::mib(500)), None);
    }
}
