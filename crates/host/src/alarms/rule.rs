//! What in an alarm's rule cannot be, and its actions made ready to be done.

use crate::error::HostError;
use crate::spec::check_name;
use actions::{Action, Command};
use model::{AlarmRuleSpec, Webhook};

/// Most arguments of a command, its program included, and bytes of one.
const MOST_ARGUMENTS: usize = 64;

const MOST_ARGUMENT: usize = 4096;

/// Checks what does not depend on the host.
///
/// # Errors
/// The first field that cannot be, named.
pub(super) fn check(rule: &AlarmRuleSpec) -> Result<(), HostError> {
    check_name(&rule.name)?;
    let wrong = |why: String| HostError::spec(&rule.name, why);
    rule.rule().check().map_err(|error| wrong(error.to_string()))?;
    rule.vms.iter().flatten().try_for_each(|vm| check_name(vm))?;
    if let Some(command) = &rule.command {
        check_command(command).map_err(wrong)?;
    }
    rule.webhook.as_ref().map_or(Ok(()), |webhook| checked(webhook).map(drop)).map_err(wrong)
}

/// What is done, in words and ready to be done.
pub(super) fn actions(rule: &AlarmRuleSpec) -> Vec<(&'static str, Action)> {
    let command = rule.command.clone().map(|command| ("command", Action::Command(Command(command))));
    let webhook = rule.webhook.as_ref().and_then(|webhook| checked(webhook).ok());
    let webhook = webhook.map(|webhook| ("webhook", Action::Webhook(webhook)));
    command.into_iter().chain(webhook).collect()
}

fn check_command(command: &[String]) -> Result<(), String> {
    let program = command.first().ok_or("command: it needs a program at least; null for none")?;
    if !program.starts_with('/') {
        return Err(format!("command: '{program}' is no absolute path: write /usr/bin/... or the like"));
    }
    if command.len() > MOST_ARGUMENTS || command.iter().any(|argument| argument.len() > MOST_ARGUMENT) {
        return Err(format!("command: take at most {MOST_ARGUMENTS} arguments of {MOST_ARGUMENT} bytes"));
    }
    if command.iter().any(|argument| argument.contains('\0')) {
        return Err("command: an argument has a zero byte in it".to_owned());
    }
    Ok(())
}

fn checked(webhook: &Webhook) -> Result<actions::Webhook, String> {
    let header = match (&webhook.header, &webhook.secret) {
        (Some(header), Some(secret)) => Some((header.as_str(), secret.0.as_str())),
        (None, None) => None,
        (Some(header), None) => {
            return Err(format!("webhook: the secret that '{header}' is to have is missing: give it"));
        }
        (None, Some(_)) => {
            return Err(
                "webhook: name the header that the secret is sent in: 'authorization', say".to_owned()
            );
        }
    };
    actions::Webhook::new(&webhook.url, header).map_err(|error| format!("webhook: {error}"))
}
