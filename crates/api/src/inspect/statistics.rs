//! What a VM counted.

use super::technique_name;
use crate::inspect::Guest;
use machine::PageCensus;
use model::inspect::statistics::{Counts, Cpu, Device, Pages, Statistics};
use vm::TechniqueStatistics;

pub(super) fn pages(census: PageCensus) -> Pages {
    Pages {
        untouched_bytes: census.untouched.bytes().0,
        private_bytes: census.private.bytes().0,
        shared_bytes: census.shared.bytes().0,
        zero_bytes: census.zero.bytes().0,
        ballooned_bytes: census.ballooned.bytes().0,
        compressed_bytes: census.compressed.bytes().0,
        swapped_bytes: census.swapped.bytes().0,
    }
}

/// What a number is of.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Unit {
    /// Occurrences.
    Count,
    /// Time.
    Nanoseconds,
}

/// One thing that is counted under each technique.
pub struct Counter {
    /// Its name in JSON.
    pub key: &'static str,
    /// Its name for people.
    pub words: &'static str,
    /// What its number counts.
    pub unit: Unit,
    read: fn(&TechniqueStatistics) -> u64,
}

impl Counter {
    /// Its number.
    pub(crate) fn of(&self, statistics: &TechniqueStatistics) -> u64 {
        (self.read)(statistics)
    }
}

const fn count(key: &'static str, words: &'static str, read: fn(&TechniqueStatistics) -> u64) -> Counter {
    Counter { key, words, unit: Unit::Count, read }
}

const fn time(key: &'static str, words: &'static str, read: fn(&TechniqueStatistics) -> u64) -> Counter {
    Counter { key, words, unit: Unit::Nanoseconds, read }
}

/// All of them, by subject, in the order people read them.
pub const COUNTERS: [(&str, &[Counter]); 6] = [
    (
        "processor",
        &[
            count("instructions", "instructions", |s| s.hart.instructions),
            count("exceptions", "exceptions the guest got", |s| s.hart.exceptions),
            count("interrupts", "interrupts the guest got", |s| s.hart.interrupts),
            count("device_accesses", "accesses to devices", |s| s.hart.device_accesses),
        ],
    ),
    (
        "TLB",
        &[
            count("tlb_hits", "hits, for data", TechniqueStatistics::tlb_hits),
            count("tlb_data_misses", "misses, for data", |s| s.mmu.data_misses),
            count("tlb_fetch_misses", "misses, for instructions", |s| s.mmu.fetch_misses),
        ],
    ),
    (
        "translation",
        &[
            count("hidden_faults", "hidden faults (no shadow entry)", |s| s.mmu.hidden_faults),
            count("true_faults", "true faults (the guest's own)", |s| s.mmu.true_faults),
            count("walk_references", "memory references of walks", |s| s.mmu.walk_references),
            count("taken_away", "pages taken away by the host, per CPU", |s| s.mmu.taken_away),
        ],
    ),
    (
        "shadow",
        &[
            count("shadow_tables_built", "tables built", |s| s.mmu.shadow.tables_built),
            count("shadow_tables_synced", "tables synced after a fence", |s| s.mmu.shadow.tables_synced),
            count("shadow_tables_dropped", "tables dropped", |s| s.mmu.shadow.tables_dropped),
            count("shadow_entries_kept", "entries kept by a sync", |s| s.mmu.shadow.entries_kept),
            count("shadow_entries_dropped", "entries dropped", |s| s.mmu.shadow.entries_dropped),
        ],
    ),
    (
        "guest's orders",
        &[
            count("space_fences", "fences of address spaces", |s| s.mmu.space_fences),
            count("page_fences", "fences of one page", |s| s.mmu.page_fences),
            count("switches", "address space switches", |s| s.mmu.switches),
        ],
    ),
    (
        "time",
        &[
            time("guest_nanoseconds", "in the guest", TechniqueStatistics::guest_nanoseconds),
            time("mmu_nanoseconds", "in the MMU (estimate)", |s| s.hart.mmu_nanoseconds),
            time("device_nanoseconds", "in devices", |s| s.hart.device_nanoseconds),
        ],
    ),
];

fn counts(statistics: &TechniqueStatistics) -> Counts {
    let counters = COUNTERS.iter().flat_map(|(_, counters)| *counters);
    counters.map(|counter| (counter.key.to_owned(), counter.of(statistics))).collect()
}

pub(super) fn statistics(guest: &Guest) -> Statistics {
    let statistics = guest.vm.statistics();
    let (software, hardware) = (counts(&statistics.software), counts(&statistics.hardware));
    let total = software.iter().map(|(key, count)| (key.clone(), count + hardware[key])).collect();
    let cpu = |hart: &vm::HartStatistics| Cpu {
        technique: technique_name(hart.technique).to_owned(),
        instructions: hart.instructions,
        shadow_tables: hart.shadow_tables,
        shadow_bytes: hart.shadow_bytes,
        code_bytes: hart.code_bytes,
    };
    let device = |(name, stats): (&str, devices::DeviceStats)| Device {
        name: name.to_owned(),
        accesses: stats.accesses,
        kicks: stats.kicks,
        interrupts: stats.interrupts,
        worker_nanoseconds: stats.worker_time.as_nanos() as u64,
        bad_requests: stats.bad_requests,
        last_bad: stats.last_bad,
    };
    Statistics {
        name: guest.vm.name().to_owned(),
        uptime_seconds: guest.started.elapsed().as_secs(),
        mmu: guest.vm.mmu().to_string(),
        reason: statistics.choice.reason,
        software,
        hardware,
        total,
        cpus: statistics.harts.iter().map(cpu).collect(),
        pages: pages(statistics.pages),
        devices: statistics.devices.into_iter().map(device).collect(),
    }
}
