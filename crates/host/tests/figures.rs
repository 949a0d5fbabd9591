//! What is shown is so while it is shown: how VMs that stand still spend their time, what is still to be taken.

mod guests;

use addr::{ByteSize, PageCount};
use guests::{Under, free_pages, noise};
use model::{HostStatus, VmChange, VmSpec, VmStatus};

const SIZE: ByteSize = ByteSize::mib(64);

fn still(status: &HostStatus) -> Option<&VmStatus> {
    status.vms.iter().find(|vm| vm.name == "still")
}

#[test]
fn a_vm_that_gets_no_frame_is_said_to_wait_all_the_time_while_it_does() {
    let host = Under::new(ByteSize::mib(128));
    let kernel = host.dir.path().join("writing");
    std::fs::write(&kernel, kernels::writing()).unwrap();
    host.create(VmSpec::new("still", SIZE, kernel)).unwrap();
    host.start("still").unwrap();
    host.wait_for("it runs", |status| {
        still(status).is_some_and(|vm| vm.metrics.private_bytes >= ByteSize::mib(32) && vm.running > 0.9)
    });
    let memory = host.memory("still");
    memory.set_allowance(PageCount(0));
    memory.reclaim(PageCount(64));
    let waits = host.wait_for("it waits", |status| still(status).is_some_and(|vm| vm.waiting > 0.999));
    let before = still(&waits).unwrap().totals.waiting_seconds;
    // The wait has not ended, and counts.
    let slowed = host.wait_for("it is slowed, and goes on waiting", |status| {
        still(status).is_some_and(|vm| vm.slowed && vm.totals.waiting_seconds > before)
    });
    let vm = still(&slowed).unwrap();
    assert_eq!((vm.waiting, vm.latency, vm.running, vm.idle), (1.0, 0.0, 0.0, 0.0));
    memory.set_allowance(PageCount(u64::MAX));
    let runs = host.wait_for("it runs again", |status| still(status).is_some_and(|vm| vm.waiting == 0.0));
    assert!(still(&runs).unwrap().running > 0.0);
    drop(memory);
    host.audit().unwrap();
}

/// Half of the pages compress, half do not.
#[test]
fn the_swap_target_is_what_is_swapped_once_no_more_is_to_be_taken() {
    let host = Under::new(ByteSize::mib(128));
    host.create(host.sleeper("limited", ByteSize::mib(64))).unwrap();
    host.start("limited").unwrap();
    let memory = host.memory("limited");
    for gfn in free_pages(&memory) {
        let mut page = noise(3, gfn);
        page[if gfn.0 % 2 == 0 { 512 } else { 4096 }..].fill(0);
        memory.write(gfn.base(), &page).unwrap();
    }
    let limit = Some(Some(ByteSize::mib(12)));
    host.set("limited", &VmChange { limit_bytes: limit, ..VmChange::default() }).unwrap();
    let vm = |status: &HostStatus| status.vms.iter().find(|vm| vm.name == "limited").cloned();
    let settled = host.wait_for("no more is to be taken", |status| {
        vm(status).is_some_and(|vm| {
            let of = &vm.metrics;
            of.consumed_bytes <= ByteSize::mib(12) && of.swap_target_bytes == of.swapped_bytes
        })
    });
    let of = vm(&settled).unwrap().metrics;
    assert!(of.swapped_bytes > ByteSize::mib(2) && of.compressed_bytes > ByteSize::mib(1), "{of:#?}");
    let explained = host.explain("limited").unwrap();
    assert!(explained.reclaim.swap_target_bytes >= explained.pages.swapped_bytes, "{explained:#?}");
}
