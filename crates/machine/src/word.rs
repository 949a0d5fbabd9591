//! The widths in which machine memory is read and written.

use std::sync::atomic::{AtomicU8, AtomicU16, AtomicU32, AtomicU64, Ordering};

mod sealed {
    pub trait Sealed {}
}

/// An unsigned integer that can be loaded from and stored to machine memory in one piece.
///
/// Implemented for `u8`, `u16`, `u32` and `u64`; memory is little-endian, as the guest is.
pub trait Word: sealed::Sealed + Copy + Eq + Into<u64> {
    /// The atomic type of the same size.
    type Atomic: 'static;
    /// Size in bytes: 1, 2, 4 or 8.
    const SIZE: u64;

    /// The low bits of `value`.
    fn low_bits(value: u64) -> Self;
    #[doc(hidden)]
    fn load(cell: &Self::Atomic) -> Self;
    #[doc(hidden)]
    fn store(cell: &Self::Atomic, value: Self);
    #[doc(hidden)]
    fn compare_exchange(cell: &Self::Atomic, current: Self, new: Self) -> Result<Self, Self>;
}

macro_rules! word {
    ($int:ty, $atomic:ty) => {
        impl sealed::Sealed for $int {}

        impl Word for $int {
            type Atomic = $atomic;
            const SIZE: u64 = size_of::<$int>() as u64;

            #[inline(always)]
            fn low_bits(value: u64) -> Self {
                value as $int
            }

            // Relaxed is enough: RVWMO orders plain accesses less than any host does with relaxed
            // atomics, and FENCE, AMO and LR/SC carry their own ordering.
            #[inline(always)]
            fn load(cell: &$atomic) -> Self {
                <$int>::from_le(cell.load(Ordering::Relaxed))
            }

            #[inline(always)]
            fn store(cell: &$atomic, value: Self) {
                cell.store(value.to_le(), Ordering::Relaxed);
            }

            #[inline(always)]
            fn compare_exchange(cell: &$atomic, current: Self, new: Self) -> Result<Self, Self> {
                cell.compare_exchange(current.to_le(), new.to_le(), Ordering::SeqCst, Ordering::SeqCst)
                    .map(<$int>::from_le)
                    .map_err(<$int>::from_le)
            }
        }
    };
}

word!(u8, AtomicU8);
word!(u16, AtomicU16);
word!(u32, AtomicU32);
word!(u64, AtomicU64);
