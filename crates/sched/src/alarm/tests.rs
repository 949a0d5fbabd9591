use super::*;
use proptest::prelude::*;
use std::collections::{BTreeMap, BTreeSet};

fn rule(subject: Subject, warning: (f64, f64), critical: (f64, f64), hold: u32) -> Rule {
    let threshold =
        |(raise, clear)| Some(Threshold { raise: Level::Number(raise), clear: Some(Level::Number(clear)) });
    Rule {
        name: "rule".to_owned(),
        subject,
        enabled: true,
        vms: None,
        warning: threshold(warning),
        critical: threshold(critical),
        raise_after_seconds: hold,
        clear_after_seconds: hold,
    }
}

fn active() -> Rule {
    rule(Subject::VmActive, (80.0, 60.0), (95.0, 85.0), 0)
}

fn reading(vm: &str, value: impl Into<Option<f64>>) -> Reading {
    Reading { subject: Subject::VmActive, on: Target::Vm(vm.to_owned()), value: value.into() }
}

/// One VM's values, a second apart; what became different, as severities, and the alarms at the end.
fn follow(rule: &Rule, values: &[f64]) -> (Alarms, Vec<Option<Severity>>) {
    let (mut alarms, mut seen) = (Alarms::default(), Vec::new());
    for (value, second) in values.iter().zip(0u64..) {
        let (next, transitions) = evaluate([rule], &[reading("web", *value)], alarms, second * 1000);
        alarms = next;
        seen.extend(transitions.into_iter().map(|transition| transition.after));
    }
    (alarms, seen)
}

fn seen() -> Acknowledgement {
    Acknowledgement { by: "uid 1".to_owned(), at_milliseconds: 7 }
}

use Severity::{Critical, Warning};

#[test]
fn an_alarm_rises_and_falls_through_its_levels() {
    let (alarms, seen) = follow(&active(), &[10.0, 80.0, 94.9, 95.0, 86.0, 85.0, 61.0, 60.0, 79.9]);
    assert_eq!(seen, [Some(Warning), Some(Critical), Some(Warning), None]);
    assert_eq!(alarms.iter().count(), 0);
    let (alarms, seen) = follow(&active(), &[100.0]);
    assert_eq!(seen, [Some(Critical)], "at once, and told once");
    let alarm = alarms.iter().next().unwrap();
    assert_eq!((alarm.id, alarm.value, alarm.rule.as_str()), (1, 100.0, "rule"));
}

#[test]
fn little_of_some_things_is_bad() {
    let rule = rule(Subject::HostFree, (10.0, 15.0), (5.0, 8.0), 0);
    rule.check().unwrap();
    let severity = |free: f64| {
        let reading = Reading { subject: Subject::HostFree, on: Target::Host, value: Some(free) };
        let (alarms, _) = evaluate([&rule], &[reading], Alarms::default(), 0);
        alarms.iter().next().map(|alarm| alarm.severity)
    };
    assert_eq!([50.0, 11.0, 10.0, 5.0].map(severity), [None, None, Some(Warning), Some(Critical)]);
}

#[test]
fn it_must_be_so_for_as_long_as_the_rule_says() {
    let held = Rule { raise_after_seconds: 3, clear_after_seconds: 2, ..active() };
    assert_eq!(follow(&held, &[90.0, 90.0, 90.0, 10.0, 90.0, 90.0, 90.0]).1, []);
    assert_eq!(follow(&held, &[90.0; 4]).1, [Some(Warning)]);
    assert_eq!(follow(&held, &[90.0, 90.0, 90.0, 90.0, 10.0, 10.0, 70.0, 10.0, 10.0]).1, [Some(Warning)]);
    assert_eq!(follow(&held, &[90.0, 90.0, 90.0, 90.0, 10.0, 10.0, 10.0]).1, [Some(Warning), None]);
}

