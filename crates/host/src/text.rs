//! Values that are written out as the word, or number, that people use.

use serde::de::Error;
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use std::fmt::Display;
use std::str::FromStr;

/// What people write: `"normal"`, or a plain number.
#[derive(Serialize, Deserialize)]
#[serde(untagged)]
enum Written {
    Number(u64),
    Word(String),
}

/// Writes a value out as its word or number.
pub(crate) fn serialize<S: Serializer>(value: &impl Display, to: S) -> Result<S::Ok, S::Error> {
    let word = value.to_string();
    word.parse().map_or(Written::Word(word), Written::Number).serialize(to)
}

/// Reads a value from its word or number.
pub(crate) fn deserialize<'de, D, T>(from: D) -> Result<T, D::Error>
where
    D: Deserializer<'de>,
    T: FromStr<Err: Display>,
{
    let word = match Written::deserialize(from)? {
        Written::Number(number) => number.to_string(),
        Written::Word(word) => word,
    };
    word.parse().map_err(D::Error::custom)
}

/// The same for values that may be left out.
pub(crate) mod option {
    use super::{Deserializer, Display, FromStr, Serializer};

    #[expect(clippy::ref_option, reason = "the signature is serde's")]
    pub(crate) fn serialize<S: Serializer>(value: &Option<impl Display>, to: S) -> Result<S::Ok, S::Error> {
        match value {
            Some(value) => super::serialize(value, to),
            None => to.serialize_none(),
        }
    }

    pub(crate) fn deserialize<'de, D, T>(from: D) -> Result<Option<T>, D::Error>
    where
        D: Deserializer<'de>,
        T: FromStr<Err: Display>,
    {
        super::deserialize(from).map(Some)
    }
}
