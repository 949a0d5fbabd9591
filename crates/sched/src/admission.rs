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

use crate::snapshot::{PoolId, ResourcePool, Snapshot};
use crate::state::Thresholds;
use crate::tree::{ROOT, Tree, Who};
use crate::validate::InvalidSnapshot;
use addr::PageCount;
use serde::Serialize;
use std::{collections::BTreeMap, fmt};

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

    /// Whether `after` may follow. In every place where it needs more, or where there is less than before,
    /// there must be enough. Places are asked from the inside.
    fn admit(&self, before: &Snapshot, after: &Self, snapshot: &Snapshot) -> Result<(), Refusal> {
        let nodes = self.tree.pools().map(|node| (self.pool_at(node, before).id, node));
        let nodes: BTreeMap<PoolId, usize> = nodes.collect();
        for node in after.tree.pools().rev() {
            let pool = after.pool_at(node, snapshot);
            let new = after.rooms(node, pool);
            let old = nodes.get(&pool.id);
            let old = old.map_or([None, None], |&old| self.rooms(old, self.pool_at(old, before)));
            let places = [Place::Pool(pool.name.clone()), Place::PoolLimit(pool.name.clone())];
            for ((old, new), place) in old.into_iter().zip(new).zip(places) {
                new.map_or(Ok(()), |new| new.admit(old, place))?;
            }
        }
        let host = |books: &Self| Room { used: books.used[ROOT], capacity: books.capacity };
        host(after).admit(Some(host(self)), Place::Host)?;
        let swap = |books: &Self, on: &Snapshot| Room { used: books.swap, capacity: on.host.swap_space.0 };
        swap(after, snapshot).admit(Some(swap(self, before)), Place::SwapSpace)
    }

    fn pool_at<'a>(&self, node: usize, snapshot: &'a Snapshot) -> &'a ResourcePool {
        match self.tree.who[node] {
            Who::Pool(index) => &snapshot.pools[index],
            who => unreachable!("node {node} is {who:?}, not a pool"),
        }
    }

    /// The room in a pool: in its reservation, unless it is expandable, and under its limit, if it has one.
    fn rooms(&self, node: usize, pool: &ResourcePool) -> [Option<Room>; 2] {
        let reservation = Room { used: self.used[node], capacity: pool.controls.reservation.0 };
        let limit = pool.controls.limit.map(|limit| Room { used: self.charge[node], capacity: limit.0 });
        [(!pool.expandable).then_some(reservation), limit]
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

/// What is used of what there is in one place.
#[derive(Clone, Copy)]
struct Room {
    used: u64,
    capacity: u64,
}

impl Room {
    fn lack(self) -> u64 {
        self.used.saturating_sub(self.capacity)
    }

    /// Refuses to go from `before` to this if that makes or enlarges a lack.
    fn admit(self, before: Option<Self>, place: Place) -> Result<(), Refusal> {
        if self.lack() <= before.map_or(0, Self::lack) {
            return Ok(());
        }
        // With as much room as before, the figures are those of the change; otherwise those of all that
        // is there.
        let same = before.filter(|before| before.capacity == self.capacity);
        let there = same.map_or(0, |before| before.used);
        let (asked, free) = (self.used - there, self.capacity.saturating_sub(there));
        Err(Refusal { place, asked: PageCount(asked), free: PageCount(free) })
    }
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
