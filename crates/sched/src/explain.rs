//! Why a VM holds what it holds, and what would change it.
//!
//! **Model.** An [`Explanation`] puts together what a plan says about one VM, what its pages are, and
//! the plans of snapshots in which one thing of the VM, of a pool around it or of the host is different. Its `Display` says the same in sentences.

use crate::admission::admit;
use crate::balloon::Conduct;
use crate::diff::Shift;
use crate::entitlement::Bound;
use crate::plan::{Allowance, HostPlan, Plan, PoolPlan, VmPlan, plan};
use crate::reclaim::{BalloonUse, Why};
use crate::shares::Shares;
use crate::slowdown::Slowdown;
use crate::snapshot::{Controls, Pages, Snapshot, Vm};
use addr::{PageCount, VmId};
use std::fmt;

/// Why one VM holds what it holds.
#[derive(Clone, PartialEq, Debug)]
pub struct Explanation {
    /// The VM's name.
    pub name: String,
    /// Its size.
    pub size: PageCount,
    /// Its reservation, limit and shares.
    pub controls: Controls,
    /// What its pages are.
    pub pages: Pages,
    /// How its balloon driver conducts itself.
    pub conduct: Conduct,
    /// How much of its time it waits for memory.
    pub slowdown: Slowdown,
    /// What the plan says about it.
    pub plan: VmPlan,
    /// What the plan says about the host.
    pub host: HostPlan,
    /// The pools around it, from the inside: names and what the plan says about them.
    pub pools: Vec<(String, PoolPlan)>,
    /// What shares memory with it: its siblings in its pool or on the host, those with the most shares first.
    pub siblings: Vec<Sibling>,
    /// Changes that would give it another target and would be admitted.
    pub levers: Vec<Lever>,
}

/// A VM or a resource pool beside another.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Sibling {
    /// Its name.
    pub name: String,
    /// Whether it is a resource pool.
    pub is_pool: bool,
    /// Its number of shares.
    pub shares: u64,
}

/// A change that would give the VM another target, everything else as it is.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Lever {
    /// What would be different, in words.
    pub change: String,
    /// The name of the resource pool that would be different; `None`: the VM, or the host.
    pub pool: Option<String>,
    /// The VM's target, without and with the change.
    pub target: Shift,
}

/// There is no such VM in the snapshot or plan.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
#[error("there is no running VM of number {}", .0.0)]
pub struct UnknownVm(pub VmId);

