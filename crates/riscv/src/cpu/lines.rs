//! Interrupt lines.

use std::sync::atomic::{AtomicU64, Ordering};

/// A hart's interrupt lines: bits of `sip` that others may set and clear at any time.
#[derive(Default)]
pub struct Lines(AtomicU64);

impl Lines {
    /// Supervisor software interrupt (SSIP): another hart calls.
    pub const SOFTWARE: u64 = 1 << 1;
    /// Supervisor external interrupt (SEIP): the interrupt controller calls.
    pub const EXTERNAL: u64 = 1 << 9;

    /// Raises lines.
    pub fn raise(&self, bits: u64) {
        self.0.fetch_or(bits, Ordering::SeqCst);
    }

    /// Lowers lines.
    pub fn lower(&self, bits: u64) {
        self.0.fetch_and(!bits, Ordering::SeqCst);
    }

    /// The lines raised now.
    #[inline]
    pub fn raised(&self) -> u64 {
        self.0.load(Ordering::SeqCst)
    }
}
