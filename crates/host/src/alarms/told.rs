//! Alarms as people and programs are told of them: events, and what actions get.

use super::rule::AlarmRule;
use crate::core::Core;
use crate::event::What;
use crate::journal::Journal;
use actions::{Action, Failure, Order};
use sched::alarm::{Acknowledgement, Alarm, Level, Severity, Subject, Target, Transition, Unit};
use serde::{Deserialize, Serialize};
use std::sync::Arc;
use utoipa::ToSchema;

/// Something is as a rule says that it should not be.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize, ToSchema)]
#[schema(as = Alarm)]
pub struct AlarmInfo {
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
    /// Which one.
    #[serde(flatten)]
    pub alarm: AlarmInfo,
    /// Whether it cleared because its rule, VM or directory went, and not because anything is better.
    pub gone: bool,
}

impl From<&Alarm> for AlarmInfo {
    fn from(alarm: &Alarm) -> Self {
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

/// What became of an alarm, in a word.
fn word(transition: &Transition) -> &'static str {
    match (transition.before, transition.after) {
        (_, None) => "cleared",
        (before, after) if before > after => "eased",
        _ => "raised",
    }
}

/// The event that tells it.
pub(super) fn event(transition: &Transition) -> What {
    let alarm = AlarmInfo::from(&transition.alarm);
    match word(transition) {
        "raised" => What::AlarmRaised(alarm),
        "eased" => What::AlarmEased(alarm),
        _ => What::AlarmCleared(ClearedAlarm { alarm, gone: transition.gone }),
    }
}

/// What actions get, in JSON.
#[derive(Serialize)]
struct Told<'a> {
    /// `raised`, `eased`, `cleared` or `test`.
    change: &'a str,
    /// What the machine is called.
    host: String,
    #[serde(flatten)]
    alarm: AlarmInfo,
}

/// An order for an action that is told of an alarm.
pub(super) fn told(
    change: &str,
    alarm: &AlarmInfo,
    severity: Option<Severity>,
    action: Action,
    done: impl FnOnce(Result<String, Failure>) + Send + 'static,
) -> Order {
    let host = rustix::system::uname().nodename().to_string_lossy().into_owned();
    let severity = severity.map(|severity| severity.to_string()).unwrap_or_default();
    let environment = vec![
        ("MEMTIDE_ALARM_CHANGE", change.to_owned()),
        ("MEMTIDE_ALARM_HOST", host.clone()),
        ("MEMTIDE_ALARM_ID", alarm.id.to_string()),
        ("MEMTIDE_ALARM_RULE", alarm.rule.clone()),
        ("MEMTIDE_ALARM_SEVERITY", severity),
        ("MEMTIDE_ALARM_SUBJECT", alarm.subject.to_string()),
        ("MEMTIDE_ALARM_VALUE", alarm.value.to_string()),
        ("MEMTIDE_ALARM_VM", alarm.vm.clone().unwrap_or_default()),
        ("MEMTIDE_ALARM_DIRECTORY", alarm.directory.clone().unwrap_or_default()),
        ("MEMTIDE_ALARM_TEXT", alarm.text.clone()),
    ];
    let told = Told { change, host, alarm: alarm.clone() };
    let body = serde_json::to_string(&told).expect("alarms are JSON");
    Order { action, body, environment, again: true, done: Box::new(done) }
}

/// Has done what the rule says of a transition. What fails is told as an event.
pub(super) fn order(core: &Core, rule: &AlarmRule, transition: &Transition) {
    let alarm = AlarmInfo::from(&transition.alarm);
    for (action, what) in rule.actions() {
        let (journal, of) = (Arc::clone(&core.journal), alarm.clone());
        let done = move |outcome: Result<String, Failure>| {
            if let Err(failure) = outcome {
                tell_failure(&journal, action, &of, failure);
            }
        };
        let order = told(word(transition), &alarm, transition.after, what, done);
        if let Err(error) = core.actions.order(order) {
            let failure = Failure { why: error.to_string(), said: None };
            tell_failure(&core.journal, action, &alarm, failure);
        }
    }
}

fn tell_failure(journal: &Journal, action: &'static str, alarm: &AlarmInfo, failure: Failure) {
    let (rule, vm) = (alarm.rule.clone(), alarm.vm.clone());
    journal.add(What::AlarmActionFailed {
        alarm: alarm.id,
        rule,
        vm,
        action,
        why: failure.why,
        // What a server answers is for who gave the webhook, and events are for everybody.
        said: failure.said.filter(|_| action == "command"),
    });
}
