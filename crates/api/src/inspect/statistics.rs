//! What a VM counted.

use super::technique_name;
use crate::inspect::Guest;
use addr::ByteSize;
use machine::PageCensus;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::fmt;
use utoipa::ToSchema;
use vm::TechniqueStatistics;

/// Counts by their keys; what a key means is in [`COUNTERS`].
pub type Counts = BTreeMap<String, u64>;

/// Everything a VM counts.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
pub struct Statistics {
    /// The VM.
    pub name: String,
    /// How long it has been running.
    pub uptime_seconds: u64,
    /// automatic, software, hardware.
    pub mmu: String,
    /// Why the technique in use is.
    pub reason: String,
    /// Counted under shadow page tables.
    #[schema(value_type = BTreeMap<String, u64>)]
    pub software: Counts,
    /// Counted under two-stage walks.
    #[schema(value_type = BTreeMap<String, u64>)]
    pub hardware: Counts,
    /// Both together.
    #[schema(value_type = BTreeMap<String, u64>)]
    pub total: Counts,
    /// Each vCPU.
    pub cpus: Vec<Cpu>,
    /// What its pages are.
    pub pages: Pages,
    /// Each device.
    pub devices: Vec<Device>,
}

/// One virtual processor now.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
pub struct Cpu {
    /// software or hardware.
    pub technique: String,
    /// Instructions executed.
    pub instructions: u64,
    /// Shadow tables it has.
    pub shadow_tables: usize,
    /// Memory they take.
    pub shadow_bytes: u64,
    /// Memory of decoded code.
    pub code_bytes: u64,
}

/// What a VM's pages are.
#[derive(Clone, Copy, Debug, Default, Serialize, Deserialize, ToSchema)]
pub struct Pages {
    /// Never used, or given back.
    pub untouched_bytes: u64,
    /// In frames of their own.
    pub private_bytes: u64,
    /// In frames shared with equal pages.
    pub shared_bytes: u64,
    /// Known to be zeros.
    pub zero_bytes: u64,
    /// In the balloon.
    pub ballooned_bytes: u64,
    /// In the zip store.
    pub compressed_bytes: u64,
    /// In the swap file.
    pub swapped_bytes: u64,
}

impl Pages {
    /// The states with their names, in the order of a page's life.
    pub fn by_state(&self) -> [(&'static str, ByteSize); 7] {
        [
            ("private", self.private_bytes),
            ("shared", self.shared_bytes),
            ("zero", self.zero_bytes),
            ("ballooned", self.ballooned_bytes),
            ("compressed", self.compressed_bytes),
            ("swapped", self.swapped_bytes),
            ("untouched", self.untouched_bytes),
        ]
        .map(|(name, bytes)| (name, ByteSize(bytes)))
    }
}

/// The states that pages are in, in words.
impl fmt::Display for Pages {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let states = self.by_state();
        let present = states.iter().filter(|(name, size)| *size != ByteSize(0) || *name == "private");
        let words: Vec<String> = present.map(|(name, size)| format!("{size} {name}")).collect();
        f.write_str(&words.join(", "))
    }
}

impl From<PageCensus> for Pages {
    fn from(census: PageCensus) -> Self {
        Self {
            untouched_bytes: census.untouched.bytes().0,
            private_bytes: census.private.bytes().0,
            shared_bytes: census.shared.bytes().0,
            zero_bytes: census.zero.bytes().0,
            ballooned_bytes: census.ballooned.bytes().0,
            compressed_bytes: census.compressed.bytes().0,
            swapped_bytes: census.swapped.bytes().0,
        }
    }
}

/// One device.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
pub struct Device {
    /// What it is.
    pub name: String,
    /// Register accesses.
    pub accesses: u64,
    /// Times the guest said there is work.
    pub kicks: u64,
    /// Interrupts it raised.
    pub interrupts: u64,
    /// Processor time that its own thread used.
    pub worker_nanoseconds: u64,
    /// Requests that make no sense.
    pub bad_requests: u64,
    /// The last of them, in words.
    pub last_bad: Option<String>,
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

impl Statistics {
    pub(crate) fn new(guest: &Guest) -> Self {
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
        Self {
            name: guest.vm.name().to_owned(),
            uptime_seconds: guest.started.elapsed().as_secs(),
            mmu: guest.vm.mmu().to_string(),
            reason: statistics.choice.reason,
            software,
            hardware,
            total,
            cpus: statistics.harts.iter().map(cpu).collect(),
            pages: statistics.pages.into(),
            devices: statistics.devices.into_iter().map(device).collect(),
        }
    }
}
