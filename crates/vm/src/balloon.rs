//! What a balloon driver does, carried out on its VM's memory.
//!
//! **Concurrency.** Events come on the balloon's worker thread, which holds no lock. The driver waits
//! meanwhile.

use addr::Gfn;
use devices::{BalloonEvent, OnBalloonEvent};
use machine::VmMemory;
use std::sync::Arc;

/// Carries events out on `memory`.
pub(crate) fn carry_out_on(memory: Arc<VmMemory>) -> OnBalloonEvent {
    Box::new(move |event| carry_out(&event, &memory))
}

fn carry_out(event: &BalloonEvent<'_>, memory: &VmMemory) {
    match event {
        BalloonEvent::Inflated(pages) => _ = memory.inflate(pages),
        BalloonEvent::Deflated(pages) => _ = memory.deflate(pages),
        BalloonEvent::Reported(ranges) => {
            let pages = ranges.iter().flat_map(|range| (range.start.0..range.end.0).map(Gfn));
            memory.discard(pages);
        }
    }
}
