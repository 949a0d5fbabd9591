//! Whom to take memory from, how much, by which means and how fast.
//!
//! **Model.** A VM *over* its target may be reclaimed from. VMs over their target are ordered by what
//! they pay for a page, cheapest first, and each gives what it has over until enough is found. How much
//! is needed: in every state, what VMs and pools hold above their limits; in the states that reclaim,
//! what free memory lacks to the high threshold, besides. No more is taken, however much more some VMs
//! are over: nobody has asked for it yet.
//!
//! Of what a VM gives, its balloon is asked for as much as it can give in time, and zip and swap take
//! the rest. A balloon takes pages that were never used, too: it is counted on for the part of its pages that freed
//! something lately, and asked for more pages than are needed, up to `ASKED` times as many. A VM under its target gets its balloon back, the best payer first, as long as free memory
//! lasts.
//!
//! **Invariants.** A VM is never taken below its target, and never below its reservation as far as it
//! is wanted.

use crate::balloon::Conduct;
use crate::entitlement::Entitlement;
use crate::limits::limits;
use crate::settings::Settings;
use crate::snapshot::{Snapshot, Vm};
use crate::state::{HostState, Thresholds};
use crate::tree::Tree;
use addr::{ByteSize, PageCount};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// Pages that a balloon is asked for at most, for each frame that is needed.
const ASKED: u64 = 2;
/// Seconds within which a balloon must give what it is asked for in the state hard.
const SOON: u64 = 1;

/// Why memory is taken from a VM, or not.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Why {
    /// It holds no more than its target.
    WithinTarget,
    /// It is over its target, but the host is not short of memory.
    HostNotShort,
    /// It is over its target, but others, who pay less for a page, give all that is needed.
    OthersPayLess,
    /// It, or a pool around it, is over its limit.
    OverLimit,
    /// The host is short of memory.
    HostShort,
}

/// What part the balloon has in reclaiming from a VM.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "kebab-case")]
pub enum BalloonUse {
    /// Nothing is asked of it.
    NotNeeded,
    /// It gives all that is taken.
    All,
    /// It gives all that its cap allows.
    AtCap,
    /// It gives what it can in time.
    TooSlow,
    /// It is passed over for its conduct.
    PassedOver,
    /// It gives what it can, but most pages it gives free nothing.
    FreesLittle,
    /// In the state low, nobody waits for balloons.
    NoTime,
}

/// What is taken from a VM, or given back.
#[derive(Clone, Copy, PartialEq, Debug, Serialize)]
pub struct Reclaim {
    /// What it pays for a page: its effective shares over its pages, idle ones counting more. Infinite,
    /// and so written as `null`, if it holds nothing.
    pub rho: f64,
    /// Frames it holds.
    pub consumed: PageCount,
    /// Frames it holds above its target, or its reservation if that is more.
    pub over: PageCount,
    /// Why frames are taken or not.
    pub why: Why,
    /// Frames to get from its balloon now.
    pub balloon_take: PageCount,
    /// What part its balloon has in this.
    pub balloon_use: BalloonUse,
    /// Size to ask its balloon for.
    pub balloon_target: PageCount,
    /// Frames to get by compressing and swapping now.
    pub out_take: PageCount,
    /// vSphere's *swap target*: pages swapped, and those that are to be taken by compressing and swapping now. Above what
    /// is swapped: more will be, unless it can be compressed; equal: no more will. Nothing is fetched for it.
    pub swap_target: PageCount,
    /// Frames its zip store may take.
    pub zip_max: PageCount,
    /// Whether what is taken for a limit is waited for.
    pub urgent: bool,
}

/// How fast to reclaim, all VMs together.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Pace {
    /// So many pages a second.
    PerSecond(PageCount),
    /// As fast as the machine can.
    Unlimited,
}

/// The pace when nothing presses: 16 MiB a second.
pub const GENTLE: PageCount = ByteSize::mib(16).pages();
/// Seconds in which soft makes up for the shortfall.
const UNHURRIED: u64 = 5;

/// How fast to reclaim in `state` when `shortfall` pages are needed.
pub fn pace(state: HostState, shortfall: PageCount) -> Pace {
    match state {
        HostState::High | HostState::Clear => Pace::PerSecond(GENTLE),
        HostState::Soft => Pace::PerSecond(GENTLE.max(PageCount(shortfall.0.div_ceil(UNHURRIED)))),
        HostState::Hard | HostState::Low => Pace::Unlimited,
    }
}

