//! From rules, readings and the alarms there are to those there are next.

use super::latch::Latch;
use super::rule::{Rule, Severity};
use super::subject::{Subject, Target};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use thiserror::Error;
use utoipa::ToSchema;

/// What was measured of a subject on one target.
#[derive(Clone, PartialEq, Debug)]
pub struct Reading {
    /// What was looked at.
    pub subject: Subject,
    /// On what.
    pub on: Target,
    /// In the subject's unit, or the number of its word; `None`: it is there, and not known at present, which leaves an
    /// alarm as it is.
    pub value: Option<f64>,
}

/// Somebody has seen an alarm.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize, ToSchema)]
#[schema(as = AlarmAcknowledgement)]
pub struct Acknowledgement {
    /// Who: `uid 1000`, `token ci`.
    pub by: String,
    /// When, in milliseconds since 1970.
    pub at_milliseconds: u64,
}

/// Something is as a rule says that it should not be.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub struct Alarm {
    /// Its number, which no alarm before had.
    pub id: u64,
    /// By which rule.
    pub rule: String,
    /// What it looks at.
    pub subject: Subject,
    /// On what.
    pub on: Target,
    /// How bad.
    pub severity: Severity,
    /// The latest value that was known.
    pub value: f64,
    /// When it was raised, in milliseconds since 1970.
    pub raised_at_milliseconds: u64,
    /// When its severity became what it is.
    pub changed_at_milliseconds: u64,
    /// Who has seen it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub acknowledged: Option<Acknowledgement>,
}

/// What became different of an alarm.
#[derive(Clone, PartialEq, Debug)]
pub struct Transition {
    /// The alarm: as it is; if it cleared, as it was.
    pub alarm: Alarm,
    /// Its severity before; `None`: there was none.
    pub before: Option<Severity>,
    /// Its severity now; `None`: it cleared.
    pub after: Option<Severity>,
    /// Whether it cleared because its rule or target is not there any more, and not because anything is better.
    pub gone: bool,
}

/// All that is remembered of one rule and target.
#[derive(Clone, PartialEq, Debug, Default)]
struct State {
    warning: Latch,
    critical: Latch,
    alarm: Option<Alarm>,
}

/// The alarms there are, and what is about to become one.
#[derive(Clone, PartialEq, Debug, Default)]
pub struct Alarms {
    /// The greatest number that an alarm had.
    last: u64,
    states: BTreeMap<String, BTreeMap<Target, State>>,
}

/// There is no alarm of that number.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Error)]
#[error("there is no alarm {0}, or it has cleared")]
pub struct NoAlarm(pub u64);

impl Alarms {
    /// Alarms that were written down, and the greatest number there had been.
    pub fn restored(last: u64, alarms: impl IntoIterator<Item = Alarm>) -> Self {
        let mut restored = Self { last, ..Self::default() };
        for alarm in alarms {
            restored.last = restored.last.max(alarm.id);
            let critical = alarm.severity == Severity::Critical;
            let state = State {
                warning: Latch::on(),
                critical: if critical { Latch::on() } else { Latch::default() },
                alarm: Some(alarm.clone()),
            };
            restored.states.entry(alarm.rule).or_default().insert(alarm.on, state);
        }
        restored
    }

    /// The alarms there are, by rule and target.
    pub fn iter(&self) -> impl Iterator<Item = &Alarm> {
        self.states.values().flat_map(BTreeMap::values).filter_map(|state| state.alarm.as_ref())
    }

    /// The greatest number that an alarm had.
    pub fn last(&self) -> u64 {
        self.last
    }

    /// Notes that somebody has seen the alarm `id`; who was first stays. Gives it, and whether nobody had before.
    ///
    /// # Errors
    /// There is no such alarm.
    pub fn acknowledge(&mut self, id: u64, seen: Acknowledgement) -> Result<(&Alarm, bool), NoAlarm> {
        let mut alarms =
            self.states.values_mut().flat_map(BTreeMap::values_mut).filter_map(|state| state.alarm.as_mut());
        let alarm = alarms.find(|alarm| alarm.id == id).ok_or(NoAlarm(id))?;
        let is_first = alarm.acknowledged.is_none();
        alarm.acknowledged.get_or_insert(seen);
        Ok((alarm, is_first))
    }
}

