//! How a VM's memory is mapped: one address, or a picture's worth of it.

use super::{statistics, technique_name};
use crate::inspect::Guest;
use addr::Gva;
use machine::PageState;
use mmu::{Access, PagingMode, Permissions, Pte, Root, Step, Unreadable, View};
use model::inspect::Hex;
use model::inspect::map::{Address, Agreement, Map, Mapped, Page, PageStateName, Shadow, Space, WalkStep};
use vm::AddressMap;

fn space(root: Root) -> Space {
    let mode = match root.mode {
        PagingMode::Bare => "bare",
        PagingMode::Sv39 => "sv39",
        PagingMode::Sv48 => "sv48",
        PagingMode::Sv57 => "sv57",
    };
    Space { mode: mode.to_owned(), asid: root.asid, root_table_gfn: Hex(root.table.0) }
}

fn agreement(address: &AddressMap) -> Agreement {
    match (address.agrees(), address.shadow) {
        (Some(true), _) => Agreement::Agree,
        (Some(false), _) => Agreement::Disagree,
        (None, Some(_)) => Agreement::Stale,
        (None, None) => Agreement::NothingToCompare,
    }
}

pub(super) fn address(guest: &Guest, cpu: usize, gva: Gva) -> Address {
    let address = guest.vm.map_address(cpu, gva);
    Address {
        name: guest.vm.name().to_owned(),
        cpu,
        technique: technique_name(address.technique).to_owned(),
        space: space(address.root),
        gva: Hex(gva.0),
        canonical: address.is_canonical,
        walk: address.steps.iter().map(walk_step).collect(),
        gpa: address.gpa.map(|gpa| Hex(gpa.0)),
        page: address.gpa.zip(address.state).map(|(gpa, (state, in_passage))| Page {
            gfn: Hex(addr::Gfn::containing(gpa).0),
            state: state_name(state),
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
        agreement: agreement(&address),
    }
}

const fn state_name(state: PageState) -> PageStateName {
    match state {
        PageState::Untouched => PageStateName::Untouched,
        PageState::Private(_) => PageStateName::Private,
        PageState::Shared(_) => PageStateName::Shared,
        PageState::Zero(_) => PageStateName::Zero,
        PageState::Ballooned { .. } => PageStateName::Ballooned,
        PageState::Compressed(_) => PageStateName::Compressed,
        PageState::Swapped(_) => PageStateName::Swapped,
    }
}

fn walk_step(step: &Step) -> WalkStep {
    let meaning = match step.entry {
        Ok(_) if step.is_misaligned() => {
            "a leaf that is not aligned to its size: the walk ends in a page fault".to_owned()
        }
        Ok(pte) => meaning(pte, step.level),
        Err(why) => unreadable(why).to_owned(),
    };
    WalkStep {
        level: step.level,
        table_gfn: Hex(step.table.0),
        index: step.index,
        entry: step.entry.ok().map(|pte| Hex(pte.0)),
        letters: step.entry.ok().map(entry_letters),
        meaning,
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

pub(super) fn map(guest: &Guest, cpu: usize, pages: usize) -> Map {
    let map = guest.vm.map(cpu, pages);
    let memory = guest.vm.memory();
    let mapped = |page: &vm::Mapped| Mapped {
        gva: Hex(page.gva.0),
        gfn: Hex(page.gfn.0),
        mfn: page.mfn.map(|mfn| Hex(mfn.0)),
        permissions: permission_letters(page.permissions),
        shadowed: page.shadowed,
    };
    Map {
        name: map.name,
        cpu,
        technique: technique_name(map.technique).to_owned(),
        space: space(map.root),
        pages: statistics::pages(map.pages),
        first_gfn: Hex(memory.pmap().first().0),
        guest_frames: memory.pmap().size().0,
        pool_frames: map.pool_frames,
        mapped_pages: map.mapped_total,
        shadow_entries: map.shadow_entries,
        sample: map.mapped.iter().map(mapped).collect(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use addr::{Gfn, PageCount, VmId};
    use machine::{Backing, Pool, ShareGroup, Stores, SwapFile, Use, VmMemory};

    fn text(level: u32, entry: Result<Pte, Unreadable>) -> String {
        walk_step(&Step { level, table: Gfn(3), index: 0, entry }).meaning
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
