//! The three address spaces as types that do not mix.
//!
//! **Model.** A guest virtual address ([`Gva`]) is translated by the guest's own page tables to a
//! guest physical address ([`Gpa`]), which a VM's pmap translates to a machine address ([`Ma`]).
//! [`Gfn`] and [`Mfn`] number the 4 KiB units of the last two: a *page* is the content at a `Gfn`,
//! a *frame* is the storage at an `Mfn`.
//!
//! **Not here.** Any logic: what a page is at present is `machine`'s business, how an address is
//! translated is `mmu`'s.

#![forbid(unsafe_code)]

mod size;

pub use size::{ByteSize, PageCount, ParseSizeError, UnalignedSizeError};

use serde::{Deserialize, Serialize};
use std::fmt;

/// log2 of [`PAGE_SIZE`].
pub const PAGE_SHIFT: u32 = 12;
/// Bytes in a page and in a frame.
pub const PAGE_SIZE: u64 = 1 << PAGE_SHIFT;
/// The bits of an address that select a byte within its page.
pub const PAGE_OFFSET: u64 = PAGE_SIZE - 1;

macro_rules! address {
    ($(#[$doc:meta])* $name:ident, $tag:literal) => {
        $(#[$doc])*
        #[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
        pub struct $name(pub u64);

        impl $name {
            /// The byte's offset within its page, 0 to 4095.
            #[inline(always)]
            pub const fn page_offset(self) -> u64 {
                self.0 & PAGE_OFFSET
            }

            /// The first address of the page this address lies in.
            #[inline(always)]
            #[must_use]
            pub const fn page_base(self) -> Self {
                Self(self.0 & !PAGE_OFFSET)
            }

            /// Whether the address is the first of its page.
            #[inline(always)]
            pub const fn is_page_aligned(self) -> bool {
                self.page_offset() == 0
            }

            /// The address `bytes` further on, wrapping at the end of the address space.
            #[inline(always)]
            #[must_use]
            pub const fn wrapping_add(self, bytes: u64) -> Self {
                Self(self.0.wrapping_add(bytes))
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, concat!($tag, ":{:#x}"), self.0)
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, "{:#x}", self.0)
            }
        }
    };
}

macro_rules! frame_number {
    ($(#[$doc:meta])* $name:ident, $address:ident, $tag:literal) => {
        $(#[$doc])*
        #[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
        pub struct $name(pub u64);

        impl $name {
            /// The number of the page or frame that `address` lies in.
            #[inline(always)]
            pub const fn containing(address: $address) -> Self {
                Self(address.0 >> PAGE_SHIFT)
            }

            /// The first address of the page or frame.
            #[inline(always)]
            pub const fn base(self) -> $address {
                $address(self.0 << PAGE_SHIFT)
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, concat!($tag, ":{:#x}"), self.0)
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, "{:#x}", self.0)
            }
        }
    };
}

address!(
    /// Guest virtual address: what a program in the guest uses.
    Gva, "gva"
);
address!(
    /// Guest physical address: what the guest's kernel takes for memory.
    Gpa, "gpa"
);
address!(
    /// Machine address: a byte of the pool, counted from the pool's start.
    Ma, "ma"
);
frame_number!(
    /// Guest frame number: a page of guest physical memory.
    Gfn, Gpa, "gfn"
);
frame_number!(
    /// Machine frame number: a 4 KiB frame of the pool.
    Mfn, Ma, "mfn"
);

/// Names a running VM: 1 and up, below 2³⁰. No other VM of its host has it at the same time. Where things are equal, the smaller comes first.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize, Deserialize)]
#[serde(transparent)]
pub struct VmId(pub u32);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn frame_numbers_and_addresses_convert() {
        let gpa = Gpa(0x8020_1234);
        assert_eq!(Gfn::containing(gpa), Gfn(0x80201));
        assert_eq!(Gfn::containing(gpa).base(), gpa.page_base());
        assert_eq!(gpa.page_offset(), 0x234);
        assert!(!gpa.is_page_aligned());
        assert!(gpa.page_base().is_page_aligned());
    }

    #[test]
    fn debug_names_the_space() {
        assert_eq!(format!("{:?} {:?} {:?}", Gva(16), Gfn(1), Ma(0)), "gva:0x10 gfn:0x1 ma:0x0");
        assert_eq!(Mfn(255).to_string(), "0xff");
    }
}
