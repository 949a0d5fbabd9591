use super::readings::{Rates, Seen, readings};
use super::*;
use crate::error::HostError;
use crate::revision::{Expected, Revision};
use crate::{Host, HostConfig};
use addr::ByteSize;
use model::{AlarmRuleChange, MOST_RULES, ProblemCode, Secret, Webhook};
use model::{AlarmRuleSpec, Event, HostStatus};
use sched::alarm::{Level, Reading, Severity, Subject, Target, Threshold};
use std::fs;
use std::path::Path;
use tempfile::TempDir;

const SOON: Duration = Duration::from_secs(20);

fn config(place: &Path) -> HostConfig {
    HostConfig { state: place.join("state"), machine_memory: ByteSize::mib(64), swap: place.join("swap") }
}

/// A rule that is always reached, as the host itself takes some memory.
fn always(name: &str) -> AlarmRuleSpec {
    let threshold = Threshold { raise: Level::Number(99.0), clear: None };
    AlarmRuleSpec {
        name: name.to_owned(),
        subject: Subject::HostFree,
        enabled: true,
        vms: None,
        warning: Some(threshold),
        critical: None,
        raise_after_seconds: 0,
        clear_after_seconds: 0,
        command: None,
        webhook: None,
    }
}

/// Waits for an event called `name`; gives it.
fn event(host: &Host, name: &str) -> Arc<Event> {
    let deadline = Instant::now() + SOON;
    let mut seq = 0;
    while Instant::now() < deadline {
        for event in host.wait_events_since(seq, Duration::from_millis(100)) {
            if event.what.name() == name {
                return event;
            }
            seq = event.seq;
        }
    }
    panic!(
        "no {name} in {:?}",
        host.events_since(0).iter().map(|event| event.what.name()).collect::<Vec<_>>()
    );
}

fn shell(script: &str) -> Vec<String> {
    ["/bin/sh", "-c", script].map(str::to_owned).to_vec()
}

#[test]
fn an_alarm_is_told_acted_on_acknowledged_and_kept() {
    let place = TempDir::new().unwrap();
    let file = place.path().join("told");
    let host = Host::open(&config(place.path())).unwrap();
    assert_eq!(host.alarm_rules().len(), sched::alarm::defaults().len());
    let script =
        format!("cat > {0}.new; echo $MEMTIDE_ALARM_SEVERITY >> {0}.new; mv {0}.new {0}", file.display());
    host.create_alarm_rule(AlarmRuleSpec { command: Some(shell(&script)), ..always("little-free") }).unwrap();
    let raised = event(&host, "alarm-raised");
    let What::AlarmRaised(alarm) = &raised.what else { unreachable!() };
    assert_eq!(
        (alarm.rule.as_str(), alarm.severity, raised.what.vm()),
        ("little-free", Severity::Warning, None)
    );
    assert!(alarm.text.ends_with("of machine memory is free"), "{}", alarm.text);
    let deadline = Instant::now() + SOON;
    while !file.exists() && Instant::now() < deadline {
        std::thread::sleep(Duration::from_millis(20));
    }
    let told = fs::read_to_string(&file).unwrap();
    assert!(told.contains("\"change\":\"raised\"") && told.ends_with("warning\n"), "{told}");

    assert!(matches!(host.acknowledge_alarm(alarm.id + 1, "uid 1"), Err(HostError::NoAlarm(_))));
    let seen = host.acknowledge_alarm(alarm.id, "uid 1").unwrap();
    assert_eq!(seen.acknowledged.as_ref().unwrap().by, "uid 1");
    event(&host, "alarm-acknowledged");
    assert_eq!(host.acknowledge_alarm(alarm.id, "uid 2").unwrap().acknowledged, seen.acknowledged);
    drop(host);

    // The next host goes on with it.
    let host = Host::open(&config(place.path())).unwrap();
    let kept = host.alarms();
    assert_eq!((kept.len(), kept[0].id, &kept[0].acknowledged), (1, alarm.id, &seen.acknowledged));
    host.remove_alarm_rule("little-free").unwrap();
    let cleared = event(&host, "alarm-cleared");
    let What::AlarmCleared(cleared) = &cleared.what else { unreachable!() };
    assert!(cleared.gone && cleared.alarm.id == alarm.id);
    assert_eq!(host.alarms(), []);
    assert!(!host.events_since(0).iter().any(|event| event.what.name() == "alarm-raised"), "told once");
}

