//! Machine memory: one pool of 4 KiB frames, and for each VM a map from its pages to frames.
//!
//! **Model.**
//!
//! ```text
//!   VmMemory (one VM)                         Pool (one per process)
//!     pmap: gfn -> Entry  ---- private ---->    frame mfn   (4 KiB of bytes)
//!                                               Frame       (owner, gfn, pins)
//! ```
//!
//! A page is *untouched* until its first use, when it gets a zeroed frame from anywhere in the pool
//! and is *private*. While its frame changes it is *in passage*: whoever wants it waits.
//!
//! **Invariants.** INV-1, INV-2, INV-4 and INV-5 of `docs/invariants.md`; [`VmMemory::audit`] and
//! [`Pool::audit`] derive them anew.
//!
//! **Concurrency.** Looking a page up takes no lock. Changing an entry needs its passage bit, taken
//! by compare-and-swap. Before a frame is reused, every processor's cached translation of it is
//! taken away through [`ShootDown`]. See `docs/locking.md`.
//!
//! **Not here.** CPUs, page-table formats, and every decision about who gets how much.

mod copy;
#[expect(unsafe_code, reason = "a device's slice of a frame is a raw pointer")]
mod dma;
mod frame;
mod passage;
mod pmap;
#[expect(unsafe_code, reason = "the one place where machine memory is a raw mapping")]
mod pool;
#[cfg(test)]
mod tests;
mod vm_memory;
mod word;

pub use frame::{Audit, FrameUse, VmId};
pub use passage::{MoveReport, ShootDown};
pub use pmap::{Lookup, PageState, Pmap};
pub use pool::{Frame, Pool};
pub use vm_memory::{MemoryError, PageCensus, Pin, VmMemory};
pub use word::Word;
