//! What a VM costs beyond its guest's memory.
//!
//! **Model.** Memory of the host's process, outside the pool: the pmap, what the stores keep about pages,
//! and for each vCPU its TLB, shadow tables, decoded code and stack. What has a size of its own is
//! measured; the rest, which hardly differs between VMs, is an allowance. Shadow tables and decoded code are caches.

use crate::vm::Vm;
use addr::{ByteSize, PageCount};
use machine::{CacheCharge, Pmap, StoreUse};
use mmu::{Mmu, Tlb};
use riscv::Hart;

/// Devices, their workers' stacks, buffers and small things. Of the stacks of the demo's threads, 14 KiB each are in use.
const FIXED: ByteSize = ByteSize::kib(384);
/// A vCPU's stack as far as it is used, and its registers and spaces.
const PER_CPU: ByteSize = ByteSize::kib(64);

impl Vm {
    /// What the VM costs now beyond its guest's memory.
    pub fn overhead(&self) -> ByteSize {
        ByteSize(self.overhead_beside_caches().0 + self.shared.memory.caches().used.0)
    }

    /// The same without its vCPUs' caches, which are charged as they grow ([`machine::VmMemory::caches`]).
    pub fn overhead_beside_caches(&self) -> ByteSize {
        let memory = &self.shared.memory;
        let per_cpu = PER_CPU.0 + Tlb::BYTES;
        ByteSize(fixed(memory.pmap().size()) + self.cpus() as u64 * per_cpu + memory.stores().bytes())
    }

    /// What a VM with so much memory and so many vCPUs may come to cost.
    pub fn most_overhead(memory: ByteSize, cpus: u32) -> ByteSize {
        let size = memory.pages();
        let caches =
            CacheCharge::most(Mmu::most_shadow_bytes(size)).0 + CacheCharge::most(Hart::MOST_CODE_BYTES).0;
        let per_cpu = PER_CPU.0 + Tlb::BYTES + caches;
        ByteSize(fixed(size) + u64::from(cpus) * per_cpu + StoreUse::most_bytes(size))
    }
}

fn fixed(size: PageCount) -> u64 {
    FIXED.0 + size.0 * Pmap::BYTES_PER_PAGE
}
