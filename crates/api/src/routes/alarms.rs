//! Alarms, and the rules they are raised by.

use super::Shared;
use crate::extract::{Given, IfMatch, InPath, Parameters, Tagged, ask};
use crate::problem::Failed;
use crate::query::{AlarmRulesQuery, AlarmsQuery, page, selects};
use axum::extract::State;
use axum::http::header::LOCATION;
use axum::http::{HeaderName, StatusCode};
use axum::{Extension, Json};
use host::Revision;
use model::{Alarm, AlarmRule, AlarmRuleChange, AlarmRuleSpec, List, TestedActions};
use model::{Caller, Role};
use model::{Problem, ProblemCode};

/// List alarms
///
/// Those there are, by number. What was and has cleared is in the events.
#[utoipa::path(get, path = "/v1/alarms", tag = "alarms", params(AlarmsQuery),
    responses((status = 200, description = "A page of them.", body = List<Alarm>)))]
pub(super) async fn list_alarms(
    State(shared): State<Shared>,
    Parameters(query): Parameters<AlarmsQuery>,
) -> Result<Json<List<Alarm>>, Failed> {
    let alarms = ask(&shared.host, |host| Ok(host.alarms())).await?;
    let asked = alarms.into_iter().filter(|alarm| {
        alarm.id > query.cursor
            && query.vm.as_deref().is_none_or(|vm| alarm.vm.as_deref() == Some(vm))
            && query.rule.as_deref().is_none_or(|rule| alarm.rule == rule)
            && query.severity.is_none_or(|severity| alarm.severity == severity)
            && query.acknowledged.is_none_or(|seen| alarm.acknowledged.is_some() == seen)
    });
    Ok(Json(page(asked, query.limit, |alarm| alarm.id.to_string())))
}

/// Acknowledge an alarm
///
/// Which says that somebody has seen it. It stays until it clears; who was first stays, too.
#[utoipa::path(post, path = "/v1/alarms/{id}/acknowledge", tag = "alarms",
    params(("id" = u64, Path, description = "The alarm.")),
    responses((status = 200, description = "The alarm, acknowledged.", body = Alarm)))]
pub(super) async fn acknowledge_alarm(
    State(shared): State<Shared>,
    Extension(caller): Extension<Caller>,
    InPath(id): InPath<u64>,
) -> Result<Json<Alarm>, Failed> {
    Ok(Json(ask(&shared.host, move |host| host.acknowledge_alarm(id, &caller.who)).await?))
}

/// A rule as `caller` may see it.
fn shown(rule: AlarmRuleSpec, caller: &Caller) -> AlarmRule {
    let acts = rule.acts();
    let spec = if caller.role < Role::Administer { rule.without_actions() } else { rule };
    AlarmRule { unit: spec.subject.unit(), acts, spec }
}

/// Asks for something whose answer is a rule.
async fn ask_rule(
    shared: &Shared,
    caller: &Caller,
    work: impl FnOnce(&host::Host) -> Result<AlarmRuleSpec, host::HostError> + Send + 'static,
) -> Result<Tagged<AlarmRule>, Failed> {
    let rule = ask(&shared.host, work).await?;
    Ok(Tagged(Revision::of_alarm_rule(&rule), shown(rule, caller)))
}

/// Whoever gives a command may do what the host's process may: those alone who are let in by the machine itself.
fn check_command(command: Option<&Vec<String>>, caller: &Caller) -> Result<(), Problem> {
    if command.is_none() || caller.is_local {
        return Ok(());
    }
    Err(Problem::new(ProblemCode::NotAllowed, "a command can only be given over the host's Unix socket")
        .hint(
            "on the host's machine, 'memtide alarms rules set' gives one; a webhook can be given from here",
        ))
}

/// List alarm rules
///
/// By name. Who is no administrator sees that a rule acts, and not how.
#[utoipa::path(get, path = "/v1/alarm-rules", tag = "alarms", params(AlarmRulesQuery),
    responses((status = 200, description = "A page of them.", body = List<AlarmRule>)))]
pub(super) async fn list_alarm_rules(
    State(shared): State<Shared>,
    Extension(caller): Extension<Caller>,
    Parameters(query): Parameters<AlarmRulesQuery>,
) -> Result<Json<List<AlarmRule>>, Failed> {
    let rules = ask(&shared.host, |host| Ok(host.alarm_rules())).await?.into_iter();
    let asked = rules.filter(|rule| selects(query.cursor.as_deref(), query.name.as_deref(), &rule.name));
    let shown = asked.map(|rule| shown(rule, &caller));
    Ok(Json(page(shown, query.limit, |rule| rule.spec.name.clone())))
}

