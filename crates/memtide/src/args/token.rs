//! The options of `memtide token`.

use super::{Document, List};
use clap::builder::{PossibleValuesParser, TypedValueParser};
use clap::{Args, Subcommand};
use model::Role;

#[derive(Subcommand)]
pub(crate) enum Token {
    Create(TokenCreate),
    /// List the tokens; their secrets nobody knows any more
    #[command(visible_alias = "list")]
    Ls {
        #[command(flatten)]
        list: List,
    },
    /// Remove tokens: they are not valid any more
    Rm {
        /// The tokens
        #[arg(value_name = "TOKEN", required = true)]
        names: Vec<String>,
        #[command(flatten)]
        output: Document,
    },
}

/// Make a token, and print it
///
/// It is not shown again. Send it as 'Authorization: Bearer TOKEN', or put it into `$MEMTIDE_TOKEN`.
#[derive(Args)]
pub(crate) struct TokenCreate {
    /// What to call it, in the audit log too
    pub(crate) name: String,
    /// What who has it may do: view; operate, which is also to start, stop and type to VMs; administer, which is everything
    #[arg(long, value_name = "ROLE", default_value = "view", value_parser = role())]
    pub(crate) role: Role,
    /// How long it is valid: 45min, 12h, 30d [default: until it is removed]
    #[arg(long, value_name = "TIME", value_parser = seconds)]
    pub(crate) lifetime: Option<u64>,
    #[command(flatten)]
    pub(crate) output: Document,
}

fn role() -> impl TypedValueParser<Value = Role> {
    PossibleValuesParser::new(["view", "operate", "administer"]).try_map(|text| text.parse::<Role>())
}

/// A time with its unit, in seconds.
pub(crate) fn seconds(text: &str) -> Result<u64, String> {
    let why = || format!("'{text}' is no time: write 30s, 45min, 12h or 30d");
    let (number, unit) = text.split_at(text.find(|c: char| !c.is_ascii_digit()).ok_or_else(why)?);
    let unit = match unit {
        "s" => 1,
        "min" => 60,
        "h" => 3600,
        "d" => 24 * 3600,
        _ => return Err(why()),
    };
    number.parse().ok().and_then(|number: u64| number.checked_mul(unit)).ok_or_else(why)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_have_a_unit() {
        assert_eq!((seconds("45min"), seconds("12h"), seconds("30d")), (Ok(2700), Ok(43_200), Ok(2_592_000)));
        for bad in ["", "5", "h", "-1h", "1.5h", "5 h", "5m", "99999999999999999999d", "300000000000000000d"]
        {
            assert!(seconds(bad).is_err(), "{bad}");
        }
    }
}
