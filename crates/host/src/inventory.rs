//! Which VMs and resource pools there are, what they are asked to be, and which VMs run.
//!
//! **Model.** Plain data under one lock. From it, and from what the memory loop measured, snapshots are made:
//! for planning, for admission, for "what if".
//!
//! **Concurrency.** The lock is held to look or to change a few words, never over I/O and never while
//! another lock is taken but innermost ones.

use crate::autostart::Again;
use crate::console::Console;
use crate::ended::End;
use crate::error::HostError;
use crate::running::Running;
use crate::spec::{controls_of_pool, controls_of_vm};
use crate::wanted::Wanted;
use addr::{PageCount, VmId};
use machine::ShareGroup;
use model::{PoolSpec, Power, VmSpec};
use sched::balloon::Conduct;
use sched::settings::Salting;
use sched::{Balloon, Pages, PoolId, ResourcePool, Settings, Slowdown};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

/// Which VMs and pools there are.
#[derive(Default)]
pub(crate) struct Inventory {
    pub(crate) vms: BTreeMap<String, Entry>,
    pub(crate) pools: BTreeMap<String, Pool>,
    pub(crate) settings: Settings,
    last_vm: u32,
    last_pool: u64,
}

/// A VM, running or not.
pub(crate) struct Entry {
    pub(crate) spec: VmSpec,
    pub(crate) console: Arc<Console>,
    pub(crate) power: Power,
    /// There while it is starting or running.
    pub(crate) running: Option<Arc<Running>>,
    /// Why its file cannot be read, if that is so. Then its spec is but its name, and what could be read.
    pub(crate) unreadable: Option<String>,
    /// How it ended last.
    pub(crate) ended: Option<End>,
    pub(crate) wanted: Wanted,
    /// It is being started with the host, or could not be.
    pub(crate) again: Option<Again>,
}

/// A resource pool, with its number in snapshots.
#[derive(Clone)]
pub(crate) struct Pool {
    pub(crate) spec: PoolSpec,
    pub(crate) id: PoolId,
}

/// The first of the groups that stand for salts; below lie VMs' own.
const SALTED: u32 = 1 << 29;
/// The group of VMs without a salt that share all the same.
const UNSALTED: ShareGroup = ShareGroup(SALTED);

impl Inventory {
    pub(crate) fn vm(&self, name: &str) -> Result<&Entry, HostError> {
        self.vms.get(name).ok_or_else(|| HostError::NoVm(name.to_owned()))
    }

    pub(crate) fn vm_mut(&mut self, name: &str) -> Result<&mut Entry, HostError> {
        self.vms.get_mut(name).ok_or_else(|| HostError::NoVm(name.to_owned()))
    }

    pub(crate) fn pool(&self, name: &str) -> Result<&Pool, HostError> {
        self.pools.get(name).ok_or_else(|| HostError::NoPool(name.to_owned()))
    }

    pub(crate) fn add_vm(&mut self, spec: VmSpec) {
        let console = Arc::default();
        let wanted = Wanted::default();
        let power = Power::Stopped;
        let entry =
            Entry { console, power, running: None, ended: None, unreadable: None, wanted, again: None, spec };
        self.vms.insert(entry.spec.name.clone(), entry);
    }

    /// Notes that a VM is wanted on, as the disk has it; says whether there is one.
    pub(crate) fn want(&mut self, name: &str) -> bool {
        let entry = self.vms.get_mut(name);
        entry.map(|entry| entry.wanted.on = true).is_some()
    }

    /// A VM whose file cannot be read: its name is taken.
    pub(crate) fn add_unreadable(&mut self, spec: VmSpec, why: String) {
        let name = spec.name.clone();
        self.add_vm(spec);
        if let Some(entry) = self.vms.get_mut(&name) {
            (entry.power, entry.unreadable) = (Power::Unreadable, Some(why));
        }
    }

    /// The VM called `name`, whose file could be read.
    pub(crate) fn readable(&self, name: &str) -> Result<&Entry, HostError> {
        let entry = self.vm(name)?;
        match &entry.unreadable {
            Some(why) => Err(HostError::Unreadable { name: name.to_owned(), why: why.clone() }),
            None => Ok(entry),
        }
    }

