//! The PCI bus: one bus of 32 slots behind an ECAM host bridge.
//!
//! **Model.** [`Ecam`] is where the guest configures the functions, [`PciWindow`] where their BARs are
//! after it gave them addresses; both are views of one [`PciHost`]. A function answers at the address its
//! BAR holds at the moment, if its command register enables memory. Where no function answers, reads give
//! all ones and writes are dropped, as on a real bus.
//!
//! Interrupts are by pin: the pins of all slots are spread over four sources of the PLIC, see
//! [`interrupt_map`].
//!
//! **Not here.** More than one bus, and MSI-X.
//!
//! **Sources.** PCI Express Base Specification, section 7.2.2 (ECAM); PCI-to-PCI Bridge Architecture
//! Specification 1.2, section 9.1 (swizzle).

mod config;

pub(crate) use config::{
    BAR0, BUS_MASTER, CLASS, COMMAND, ConfigSpace, DEVICE_ID, INTERRUPT_DISABLE, INTERRUPT_PIN,
    INTERRUPT_STATUS, REVISION, STATUS, SUBSYSTEM_ID, SUBSYSTEM_VENDOR_ID, VENDOR_ID,
};

use crate::map::{PCI_INTA_SOURCE, PCI_WINDOW};
use crate::{MmioDevice, VirtioPci};
use std::sync::Arc;

/// Slots of the bus.
pub const SLOTS: usize = 32;

/// log2 of the bytes of configuration space a function has, and a slot (eight functions).
const FUNCTION_SHIFT: u32 = 12;
const SLOT_SHIFT: u32 = 15;

/// How one slot's interrupt pin reaches the PLIC: one entry of the device tree's `interrupt-map`.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct IntxRoute {
    /// The child's unit address, first cell: the slot's number times 0x800. The other two are zero.
    pub unit: u32,
    /// The pin, 1 (INTA) to 4 (INTD).
    pub pin: u32,
    /// The source at the PLIC.
    pub source: u32,
}

/// The `interrupt-map-mask` that goes with [`interrupt_map`]: the low two bits of the slot, and the pin.
pub const INTERRUPT_MAP_MASK: [u32; 4] = [0x1800, 0, 0, 7];

/// The routes of slots 0 to 3, which repeat.
pub fn interrupt_map() -> impl Iterator<Item = IntxRoute> {
    (0..4).flat_map(|slot| {
        (1..=4).map(move |pin| IntxRoute { unit: slot << 11, pin, source: intx_source(slot, pin) })
    })
}

fn intx_source(slot: u32, pin: u32) -> u32 {
    PCI_INTA_SOURCE + (slot + pin - 1) % 4
}

/// The bus and what is in its slots.
#[derive(Default)]
pub struct PciHost {
    slots: [Option<Arc<VirtioPci>>; SLOTS],
}

impl PciHost {
    /// A bus with empty slots.
    pub fn new() -> Self {
        Self::default()
    }

    /// The PLIC source that INTA of `slot` is wired to: what the function's line must be.
    pub fn source(slot: usize) -> u32 {
        intx_source(slot as u32, 1)
    }

    /// Puts a function into a slot.
    ///
    /// # Panics
    /// If there is no such slot or it is taken.
    pub fn insert(&mut self, slot: usize, function: Arc<VirtioPci>) {
        assert!(self.slots[slot].is_none(), "PCI slot {slot} is taken");
        self.slots[slot] = Some(function);
    }

    fn function_at(&self, ecam_offset: u64) -> Option<(&VirtioPci, usize)> {
        let slot = self.slots.get((ecam_offset >> SLOT_SHIFT) as usize)?.as_deref()?;
        let in_slot = ecam_offset as usize & ((1 << SLOT_SHIFT) - 1);
        // Only function 0 exists; its header type says so.
        (in_slot >> FUNCTION_SHIFT == 0).then_some((slot, in_slot))
    }

    fn bar_at(&self, address: u64, size: u8) -> Option<(&VirtioPci, u64)> {
        self.slots
            .iter()
            .flatten()
            .find_map(|function| Some((function.as_ref(), function.decode(address, size)?)))
    }
}

/// The bus's configuration space, for [`crate::map::ECAM`].
pub struct Ecam(pub Arc<PciHost>);

impl MmioDevice for Ecam {
    fn read(&self, offset: u64, size: u8) -> u64 {
        match self.0.function_at(offset) {
            Some((function, register)) => function.config_read(register, size),
            None => u64::MAX,
        }
    }

    fn write(&self, offset: u64, size: u8, value: u64) {
        if let Some((function, register)) = self.0.function_at(offset) {
            function.config_write(register, size, value);
        }
    }
}

/// The BARs of all functions, for [`PCI_WINDOW`].
pub struct PciWindow(pub Arc<PciHost>);

impl MmioDevice for PciWindow {
    fn read(&self, offset: u64, size: u8) -> u64 {
        match self.0.bar_at(PCI_WINDOW.start.0 + offset, size) {
            Some((function, at)) => function.bar_read(at, size),
            None => u64::MAX,
        }
    }

    fn write(&self, offset: u64, size: u8, value: u64) {
        if let Some((function, at)) = self.0.bar_at(PCI_WINDOW.start.0 + offset, size) {
            function.bar_write(at, size, value);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pins_swizzle_over_four_sources() {
        let routes: Vec<_> = interrupt_map().collect();
        assert_eq!(routes.len(), 16);
        assert!(routes.contains(&IntxRoute { unit: 0x1800, pin: 2, source: PCI_INTA_SOURCE }));
        for slot in 0..SLOTS {
            let masked = (slot << 11) as u32 & INTERRUPT_MAP_MASK[0];
            let route = routes.iter().find(|route| route.unit == masked && route.pin == 1).unwrap();
            assert_eq!(route.source, PciHost::source(slot));
        }
    }

    #[test]
    fn an_empty_slot_reads_as_ones() {
        let host = Arc::new(PciHost::new());
        let (ecam, window) = (Ecam(Arc::clone(&host)), PciWindow(host));
        assert_eq!(ecam.read(5 << SLOT_SHIFT, 4) as u32, u32::MAX);
        ecam.write(5 << SLOT_SHIFT, 4, 0);
        assert_eq!(window.read(0, 2) as u16, u16::MAX);
        window.write(0, 8, 0);
    }
}
