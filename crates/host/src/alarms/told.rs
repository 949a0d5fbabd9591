//! Alarms as people and programs are told of them: events, and what actions get.

use super::rule;
use crate::core::Core;
use crate::journal::Journal;
use actions::{Action, Failure, Order};
use model::{Alarm, AlarmRuleSpec, ClearedAlarm, What};
use sched::alarm::{Severity, Transition};
use serde::Serialize;
use std::sync::Arc;

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
    let alarm = Alarm::from(&transition.alarm);
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
    alarm: Alarm,
}

/// An order for an action that is told of an alarm.
pub(super) fn told(
    change: &str,
    alarm: &Alarm,
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
pub(super) fn order(core: &Core, rule: &AlarmRuleSpec, transition: &Transition) {
    let alarm = Alarm::from(&transition.alarm);
    for (action, what) in rule::actions(rule) {
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

fn tell_failure(journal: &Journal, action: &'static str, alarm: &Alarm, failure: Failure) {
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
