//! Admission: whether what is guaranteed can be guaranteed.
//!
//! **Model.** A guarantee is what a VM reserves, for its guest and its overhead, or what a resource
//! pool reserves. A pool's own reservation pays for those within; what it lacks, an *expandable* pool
//! takes from its parent, and so on up to the host. The host has its memory without its own overhead
//! and without what should be free: so targets that honour all reservations can honour that too.
//! Besides, what a VM does not reserve must fit on disk, so that reclaiming can never be refused.
//!
//! The question is always the same: may the host go from this snapshot to that one? That covers
//! powering a VM on, raising a reservation, lowering a limit, and adding or moving a pool. What is
//! already wrong and gets no worse does not stand in the way.
//!
//! **Cost.** O(n log n).

use crate::snapshot::{PoolId, Snapshot};
use crate::state::Thresholds;
use crate::tree::{ROOT, Tree, Who};
use crate::validate::InvalidSnapshot;
use addr::PageCount;
use serde::Serialize;
use std::fmt;

/// What is guaranteed within the host or a resource pool.
#[derive(Clone, PartialEq, Eq, Debug, Serialize)]
pub struct Account {
    /// Of which pool; `None`: of the host.
    pub pool: Option<PoolId>,
    /// What can be guaranteed here without anybody else's help: the pool's reservation, the host's memory.
    pub reservation: PageCount,
    /// What is guaranteed to the VMs and pools within.
    pub used: PageCount,
    /// What still could be, the help of expandable pools' parents included.
    pub unreserved: PageCount,
}

/// Where there is no room.
#[derive(Clone, PartialEq, Eq, Debug, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Place {
    /// The reservation of this pool, which is not expandable.
    Pool(String),
    /// The limit of this pool.
    PoolLimit(String),
    /// The host's memory.
    Host,
    /// The host's disk space for swapping.
    SwapSpace,
}

/// A refusal for lack of room.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, thiserror::Error)]
#[error("{place}: {asked} asked for, {free} free; {hint}", asked = asked.bytes(), free = free.bytes(),
    hint = place.hint())]
pub struct Refusal {
    /// Where there is none.
    pub place: Place,
    /// What was asked for there.
    pub asked: PageCount,
    /// What is free there.
    pub free: PageCount,
}

/// Why a change is not admitted.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
pub enum AdmissionError {
    /// There is no room.
    #[error(transparent)]
    Refused(#[from] Refusal),
    /// The change makes no sense.
    #[error(transparent)]
    Invalid(#[from] InvalidSnapshot),
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Pool(name) => write!(f, "not enough unreserved memory in resource pool '{name}'"),
            Self::PoolLimit(name) => write!(f, "not enough memory under the limit of resource pool '{name}'"),
            Self::Host => f.write_str("not enough unreserved memory on the host"),
            Self::SwapSpace => f.write_str("not enough disk space for swap files"),
        }
    }
}

impl Place {
    fn hint(&self) -> &'static str {
        match self {
            Self::Pool(_) => "raise the pool's reservation, make it expandable, or reserve less",
            Self::PoolLimit(_) => "raise the pool's limit, or reserve less",
            Self::Host => "reserve less, or stop a VM that has reservations",
            Self::SwapSpace => {
                "make room on the disk, or reserve more of the VM's memory: only the rest needs swap space"
            }
        }
    }
}

/// Reservations in the whole tree, by node.
struct Books {
    tree: Tree,
    /// Guaranteed within; for a VM, to it.
    used: Vec<u64>,
    /// What a node takes from its parent.
    charge: Vec<u64>,
    /// The host's own reservation: all it can guarantee.
    capacity: u64,
    swap: u64,
}

impl Books {
    fn new(snapshot: &Snapshot) -> Result<Self, InvalidSnapshot> {
        let tree = Tree::new(snapshot)?;
        let (mut used, mut charge) = (vec![0; tree.who.len()], vec![0; tree.who.len()]);
        for node in (1..tree.who.len()).rev() {
            charge[node] = match tree.who[node] {
                Who::Host => unreachable!("the host is node 0"),
                Who::Vm(index) => {
                    let vm = &snapshot.vms[index];
                    used[node] = vm.controls.reservation.0 + vm.overhead.reserved.0;
                    used[node]
                }
                Who::Pool(index) => snapshot.pools[index].controls.reservation.0.max(used[node]),
            };
            used[tree.parent[node]] += charge[node];
        }
        let host = &snapshot.host;
        let thresholds = Thresholds::new(host.memory, u64::from(host.settings.min_free_percent));
        let capacity = host.memory.0.saturating_sub(host.overhead.0 + thresholds.high.0);
        let swap = snapshot.vms.iter().map(|vm| vm.size.0.saturating_sub(vm.controls.reservation.0)).sum();
        Ok(Self { tree, used, charge, capacity, swap })
    }

