//! What the policy knows: the host, its resource pools and its running VMs at one moment.
//!
//! **Model.** The host measures, fills in a [`Snapshot`] and asks for a plan. An edited copy asks "what
//! if". All sizes are in pages of 4 KiB.
//!
//! **Invariants.** What a usable snapshot must satisfy is checked by [`crate::validate`].

use crate::balloon::Conduct;
use crate::settings::Settings;
use crate::shares::Shares;
use crate::slowdown::Slowdown;
use crate::state::HostState;
use addr::{PageCount, VmId};
use serde::{Deserialize, Serialize};

/// The host's name for a resource pool, unique among pools.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize, Deserialize)]
#[serde(transparent)]
pub struct PoolId(pub u64);

/// Everything a plan depends on.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub struct Snapshot {
    /// The machine.
    pub host: Host,
    /// All resource pools but the root, which is the host itself. In any order.
    pub pools: Vec<ResourcePool>,
    /// All running VMs, in any order.
    pub vms: Vec<Vm>,
}

/// The machine that the VMs share.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub struct Host {
    /// All machine memory: the pool of frames.
    pub memory: PageCount,
    /// Frames nobody holds.
    pub free: PageCount,
    /// Frames the host itself holds: nobody's guest memory, no VM's overhead.
    pub overhead: PageCount,
    /// Disk space for swap files, in use or not.
    pub swap_space: PageCount,
    /// The state decided last; [`HostState::High`] at first.
    pub state: HostState,
    /// Whether it may get better now, which is judged once a second.
    pub may_recover: bool,
    /// The advanced settings.
    pub settings: Settings,
}

/// What an administrator grants to a VM or a resource pool.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
pub struct Controls {
    /// Machine memory guaranteed. For a VM, guest memory; for a pool, overhead included.
    pub reservation: PageCount,
    /// Machine memory never exceeded, even on an idle host; `None` for no limit.
    pub limit: Option<PageCount>,
    /// Claim on memory that is scarce, relative to siblings.
    pub shares: Shares,
}

/// A node of the tree of resource pools.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct ResourcePool {
    /// The number of the resource pool.
    pub id: PoolId,
    /// What people call it, for messages.
    pub name: String,
    /// The pool it lies in; `None`: the host.
    pub parent: Option<PoolId>,
    /// Reservation, limit and shares.
    pub controls: Controls,
    /// Whether reservations within may take from the parent what the pool's own reservation lacks.
    pub expandable: bool,
    /// Whether its shares scale with those of its members ([`Shares::of_scalable_pool`]).
    pub scalable_shares: bool,
}

/// A running VM, or one about to run.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub struct Vm {
    /// The number of the VM.
    pub id: VmId,
    /// What people call it, for messages.
    pub name: String,
    /// The resource pool it lies in; `None`: the host.
    pub pool: Option<PoolId>,
    /// Guest physical memory.
    pub size: PageCount,
    /// Reservation, limit and shares.
    pub controls: Controls,
    /// What the VM costs beyond its guest's memory.
    pub overhead: Overhead,
    /// What its pages are.
    pub pages: Pages,
    /// Pages in use lately: the part that [`crate::activity`] estimates, of the pages granted.
    pub active: PageCount,
    /// What can be expected of its balloon.
    pub balloon: Balloon,
    /// How much of its time it waits for memory. Explained, and not planned with.
    pub slowdown: Slowdown,
    /// Whether somebody waits for a frame for it at this moment.
    pub waits: bool,
    /// Whether its swap file does not take what it is given.
    pub swap_fails: bool,
}

/// A VM's tables, shadow pages, decoded code and device memory, in frames.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
pub struct Overhead {
    /// Set aside at power-on.
    pub reserved: PageCount,
    /// In use.
    pub used: PageCount,
}

/// How many of a VM's pages are in each state. Every page is in exactly one: `private`, `shared`, `zero`,
/// `ballooned`, `compressed`, `swapped` and `untouched` add up to the VM's size.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
pub struct Pages {
    /// In a frame of its own.
    pub private: PageCount,
    /// In a frame with equal pages.
    pub shared: PageCount,
    /// Of the shared pages, those that cost no frame: `shared` less this VM's part of the shared frames.
    pub shared_saved: PageCount,
    /// All zeros, and therefore without a frame.
    pub zero: PageCount,
    /// Given up by the guest's balloon driver, as far as the host has taken note.
    pub ballooned: PageCount,
    /// Of the ballooned pages, those that had content, in a frame or out, which came free.
    pub balloon_freed: PageCount,
    /// In the zip store.
    pub compressed: PageCount,
    /// Frames (not pages) the VM's zip store takes.
    pub zip_frames: PageCount,
    /// In the swap file.
    pub swapped: PageCount,
    /// Never used, or given back.
    pub untouched: PageCount,
}

/// What can be expected of a VM's balloon.
#[derive(Clone, Copy, PartialEq, Debug, Serialize, Deserialize)]
pub struct Balloon {
    /// How the driver has conducted itself, by [`crate::balloon::Judge`].
    pub conduct: Conduct,
    /// Pages a second it gives up when asked.
    pub rate: PageCount,
    /// What part of the pages it gave lately had content, from 0 to 1; `None` until it gave some. The others were
    /// never used, or zero, and free nothing.
    pub yields: Option<f64>,
    /// The VM's own cap; `None`: `Mem.CtlMaxPercent` of its size.
    pub cap: Option<PageCount>,
    /// What it holds at least, whatever its cap: a guest that reports free memory would otherwise kill a program if it ran out of memory
    /// while a report is under way.
    pub cushion: PageCount,
}

impl Controls {
    /// The limit, or `size` if that is less or there is none.
    pub fn ceiling(&self, size: PageCount) -> PageCount {
        self.limit.map_or(size, |limit| limit.min(size))
    }
}

impl Pages {
    /// Machine memory the guest's pages take, in frames: private pages, the VM's part of shared frames,
    /// and its zip store. vSphere's *consumed*.
    pub fn consumed(&self) -> PageCount {
        PageCount(self.private.0 + self.shared_part() + self.zip_frames.0)
    }

    /// What `consumed` would be with everything reclaimed brought back. Stays the same while pages are
    /// ballooned, compressed and swapped, or brought back. Pages that the balloon took without freeing anything do
    /// not count, as they did not before.
    pub fn held_or_reclaimed(&self) -> PageCount {
        PageCount(self.private.0 + self.shared_part() + self.balloon_freed.0 + self.out().0)
    }

    /// Pages out of the guest's reach until they are touched: compressed or swapped.
    pub fn out(&self) -> PageCount {
        PageCount(self.compressed.0 + self.swapped.0)
    }

    /// The sum over all states, which is the VM's size.
    pub fn sum(&self) -> PageCount {
        PageCount(
            self.private.0 + self.shared.0 + self.zero.0 + self.ballooned.0 + self.out().0 + self.untouched.0,
        )
    }

    /// Pages the guest can use without waiting: vSphere's *granted*.
    pub fn granted(&self) -> PageCount {
        PageCount(self.private.0 + self.shared.0 + self.zero.0)
    }

    fn shared_part(&self) -> u64 {
        self.shared.0.saturating_sub(self.shared_saved.0)
    }
}

impl Snapshot {
    /// The VM called `id`.
    pub fn vm(&self, id: VmId) -> Option<&Vm> {
        self.vms.iter().find(|vm| vm.id == id)
    }

    /// The resource pool called `id`.
    pub fn pool(&self, id: PoolId) -> Option<&ResourcePool> {
        self.pools.iter().find(|pool| pool.id == id)
    }
}
