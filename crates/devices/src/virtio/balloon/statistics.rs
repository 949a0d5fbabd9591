//! What a guest says of its own memory.
//!
//! **Sources.** VIRTIO 1.2, section 5.5.6.4.

use addr::ByteSize;

/// Bytes of a figure: a tag of 16 bits and a value of 64, packed.
pub(super) const ENTRY: usize = 10;
/// Bytes that are looked at; there are fewer than 64 kinds of figures.
pub(super) const MOST: usize = 64 * ENTRY;

/// More than any guest has had time for: a count beyond is none.
const MOST_KILLS: u64 = u32::MAX as u64;

/// A guest's own figures, as far as its driver gives them and they can be: one of more memory than the VM has is left
/// out. Nobody has checked them otherwise.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct GuestStatistics {
    /// Memory read back from the guest's own swap space since its start.
    pub swapped_in: Option<ByteSize>,
    /// Memory written to it.
    pub swapped_out: Option<ByteSize>,
    /// Page faults since its start that had to wait for a disk.
    pub major_faults: Option<u64>,
    /// Page faults since its start that had not.
    pub minor_faults: Option<u64>,
    /// Memory used for nothing.
    pub free: Option<ByteSize>,
    /// Memory the guest's kernel manages. Linux counts pages in the balloon in, if its driver takes them back
    /// when memory runs out.
    pub total: Option<ByteSize>,
    /// An estimate of what programs could get without swapping.
    pub available: Option<ByteSize>,
    /// Caches of files, which the guest can drop.
    pub disk_caches: Option<ByteSize>,
    /// Programs killed since its start because memory ran out; fewer than 2³².
    pub oom_kills: Option<u64>,
    /// Times since its start that a program had to reclaim memory itself to get some.
    pub allocation_stalls: Option<u64>,
}

impl GuestStatistics {
    /// Reads a list of figures. Tags without a field here are passed over, as is an incomplete entry at the
    /// end; of several figures with one tag the last counts. What is part of the guest's memory is no more than `memory`.
    pub(super) fn parse(bytes: &[u8], memory: ByteSize) -> Self {
        let mut statistics = Self::default();
        for entry in bytes.as_chunks::<ENTRY>().0 {
            let [t0, t1, value @ ..] = *entry;
            let value = u64::from_le_bytes(value);
            let size = Some(ByteSize(value));
            let part = size.filter(|&size| size <= memory);
            match u16::from_le_bytes([t0, t1]) {
                0 => statistics.swapped_in = size,
                1 => statistics.swapped_out = size,
                2 => statistics.major_faults = Some(value),
                3 => statistics.minor_faults = Some(value),
                4 => statistics.free = part,
                5 => statistics.total = part,
                6 => statistics.available = part,
                7 => statistics.disk_caches = part,
                10 => statistics.oom_kills = Some(value).filter(|&kills| kills <= MOST_KILLS),
                11 => statistics.allocation_stalls = Some(value),
                _ => {}
            }
        }
        statistics
    }
}
