//! A rule with its actions, as people write it and as it is kept.

use crate::change::given;
use sched::alarm::{Rule, Subject, Threshold};
use serde::{Deserialize, Serialize};
use std::fmt;
use utoipa::ToSchema;

/// Most rules of a host.
pub const MOST_RULES: usize = 200;

/// When something is worth people's attention, and what to do then.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct AlarmRuleSpec {
    /// What people call it; as the name of a VM.
    #[schema(pattern = "^[A-Za-z0-9][A-Za-z0-9._-]{0,62}$", example = "vm-waiting")]
    pub name: String,
    /// What is looked at.
    pub subject: Subject,
    /// Whether it is.
    #[serde(default = "yes")]
    pub enabled: bool,
    /// On which VMs; `null`: all. Only for what is measured on VMs.
    #[serde(default)]
    #[schema(max_items = 256)]
    pub vms: Option<Vec<String>>,
    /// From where on it is a warning.
    #[serde(default)]
    pub warning: Option<Threshold>,
    /// From where on it is critical. There is a warning, or this, or both.
    #[serde(default)]
    pub critical: Option<Threshold>,
    /// How long it must be so, without interruption, before there is an alarm.
    #[serde(default = "a_minute")]
    #[schema(maximum = 86400)]
    pub raise_after_seconds: u32,
    /// How long it must not be so before the alarm clears.
    #[serde(default = "a_minute")]
    #[schema(maximum = 86400)]
    pub clear_after_seconds: u32,
    /// A program and its arguments, run by the host when an alarm is raised, eased or cleared. Given only over the Unix socket.
    #[serde(default)]
    #[schema(max_items = 64)]
    pub command: Option<Vec<String>>,
    /// A server that is told then.
    #[serde(default)]
    pub webhook: Option<Webhook>,
}

/// A server that is told of alarms, by a POST of JSON.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Webhook {
    /// Where: `https://NAME/PATH`, or `http`.
    #[schema(example = "https://example.org/alarms")]
    pub url: String,
    /// The header that the secret is sent in, `authorization` for example; `null` if there is none.
    #[serde(default)]
    pub header: Option<String>,
    /// The header's value. It is never shown. Left out in a change, it stays what it is if `url` and `header` do.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>, write_only, max_length = 1024)]
    pub secret: Option<Secret>,
}

/// What is never shown: written to the host's own file, and sent where it belongs.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Secret(pub String);

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret")
    }
}

const fn yes() -> bool {
    true
}

const fn a_minute() -> u32 {
    60
}

impl From<Rule> for AlarmRuleSpec {
    /// Without actions.
    fn from(rule: Rule) -> Self {
        Self {
            name: rule.name,
            subject: rule.subject,
            enabled: rule.enabled,
            vms: rule.vms,
            warning: rule.warning,
            critical: rule.critical,
            raise_after_seconds: rule.raise_after_seconds,
            clear_after_seconds: rule.clear_after_seconds,
            command: None,
            webhook: None,
        }
    }
}

impl AlarmRuleSpec {
    /// What decides.
    pub fn rule(&self) -> Rule {
        Rule {
            name: self.name.clone(),
            subject: self.subject,
            enabled: self.enabled,
            vms: self.vms.clone(),
            warning: self.warning.clone(),
            critical: self.critical.clone(),
            raise_after_seconds: self.raise_after_seconds,
            clear_after_seconds: self.clear_after_seconds,
        }
    }

    /// Whether something is done.
    pub fn acts(&self) -> bool {
        self.command.is_some() || self.webhook.is_some()
    }

    /// The same as those see it who need not know what is done, which may be a secret.
    #[must_use]
    pub fn without_actions(self) -> Self {
        Self { command: None, webhook: None, ..self }
    }

    /// The same as it leaves the host.
    #[must_use]
    pub fn without_secret(mut self) -> Self {
        if let Some(webhook) = &mut self.webhook {
            webhook.secret = None;
        }
        self
    }
}

impl Webhook {
    /// With the secret of `old` if it goes to the same place, in the same header, and none was given.
    fn keeping_secret_of(mut self, old: Option<&Self>) -> Self {
        if let Some(old) = old.filter(|old| self.secret.is_none() && old.url == self.url) {
            self.secret = old.secret.clone().filter(|_| old.header == self.header);
        }
        self
    }
}

/// Changes of a rule: only what is to be different.
#[derive(Clone, PartialEq, Debug, Default, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct AlarmRuleChange {
    /// What is looked at. Alarms of what was looked at before clear.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub subject: Option<Subject>,
    /// Whether it is.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub enabled: Option<bool>,
    /// On which VMs.
    #[serde(default, deserialize_with = "given", skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<Vec<String>>, max_items = 256)]
    pub vms: Option<Option<Vec<String>>>,
    /// From where on it is a warning.
    #[serde(default, deserialize_with = "given", skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<Threshold>)]
    pub warning: Option<Option<Threshold>>,
    /// From where on it is critical.
    #[serde(default, deserialize_with = "given", skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<Threshold>)]
    pub critical: Option<Option<Threshold>>,
    /// How long it must be so.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(maximum = 86400)]
    pub raise_after_seconds: Option<u32>,
    /// How long it must not be so.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(maximum = 86400)]
    pub clear_after_seconds: Option<u32>,
    /// What the host runs. Given only over the Unix socket; `null` takes it away.
    #[serde(default, deserialize_with = "given", skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<Vec<String>>, max_items = 64)]
    pub command: Option<Option<Vec<String>>>,
    /// A server that is told.
    #[serde(default, deserialize_with = "given", skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<Webhook>)]
    pub webhook: Option<Option<Webhook>>,
}

impl AlarmRuleChange {
    /// `rule` with the changes made.
    pub fn applied_to(&self, rule: &AlarmRuleSpec) -> AlarmRuleSpec {
        let mut new = rule.clone();
        macro_rules! apply {
            ($($field:ident)+) => { $(if let Some(value) = &self.$field { new.$field = value.clone(); })+ };
        }
        apply!(subject enabled vms warning critical raise_after_seconds clear_after_seconds command webhook);
        new.webhook = new.webhook.map(|webhook| webhook.keeping_secret_of(rule.webhook.as_ref()));
        new
    }
}
