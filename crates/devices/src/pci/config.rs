//! The configuration space of one PCI function: bytes, and which bits of them the guest may change.
//!
//! **Model.** Everything a guest can learn or set is in two arrays of 256 bytes, content and a mask of
//! writable bits. A BAR needs nothing more: the bits below its size are not writable, so the guest's
//! probe (write ones, read back) sees the size.
//!
//! **Sources.** PCI Local Bus Specification 3.0, chapter 6.

/// Bytes of a conventional configuration space; the rest of the 4 KiB reads as zero, which says that
/// there are no extended capabilities.
const SIZE: usize = 256;

pub(crate) const VENDOR_ID: usize = 0x00;
pub(crate) const DEVICE_ID: usize = 0x02;
pub(crate) const COMMAND: usize = 0x04;
pub(crate) const STATUS: usize = 0x06;
pub(crate) const REVISION: usize = 0x08;
pub(crate) const CLASS: usize = 0x09;
const CACHE_LINE_SIZE: usize = 0x0c;
pub(crate) const BAR0: usize = 0x10;
pub(crate) const SUBSYSTEM_VENDOR_ID: usize = 0x2c;
pub(crate) const SUBSYSTEM_ID: usize = 0x2e;
const CAPABILITIES: usize = 0x34;
const INTERRUPT_LINE: usize = 0x3c;
pub(crate) const INTERRUPT_PIN: usize = 0x3d;
const HEADER_SIZE: usize = 0x40;

/// In [`COMMAND`].
pub(crate) const MEMORY_ENABLE: u16 = 1 << 1;
pub(crate) const BUS_MASTER: u16 = 1 << 2;
pub(crate) const INTERRUPT_DISABLE: u16 = 1 << 10;
/// In [`STATUS`].
pub(crate) const INTERRUPT_STATUS: u16 = 1 << 3;
const HAS_CAPABILITIES: u16 = 1 << 4;

/// A function's configuration space with one memory BAR.
pub(crate) struct ConfigSpace {
    content: [u8; SIZE],
    writable: [u8; SIZE],
    /// Where the next capability goes, and where the pointer to it is.
    end: usize,
    last_pointer: usize,
}

impl ConfigSpace {
    /// A function whose 32-bit memory BAR 0 has `bar_size` bytes.
    ///
    /// # Panics
    /// If `bar_size` is not a power of two of at least 16.
    pub(crate) fn new(bar_size: u32) -> Self {
        assert!(bar_size.is_power_of_two() && bar_size >= 16, "no BAR has {bar_size} bytes");
        let mut space =
            Self { content: [0; SIZE], writable: [0; SIZE], end: HEADER_SIZE, last_pointer: CAPABILITIES };
        space.allow(COMMAND, &(MEMORY_ENABLE | BUS_MASTER | INTERRUPT_DISABLE).to_le_bytes());
        space.allow(CACHE_LINE_SIZE, &[0xff]);
        space.allow(BAR0, &(!(bar_size - 1)).to_le_bytes());
        space.allow(INTERRUPT_LINE, &[0xff]);
        space
    }

    /// Sets bytes, whether the guest may change them or not.
    pub(crate) fn set(&mut self, offset: usize, bytes: &[u8]) {
        self.content[offset..offset + bytes.len()].copy_from_slice(bytes);
    }

    /// Lets the guest change the bits that are set in `mask`.
    pub(crate) fn allow(&mut self, offset: usize, mask: &[u8]) {
        self.writable[offset..offset + mask.len()].copy_from_slice(mask);
    }

    /// Appends a capability of this kind, whose content after the next pointer is `body`, and gives its
    /// offset.
    ///
    /// # Panics
    /// If it does not fit.
    pub(crate) fn add_capability(&mut self, id: u8, body: &[u8]) -> usize {
        let offset = self.end;
        self.set(offset, &[id, 0]);
        self.set(offset + 2, body);
        self.set(self.last_pointer, &[offset as u8]);
        self.set(STATUS, &(self.half(STATUS) | HAS_CAPABILITIES).to_le_bytes());
        self.last_pointer = offset + 1;
        self.end = (offset + 2 + body.len()).next_multiple_of(4);
        offset
    }

    /// What the guest reads: `size` bytes, little-endian; zeros from byte 256 on.
    pub(crate) fn read(&self, offset: usize, size: usize) -> u64 {
        let bytes = (offset..offset + size).map(|at| self.content.get(at).copied().unwrap_or(0));
        bytes.rev().fold(0, |value, byte| value << 8 | u64::from(byte))
    }

    /// What the guest writes; bits that are not writable stay.
    pub(crate) fn write(&mut self, offset: usize, size: usize, value: u64) {
        let bytes = value.to_le_bytes();
        for (at, byte) in (offset..offset + size).zip(bytes).filter(|&(at, _)| at < SIZE) {
            let mask = self.writable[at];
            self.content[at] = self.content[at] & !mask | byte & mask;
        }
    }

    pub(crate) fn half(&self, offset: usize) -> u16 {
        self.read(offset, 2) as u16
    }

    pub(crate) fn word(&self, offset: usize) -> u32 {
        self.read(offset, 4) as u32
    }

    /// Where BAR 0 answers at present, if it does.
    pub(crate) fn bar(&self) -> Option<u64> {
        (self.half(COMMAND) & MEMORY_ENABLE != 0).then(|| u64::from(self.word(BAR0) & !0xf))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn writing_ones_to_the_bar_tells_its_size() {
        let mut space = ConfigSpace::new(0x4000);
        space.write(BAR0, 4, 0xffff_ffff);
        assert_eq!(space.word(BAR0), 0xffff_c000);
        space.write(BAR0, 4, 0x4000_8123);
        assert_eq!(space.bar(), None, "memory is not enabled");
        space.write(COMMAND, 2, 0xffff);
        assert_eq!(space.half(COMMAND), MEMORY_ENABLE | BUS_MASTER | INTERRUPT_DISABLE);
        assert_eq!(space.bar(), Some(0x4000_8000));
        for other in 1..6 {
            space.write(BAR0 + 4 * other, 4, 0xffff_ffff);
            assert_eq!(space.word(BAR0 + 4 * other), 0);
        }
    }

    #[test]
    fn capabilities_are_a_list() {
        let mut space = ConfigSpace::new(16);
        let first = space.add_capability(9, &[1, 2, 3]);
        let second = space.add_capability(5, &[4]);
        assert_eq!(space.half(STATUS) & HAS_CAPABILITIES, HAS_CAPABILITIES);
        assert_eq!(space.read(CAPABILITIES, 1), first as u64);
        assert_eq!(space.word(first), 0x0201_0009 | (second as u32) << 8);
        assert_eq!(space.word(second), 0x0004_0005);
        assert_eq!((first % 4, second % 4), (0, 0));
    }

    proptest! {
        #[test]
        fn only_writable_bits_change(
            writes in prop::collection::vec((0usize..5000, 1usize..=8, any::<u64>()), 0..100),
        ) {
            let mut space = ConfigSpace::new(0x1000);
            space.add_capability(9, &[7; 20]);
            let (before, writable) = (space.content, space.writable);
            for (offset, size, value) in writes {
                space.write(offset, size, value);
                prop_assert!(offset < SIZE || space.read(offset, size) == 0);
            }
            for at in 0..SIZE {
                prop_assert_eq!(space.content[at] & !writable[at], before[at] & !writable[at]);
            }
        }
    }
}
