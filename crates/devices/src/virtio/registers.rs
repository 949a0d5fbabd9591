//! The common configuration of a virtio device: negotiation and the driver's description of its queues.
//!
//! **Model.** Pure state, no locks, no effects: [`Registers::write`] says what must happen.
//!
//! **Sources.** VIRTIO 1.2, sections 2.1 (status), 2.2 (features), 4.1.4.3 (layout).

use virtio_bindings::virtio_config::{
    VIRTIO_CONFIG_S_DRIVER_OK, VIRTIO_CONFIG_S_FEATURES_OK, VIRTIO_CONFIG_S_NEEDS_RESET, VIRTIO_F_VERSION_1,
};

const DRIVER_OK: u8 = VIRTIO_CONFIG_S_DRIVER_OK as u8;
const FEATURES_OK: u8 = VIRTIO_CONFIG_S_FEATURES_OK as u8;
const NEEDS_RESET: u8 = VIRTIO_CONFIG_S_NEEDS_RESET as u8;

const DEVICE_FEATURE_SELECT: u64 = 0;
const DEVICE_FEATURE: u64 = 4;
const DRIVER_FEATURE_SELECT: u64 = 8;
const DRIVER_FEATURE: u64 = 12;
const CONFIG_VECTOR: u64 = 16;
const QUEUE_COUNT: u64 = 18;
const STATUS: u64 = 20;
const GENERATION: u64 = 21;
const QUEUE_SELECT: u64 = 22;
const QUEUE_SIZE: u64 = 24;
const QUEUE_VECTOR: u64 = 26;
const QUEUE_ENABLE: u64 = 28;
const QUEUE_NOTIFY: u64 = 30;
const QUEUE_DESCRIPTORS: u64 = 32;
const QUEUE_AVAILABLE: u64 = 40;
const QUEUE_USED: u64 = 48;
/// Bytes of the structure.
pub(super) const SIZE: usize = 56;

const NO_VECTOR: u16 = 0xffff;

/// One queue as the driver describes it. Nothing of it is checked yet.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) struct QueueSetup {
    pub(super) max_size: u16,
    pub(super) size: u16,
    pub(super) enabled: bool,
    pub(super) descriptors: u64,
    pub(super) available: u64,
    pub(super) used: u64,
}

impl QueueSetup {
    fn new(max_size: u16) -> Self {
        Self { max_size, size: max_size, enabled: false, descriptors: 0, available: 0, used: 0 }
    }
}

/// What a write asks of the transport.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Effect {
    None,
    /// The driver is ready: start serving.
    Start,
    /// Stop serving, then call [`Registers::reset`].
    Reset,
}

/// The common configuration structure.
pub(super) struct Registers {
    offered: u64,
    accepted: u64,
    device_feature_select: u32,
    driver_feature_select: u32,
    status: u8,
    generation: u8,
    queue_select: u16,
    queues: Vec<QueueSetup>,
}

impl Registers {
    pub(super) fn new(offered: u64, queue_sizes: &[u16]) -> Self {
        Self {
            offered: offered | 1 << VIRTIO_F_VERSION_1,
            accepted: 0,
            device_feature_select: 0,
            driver_feature_select: 0,
            status: 0,
            generation: 0,
            queue_select: 0,
            queues: queue_sizes.iter().copied().map(QueueSetup::new).collect(),
        }
    }

    #[cfg(test)]
    fn status(&self) -> u8 {
        self.status
    }

    /// Whether the device should be serving its queues.
    pub(super) fn live(&self) -> bool {
        self.status & (DRIVER_OK | NEEDS_RESET) == DRIVER_OK
    }

    /// Whether the driver has to reset the device before it can go on.
    pub(super) fn broken(&self) -> bool {
        self.status & NEEDS_RESET != 0
    }

    pub(super) fn accepted(&self) -> u64 {
        self.accepted
    }

    pub(super) fn queues(&self) -> &[QueueSetup] {
        &self.queues
    }

    /// The state after power-on. The configuration generation goes on (section 2.5.1).
    pub(super) fn reset(&mut self) {
        let sizes: Vec<u16> = self.queues.iter().map(|queue| queue.max_size).collect();
        *self = Self { generation: self.generation, ..Self::new(self.offered, &sizes) };
    }

    /// Marks the device broken (section 2.1.2).
    pub(super) fn need_reset(&mut self) {
        self.status |= NEEDS_RESET;
    }

    /// The device-specific configuration changed.
    pub(super) fn next_generation(&mut self) {
        self.generation = self.generation.wrapping_add(1);
    }

