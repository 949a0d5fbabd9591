//! Looking for pages with equal content, and having them share a frame.
//!
//! **Model.** Private pages are read while the VM runs, one after the other. A page of zeros goes to the
//! frame of zeros. One whose hash a shared frame has joins that; one whose hash was seen in another
//! private frame is made to share with it; for any other the hash is kept as a hint. What was only
//! seen in passing is taken into passage, and compared, before anything is shared.
//!
//! **Invariants.** INV-3.
//!
//! **Concurrency.** A page of another VM is taken into passage while ones of this are: neither is
//! waited for, so two scans may cross.
//!
//! **Cost.** Most pages cost one hash. Translations are taken away for a batch of pages at once.

use crate::entry::PageState;
use crate::frame::Holds;
use crate::passage::{Because, Passage};
use crate::pool::Page;
use crate::share::Hash;
use crate::vm_memory::VmMemory;
use addr::{Gfn, Mfn, PAGE_SIZE, PageCount, VmId};
use std::sync::Arc;
use std::sync::atomic::Ordering;

/// How many pages are taken away from the processors at once.
const BATCH: usize = 128;

/// Finds the memory of another VM on the same pool.
pub type Peers<'a> = &'a dyn Fn(VmId) -> Option<Arc<VmMemory>>;

/// What a scan did.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Scanned {
    /// Pages looked at.
    pub pages: u64,
    /// Pages that are zero pages now.
    pub zeroed: u64,
    /// Pages that share a frame now, those among them that were waiting in a private frame.
    pub shared: u64,
}

/// What a page seen in passing may be.
#[derive(Clone, Copy)]
enum Promise {
    /// All zeros.
    Zeros,
    /// Equal to a shared frame.
    Shared(Hash),
    /// Equal to a private frame of this VM or another.
    Twin(Hash, VmId, Gfn, Mfn),
}

/// A page in passage with what it promised, and its twin if that is this VM's own.
struct Candidate<'a> {
    passage: Passage<'a>,
    mfn: Mfn,
    promise: Promise,
    own_twin: Option<Passage<'a>>,
}

impl VmMemory {
    /// Looks at the next `pages` pages, going round and round.
    pub fn scan(&self, pages: PageCount, peers: Peers<'_>) -> Scanned {
        let mut report = Scanned::default();
        let mut promising: Vec<(Gfn, Promise)> = Vec::with_capacity(BATCH);
        for _ in 0..pages.0.min(self.pmap.size().0) {
            let gfn = self.pmap.page(self.scan_hand.fetch_add(1, Ordering::Relaxed));
            report.pages += 1;
            promising.extend(self.glance(gfn).map(|promise| (gfn, promise)));
            if promising.len() == BATCH {
                self.keep_promises(&mut promising, peers, &mut report);
            }
        }
        self.keep_promises(&mut promising, peers, &mut report);
        report
    }

    /// Looks at a page in passing: anything may happen to it meanwhile.
    fn glance(&self, gfn: Gfn) -> Option<Promise> {
        let Some((PageState::Private(mfn), false)) = self.pmap.state(gfn) else { return None };
        let frame = self.pool.frame(mfn);
        self.counts.scanned_bytes.add(PAGE_SIZE);
        if frame.is_zero() {
            return Some(Promise::Zeros);
        }
        let hash = self.hash_of(mfn);
        if self.pool.may_join(hash, self.group, mfn) {
            return Some(Promise::Shared(hash));
        }
        if let Some(seen) = self.pool.share().hint(hash).filter(|&seen| seen != mfn)
            && let Holds::Page(vm, gfn) = self.pool.holds(seen)
            && self.hash_of(seen) == hash
        {
            return Some(Promise::Twin(hash, vm, gfn, seen));
        }
        self.pool.share().set_hint(hash, mfn);
        None
    }

    pub(crate) fn hash_of(&self, mfn: Mfn) -> Hash {
        let mut page: Page = [0; PAGE_SIZE as usize];
        self.pool.frame(mfn).read(&mut page);
        Hash::of(&page, self.group)
    }