/// What a VM pays for a page.
fn rho(entitlement: &Entitlement, consumed: PageCount) -> f64 {
    let active = entitlement.active.min(consumed).0 as f64;
    let idle = consumed.0 as f64 - active;
    entitlement.effective_shares / (active + idle / (1.0 - entitlement.tax))
}

/// The node of each VM that is over its target, cheapest first, and the takings decided for all VMs.
pub(crate) struct Takings {
    /// Nodes over their targets, those first that pay least.
    pub(crate) order: Vec<usize>,
    /// By node; `None` for pools and the host.
    of: Vec<Option<Reclaim>>,
    /// Guest memory that each VM may hold by limits, by node.
    pub(crate) most: Vec<PageCount>,
    /// Frames taken for limits.
    pub(crate) for_limits: PageCount,
    /// Frames lacking that nobody can be made to give.
    pub(crate) unmet: PageCount,
}

impl Takings {
    /// What is taken from the VM at `node`.
    pub(crate) fn of(&self, node: usize) -> Reclaim {
        self.of[node].expect("a VM")
    }
}

/// Decides what to take from whom so that `shortfall` more frames are free.
pub(crate) fn takings(
    tree: &Tree,
    snapshot: &Snapshot,
    entitlements: &[Entitlement],
    state: HostState,
    thresholds: &Thresholds,
    shortfall: PageCount,
) -> Takings {
    let mut of: Vec<Option<Reclaim>> = tree.who.iter().map(|_| None).collect();
    let mut payers: Vec<(f64, usize)> = Vec::with_capacity(tree.vms().len());
    for node in tree.vms() {
        let reclaim = nothing_taken(tree.vm(snapshot, node), &entitlements[node], snapshot);
        payers.push((reclaim.rho, node));
        of[node] = Some(reclaim);
    }
    payers.sort_by(|a, b| a.0.total_cmp(&b.0));
    let takings = |node: &usize| of[*node].as_ref().expect("a VM");
    let order: Vec<usize> =
        payers.iter().map(|payer| payer.1).filter(|node| takings(node).over.0 > 0).collect();

    let limits = limits(tree, snapshot, &order, |node| takings(&node).over.0);
    let for_limits: u64 = limits.take.iter().sum();
    let mut needed = if state.actions().reclaim { shortfall.0.saturating_sub(for_limits) } else { 0 };
    for &node in &order {
        let for_limit = limits.take[node];
        let reclaim = of[node].as_mut().expect("a VM");
        reclaim.urgent = for_limit > 0 && limits.urgent[node];
        let more = needed.min(reclaim.over.0 - for_limit);
        needed -= more;
        reclaim.why = match (for_limit, more) {
            (0, 0) if state.actions().reclaim => Why::OthersPayLess,
            (0, 0) => Why::HostNotShort,
            (0, _) => Why::HostShort,
            _ => Why::OverLimit,
        };
        take(tree.vm(snapshot, node), reclaim, for_limit + more, state, snapshot);
    }
    if !state.actions().block && state != HostState::Hard {
        let spare = snapshot.host.free.0.saturating_sub(thresholds.hard.0);
        let best_payers = payers.iter().rev().map(|payer| (payer.1, tree.vm(snapshot, payer.1)));
        give_back(best_payers, &mut of, entitlements, spare);
    }
    let (most, for_limits) = (limits.most, PageCount(for_limits));
    Takings { order, of, most, for_limits, unmet: PageCount(needed) }
}

/// How large a VM's balloon may get.
pub fn balloon_cap(vm: &Vm, settings: &Settings) -> PageCount {
    let percent = u64::from(settings.ctl_max_percent);
    let cap = PageCount(vm.size.0 * percent / 100);
    // A host that turned ballooning off means every VM.
    vm.balloon.cap.filter(|_| percent > 0).unwrap_or(cap).min(vm.size)
}

