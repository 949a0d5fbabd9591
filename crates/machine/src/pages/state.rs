//! What a page can be, and to which uses it can be put.

use crate::swap::Slot;
use crate::zip::ZipHandle;
use addr::Mfn;

/// What a page is.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum PageState {
    /// Never used, or given back: reads as zeros, has no frame.
    Untouched,
    /// Has a frame of its own.
    Private(Mfn),
    /// In a frame with other pages of the same content; read-only.
    Shared(Mfn),
    /// Reads as zeros: in the pool's frame of zeros, read-only.
    Zero(Mfn),
    /// Handed over by the guest's balloon driver: has no frame and no content.
    Ballooned {
        /// Whether it had content, in a frame or out, so that something came free.
        freed: bool,
    },
    /// Compressed, in the VM's zip store.
    Compressed(ZipHandle),
    /// In the VM's swap file.
    Swapped(Slot),
}

/// A [`PageState`] without what belongs to the page: as an entry of the pmap has it, and as the census counts.
#[repr(u8)]
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum StateTag {
    Untouched,
    Private,
    Shared,
    Zero,
    Ballooned,
    Compressed,
    Swapped,
}

impl StateTag {
    /// All of them, each in the place of its number.
    pub(crate) const ALL: [Self; 7] = [
        Self::Untouched,
        Self::Private,
        Self::Shared,
        Self::Zero,
        Self::Ballooned,
        Self::Compressed,
        Self::Swapped,
    ];

    /// Its number, as bits of an entry.
    pub(crate) const fn bits(self) -> u64 {
        self as u64
    }

    /// Its number, as an index of what is counted for each.
    pub(crate) const fn index(self) -> usize {
        self as usize
    }

    /// The tag with this number.
    pub(crate) fn from_bits(bits: u64) -> Self {
        match Self::ALL.get(bits as usize) {
            Some(tag) => *tag,
            None => unreachable!("INV-5: page state {bits} is never stored"),
        }
    }
}

const _: () = {
    let mut number = 0;
    while number < StateTag::ALL.len() {
        assert!(StateTag::ALL[number].index() == number, "each tag is in the place of its number");
        number += 1;
    }
};

impl PageState {
    pub(crate) const fn tag(self) -> StateTag {
        match self {
            Self::Untouched => StateTag::Untouched,
            Self::Private(_) => StateTag::Private,
            Self::Shared(_) => StateTag::Shared,
            Self::Zero(_) => StateTag::Zero,
            Self::Ballooned { .. } => StateTag::Ballooned,
            Self::Compressed(_) => StateTag::Compressed,
            Self::Swapped(_) => StateTag::Swapped,
        }
    }

    /// What it says beside its tag.
    pub(crate) fn payload(self) -> u64 {
        match self {
            Self::Untouched => 0,
            Self::Private(mfn) | Self::Shared(mfn) | Self::Zero(mfn) => mfn.0,
            Self::Ballooned { freed } => freed.into(),
            Self::Compressed(handle) => handle.bits(),
            Self::Swapped(slot) => slot.bits(),
        }
    }

    pub(crate) fn from_parts(tag: StateTag, payload: u64) -> Self {
        match tag {
            StateTag::Untouched => Self::Untouched,
            StateTag::Private => Self::Private(Mfn(payload)),
            StateTag::Shared => Self::Shared(Mfn(payload)),
            StateTag::Zero => Self::Zero(Mfn(payload)),
            StateTag::Ballooned => Self::Ballooned { freed: payload != 0 },
            StateTag::Compressed => Self::Compressed(ZipHandle::from_bits(payload)),
            StateTag::Swapped => Self::Swapped(Slot::from_bits(payload)),
        }
    }

    /// The frame the page's content is in, its own or shared.
    pub const fn frame(self) -> Option<Mfn> {
        match self {
            Self::Private(mfn) | Self::Shared(mfn) | Self::Zero(mfn) => Some(mfn),
            Self::Untouched | Self::Ballooned { .. } | Self::Compressed(_) | Self::Swapped(_) => None,
        }
    }
}

/// What someone wants to do with a page.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Use {
    /// Read it.
    Read,
    /// Write it, and read it.
    Write,
}
