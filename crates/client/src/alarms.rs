//! Alarms, and the rules they are raised by.

use crate::connection::{Asked, escaped};
use crate::{Client, Error, Revised};
use hyper::Method;
use model::{Alarm, AlarmRule, AlarmRuleChange, AlarmRuleSpec, TestedActions};

fn of_rule(name: &str, what: &str) -> String {
    format!("/v1/alarm-rules/{}{what}", escaped(name))
}

#[expect(clippy::missing_errors_doc, reason = "the same for all: the host says no, is not there, breaks off")]
impl Client {
    /// The alarms there are, by number.
    pub async fn alarms(&self) -> Result<Vec<Alarm>, Error> {
        self.all("/v1/alarms", None).await
    }

    /// Says that somebody has seen an alarm; gives it.
    pub async fn acknowledge_alarm(&self, id: u64) -> Result<Alarm, Error> {
        self.ask(Asked::new(Method::POST, &format!("/v1/alarms/{id}/acknowledge"))).await
    }

    /// All alarm rules, by name.
    pub async fn alarm_rules(&self) -> Result<Vec<AlarmRule>, Error> {
        self.all("/v1/alarm-rules", None).await
    }

    /// One alarm rule.
    pub async fn alarm_rule(&self, name: &str) -> Result<AlarmRule, Error> {
        self.get(&of_rule(name, "")).await
    }

    /// One alarm rule, with its revision.
    pub async fn revised_alarm_rule(&self, name: &str) -> Result<Revised<AlarmRule>, Error> {
        self.revised(&of_rule(name, "")).await
    }

    /// Creates an alarm rule. A command is taken over the Unix socket only.
    pub async fn create_alarm_rule(&self, rule: &AlarmRuleSpec) -> Result<AlarmRule, Error> {
        self.ask(Asked::new(Method::POST, "/v1/alarm-rules").json(rule)).await
    }

    /// Changes an alarm rule, at a revision or whatever it is. A command is taken over the Unix socket only.
    pub async fn set_alarm_rule(
        &self,
        name: &str,
        change: &AlarmRuleChange,
        revision: Option<&str>,
    ) -> Result<AlarmRule, Error> {
        self.change(&of_rule(name, ""), change, revision).await
    }

    /// Removes an alarm rule; its alarms clear.
    pub async fn remove_alarm_rule(&self, name: &str) -> Result<(), Error> {
        self.delete(&of_rule(name, "")).await
    }

    /// Has an alarm rule's actions done as if there was an alarm; says how they went.
    pub async fn test_alarm_rule(&self, name: &str) -> Result<TestedActions, Error> {
        self.ask(Asked::new(Method::POST, &of_rule(name, "/test"))).await
    }
}
