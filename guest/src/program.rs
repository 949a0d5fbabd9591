//! What a guest program is: a name, numbers to take, a line to print or a failure to tell.

use std::fmt::{self, Display};
use std::io;
use std::iter;
use std::time::Instant;

/// One subcommand of `mt`.
pub(crate) struct Program {
    /// The subcommand, and the first word of its line.
    pub(crate) name: &'static str,
    /// What it does, for the usage text.
    pub(crate) purpose: &'static str,
    /// The numbers it takes, in order.
    pub(crate) parameters: &'static [Parameter],
    /// The numbers with which `mt all` runs it, as many as there are parameters; none if it does not.
    pub(crate) quick: &'static [u64],
    /// Runs it; gets as many numbers as there are parameters, each at least 1.
    pub(crate) run: fn(&[u64]) -> Outcome,
}

/// One number that a program takes.
pub(crate) struct Parameter {
    name: &'static str,
    default: Option<u64>,
}

/// A number that must be given.
pub(crate) const fn required(name: &'static str) -> Parameter {
    Parameter { name, default: None }
}

/// A number that is `default` if not given.
pub(crate) const fn optional(name: &'static str, default: u64) -> Parameter {
    Parameter { name, default: Some(default) }
}

impl Program {
    /// The numbers in `arguments`, with the defaults filled in.
    pub(crate) fn values(&self, arguments: &[&str]) -> Result<Vec<u64>, Failure> {
        if arguments.len() > self.parameters.len() {
            return Err(Failure(format!("too many arguments: '{}'", arguments[self.parameters.len()])));
        }
        let mut given = arguments.iter();
        self.parameters.iter().map(|parameter| parameter.value(given.next())).collect()
    }

    /// The command line, for the usage text.
    pub(crate) fn synopsis(&self) -> String {
        let parameters = self.parameters.iter().map(|Parameter { name, default }| match default {
            None => format!(" {name}"),
            Some(default) => format!(" [{name}={default}]"),
        });
        iter::once(String::from(self.name)).chain(parameters).collect()
    }
}

impl Parameter {
    fn value(&self, given: Option<&&str>) -> Result<u64, Failure> {
        let Some(text) = given else {
            return self.default.ok_or_else(|| Failure(format!("{} is missing", self.name)));
        };
        match text.parse() {
            Ok(value @ 1..) => Ok(value),
            _ => Err(Failure(format!("{} must be a whole number from 1 up, not '{text}'", self.name))),
        }
    }
}

/// What a program has to tell: its line, or what was wrong.
pub(crate) type Outcome = Result<Report, Failure>;

/// The line a program prints: `name key=value ...`.
pub(crate) struct Report(String);

impl Report {
    pub(crate) fn new(name: &str) -> Self {
        Self(String::from(name))
    }

    /// Append ` key=value`.
    pub(crate) fn with(self, key: &str, value: impl Display) -> Self {
        Self(format!("{self} {key}={value}"))
    }

    /// Append the time since `start` in microseconds as ` us=...`.
    pub(crate) fn timed(self, start: Instant) -> Self {
        self.with("us", start.elapsed().as_micros())
    }
}

impl Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// Why a program ended without a report.
#[derive(Debug)]
pub(crate) struct Failure(pub(crate) String);

impl Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl From<io::Error> for Failure {
    fn from(error: io::Error) -> Self {
        Self(error.to_string())
    }
}

/// Fail with `message` unless `holds`.
pub(crate) fn ensure(holds: bool, message: impl FnOnce() -> String) -> Result<(), Failure> {
    if holds { Ok(()) } else { Err(Failure(message())) }
}
