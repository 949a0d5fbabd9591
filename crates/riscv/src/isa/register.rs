//! Registers' numbers and names.

use std::fmt;

/// An integer register, by its number.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct Reg(u8);

/// A floating-point register, by its number.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct FReg(u8);

/// Names of the psABI.
const NAMES: [&str; 32] = [
    "zero", "ra", "sp", "gp", "tp", "t0", "t1", "t2", "s0", "s1", "a0", "a1", "a2", "a3", "a4", "a5", "a6",
    "a7", "s2", "s3", "s4", "s5", "s6", "s7", "s8", "s9", "s10", "s11", "t3", "t4", "t5", "t6",
];
const FLOAT_NAMES: [&str; 32] = [
    "ft0", "ft1", "ft2", "ft3", "ft4", "ft5", "ft6", "ft7", "fs0", "fs1", "fa0", "fa1", "fa2", "fa3", "fa4",
    "fa5", "fa6", "fa7", "fs2", "fs3", "fs4", "fs5", "fs6", "fs7", "fs8", "fs9", "fs10", "fs11", "ft8",
    "ft9", "ft10", "ft11",
];

impl Reg {
    /// `x0`, which is always zero.
    pub const ZERO: Self = Self(0);
    /// `x1`, where calls leave the return address.
    pub const RA: Self = Self(1);

    /// The register that the low five bits name.
    pub const fn from_field(bits: u32) -> Self {
        Self((bits & 31) as u8)
    }

    /// 0 to 31.
    pub const fn number(self) -> u8 {
        self.0
    }

    /// Whether it is `x0`.
    pub const fn is_zero(self) -> bool {
        self.0 == 0
    }

    /// Its name in the calling convention.
    pub const fn name(self) -> &'static str {
        NAMES[self.0 as usize]
    }
}

impl FReg {
    /// The register that the low five bits name.
    pub const fn from_field(bits: u32) -> Self {
        Self((bits & 31) as u8)
    }

    /// 0 to 31.
    pub const fn number(self) -> u8 {
        self.0
    }

    /// Its name in the calling convention.
    pub const fn name(self) -> &'static str {
        FLOAT_NAMES[self.0 as usize]
    }
}

impl fmt::Display for Reg {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl fmt::Debug for Reg {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl fmt::Display for FReg {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl fmt::Debug for FReg {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}
