//! What a hart counts.

/// What a hart did, since the beginning. Nanoseconds in the MMU are an estimate from timing one
/// miss in 64; those in devices are measured each time.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct HartCounts {
    /// Instructions run, those that raised an exception among them.
    pub instructions: u64,
    /// Loads, stores and atomics, those that missed the TLB among them.
    pub accesses: u64,
    /// TLB misses of any kind, repeated ones among them.
    pub misses: u64,
    /// Accesses that were not aligned.
    pub misaligned: u64,
    /// Exceptions the guest got.
    pub exceptions: u64,
    /// Interrupts the guest got.
    pub interrupts: u64,
    /// Accesses to devices.
    pub device_accesses: u64,
    /// Time in devices' register handlers.
    pub device_nanoseconds: u64,
    /// Time translating addresses.
    pub mmu_nanoseconds: u64,
}
