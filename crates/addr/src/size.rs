//! Sizes: bytes and pages, and the way people write them.

use crate::{PAGE_SHIFT, PAGE_SIZE};
use serde::{Deserialize, Serialize};
use std::{fmt, str::FromStr};
use utoipa::ToSchema;

/// A number of bytes. Written out (by `serde`) as the plain number.
#[derive(
    Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Debug, Serialize, Deserialize, ToSchema,
)]
#[schema(description = "A number of bytes.")]
#[serde(transparent)]
pub struct ByteSize(pub u64);

/// A number of 4 KiB pages or frames. Written out as bytes, like every size outside the program.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Debug, Serialize, Deserialize)]
#[serde(into = "ByteSize", try_from = "ByteSize")]
pub struct PageCount(pub u64);

impl From<PageCount> for ByteSize {
    fn from(pages: PageCount) -> Self {
        pages.bytes()
    }
}

/// A size that should be a whole number of pages and is not.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct UnalignedSizeError(pub ByteSize);

impl fmt::Display for UnalignedSizeError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} bytes is not a multiple of the page size, {PAGE_SIZE} bytes", self.0.0)
    }
}

impl std::error::Error for UnalignedSizeError {}

impl TryFrom<ByteSize> for PageCount {
    type Error = UnalignedSizeError;

    fn try_from(size: ByteSize) -> Result<Self, UnalignedSizeError> {
        if size.is_page_aligned() { Ok(size.pages()) } else { Err(UnalignedSizeError(size)) }
    }
}

impl ByteSize {
    /// `n` times 1024 bytes.
    pub const fn kib(n: u64) -> Self {
        Self(n << 10)
    }

    /// `n` times 1024² bytes.
    pub const fn mib(n: u64) -> Self {
        Self(n << 20)
    }

    /// How many whole pages fit.
    pub const fn pages(self) -> PageCount {
        PageCount(self.0 >> PAGE_SHIFT)
    }

    /// How many pages it takes to hold so much.
    pub const fn pages_up(self) -> PageCount {
        PageCount(self.0.div_ceil(PAGE_SIZE))
    }

    /// Whether the size is a whole number of pages.
    pub const fn is_page_aligned(self) -> bool {
        self.0.is_multiple_of(PAGE_SIZE)
    }
}

impl PageCount {
    /// The size in bytes.
    pub const fn bytes(self) -> ByteSize {
        ByteSize(self.0 << PAGE_SHIFT)
    }
}

/// Three significant digits in IEC units: `512 MiB`, `1.50 GiB`.
impl fmt::Display for ByteSize {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        const UNITS: [&str; 6] = ["B", "KiB", "MiB", "GiB", "TiB", "PiB"];
        let mut value = self.0 as f64;
        let mut unit = 0;
        // 999.5 would print as four digits.
        while value >= 999.5 && unit + 1 < UNITS.len() {
            value /= 1024.0;
            unit += 1;
        }
        let digits = match value {
            _ if unit == 0 || value.fract() == 0.0 => 0,
            v if v >= 99.95 => 0,
            v if v >= 9.995 => 1,
            _ => 2,
        };
        f.pad(&format!("{value:.digits$} {}", UNITS[unit]))
    }
}

/// Why a text is not a size.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ParseSizeError(String);

impl fmt::Display for ParseSizeError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "'{}' is not a size: write a number and a unit, for example 512MiB, 2GiB or 65536", self.0)
    }
}

impl std::error::Error for ParseSizeError {}

/// Accepts `65536`, `512MiB`, `512M`, `1.5 GiB`; every unit is a power of 1024, in any case.
impl FromStr for ByteSize {
    type Err = ParseSizeError;

    fn from_str(text: &str) -> Result<Self, ParseSizeError> {
        let error = || ParseSizeError(text.to_owned());
        let trimmed = text.trim();
        let split = trimmed.find(|c: char| !c.is_ascii_digit() && c != '.').unwrap_or(trimmed.len());
        let (number, unit) = trimmed.split_at(split);
        let shift = match unit.trim().to_ascii_lowercase().as_str() {
            "" | "b" => 0,
            "k" | "kb" | "kib" => 10,
            "m" | "mb" | "mib" => 20,
            "g" | "gb" | "gib" => 30,
            "t" | "tb" | "tib" => 40,
            _ => return Err(error()),
        };
        if let Ok(whole) = number.parse::<u64>() {
            return whole.checked_mul(1 << shift).map(Self).ok_or_else(error);
        }
        let value = number.parse::<f64>().map_err(|_| error())? * (1u64 << shift) as f64;
        if value.is_finite() && value < u64::MAX as f64 { Ok(Self(value as u64)) } else { Err(error()) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn people_write_sizes_in_many_ways() {
        for (text, bytes) in
            [("512MiB", 512 << 20), ("2G", 2 << 30), ("1.5 GiB", 3 << 29), ("65536", 65536), ("4 kb", 4096)]
        {
            assert_eq!(text.parse(), Ok(ByteSize(bytes)), "{text}");
        }
        for text in ["", "MiB", "-1", "12XB", "1.2.3M", "99999999999T"] {
            assert!(text.parse::<ByteSize>().is_err(), "{text}");
        }
    }

    #[test]
    fn sizes_are_written_out_in_bytes() {
        assert_eq!(serde_json::to_string(&(PageCount(3), ByteSize(5))).unwrap(), "[12288,5]");
        assert_eq!(serde_json::from_str::<PageCount>("12288").unwrap(), PageCount(3));
        let error = serde_json::from_str::<PageCount>("12289").unwrap_err().to_string();
        assert!(error.contains("12289 bytes is not a multiple"), "{error}");
    }

    #[test]
    fn sizes_print_with_three_digits() {
        for (bytes, text) in [
            (0, "0 B"),
            (4096, "4 KiB"),
            (512 << 20, "512 MiB"),
            (3 << 29, "1.50 GiB"),
            (1000, "0.98 KiB"),
            (123_456_789, "118 MiB"),
        ] {
            assert_eq!(ByteSize(bytes).to_string(), text);
        }
    }
}
