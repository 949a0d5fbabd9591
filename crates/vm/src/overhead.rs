//! What a VM costs beyond its guest's memory.
//!
//! **Model.** Memory of the host's process, outside the pool: the pmap, what the stores keep about pages,
//! and for each vCPU its TLB, shadow tables, decoded code and stack. What has a size of its own is
//! measured; the rest, which hardly differs between VMs, is an allowance.
//!
//! **Cost.** One hold of each hart's lock.

use crate::statistics::HartStatistics;
use crate::vm::Vm;
use addr::{ByteSize, PageCount};
use machine::{Pmap, StoreUse};
use mmu::{Mmu, Tlb};
use riscv::Hart;

/// Devices, their workers' stacks, buffers and small things. Of the stacks of the demo's threads, 14 KiB each are in use.
const FIXED: ByteSize = ByteSize::kib(384);
/// A vCPU's stack as far as it is used, and its registers and spaces.
const PER_CPU: ByteSize = ByteSize::kib(64);

impl Vm {
    /// What the VM costs now beyond its guest's memory.
    pub fn overhead(&self) -> ByteSize {
        self.overhead_with(&self.statistics().harts)
    }

    /// The same, for who has asked for its harts' part already; takes none of their locks.
    pub fn overhead_with(&self, harts: &[HartStatistics]) -> ByteSize {
        let mut bytes = fixed(self.shared.memory.pmap().size());
        bytes += harts
            .iter()
            .map(|hart| PER_CPU.0 + Tlb::BYTES + hart.shadow_bytes + hart.code_bytes)
            .sum::<u64>();
        bytes += self.shared.memory.stores().bytes();
        ByteSize(bytes)
    }

    /// What a VM with so much memory and so many vCPUs may come to cost.
    pub fn most_overhead(memory: ByteSize, cpus: u32) -> ByteSize {
        let size = memory.pages();
        let per_cpu = PER_CPU.0 + Tlb::BYTES + Mmu::most_shadow_bytes(size) + Hart::MOST_CODE_BYTES;
        ByteSize(fixed(size) + u64::from(cpus) * per_cpu + StoreUse::most_bytes(size))
    }
}

fn fixed(size: PageCount) -> u64 {
    FIXED.0 + size.0 * Pmap::BYTES_PER_PAGE
}