/// A change, in words.
type Edit<T> = (&'static str, fn(&mut T));

/// Changes of the VM.
const OF_VM: [Edit<Vm>; 5] = [
    ("with twice the shares", |vm| {
        vm.controls.shares = Shares::Custom(vm.controls.shares.of_vm(vm.size) * 2);
    }),
    ("without its limit", |vm| vm.controls.limit = None),
    ("without its reservation", |vm| vm.controls.reservation = PageCount(0)),
    ("with its whole size reserved", |vm| vm.controls.reservation = vm.size),
    ("if it used all its memory", |vm| vm.active = vm.size),
];

/// Changes of each resource pool around it.
const OF_POOL: [Edit<Controls>; 3] = [
    ("twice the shares", |pool| pool.shares = Shares::Custom(pool.shares.of_pool() * 2)),
    ("no limit", |pool| pool.limit = None),
    ("no reservation", |pool| pool.reservation = PageCount(0)),
];

/// Explains what `plan`, made of `snapshot`, says about the VM called `id`.
///
/// # Errors
///
/// The VM is in neither.
pub fn explain(snapshot: &Snapshot, plan: &Plan, id: VmId) -> Result<Explanation, UnknownVm> {
    let index = snapshot.vms.iter().position(|vm| vm.id == id).ok_or(UnknownVm(id))?;
    let vm = &snapshot.vms[index];
    let of_vm = *plan.vm(id).ok_or(UnknownVm(id))?;
    Ok(Explanation {
        name: vm.name.clone(),
        size: vm.size,
        controls: vm.controls,
        pages: vm.pages,
        conduct: vm.balloon.conduct,
        slowdown: vm.slowdown,
        plan: of_vm,
        host: plan.host,
        pools: pools_around(snapshot, plan, index),
        siblings: siblings(snapshot, plan, index),
        levers: levers(snapshot, index, of_vm.entitlement.target),
    })
}

/// The resource pools that a VM lies in, from the inside, by their place in the snapshot.
fn around(snapshot: &Snapshot, vm: usize) -> impl Iterator<Item = usize> {
    let index = |id| snapshot.pools.iter().position(|pool| Some(pool.id) == id);
    // The snapshot has a plan, so its pools form a tree and this ends.
    std::iter::successors(index(snapshot.vms[vm].pool), move |&pool| index(snapshot.pools[pool].parent))
}

fn siblings(snapshot: &Snapshot, plan: &Plan, vm: usize) -> Vec<Sibling> {
    let of = &snapshot.vms[vm];
    let pools = snapshot.pools.iter().filter(|pool| pool.parent == of.pool);
    let pools = pools.filter_map(|pool| Some((&pool.name, true, plan.pool(pool.id)?.entitlement.shares)));
    let vms = snapshot.vms.iter().filter(|vm| vm.pool == of.pool && vm.id != of.id);
    let vms = vms.map(|vm| (&vm.name, false, vm.controls.shares.of_vm(vm.size)));
    let sibling =
        |(name, is_pool, shares): (&String, bool, u64)| Sibling { name: name.clone(), is_pool, shares };
    let mut siblings: Vec<Sibling> = pools.chain(vms).map(sibling).collect();
    siblings.sort_by(|a, b| b.shares.cmp(&a.shares).then_with(|| a.name.cmp(&b.name)));
    siblings
}

fn pools_around(snapshot: &Snapshot, plan: &Plan, vm: usize) -> Vec<(String, PoolPlan)> {
    let pools = around(snapshot, vm).map(|pool| &snapshot.pools[pool]);
    pools.filter_map(|pool| Some((pool.name.clone(), *plan.pool(pool.id)?))).collect()
}

fn levers(snapshot: &Snapshot, vm: usize, target: PageCount) -> Vec<Lever> {
    let lever = |change: String, pool: Option<usize>, edit: &dyn Fn(&mut Snapshot)| {
        let mut edited = snapshot.clone();
        edit(&mut edited);
        // What would be refused is nothing to be told.
        admit(snapshot, &edited).ok()?;
        let after = plan(&edited).ok()?.vm(snapshot.vms[vm].id)?.entitlement.target;
        let pool = pool.map(|pool| snapshot.pools[pool].name.clone());
        Some(Lever { change, pool, target: Shift { before: target, after } })
    };
    let mut levers = Vec::new();
    for (change, edit) in OF_VM {
        levers.extend(lever(change.to_owned(), None, &|edited| edit(&mut edited.vms[vm])));
    }
    for pool in around(snapshot, vm) {
        for (change, edit) in OF_POOL {
            let change = format!("if its resource pool {} had {change}", snapshot.pools[pool].name);
            levers.extend(lever(change, Some(pool), &|edited| edit(&mut edited.pools[pool].controls)));
        }
    }
    let untaxed = "without a tax on idle memory".to_owned();
    levers.extend(lever(untaxed, None, &|edited| edited.host.settings.idle_tax = 0));
    levers.retain(|lever| lever.target.pages() != 0);
    levers
}

impl Explanation {
    fn holding(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { name, size, pages, plan, .. } = self;
        let consumed = plan.reclaim.consumed.bytes();
        write!(f, "{name} has {} and holds {consumed} of machine memory", size.bytes())?;
        let empty_in_balloon = PageCount(pages.ballooned.0.saturating_sub(pages.balloon_freed.0));
        let parts = [
            (pages.shared, "shared with equal pages"),
            (pages.zero, "zero"),
            (pages.balloon_freed, "in its balloon"),
            (empty_in_balloon, "in its balloon, which freed nothing"),
            (pages.compressed, "compressed"),
            (pages.swapped, "swapped"),
            (pages.untouched, "untouched"),
        ];
        let mut between = ". Of its pages, ";
        for (count, what) in parts.into_iter().filter(|(count, _)| count.0 > 0) {
            write!(f, "{between}{} are {what}", count.bytes())?;
            between = ", ";
        }
        writeln!(f, ".")
    }

    fn entitled(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let of = &self.plan.entitlement;
        let target = of.target.bytes();
        match of.bound {
            Bound::Wanted => write!(f, "Its target is {target}: all it could use soon")?,
            Bound::Limit => {
                write!(f, "Its target is {target}, which is its limit; it could use {}", of.wanted.bytes())?;
            }
            Bound::Reservation => {
                write!(f, "Its target is {target}, which is reserved; its shares alone would give less")?;
            }
            Bound::Shares => write!(
                f,
                "Its target is {target}: its {} shares do not buy all of the {} it uses",
                of.shares,
                of.active.bytes()
            )?,
            Bound::TaxedShares => write!(
                f,
                "Its target is {target}: its {} shares buy the {} it uses and, at a tax of {:.0} %, part of what is \
                 idle",
                of.shares,
                of.active.bytes(),
                of.tax * 100.0
            )?,
            Bound::Scarcity => write!(
                f,
                "Its target is {target}, less than its reservation: there is less memory than is reserved"
            )?,
        }
        if let Some(lambda) = of.lambda {
            write!(f, " (a share buys {:.1} KiB in use)", lambda * 4.0)?;
        }
        writeln!(
            f,
            ". In the worst case, if all VMs used their whole size, it has {}.",
            self.plan.worst_case.bytes()
        )?;
        self.beside(f)?;
        for (name, pool) in &self.pools {
            let of = &pool.entitlement;
            let held = match of.bound {
                Bound::Limit => ", which is its limit",
                Bound::Reservation => ", which is reserved",
                Bound::Wanted => ", all that its VMs want",
                Bound::Shares | Bound::TaxedShares | Bound::Scarcity => "",
            };
            writeln!(f, "Its resource pool {name} has {} to divide{held}.", of.target.bytes())?;
        }
        Ok(())
    }

    /// Whose shares count beside its own.
    fn beside(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        /// Siblings told by name.
        const NAMED: usize = 3;
        if self.siblings.is_empty() {
            return Ok(());
        }
        let own = self.plan.entitlement.shares;
        let all = own + self.siblings.iter().map(|sibling| sibling.shares).sum::<u64>();
        write!(f, "Of the {all} shares ")?;
        match self.pools.first() {
            Some((pool, _)) => write!(f, "in resource pool {pool}")?,
            None => write!(f, "on the host")?,
        }
        write!(f, " it has {own}, which is {:.1} %", own as f64 * 100.0 / all as f64)?;
        let mut between = "; ";
        for Sibling { name, is_pool, shares } in self.siblings.iter().take(NAMED) {
            let kind = if *is_pool { "resource pool" } else { "VM" };
            write!(f, "{between}{kind} {name} has {shares}")?;
            between = ", ";
        }
        let others: u64 = self.siblings.iter().skip(NAMED).map(|sibling| sibling.shares).sum();
        if others > 0 {
            match self.siblings.len() - NAMED {
                1 => write!(f, ", another has {others}")?,
                more => write!(f, ", {more} others have {others}")?,
            }
        }
        writeln!(f, ".")
    }

    fn reclaimed(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (host, of) = (&self.host, &self.plan.reclaim);
        writeln!(
            f,
            "The host is in state {}: {} are free, {} wanted.",
            host.state,
            host.free.bytes(),
            host.thresholds.high.bytes()
        )?;
        let over = of.over.bytes();
        match of.why {
            Why::WithinTarget if of.balloon_target < self.pages.ballooned => {
                let back = PageCount(self.pages.ballooned.0 - of.balloon_target.0).bytes();
                writeln!(f, "It is entitled to more than it holds: its balloon gives {back} back.")?;
            }
            Why::WithinTarget => writeln!(f, "It is within its target, so nothing is taken from it.")?,
            Why::HostNotShort => {
                writeln!(
                    f,
                    "It is {over} over its target, but keeps that until the host is short of memory."
                )?;
            }
            Why::OthersPayLess => writeln!(
                f,
                "It is {over} over its target, but others, who pay less for a page, give all that is needed."
            )?,
            Why::OverLimit => writeln!(f, "It, or a pool around it, is over its limit.")?,
            Why::HostShort => writeln!(f, "It is {over} over its target and the host is short of memory.")?,
        }
        if of.balloon_take.0 + of.out_take.0 > 0 {
            let (balloon, out) = (of.balloon_take.bytes(), of.out_take.bytes());
            writeln!(
                f,
                "Its balloon is to give {balloon}; {out} are to be compressed or swapped{}.",
                self.balloon()
            )?;
        }
        match self.plan.allowance {
            Allowance::Free => {}
            Allowance::Waits => writeln!(f, "Until it is back at its target it waits for every new page.")?,
            Allowance::Frozen => writeln!(
                f,
                "Its swap file takes no pages, so that nothing can be taken from it, and there is not memory for all that it \
                 could take: until its swap file works, it waits for every new page beyond its reservation."
            )?,
        }
        if self.slowdown.slowed {
            writeln!(
                f,
                "It is slowed: {:.0} % of its time it waits for memory.",
                self.slowdown.waits * 100.0
            )?;
        }
        Ok(())
    }

    /// Why the balloon does not give it all.
    fn balloon(&self) -> String {
        match self.plan.reclaim.balloon_use {
            BalloonUse::NotNeeded | BalloonUse::All => String::new(),
            BalloonUse::AtCap => ", as the balloon is at its cap".to_owned(),
            BalloonUse::TooSlow => ", as the balloon cannot give more in time".to_owned(),
            BalloonUse::PassedOver => format!(", as the balloon's driver is {}", self.conduct.name()),
            BalloonUse::FreesLittle => ", as most pages that the balloon would give free nothing".to_owned(),
            BalloonUse::NoTime => ", as there is no time for balloons".to_owned(),
        }
    }

    fn changeable(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(limit) = self.controls.limit.filter(|limit| *limit < self.size) {
            let (limit, size) = (limit.bytes(), self.size.bytes());
            writeln!(
                f,
                "Its limit of {limit} is less than its size of {size}: it never gets the rest, however much is free."
            )?;
        }
        if self.levers.is_empty() {
            return writeln!(
                f,
                "No single setting, of its own, of a pool's or of the host's idle tax, would change its target."
            );
        }
        writeln!(f, "What would change its target:")?;
        for lever in &self.levers {
            writeln!(f, "  {}: {}", lever.change, lever.target.after.bytes())?;
        }
        Ok(())
    }
}

impl fmt::Display for Explanation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.holding(f)?;
        self.entitled(f)?;
        self.reclaimed(f)?;
        self.changeable(f)
    }
}

#[cfg(test)]
mod tests;
