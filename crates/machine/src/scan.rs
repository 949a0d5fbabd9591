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

use crate::frame::Holds;
use crate::pages::passage::{Batch, Because, Passage, Quiet};
use crate::pages::state::PageState;
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

/// What a page of a batch is there for.
#[derive(Clone, Copy)]
enum Role {
    /// For what it promised.
    Candidate(Promise),
    /// As the twin of the candidate before it.
    Twin,
}

impl VmMemory {
    /// Looks at the next `pages` pages, going round and round.
    pub fn scan(&self, pages: PageCount, peers: Peers<'_>) -> Scanned {
        let mut report = Scanned::default();
        let mut promising: Vec<(Gfn, Promise)> = Vec::with_capacity(BATCH);
        for _ in 0..pages.0.min(self.pmap().size().0) {
            let gfn = self.pmap().page(self.scan_hand.fetch_add(1, Ordering::Relaxed));
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
        let Some((PageState::Private(mfn), false)) = self.pmap().state(gfn) else { return None };
        let frame = self.pool.frame(mfn);
        self.pages.counts().scanned_bytes.add(PAGE_SIZE);
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
        let mut batch = Batch::new(&self.pages);
        for (gfn, promise) in promising.drain(..) {
            let Some(passage) = self.pages.begin_private(gfn) else { continue };
            batch.add(passage, Role::Candidate(promise));
            if let Promise::Twin(_, vm, gfn, seen) = promise
                && vm == self.id
                && let Some(twin) = self.begin_twin(gfn, seen)
            {
                batch.add(twin, Role::Twin);
            }
        }
        let mut quiet = batch.quiesce().peekable();
        while let Some((page, role)) = quiet.next() {
            let Role::Candidate(promise) = role else { unreachable!("twins follow their candidates") };
            let own_twin = quiet.next_if(|(_, role)| matches!(role, Role::Twin)).map(|(twin, _)| twin);
            self.keep(page, promise, own_twin, peers, report);
        }
    }

    /// Takes the page that was seen in a frame into passage, if it still is there.
    fn begin_twin(&self, gfn: Gfn, seen: Mfn) -> Option<Passage<'_>> {
        self.pages.begin_private(gfn).filter(|twin| twin.was().frame() == Some(seen))
    }

    fn keep(
        &self,
        page: Quiet<'_>,
        promise: Promise,
        own_twin: Option<Quiet<'_>>,
        peers: Peers<'_>,
        report: &mut Scanned,
    ) {
        match (promise, own_twin) {
            (Promise::Zeros, _) => {
                if page.content().is_zero() {
                    self.become_zero(page);
                    report.zeroed += 1;
                }
            }
            (Promise::Twin(hash, ..), Some(twin)) => report.shared += self.unite(hash, page, (self, twin)),
            (Promise::Twin(hash, vm, gfn, seen), None) if vm != self.id => {
                let Some(peer) = peers(vm).filter(|peer| peer.group == self.group) else { return };
                let Some(twin) = peer.begin_twin(gfn, seen) else { return };
                report.shared += self.unite(hash, page, (&peer, twin.quiesce()));
            }
            // A twin may be in passage too, as one of a batch of equal pages, and be shared by now.
            (Promise::Shared(hash) | Promise::Twin(hash, ..), _) => {
                report.shared += u64::from(self.join(page, hash).is_none());
            }
        }
    }

    /// A private page that holds zeros becomes a zero page.
    pub(crate) fn become_zero(&self, page: Quiet<'_>) {
        let mfn = page.mfn();
        let _section = self.section();
        self.pages.counts().zeroed.add(1);
        page.end(PageState::Zero(self.pool.zero()), Because::Managed);
        self.pool.frames().release(mfn);
    }

    /// A private page joins the shared frame with the same content, or is given back where there is none.
    pub(crate) fn join<'a>(&self, page: Quiet<'a>, hash: Hash) -> Option<Quiet<'a>> {
        let mfn = page.mfn();
        let _section = self.section();
        let Some(shared) = self.pool.join_shared(hash, self.group, mfn) else { return Some(page) };
        self.pages.counts().shared.add(1);
        page.end(PageState::Shared(shared), Because::Managed);
        self.pool.frames().release(mfn);
        None
    }

    /// Two private pages, seen to be equal, share the twin's frame if they are.
    fn unite(&self, hash: Hash, page: Quiet<'_>, (peer, twin): (&Self, Quiet<'_>)) -> u64 {
        let (mfn, shared) = (page.mfn(), twin.mfn());
        if !page.content().equals(twin.content()) || self.hash_of(shared) != hash {
            return 0;
        }
        let _sections = (self.section(), peer.section());
        self.pool.make_shared(hash, self.group, shared, 2);
        self.pages.counts().shared.add(1);
        peer.pages.counts().shared.add(1);
        twin.end(PageState::Shared(shared), Because::Managed);
        page.end(PageState::Shared(shared), Because::Managed);
        self.pool.frames().release(mfn);
        2
    }
}
