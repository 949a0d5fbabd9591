//! Rounding modes and exception flags.

/// How a result that does not fit is made to fit; the manual's names.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Rounding {
    /// To nearest, ties to even.
    Rne,
    /// Towards zero.
    Rtz,
    /// Down, towards minus infinity.
    Rdn,
    /// Up, towards plus infinity.
    Rup,
    /// To nearest, ties away from zero.
    Rmm,
}

impl Rounding {
    /// The mode an `rm` or `frm` field encodes. `None` for the reserved encodings and for 7, which
    /// in an instruction means "as `frm` says" and in `frm` is reserved too.
    #[inline]
    pub const fn from_field(field: u8) -> Option<Self> {
        match field {
            0 => Some(Self::Rne),
            1 => Some(Self::Rtz),
            2 => Some(Self::Rdn),
            3 => Some(Self::Rup),
            4 => Some(Self::Rmm),
            _ => None,
        }
    }
}

/// Accrued exceptions, laid out as in `fflags`.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
pub struct Flags(pub(super) u8);

impl Flags {
    /// Inexact: the result was rounded.
    pub const NX: Self = Self(1);
    /// Underflow: the result was rounded and is below the normal numbers.
    pub const UF: Self = Self(2);
    /// Overflow: the rounded result exceeds the largest finite number.
    pub const OF: Self = Self(4);
    /// A finite number divided by zero.
    pub const DZ: Self = Self(8);
    /// Invalid operation.
    pub const NV: Self = Self(16);

    /// The flags that the low five bits of `fflags` or `fcsr` say.
    #[inline]
    pub const fn from_bits(bits: u8) -> Self {
        Self(bits & 0x1f)
    }

    /// The value of `fflags`, 0 to 31.
    #[inline]
    pub const fn bits(self) -> u8 {
        self.0
    }

    /// Whether all of `flags` are raised.
    #[inline]
    pub const fn contains(self, flags: Self) -> bool {
        self.0 & flags.0 == flags.0
    }

    #[inline]
    pub(super) fn raise(&mut self, flags: Self) {
        self.0 |= flags.0;
    }
}
