//! Which content is shared already, and which might be: what sharing pages is looked up in.
//!
//! **Model.** Shared frames are found by a hash of their content and group, on chains that run
//! through the frame table. A *hint* is a frame that was seen with a hash but holds a page of its own,
//! which its VM may write at any time: whoever finds it hashes it again.
//!
//! ```text
//!   heads[hash % n] -> frame -> frame -> END      shared: read-only, content fixed
//!   hints[hash % m]  = mfn | 4 bits of the hash   private: only perhaps still the same
//! ```
//!
//! **Invariants.** INV-3: content is compared byte for byte before a page joins a frame, whatever the
//! hash says. Every frame that holds shared pages is on exactly one chain, and counted for its group.
//!
//! **Concurrency.** One lock for the chains, for how many pages a shared frame has and how many frames a
//! group. Hints are single words, lost when another hash wants their place.
//!
//! **Cost.** 5 bytes a frame. Hashing a page takes a third of a microsecond.
//!
//! **Not here.** Taking pages into passage: [`crate::scan`] and [`crate::reclaim`] do.

use crate::frame::{Audit, END, Frames, Holds, ShareGroup};
use crate::pool::{Page, Pool};
use addr::{Mfn, PageCount};
use parking_lot::{Mutex, MutexGuard};
use std::collections::HashMap;
use std::sync::atomic::{AtomicU32, Ordering};
use twox_hash::XxHash3_64;

/// Of how many frames there is one chain.
const FRAMES_PER_HEAD: u64 = 4;
pub(crate) const BYTES_PER_FRAME: u64 = 4 / FRAMES_PER_HEAD + 4;
/// Bits of the hash that a hint keeps.
const TAG_BITS: u32 = 4;

/// A page's content and group, in 64 bits.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Hash(u64);

impl Hash {
    pub(crate) fn of(page: &Page, group: ShareGroup) -> Self {
        #[cfg(test)]
        if COLLIDING.get() {
            return Self(0);
        }
        Self(XxHash3_64::oneshot_with_seed(u64::from(group.0), page))
    }
}

#[cfg(test)]
thread_local! {
    /// Whether all pages have the same hash, on this thread.
    pub(crate) static COLLIDING: std::cell::Cell<bool> = const { std::cell::Cell::new(false) };
}

/// See the module's documentation.
pub(crate) struct ShareTable {
    chains: Mutex<Shared>,
    hints: Box<[AtomicU32]>,
}

/// What is shared, under the lock.
struct Shared {
    heads: Box<[u32]>,
    /// How many frames each group shares, if any.
    groups: HashMap<ShareGroup, u64>,
}

impl ShareTable {
    pub(crate) fn new(frames: PageCount) -> Self {
        let heads = frames.0.div_ceil(FRAMES_PER_HEAD) as usize;
        let heads = vec![END; heads].into_boxed_slice();
        Self {
            chains: Mutex::new(Shared { heads, groups: HashMap::new() }),
            hints: (0..frames.0).map(|_| AtomicU32::new(END)).collect(),
        }
    }

    fn hint_cell(&self, hash: Hash) -> (&AtomicU32, u32) {
        let place = (hash.0 >> 32) % self.hints.len() as u64;
        (&self.hints[place as usize], hash.0 as u32 % (1 << TAG_BITS))
    }

    /// The frame last seen with this hash, if it is remembered. What it holds now is another
    /// question.
    pub(crate) fn hint(&self, hash: Hash) -> Option<Mfn> {
        let (cell, tag) = self.hint_cell(hash);
        let hint = cell.load(Ordering::Relaxed);
        let found = hint != END && hint % (1 << TAG_BITS) == tag;
        found.then_some(Mfn(u64::from(hint >> TAG_BITS)))
    }

    /// Remembers that a private frame was seen with this hash.
    pub(crate) fn set_hint(&self, hash: Hash, mfn: Mfn) {
        let (cell, tag) = self.hint_cell(hash);
        cell.store((mfn.0 as u32) << TAG_BITS | tag, Ordering::Relaxed);
    }
}

/// The chains, locked.
struct Chains<'a> {
    shared: MutexGuard<'a, Shared>,
    frames: &'a Frames,
}

impl Chains<'_> {
    fn head(&mut self, hash: Hash) -> &mut u32 {
        let count = self.shared.heads.len() as u64;
        &mut self.shared.heads[(hash.0 % count) as usize]
    }

    fn push(&mut self, hash: Hash, group: ShareGroup, mfn: Mfn) {
        let head = std::mem::replace(self.head(hash), mfn.0 as u32);
        self.frames.set_next(mfn, head);
        *self.shared.groups.entry(group).or_default() += 1;
    }

    fn remove(&mut self, hash: Hash, group: ShareGroup, mfn: Mfn) {
        let count = self.shared.groups.get_mut(&group).expect("INV-5: a group that shares is counted");
        *count -= 1;
        if *count == 0 {
            self.shared.groups.remove(&group);
        }
        let frames = self.frames;
        let after = frames.next(mfn);
        let wanted = mfn.0 as u32;
        let head = self.head(hash);
        if *head == wanted {
            *head = after;
            return;
        }
        let mut at = *head;
        while at != END {
            let next = frames.next(Mfn(u64::from(at)));
            if next == wanted {
                frames.set_next(Mfn(u64::from(at)), after);
                return;
            }
            at = next;
        }
        unreachable!("INV-5: shared {mfn:?} is on the chain of its content");
    }

    fn on(&mut self, hash: Hash) -> impl Iterator<Item = Mfn> {
        let frames = self.frames;
        let mut at = *self.head(hash);
        std::iter::from_fn(move || {
            let mfn = (at != END).then_some(Mfn(u64::from(at)))?;
            at = frames.next(mfn);
            Some(mfn)
        })
    }
}

