//! What others ask of the host about alarms.

use super::edit;
use crate::error::HostError;
use crate::host::Host;
use crate::revision::Expected;
use model::{Alarm, AlarmRuleChange, AlarmRuleSpec, TestedActions};

impl Host {
    /// The alarms there are, by number.
    pub fn alarms(&self) -> Vec<Alarm> {
        edit::alarms(self.core())
    }

    /// Notes that `by` has seen an alarm. Who was first stays.
    ///
    /// # Errors
    /// [`HostError::NoAlarm`].
    pub fn acknowledge_alarm(&self, id: u64, by: &str) -> Result<Alarm, HostError> {
        edit::acknowledge(self.core(), id, by.to_owned())
    }

    /// All alarm rules, by name.
    pub fn alarm_rules(&self) -> Vec<AlarmRuleSpec> {
        edit::rules(self.core())
    }

    /// One alarm rule.
    ///
    /// # Errors
    /// [`HostError::NoAlarmRule`].
    pub fn alarm_rule(&self, name: &str) -> Result<AlarmRuleSpec, HostError> {
        edit::rule(self.core(), name)
    }

    /// Makes an alarm rule. Whoever may give it a command may do what the host's process may.
    ///
    /// # Errors
    /// A rule that cannot be, a name that there is; [`HostError::TooManyRules`].
    pub fn create_alarm_rule(&self, rule: AlarmRuleSpec) -> Result<AlarmRuleSpec, HostError> {
        let name = rule.name.clone();
        edit::create(self.core(), rule)?;
        self.alarm_rule(&name)
    }

    /// Changes an alarm rule, if it is as expected.
    ///
    /// # Errors
    /// What cannot be; [`HostError::NoAlarmRule`], [`HostError::Changed`].
    pub fn set_alarm_rule(
        &self,
        name: &str,
        change: &AlarmRuleChange,
        expected: &Expected,
    ) -> Result<AlarmRuleSpec, HostError> {
        edit::change(self.core(), name, change, expected)?;
        self.alarm_rule(name)
    }

    /// Removes an alarm rule; its alarms clear.
    ///
    /// # Errors
    /// [`HostError::NoAlarmRule`].
    pub fn remove_alarm_rule(&self, name: &str) -> Result<(), HostError> {
        edit::remove(self.core(), name)
    }

    /// Has an alarm rule's actions done as if there was an alarm, and waits for how they went.
    ///
    /// # Errors
    /// [`HostError::NoAlarmRule`], [`HostError::NoAction`].
    pub fn test_alarm_rule(&self, name: &str) -> Result<TestedActions, HostError> {
        edit::test(self.core(), name)
    }
}
