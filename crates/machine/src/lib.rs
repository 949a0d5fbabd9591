//! Machine memory: one pool of 4 KiB frames, and for each VM a map from its pages to frames.
//!
//! **Model.**
//!
//! ```text
//!   VmMemory (one VM)                              Pool (one per process)
//!     pmap: gfn -> private, shared, zero ---->       frame mfn   (4 KiB of bytes)
//!                  compressed --> zip store -->       frame table (what each frame holds, pins)
//!                  swapped    --> swap file           share table (which contents are shared)
//!                  untouched, ballooned
//! ```
//!
//! How a page gets in, when somebody uses it: `resolve`. How it gets out, when its frame is wanted:
//! `reclaim`, `scan` (equal pages), `balloon` (the guest gives it back). Every way is a *passage*.
//!
//! **Invariants.** INV-1 to INV-7 of `docs/invariants.md`; [`VmMemory::audit`] and [`Pool::audit`] derive
//! them anew.
//!
//! **Concurrency.** Looking a page up takes no lock. Changing an entry needs its passage bit, taken
//! by compare-and-swap. Before a frame is reused, every processor's cached translation of it is
//! taken away through [`ShootDown`]. See `docs/locking.md`.
//!
//! **Not here.** CPUs, page-table formats, and every decision about who gets how much.

#![cfg_attr(loom, allow(dead_code, reason = "models use a part of the crate"))]

mod audit;
mod balloon;
mod books;
mod caches;
mod charge;
mod clock;
mod copy;
mod counts;
#[expect(unsafe_code, reason = "a device's slice of a frame is a raw pointer")]
mod dma;
mod fetch_back;
mod frame;
mod frame_use;
mod free_list;
#[expect(unsafe_code, reason = "glibc's allocator is asked for what only it can do")]
pub mod heap;
#[cfg(all(test, loom))]
mod interleavings;
mod moving;
mod pages;
#[expect(unsafe_code, reason = "the one place where machine memory is a raw mapping")]
mod pool;
#[expect(unsafe_code, reason = "the loader is asked where the program lies, and Linux to unmap it")]
pub mod program;
mod reclaim;
mod resolve;
mod sample;
mod scan;
mod share;
mod stores;
mod swap;
mod swap_out;
mod sync;
#[cfg(all(test, not(loom)))]
mod tests;
mod times;
mod vm_memory;
mod word;
mod zip;

pub use balloon::GivenBack;
pub use books::{Books, read_at_once};
pub use caches::{CacheCharge, CacheUse};
pub use charge::Charge;
pub use counts::MemoryCounts;
pub use frame::{Audit, Bell, Holds, ShareGroup};
pub use frame_use::FrameUse;
pub use moving::MoveReport;
pub use pages::census::PageCensus;
pub use pages::entry::Lookup;
pub use pages::passage::{Because, Passage, Quiet};
pub use pages::pmap::Pmap;
pub use pages::shoot_down::ShootDown;
pub use pages::state::{PageState, Use};
pub use pool::{Frame, Pool};
pub use reclaim::Reclaimed;
pub use sample::{Sample, Sampled};
pub use scan::{Peers, Scanned};
pub use stores::{StoreUse, Stores};
pub use swap::{Slot, SwapError, SwapFile, SwapUse};
pub use times::{Halt, Halted, TimeAccount, Times, User};
pub use vm_memory::{Backing, MemoryError, OnLoss, Pin, VmMemory};
pub use word::Word;
pub use zip::{Compressed, Compressor, Corrupt, ZipHandle, ZipStore, ZipUse};
