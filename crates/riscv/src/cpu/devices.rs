//! What a hart needs of devices.

use addr::Gpa;

/// What answers accesses that are not to memory. Called under the hart's lock: short, never
/// blocking, never touching guest memory.
pub trait Devices: Send + Sync {
    /// Reads 1, 2, 4 or 8 bytes; `None` if nobody is there.
    fn read(&self, gpa: Gpa, size: u8) -> Option<u64>;
    /// Writes 1, 2, 4 or 8 bytes; `None` if nobody is there.
    fn write(&self, gpa: Gpa, size: u8, value: u64) -> Option<()>;
}
