//! From what was measured to readings of each subject.
//!
//! **Model.** Rates are those of a second and jump; rules look at an average over some seconds. What is not known of a VM, or not
//! yet, is a reading without a value.

use crate::disks::Known;
use model::{FileState, FileTrouble, HostStatus, VmStatus};
use sched::alarm::{Reading, Scope, Subject, Target};
use sched::balloon::Conduct;
use std::collections::{BTreeMap, BTreeSet};

/// The average is one in which the last second counts for one part in so many.
const MEMORY: f64 = 10.0;
/// Seconds in which a guest may boot before its balloon driver is missed.
const BOOT: f64 = 300.0;

/// What is known at a moment.
pub(super) struct Seen<'a> {
    pub(super) status: &'a HostStatus,
    /// Directories of swap files, and how much of their disks is free, in percent.
    pub(super) disks: Vec<(String, f64)>,
    /// VMs that were wanted on when the host opened, and do not run again yet.
    pub(super) awaited: &'a BTreeSet<String>,
    /// How the last start of a VM went, as the number of a word.
    pub(super) starts: BTreeMap<String, f64>,
}

/// Averages of what jumps from second to second: swap-in and waiting of each VM.
#[derive(Default)]
pub(super) struct Rates(BTreeMap<String, [f64; 2]>);

impl Rates {
    /// Those of all VMs after one more second.
    fn second(&mut self, vms: &[VmStatus]) {
        let after = vms.iter().map(|vm| {
            let before = self.0.get(&vm.name).copied().unwrap_or_default();
            let waits = (vm.latency + vm.waiting).min(1.0) * 100.0;
            let now = [vm.metrics.swap_in_bytes_per_second.0 as f64, waits];
            let average = |(before, now): (f64, f64)| before + (now - before) / MEMORY;
            (vm.name.clone(), [0, 1].map(|which| average((before[which], now[which]))))
        });
        self.0 = after.collect();
    }
}

/// A reading of everything there is.
pub(super) fn readings(seen: &Seen<'_>, rates: &mut Rates) -> Vec<Reading> {
    rates.second(&seen.status.vms);
    let mut readings = of_host(seen.status);
    let disks = seen.disks.iter();
    readings.extend(disks.map(|(directory, free)| Reading {
        subject: Subject::SwapDiskFree,
        on: Target::Directory(directory.clone()),
        value: Some(*free),
    }));
    for vm in &seen.status.vms {
        readings.extend(of_vm(vm, rates.0[&vm.name]));
    }
    readings.extend(seen.starts.iter().map(|(name, word)| Reading {
        subject: Subject::VmStart,
        on: Target::Vm(name.clone()),
        value: Some(*word),
    }));
    for name in seen.awaited {
        let is_known = |subject| subject == Subject::VmStart && seen.starts.contains_key(name);
        let subjects =
            Subject::ALL.into_iter().filter(|subject| subject.scope() == Scope::Vm && !is_known(*subject));
        readings.extend(subjects.map(|subject| Reading {
            subject,
            on: Target::Vm(name.clone()),
            value: None,
        }));
    }
    readings
}

fn of_host(status: &HostStatus) -> Vec<Reading> {
    let ledger = &status.ledger;
    let limit = status.memory_limit.as_ref();
    let lacks = limit.map_or(0.0, |limit| percent(limit.lacks_bytes.0, limit.needed_bytes.0));
    [
        (Subject::HostState, status.state.into()),
        (Subject::HostFree, percent(ledger.free_bytes.0, ledger.total_bytes.0)),
        (Subject::HostOvercommitment, status.overcommitment * 100.0),
        (Subject::HostMemoryLimit, lacks),
        (Subject::HostFiles, files(&status.file_troubles)),
    ]
    .map(|(subject, value)| Reading { subject, on: Target::Host, value: Some(value) })
    .to_vec()
}

/// How bad the worst trouble of a file is: the number of its word.
fn files(troubles: &[FileTrouble]) -> f64 {
    let worst = troubles.iter().map(|trouble| trouble.state).max();
    worst.map_or(0.0, |state| if state == FileState::Unwritten { 2.0 } else { 1.0 })
}

fn of_vm(vm: &VmStatus, [swap_in, waiting]: [f64; 2]) -> Vec<Reading> {
    let metrics = &vm.metrics;
    let of_size = |bytes: addr::ByteSize| Some(percent(bytes.0, vm.size_bytes.0));
    let boots = vm.balloon_conduct == Conduct::Absent && vm.uptime_seconds < BOOT;
    let values = [
        // Before the first sample has ended, nothing is known of what a VM uses.
        (Subject::VmActive, of_size(metrics.active_bytes).filter(|_| vm.active_part.is_some())),
        (Subject::VmConsumed, vm.limit_bytes.map(|limit| percent(metrics.consumed_bytes.0, limit.0))),
        (Subject::VmBallooned, of_size(metrics.ballooned_bytes)),
        (Subject::VmCompressed, of_size(metrics.compressed_bytes)),
        (Subject::VmSwapped, of_size(metrics.swapped_bytes)),
        (Subject::VmSwapIn, Some(swap_in)),
        (Subject::VmWaiting, Some(waiting)),
        (Subject::VmBalloonDriver, Some(vm.balloon_conduct.into()).filter(|_| !boots)),
        (Subject::VmGuest, Some(vm.guest.into())),
        (Subject::VmGuestOomKills, vm.guest_oom_kills.map(|_| vm.guest_oom_kills_lately as f64)),
    ];
    // A limit that was taken away is none to be near.
    let measured =
        values.into_iter().filter(|(subject, _)| *subject != Subject::VmConsumed || vm.limit_bytes.is_some());
    measured.map(|(subject, value)| Reading { subject, on: Target::Vm(vm.name.clone()), value }).collect()
}

fn percent(part: u64, whole: u64) -> f64 {
    part as f64 / whole.max(1) as f64 * 100.0
}

/// How much of the disk below a directory is free, as it said last; `None` if nobody knows.
pub(super) fn disk(known: &Known) -> Option<(String, f64)> {
    let space = known.space?;
    Some((known.directory.display().to_string(), percent(space.free.0, space.total.0)))
}
