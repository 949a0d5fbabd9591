//! Where everything is in a guest's physical address space, and which interrupt is whose.
//!
//! The addresses are those of QEMU's `virt` machine where it has the same device, so that a kernel
//! built with a fixed early console finds it.

use addr::{ByteSize, Gpa};

/// A stretch of guest physical addresses.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct GpaRange {
    /// The first address.
    pub start: Gpa,
    /// How many bytes.
    pub size: ByteSize,
}

impl GpaRange {
    const fn new(start: u64, size: u64) -> Self {
        Self { start: Gpa(start), size: ByteSize(size) }
    }

    /// The first address after the range. The ranges of this module end well below 2⁶⁴.
    pub const fn end(self) -> Gpa {
        Gpa(self.start.0 + self.size.0)
    }

    /// The offset of `gpa` in the range, if all of `bytes` from there lie in it.
    #[inline]
    pub fn offset_of(self, gpa: Gpa, bytes: u64) -> Option<u64> {
        let offset = gpa.0.checked_sub(self.start.0)?;
        (offset < self.size.0 && self.size.0 - offset >= bytes).then_some(offset)
    }
}

/// The interrupt controller, see [`crate::Plic`].
pub const PLIC: GpaRange = GpaRange::new(0x0c00_0000, 0x0400_0000);
/// The clock, see [`crate::Rtc`].
pub const RTC: GpaRange = GpaRange::new(0x0010_1000, 0x1000);
/// Where a guest says that it panicked, see [`crate::PanicPort`].
pub const PANIC: GpaRange = GpaRange::new(0x0010_2000, 0x100);
/// The serial port: eight registers of one byte.
pub const UART: GpaRange = GpaRange::new(0x1000_0000, 0x100);
/// PCI configuration space of bus 0: 32 slots of 8 functions of 4 KiB.
pub const ECAM: GpaRange = GpaRange::new(0x3000_0000, 0x0010_0000);
/// Where the guest may place the BARs of PCI functions. PCI and guest physical addresses are equal.
pub const PCI_WINDOW: GpaRange = GpaRange::new(0x4000_0000, 0x4000_0000);
/// Where memory begins.
pub const RAM_START: Gpa = Gpa(0x8000_0000);

/// What the serial port's clock is said to run at, in hertz; nothing depends on it.
pub const UART_CLOCK: u32 = 3_686_400;

/// Interrupt sources of the PLIC, counted from 1: `riscv,ndev` of the device tree.
pub const PLIC_SOURCES: u32 = 63;
/// The serial port's interrupt source.
pub const UART_SOURCE: u32 = 10;
/// The clock's interrupt source.
pub const RTC_SOURCE: u32 = 11;
/// The PCI bus's INTA; INTB, INTC and INTD are the three sources after it.
pub const PCI_INTA_SOURCE: u32 = 32;

const _: () = assert!(RTC.end().0 <= PANIC.start.0 && PANIC.end().0 <= PLIC.start.0);
const _: () = assert!(PLIC.end().0 <= UART.start.0 && UART.end().0 <= ECAM.start.0);
const _: () = assert!(ECAM.end().0 <= PCI_WINDOW.start.0 && PCI_WINDOW.end().0 <= RAM_START.0);
const _: () = assert!(PCI_INTA_SOURCE + 3 <= PLIC_SOURCES);