    fn keep_promises(&self, promising: &mut Vec<(Gfn, Promise)>, peers: Peers<'_>, report: &mut Scanned) {
        let mut candidates: Vec<Candidate<'_>> = Vec::with_capacity(promising.len());
        let mut taken: Vec<(Gfn, Mfn)> = Vec::with_capacity(2 * promising.len());
        for (gfn, promise) in promising.drain(..) {
            let Some((passage, mfn)) = self.begin_private(gfn) else { continue };
            taken.push((gfn, mfn));
            let own_twin = match promise {
                Promise::Twin(_, vm, gfn, twin) if vm == self.id => self.begin_twin(gfn, twin),
                _ => None,
            };
            taken.extend(own_twin.iter().filter_map(|twin| Some((twin.gfn(), twin.was().frame()?))));
            candidates.push(Candidate { passage, mfn, promise, own_twin });
        }
        self.take_away(&taken);
        for candidate in candidates {
            self.keep(candidate, peers, report);
        }
    }

    /// Takes the page that was seen in a frame into passage, if it still is there.
    fn begin_twin(&self, gfn: Gfn, seen: Mfn) -> Option<Passage<'_>> {
        self.begin_private(gfn).filter(|(_, mfn)| *mfn == seen).map(|(passage, _)| passage)
    }

    fn keep(&self, candidate: Candidate<'_>, peers: Peers<'_>, report: &mut Scanned) {
        let Candidate { passage, mfn, promise, own_twin } = candidate;
        match promise {
            Promise::Zeros => {
                if self.pool.frame(mfn).is_zero() {
                    self.become_zero(passage, mfn);
                    report.zeroed += 1;
                }
            }
            Promise::Twin(hash, _, _, twin) if own_twin.is_some() => {
                let other = own_twin.expect("just seen");
                report.shared += self.unite(hash, (passage, mfn), (self, other, twin));
            }
            Promise::Twin(hash, vm, gfn, twin) if vm != self.id => {
                let Some(peer) = peers(vm).filter(|peer| peer.group == self.group) else { return };
                let Some(other) = peer.begin_twin(gfn, twin) else { return };
                peer.take_away(&[(gfn, twin)]);
                report.shared += self.unite(hash, (passage, mfn), (&peer, other, twin));
            }
            // A twin may be in passage too, as one of a batch of equal pages, and be shared by now.
            Promise::Shared(hash) | Promise::Twin(hash, ..) => {
                report.shared += u64::from(self.join(passage, mfn, hash).is_none());
            }
        }
    }

    /// A private page in passage that holds zeros becomes a zero page.
    pub(crate) fn become_zero(&self, passage: Passage<'_>, mfn: Mfn) {
        let _section = self.section();
        self.counts.zeroed.add(1);
        passage.end(PageState::Zero(self.pool.zero()), Because::Managed);
        self.pool.frames().release(mfn);
    }

    /// A private page in passage joins the shared frame with the same content, or is given back
    /// where there is none.
    pub(crate) fn join<'a>(&self, passage: Passage<'a>, mfn: Mfn, hash: Hash) -> Option<Passage<'a>> {
        let _section = self.section();
        let Some(shared) = self.pool.join_shared(hash, self.group, mfn) else { return Some(passage) };
        self.counts.shared.add(1);
        passage.end(PageState::Shared(shared), Because::Managed);
        self.pool.frames().release(mfn);
        None
    }

    /// Two private pages in passage, seen to be equal, share the other's frame if they are.
    fn unite(
        &self,
        hash: Hash,
        (passage, mfn): (Passage<'_>, Mfn),
        (peer, other, twin): (&Self, Passage<'_>, Mfn),
    ) -> u64 {
        if !self.pool.frame(mfn).equals(self.pool.frame(twin)) || self.hash_of(twin) != hash {
            return 0;
        }
        let _sections = (self.section(), peer.section());
        self.pool.make_shared(hash, self.group, twin, 2);
        self.counts.shared.add(1);
        peer.counts.shared.add(1);
        other.end(PageState::Shared(twin), Because::Managed);
        passage.end(PageState::Shared(twin), Because::Managed);
        self.pool.frames().release(mfn);
        2
    }
}
