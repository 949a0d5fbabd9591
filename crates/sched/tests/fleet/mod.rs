//! Hosts full of VMs, for tests and benchmarks. Sizes are in MiB.

#![allow(dead_code, reason = "each test program uses part of it")]

use addr::{ByteSize, PageCount, VmId};
use sched::balloon::Conduct;
use sched::{
    Balloon, Controls, Host, HostState, Overhead, Pages, PoolId, ResourcePool, Settings, Shares, Snapshot, Vm,
};

pub(crate) fn mib(number: u64) -> PageCount {
    ByteSize::mib(number).pages()
}

/// A VM of `size` that holds all of it, `active` of it in use, with a balloon that works.
pub(crate) fn vm(id: u32, size: u64, active: u64) -> Vm {
    Vm {
        id: VmId(id),
        name: format!("vm{id}"),
        pool: None,
        size: mib(size),
        controls: Controls::default(),
        overhead: Overhead { reserved: mib(8), used: mib(4) },
        pages: Pages { private: mib(size), ..Pages::default() },
        active: mib(active),
        balloon: Balloon {
            conduct: Conduct::Working,
            rate: mib(64),
            yields: None,
            cap: None,
            cushion: PageCount(0),
        },
        slowdown: sched::Slowdown::default(),
        waits: false,
        swap_fails: false,
    }
}

pub(crate) fn pool(id: u64, parent: Option<u64>) -> ResourcePool {
    ResourcePool {
        id: PoolId(id),
        name: format!("pool{id}"),
        parent: parent.map(PoolId),
        controls: Controls::default(),
        expandable: true,
        scalable_shares: false,
    }
}

/// A host with as much memory as leaves `guests` for the VMs' targets, flat tax.
pub(crate) fn host(guests: u64, vms: Vec<Vm>) -> Snapshot {
    let overhead: u64 = vms.iter().map(|vm| vm.overhead.used.0).sum();
    let settings = Settings { idle_tax_type: sched::TaxType::Flat, ..Settings::default() };
    let mut memory = mib(guests).0 + overhead;
    // What should be free depends on the memory it is part of.
    let missing = |memory: u64| {
        let wanted_free = sched::Thresholds::new(PageCount(memory), 0).high.0;
        (mib(guests).0 + overhead + wanted_free).saturating_sub(memory)
    };
    while missing(memory) > 0 {
        memory += missing(memory).div_ceil(2);
    }
    let mut snapshot = Snapshot {
        host: Host {
            memory: PageCount(memory),
            free: PageCount(0),
            overhead: PageCount(0),
            swap_space: PageCount(1 << 40),
            state: HostState::High,
            may_recover: true,
            settings,
        },
        pools: Vec::new(),
        vms,
    };
    snapshot.host.free = free(&snapshot);
    snapshot
}

/// The frames that are free by the ledger: none if VMs hold more than there is.
pub(crate) fn free(snapshot: &Snapshot) -> PageCount {
    let held: u64 = snapshot.vms.iter().map(|vm| vm.pages.consumed().0 + vm.overhead.used.0).sum();
    PageCount(snapshot.host.memory.0.saturating_sub(held + snapshot.host.overhead.0))
}

/// `count` VMs of different sizes and activity, some with reservations and limits, in pools of twenty,
/// on a host with a third of the memory that they hold.
pub(crate) fn crowd(count: u64) -> Snapshot {
    let vms = (0..count).map(|id| {
        let size = 256 << (id % 4);
        let mut vm = vm(id as u32, size, size * (id * 37 % 100) / 100);
        vm.pool = (id % 5 != 0).then_some(PoolId(id / 20));
        vm.controls = Controls {
            reservation: mib(if id % 7 == 0 { size / 8 } else { 0 }),
            limit: (id % 11 == 0).then_some(mib(size / 2)),
            shares: [Shares::Low, Shares::Normal, Shares::High, Shares::Custom(5000)][(id % 4) as usize],
        };
        vm
    });
    let vms: Vec<Vm> = vms.collect();
    let held: u64 = vms.iter().map(|vm| vm.size.0).sum();
    let mut snapshot = host(held / 256 / 3, vms);
    snapshot.pools = (0..count.div_ceil(20)).map(|id| pool(id, (id % 3 == 2).then(|| id - 1))).collect();
    snapshot.host.settings.idle_tax_type = sched::TaxType::Progressive;
    snapshot
}
