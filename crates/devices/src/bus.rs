//! The physical address bus: which device answers at an address.

use crate::map::GpaRange;
use addr::Gpa;
use std::sync::Arc;

/// What answers on the bus. Called under a vCPU's lock: an implementation is short, never blocks and
/// never touches guest memory.
pub trait MmioDevice: Send + Sync {
    /// Reads `size` bytes (1, 2, 4 or 8), little-endian, `offset` bytes into the device's range.
    fn read(&self, offset: u64, size: u8) -> u64;

    /// Writes the low `size` bytes (1, 2, 4 or 8) of `value`.
    fn write(&self, offset: u64, size: u8, value: u64);
}

/// One VM's bus. Devices are added while the VM is built; then all vCPUs share it.
#[derive(Default)]
pub struct Bus {
    devices: Vec<(GpaRange, Arc<dyn MmioDevice>)>,
}

impl Bus {
    /// A bus with nothing on it.
    pub fn new() -> Self {
        Self::default()
    }

    /// Puts a device on the bus.
    ///
    /// # Panics
    /// If another device is already in the range.
    pub fn add(&mut self, range: GpaRange, device: Arc<dyn MmioDevice>) {
        for (other, _) in &self.devices {
            let apart = range.end() <= other.start || other.end() <= range.start;
            assert!(apart, "two devices at {range:?} and {other:?}");
        }
        self.devices.push((range, device));
    }

    /// Reads `size` bytes at `gpa`; `None` if nobody is there, which is an access fault.
    pub fn read(&self, gpa: Gpa, size: u8) -> Option<u64> {
        let (device, offset) = self.find(gpa, size)?;
        Some(device.read(offset, size))
    }

    /// Writes the low `size` bytes of `value` at `gpa`; `None` if nobody is there, which is an access
    /// fault.
    pub fn write(&self, gpa: Gpa, size: u8, value: u64) -> Option<()> {
        let (device, offset) = self.find(gpa, size)?;
        device.write(offset, size, value);
        Some(())
    }

    fn find(&self, gpa: Gpa, size: u8) -> Option<(&dyn MmioDevice, u64)> {
        debug_assert!(matches!(size, 1 | 2 | 4 | 8), "{size} bytes");
        self.devices
            .iter()
            .find_map(|(range, device)| Some((device.as_ref(), range.offset_of(gpa, size.into())?)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::map;
    use std::sync::atomic::{AtomicU64, Ordering};

    struct Cell(AtomicU64);

    impl MmioDevice for Cell {
        fn read(&self, offset: u64, size: u8) -> u64 {
            self.0.load(Ordering::Relaxed) + offset * 16 + u64::from(size)
        }

        fn write(&self, _: u64, _: u8, value: u64) {
            self.0.store(value, Ordering::Relaxed);
        }
    }

    #[test]
    fn only_what_lies_wholly_in_a_range_is_answered() {
        let mut bus = Bus::new();
        bus.add(map::UART, Arc::new(Cell(AtomicU64::new(0))));
        let start = map::UART.start;
        assert_eq!(bus.write(start, 8, 0x100), Some(()));
        assert_eq!(bus.read(start.wrapping_add(2), 4), Some(0x124));
        assert_eq!(bus.read(map::UART.end(), 1), None);
        assert_eq!(bus.read(start.wrapping_add(u64::MAX), 1), None);
        assert_eq!(bus.read(map::UART.end().wrapping_add(u64::MAX), 2), None, "half outside");
        assert_eq!(bus.write(Gpa(u64::MAX), 8, 0), None);
    }

    #[test]
    #[should_panic(expected = "two devices")]
    fn two_devices_cannot_share_an_address() {
        let mut bus = Bus::new();
        bus.add(map::UART, Arc::new(Cell(AtomicU64::new(0))));
        bus.add(map::UART, Arc::new(Cell(AtomicU64::new(0))));
    }
}