#[test]
fn what_an_action_fails_of_is_an_event_and_in_the_answer_of_a_test() {
    let place = TempDir::new().unwrap();
    let host = Host::open(&config(place.path())).unwrap();
    let command = Some(shell("echo no mail server; exit 3"));
    host.create_alarm_rule(AlarmRuleSpec { command, ..always("broken") }).unwrap();
    let failed = event(&host, "alarm-action-failed");
    let What::AlarmActionFailed { action, why, said, rule, .. } = &failed.what else { unreachable!() };
    assert_eq!((*action, rule.as_str(), said.as_deref()), ("command", "broken", Some("no mail server")));
    assert!(why.contains("exit status: 3"), "{why}");

    let tested = host.test_alarm_rule("broken").unwrap();
    let outcome = tested.command.unwrap();
    assert_eq!((outcome.done, outcome.said.as_deref()), (false, Some("no mail server")));
    assert_eq!(tested.webhook, None);
    let change = AlarmRuleChange { command: Some(Some(shell("cat; env"))), ..AlarmRuleChange::default() };
    host.set_alarm_rule("broken", &change, &Expected::Anything).unwrap();
    let said = host.test_alarm_rule("broken").unwrap().command.unwrap().said.unwrap();
    assert!(said.contains("\"change\":\"test\"") && said.contains("MEMTIDE_ALARM_RULE=broken"), "{said}");
    assert!(matches!(host.test_alarm_rule("vm-waiting"), Err(HostError::NoAction(_))));
}

#[test]
fn rules_are_changed_as_expected_and_kept_with_secrets_that_nobody_sees() {
    let place = TempDir::new().unwrap();
    let host = Host::open(&config(place.path())).unwrap();
    let webhook = Webhook {
        url: "https://example.org/alarms".to_owned(),
        header: Some("x-token".to_owned()),
        secret: Some(Secret("open sesame".to_owned())),
    };
    let rule = AlarmRuleSpec { webhook: Some(webhook.clone()), enabled: false, ..always("told") };
    let made = host.create_alarm_rule(rule.clone()).unwrap();
    assert!(matches!(host.create_alarm_rule(rule), Err(HostError::Exists { .. })));
    let shown = serde_json::to_string(&made).unwrap() + &format!("{made:?}");
    assert!(shown.contains("x-token") && !shown.contains("sesame"), "{shown}");

    let old = Revision::of_alarm_rule(&made);
    let same_place = Webhook { secret: None, ..webhook.clone() };
    let change = AlarmRuleChange {
        raise_after_seconds: Some(5),
        webhook: Some(Some(same_place.clone())),
        ..AlarmRuleChange::default()
    };
    let changed = host.set_alarm_rule("told", &change, &Expected::OneOf(vec![old])).unwrap();
    assert_eq!(changed.webhook.as_ref(), Some(&same_place));
    let late = host.set_alarm_rule("told", &change, &Expected::OneOf(vec![old]));
    assert!(matches!(late, Err(HostError::Changed { .. })));
    let elsewhere = Webhook { url: "https://example.com/".to_owned(), ..same_place };
    let change = AlarmRuleChange { webhook: Some(Some(elsewhere)), ..AlarmRuleChange::default() };
    let error = host.set_alarm_rule("told", &change, &Expected::Anything).unwrap_err().to_string();
    assert!(error.contains("the secret that 'x-token' is to have is missing"), "{error}");
    let told = event(&host, "alarm-rule-changed");
    assert!(!format!("{told:?}").contains("sesame"));
    drop(host);

    let host = Host::open(&config(place.path())).unwrap();
    assert_eq!(host.alarm_rule("told").unwrap(), changed);
    drop(host);
    let file = place.path().join("state/alarm-rules.toml");
    let text = fs::read_to_string(&file).unwrap();
    assert!(text.contains("secret = \"open sesame\""), "it stayed what it was");
    fs::write(&file, text.replace("raise = 99.0", "raise = 199.0")).unwrap();
    let host = Host::open(&config(place.path())).unwrap();
    let troubles = host.core().files.shown();
    let said = format!("{}: {}", troubles[0].file, troubles[0].why);
    assert!(said.contains("alarm-rules.toml") && said.contains("a number from 0 to 100"), "{said}");
    assert_eq!(host.alarm_rule("told").unwrap_err().code(), ProblemCode::NoSuchAlarmRule, "those by default");
    let error = host.remove_alarm_rule("vm-waiting").unwrap_err();
    assert_eq!(error.code(), ProblemCode::BadFile, "nothing is written over it");
}

#[test]
fn rules_that_cannot_be_are_refused_and_bounded() {
    let place = TempDir::new().unwrap();
    let host = Host::open(&config(place.path())).unwrap();
    let refused = |rule: AlarmRuleSpec| host.create_alarm_rule(rule).unwrap_err().to_string();
    let hook = |url: &str, header: Option<&str>, secret: Option<&str>| Webhook {
        url: url.to_owned(),
        header: header.map(str::to_owned),
        secret: secret.map(|secret| Secret(secret.to_owned())),
    };
    for (error, says) in [
        (refused(AlarmRuleSpec { warning: None, ..always("a") }), "give 'warning'"),
        (refused(AlarmRuleSpec { name: "../a".to_owned(), ..always("a") }), "cannot be a name"),
        (refused(AlarmRuleSpec { command: Some(Vec::new()), ..always("a") }), "a program at least"),
        (
            refused(AlarmRuleSpec { command: Some(vec!["mail".to_owned()]), ..always("a") }),
            "no absolute path",
        ),
        (refused(AlarmRuleSpec { webhook: Some(hook("ftp://a", None, None)), ..always("a") }), "is no URL"),
        (
            refused(AlarmRuleSpec { webhook: Some(hook("http://a", None, Some("b"))), ..always("a") }),
            "name the header",
        ),
    ] {
        assert!(error.contains(says), "{error}");
    }
    for number in host.alarm_rules().len()..MOST_RULES {
        let rule = AlarmRuleSpec { enabled: false, ..always(&format!("rule-{number}")) };
        host.create_alarm_rule(rule).unwrap();
    }
    assert!(matches!(host.create_alarm_rule(always("more")), Err(HostError::TooManyRules)));
}

