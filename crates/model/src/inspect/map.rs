//! How a VM's memory is mapped: one address, or a picture's worth of it.

use super::Hex;
use super::statistics::Pages;
use serde::{Deserialize, Serialize};
use std::fmt;
use utoipa::ToSchema;

/// An address space of the guest.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Space {
    /// bare, sv39, sv48, sv57.
    pub mode: String,
    /// The address space's number.
    pub asid: u16,
    /// The page of the top-level table.
    pub root_table_gfn: Hex,
}

/// One guest virtual address, from the guest's tables to the machine frame.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
pub struct Address {
    /// The VM.
    pub name: String,
    /// The vCPU.
    pub cpu: usize,
    /// software, hardware.
    pub technique: String,
    /// The address space it used.
    pub space: Space,
    /// The address asked about.
    pub gva: Hex,
    /// Whether the address is one of the mode's: the upper bits of others are not copies of the highest that counts, and using them is
    /// a fault whatever the tables say.
    pub canonical: bool,
    /// The guest's page tables, level by level; empty without translation, and for an address that is not canonical.
    pub walk: Vec<WalkStep>,
    /// Where they lead; null if nowhere.
    pub gpa: Option<Hex>,
    /// What the guest page is in the pmap; null if it is no memory.
    pub page: Option<Page>,
    /// The machine address; null without a frame.
    pub machine: Option<Hex>,
    /// The shadow entry; null if there is none.
    pub shadow: Option<Shadow>,
    /// Whether walk, pmap and shadow agree.
    pub agreement: Agreement,
}

/// One level of the guest's walk.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
pub struct WalkStep {
    /// Of the table; 0 is the last.
    pub level: u32,
    /// The table's page.
    pub table_gfn: Hex,
    /// Of the entry in the table.
    pub index: u64,
    /// Null if the table cannot be read.
    pub entry: Option<Hex>,
    /// The entry's bits as letters, `dagu-xwrv` in the manual's order of significance.
    pub letters: Option<String>,
    /// The entry in words.
    pub meaning: String,
}

/// A guest page.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
pub struct Page {
    /// Its number.
    pub gfn: Hex,
    /// What it is.
    pub state: PageStateName,
    /// Whether it is changing its state or frame right now.
    pub in_passage: bool,
    /// Its frame; null if it has none.
    pub mfn: Option<Hex>,
}

/// What a guest page is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "kebab-case")]
#[schema(as = PageState)]
pub enum PageStateName {
    /// Never used, or given back by the guest.
    Untouched,
    /// In a frame of its own.
    Private,
    /// In a frame with equal pages.
    Shared,
    /// All zeros, in the frame of zeros.
    Zero,
    /// In the guest's balloon.
    Ballooned,
    /// Compressed.
    Compressed,
    /// In the swap file.
    Swapped,
}

/// A shadow entry.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
pub struct Shadow {
    /// The guest page it was derived for.
    pub gfn: Hex,
    /// The frame it leads to.
    pub mfn: Hex,
    /// r, w, x and u, a dash where something is not permitted.
    pub permissions: String,
    /// Whether writes go through without the VMM.
    pub writes_pass: bool,
    /// Whether a fence came since, so that it is compared before use.
    pub stale: bool,
    /// Whether it serves every address space.
    pub global: bool,
}

/// How the shadow entry compares with the guest's walk and the pmap.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Agreement {
    /// The shadow entry leads where walk and pmap lead.
    Agree,
    /// It does not: right only between a guest's change and its fence.
    Disagree,
    /// There is no shadow entry.
    NothingToCompare,
    /// There is one, to be compared before use.
    Stale,
}

impl fmt::Display for PageStateName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Untouched => "untouched",
            Self::Private => "private",
            Self::Shared => "shared",
            Self::Zero => "zero",
            Self::Ballooned => "ballooned",
            Self::Compressed => "compressed",
            Self::Swapped => "swapped",
        })
    }
}

/// A VM's memory: what its pages are, and some of the pages mapped in one address space.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
pub struct Map {
    /// The VM.
    pub name: String,
    /// The vCPU.
    pub cpu: usize,
    /// software, hardware.
    pub technique: String,
    /// The address space it used.
    pub space: Space,
    /// What all of the VM's pages are.
    pub pages: Pages,
    /// The guest's memory: its first page, and how many there are.
    pub first_gfn: Hex,
    /// How many pages the guest's memory has.
    pub guest_frames: u64,
    /// How many frames the pool has.
    pub pool_frames: u64,
    /// How many pages the guest maps in this address space.
    pub mapped_pages: usize,
    /// Shadow entries of this vCPU, for all its address spaces.
    pub shadow_entries: usize,
    /// Some of these pages, spread over the address space, in order of address.
    pub sample: Vec<Mapped>,
}

/// A mapped page.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
pub struct Mapped {
    /// Its address.
    pub gva: Hex,
    /// Its guest page.
    pub gfn: Hex,
    /// Null while the page has no frame.
    pub mfn: Option<Hex>,
    /// r, w, x and u, a dash where something is not permitted.
    pub permissions: String,
    /// Whether a shadow entry leads straight from gva to frame.
    pub shadowed: bool,
}