#[test]
fn what_is_not_known_changes_nothing_and_who_is_gone_has_no_alarm() {
    let (alarms, _) = follow(&active(), &[90.0]);
    let (same, transitions) = evaluate([&active()], &[reading("web", None)], alarms.clone(), 5000);
    assert_eq!((&same, transitions.len()), (&alarms, 0));
    let (same, transitions) = evaluate([&active()], &[reading("web", f64::NAN)], alarms.clone(), 5000);
    assert_eq!((&same, transitions.len()), (&alarms, 0));
    let gone = |rules: &[&Rule], readings: &[Reading]| {
        let (after, transitions) = evaluate(rules.iter().copied(), readings, alarms.clone(), 5000);
        (after.iter().count(), transitions.into_iter().map(|it| (it.after, it.gone)).collect::<Vec<_>>())
    };
    let web = [reading("web", 90.0)];
    assert_eq!(gone(&[&active()], &[]), (0, vec![(None, true)]), "the VM stopped");
    assert_eq!(gone(&[], &web), (0, vec![(None, true)]), "the rule was removed");
    assert_eq!(gone(&[&Rule { enabled: false, ..active() }], &web), (0, vec![(None, true)]));
    let other = Rule { vms: Some(vec!["db".to_owned()]), ..active() };
    assert_eq!(gone(&[&other], &web), (0, vec![(None, true)]), "the rule is about others");
    let other = Rule { subject: Subject::VmSwapped, ..active() };
    let swapped = Reading { subject: Subject::VmSwapped, on: Target::Vm("web".to_owned()), value: Some(0.0) };
    assert_eq!(gone(&[&other], &[swapped]), (0, vec![(None, true)]), "the rule looks elsewhere");
}

#[test]
fn numbers_are_given_once() {
    let (alarms, _) = follow(&active(), &[90.0, 10.0, 90.0]);
    assert_eq!(alarms.iter().map(|alarm| alarm.id).collect::<Vec<_>>(), [2]);
    let restored = Alarms::restored(alarms.last(), alarms.iter().cloned());
    let (next, _) = evaluate([&active()], &[reading("db", 90.0), reading("web", 70.0)], restored, 9000);
    let ids: Vec<_> = next.iter().map(|alarm| (alarm.id, alarm.raised_at_milliseconds)).collect();
    assert_eq!(ids, [(3, 9000), (2, 2000)], "what was written down goes on");
}

#[test]
fn who_was_first_has_acknowledged_it() {
    let (mut alarms, _) = follow(&active(), &[90.0]);
    assert_eq!(alarms.acknowledge(9, seen()), Err(NoAlarm(9)));
    assert!(alarms.acknowledge(1, seen()).unwrap().1);
    let later = Acknowledgement { by: "uid 2".to_owned(), at_milliseconds: 8 };
    let (alarm, is_first) = alarms.acknowledge(1, later).unwrap();
    assert_eq!((alarm.acknowledged.as_ref(), is_first), (Some(&seen()), false));
}

#[test]
fn defaults_are_rules_in_order() {
    let rules = defaults();
    assert!(rules.is_sorted_by(|a, b| a.name < b.name), "by name, each once");
    for rule in &rules {
        rule.check().unwrap_or_else(|error| panic!("{}: {error}", rule.name));
    }
}

#[test]
fn a_host_that_is_merely_overcommitted_does_not_cry() {
    // Shares, balloons, compresses, swaps a little, and gets along.
    let vm = || Target::Vm("web".to_owned());
    let normal = [
        (Subject::HostState, Target::Host, f64::from(crate::HostState::Soft)),
        (Subject::HostFree, Target::Host, 5.0),
        (Subject::HostOvercommitment, Target::Host, 150.0),
        (Subject::HostMemoryLimit, Target::Host, 0.0),
        (Subject::HostFiles, Target::Host, 0.0),
        (Subject::SwapDiskFree, Target::Directory("/swap".to_owned()), 40.0),
        (Subject::VmActive, vm(), 75.0),
        (Subject::VmConsumed, vm(), 100.0),
        (Subject::VmBallooned, vm(), 60.0),
        (Subject::VmCompressed, vm(), 10.0),
        (Subject::VmSwapped, vm(), 40.0),
        (Subject::VmSwapIn, vm(), 500_000.0),
        (Subject::VmWaiting, vm(), 5.0),
        (Subject::VmBalloonDriver, vm(), f64::from(crate::balloon::Conduct::Absent)),
        (Subject::VmGuest, vm(), f64::from(crate::GuestState::Unknown)),
        (Subject::VmGuestOomKills, vm(), 0.0),
        (Subject::VmStart, vm(), 0.0),
    ];
    let readings = normal.map(|(subject, on, value)| Reading { subject, on, value: Some(value) });
    assert_eq!(readings.len(), Subject::ALL.len(), "one of each");
    let rules = defaults();
    let mut alarms = Alarms::default();
    for minute in 0..60 {
        alarms = evaluate(&rules, &readings, alarms, minute * 60_000).0;
        assert_eq!(alarms.iter().next(), None);
    }
}

