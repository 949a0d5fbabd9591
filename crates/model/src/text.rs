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
    parse(Written::deserialize(from)?).map_err(D::Error::custom)
}

fn parse<T: FromStr>(written: Written) -> Result<T, T::Err> {
    match written {
        Written::Number(number) => number.to_string(),
        Written::Word(word) => word,
    }
    .parse()
}

/// The same for values that may be left out, or be `null`.
pub(crate) mod option {
    use super::{Deserialize, Deserializer, Display, Error, FromStr, Serializer, Written, parse};

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
        Option::<Written>::deserialize(from)?.map(parse).transpose().map_err(D::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use crate::what_if::Edit;

    #[test]
    fn what_was_written_is_read_whether_given_or_not() {
        for shares in ["null", "\"high\"", "1000"] {
            let edit = r#"{"edit":"vm","name":"a","shares":SHARES}"#.replace("SHARES", shares);
            let read: Edit = serde_json::from_str(&edit).unwrap_or_else(|error| panic!("{shares}: {error}"));
            let again: Edit = serde_json::from_str(&serde_json::to_string(&read).unwrap()).unwrap();
            assert_eq!(format!("{read:?}"), format!("{again:?}"));
        }
    }
}
