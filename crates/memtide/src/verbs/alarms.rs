//! Alarms and their rules.

use crate::args::{Alarms, DocumentFormat, Levels, OrNone, Rules, SetRule};
use crate::error::Error;
use crate::list::tables::{ALARM_RULES, ALARMS};
use crate::print::show;
use crate::remote::Remote;
use crate::verbs::{Done, each};
use crate::view;
use model::{AlarmRuleChange, AlarmRuleSpec, Secret, Webhook};
use std::cmp::Reverse;
use std::io::Read;

pub(super) fn alarms(remote: &Remote, verb: Alarms) -> Result<(), Error> {
    match verb {
        Alarms::Ls { vm, severity, unacknowledged, list } => {
            let chosen = ALARMS.choose(&list)?;
            let mut alarms = remote.wait(remote.client.alarms())?;
            alarms.retain(|alarm| {
                (vm.is_none() || alarm.vm == vm)
                    && severity.is_none_or(|severity| alarm.severity == severity)
                    && !(unacknowledged && alarm.acknowledged.is_some())
            });
            alarms.sort_by_key(|alarm| (alarm.acknowledged.is_some(), Reverse(alarm.severity), alarm.id));
            chosen.print(alarms)
        }
        Alarms::Ack { ids, all, output } => acknowledge(remote, ids, all, output.output),
        Alarms::Rules(verb) => rules(remote, verb),
    }
}

fn acknowledge(remote: &Remote, mut ids: Vec<u64>, all: bool, format: DocumentFormat) -> Result<(), Error> {
    if all {
        let alarms = remote.wait(remote.client.alarms())?.into_iter();
        ids = alarms.filter(|alarm| alarm.acknowledged.is_none()).map(|alarm| alarm.id).collect();
    }
    let names: Vec<String> = ids.iter().map(u64::to_string).collect();
    each(&names, format, |id| {
        let number = id.parse().map_err(|_| Error::new(format!("'{id}' is no alarm's number")))?;
        remote.wait(remote.client.acknowledge_alarm(number))?;
        Ok(Done::to(id, "acknowledged"))
    })
}

fn rules(remote: &Remote, verb: Rules) -> Result<(), Error> {
    match verb {
        Rules::Ls { list } => {
            let chosen = ALARM_RULES.choose(&list)?;
            chosen.print(remote.wait(remote.client.alarm_rules())?)
        }
        Rules::Show { name, output } => {
            let rule = remote.wait(remote.client.alarm_rule(&name))?;
            show(&rule, output.output, view::alarm_rule)
        }
        Rules::Set(args) => set(remote, *args),
        Rules::Test { name, output } => {
            let tested = remote.wait(remote.client.test_alarm_rule(&name))?;
            show(&tested, output.output, view::tested)?;
            let outcomes = [&tested.command, &tested.webhook];
            let failed = outcomes.into_iter().flatten().any(|outcome| !outcome.done);
            if failed { Err(Error::new(format!("an action of '{name}' failed"))) } else { Ok(()) }
        }
        Rules::Rm { names, output } => each(&names, output.output, |name| {
            remote.wait(remote.client.remove_alarm_rule(name))?;
            Ok(Done::to(name, "removed"))
        }),
    }
}

/// Changes a rule; makes it if there is none.
fn set(remote: &Remote, args: SetRule) -> Result<(), Error> {
    let (name, format) = (args.name.clone(), args.output.output);
    let change = change(args)?;
    if change == AlarmRuleChange::default() {
        return Err(Error::new("nothing is to be changed")
            .hint("'memtide alarms rules set --help' names what can be"));
    }
    let known = remote.wait(remote.client.alarm_rules())?.iter().any(|rule| rule.spec.name == name);
    let rule = if known {
        remote.wait(remote.client.set_alarm_rule(&name, &change, None))?
    } else {
        remote.wait(remote.client.create_alarm_rule(&spec(name, change)?))?
    };
    show(&rule, format, view::alarm_rule)
}

fn change(args: SetRule) -> Result<AlarmRuleChange, Error> {
    let threshold = |given: Option<OrNone<Levels>>| given.map(|OrNone(levels)| levels.map(|levels| levels.0));
    let all = args.vm.as_ref().is_some_and(|vms| vms.iter().any(|vm| vm == "none"));
    let command =
        if args.no_command { Some(None) } else { Some(args.command).filter(|it| !it.is_empty()).map(Some) };
    let secret = args.webhook_secret.as_deref().map(read_secret).transpose()?;
    let header = secret.as_ref().map(|_| args.webhook_header.unwrap_or_else(|| "authorization".to_owned()));
    let webhook = |url| Webhook { url, header, secret };
    Ok(AlarmRuleChange {
        subject: args.subject,
        enabled: args.enabled,
        vms: args.vm.map(|vms| Some(vms).filter(|_| !all)),
        warning: threshold(args.warning),
        critical: threshold(args.critical),
        raise_after_seconds: args.raise_after,
        clear_after_seconds: args.clear_after,
        command,
        webhook: args.webhook.map(|OrNone(url)| url.map(webhook)),
    })
}

/// Not from the command line, which everybody sees who lists processes.
fn read_secret(from: &str) -> Result<Secret, Error> {
    let mut text = String::new();
    let read = match from {
        "-" => std::io::stdin().read_to_string(&mut text).map(drop),
        file => std::fs::read_to_string(file).map(|read| text = read),
    };
    read.map_err(|error| Error::new(format!("cannot read the secret from '{from}': {error}")))?;
    Ok(Secret(text.trim_end_matches(['\r', '\n']).to_owned()))
}

/// A rule that has of a change what it says, and is else as by default.
fn spec(name: String, change: AlarmRuleChange) -> Result<AlarmRuleSpec, Error> {
    let missing = || {
        Error::new(format!("there is no alarm rule '{name}' to be changed"))
            .hint("to make it, say what it looks at with --subject; 'memtide alarms rules ls' lists those that there are")
    };
    Ok(AlarmRuleSpec {
        subject: change.subject.ok_or_else(missing)?,
        name,
        enabled: change.enabled.unwrap_or(true),
        vms: change.vms.flatten(),
        warning: change.warning.flatten(),
        critical: change.critical.flatten(),
        raise_after_seconds: change.raise_after_seconds.unwrap_or(60),
        clear_after_seconds: change.clear_after_seconds.unwrap_or(60),
        command: change.command.flatten(),
        webhook: change.webhook.flatten(),
    })
}