/// What is said of a rule with these changes.
fn mistake(change: impl FnOnce(&mut Rule)) -> String {
    let mut rule = active();
    change(&mut rule);
    rule.check().unwrap_err().to_string()
}

#[test]
fn rules_that_cannot_be_are_refused_with_what_to_do() {
    let number = |raise: f64, clear: f64| {
        Some(Threshold { raise: Level::Number(raise), clear: Some(Level::Number(clear)) })
    };
    for (said, wants) in [
        (mistake(|rule| (rule.warning, rule.critical) = (None, None)), "give 'warning'"),
        (mistake(|rule| rule.warning = number(80.0, 90.0)), "take less than that"),
        (mistake(|rule| rule.warning = number(80.0, 80.0)), "take less than that"),
        (mistake(|rule| rule.warning = number(-5.0, -7.0)), "a number from 0 to 100"),
        (mistake(|rule| rule.warning = number(f64::NAN, 5.0)), "a number from 0 to 100"),
        (mistake(|rule| rule.critical = number(f64::INFINITY, 5.0)), "a number from 0 to 100"),
        (mistake(|rule| rule.critical = number(101.0, 5.0)), "a number from 0 to 100"),
        (mistake(|rule| rule.warning = number(0.0, 0.0)), "take a worse level"),
        (mistake(|rule| rule.warning = number(96.0, 60.0)), "exchange them"),
        (mistake(|rule| rule.critical = number(95.0, 50.0)), "critical.clear"),
        (mistake(|rule| rule.subject = Subject::HostState), "high, clear, soft, hard, low"),
        (mistake(|rule| rule.raise_after_seconds = 90_000), "86400 s"),
        (mistake(|rule| rule.vms = Some(Vec::new())), "name 1 to 256"),
        (
            mistake(|rule| {
                (rule.subject, rule.vms) = (Subject::HostOvercommitment, Some(vec!["a".to_owned()]));
            }),
            "leave 'vms' null",
        ),
    ] {
        assert!(said.contains(wants), "{said}");
    }
    let mut falls = rule(Subject::SwapDiskFree, (10.0, 5.0), (5.0, 8.0), 0);
    assert!(falls.check().unwrap_err().to_string().contains("take more than that"));
    falls.warning = Some(Threshold { raise: Level::Number(100.0), clear: None });
    assert!(falls.check().unwrap_err().to_string().contains("always at 100 or worse"));
    let word = |word: &str| Some(Threshold { raise: Level::Word(word.to_owned()), clear: None });
    let state =
        Rule { subject: Subject::HostState, warning: word("soft"), critical: word("low"), ..active() };
    assert_eq!(state.check(), Ok(()));
    assert!(Rule { warning: word("bad"), ..state }.check().is_err());
}

#[test]
fn values_are_shown_in_their_unit() {
    let shown = [
        Subject::VmActive.show(62.04),
        Subject::VmSwapIn.show(12.4 * f64::from(1 << 20)),
        Subject::HostState.show(2.0),
        Subject::VmBalloonDriver.show(3.0),
        Subject::VmGuest.show(1.0),
        Subject::VmGuestOomKills.show(4.0),
    ];
    assert_eq!(shown, ["62 %", "12 MiB/s", "soft", "stuck", "silent", "4"]);
    let said: Vec<String> =
        Subject::ALL.iter().map(|subject| subject.say(&Target::Vm("web".to_owned()), 3.0)).collect();
    for (subject, said) in Subject::ALL.iter().zip(said) {
        assert!(said.contains(&subject.show(3.0)), "{said}");
        assert_eq!(subject.scope() == Scope::Host, !said.contains("web"), "{said}");
    }
}

fn any_values() -> impl Strategy<Value = Vec<Vec<Option<f64>>>> {
    let value = prop::option::weighted(0.9, 0.0..100.0f64);
    prop::collection::vec(prop::collection::vec(value, 3), 1..40)
}

fn any_rules() -> impl Strategy<Value = Vec<Rule>> {
    let parts = (1.0..99.0f64, 0.0..1.0f64, 0u32..4, 0u32..4, prop::option::of(0usize..3), any::<bool>());
    prop::collection::vec(parts, 1..5).prop_map(|rules| {
        let build = |(number, (raise, part, raise_after, clear_after, vm, both)): (usize, _)| {
            let critical: f64 = raise + (100.0 - raise) / 2.0;
            let rule = Rule {
                name: format!("rule{number}"),
                raise_after_seconds: raise_after,
                clear_after_seconds: clear_after,
                vms: Option::map(vm, |vm: usize| vec![format!("vm{vm}")]),
                ..rule(Subject::VmActive, (raise, raise * part), (critical, raise * part), 0)
            };
            if both { rule } else { Rule { critical: None, ..rule } }
        };
        rules.into_iter().enumerate().map(build).collect()
    })
}