    /// The structure's content as the driver reads it.
    pub(super) fn image(&self) -> [u8; SIZE] {
        let mut image = [0; SIZE];
        let mut put =
            |at: u64, bytes: &[u8]| image[at as usize..at as usize + bytes.len()].copy_from_slice(bytes);
        put(DEVICE_FEATURE_SELECT, &self.device_feature_select.to_le_bytes());
        put(DEVICE_FEATURE, &half(self.offered, self.device_feature_select).to_le_bytes());
        put(DRIVER_FEATURE_SELECT, &self.driver_feature_select.to_le_bytes());
        put(DRIVER_FEATURE, &half(self.accepted, self.driver_feature_select).to_le_bytes());
        put(CONFIG_VECTOR, &NO_VECTOR.to_le_bytes());
        put(QUEUE_COUNT, &(self.queues.len() as u16).to_le_bytes());
        put(STATUS, &[self.status]);
        put(GENERATION, &[self.generation]);
        put(QUEUE_SELECT, &self.queue_select.to_le_bytes());
        put(QUEUE_VECTOR, &NO_VECTOR.to_le_bytes());
        // A queue that does not exist has size 0.
        if let Some(queue) = self.queues.get(usize::from(self.queue_select)) {
            put(QUEUE_SIZE, &queue.size.to_le_bytes());
            put(QUEUE_ENABLE, &u16::from(queue.enabled).to_le_bytes());
            put(QUEUE_NOTIFY, &self.queue_select.to_le_bytes());
            put(QUEUE_DESCRIPTORS, &queue.descriptors.to_le_bytes());
            put(QUEUE_AVAILABLE, &queue.available.to_le_bytes());
            put(QUEUE_USED, &queue.used.to_le_bytes());
        }
        image
    }

    /// What the driver writes. A field is written at its own width, a 64-bit one also by halves.
    ///
    /// # Errors
    /// Why the write has no meaning; nothing has changed then.
    pub(super) fn write(&mut self, offset: u64, size: u8, value: u64) -> Result<Effect, &'static str> {
        match (offset, size) {
            (DEVICE_FEATURE_SELECT, 4) => self.device_feature_select = value as u32,
            (DRIVER_FEATURE_SELECT, 4) => self.driver_feature_select = value as u32,
            (DRIVER_FEATURE, 4) => self.accept(value as u32)?,
            (STATUS, 1) => return self.set_status(value as u8),
            (QUEUE_SELECT, 2) => self.queue_select = value as u16,
            (QUEUE_SIZE, 2) => self.queue()?.size = value as u16,
            (QUEUE_ENABLE, 2) if value as u16 == 1 => self.queue()?.enabled = true,
            // There are no vectors to choose from; what is read back says so.
            (CONFIG_VECTOR | QUEUE_VECTOR, 2) => {}
            (QUEUE_DESCRIPTORS..SIZE_U64, 4 | 8) if offset.is_multiple_of(size.into()) => {
                let queue = self.queue()?;
                let field = match offset & !7 {
                    QUEUE_DESCRIPTORS => &mut queue.descriptors,
                    QUEUE_AVAILABLE => &mut queue.available,
                    _ => &mut queue.used,
                };
                *field = match (size, offset & 4) {
                    (8, _) => value,
                    (_, 0) => *field & !0xffff_ffff | value & 0xffff_ffff,
                    _ => *field & 0xffff_ffff | value << 32,
                };
            }
            _ => return Err("no register is written like this"),
        }
        Ok(Effect::None)
    }

    fn accept(&mut self, bits: u32) -> Result<(), &'static str> {
        if self.status & FEATURES_OK != 0 {
            return Err("features are written after they were agreed on");
        }
        match self.driver_feature_select {
            0 => self.accepted = self.accepted & !0xffff_ffff | u64::from(bits),
            1 => self.accepted = self.accepted & 0xffff_ffff | u64::from(bits) << 32,
            // Drivers clear the words beyond the second.
            _ if bits == 0 => {}
            _ => return Err("a feature beyond bit 63 is accepted"),
        }
        Ok(())
    }

    fn set_status(&mut self, value: u8) -> Result<Effect, &'static str> {
        if value == 0 {
            return Ok(Effect::Reset);
        }
        let mut new = value & !self.status & !NEEDS_RESET;
        let acceptable = self.accepted & !self.offered == 0 && self.accepted >> VIRTIO_F_VERSION_1 & 1 != 0;
        if new & FEATURES_OK != 0 && !acceptable {
            // The driver reads the status back to see this (section 3.1.1, step 6).
            new &= !FEATURES_OK;
        }
        if new & DRIVER_OK != 0 && (self.status | new) & FEATURES_OK == 0 {
            return Err("the driver is ready before features were agreed on");
        }
        self.status |= new;
        Ok(if new & DRIVER_OK != 0 { Effect::Start } else { Effect::None })
    }

    /// The selected queue, if the driver may still describe it.
    fn queue(&mut self) -> Result<&mut QueueSetup, &'static str> {
        if self.status & DRIVER_OK != 0 {
            return Err("a queue is changed while the device is live");
        }
        match self.queues.get_mut(usize::from(self.queue_select)) {
            Some(queue) if queue.enabled => Err("a queue is changed after it was enabled"),
            Some(queue) => Ok(queue),
            None => Err("the selected queue does not exist"),
        }
    }
}

