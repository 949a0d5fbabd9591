//! Alarms and their rules.

use super::table::Align::Left;
use super::table::{lay_out, uptime};
use model::{ActionOutcome, AlarmRule, AlarmThreshold, AlarmUnit, Level, TestedActions};
use std::fmt::Write;

/// One rule.
pub(crate) fn alarm_rule(rule: &AlarmRule) -> String {
    let spec = &rule.spec;
    let given = |given: Option<String>| given.unwrap_or_else(|| "none".to_owned());
    let webhook = spec.webhook.as_ref().map(|webhook| match &webhook.header {
        Some(header) => format!("{}, with a secret in '{header}'", webhook.url),
        None => webhook.url.clone(),
    });
    let rows = [
        ("name", spec.name.clone()),
        ("enabled", if spec.enabled { "yes" } else { "no" }.to_owned()),
        ("subject", spec.subject.to_string()),
        ("VMs", spec.vms.as_ref().map_or_else(|| "all".to_owned(), |vms| vms.join(", "))),
        ("warning", given(levels(rule, spec.warning.as_ref()))),
        ("critical", given(levels(rule, spec.critical.as_ref()))),
        ("raised after", hold(spec.raise_after_seconds)),
        ("cleared after", hold(spec.clear_after_seconds)),
        ("command", given(spec.command.as_ref().map(|command| command.join(" ")))),
        ("webhook", given(webhook)),
    ];
    lay_out(&[Left; 2], &rows.map(|(name, value)| vec![name.to_owned(), value]))
}

/// How actions went.
pub(crate) fn tested(tested: &TestedActions) -> String {
    let mut text = String::new();
    for (name, outcome) in [("command", &tested.command), ("webhook", &tested.webhook)] {
        if let Some(outcome) = outcome {
            let _ = writeln!(text, "{name}: {}", outcome_of(outcome));
        }
    }
    text
}

fn outcome_of(outcome: &ActionOutcome) -> String {
    let done = if outcome.done { "done" } else { outcome.why.as_deref().unwrap_or("failed") };
    let said = outcome.said.as_ref().map(|said| format!("\n  {}", said.replace('\n', "\n  ")));
    format!("{done}{}", said.unwrap_or_default())
}

/// Where a threshold begins and ends, if there is one: `25 % to 10 %`.
pub(crate) fn levels(rule: &AlarmRule, threshold: Option<&AlarmThreshold>) -> Option<String> {
    let threshold = threshold?;
    let show = |level: &Level| match (level, rule.unit) {
        (Level::Number(number), AlarmUnit::Percent) => format!("{number} %"),
        (Level::Number(number), _) => rule.spec.subject.show(*number),
        (Level::Word(word), _) => word.clone(),
    };
    Some(match &threshold.clear {
        Some(clear) => format!("{} to {}", show(&threshold.raise), show(clear)),
        None => show(&threshold.raise),
    })
}

fn hold(seconds: u32) -> String {
    if seconds == 0 { "at once".to_owned() } else { uptime(seconds.into()) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::{Value, json};

    fn rule(change: &Value) -> AlarmRule {
        let mut rule = json!({"name": "vm-waiting", "subject": "vm-waiting", "enabled": true, "vms": null,
            "warning": {"raise": 25, "clear": 10}, "critical": null, "raise_after_seconds": 60,
            "clear_after_seconds": 0, "command": null, "webhook": null, "unit": "percent", "acts": false});
        rule.as_object_mut().unwrap().extend(change.as_object().unwrap().clone());
        serde_json::from_value(rule).unwrap()
    }

    #[test]
    fn levels_are_told_in_the_unit_of_their_subject() {
        let swap = rule(&json!({"name": "in", "subject": "vm-swap-in", "unit": "bytes-per-second",
            "warning": {"raise": 4_194_304}}));
        let told = |rule: &AlarmRule| levels(rule, rule.spec.warning.as_ref());
        assert_eq!(told(&rule(&json!({}))).as_deref(), Some("25 % to 10 %"));
        assert_eq!(told(&swap).as_deref(), Some("4 MiB/s"));
        assert_eq!(levels(&swap, None), None);
    }

    #[test]
    fn a_rule_and_how_its_actions_went_are_told() {
        let of =
            rule(&json!({"webhook": {"url": "https://example.org/", "header": "x-token"}, "acts": true}));
        let text = alarm_rule(&of);
        assert!(text.contains("cleared after  at once\n"), "{text}");
        assert!(text.contains("https://example.org/, with a secret in 'x-token'"), "{text}");
        let outcome = ActionOutcome {
            done: false,
            why: Some("sh: exit status: 1".into()),
            said: Some("no\nmail".into()),
        };
        let text = tested(&TestedActions { command: Some(outcome), webhook: None });
        assert_eq!(text, "command: sh: exit status: 1\n  no\n  mail\n");
    }
}
