//! What people do: look at alarms and acknowledge them, make, change, remove and test rules.

use super::rule;
use super::told::told;
use crate::catalog::differences;
use crate::core::Core;
use crate::error::HostError;
use crate::revision::{Expected, Revision};
use actions::Failure;
use model::{ActionOutcome, AlarmRuleChange, AlarmRuleSpec, Changed, MOST_RULES, TestedActions, What};
use sched::alarm::{Acknowledgement, Alarm, Alarms, Scope, Severity, Target};
use std::collections::BTreeMap;
use std::sync::mpsc::{RecvTimeoutError, sync_channel};
use std::time::Duration;

/// How long a test waits: as long as an action may take, and its turn.
const PATIENCE: Duration = Duration::from_secs(45);

/// The alarms there are, by number.
pub(crate) fn alarms(core: &Core) -> Vec<model::Alarm> {
    let mut alarms: Vec<model::Alarm> = core.alarms.lock().alarms.iter().map(model::Alarm::from).collect();
    alarms.sort_by_key(|alarm| alarm.id);
    alarms
}

/// Notes that somebody has seen an alarm.
pub(crate) fn acknowledge(core: &Core, id: u64, by: String) -> Result<model::Alarm, HostError> {
    let state = core.change()?;
    let seen = Acknowledgement { by, at_milliseconds: core.clock.milliseconds() };
    let acknowledge = |alarms: &mut Alarms| {
        let acknowledged = alarms.acknowledge(id, seen.clone());
        let (alarm, is_first) = acknowledged.map_err(|error| HostError::NoAlarm(error.0))?;
        Ok::<_, HostError>((model::Alarm::from(alarm), is_first))
    };
    let mut alarms = core.alarms.lock().alarms.clone();
    if acknowledge(&mut alarms)?.1 {
        state.write_alarms(&alarms)?;
    }
    let (info, is_first) = acknowledge(&mut core.alarms.lock().alarms)?;
    if is_first {
        core.journal.add(What::AlarmAcknowledged(info.clone()));
    }
    Ok(info)
}

/// All rules, by name, without secrets.
pub(crate) fn rules(core: &Core) -> Vec<AlarmRuleSpec> {
    core.alarms.lock().rules.values().cloned().map(AlarmRuleSpec::without_secret).collect()
}

/// One rule, without its secret.
pub(crate) fn rule(core: &Core, name: &str) -> Result<AlarmRuleSpec, HostError> {
    Ok(find(core, name)?.without_secret())
}

fn find(core: &Core, name: &str) -> Result<AlarmRuleSpec, HostError> {
    core.alarms.lock().rules.get(name).cloned().ok_or_else(|| HostError::NoAlarmRule(name.to_owned()))
}

/// Makes a rule.
pub(crate) fn create(core: &Core, new: AlarmRuleSpec) -> Result<(), HostError> {
    rule::check(&new)?;
    edit(core, |rules| {
        let name = new.name.clone();
        if rules.contains_key(&name) {
            return Err(HostError::Exists { what: "alarm rule", name });
        }
        if rules.len() >= MOST_RULES {
            return Err(HostError::TooManyRules);
        }
        rules.insert(name.clone(), new);
        Ok(What::AlarmRuleCreated { rule: name })
    })
}

/// Changes a rule.
pub(crate) fn change(
    core: &Core,
    name: &str,
    change: &AlarmRuleChange,
    expected: &Expected,
) -> Result<(), HostError> {
    edit(core, |rules| {
        let rule = rules.get_mut(name).ok_or_else(|| HostError::NoAlarmRule(name.to_owned()))?;
        let new = change.applied_to(rule);
        rule::check(&new)?;
        // Last of all checks: what could not be anyway is not for want of reading again.
        HostError::unless_expected(
            expected,
            || format!("alarm rule '{name}'"),
            Revision::of_alarm_rule(rule),
        )?;
        let changes = changes(rule, &new);
        *rule = new;
        Ok(What::AlarmRuleChanged { rule: name.to_owned(), changes })
    })
}

