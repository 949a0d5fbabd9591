//! Where a guest's kernel says that it panicked: a pvpanic device of one register of one byte.
//!
//! **Model.** A read gives the events the device knows, a write says which have happened. Linux writes `PANICKED` when it
//! panics and no other kernel has been loaded to take over, and `CRASH_LOADED` when one has.
//!
//! **Invariants.** What is said stays said until the VM ends: a guest that panicked does not come back.
//!
//! **Sources.** QEMU `docs/specs/pvpanic.rst`; Linux `drivers/misc/pvpanic/pvpanic-mmio.c`, which finds the device by
//! `qemu,pvpanic-mmio` in the device tree.

use crate::MmioDevice;
use crate::stats::{Counters, DeviceStats};
use std::sync::atomic::{AtomicBool, Ordering};

/// The guest panicked, and stays so.
const PANICKED: u64 = 1 << 0;
/// The guest panicked, and another kernel takes over to write its memory down.
const CRASH_LOADED: u64 = 1 << 1;
const KNOWN: u64 = PANICKED | CRASH_LOADED;

/// Where the guest says that it panicked. See the module's documentation.
#[derive(Default)]
pub struct PanicPort {
    panicked: AtomicBool,
    counters: Counters,
}

impl PanicPort {
    /// Whether the guest said that it panicked and that nothing takes over.
    pub fn panicked(&self) -> bool {
        self.panicked.load(Ordering::Relaxed)
    }

    /// What was counted so far.
    pub fn stats(&self) -> DeviceStats {
        self.counters.read()
    }
}

impl MmioDevice for PanicPort {
    fn read(&self, offset: u64, size: u8) -> u64 {
        self.counters.access();
        if (offset, size) == (0, 1) {
            return KNOWN;
        }
        self.counters.bad(format_args!("{size}-byte read at {offset:#x}: there is 1 register of 1 byte"));
        0
    }

    fn write(&self, offset: u64, size: u8, value: u64) {
        self.counters.access();
        if (offset, size) != (0, 1) || value & !KNOWN != 0 {
            self.counters.bad(format_args!("{size}-byte write of {value:#x} at {offset:#x}: no such event"));
        } else if value & PANICKED != 0 {
            self.panicked.store(true, Ordering::Relaxed);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_guest_has_panicked_when_it_says_so_and_stays_so() {
        let port = PanicPort::default();
        assert_eq!(port.read(0, 1), 3);
        port.write(0, 1, CRASH_LOADED);
        assert!(!port.panicked());
        port.write(0, 1, PANICKED);
        assert!(port.panicked());
        port.write(0, 1, CRASH_LOADED);
        assert!(port.panicked());
        assert_eq!(port.stats().bad_requests, 0);
    }

    #[test]
    fn anything_else_says_nothing() {
        let port = PanicPort::default();
        for (offset, size, value) in [(0, 1, 4), (0, 1, 0xff), (0, 2, 1), (1, 1, 1), (0xf8, 8, u64::MAX)] {
            port.write(offset, size, value);
        }
        assert_eq!((port.read(0, 4), port.read(1, 1)), (0, 0));
        assert!(!port.panicked());
        assert_eq!(port.stats().bad_requests, 7);
    }
}
