//! How a VM's memory is mapped: one address, or a picture's worth of it.

use super::statistics::Pages;
use super::{Hex, technique_name};
use crate::inspect::Guest;
use addr::Gva;
use machine::PageState;
use mmu::{Access, PagingMode, Permissions, Pte, Root, Step, Unreadable, View};
use serde::{Deserialize, Serialize};
use std::fmt;
use utoipa::ToSchema;
use vm::AddressMap;

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

impl From<Root> for Space {
    fn from(root: Root) -> Self {
        let mode = match root.mode {
            PagingMode::Bare => "bare",
            PagingMode::Sv39 => "sv39",
            PagingMode::Sv48 => "sv48",
            PagingMode::Sv57 => "sv57",
        };
        Self { mode: mode.to_owned(), asid: root.asid, root_table_gfn: Hex(root.table.0) }
    }
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

impl Agreement {
    fn of(address: &AddressMap) -> Self {
        match (address.agrees(), address.shadow) {
            (Some(true), _) => Self::Agree,
            (Some(false), _) => Self::Disagree,
            (None, Some(_)) => Self::Stale,
            (None, None) => Self::NothingToCompare,
        }
    }
}

impl Address {
    pub(crate) fn new(guest: &Guest, cpu: usize, gva: Gva) -> Self {
        let address = guest.vm.map_address(cpu, gva);
        Self {
            name: guest.vm.name().to_owned(),
            cpu,
            technique: technique_name(address.technique).to_owned(),
            space: address.root.into(),
            gva: Hex(gva.0),
            canonical: address.is_canonical,
            walk: address.steps.iter().map(WalkStep::from).collect(),
            gpa: address.gpa.map(|gpa| Hex(gpa.0)),
            page: address.gpa.zip(address.state).map(|(gpa, (state, in_passage))| Page {
                gfn: Hex(addr::Gfn::containing(gpa).0),
                state: state.into(),
                in_passage,
                mfn: address.mfn().map(|mfn| Hex(mfn.0)),
            }),
            machine: address.mfn().map(|mfn| Hex(mfn.base().wrapping_add(gva.page_offset()).0)),
            shadow: address.shadow.map(|entry| Shadow {
                gfn: Hex(entry.gfn.0),
                mfn: Hex(entry.mfn.0),
                permissions: permission_letters(entry.permissions),
                writes_pass: entry.dirty,
                stale: entry.stale,
                global: entry.root.is_none(),
            }),
            agreement: Agreement::of(&address),
        }
    }
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

impl From<PageState> for PageStateName {
    fn from(state: PageState) -> Self {
        match state {
            PageState::Untouched => Self::Untouched,
            PageState::Private(_) => Self::Private,
            PageState::Shared(_) => Self::Shared,
            PageState::Zero(_) => Self::Zero,
            PageState::Ballooned { .. } => Self::Ballooned,
            PageState::Compressed(_) => Self::Compressed,
            PageState::Swapped(_) => Self::Swapped,
        }
    }
}

impl From<&Step> for WalkStep {
    fn from(step: &Step) -> Self {
        let meaning = match step.entry {
            Ok(_) if step.is_misaligned() => {
                "a leaf that is not aligned to its size: the walk ends in a page fault".to_owned()
            }
            Ok(pte) => meaning(pte, step.level),
            Err(why) => unreadable(why).to_owned(),
        };
        Self {
            level: step.level,
            table_gfn: Hex(step.table.0),
            index: step.index,
            entry: step.entry.ok().map(|pte| Hex(pte.0)),
            letters: step.entry.ok().map(entry_letters),
            meaning,
        }
    }
}

/// Why a table cannot be read, and what a use of it would find.
const fn unreadable(why: Unreadable) -> &'static str {
    match why {
        Unreadable::NotMemory => "the table is not in memory: the walk ends in an access fault",
        Unreadable::Page { in_passage: true, .. } => {
            "the table's page is on its way to another state or frame: ask again"
        }
        Unreadable::Page { state, .. } => match state {
            PageState::Untouched => {
                "the table's page is untouched: all its entries read as zero, and the walk ends in a page fault"
            }
            PageState::Ballooned { .. } => {
                "the table's page is in the guest's balloon: all its entries read as zero, and the walk ends in a page fault"
            }
            PageState::Compressed(_) => {
                "the table's page is compressed: its entries are not known until it is used"
            }
            PageState::Swapped(_) => {
                "the table's page is swapped: its entries are not known until it is used"
            }
            PageState::Private(_) | PageState::Shared(_) | PageState::Zero(_) => {
                "the table's page changed its state just now: ask again"
            }
        },
    }
}

fn meaning(pte: Pte, level: u32) -> String {
    let gfn = Hex(pte.gfn().0);
    match pte {
        _ if !pte.has(Pte::V) => "not valid: the walk ends in a page fault".to_owned(),
        _ if !pte.is_well_formed() => "reserved bits are set: the walk ends in a page fault".to_owned(),
        _ if !pte.is_leaf() && level == 0 => {
            "a table where a page should be: the walk ends in a page fault".to_owned()
        }
        _ if !pte.is_leaf() => format!("next table at gfn {gfn}"),
        _ if level == 0 => format!("page at gfn {gfn}"),
        _ => format!("{} of pages from gfn {gfn}", addr::PageCount(1 << (9 * level)).bytes()),
    }
}

/// D, A, G, U, X, W, R and V, a dash where a bit is clear.
fn entry_letters(pte: Pte) -> String {
    let bits = [
        (Pte::D, 'd'),
        (Pte::A, 'a'),
        (Pte::G, 'g'),
        (Pte::U, 'u'),
        (Pte::X, 'x'),
        (Pte::W, 'w'),
        (Pte::R, 'r'),
        (Pte::V, 'v'),
    ];
    bits.iter().map(|&(bit, letter)| if pte.has(bit) { letter } else { '-' }).collect()
}

/// r, w, x and u, a dash where something is not permitted.
fn permission_letters(permissions: Permissions) -> String {
    let accesses = [(Access::Load, 'r'), (Access::Store, 'w'), (Access::Fetch, 'x')];
    let seen = |user| {
        let view = View { user, ..View::default() };
        accesses.map(|(access, letter)| if permissions.permits(access, view) { letter } else { '-' })
    };
    let (user, supervisor) = (seen(true), seen(false));
    let (letters, last) = if user == ['-'; 3] { (supervisor, '-') } else { (user, 'u') };
    letters.into_iter().chain([last]).collect()
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

impl Map {
    pub(crate) fn new(guest: &Guest, cpu: usize, pages: usize) -> Self {
        let map = guest.vm.map(cpu, pages);
        let memory = guest.vm.memory();
        let mapped = |page: &vm::Mapped| Mapped {
            gva: Hex(page.gva.0),
            gfn: Hex(page.gfn.0),
            mfn: page.mfn.map(|mfn| Hex(mfn.0)),
            permissions: permission_letters(page.permissions),
            shadowed: page.shadowed,
        };
        Self {
            name: map.name,
            cpu,
            technique: technique_name(map.technique).to_owned(),
            space: map.root.into(),
            pages: map.pages.into(),
            first_gfn: Hex(memory.pmap().first().0),
            guest_frames: memory.pmap().size().0,
            pool_frames: map.pool_frames,
            mapped_pages: map.mapped_total,
            shadow_entries: map.shadow_entries,
            sample: map.mapped.iter().map(mapped).collect(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use addr::{Gfn, PageCount};
    use machine::{Backing, Pool, ShareGroup, Stores, SwapFile, Use, VmId, VmMemory};

    fn text(level: u32, entry: Result<Pte, Unreadable>) -> String {
        WalkStep::from(&Step { level, table: Gfn(3), index: 0, entry }).meaning
    }

    #[test]
    fn each_state_of_a_table_that_cannot_be_read_has_its_text() {
        let dir = tempfile::tempdir().unwrap();
        let pool = Pool::new(PageCount(32).bytes()).unwrap();
        let swap = SwapFile::create(dir.path(), PageCount(16)).unwrap();
        let stores = Stores::new(PageCount(0), Some(swap));
        let backing = Backing { reservation: PageCount(0), group: ShareGroup(1), stores };
        let memory = VmMemory::with_backing(&pool, VmId(1), Gfn(0), PageCount(16), backing).unwrap();
        let state = || memory.pmap().state(Gfn(0)).unwrap().0;
        let told = |part: &str| {
            let text = text(0, Err(Unreadable::Page { state: state(), in_passage: false }));
            assert!(text.contains(part), "{:?}: {text}", state());
        };
        told("is untouched: all its entries read as zero, and the walk ends in a page fault");
        memory.inflate(&[Gfn(0)]);
        told("is in the guest's balloon: all its entries read as zero");
        memory.resolve(Gfn(0), Use::Read).unwrap();
        told("changed its state just now: ask again");
        memory.write(Gfn(0).base(), &[1; 8]).unwrap();
        told("changed its state just now: ask again");
        memory.reclaim(PageCount(1));
        told("is swapped: its entries are not known until it is used");
        memory.resolve(Gfn(0), Use::Read).unwrap();
        memory.set_zip_limit(PageCount(2));
        (1..10).for_each(|gfn| memory.write(Gfn(gfn).base(), &[gfn as u8; 8]).unwrap());
        memory.reclaim(PageCount(9));
        told("is compressed: its entries are not known until it is used");
        let moving = Unreadable::Page { state: state(), in_passage: true };
        assert!(text(0, Err(moving)).contains("on its way to another state or frame"));
        assert!(text(0, Err(Unreadable::NotMemory)).contains("access fault"));
    }

    #[test]
    fn what_an_entry_leads_to_is_told() {
        let leaf = Pte::V | Pte::R | Pte::A;
        assert_eq!(text(0, Ok(Pte(7 << 10 | leaf))), "page at gfn 0x7");
        assert_eq!(text(1, Ok(Pte(512 << 10 | leaf))), "2 MiB of pages from gfn 0x200");
        assert!(text(1, Ok(Pte(7 << 10 | leaf))).contains("not aligned to its size"));
        assert_eq!(text(1, Ok(Pte(7 << 10 | Pte::V))), "next table at gfn 0x7");
        assert!(text(0, Ok(Pte(7 << 10 | Pte::V))).contains("a table where a page should be"));
        assert!(text(2, Ok(Pte(0))).contains("not valid"));
    }
}