    /// Whether `after` may follow. In every place where it needs more, or where there is less than
    /// before, there must be enough. Places are asked from the inside.
    fn admit(&self, before: &Snapshot, after: &Self, snapshot: &Snapshot) -> Result<(), Refusal> {
        for node in after.tree.pools().rev() {
            let Who::Pool(index) = after.tree.who[node] else { unreachable!("node {node} is not a pool") };
            let pool = &snapshot.pools[index];
            let old = self.pool(before, pool.id);
            let was = old.map(|(node, controls)| (self.used[node], self.charge[node], controls));
            if !pool.expandable {
                let old = was.map(|(used, _, controls)| (used, controls.reservation.0));
                let place = || Place::Pool(pool.name.clone());
                compare(old, (after.used[node], pool.controls.reservation.0), place)?;
            }
            if let Some(limit) = pool.controls.limit {
                let old = was.map(|(_, charge, controls)| (charge, controls.limit.unwrap_or(limit).0));
                compare(old, (after.charge[node], limit.0), || Place::PoolLimit(pool.name.clone()))?;
            }
        }
        let host = (after.used[ROOT], after.capacity);
        compare(Some((self.used[ROOT], self.capacity)), host, || Place::Host)?;
        let swap = (after.swap, snapshot.host.swap_space.0);
        compare(Some((self.swap, before.host.swap_space.0)), swap, || Place::SwapSpace)
    }

    fn pool<'a>(&self, snapshot: &'a Snapshot, id: PoolId) -> Option<(usize, &'a crate::Controls)> {
        self.tree.pools().find_map(|node| match self.tree.who[node] {
            Who::Pool(index) if snapshot.pools[index].id == id => {
                Some((node, &snapshot.pools[index].controls))
            }
            _ => None,
        })
    }

    /// What could still be guaranteed within `node`, by its own means, its ancestors' and their limits.
    fn unreserved(&self, node: usize, snapshot: &Snapshot) -> u64 {
        let Who::Pool(index) = self.tree.who[node] else {
            return self.capacity.saturating_sub(self.used[ROOT]);
        };
        let pool = &snapshot.pools[index];
        let own = pool.controls.reservation.0.saturating_sub(self.used[node]);
        if !pool.expandable {
            return own;
        }
        let under_limit =
            pool.controls.limit.map_or(u64::MAX, |limit| limit.0.saturating_sub(self.charge[node]));
        own + self.unreserved(self.tree.parent[node], snapshot).min(under_limit)
    }
}

/// Refuses to go from `(used, capacity)` before to that after, if it makes or enlarges a lack.
fn compare(before: Option<(u64, u64)>, after: (u64, u64), place: impl Fn() -> Place) -> Result<(), Refusal> {
    let (used, capacity) = after;
    let (used_before, capacity_before) = before.unwrap_or((0, capacity));
    let lack = used.saturating_sub(capacity);
    if lack == 0 || lack <= used_before.saturating_sub(capacity_before) {
        return Ok(());
    }
    // With as much room as before, the figures are those of the change; otherwise those of all that is there.
    let there = if capacity == capacity_before { used_before.min(used) } else { 0 };
    let (asked, free) = (PageCount(used - there), PageCount(capacity.saturating_sub(there)));
    Err(Refusal { place: place(), asked, free })
}

/// Whether the host, being at `before`, may go to `after`: the same with a VM more, other controls,
/// other pools.
///
/// # Errors
///
/// [`AdmissionError::Refused`] with the first place where there is no room, from the inside;
/// [`AdmissionError::Invalid`] if `after` contradicts itself.
pub fn admit(before: &Snapshot, after: &Snapshot) -> Result<(), AdmissionError> {
    after.check()?;
    let (old, new) = (Books::new(before)?, Books::new(after)?);
    Ok(old.admit(before, &new, after)?)
}

/// What is guaranteed and what could be: the host first, then every pool, parents before children.
///
/// # Errors
///
/// As [`crate::plan()`].
pub fn accounts(snapshot: &Snapshot) -> Result<Vec<Account>, InvalidSnapshot> {
    let books = Books::new(snapshot)?;
    let nodes = 0..books.tree.pools().end;
    Ok(nodes
        .map(|node| {
            let (pool, reservation) = match books.tree.who[node] {
                Who::Pool(index) => {
                    let pool = &snapshot.pools[index];
                    (Some(pool.id), pool.controls.reservation)
                }
                _ => (None, PageCount(books.capacity)),
            };
            let unreserved = PageCount(books.unreserved(node, snapshot));
            Account { pool, reservation, used: PageCount(books.used[node]), unreserved }
        })
        .collect())
}

#[cfg(test)]
mod tests;
