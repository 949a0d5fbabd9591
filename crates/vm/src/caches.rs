//! What vCPUs remember and can make anew at any time: decoded code and shadow tables.
//!
//! **Model.** What is not used for a while is forgotten; of an idle VM, all but a little. The host says how much room there
//! is while memory is short.

use crate::vm::{Shared, Vm};
use addr::ByteSize;
use riscv::Hart;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

/// What a vCPU of an idle VM may keep when it is looked at.
const IDLE: u64 = ByteSize::kib(512).0;
/// A VM is idle if it ran no more than this part of the time.
const IDLE_PART: u32 = 20;

/// Bytes that each vCPU's caches may take.
pub(crate) struct Room(AtomicU64);

impl Default for Room {
    fn default() -> Self {
        Self(AtomicU64::new(u64::MAX))
    }
}

impl Vm {
    /// Has each vCPU keep from now on no more than about `room` of decoded code and shadow tables; `None` lifts the limit.
    pub fn limit_caches(&self, room: Option<ByteSize>) {
        let room = room.map_or(u64::MAX, |room| room.0);
        self.shared.room.0.store(room, Ordering::Relaxed);
        self.shared.vcpus.for_each_hart(|_, _, hart| limit(hart, room));
    }
}

impl Shared {
    /// Has the vCPUs forget what they did not use since this was called last, when they `ran` so long of `time`.
    pub(crate) fn forget_unused(&self, ran: Duration, time: Duration) {
        let room = self.room.0.load(Ordering::Relaxed);
        self.vcpus.for_each_hart(|_, _, hart| {
            hart.forget_unused();
            if ran <= time / IDLE_PART {
                limit(hart, room.min(IDLE));
                limit(hart, room);
            }
        });
    }
}

/// Two thirds are for code, which every vCPU has.
fn limit(hart: &mut Hart, room: u64) {
    hart.limit_caches(room / 3 * 2, room / 3);
}
