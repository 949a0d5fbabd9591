//! Shares: what a VM or a resource pool may claim of scarce memory, relative to its siblings.

use addr::{ByteSize, PageCount};
use serde::{Deserialize, Serialize};
use std::{fmt, ops::RangeInclusive, str::FromStr};
use utoipa::openapi::schema::{AnyOf, ObjectBuilder, Schema, Type};
use utoipa::openapi::{KnownFormat, RefOr, SchemaFormat};
use utoipa::{PartialSchema, ToSchema};

/// Custom numbers of shares that are accepted. None at all would be a VM that gets its reservation
/// only, which a limit says better.
pub const SHARES: RangeInclusive<u64> = 1..=100_000_000;

/// A resource pool's level stands for as many shares as that of a VM of this size.
pub const POOL_STANDS_FOR: PageCount = ByteSize::mib(16 << 10).pages();

/// The level of shares, or their number.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Default, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Shares {
    /// 5 for each MiB.
    Low,
    /// 10 for each MiB.
    #[default]
    Normal,
    /// 20 for each MiB.
    High,
    /// So many in all, whatever the size. In [`SHARES`].
    Custom(u64),
}

impl Shares {
    /// The number of shares of a VM of `size`, at least one.
    pub fn of_vm(self, size: PageCount) -> u64 {
        let per_mib = match self {
            Self::Low => 5,
            Self::Normal => 10,
            Self::High => 20,
            Self::Custom(number) => return number.max(1),
        };
        (size.0 * per_mib / ByteSize::mib(1).pages().0).max(1)
    }

    /// The number of shares of a resource pool.
    pub fn of_pool(self) -> u64 {
        self.of_vm(POOL_STANDS_FOR)
    }

    /// The number of shares of a resource pool with scalable shares, at least one: those of its members, `within`, halved at
    /// the level low and doubled at high. A number counts relative to that of a pool at the level normal.
    pub fn of_scalable_pool(self, within: u64) -> u64 {
        let scaled = u128::from(within) * u128::from(self.of_pool()) / u128::from(Self::Normal.of_pool());
        u64::try_from(scaled).unwrap_or(u64::MAX).max(1)
    }
}

/// As people write them: a word, or the plain number.
impl PartialSchema for Shares {
    fn schema() -> RefOr<Schema> {
        let level =
            ObjectBuilder::new().schema_type(Type::String).enum_values(Some(["low", "normal", "high"]));
        let number = ObjectBuilder::new()
            .schema_type(Type::Integer)
            .format(Some(SchemaFormat::KnownFormat(KnownFormat::UInt64)))
            .minimum(Some(*SHARES.start()))
            .maximum(Some(*SHARES.end()));
        let mut shares = AnyOf::new();
        shares.items = vec![level.build().into(), number.build().into()];
        shares.description = Some("A level of shares, or their number.".to_owned());
        Schema::AnyOf(shares).into()
    }
}

impl ToSchema for Shares {}

impl fmt::Display for Shares {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Low => f.write_str("low"),
            Self::Normal => f.write_str("normal"),
            Self::High => f.write_str("high"),
            Self::Custom(number) => write!(f, "{number}"),
        }
    }
}

/// Why a text is not a level or number of shares.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("'{0}' is not an amount of shares: write low, normal, high or a number from {first} to {last}",
    first = SHARES.start(), last = SHARES.end())]
pub struct ParseSharesError(String);

impl FromStr for Shares {
    type Err = ParseSharesError;

    fn from_str(text: &str) -> Result<Self, ParseSharesError> {
        match text {
            "low" => Ok(Self::Low),
            "normal" => Ok(Self::Normal),
            "high" => Ok(Self::High),
            number => match number.parse() {
                Ok(number) if SHARES.contains(&number) => Ok(Self::Custom(number)),
                _ => Err(ParseSharesError(text.to_owned())),
            },
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn levels_are_as_four_to_two_to_one() {
        let size = ByteSize::mib(256).pages();
        let vm = [Shares::High, Shares::Normal, Shares::Low].map(|shares| shares.of_vm(size));
        assert_eq!(vm, [5120, 2560, 1280]);
        let pool = [Shares::High, Shares::Normal, Shares::Low].map(Shares::of_pool);
        assert_eq!(pool, [327_680, 163_840, 81_920]);
        assert_eq!(Shares::Custom(7).of_vm(size), 7);
        assert_eq!(Shares::Low.of_vm(PageCount(1)), 1, "never none");
    }

    #[test]
    fn scalable_shares_follow_the_members() {
        let pool = |shares: Shares| shares.of_scalable_pool(2560 + 5120);
        assert_eq!([Shares::High, Shares::Normal, Shares::Low].map(pool), [15_360, 7680, 3840]);
        assert_eq!(pool(Shares::Custom(Shares::Normal.of_pool() * 3)), 23_040);
        assert_eq!(Shares::Low.of_scalable_pool(0), 1, "never none");
        assert_eq!(Shares::Custom(100_000_000).of_scalable_pool(u64::MAX), u64::MAX);
    }

    #[test]
    fn shares_are_written_as_they_are_read() {
        for text in ["low", "normal", "high", "1", "100000000"] {
            assert_eq!(text.parse::<Shares>().map(|shares| shares.to_string()), Ok(text.to_owned()));
        }
        for text in ["", "Low", "0", "-1", "100000001"] {
            let error = text.parse::<Shares>().unwrap_err().to_string();
            assert!(error.contains("from 1 to 100000000"), "{error}");
        }
    }
}
