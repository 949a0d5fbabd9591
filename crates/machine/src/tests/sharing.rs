//! What may mislead those who look for equal pages: equal hashes of pages that are not, pages of other groups, and
//! pages that are written between being seen and being taken.

use super::faults::within_a_minute;
use super::overcommit::{audit_sharing, pattern, vm};
use super::{FIRST, pool};
use crate::share::COLLIDING;
use crate::{PageState, ShootDown, Use, VmMemory};
use addr::{Gfn, Mfn, PageCount, VmId};
use std::collections::HashMap;
use std::sync::{Arc, Mutex, Weak};

const PAGES: u64 = 12;
/// What pages hold: 4, 8 and so on are not to be halved by compression, and equal to none but themselves.
const CONTENTS: [u8; PAGES as usize] = [3, 7, 3, 11, 3, 1, 7, 15, 1, 19, 3, 23];

fn gfn(page: usize) -> Gfn {
    Gfn(FIRST.0 + page as u64)
}

fn fill(memory: &VmMemory, page: usize, seed: u8) {
    let pin = memory.pin(gfn(page)).expect("there are frames");
    let frame = memory.pool().frame(pin.mfn());
    (0..512).for_each(|word| frame.store(word * 8, pattern(seed, word)));
}

fn fill_all(memory: &VmMemory) {
    CONTENTS.into_iter().enumerate().for_each(|(page, seed)| fill(memory, page, seed));
}

fn assert_filled(memory: &VmMemory) {
    for (page, seed) in CONTENTS.into_iter().enumerate() {
        let frame = memory.pool().frame(memory.resolve(gfn(page), Use::Read).unwrap());
        let same = (0..512).all(|word| frame.load::<u64>(word * 8) == pattern(seed, word));
        assert!(same, "INV-3, INV-4: page {page} of {:?}", memory.id());
    }
}

fn audit(vms: &[Arc<VmMemory>]) {
    vms[0].pool().audit().unwrap();
    audit_sharing(vms[0].pool(), vms);
    for vm in vms {
        vm.audit().unwrap();
    }
}

/// Two of three VMs are of one group; all have the same pages, and all pages the same hash.
fn colliding(test: impl FnOnce(&[Arc<VmMemory>]) + Send + 'static) {
    within_a_minute(|| {
        COLLIDING.set(true);
        let pool = pool(100);
        let vms = [(1, 1), (2, 1), (3, 3)].map(|(id, group)| vm(&pool, id, group, PAGES, 0));
        for vm in &vms {
            fill_all(vm);
        }
        test(&vms);
        for vm in &vms {
            assert_filled(vm);
        }
        drop(vms);
        assert_eq!(pool.usage().free, PageCount(100), "INV-5");
    });
}

/// Scans one page at a time, so that each has one of those before as its hint.
fn scan_all(vms: &[Arc<VmMemory>]) {
    let peer = |id: VmId| Some(Arc::clone(&vms[id.0 as usize - 1]));
    for vm in (0..2 * PAGES).flat_map(|_| vms) {
        vm.scan(PageCount(1), &peer);
        audit(vms);
    }
}

#[test]
fn hints_of_other_pages_with_the_same_hash_lead_to_no_sharing() {
    colliding(|vms| {
        scan_all(vms);
        // Of each content one frame a group: 3, 7 and 1 are on several pages, the others on one of each VM.
        let contents = |vm: &VmMemory| vm.pool().shared_by(vm.group()).0;
        assert!((1..=7).contains(&contents(&vms[0])), "{} frames", contents(&vms[0]));
        assert!((1..=3).contains(&contents(&vms[2])), "{} frames", contents(&vms[2]));
        assert!(vms.iter().all(|vm| vm.census().shared.0 > 2));
    });
}