fn readings(values: &[Option<f64>]) -> Vec<Reading> {
    values.iter().enumerate().map(|(vm, value)| reading(&format!("vm{vm}"), *value)).collect()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(256))]

    #[test]
    fn values_between_the_levels_change_nothing(
        start in 0.0..100.0f64,
        wander in prop::collection::vec(60.1..79.9f64, 1..60),
    ) {
        // Once settled at an edge, whatever lies strictly between the levels of a severity leaves it.
        let first = if start < 50.0 { 10.0 } else { 82.0 };
        let values: Vec<f64> = std::iter::once(first).chain(wander).collect();
        let (_, seen) = follow(&active(), &values);
        let expected: Vec<_> = (first > 50.0).then_some(Some(Warning)).into_iter().collect();
        prop_assert_eq!(seen, expected);
    }

    #[test]
    fn an_alarm_changes_no_oftener_than_its_holds_allow(
        values in prop::collection::vec(0.0..100.0f64, 1..200),
        hold in 1u32..20,
    ) {
        let rule = Rule { raise_after_seconds: hold, clear_after_seconds: hold, critical: None, ..active() };
        let (_, seen) = follow(&rule, &values);
        prop_assert!(seen.len() <= values.len() / (hold as usize + 1));
    }

    #[test]
    fn the_order_of_rules_and_readings_is_of_no_consequence(
        rules in any_rules(), seconds in any_values(), seed in any::<u64>(),
    ) {
        let (mut one, mut other) = (Alarms::default(), Alarms::default());
        for (values, second) in seconds.iter().zip(0u64..) {
            let (mut shuffled, mut turned) = (rules.clone(), readings(values));
            shuffled.rotate_left(seed as usize % rules.len());
            turned.rotate_left(seed as usize % 3);
            turned.reverse();
            let (next, told) = evaluate(&rules, &readings(values), one, second * 1000);
            let (again, told_again) = evaluate(&shuffled, &turned, other, second * 1000);
            prop_assert_eq!(told, told_again);
            prop_assert_eq!(&next, &again);
            (one, other) = (next, again);
        }
    }

    #[test]
    fn what_is_told_adds_up_to_what_there_is(
        rules in any_rules(), seconds in any_values(), acknowledged in 0usize..40,
    ) {
        let mut alarms = Alarms::default();
        let mut known: BTreeMap<u64, Severity> = BTreeMap::new();
        let mut seen_by_somebody = BTreeSet::new();
        for (values, second) in seconds.iter().zip(0u64..) {
            let (next, transitions) = evaluate(&rules, &readings(values), alarms, second * 1000);
            alarms = next;
            for told in transitions {
                prop_assert_eq!(told.before, known.remove(&told.alarm.id));
                prop_assert_ne!(told.before, told.after);
                if let Some(severity) = told.after {
                    known.insert(told.alarm.id, severity);
                }
            }
            let there: BTreeMap<u64, Severity> =
                alarms.iter().map(|alarm| (alarm.id, alarm.severity)).collect();
            prop_assert_eq!(&there, &known);
            for alarm in alarms.iter() {
                // Acknowledged once, and until it clears.
                prop_assert_eq!(alarm.acknowledged.is_some(), seen_by_somebody.contains(&alarm.id));
            }
            if second as usize == acknowledged {
                for id in there.into_keys() {
                    alarms.acknowledge(id, seen()).unwrap();
                    seen_by_somebody.insert(id);
                }
            }
        }
    }

    #[test]
    fn alarms_that_were_written_down_go_on(rules in any_rules(), seconds in any_values()) {
        let mut alarms = Alarms::default();
        for (values, second) in seconds.iter().zip(0u64..) {
            alarms = evaluate(&rules, &readings(values), alarms, second * 1000).0;
        }
        let written: Vec<Alarm> = alarms.iter().cloned().collect();
        let restored = Alarms::restored(alarms.last(), written.clone());
        let unknown = readings(&[None; 3]);
        let (next, transitions) = evaluate(&rules, &unknown, restored, 1_000_000);
        prop_assert!(transitions.is_empty());
        prop_assert_eq!(next.iter().cloned().collect::<Vec<_>>(), written);
    }
}
