//! The address spaces a hart knows, and what the guest's fences mean for each.
//!
//! **Model.** A *space* is everything cached for one [`Root`]. Mappings of the upper half that the
//! guest marks global are cached once, in a space of their own for the paging mode, so that the
//! kernel's translations outlive every switch; a root with upper mappings that are not global uses
//! its own space for both halves.
//!
//! A fence of everything, or of one ASID, stamps the spaces it concerns: what they hold is *stale*
//! and must be compared with the guest's tables before it is used again. A fence of one address
//! concerns any number of spaces, so it is carried out on those in use and written to a short log;
//! another space reads the log when it is next used, or is stale if the log has moved on too far.
//!
//! **Cost.** A fence of one address and a switch to a known space are O(1).

use crate::format::{PagingMode, Root};
use addr::{Gfn, Gva, PAGE_SHIFT};
use rustc_hash::{FxHashMap, FxHashSet};

/// Spaces kept; the one used longest ago makes room.
const KEPT: usize = 256;
/// Fences of one address that are remembered.
const LOG: usize = 64;
/// Large leaves that a space notes. Bounded, since the guest decides how many there are: 16 GiB of
/// 2 MiB leaves.
const LARGE: usize = 8192;
/// Levels above the one of 4 KiB leaves and the one of 2 MiB leaves.
const HUGE: std::ops::Range<u32> = 2..5;
/// The table of no root: stands for the global mappings of a mode.
const GLOBAL: Gfn = Gfn(u64::MAX);

/// Names a space while it is kept.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Hash)]
pub(crate) struct SpaceId(pub(crate) u32);

pub(crate) struct Space {
    pub(crate) root: Root,
    /// Its slot in the TLB; `None` until it is used, and after all its entries had to go.
    pub(crate) slot: Option<u16>,
    /// What was derived before this moment is stale.
    pub(crate) fenced: u64,
    /// Fences of one address up to this one are carried out.
    log_read: u64,
    /// Whether the upper half is served by the mode's global space.
    pub(crate) upper_is_global: bool,
    /// The leaves larger than a page of which it may hold parts: their levels and numbers.
    large: FxHashSet<(u32, u64)>,
    /// Whether there are more of them than are noted.
    more_large: bool,
    used: u64,
}

/// What a fence of one address concerns in a space.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Extent {
    /// One page.
    Page,
    /// The 2 MiB around it, which a single leaf translated.
    Run,
    /// Anything: parts of a larger leaf may stand wherever it reaches.
    Space,
}

impl Space {
    /// Notes that parts of the leaf of `level` around `gva` are cached from now on.
    pub(crate) fn note_large(&mut self, level: u32, gva: Gva) {
        let leaf = number(level, gva);
        if self.large.len() < LARGE || self.large.contains(&leaf) {
            self.large.insert(leaf);
        } else {
            self.more_large = true;
        }
    }

    /// What a fence of `gva` concerns. The caller carries it out: then nothing of a run of 2 MiB is
    /// cached any more.
    pub(crate) fn take_extent(&mut self, gva: Gva) -> Extent {
        let huge = |level| self.large.contains(&number(level, gva));
        if self.more_large || (!self.large.is_empty() && HUGE.into_iter().any(huge)) {
            Extent::Space
        } else if self.large.remove(&number(1, gva)) {
            Extent::Run
        } else {
            Extent::Page
        }
    }
}

/// A leaf's level, and its place among those of its level.
const fn number(level: u32, gva: Gva) -> (u32, u64) {
    (level, gva.0 >> (PAGE_SHIFT + 9 * level))
}

pub(crate) struct Spaces {
    kept: Vec<Space>,
    by_root: FxHashMap<Root, SpaceId>,
    /// Counts fences and switches: the time that stamps are in.
    clock: u64,
    log: [Gva; LOG],
    logged: u64,
}

/// A space that serves an address, with what its shadow tables must live up to.
#[derive(Clone, Copy)]
pub(crate) struct Serving {
    pub(crate) id: SpaceId,
    /// The space's last fence: tables derived before are stale.
    pub(crate) fenced: u64,
    /// Whether only what the guest marks global belongs in it.
    pub(crate) global: bool,
}

/// What a space missed while it was not in use.
pub(crate) enum Missed {
    Nothing,
    Pages(Vec<Gva>),
    Everything,
}

impl Spaces {
    pub(crate) fn new() -> Self {
        Self { kept: Vec::new(), by_root: FxHashMap::default(), clock: 0, log: [Gva(0); LOG], logged: 0 }
    }

    pub(crate) fn get(&self, id: SpaceId) -> &Space {
        &self.kept[id.0 as usize]
    }

    pub(crate) fn get_mut(&mut self, id: SpaceId) -> &mut Space {
        &mut self.kept[id.0 as usize]
    }

