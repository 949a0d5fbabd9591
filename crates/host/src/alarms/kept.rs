//! Rules and alarms as they lie in files, for people to read.
//!
//! **Model.** `alarm-rules.toml` has all rules, with their secrets; like every file of the state directory only its owner can read
//! it. Without it the rules are those by default. `alarms.toml` has the alarms there are, so that they go on, acknowledged
//! or not, after a restart.

use super::rule::{AlarmRule, MOST_RULES, Secret};
use sched::alarm::{Alarm, Alarms};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use toml::{Table, Value};

/// The field of a rule in a file that its webhook's secret stands in.
const SECRET: &str = "webhook_secret";

/// Rules as written. What a rule looks like in the interface has no secret, so that is put beside it.
#[derive(Serialize, Deserialize, Default)]
#[serde(deny_unknown_fields)]
pub(crate) struct WrittenRules {
    #[serde(default)]
    rule: Vec<Table>,
}

impl WrittenRules {
    pub(crate) fn of<'a>(rules: impl Iterator<Item = &'a AlarmRule>) -> Self {
        let written = rules.map(|rule| {
            let mut table = Table::try_from(rule).expect("rules can be written as TOML");
            if let Some(secret) = rule.webhook.as_ref().and_then(|webhook| webhook.secret.as_ref()) {
                table.insert(SECRET.to_owned(), Value::String(secret.0.clone()));
            }
            table
        });
        Self { rule: written.collect() }
    }

    /// The rules, by name.
    ///
    /// # Errors
    /// What of them makes no sense.
    pub(crate) fn read(self) -> Result<BTreeMap<String, AlarmRule>, String> {
        if self.rule.len() > MOST_RULES {
            return Err(format!("rule: there are more than {MOST_RULES}"));
        }
        let mut rules = BTreeMap::new();
        for mut table in self.rule {
            let secret = table.remove(SECRET).and_then(|value| value.as_str().map(str::to_owned));
            let mut rule: AlarmRule = table.try_into().map_err(|error| error.to_string())?;
            if let Some(webhook) = &mut rule.webhook {
                webhook.secret = secret.map(Secret);
            }
            rule.check().map_err(|error| error.to_string())?;
            if let Some(other) = rules.insert(rule.name.clone(), rule) {
                return Err(format!("rule: there are two named '{}'", other.name));
            }
        }
        Ok(rules)
    }
}

/// The rules of a host that nobody has changed, by name.
pub(crate) fn default_rules() -> BTreeMap<String, AlarmRule> {
    let rules = sched::alarm::defaults().into_iter();
    rules.map(|rule| (rule.name.clone(), AlarmRule::from(rule))).collect()
}

/// Alarms as written.
#[derive(Serialize, Deserialize, Default)]
#[serde(deny_unknown_fields)]
pub(crate) struct WrittenAlarms {
    #[serde(default)]
    last: u64,
    #[serde(default)]
    alarm: Vec<Alarm>,
}

impl WrittenAlarms {
    pub(crate) fn of(alarms: &Alarms) -> Self {
        Self { last: alarms.last(), alarm: alarms.iter().cloned().collect() }
    }

    pub(crate) fn read(self) -> Alarms {
        Alarms::restored(self.last, self.alarm)
    }
}
