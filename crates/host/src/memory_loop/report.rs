//! From what was measured to what people read.

use super::watched::Watched;
use super::{MemoryLoop, guest};
use crate::host::by_pool;
use crate::inventory::Inventory;
use crate::measured::Measured;
use addr::{ByteSize, PageCount};
use machine::FrameUse;
use model::{HostStatus, Ledger, LoopStatus, Metrics, PoolStatus, StateSeconds, VmStatus};
use sched::admission::{Account, accounts};
use sched::{Plan, PoolId, PoolPlan, Snapshot, plan};
use std::collections::BTreeMap;
use std::sync::Arc;

impl MemoryLoop {
    /// Lets everybody see what was measured.
    pub(super) fn publish(&self, snapshot: Snapshot, usage: &FrameUse) {
        // The plan in force may not know a VM that just started.
        let known = |plan: &&Plan| snapshot.vms.iter().all(|vm| plan.vm(vm.id).is_some());
        let planned = match self.plan.as_ref().filter(known) {
            Some(planned) => planned.clone(),
            None => match plan(&snapshot) {
                Ok(planned) => planned,
                Err(_) => return,
            },
        };
        let status = {
            let inventory = self.core.inventory.lock();
            let mut vms: Vec<VmStatus> = snapshot
                .vms
                .iter()
                .filter_map(|vm| self.vm_status(&inventory, &snapshot, vm, &planned))
                .collect();
            vms.sort_by(|a, b| a.name.cmp(&b.name));
            let of_host = of_host(&snapshot, &planned, usage, self.core.clock.milliseconds());
            HostStatus {
                ledger: Ledger {
                    beside_pool_bytes: self.beside_pool.map(PageCount::bytes),
                    ..of_host.ledger
                },
                memory_limit: self.limit.shown(),
                sums: sums(&vms),
                vms,
                pools: pools(&snapshot, &planned),
                memory_loop: self.status,
                state_seconds: self.state_seconds,
                file_troubles: self.core.files.shown(),
                ..of_host
            }
        };
        let counted = self.vms.values();
        let counted =
            counted.filter_map(|vm| Some((vm.running.name.clone(), vm.statistics.clone()?))).collect();
        let (status, changes) = (Arc::new(status), self.changes);
        self.core.set_measured(Measured { snapshot, plan: planned, status, changes, counted });
    }

    fn vm_status(
        &self,
        inventory: &Inventory,
        snapshot: &Snapshot,
        vm: &sched::Vm,
        plan: &Plan,
    ) -> Option<VmStatus> {
        let watched = self.vms.get(&vm.id)?;
        let planned = plan.vm(vm.id)?;
        let settings = &snapshot.host.settings;
        let running = &watched.running;
        let estimate = watched.activity.estimate(settings.sample_active_percent_min);
        let known = estimate.slow.is_some();
        let guest = watched.balloon.as_ref().and_then(guest::said);
        let (kills, kills_lately) = watched.guest.kills(self.second);
        Some(VmStatus {
            name: vm.name.clone(),
            id: vm.id.0.into(),
            pool: inventory.vms.get(&vm.name)?.spec.pool.clone(),
            uptime_seconds: running.since.elapsed().as_secs_f64(),
            paused: running.vm.get().is_some_and(|vm| vm.is_paused()),
            size_bytes: vm.size.bytes(),
            reservation_bytes: vm.controls.reservation.bytes(),
            limit_bytes: vm.controls.limit.map(PageCount::bytes),
            shares: vm.controls.shares.of_vm(vm.size),
            metrics: Metrics {
                active_write_bytes: watched.active_write(settings, &vm.pages).bytes(),
                ..metrics(vm, planned, watched)
            },
            totals: watched.totals(),
            bound: Some(planned.entitlement.bound),
            worst_case_bytes: Some(planned.worst_case.bytes()),
            active_part: known.then_some(estimate.fraction),
            active_error: known.then_some(estimate.error),
            active_slow: estimate.slow,
            active_fast: estimate.fast,
            active_next: estimate.next,
            balloon_max_bytes: sched::reclaim::balloon_cap(vm, settings).bytes(),
            balloon_conduct: vm.balloon.conduct,
            allowance: Some(planned.allowance),
            guest: watched.guest.state(),
            guest_oom_kills: kills,
            guest_oom_kills_lately: kills_lately,
            guest_free_bytes: guest.and_then(|guest| guest.free),
            guest_available_bytes: guest.and_then(|guest| guest.available),
            running: watched.rates.running,
            idle: watched.rates.idle,
            latency: watched.rates.latency,
            waiting: watched.rates.waiting,
            slowed: watched.slowdown.slowed,
            swap_failure: running.swap_failure(),
        })
    }
}

