//! What the pages of all VMs are, and what the pool is used for, at one moment.

use super::Vms;
use addr::{PageCount, VmId};
use machine::{FrameUse, PageCensus, Pool, ShareGroup, VmMemory, read_at_once};
use sched::Pages;
use std::collections::{BTreeMap, HashMap};

/// What a VM has by its own books, and the frames that its group shares.
struct Reading {
    id: VmId,
    group: ShareGroup,
    census: PageCensus,
    zip_frames: PageCount,
    common: PageCount,
}

/// What the pool is used for, and what each VM's pages are: of one moment, unless pages change all the time.
pub(super) fn measured(pool: &Pool, vms: &Vms) -> (FrameUse, BTreeMap<VmId, Pages>) {
    let memories = vms.values().map(|watched| -> &VmMemory { &watched.running.memory });
    let read = |memory: &VmMemory| Reading {
        id: memory.id(),
        group: memory.group(),
        census: memory.census(),
        zip_frames: memory.zip_frames(),
        common: pool.shared_by(memory.group()),
    };
    let (usage, readings) =
        read_at_once(&memories, || (pool.usage(), memories.clone().map(read).collect::<Vec<_>>()));
    (usage, divided(&readings))
}

/// Of the frames that a group shares each VM has the part of its pages, whole frames, which add up.
fn divided(readings: &[Reading]) -> BTreeMap<VmId, Pages> {
    let mut shared: HashMap<ShareGroup, u64> = HashMap::new();
    for reading in readings {
        *shared.entry(reading.group).or_default() += reading.census.shared.0;
    }
    let mut before: HashMap<ShareGroup, u64> = HashMap::new();
    let pages = readings.iter().map(|reading| {
        let before = before.entry(reading.group).or_default();
        let up_to = |pages: u64| reading.common.0 * pages / shared[&reading.group].max(1);
        let common = up_to(*before + reading.census.shared.0) - up_to(*before);
        *before += reading.census.shared.0;
        (reading.id, pages(reading, common))
    });
    pages.collect()
}

fn pages(reading: &Reading, common: u64) -> Pages {
    let census = &reading.census;
    Pages {
        private: census.private,
        shared: census.shared,
        shared_saved: PageCount(census.shared.0.saturating_sub(common)),
        zero: census.zero,
        ballooned: census.ballooned,
        balloon_freed: census.balloon_freed,
        compressed: census.compressed,
        zip_frames: reading.zip_frames,
        swapped: census.swapped,
        untouched: census.untouched,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn what_a_group_shares_is_divided_among_its_vms_to_the_frame(
            vms in prop::collection::vec((0u32..3, 0u64..1000), 1..20),
            parts in prop::array::uniform3(0u64..=100),
        ) {
            let pages_of = |group| vms.iter().filter(|vm| vm.0 == group).map(|vm| vm.1).sum::<u64>();
            let common: Vec<u64> = (0..3).map(|group| pages_of(group) * parts[group as usize] / 100).collect();
            let reading = |(number, &(group, shared)): (usize, &(u32, u64))| Reading {
                id: VmId(number as u32 + 1),
                group: ShareGroup(group),
                census: PageCensus { shared: PageCount(shared), ..PageCensus::default() },
                zip_frames: PageCount(0),
                common: PageCount(common[group as usize]),
            };
            let divided = divided(&vms.iter().enumerate().map(reading).collect::<Vec<_>>());
            for group in 0..3 {
                let of_group = vms.iter().enumerate().filter(|(_, vm)| vm.0 == group);
                let has = of_group.map(|(number, vm)| {
                    let pages = &divided[&VmId(number as u32 + 1)];
                    assert!(pages.shared_saved.0 <= vm.1);
                    vm.1 - pages.shared_saved.0
                });
                prop_assert_eq!(has.sum::<u64>(), common[group as usize]);
            }
        }
    }
}