/// Create an alarm rule
#[utoipa::path(post, path = "/v1/alarm-rules", tag = "alarms", request_body = AlarmRuleSpec,
    responses((status = 201, description = "The alarm rule was created.", body = AlarmRule,
        headers(("location", description = "The address of the alarm rule."), ("etag", description = "The revision, for If-Match."))),
        (status = 409, description = "There is one of that name.", body = Problem)))]
pub(super) async fn create_alarm_rule(
    State(shared): State<Shared>,
    Extension(caller): Extension<Caller>,
    Given(rule): Given<AlarmRuleSpec>,
) -> Result<(StatusCode, [(HeaderName, String); 1], Tagged<AlarmRule>), Failed> {
    check_command(rule.command.as_ref(), &caller)?;
    let made = ask_rule(&shared, &caller, |host| host.create_alarm_rule(rule)).await?;
    let place = format!("/v1/alarm-rules/{}", made.1.spec.name);
    Ok((StatusCode::CREATED, [(LOCATION, place)], made))
}

/// Show an alarm rule
#[utoipa::path(get, path = "/v1/alarm-rules/{name}", tag = "alarms",
    params(("name" = String, Path, description = "The rule.")),
    responses((status = 200, description = "The alarm rule.", body = AlarmRule,
        headers(("etag", description = "The revision, for If-Match.")))))]
pub(super) async fn show_alarm_rule(
    State(shared): State<Shared>,
    Extension(caller): Extension<Caller>,
    InPath(name): InPath<String>,
) -> Result<Tagged<AlarmRule>, Failed> {
    ask_rule(&shared, &caller, move |host| host.alarm_rule(&name)).await
}

/// Change an alarm rule
///
/// Only what is named changes; null takes away what it may be without. Its alarms go on by what it is after.
#[utoipa::path(patch, path = "/v1/alarm-rules/{name}", tag = "alarms", request_body = AlarmRuleChange,
    params(("name" = String, Path, description = "The rule."),
        ("if-match" = Option<String>, Header, description = "The revision it should have; without it, any.")),
    responses((status = 200, description = "The alarm rule after the change.", body = AlarmRule,
            headers(("etag", description = "The revision, for If-Match."))),
        (status = 412, description = "Somebody changed it since: nothing is changed.", body = Problem)))]
pub(super) async fn change_alarm_rule(
    State(shared): State<Shared>,
    Extension(caller): Extension<Caller>,
    InPath(name): InPath<String>,
    IfMatch(expected): IfMatch,
    Given(change): Given<AlarmRuleChange>,
) -> Result<Tagged<AlarmRule>, Failed> {
    check_command(change.command.as_ref().and_then(Option::as_ref), &caller)?;
    ask_rule(&shared, &caller, move |host| host.set_alarm_rule(&name, &change, &expected)).await
}

/// Remove an alarm rule
///
/// Its alarms clear.
#[utoipa::path(delete, path = "/v1/alarm-rules/{name}", tag = "alarms",
    params(("name" = String, Path, description = "The rule.")),
    responses((status = 204, description = "The alarm rule was removed.")))]
pub(super) async fn remove_alarm_rule(
    State(shared): State<Shared>,
    InPath(name): InPath<String>,
) -> Result<StatusCode, Failed> {
    ask(&shared.host, move |host| host.remove_alarm_rule(&name)).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Test an alarm rule
///
/// Has its actions done as if there was an alarm, once, and says how they went. What a server answered is told over the Unix socket only; over TCP,
/// its status.
#[utoipa::path(post, path = "/v1/alarm-rules/{name}/test", tag = "alarms",
    params(("name" = String, Path, description = "The rule.")),
    responses((status = 200, description = "The result of each action.", body = TestedActions),
        (status = 409, description = "The alarm rule has no action.", body = Problem)))]
pub(super) async fn test_alarm_rule(
    State(shared): State<Shared>,
    Extension(caller): Extension<Caller>,
    InPath(name): InPath<String>,
) -> Result<Json<TestedActions>, Failed> {
    let mut tested = ask(&shared.host, move |host| host.test_alarm_rule(&name)).await?;
    // What this machine reaches, somebody far away might not: they learn how it went, and nothing of what is there.
    if let Some(webhook) = tested.webhook.as_mut().filter(|webhook| !webhook.done && !caller.is_local) {
        webhook.said = None;
    }
    Ok(Json(tested))
}
