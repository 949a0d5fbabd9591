//! What a VM counted.

use addr::ByteSize;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::fmt;
use utoipa::ToSchema;

/// Counts by their keys; `api::inspect` says what a key means.
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