    pub(crate) fn add_pool(&mut self, spec: PoolSpec) {
        self.last_pool += 1;
        self.pools.insert(spec.name.clone(), Pool { spec, id: PoolId(self.last_pool) });
    }

    /// Whether the pool called `name` can be named by a VM or another pool.
    pub(crate) fn check_pool(&self, name: Option<&String>) -> Result<(), HostError> {
        name.map_or(Ok(()), |name| self.pool(name).map(drop))
    }

    /// VMs that are starting or running.
    pub(crate) fn running(&self) -> impl Iterator<Item = (&Entry, &Arc<Running>)> {
        self.vms.values().filter_map(|entry| Some((entry, entry.running.as_ref()?)))
    }

    /// A number that no running VM has.
    pub(crate) fn new_vm_id(&mut self) -> VmId {
        loop {
            self.last_vm = self.last_vm % (SALTED - 1) + 1;
            let id = VmId(self.last_vm);
            if self.running().all(|(_, running)| running.id != id) {
                return id;
            }
        }
    }

    /// Whom the VM called `id` may share pages with.
    pub(crate) fn share_group(&self, spec: &VmSpec, id: VmId) -> ShareGroup {
        let own = ShareGroup(id.0);
        match (self.settings.share_force_salting, &spec.salt) {
            _ if !spec.sharing => own,
            (Salting::Ignored, _) | (Salting::Given, None) => UNSALTED,
            (Salting::Own, None) => own,
            (Salting::Given | Salting::Own, Some(salt)) => self.salted(salt),
        }
    }

    /// The group of a salt: that of a running VM with the same, or one that nobody has.
    fn salted(&self, salt: &str) -> ShareGroup {
        let mut taken = BTreeSet::new();
        // One that was started when salts did not count, or that does not share, has no salt's group.
        for running in
            self.running().map(|(_, running)| running).filter(|running| running.group.0 > UNSALTED.0)
        {
            if running.salt.as_deref() == Some(salt) {
                return running.group;
            }
            taken.insert(running.group.0);
        }
        let mut groups = SALTED + 1..2 * SALTED;
        ShareGroup(groups.find(|group| !taken.contains(group)).expect("fewer VMs than groups"))
    }

    /// The resource pools as snapshots have them.
    pub(crate) fn snapshot_pools(&self) -> Vec<ResourcePool> {
        self.pools
            .values()
            .map(|pool| ResourcePool {
                id: pool.id,
                name: pool.spec.name.clone(),
                parent: self.pool_id(pool.spec.parent.as_ref()),
                controls: controls_of_pool(&pool.spec).expect("specs were checked"),
                expandable: pool.spec.expandable,
                scalable_shares: pool.spec.scalable_shares,
            })
            .collect()
    }

    pub(crate) fn pool_id(&self, name: Option<&String>) -> Option<PoolId> {
        self.pools.get(name?).map(|pool| pool.id)
    }

    /// The running VMs as snapshots have them, with nothing measured.
    pub(crate) fn snapshot_vms(&self) -> Vec<sched::Vm> {
        self.running().map(|(entry, running)| self.snapshot_vm(&entry.spec, running)).collect()
    }

    /// A running VM as snapshots have it, with nothing measured.
    pub(crate) fn snapshot_vm(&self, spec: &VmSpec, running: &Running) -> sched::Vm {
        self.vm_with(spec, running.id, running.overhead())
    }

    /// A VM as snapshots have it, with nothing measured.
    pub(crate) fn vm_with(&self, spec: &VmSpec, id: addr::VmId, overhead: sched::Overhead) -> sched::Vm {
        let size = spec.memory_bytes.pages();
        sched::Vm {
            id,
            name: spec.name.clone(),
            pool: self.pool_id(spec.pool.as_ref()),
            size,
            controls: controls_of_vm(spec).expect("specs were checked"),
            overhead,
            pages: Pages { untouched: size, ..Pages::default() },
            active: PageCount(0),
            balloon: Balloon {
                conduct: Conduct::Absent,
                rate: PageCount(0),
                yields: None,
                cap: spec.balloon_max_bytes.map(addr::ByteSize::pages),
                cushion: PageCount(0),
            },
            slowdown: Slowdown::default(),
            waits: false,
            swap_fails: false,
        }
    }
}