const SIZE_U64: u64 = SIZE as u64;

fn half(features: u64, select: u32) -> u32 {
    match select {
        0 => features as u32,
        1 => (features >> 32) as u32,
        _ => 0,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const VERSION_1: u64 = 1 << VIRTIO_F_VERSION_1;

    fn negotiate(registers: &mut Registers, features: u64) {
        for (select, bits) in [(0, features as u32), (1, (features >> 32) as u32)] {
            registers.write(DRIVER_FEATURE_SELECT, 4, select).unwrap();
            registers.write(DRIVER_FEATURE, 4, bits.into()).unwrap();
        }
        registers.write(STATUS, 1, 1 | 2 | u64::from(FEATURES_OK)).unwrap();
    }

    #[test]
    fn features_not_offered_or_without_version_1_are_not_agreed_to() {
        for (features, agreed) in
            [(VERSION_1 | 5, true), (VERSION_1, true), (5, false), (VERSION_1 | 2, false), (!0, false)]
        {
            let mut registers = Registers::new(5, &[8]);
            negotiate(&mut registers, features);
            assert_eq!(registers.status() & FEATURES_OK != 0, agreed, "{features:#x}");
            let start = registers.write(STATUS, 1, 0xf);
            assert_eq!(start.is_ok(), agreed);
            assert_eq!(registers.live(), agreed);
        }
    }

    #[test]
    fn a_queue_is_described_by_halves_until_it_is_enabled() {
        let mut registers = Registers::new(0, &[8, 16]);
        registers.write(QUEUE_SELECT, 2, 1).unwrap();
        registers.write(QUEUE_SIZE, 2, 4).unwrap();
        registers.write(QUEUE_DESCRIPTORS, 4, 0x8000_0000).unwrap();
        registers.write(QUEUE_DESCRIPTORS + 4, 4, 1).unwrap();
        registers.write(QUEUE_USED, 8, 0x9000_0000).unwrap();
        registers.write(QUEUE_ENABLE, 2, 1).unwrap();
        assert!(registers.write(QUEUE_SIZE, 2, 8).is_err());
        let expected = QueueSetup {
            max_size: 16,
            size: 4,
            enabled: true,
            descriptors: 0x1_8000_0000,
            available: 0,
            used: 0x9000_0000,
        };
        assert_eq!(registers.queues()[1], expected);
        assert_eq!(registers.image()[32..40], 0x1_8000_0000u64.to_le_bytes());
        registers.write(QUEUE_SELECT, 2, 2).unwrap();
        assert_eq!(registers.image()[24..26], [0, 0]);
        assert!(registers.write(QUEUE_SIZE, 2, 8).is_err());
    }

    #[test]
    fn reset_forgets_all_but_the_generation() {
        let mut registers = Registers::new(5, &[8]);
        negotiate(&mut registers, VERSION_1);
        registers.next_generation();
        registers.need_reset();
        assert_eq!(registers.write(STATUS, 1, 0), Ok(Effect::Reset));
        registers.reset();
        let mut fresh = Registers::new(5, &[8]);
        fresh.next_generation();
        assert_eq!(registers.image(), fresh.image());
    }

    proptest! {
        #[test]
        fn no_sequence_of_writes_breaks_negotiation(
            writes in prop::collection::vec((0u64..70, prop::sample::select(vec![1u8, 2, 4, 8]), any::<u64>()), 0..200),
        ) {
            let mut registers = Registers::new(5, &[8, 8]);
            for (offset, size, value) in writes {
                if registers.write(offset, size, value) == Ok(Effect::Reset) {
                    registers.reset();
                }
                if registers.status() & FEATURES_OK != 0 {
                    prop_assert_eq!(registers.accepted() & !(VERSION_1 | 5), 0);
                }
                prop_assert!(!registers.live() || registers.status() & FEATURES_OK != 0);
                prop_assert_eq!(registers.status() & NEEDS_RESET, 0);
            }
        }
    }
}