impl State {
    /// Turns the latches by what is known now.
    fn hears(&mut self, rule: &Rule, value: f64, now: u64) {
        let badness = rule.badness(value);
        for (latch, of) in [(&mut self.warning, Severity::Warning), (&mut self.critical, Severity::Critical)]
        {
            // A threshold that was taken away holds nothing up.
            *latch = rule
                .limits(of)
                .map_or_else(Latch::default, |limits| latch.hears(limits.say(badness), rule.holds(), now));
        }
    }

    fn severity(&self) -> Option<Severity> {
        match (self.warning.on, self.critical.on) {
            (_, true) => Some(Severity::Critical),
            (true, false) => Some(Severity::Warning),
            (false, false) => None,
        }
    }

    fn is_quiet(&self) -> bool {
        self.alarm.is_none() && self.warning.is_quiet() && self.critical.is_quiet()
    }

    /// Lets the alarm follow the latches; `number` gives it one if it is raised.
    fn settle(
        &mut self,
        rule: &Rule,
        reading: &Reading,
        value: f64,
        now: u64,
        number: impl FnOnce() -> u64,
    ) -> Option<Transition> {
        let (before, after) = (self.alarm.as_ref().map(|alarm| alarm.severity), self.severity());
        let mut alarm = match (self.alarm.take(), after) {
            (Some(alarm), _) => Alarm { value, ..alarm },
            (None, None) => return None,
            (None, Some(severity)) => Alarm {
                id: number(),
                rule: rule.name.clone(),
                subject: rule.subject,
                on: reading.on.clone(),
                severity,
                value,
                raised_at_milliseconds: now,
                changed_at_milliseconds: now,
                acknowledged: None,
            },
        };
        if let Some(severity) = after {
            if before != after {
                alarm.severity = severity;
                alarm.changed_at_milliseconds = now;
            }
            self.alarm = Some(alarm.clone());
        }
        (before != after).then_some(Transition { alarm, before, after, gone: false })
    }
}

/// The alarms at `now`, in milliseconds since 1970, and what became different since `before`: by rule and target, then what
/// went with its rule or target.
///
/// Rules have names of their own, as have targets among readings of a subject.
pub fn evaluate<'a>(
    rules: impl IntoIterator<Item = &'a Rule>,
    readings: &[Reading],
    mut before: Alarms,
    now: u64,
) -> (Alarms, Vec<Transition>) {
    let mut by_subject: BTreeMap<Subject, Vec<&Reading>> = BTreeMap::new();
    for reading in readings {
        by_subject.entry(reading.subject).or_default().push(reading);
    }
    for readings in by_subject.values_mut() {
        readings.sort_by(|a, b| a.on.cmp(&b.on));
    }
    let mut rules: Vec<&Rule> = rules.into_iter().filter(|rule| rule.enabled).collect();
    rules.sort_by(|a, b| a.name.cmp(&b.name));

    let mut after = Alarms { last: before.last, states: BTreeMap::new() };
    let mut transitions = Vec::new();
    for rule in rules {
        let mut were = before.states.remove(&rule.name).unwrap_or_default();
        // One that looks at something else begins anew.
        let is_of_it = |state: &State| state.alarm.as_ref().is_none_or(|alarm| alarm.subject == rule.subject);
        let readings = by_subject.get(&rule.subject).into_iter().flatten();
        for reading in readings.filter(|reading| rule.covers(&reading.on)) {
            let known = were.get(&reading.on).is_some_and(is_of_it);
            let mut state =
                if known { were.remove(&reading.on).unwrap_or_default() } else { State::default() };
            if let Some(value) = reading.value.filter(|value| value.is_finite()) {
                state.hears(rule, value, now);
                let number = || {
                    after.last += 1;
                    after.last
                };
                transitions.extend(state.settle(rule, reading, value, now, number));
            }
            if !state.is_quiet() {
                after.states.entry(rule.name.clone()).or_default().insert(reading.on.clone(), state);
            }
        }
        before.states.insert(rule.name.clone(), were);
    }
    let left = before.states.into_values().flat_map(BTreeMap::into_values);
    transitions.extend(left.filter_map(|state| state.alarm).map(|alarm| Transition {
        before: Some(alarm.severity),
        after: None,
        gone: true,
        alarm,
    }));
    (after, transitions)
}