/// Removes a rule; its alarms clear.
pub(crate) fn remove(core: &Core, name: &str) -> Result<(), HostError> {
    edit(core, |rules| match rules.remove(name) {
        Some(_) => Ok(What::AlarmRuleRemoved { rule: name.to_owned() }),
        None => Err(HostError::NoAlarmRule(name.to_owned())),
    })
}

/// Edits the rules, writes them down and tells what was done.
fn edit(
    core: &Core,
    edit: impl FnOnce(&mut BTreeMap<String, AlarmRuleSpec>) -> Result<What, HostError>,
) -> Result<(), HostError> {
    let state = core.change()?;
    let mut rules = core.alarms.lock().rules.clone();
    let what = edit(&mut rules)?;
    state.write_alarm_rules(rules.values())?;
    core.alarms.lock().rules = rules;
    core.journal.add(what);
    Ok(())
}

/// What is different; of actions only that they are, as they may have secrets in them.
fn changes(old: &AlarmRuleSpec, new: &AlarmRuleSpec) -> Vec<Changed> {
    let mut changes = differences(&old.clone().without_actions(), &new.clone().without_actions());
    for (field, differs, before, after) in [
        ("command", old.command != new.command, old.command.is_some(), new.command.is_some()),
        ("webhook", old.webhook != new.webhook, old.webhook.is_some(), new.webhook.is_some()),
    ] {
        let said = |is: bool| is.then(|| "given".to_owned());
        if differs {
            changes.push(Changed { field: field.to_owned(), old: said(before), new: said(after) });
        }
    }
    changes
}

/// Has a rule's actions done as if there was an alarm, and waits for how they went.
pub(crate) fn test(core: &Core, name: &str) -> Result<TestedActions, HostError> {
    let rule = find(core, name)?;
    if !rule.acts() {
        return Err(HostError::NoAction(name.to_owned()));
    }
    let alarm = model::Alarm::from(&pretended(&rule, core.clock.milliseconds()));
    let mut tested = TestedActions { command: None, webhook: None };
    for (which, action) in rule::actions(&rule) {
        let (tell, told_back) = sync_channel(1);
        // Whoever waited may have left.
        let done = move |outcome| drop(tell.send(outcome));
        let order =
            actions::Order { again: false, ..told("test", &alarm, Some(alarm.severity), action, done) };
        let outcome = match core.actions.order(order) {
            Err(error) => Err(Failure { why: error.to_string(), said: None }),
            Ok(()) => match told_back.recv_timeout(PATIENCE) {
                Ok(outcome) => outcome,
                Err(RecvTimeoutError::Timeout) => {
                    Err(Failure { why: format!("not done after {PATIENCE:?}"), said: None })
                }
                Err(RecvTimeoutError::Disconnected) => return Err(HostError::ShuttingDown),
            },
        };
        let outcome = Some(went(outcome));
        if which == "command" { tested.command = outcome } else { tested.webhook = outcome }
    }
    Ok(tested)
}

/// An alarm of a rule as it could be, with a number that none has.
fn pretended(rule: &AlarmRuleSpec, now: u64) -> Alarm {
    let severity = if rule.critical.is_some() { Severity::Critical } else { Severity::Warning };
    let subject = rule.subject;
    let on = match subject.scope() {
        Scope::Host => Target::Host,
        Scope::Vm => Target::Vm(rule.vms.iter().flatten().next().map_or("test", String::as_str).to_owned()),
        Scope::Directory => Target::Directory("/".to_owned()),
    };
    let value = if subject.falls() { 0.0 } else { 100.0 };
    Alarm {
        id: 0,
        rule: rule.name.clone(),
        subject,
        on,
        severity,
        value,
        raised_at_milliseconds: now,
        changed_at_milliseconds: now,
        acknowledged: None,
    }
}

fn went(outcome: Result<String, Failure>) -> ActionOutcome {
    match outcome {
        Ok(said) => ActionOutcome { done: true, why: None, said: Some(said).filter(|said| !said.is_empty()) },
        Err(Failure { why, said }) => ActionOutcome { done: false, why: Some(why), said },
    }
}