fn metrics(vm: &sched::Vm, planned: &sched::VmPlan, watched: &Watched) -> Metrics {
    let pages = &vm.pages;
    let rates = watched.rates;
    let common = PageCount(pages.shared.0.saturating_sub(pages.shared_saved.0));
    Metrics {
        granted_bytes: pages.granted().bytes(),
        consumed_bytes: pages.consumed().bytes(),
        active_bytes: vm.active.bytes(),
        active_write_bytes: ByteSize(0),
        private_bytes: pages.private.bytes(),
        shared_bytes: PageCount(pages.shared.0 + pages.zero.0).bytes(),
        shared_common_bytes: common.bytes(),
        zero_bytes: pages.zero.bytes(),
        ballooned_bytes: pages.ballooned.bytes(),
        balloon_target_bytes: planned.reclaim.balloon_target.bytes(),
        compressed_bytes: pages.compressed.bytes(),
        zip_used_bytes: pages.zip_frames.bytes(),
        zip_saved_bytes: PageCount(pages.compressed.0.saturating_sub(pages.zip_frames.0)).bytes(),
        swapped_bytes: pages.swapped.bytes(),
        swap_target_bytes: PageCount(pages.swapped.0 + watched.running.to_take().0).bytes(),
        untouched_bytes: pages.untouched.bytes(),
        entitlement_bytes: planned.entitlement.target.bytes(),
        overhead_bytes: vm.overhead.used.bytes(),
        overhead_reserved_bytes: vm.overhead.reserved.bytes(),
        swap_in_bytes_per_second: rates.swap_in,
        swap_out_bytes_per_second: rates.swap_out,
        decompressed_bytes_per_second: rates.decompressed,
        compressed_bytes_per_second: rates.compressed,
        scanned_bytes_per_second: rates.scanned,
    }
}

/// What all machine memory is used for.
fn ledger(usage: &FrameUse, host: PageCount) -> Ledger {
    Ledger {
        total_bytes: usage.total.bytes(),
        free_bytes: usage.available().bytes(),
        private_bytes: usage.private.bytes(),
        shared_bytes: usage.shared.bytes(),
        zip_bytes: usage.zip.bytes(),
        in_flight_bytes: usage.in_flight.bytes(),
        overhead_bytes: usage.overhead.bytes(),
        host_overhead_bytes: host.bytes(),
        deficit_bytes: usage.deficit().bytes(),
        beside_pool_bytes: None,
    }
}

/// Before anything was measured.
pub(crate) fn before_anything(
    snapshot: &Snapshot,
    plan: &Plan,
    usage: &FrameUse,
    at_milliseconds: u64,
) -> HostStatus {
    HostStatus { pools: pools(snapshot, plan), ..of_host(snapshot, plan, usage, at_milliseconds) }
}

/// The host without its VMs and pools.
fn of_host(snapshot: &Snapshot, plan: &Plan, usage: &FrameUse, at_milliseconds: u64) -> HostStatus {
    let account = accounts(snapshot).ok().and_then(|accounts| accounts.into_iter().next());
    let account = |of: fn(&Account) -> PageCount| account.as_ref().map(of).unwrap_or_default().bytes();
    let promised: u64 =
        snapshot.vms.iter().map(|vm| vm.controls.ceiling(vm.size).0 + vm.overhead.reserved.0).sum();
    let there = snapshot.host.memory.0.saturating_sub(snapshot.host.overhead.0).max(1);
    let swap = snapshot.vms.iter().map(|vm| vm.size.0.saturating_sub(vm.controls.reservation.0));
    HostStatus {
        at_milliseconds,
        state: snapshot.host.state,
        thresholds: plan.host.thresholds.into(),
        ledger: ledger(usage, snapshot.host.overhead),
        unreserved_bytes: account(|account| account.unreserved),
        reserved_bytes: account(|account| account.used),
        overcommitment: (promised as f64 / there as f64 - 1.0).max(0.0),
        memory_limit: None,
        swap_total_bytes: PageCount(swap.sum()).bytes(),
        sums: Metrics::default(),
        memory_loop: LoopStatus::default(),
        state_seconds: StateSeconds::default(),
        file_troubles: Vec::new(),
        vms: Vec::new(),
        pools: Vec::new(),
    }
}

/// What VMs have together.
fn sums(vms: &[VmStatus]) -> Metrics {
    let mut sums = Metrics::default();
    for vm in vms {
        sums.add(&vm.metrics);
    }
    sums
}

/// Every resource pool, by name.
fn pools(snapshot: &Snapshot, plan: &Plan) -> Vec<PoolStatus> {
    let accounts = accounts(snapshot).unwrap_or_default();
    let accounts = by_pool(&accounts);
    let planned: BTreeMap<PoolId, &PoolPlan> = plan.pools.iter().map(|pool| (pool.id, pool)).collect();
    let names: BTreeMap<PoolId, &String> = snapshot.pools.iter().map(|pool| (pool.id, &pool.name)).collect();
    let pools = snapshot.pools.iter().filter_map(|pool| {
        let account = accounts.get(&pool.id)?;
        Some(PoolStatus {
            name: pool.name.clone(),
            parent: pool.parent.and_then(|id| names.get(&id).map(ToString::to_string)),
            entitlement_bytes: planned.get(&pool.id).map(|pool| pool.entitlement.target.bytes()),
            reservation_used_bytes: account.used.bytes(),
            unreserved_bytes: account.unreserved.bytes(),
        })
    });
    pools.collect()
}