#[test]
fn victims_join_only_the_frame_that_is_equal() {
    colliding(|vms| {
        scan_all(vms);
        for seed in [3, 7, 1] {
            // Written anew, so that each has a frame of its own again beside those shared.
            for vm in vms {
                let same = (0..CONTENTS.len()).filter(|&page| CONTENTS[page] == seed);
                same.skip(2).for_each(|page| fill(vm, page, seed));
            }
        }
        audit(vms);
        let shared: u64 = vms.iter().map(|vm| vm.counts().shared).sum();
        for _ in 0..PAGES {
            for vm in vms {
                vm.reclaim(PageCount(1));
                audit(vms);
            }
        }
        let joined = vms.iter().map(|vm| vm.counts().shared).sum::<u64>() - shared;
        assert!(joined >= 3, "what is in a shared frame already is not swapped: {joined} joined");
        assert!(vms.iter().all(|vm| vm.census().swapped.0 >= 4), "{:?}", vms[0].census());
    });
}

#[test]
fn equal_pages_of_other_groups_stay_apart() {
    colliding(|vms| {
        let peer = |id: VmId| Some(Arc::clone(&vms[id.0 as usize - 1]));
        let (one, other) = (&vms[0], &vms[2]);
        // Page 0 of both: the hint is of the other group.
        one.scan(PageCount(1), &peer);
        other.scan(PageCount(1), &peer);
        assert_eq!((one.census().shared.0, other.census().shared.0), (0, 0));
        // Page 2 is equal to page 0: a frame of one group is shared, and the other group's page is looked at again.
        one.discard([gfn(1)].into_iter());
        one.scan(PageCount(PAGES), &peer);
        fill(one, 1, CONTENTS[1]);
        assert!(one.census().shared.0 >= 2, "{:?}", one.census());
        other.scan(PageCount(PAGES), &peer);
        audit(vms);
        other.reclaim(PageCount(PAGES));
        audit(vms);
    });
}

/// A guest that writes each of its pages at the last moment: when its translation is taken away.
struct LastMoment {
    memory: Weak<VmMemory>,
    written: Mutex<HashMap<Gfn, u64>>,
}

impl ShootDown for LastMoment {
    fn take_away(&self, pages: &[(Gfn, Mfn)]) {
        let Some(memory) = self.memory.upgrade() else { return };
        let mut written = self.written.lock().unwrap();
        for &(gfn, mfn) in pages {
            if let Some((PageState::Private(_), _)) = memory.pmap().state(gfn) {
                let word = written.get(&gfn).copied().unwrap_or(gfn.0) + 1;
                memory.pool().frame(mfn).store(7 * 8, word);
                written.insert(gfn, word);
            }
        }
    }
}

#[test]
fn what_is_written_between_being_seen_and_being_taken_counts() {
    let pool = pool(100);
    let memory = vm(&pool, 1, 1, PAGES, 0);
    let guest = Arc::new(LastMoment { memory: Arc::downgrade(&memory), written: Mutex::default() });
    memory.attach(&guest);
    for page in 0..PAGES as usize {
        // Zeros, equal pages, and others.
        fill(&memory, page, [0, 3, 3, 7][page % 4]);
    }
    let vms = [memory];
    for round in 0..8 {
        vms[0].scan(PageCount(PAGES), &|_| None);
        audit(&vms);
        vms[0].reclaim(PageCount(round));
        audit(&vms);
        vms[0].move_pages(&[gfn(1), gfn(2)]);
        audit(&vms);
        for page in 0..PAGES as usize {
            let frame = pool.frame(vms[0].resolve(gfn(page), Use::Read).unwrap());
            let seed = [0, 3, 3, 7][page % 4];
            let last = guest.written.lock().unwrap().get(&gfn(page)).copied();
            for word in 0..512 {
                let expected = if word == 7 { last.unwrap_or(pattern(seed, 7)) } else { pattern(seed, word) };
                assert_eq!(frame.load::<u64>(word * 8), expected, "INV-4: page {page} word {word}");
            }
        }
    }
    assert_eq!(guest.written.lock().unwrap().len() as u64, PAGES);
    assert_eq!(vms[0].census().shared, PageCount(0), "no two are equal any more");
}
