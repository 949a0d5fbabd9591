//! Sizes as people give them: in bytes with a unit, or as a part of a whole.

use addr::ByteSize;
use std::fmt::{self, Display};
use std::str::FromStr;

/// `512MiB`, or `50%` of what the option says.
#[derive(Clone, Copy, PartialEq, Debug)]
pub(crate) enum SizeOrPart {
    Size(ByteSize),
    /// From 0 to 1.
    Part(f64),
}

impl SizeOrPart {
    /// The size; a part of a whole in whole pages.
    pub(crate) fn of(self, whole: ByteSize) -> ByteSize {
        match self {
            Self::Size(size) => size,
            Self::Part(part) => ByteSize((whole.0 as f64 * part) as u64).pages().bytes(),
        }
    }
}

impl Display for SizeOrPart {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Size(size) => size.fmt(f),
            Self::Part(part) => write!(f, "{}%", part * 100.0),
        }
    }
}

/// A size, if there is one; the whole is asked for only if it takes one.
pub(crate) fn in_bytes<E>(
    size: Option<SizeOrPart>,
    whole: impl Fn() -> Result<ByteSize, E>,
) -> Result<Option<ByteSize>, E> {
    match size {
        Some(SizeOrPart::Size(size)) => Ok(Some(size)),
        Some(part) => whole().map(|whole| Some(part.of(whole))),
        None => Ok(None),
    }
}

impl FromStr for SizeOrPart {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let Some(number) = text.trim().strip_suffix('%') else {
            let like = |error| format!("{error}, or a part such as 50%");
            return text.parse().map(Self::Size).map_err(like);
        };
        match number.trim().parse::<f64>() {
            Ok(percent) if (0.0..=100.0).contains(&percent) => Ok(Self::Part(percent / 100.0)),
            Ok(_) => {
                Err(format!("'{text}' is no part of a whole: write 0% to 100%, or a size such as 512MiB"))
            }
            Err(_) => Err(format!("'{text}' is no percentage: write a number and %, for example 50%")),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_part_is_of_what_it_is_said_to_be() {
        let of = |text: &str, whole| text.parse::<SizeOrPart>().map(|size| size.of(ByteSize::mib(whole)));
        assert_eq!(of("512MiB", 1), Ok(ByteSize::mib(512)));
        assert_eq!(of("50%", 256), Ok(ByteSize::mib(128)));
        assert_eq!(of("12.5 %", 256), Ok(ByteSize::mib(32)));
        assert_eq!((of("0%", 256), of("100%", 256)), (Ok(ByteSize(0)), Ok(ByteSize::mib(256))));
        assert!(of("33.3%", 100).unwrap().is_page_aligned());
    }

    #[test]
    fn what_is_neither_says_what_to_write() {
        let error = |text: &str| text.parse::<SizeOrPart>().unwrap_err();
        assert!(error("lots").contains("512MiB") && error("lots").contains("50%"));
        for text in ["120%", "-5%"] {
            assert!(error(text).contains("0% to 100%"), "{}", error(text));
        }
        for text in ["%", "half%", "NaN%"] {
            assert!(error(text).contains('%'), "{}", error(text));
        }
    }
}
