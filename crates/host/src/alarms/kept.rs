//! Rules and alarms as they lie in files, for people to read.
//!
//! **Model.** `alarm-rules.toml` has all rules, with their secrets; like every file of the state directory only its owner can read
//! it. Without it the rules are those by default. A later version may have more of these: the file names those by default that the host had
//! when it was written, so that one that is new is added, and one that was removed is not. `alarms.toml` has the alarms there are, so that they go on, acknowledged
//! or not, after a restart.

use super::rule::check;
use model::{AlarmRuleSpec, MOST_RULES};
use sched::alarm::{Alarm, Alarms};
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet};

/// Rules as written.
#[derive(Serialize, Deserialize, Default)]
#[serde(deny_unknown_fields)]
pub(crate) struct WrittenRules {
    #[serde(default)]
    rule: Vec<AlarmRuleSpec>,
    /// The rules by default there were, whether they are in `rule` still or not.
    #[serde(default = "first_defaults")]
    defaults: BTreeSet<String>,
}

/// The rules by default of hosts that did not note them.
fn first_defaults() -> BTreeSet<String> {
    let names = [
        "host-memory-short",
        "host-overcommitted",
        "swap-disk-full",
        "vm-balloon-driver",
        "vm-ballooned",
        "vm-memory-use",
        "vm-swapped",
        "vm-swapping-in",
        "vm-waiting",
    ];
    names.map(str::to_owned).into()
}

impl WrittenRules {
    pub(crate) fn of<'a>(rules: impl Iterator<Item = &'a AlarmRuleSpec>) -> Self {
        Self { rule: rules.cloned().collect(), defaults: default_rules().into_keys().collect() }
    }

    /// The rules, by name, with those by default that there were not yet.
    ///
    /// # Errors
    /// What of them makes no sense.
    pub(crate) fn read(self) -> Result<BTreeMap<String, AlarmRuleSpec>, String> {
        if self.rule.len() > MOST_RULES {
            return Err(format!("rule: there are more than {MOST_RULES}"));
        }
        let mut rules = BTreeMap::new();
        for rule in self.rule {
            check(&rule).map_err(|error| error.to_string())?;
            if let Some(other) = rules.insert(rule.name.clone(), rule) {
                return Err(format!("rule: there are two named '{}'", other.name));
            }
        }
        for (name, rule) in default_rules() {
            if !self.defaults.contains(&name) && rules.len() < MOST_RULES {
                rules.entry(name).or_insert(rule);
            }
        }
        Ok(rules)
    }
}

/// The rules of a host that nobody has changed, by name.
pub(crate) fn default_rules() -> BTreeMap<String, AlarmRuleSpec> {
    let rules = sched::alarm::defaults().into_iter();
    rules.map(|rule| (rule.name.clone(), AlarmRuleSpec::from(rule))).collect()
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

#[cfg(test)]
mod tests {
    use super::*;

    fn read(file: &str) -> BTreeMap<String, AlarmRuleSpec> {
        toml::from_str::<WrittenRules>(file).unwrap().read().unwrap()
    }

    #[test]
    fn rules_of_a_later_version_are_added_once() {
        let mut rules = default_rules();
        // Somebody removed one and changed another, on a host that knew neither of what guests tell nor of what was left out.
        rules.retain(|name, _| name != "vm-waiting" && !name.starts_with("vm-guest"));
        rules.get_mut("vm-swapped").unwrap().enabled = true;
        let written = toml::to_string(&WrittenRules::of(rules.values())).unwrap();
        assert_eq!(read(&written), rules, "nothing is new to it");
        let earlier = toml::to_string(
            &toml::from_str::<toml::Table>(&written)
                .map(|mut file| {
                    file.remove("defaults");
                    file
                })
                .unwrap(),
        )
        .unwrap();
        let mut upgraded = read(&earlier);
        assert!(upgraded.contains_key("vm-guest") && upgraded.contains_key("vm-guest-oom-kills"));
        assert!(!upgraded.contains_key("vm-waiting") && upgraded["vm-swapped"].enabled, "that was decided");
        upgraded.remove("vm-guest");
        let written = toml::to_string(&WrittenRules::of(upgraded.values())).unwrap();
        assert_eq!(read(&written), upgraded, "what is removed after that stays so");
    }

    #[test]
    fn those_that_are_added_leave_room() {
        let rules = (0..MOST_RULES)
            .map(|at| AlarmRuleSpec { name: format!("r{at}"), ..default_rules()["vm-guest"].clone() });
        let mut written = WrittenRules::of(rules.collect::<Vec<_>>().iter());
        written.defaults.clear();
        assert_eq!(written.read().unwrap().len(), MOST_RULES);
    }
}