impl Pool {
    fn chains(&self) -> Chains<'_> {
        Chains { shared: self.share().chains.lock(), frames: self.frames() }
    }

    fn pages_of(&self, mfn: Mfn) -> (ShareGroup, u32) {
        match self.frames().holds(mfn) {
            Holds::Shared { group, pages } => (group, pages),
            other => unreachable!("INV-5: {mfn:?} is shared, and holds {other:?}"),
        }
    }

    /// Finds a shared frame of the group with the content of `like`, which nobody writes, and
    /// counts one page more in it.
    pub(crate) fn join_shared(&self, hash: Hash, group: ShareGroup, like: Mfn) -> Option<Mfn> {
        let content = self.frame(like);
        let mut chains = self.chains();
        let fits = |mfn: &Mfn| self.pages_of(*mfn).0 == group && self.frame(*mfn).equals(content);
        let mfn = chains.on(hash).find(fits)?;
        let (_, pages) = self.pages_of(mfn);
        self.frames().change(mfn, Holds::Shared { group, pages: pages + 1 });
        Some(mfn)
    }

    /// Whether there is a shared frame of the group with what `like` holds now: worth a passage.
    pub(crate) fn may_join(&self, hash: Hash, group: ShareGroup, like: Mfn) -> bool {
        let content = self.frame(like);
        let fits = |mfn: Mfn| self.pages_of(mfn).0 == group && self.frame(mfn).equals(content);
        self.chains().on(hash).any(fits)
    }

    /// Makes a private frame, whose page is in passage and cannot be written any more, one that
    /// `pages` pages share.
    pub(crate) fn make_shared(&self, hash: Hash, group: ShareGroup, mfn: Mfn, pages: u32) {
        let mut chains = self.chains();
        self.frames().change(mfn, Holds::Shared { group, pages });
        chains.push(hash, group, mfn);
    }

    /// A page leaves its shared frame, which is freed if it was the last.
    pub(crate) fn leave_shared(&self, mfn: Mfn) {
        let mut chains = self.chains();
        let (group, pages) = self.pages_of(mfn);
        if pages > 1 {
            self.frames().change(mfn, Holds::Shared { group, pages: pages - 1 });
        } else {
            chains.remove(self.hash_frame(mfn, group), group, mfn);
            // Under the lock, so that an audit does not find the frame off its chain and shared.
            self.frames().release(mfn);
        }
    }

    /// Gives a shared frame to the only page in it, as `alone` says it holds then; `false` if there
    /// are more.
    pub(crate) fn make_private(&self, mfn: Mfn, alone: Holds) -> bool {
        let mut chains = self.chains();
        let (group, pages) = self.pages_of(mfn);
        if pages > 1 {
            return false;
        }
        chains.remove(self.hash_frame(mfn, group), group, mfn);
        self.frames().change(mfn, alone);
        true
    }

    fn hash_frame(&self, mfn: Mfn, group: ShareGroup) -> Hash {
        let mut page = [0; _];
        self.frame(mfn).read(&mut page);
        Hash::of(&page, group)
    }

    /// How many frames hold pages that a group shares.
    pub fn shared_by(&self, group: ShareGroup) -> PageCount {
        PageCount(self.chains().shared.groups.get(&group).copied().unwrap_or_default())
    }

    /// Checks that the chains hold exactly the shared frames, each on the chain of its content, and each
    /// group's as often as counted.
    pub(crate) fn audit_shared(&self) -> Audit {
        let mut chains = self.chains();
        let mut groups: HashMap<ShareGroup, u64> = HashMap::new();
        let heads = chains.shared.heads.len() as u64;
        for place in 0..heads {
            let found: Vec<Mfn> = chains.on(Hash(place)).take(self.size().0 as usize + 1).collect();
            for &mfn in &found {
                let Holds::Shared { group, pages } = self.frames().holds(mfn) else {
                    return Err(format!("INV-5: {mfn:?} is on a chain of shared frames and is none"));
                };
                if pages == 0 || self.hash_frame(mfn, group).0 % heads != place {
                    return Err(format!("INV-5: {mfn:?} with {pages} pages is on a strange chain"));
                }
                *groups.entry(group).or_default() += 1;
            }
        }
        if groups != chains.shared.groups {
            let counted = &chains.shared.groups;
            return Err(format!("INV-5: groups share {groups:?} frames on chains, {counted:?} by count"));
        }
        let (chained, counted) = (groups.values().sum::<u64>(), self.usage().shared.0);
        if chained == counted {
            Ok(())
        } else {
            Err(format!("INV-5: {counted} frames are shared by count, {chained} on chains"))
        }
    }
}
