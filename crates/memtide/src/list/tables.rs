//! The columns of each list but that of VMs.

use super::Value::{Count, Part, Size, Text, Time, YesNo};
use super::vms::VMS;
use super::{Column, Named, Table, or, wide};
use crate::view::{facts, levels};
use model::{Alarm, AlarmRule, AuditLine, Operation, Pool, Setting, Token, UntypedEvent};
use serde::Serialize;

/// The columns of the list that a verb prints, by its words; none if it prints no list.
pub(crate) fn columns_of(verb: &[&str]) -> Option<Vec<Named>> {
    Some(match verb {
        ["ls"] => VMS.names(),
        ["pool", "ls"] => POOLS.names(),
        ["settings"] => SETTINGS.names(),
        ["events"] => EVENTS.names(),
        ["token", "ls"] => TOKENS.names(),
        ["audit-log"] => AUDIT_LOG.names(),
        ["operation", "ls"] => OPERATIONS.names(),
        ["alarms", "ls"] => ALARMS.names(),
        ["alarms", "rules", "ls"] => ALARM_RULES.names(),
        _ => return None,
    })
}

pub(crate) const POOLS: Table<Pool> = Table {
    key: 0,
    columns: &[
        Column::new("name", Text(|pool| Some(pool.spec.name.clone()))),
        or("the host", Column::new("parent", Text(|pool| pool.spec.parent.clone()))),
        Column::new("reservation", Size(|pool| Some(pool.spec.reservation_bytes.0))),
        Column::new("expandable", YesNo(|pool| pool.spec.expandable)),
        or("none", Column::new("limit", Size(|pool| Some(pool.spec.limit_bytes?.0)))),
        Column::new("shares", Text(|pool| Some(pool.spec.shares.to_string()))),
        Column::new("scalable-shares", YesNo(|pool| pool.spec.scalable_shares)),
        Column::new("reserved-within", Size(|pool| Some(pool.reservation_used_bytes.0))),
        Column::new("unreserved", Size(|pool| Some(pool.unreserved_bytes.0))),
    ],
};

pub(crate) const SETTINGS: Table<Setting> = Table {
    key: 0,
    columns: &[
        Column::new("name", Text(|setting| Some(setting.name.clone()))),
        Column::new("value", Count(|setting| Some(u64::from(setting.value)))),
        Column::new("unit", Text(|setting| Some(setting.unit.clone()).filter(|unit| !unit.is_empty()))),
        Column::new("changed", YesNo(|setting| setting.value != setting.default)),
        Column::new("default", Count(|setting| Some(u64::from(setting.default)))),
        Column::new("least", Count(|setting| Some(u64::from(setting.least)))),
        Column::new("most", Count(|setting| Some(u64::from(setting.most)))),
        Column::new("meaning", Text(|setting| Some(setting.meaning.clone()))),
    ],
};

pub(crate) const EVENTS: Table<UntypedEvent> = Table {
    key: 0,
    columns: &[
        Column::new("seq", Count(|event| Some(event.seq))),
        Column::new("at", Time(|event| Some(event.at_milliseconds))),
        Column::new("event", Text(|event| Some(event.event.clone()))),
        Column::new("vm", Text(|event| event.fields.get("vm")?.as_str().map(str::to_owned))),
        Column::new("facts", Text(|event| Some(facts(event)))),
    ],
};

pub(crate) const TOKENS: Table<Token> = Table {
    key: 0,
    columns: &[
        Column::new("name", Text(|token| Some(token.name.clone()))),
        Column::new("role", Text(|token| Some(token.role.to_string()))),
        Column::new("created", Time(|token| Some(token.created_at_milliseconds))),
        or("never", Column::new("expires", Time(|token| token.expires_at_milliseconds))),
        or("never", Column::new("last-used", Time(|token| token.last_used_at_milliseconds))),
    ],
};

pub(crate) const AUDIT_LOG: Table<AuditLine> = Table {
    key: 7,
    columns: &[
        Column::new("at", Time(|line| Some(line.at_milliseconds))),
        Column::new("who", Text(|line| Some(line.who.clone()))),
        Column::new("role", Text(|line| Some(line.role?.to_string()))),
        Column::new("method", Text(|line| Some(line.method.clone()))),
        Column::new("path", Text(|line| Some(line.path.clone()))),
        Column::new("status", Count(|line| Some(u64::from(line.status)))),
        wide(Column::new("from", Text(|line| line.from.clone()))),
        wide(Column::new("request", Text(|line| Some(line.request_id.clone())))),
        wide(Column::new("omitted", Count(|line| Some(line.omitted)))),
    ],
};

pub(crate) const OPERATIONS: Table<Operation> = Table {
    key: 0,
    columns: &[
        Column::new("id", Count(|operation| Some(operation.id))),
        Column::new("kind", Text(|operation| word(&operation.kind))),
        or("the host", Column::new("vm", Text(|operation| operation.vm.clone()))),
        Column::new("state", Text(|operation| word(&operation.state))),
        Column::new("progress", Part(|operation| operation.progress)),
        wide(Column::new("done", Size(|operation| Some(operation.done_bytes.0)))),
        wide(Column::new("total", Size(|operation| Some(operation.total_bytes?.0)))),
        wide(Column::new("cancellable", YesNo(|operation| operation.cancellable))),
        Column::new("started", Time(|operation| Some(operation.started_at_milliseconds))),
        wide(Column::new("ended", Time(|operation| operation.ended_at_milliseconds))),
        Column::new("outcome", Text(outcome)),
    ],
};

pub(crate) const ALARMS: Table<Alarm> = Table {
    key: 0,
    columns: &[
        Column::new("id", Count(|alarm| Some(alarm.id))),
        Column::new("severity", Text(|alarm| Some(alarm.severity.to_string()))),
        Column::new("rule", Text(|alarm| Some(alarm.rule.clone()))),
        wide(Column::new("vm", Text(|alarm| alarm.vm.clone()))),
        Column::new("raised", Time(|alarm| Some(alarm.raised_at_milliseconds))),
        or("nobody", Column::new("seen-by", Text(|alarm| Some(alarm.acknowledged.as_ref()?.by.clone())))),
        Column::new("what", Text(|alarm| Some(alarm.text.clone()))),
    ],
};

pub(crate) const ALARM_RULES: Table<AlarmRule> = Table {
    key: 0,
    columns: &[
        Column::new("name", Text(|rule| Some(rule.spec.name.clone()))),
        Column::new("enabled", YesNo(|rule| rule.spec.enabled)),
        Column::new("subject", Text(|rule| Some(rule.spec.subject.to_string()))),
        or("all", Column::new("vms", Text(|rule| Some(rule.spec.vms.as_ref()?.join(","))))),
        or("none", Column::new("warning", Text(|rule| levels(rule, rule.spec.warning.as_ref())))),
        or("none", Column::new("critical", Text(|rule| levels(rule, rule.spec.critical.as_ref())))),
        wide(Column::new("raised-after", Count(|rule| Some(rule.spec.raise_after_seconds.into())))),
        wide(Column::new("cleared-after", Count(|rule| Some(rule.spec.clear_after_seconds.into())))),
        Column::new("acts", YesNo(|rule| rule.acts)),
    ],
};

/// What came of an operation, or why it failed.
fn outcome(operation: &Operation) -> Option<String> {
    let problem = operation.problem.as_ref().map(|problem| problem.message.clone());
    problem.or_else(|| operation.message.clone())
}

/// What a kind or a state is called in JSON.
fn word(of: &impl Serialize) -> Option<String> {
    serde_json::to_value(of).ok()?.as_str().map(str::to_owned)
}
