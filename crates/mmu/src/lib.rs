//! Virtualizing the memory management unit: from guest virtual addresses to machine frames.
//!
//! **Model.** The guest's tables say gva -> gpa, the VM's pmap says gpa -> machine. A processor uses
//! what is cached of the two together:
//!
//! ```text
//!   access -> Tlb  --miss-->  software: Shadow  --hidden fault-->  walk (guest tables over pmap)
//!                             hardware: ------------------------>  walk
//! ```
//!
//! Read `format` (what the guest's tables look like), `descent` (going down through them), `walk` (both stages), `tlb`, `space` (fences
//! and switches), `shadow` and `rmap`, and `mmu`, which puts them together.
//!
//! **Not here.** Instructions, and how a page gets its frame: that is `machine`.

#![forbid(unsafe_code)]

mod area;
mod descent;
mod format;
mod mmu;
mod rmap;
mod shadow;
mod space;
mod tlb;
mod trace;
mod walk;

pub use area::Area;
pub use format::{Access, PagingMode, Permissions, Pte, Root, TABLE_ENTRIES, View};
pub use mmu::{Miss, Mmu, MmuCounts, ShadowEntry, Technique};
pub use shadow::ShadowCounts;
pub use tlb::Tlb;
pub use trace::{Leaf, Step, Trace, Unreadable, leaves, trace};
pub use walk::{Fault, Source, Translation, walk};
