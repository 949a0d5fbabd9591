//! Bringing back what is compressed and swapped, before the guest asks for it.

use crate::core::Core;
use crate::error::HostError;
use crate::progress::Progress;
use crate::running::Running;
use addr::{ByteSize, PageCount};
use machine::{MemoryError, PageState, Use, User};
use model::What;

/// Pages brought back between two looks at how much is free.
const BATCH: usize = 64;

/// Brings back what is out of the VM called `name`, as far as memory is free and its limit allows; gives how
/// much.
pub(crate) fn unswap(core: &Core, name: &str, progress: &Progress) -> Result<ByteSize, HostError> {
    let running = core.inventory.lock().vm(name)?.running.as_ref().and_then(Running::visit);
    let running = running.ok_or_else(|| HostError::NotRunning(name.to_owned()))?;
    let limit = core.inventory.lock().vm(name)?.spec.limit_bytes.map_or(PageCount(u64::MAX), ByteSize::pages);
    let high = core.measured().plan.host.thresholds.high;
    let memory = &running.memory;
    let pages = memory.census();
    progress.expect(PageCount(pages.compressed.0 + pages.swapped.0).bytes());
    let is_out = |state| matches!(state, Some((PageState::Compressed(_) | PageState::Swapped(_), _)));
    let mut out = memory.pmap().pages().filter(|gfn| is_out(memory.pmap().state(*gfn)));
    let mut back = PageCount(0);
    let outcome = loop {
        if let Err(cancelled) = progress.check() {
            break Err(cancelled);
        }
        let room = core.pool.usage().available() > high && memory.held().0 + (BATCH as u64) < limit.0;
        let batch: Vec<_> = out.by_ref().take(if room { BATCH } else { 0 }).collect();
        if batch.is_empty() {
            break Ok(());
        }
        for gfn in batch {
            match memory.resolve_for(User::Host, gfn, Use::Read) {
                Ok(_) => {
                    back.0 += 1;
                    progress.advance(PageCount(1).bytes());
                }
                Err(MemoryError::Ending) => return Err(HostError::NotRunning(name.to_owned())),
                Err(error) => return Err(HostError::guest(name, error)),
            }
        }
    };
    core.journal.add(What::Unswapped { vm: name.to_owned(), brought_back_bytes: back.bytes() });
    outcome.map(|()| back.bytes())
}