/// The status of a host that has VMs called so.
fn status(vms: &[&str]) -> HostStatus {
    let place = TempDir::new().unwrap();
    let host = Host::open(&config(place.path())).unwrap();
    let mut status = (*host.status()).clone();
    let vm = serde_json::json!({
        "name": "", "id": 1, "pool": null, "uptime_seconds": 10.0, "paused": false, "size_bytes": 1000, "reservation_bytes": 0,
        "limit_bytes": null, "shares": 1000, "bound": null, "worst_case_bytes": null, "active_part": 0.5,
        "active_error": null, "active_slow": null, "active_fast": null, "active_next": null,
        "balloon_max_bytes": 650, "balloon_conduct": "absent", "allowance": null, "guest": "silent",
        "guest_oom_kills": 9, "guest_oom_kills_lately": 2, "guest_free_bytes": null,
        "guest_available_bytes": null, "running": 0.2, "idle": 0.2, "latency": 0.5, "waiting": 0.1, "slowed": false,
        "swap_failure": null,
        "totals": model::Totals::default(),
    });
    let mut fields = vm.as_object().unwrap().clone();
    let metrics = serde_json::to_value(model::Metrics {
        active_bytes: ByteSize(500),
        ballooned_bytes: ByteSize(250),
        ..model::Metrics::default()
    });
    fields.extend(metrics.unwrap().as_object().unwrap().clone());
    status.vms = vms
        .iter()
        .map(|name| {
            fields.insert("name".to_owned(), (*name).into());
            serde_json::from_value(fields.clone().into()).unwrap()
        })
        .collect();
    status
}

fn value<'a>(readings: &'a [Reading], subject: Subject, on: &Target) -> Option<&'a Option<f64>> {
    readings
        .iter()
        .find(|reading| reading.subject == subject && reading.on == *on)
        .map(|reading| &reading.value)
}

#[test]
fn everything_that_can_be_looked_at_is_read() {
    let mut status = status(&["web"]);
    let awaited = BTreeSet::from(["db".to_owned()]);
    let disks = vec![("/swap".to_owned(), 12.5)];
    let (web, db) = (Target::Vm("web".to_owned()), Target::Vm("db".to_owned()));
    let mut rates = Rates::default();
    status.vms[0].limit_bytes = Some(ByteSize(800));
    let starts = BTreeMap::from([("web".to_owned(), 2.0)]);
    let seen = Seen { status: &status, disks, awaited: &awaited, starts };
    let found = readings(&seen, &mut rates);
    for subject in Subject::ALL {
        assert!(found.iter().any(|reading| reading.subject == subject), "{subject}");
    }
    assert_eq!(value(&found, Subject::VmActive, &web), Some(&Some(50.0)));
    assert_eq!(value(&found, Subject::VmBallooned, &web), Some(&Some(25.0)));
    assert_eq!(value(&found, Subject::VmBalloonDriver, &web), Some(&None), "it may still boot");
    assert_eq!(value(&found, Subject::VmGuest, &web), Some(&Some(1.0)), "silent");
    assert_eq!(value(&found, Subject::VmGuestOomKills, &web), Some(&Some(2.0)));
    assert_eq!(value(&found, Subject::VmActive, &db), Some(&None), "it is not back yet");
    assert_eq!(
        value(&found, Subject::SwapDiskFree, &Target::Directory("/swap".to_owned())),
        Some(&Some(12.5))
    );
    let first = value(&found, Subject::VmWaiting, &web).unwrap().unwrap();
    assert!((first - 6.0).abs() < 1e-6, "one second says little: {first}");
    let later = (0..60).map(|_| readings(&seen, &mut rates)).last().unwrap();
    assert!((value(&later, Subject::VmWaiting, &web).unwrap().unwrap() - 60.0).abs() < 1.0);
}

#[test]
fn what_is_not_known_has_no_value_and_no_limit_no_reading() {
    let mut status = status(&["web"]);
    (status.vms[0].active_part, status.vms[0].uptime_seconds) = (None, 1000.0);
    let starts = BTreeMap::new();
    let seen = Seen { status: &status, disks: Vec::new(), awaited: &BTreeSet::new(), starts };
    let found = readings(&seen, &mut Rates::default());
    let web = Target::Vm("web".to_owned());
    assert_eq!(value(&found, Subject::VmActive, &web), Some(&None));
    assert_eq!(value(&found, Subject::VmConsumed, &web), None);
    assert_eq!(value(&found, Subject::VmBalloonDriver, &web), Some(&Some(2.0)), "absent");
}