fn nothing_taken(vm: &Vm, entitlement: &Entitlement, snapshot: &Snapshot) -> Reclaim {
    let settings = &snapshot.host.settings;
    let consumed = vm.pages.consumed();
    let zip_max = if settings.zip_enable {
        let of_size = vm.size.0 * u64::from(settings.zip_max_percent) / 100;
        of_size.min(consumed.0 * u64::from(settings.zip_max_alloc_percent) / 100)
    } else {
        0
    };
    Reclaim {
        rho: rho(entitlement, consumed),
        consumed,
        over: PageCount(consumed.0.saturating_sub(entitlement.target.max(entitlement.min).0)),
        why: Why::WithinTarget,
        balloon_take: PageCount(0),
        balloon_use: BalloonUse::NotNeeded,
        balloon_target: vm.pages.ballooned.min(balloon_cap(vm, settings)).max(vm.balloon.cushion),
        out_take: PageCount(0),
        swap_target: vm.pages.swapped,
        zip_max: PageCount(zip_max),
        urgent: false,
    }
}

/// Divides `frames` to take from a VM between its balloon, and zip and swap.
fn take(vm: &Vm, reclaim: &mut Reclaim, frames: u64, state: HostState, snapshot: &Snapshot) {
    if frames == 0 {
        return;
    }
    let seconds =
        if state == HostState::Hard { SOON } else { u64::from(snapshot.host.settings.balance_period) };
    let room = balloon_cap(vm, &snapshot.host.settings).0.saturating_sub(vm.pages.ballooned.0);
    let in_time = vm.balloon.conduct.gives_within(vm.balloon.rate, seconds).0;
    let yields = balloon_yields(vm);
    let wanted = ((frames as f64 / yields).ceil() as u64).min(frames * ASKED);
    let (asked, balloon_use) = if state.actions().block {
        (0, BalloonUse::NoTime)
    } else if in_time == 0 {
        (0, BalloonUse::PassedOver)
    } else if wanted <= room.min(in_time) {
        let frees_all = wanted as f64 * yields >= frames as f64;
        (wanted, if frees_all { BalloonUse::All } else { BalloonUse::FreesLittle })
    } else if room <= in_time {
        (room, BalloonUse::AtCap)
    } else if vm.balloon.conduct == Conduct::Probation {
        (in_time, BalloonUse::PassedOver)
    } else {
        (in_time, BalloonUse::TooSlow)
    };
    let balloon = frames.min((asked as f64 * yields) as u64);
    reclaim.balloon_use = balloon_use;
    reclaim.balloon_take = PageCount(balloon);
    reclaim.balloon_target.0 += asked;
    reclaim.out_take = PageCount(frames - balloon);
    reclaim.swap_target.0 += frames - balloon;
}

/// What part of the pages that a VM's balloon gives can be expected to free a frame: as many as lately, or if it gave
/// none yet, as many as of the pages that it may take.
fn balloon_yields(vm: &Vm) -> f64 {
    let pages = &vm.pages;
    let in_frames = (pages.private.0 + pages.shared.0) as f64;
    let mixed = in_frames / (vm.size.0.saturating_sub(pages.ballooned.0) as f64).max(1.0);
    vm.balloon.yields.unwrap_or(mixed).clamp(0.0, 1.0)
}

/// Lets VMs under their targets have their balloons back, but for the cushion, as long as `spare` frames last.
fn give_back<'a>(
    best_payers: impl Iterator<Item = (usize, &'a Vm)>,
    of: &mut [Option<Reclaim>],
    entitlements: &[Entitlement],
    mut spare: u64,
) {
    for (node, vm) in best_payers {
        let reclaim = of[node].as_mut().expect("a VM");
        let under = entitlements[node].target.0.saturating_sub(reclaim.consumed.0);
        let back = under.min(spare).min(reclaim.balloon_target.0.saturating_sub(vm.balloon.cushion.0));
        reclaim.balloon_target.0 -= back;
        spare -= back;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_pace_follows_the_pressure() {
        let gib = ByteSize::mib(1 << 10).pages();
        assert_eq!(pace(HostState::High, gib), Pace::PerSecond(GENTLE));
        assert_eq!(pace(HostState::Soft, PageCount(100)), Pace::PerSecond(GENTLE));
        assert_eq!(pace(HostState::Soft, gib), Pace::PerSecond(PageCount(gib.0.div_ceil(5))));
        assert_eq!(pace(HostState::Hard, PageCount(1)), Pace::Unlimited);
        assert_eq!(pace(HostState::Low, gib), Pace::Unlimited);
    }
}