    pub(crate) fn iter_mut(&mut self) -> impl Iterator<Item = (SpaceId, &mut Space)> {
        self.kept.iter_mut().enumerate().map(|(index, space)| (SpaceId(index as u32), space))
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = (SpaceId, &Space)> {
        self.kept.iter().enumerate().map(|(index, space)| (SpaceId(index as u32), space))
    }

    fn tick(&mut self) -> u64 {
        self.clock += 1;
        self.clock
    }

    /// The root that stands for the global mappings of `mode`.
    pub(crate) fn global_root(mode: PagingMode) -> Root {
        Root { mode, asid: 0, table: GLOBAL }
    }

    pub(crate) fn is_global(root: &Root) -> bool {
        root.table == GLOBAL
    }

    /// The space for shadow tables to serve from.
    pub(crate) fn serving(&self, id: SpaceId) -> Serving {
        let space = self.get(id);
        Serving { id, fenced: space.fenced, global: Self::is_global(&space.root) }
    }

    /// The space of `root`, new if need be. The second value is a space that had to make room,
    /// whose id the new one has: what is cached for it must go. Spaces in `keep` stay.
    pub(crate) fn find(&mut self, root: Root, keep: [SpaceId; 2]) -> (SpaceId, bool) {
        let now = self.tick();
        if let Some(&id) = self.by_root.get(&root) {
            self.get_mut(id).used = now;
            return (id, false);
        }
        let space = Space {
            root,
            slot: None,
            fenced: now,
            log_read: self.logged,
            upper_is_global: root.mode != PagingMode::Bare && !Self::is_global(&root),
            large: FxHashSet::default(),
            more_large: false,
            used: now,
        };
        if self.kept.len() < KEPT {
            let id = SpaceId(self.kept.len() as u32);
            self.kept.push(space);
            self.by_root.insert(root, id);
            return (id, false);
        }
        let oldest = self
            .iter()
            .filter(|(id, space)| !keep.contains(id) && !Self::is_global(&space.root))
            .min_by_key(|(_, space)| space.used)
            .map(|(id, _)| id)
            .expect("more spaces are kept than are in use");
        let old = std::mem::replace(self.get_mut(oldest), space);
        self.by_root.remove(&old.root);
        self.by_root.insert(root, oldest);
        (oldest, true)
    }

    /// What `id` missed since it was last in use; from now on it has missed nothing.
    pub(crate) fn catch_up(&mut self, id: SpaceId) -> Missed {
        let read = std::mem::replace(&mut self.kept[id.0 as usize].log_read, self.logged);
        match self.logged - read {
            0 => Missed::Nothing,
            missed if missed as usize <= LOG => {
                Missed::Pages((read..self.logged).map(|entry| self.log[entry as usize % LOG]).collect())
            }
            _ => Missed::Everything,
        }
    }

    /// Notes a fence of one address that `in_use` carry out at once.
    pub(crate) fn log_page(&mut self, gva: Gva, in_use: [SpaceId; 2]) {
        for id in in_use {
            debug_assert_eq!(self.get(id).log_read, self.logged, "spaces in use have caught up");
        }
        self.log[self.logged as usize % LOG] = gva;
        self.logged += 1;
        for id in in_use {
            self.get_mut(id).log_read = self.logged;
        }
    }

    /// How many spaces have this ASID, global ones aside.
    pub(crate) fn count_of(&self, asid: u16) -> usize {
        self.kept.iter().filter(|space| space.root.asid == asid && !Self::is_global(&space.root)).count()
    }

    /// Makes everything a space holds stale.
    pub(crate) fn fence(&mut self, id: SpaceId) {
        let now = self.tick();
        let space = self.get_mut(id);
        space.fenced = now;
        space.slot = None;
    }

    /// Makes everything stale that every space selected by `concerned` holds.
    pub(crate) fn fence_where(&mut self, concerned: impl Fn(&Root) -> bool) {
        let now = self.tick();
        for space in self.kept.iter_mut().filter(|space| concerned(&space.root)) {
            space.fenced = now;
            space.slot = None;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn space() -> Space {
        let mut spaces = Spaces::new();
        spaces.find(Root { mode: PagingMode::Sv57, asid: 1, table: Gfn(1) }, [SpaceId(0); 2]);
        spaces.kept.remove(0)
    }

    #[test]
    fn a_fence_concerns_the_leaf_around_its_address() {
        let mut space = space();
        space.note_large(1, Gva(0x20_0000));
        space.note_large(2, Gva(0x4000_0000));
        assert_eq!(space.take_extent(Gva(0x1f_f000)), Extent::Page);
        assert_eq!(space.take_extent(Gva(0x3f_f000)), Extent::Run);
        assert_eq!(space.take_extent(Gva(0x3f_f000)), Extent::Page, "carried out");
        for _ in 0..2 {
            assert_eq!(space.take_extent(Gva(0x7fff_f000)), Extent::Space, "shadows of it may be kept");
        }
        assert_eq!(space.take_extent(Gva(0x8000_0000)), Extent::Page);
    }

    #[test]
    fn a_guest_cannot_make_the_host_note_ever_more_leaves() {
        let mut space = space();
        for leaf in 0..3 * LARGE as u64 {
            assert_eq!(space.take_extent(Gva(u64::MAX)) == Extent::Space, leaf > LARGE as u64);
            space.note_large(1, Gva(leaf << 21));
        }
        assert_eq!(space.large.len(), LARGE);
        assert_eq!(
            space.take_extent(Gva(2 * LARGE as u64 * 0x20_0000)),
            Extent::Space,
            "not noted, not lost"
        );
    }
}
