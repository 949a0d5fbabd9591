//! When something of the host's memory should be brought to people's attention, and for how long.
//!
//! **Model.** A [`Rule`] says what is looked at (its [`Subject`]), from which level on that is a warning and from
//! which it is critical, and for how long it must be so. Measured are [`Reading`]s: a subject, what it was measured
//! [`on`](Target), a value. [`evaluate()`] goes over both, with the alarms there are, and gives those there are
//! afterwards and what became different.
//!
//! ```text
//!            raise reached for raise_after                      raise of critical
//!     quiet ------------------------------> warning  ------------------------------> critical
//!           <------------------------------  alarm   <------------------------------  alarm
//!            clear reached for clear_after                      clear of critical
//! ```
//!
//! Each of the two severities is a latch of its own (`latch`): it goes on when the raise level was reached long enough
//! without interruption, and off when the clear level was. Between the levels it stays as it is, so that a value which wanders
//! there changes nothing.
//!
//! **Invariants.** There is at most one alarm for a rule and a target. An alarm that was acknowledged stays so, whatever its
//! severity, until it clears. An alarm whose rule or target goes, or whose rule is turned off, clears at once. The
//! order of rules and readings is of no consequence.
//!
//! **Concurrency.** None; the time is an argument.
//!
//! **Cost.** O(n log n) in pairs of a rule and a reading of its subject. What is quiet is not kept.
//!
//! **Not here.** Where readings come from, and what is done about an alarm: `host`.
//!
//! **Sources.** Alarms of `vSphere` have the two severities, levels to raise and to clear, and a time to hold; see
//! `docs/decisions/0045-alarms.md` for what is ours.

mod defaults;
mod evaluate;
mod latch;
mod rule;
mod subject;

pub use defaults::defaults;
pub use evaluate::{Acknowledgement, Alarm, Alarms, NoAlarm, Reading, Transition, evaluate};
pub use rule::{MOST_HOLD_SECONDS, MOST_VMS, Rule, RuleError, Severity, Threshold};
pub use subject::{Level, Scope, Subject, Target, Unit};

#[cfg(test)]
mod tests;
