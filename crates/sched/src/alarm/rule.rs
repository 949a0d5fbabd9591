//! A rule, and whether it can be one.

use super::latch::{Holds, Says};
use super::subject::{Level, Scope, Subject, Target};
use serde::{Deserialize, Serialize};
use std::fmt;
use thiserror::Error;
use utoipa::ToSchema;

/// The longest that something can be waited for, in seconds.
pub const MOST_HOLD_SECONDS: u32 = 24 * 3600;
/// Most VMs that a rule names.
pub const MOST_VMS: usize = 256;

/// How bad it is.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum Severity {
    /// Worth a look.
    Warning,
    /// Worth a look at once.
    Critical,
}

/// Levels of one severity.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = AlarmThreshold)]
pub struct Threshold {
    /// From here on it is so: a number in the subject's unit, or one of its words.
    pub raise: Level,
    /// From here on it is so no more, which must be better than `raise`; `null`: as soon as that is not reached.
    #[serde(default)]
    pub clear: Option<Level>,
}

/// When something is worth people's attention.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub struct Rule {
    /// Which rule.
    pub name: String,
    /// What is looked at.
    pub subject: Subject,
    /// Whether it is.
    pub enabled: bool,
    /// On which VMs; `None`: all. Nothing else for what is not measured on VMs.
    pub vms: Option<Vec<String>>,
    /// From where on it is a warning.
    pub warning: Option<Threshold>,
    /// From where on it is critical.
    pub critical: Option<Threshold>,
    /// How long it must be so, without interruption.
    pub raise_after_seconds: u32,
    /// How long it must not be so.
    pub clear_after_seconds: u32,
}

/// Why a rule is invalid, and what to do about it.
#[derive(Clone, PartialEq, Debug, Error)]
pub enum RuleError {
    /// It would never say anything.
    #[error("it has no threshold: give 'warning', 'critical' or both")]
    NoThreshold,
    /// A level that the subject does not have.
    #[error("{place}: '{given}' is no level of {subject}: take {wanted}")]
    Level {
        /// Which field.
        place: String,
        /// What stands there.
        given: Level,
        /// What is looked at.
        subject: Subject,
        /// What could stand there.
        wanted: String,
    },
    /// It would be so always.
    #[error("{place}: {subject} is always at {given} or worse: take a worse level")]
    Always {
        /// Which field.
        place: String,
        /// What stands there.
        given: Level,
        /// What is looked at.
        subject: Subject,
    },
    /// It would be so and not so at once.
    #[error("{severity}.clear of {clear} is not better than {severity}.raise of {raise}: {}",
        if *falls { "take more than that" } else { "take less than that" })]
    ClearBeyondRaise {
        /// Which threshold.
        severity: Severity,
        /// Its levels.
        raise: Level,
        /// Its levels.
        clear: Level,
        /// Whether less is worse.
        falls: bool,
    },
    /// It would be critical before it is a warning.
    #[error("critical.{which} of {critical} is better than warning.{which} of {warning}: exchange them")]
    CriticalFirst {
        /// Raise or clear.
        which: &'static str,
        /// That of the critical threshold.
        critical: Level,
        /// That of the warning.
        warning: Level,
    },
    /// Nobody waits so long.
    #[error("{place}: {seconds} s is too long: take {MOST_HOLD_SECONDS} s, a day, at most")]
    Hold {
        /// Which field.
        place: &'static str,
        /// What stands there.
        seconds: u32,
    },
    /// A rule that is not about VMs names some.
    #[error("{0} is not measured on VMs: leave 'vms' null")]
    NoVms(Subject),
    /// It is about no VM, or about too many.
    #[error("it names {0} VMs: name 1 to {MOST_VMS}, or leave 'vms' null for all")]
    VmCount(usize),
}

/// A threshold in numbers that grow with how bad it is.
#[derive(Clone, Copy, PartialEq, Debug)]
pub(super) struct Limits {
    raise: f64,
    /// `None`: anything below `raise`.
    clear: Option<f64>,
}

impl Limits {
    /// What `badness` says to a latch with these limits.
    pub(super) fn say(self, badness: f64) -> Says {
        match self.clear {
            _ if badness >= self.raise => Says::On,
            Some(clear) if badness > clear => Says::Nothing,
            _ => Says::Off,
        }
    }
}

