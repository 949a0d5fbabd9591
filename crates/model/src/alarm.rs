//! Alarms as people and programs are told of them, and how their actions went.

use sched::alarm::{Acknowledgement, Level, Severity, Subject, Target, Unit};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// Something is as a rule says that it should not be.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize, ToSchema)]
pub struct Alarm {
    /// Its number, which no alarm of this host had before.
    pub id: u64,
    /// By which rule.
    pub rule: String,
    /// What is looked at.
    pub subject: Subject,
    /// In what it is measured.
    pub unit: Unit,
    /// On which VM, if it is measured on VMs.
    pub vm: Option<String>,
    /// On which directory of swap files, if it is measured on these.
    pub directory: Option<String>,
    /// How bad it is.
    pub severity: Severity,
    /// The value measured last, in its unit, or a word.
    pub value: Level,
    /// The same in a sentence.
    pub text: String,
    /// When it was raised, in milliseconds since 1970.
    pub raised_at_milliseconds: u64,
    /// When its severity became what it is.
    pub changed_at_milliseconds: u64,
    /// Who has seen it; `null` if nobody said so.
    pub acknowledged: Option<Acknowledgement>,
}

/// An alarm that cleared, as it was.
#[derive(Clone, PartialEq, Debug, Serialize, ToSchema)]
pub struct ClearedAlarm {
    /// The alarm.
    #[serde(flatten)]
    pub alarm: Alarm,
    /// Whether it cleared because its rule, VM or directory went, and not because anything is better.
    pub gone: bool,
}

impl From<&sched::alarm::Alarm> for Alarm {
    fn from(alarm: &sched::alarm::Alarm) -> Self {
        let (vm, directory) = match &alarm.on {
            Target::Host => (None, None),
            Target::Vm(name) => (Some(name.clone()), None),
            Target::Directory(path) => (None, Some(path.clone())),
        };
        Self {
            id: alarm.id,
            rule: alarm.rule.clone(),
            subject: alarm.subject,
            unit: alarm.subject.unit(),
            vm,
            directory,
            severity: alarm.severity,
            value: alarm.subject.level(alarm.value),
            text: alarm.subject.say(&alarm.on, alarm.value),
            raised_at_milliseconds: alarm.raised_at_milliseconds,
            changed_at_milliseconds: alarm.changed_at_milliseconds,
            acknowledged: alarm.acknowledged.clone(),
        }
    }
}

/// How an action went.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize, ToSchema)]
pub struct ActionOutcome {
    /// Whether it was done.
    pub done: bool,
    /// Why not.
    pub why: Option<String>,
    /// The beginning of what the command or the server said.
    pub said: Option<String>,
}

/// How a rule's actions went.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize, ToSchema)]
pub struct TestedActions {
    /// Its command; `null` if it has none.
    pub command: Option<ActionOutcome>,
    /// Its webhook; `null` if it has none.
    pub webhook: Option<ActionOutcome>,
}
