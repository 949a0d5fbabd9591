//! The tree of resource pools: who lies in what, in an order that does not depend on that of the snapshot.
//!
//! **Model.** Node 0 is the host, then come the pools, parents before children, then the VMs. Pools of
//! one depth, and VMs, stand in the order of their ids. Sums are made by going through the nodes
//! backwards, divisions by going forwards.

use crate::snapshot::{PoolId, Snapshot, Vm};
use crate::validate::InvalidSnapshot;

/// What a node stands for: the host, or a pool or VM by its index in the snapshot.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Who {
    Host,
    Pool(usize),
    Vm(usize),
}

/// The index of the node that is the host.
pub(crate) const ROOT: usize = 0;

/// See the module's documentation.
#[derive(Debug)]
pub(crate) struct Tree {
    pub(crate) who: Vec<Who>,
    /// By node; the root is its own parent.
    pub(crate) parent: Vec<usize>,
    /// By node, in ascending order.
    pub(crate) children: Vec<Vec<usize>>,
    first_vm: usize,
}

impl Tree {
    /// Arranges the snapshot's pools and VMs, or says what is wrong with them.
    pub(crate) fn new(snapshot: &Snapshot) -> Result<Self, InvalidSnapshot> {
        let pools = by_id(&snapshot.pools, |pool| pool.id).map_err(InvalidSnapshot::TwoPools)?;
        let vms = by_id(&snapshot.vms, |vm| vm.id).map_err(InvalidSnapshot::TwoVms)?;
        let rank = |id: PoolId| pools.binary_search_by_key(&id, |&index| snapshot.pools[index].id).ok();

        // Children by rank; the last list is the host's.
        let mut within: Vec<Vec<usize>> = vec![Vec::new(); pools.len() + 1];
        for (child, &index) in pools.iter().enumerate() {
            let pool = &snapshot.pools[index];
            let parent = match pool.parent {
                None => pools.len(),
                Some(parent) => rank(parent)
                    .ok_or_else(|| InvalidSnapshot::NoParent { pool: pool.name.clone(), parent })?,
            };
            within[parent].push(child);
        }

        let mut tree =
            Self { who: vec![Who::Host], parent: vec![ROOT], children: vec![Vec::new()], first_vm: 0 };
        let mut node_of = vec![None; pools.len()];
        // Every node's children are added when its turn comes: breadth first.
        let mut turn = 0;
        while turn < tree.who.len() {
            let rank_of_turn = match tree.who[turn] {
                Who::Pool(index) => rank(snapshot.pools[index].id).expect("listed"),
                _ => pools.len(),
            };
            for &child in &within[rank_of_turn] {
                node_of[child] = Some(tree.add(Who::Pool(pools[child]), turn));
            }
            turn += 1;
        }
        if let Some(lost) = node_of.iter().position(Option::is_none) {
            return Err(InvalidSnapshot::Cycle(snapshot.pools[pools[lost]].name.clone()));
        }

        tree.first_vm = tree.who.len();
        for index in vms {
            let vm = &snapshot.vms[index];
            let parent = match vm.pool {
                None => Some(ROOT),
                Some(pool) => rank(pool).and_then(|rank| node_of[rank]),
            };
            let no_pool = || InvalidSnapshot::NoPool { vm: vm.name.clone(), pool: vm.pool };
            tree.add(Who::Vm(index), parent.ok_or_else(no_pool)?);
        }
        Ok(tree)
    }

    fn add(&mut self, who: Who, parent: usize) -> usize {
        let node = self.who.len();
        self.who.push(who);
        self.parent.push(parent);
        self.children.push(Vec::new());
        self.children[parent].push(node);
        node
    }

    /// The VM at `node`.
    pub(crate) fn vm<'a>(&self, snapshot: &'a Snapshot, node: usize) -> &'a Vm {
        match self.who[node] {
            Who::Vm(index) => &snapshot.vms[index],
            who => unreachable!("node {node} is {who:?}, not a VM"),
        }
    }

    /// The nodes that are VMs, in the order of their ids.
    pub(crate) fn vms(&self) -> std::ops::Range<usize> {
        self.first_vm..self.who.len()
    }

    /// The nodes that are pools, parents before children.
    pub(crate) fn pools(&self) -> std::ops::Range<usize> {
        1..self.first_vm
    }

    /// The pools around `node`, from the inside, without the host.
    pub(crate) fn around(&self, node: usize) -> impl Iterator<Item = usize> + '_ {
        let up = |&node: &usize| Some(self.parent[node]).filter(|&parent| parent != ROOT);
        std::iter::successors(up(&node), up)
    }

    /// Adds every VM's value to those of the pools around it and of the host.
    pub(crate) fn sums(&self, of_vm: impl Fn(usize) -> u64) -> Vec<u64> {
        let mut sums = vec![0; self.who.len()];
        for node in (1..self.who.len()).rev() {
            if let Who::Vm(index) = self.who[node] {
                sums[node] = of_vm(index);
            }
            sums[self.parent[node]] += sums[node];
        }
        sums
    }
}

/// The indices of `items` in the order of their ids, or an id that occurs twice.
fn by_id<T, I: Ord + Copy>(items: &[T], id: impl Fn(&T) -> I) -> Result<Vec<usize>, I> {
    let mut indices: Vec<usize> = (0..items.len()).collect();
    indices.sort_unstable_by_key(|&index| id(&items[index]));
    match indices.windows(2).find(|pair| id(&items[pair[0]]) == id(&items[pair[1]])) {
        Some(pair) => Err(id(&items[pair[0]])),
        None => Ok(indices),
    }
}