impl Rule {
    /// Whether it can be so.
    ///
    /// # Errors
    /// Why not: the first thing that is wrong.
    pub fn check(&self) -> Result<(), RuleError> {
        let [warning, critical] = [Severity::Warning, Severity::Critical].map(|of| self.checked(of));
        let (warning, critical) = (warning?, critical?);
        match (warning, critical) {
            (None, None) => return Err(RuleError::NoThreshold),
            (Some(warning), Some(critical)) => self.check_order(warning, critical)?,
            _ => {}
        }
        for (place, seconds) in [
            ("raise_after_seconds", self.raise_after_seconds),
            ("clear_after_seconds", self.clear_after_seconds),
        ] {
            if seconds > MOST_HOLD_SECONDS {
                return Err(RuleError::Hold { place, seconds });
            }
        }
        match &self.vms {
            Some(_) if self.subject.scope() != Scope::Vm => Err(RuleError::NoVms(self.subject)),
            Some(vms) if !(1..=MOST_VMS).contains(&vms.len()) => Err(RuleError::VmCount(vms.len())),
            _ => Ok(()),
        }
    }

    /// The thresholds in numbers, where they make sense.
    pub(super) fn limits(&self, of: Severity) -> Option<Limits> {
        self.checked(of).ok().flatten()
    }

    /// How long they must hold.
    pub(super) fn holds(&self) -> Holds {
        let milliseconds = |seconds: u32| u64::from(seconds) * 1000;
        Holds { on: milliseconds(self.raise_after_seconds), off: milliseconds(self.clear_after_seconds) }
    }

    /// Whether it looks at `target`.
    pub(super) fn covers(&self, target: &Target) -> bool {
        match (&self.vms, target) {
            (Some(vms), Target::Vm(name)) => vms.contains(name),
            _ => true,
        }
    }

    /// How bad a value is: a number that is the greater, the worse.
    pub(super) fn badness(&self, value: f64) -> f64 {
        if self.subject.falls() { -value } else { value }
    }

    fn threshold(&self, of: Severity) -> Option<&Threshold> {
        match of {
            Severity::Warning => self.warning.as_ref(),
            Severity::Critical => self.critical.as_ref(),
        }
    }

    fn checked(&self, severity: Severity) -> Result<Option<Limits>, RuleError> {
        let Some(threshold) = self.threshold(severity) else { return Ok(None) };
        let raise = self.value(&threshold.raise, || format!("{severity}.raise"))?;
        let best = if self.subject.falls() { -self.subject.most() } else { 0.0 };
        if raise <= best {
            let (place, given) = (format!("{severity}.raise"), threshold.raise.clone());
            return Err(RuleError::Always { place, given, subject: self.subject });
        }
        let Some(level) = &threshold.clear else { return Ok(Some(Limits { raise, clear: None })) };
        let clear = self.value(level, || format!("{severity}.clear"))?;
        if clear >= raise {
            let (raise, clear) = (threshold.raise.clone(), level.clone());
            return Err(RuleError::ClearBeyondRaise { severity, raise, clear, falls: self.subject.falls() });
        }
        Ok(Some(Limits { raise, clear: Some(clear) }))
    }

    /// How bad a level is.
    fn value(&self, level: &Level, place: impl FnOnce() -> String) -> Result<f64, RuleError> {
        let words = self.subject.words();
        let value = match level {
            Level::Number(number) if words.is_empty() && (0.0..=self.subject.most()).contains(number) => {
                Some(*number)
            }
            Level::Word(given) => words.iter().position(|word| word == given).map(|place| place as f64),
            Level::Number(_) => None,
        };
        let wanted = || match words {
            [] => format!("a number from 0 to {}", self.subject.most()),
            words => words.join(", "),
        };
        value.map(|value| self.badness(value)).ok_or_else(|| RuleError::Level {
            place: place(),
            given: level.clone(),
            subject: self.subject,
            wanted: wanted(),
        })
    }

    /// Whoever is critical must be at least as bad as who is worth a warning.
    fn check_order(&self, warning: Limits, critical: Limits) -> Result<(), RuleError> {
        let clear = |limits: Limits| limits.clear.unwrap_or(limits.raise);
        let which = match () {
            () if critical.raise < warning.raise => "raise",
            () if clear(critical) < clear(warning) => "clear",
            () => return Ok(()),
        };
        let level = |of: Severity| {
            let threshold = self.threshold(of).expect("it has limits");
            let clear = threshold.clear.as_ref().filter(|_| which == "clear");
            clear.unwrap_or(&threshold.raise).clone()
        };
        let (critical, warning) = (level(Severity::Critical), level(Severity::Warning));
        Err(RuleError::CriticalFirst { which, critical, warning })
    }
}

impl fmt::Display for Severity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Warning => "warning",
            Self::Critical => "critical",
        })
    }
}
