//! Rules and alarms as they lie in files, for people to read.
//!
//! **Model.** `alarm-rules.toml` has all rules, with their secrets; like every file of the state directory only its owner can read
//! it. Without it the rules are those by default. `alarms.toml` has the alarms there are, so that they go on, acknowledged
//! or not, after a restart.

use super::rule::{AlarmRule, MOST_RULES};
use sched::alarm::{Alarm, Alarms};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// Rules as written.
#[derive(Serialize, Deserialize, Default)]
#[serde(deny_unknown_fields)]
pub(crate) struct WrittenRules {
    #[serde(default)]
    rule: Vec<AlarmRule>,
}

impl WrittenRules {
    pub(crate) fn of<'a>(rules: impl Iterator<Item = &'a AlarmRule>) -> Self {
        Self { rule: rules.cloned().collect() }
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
        for rule in self.rule {
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
