//! The options of `memtide alarms`.

use super::{Document, List, OrNone};
use clap::builder::{PossibleValuesParser, TypedValueParser};
use clap::{Args, Subcommand};
use model::{AlarmSubject, AlarmThreshold, Level, Severity};
use std::convert::Infallible;
use std::str::FromStr;

/// Show and acknowledge alarms, and change the rules they are raised by
///
/// An alarm is something of the host's memory that a rule says should be looked at. It stays until that is over.
#[derive(Subcommand)]
pub(crate) enum Alarms {
    /// List the alarms there are, the worst first
    #[command(visible_alias = "list")]
    Ls {
        /// Only those of this VM
        #[arg(long, value_name = "VM")]
        vm: Option<String>,
        /// Only those that are so bad
        #[arg(long, value_name = "SEVERITY", value_parser = severity())]
        severity: Option<Severity>,
        /// Only those that nobody said to have seen
        #[arg(long)]
        unacknowledged: bool,
        #[command(flatten)]
        list: List,
    },
    /// Say that somebody has seen alarms
    Ack {
        /// The alarms' numbers
        #[arg(value_name = "ALARM", required_unless_present = "all")]
        ids: Vec<u64>,
        /// All there are
        #[arg(long, conflicts_with = "ids")]
        all: bool,
        #[command(flatten)]
        output: Document,
    },
    /// List, show, make, change, test and remove rules
    #[command(subcommand)]
    Rules(Rules),
}

#[derive(Subcommand)]
pub(crate) enum Rules {
    /// List the rules
    #[command(visible_alias = "list")]
    Ls {
        #[command(flatten)]
        list: List,
    },
    /// Show a rule
    Show {
        /// The rule
        #[arg(value_name = "RULE")]
        name: String,
        #[command(flatten)]
        output: Document,
    },
    Set(Box<SetRule>),
    /// Have a rule's actions done once, as if there was an alarm
    Test {
        /// The rule
        #[arg(value_name = "RULE")]
        name: String,
        #[command(flatten)]
        output: Document,
    },
    /// Remove rules; their alarms clear
    Rm {
        /// The rules
        #[arg(value_name = "RULE", required = true)]
        names: Vec<String>,
        #[command(flatten)]
        output: Document,
    },
}

/// Change a rule, or make one if there is none of that name
///
/// A level is a number in percent; of vm-swap-in, bytes in a second: 4MiB; of vm-guest-oom-kills, a number of programs; of
/// host-state high, clear, soft, hard, low; of vm-balloon-driver working, slow, absent, stuck, lying; of vm-guest well,
/// silent, panicked; of vm-start worked, loops, failed. RAISE:CLEAR is where an alarm begins and where it ends. To make one takes --subject and a threshold.
#[derive(Args)]
pub(crate) struct SetRule {
    /// The rule
    #[arg(value_name = "RULE")]
    pub(crate) name: String,
    /// What is looked at
    #[arg(long, value_name = "SUBJECT", value_parser = subject())]
    pub(crate) subject: Option<AlarmSubject>,
    /// Whether it is looked at: yes or no
    #[arg(long, value_name = "YES|NO", value_parser = super::host::yes_or_no)]
    pub(crate) enabled: Option<bool>,
    /// On which VMs, or none for all; may be given again
    #[arg(long, value_name = "VM")]
    pub(crate) vm: Option<Vec<String>>,
    /// From where on it is a warning, or none
    #[arg(long, value_name = "RAISE[:CLEAR]")]
    pub(crate) warning: Option<OrNone<Levels>>,
    /// From where on it is critical, or none
    #[arg(long, value_name = "RAISE[:CLEAR]")]
    pub(crate) critical: Option<OrNone<Levels>>,
    /// How long it must be so before there is an alarm: 30s, 10min
    #[arg(long, value_name = "TIME", value_parser = hold)]
    pub(crate) raise_after: Option<u32>,
    /// How long it must not be so before the alarm is over
    #[arg(long, value_name = "TIME", value_parser = hold)]
    pub(crate) clear_after: Option<u32>,
    /// A server that is told, by a POST of JSON; or none
    #[arg(long, value_name = "URL")]
    pub(crate) webhook: Option<OrNone<String>>,
    /// The header in which the secret is sent to it [default: authorization]
    #[arg(long, value_name = "NAME", requires = "webhook", requires = "webhook_secret")]
    pub(crate) webhook_header: Option<String>,
    /// Where to read the secret from that it knows the host by: a file, or - for the input
    #[arg(long, value_name = "FILE", requires = "webhook")]
    pub(crate) webhook_secret: Option<String>,
    /// Have no command run any more
    #[arg(long, conflicts_with = "command")]
    pub(crate) no_command: bool,
    /// A program by its absolute path, with its arguments, that the host runs; behind --
    #[arg(last = true, value_name = "COMMAND")]
    pub(crate) command: Vec<String>,
    #[command(flatten)]
    pub(crate) output: Document,
}

/// Levels of a threshold.
#[derive(Clone, PartialEq, Debug)]
pub(crate) struct Levels(pub(crate) AlarmThreshold);

impl FromStr for Levels {
    type Err = Infallible;

    fn from_str(text: &str) -> Result<Self, Infallible> {
        let (raise, clear) = match text.split_once(':') {
            Some((raise, clear)) => (raise, Some(level(clear))),
            None => (text, None),
        };
        Ok(Self(AlarmThreshold { raise: level(raise), clear }))
    }
}

/// A number, in percent or with a unit of bytes, or a word, which the host knows.
fn level(text: &str) -> Level {
    let number = text.strip_suffix('%').unwrap_or(text).parse().ok();
    let bytes = || text.strip_suffix("/s").unwrap_or(text).parse::<addr::ByteSize>().ok();
    let number = number.or_else(|| bytes().map(|bytes| bytes.0 as f64));
    number.map_or_else(|| Level::Word(text.to_owned()), Level::Number)
}

fn hold(text: &str) -> Result<u32, String> {
    let seconds = if text == "0" { 0 } else { super::token::seconds(text)? };
    u32::try_from(seconds).map_err(|_| format!("'{text}' is too long"))
}

fn severity() -> impl TypedValueParser<Value = Severity> {
    PossibleValuesParser::new(["warning", "critical"]).map(|word| match word.as_str() {
        "critical" => Severity::Critical,
        _ => Severity::Warning,
    })
}

fn subject() -> impl TypedValueParser<Value = AlarmSubject> {
    PossibleValuesParser::new(AlarmSubject::ALL.map(AlarmSubject::name)).map(|word| {
        let found = AlarmSubject::ALL.into_iter().find(|subject| subject.name() == word);
        found.expect("clap takes no other word")
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn levels_are_numbers_sizes_or_words() {
        let levels = |text: &str| text.parse::<Levels>().map(|Levels(of)| (of.raise, of.clear));
        let number = Level::Number;
        assert_eq!(levels("80"), Ok((number(80.0), None)));
        assert_eq!(levels("80%:62.5%"), Ok((number(80.0), Some(number(62.5)))));
        assert_eq!(levels("4MiB/s:1MiB"), Ok((number(4_194_304.0), Some(number(1_048_576.0)))));
        let word = |word: &str| Level::Word(word.to_owned());
        assert_eq!(levels("hard:soft"), Ok((word("hard"), Some(word("soft")))));
        assert_eq!("none".parse::<OrNone<Levels>>(), Ok(OrNone(None)));
        assert_eq!((hold("0"), hold("10min"), hold("5").is_err()), (Ok(0), Ok(600), true));
    }
}
