//! What Prometheus finds: every figure that there is of a VM and of the host.

use super::Fixture;
use model::HostStatus;
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

/// Fields that are figures under another name.
const CALLED: [(&str, &str); 10] = [
    ("active_part", "active_ratio"),
    ("active_error", "active_error_ratio"),
    ("latency", "latency_ratio"),
    ("waiting", "waiting_ratio"),
    ("running", "running_ratio"),
    ("idle", "idle_ratio"),
    // Rates are those of what is counted.
    ("swap_in_bytes_per_second", "swap_in_bytes_total"),
    ("swap_out_bytes_per_second", "swap_out_bytes_total"),
    ("decompressed_bytes_per_second", "decompress_bytes_total"),
    ("compressed_bytes_per_second", "compress_bytes_total"),
];

/// Fields that are none: a number that stands for the VM, and averages that Prometheus makes itself.
const NO_FIGURES: [&str; 5] = ["id", "active_slow", "active_fast", "active_next", "scanned_bytes_per_second"];

/// The samples by their names and labels.
fn samples(text: &str) -> BTreeMap<String, f64> {
    let lines = text.lines().filter(|line| !line.starts_with('#'));
    lines
        .map(|line| {
            let (series, value) = line.rsplit_once(' ').unwrap();
            (series.to_owned(), value.parse().unwrap())
        })
        .collect()
}

async fn scrape(fixture: &Fixture) -> String {
    let (_, text) = fixture.ask("GET", "/metrics", "").await;
    text.as_str().unwrap().to_owned()
}

/// Scrapes until `found` says that it is there.
async fn until(fixture: &Fixture, found: impl Fn(&BTreeMap<String, f64>) -> bool) -> String {
    for _ in 0..1000 {
        let text = scrape(fixture).await;
        if found(&samples(&text)) {
            return text;
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    panic!("it does not come: {}", scrape(fixture).await);
}

#[tokio::test]
async fn every_figure_of_a_vm_is_found() {
    let fixture = Fixture::with_running("web").await;
    let text = until(&fixture, |samples| samples.contains_key("memtide_vm_shadow_bytes{vm=\"web\"}")).await;
    let types: BTreeSet<&str> =
        text.lines().filter_map(|line| line.strip_prefix("# TYPE ")?.split(' ').next()).collect();
    let status: HostStatus = fixture.read("GET", "/v1/host", Value::Null).await;
    let vm = serde_json::to_value(&status.vms[0]).unwrap();
    let of = |object: &Value| -> Vec<String> {
        let fields = object.as_object().unwrap().iter();
        fields.filter(|(_, value)| value.is_number()).map(|(name, _)| name.clone()).collect()
    };
    let (now, totals) = (of(&vm), of(&vm["totals"]));
    assert!(now.len() > 30 && totals.len() > 15, "{now:?} {totals:?}");
    let missing: Vec<String> = now
        .iter()
        .filter(|name| !NO_FIGURES.contains(&name.as_str()))
        .map(|name| {
            CALLED.iter().find(|(field, _)| field == name).map_or(name.as_str(), |(_, called)| called)
        })
        .map(|name| format!("memtide_vm_{name}"))
        .chain(totals.iter().map(|name| format!("memtide_vm_{name}_total")))
        .filter(|name| !types.contains(name.as_str()))
        .collect();
    assert!(missing.is_empty(), "Prometheus does not find {missing:?}");
}

#[tokio::test]
async fn what_processors_did_is_counted_by_technique() {
    let fixture = Fixture::with_running("web").await;
    let instructions = |samples: &BTreeMap<String, f64>| {
        let of_web = samples
            .iter()
            .filter(|(series, _)| series.starts_with("memtide_vm_instructions_total{vm=\"web\""));
        of_web.map(|(_, value)| value).sum::<f64>()
    };
    let text = until(&fixture, |samples| instructions(samples) > 0.0).await;
    let found = samples(&text);
    let technique = ["software", "hardware"]
        .into_iter()
        .find(|technique| {
            found.contains_key(&format!("memtide_vm_info{{vm=\"web\",pool=\"\",technique=\"{technique}\"}}"))
        })
        .unwrap_or_else(|| panic!("it is not known which technique is used: {text}"));
    let of = |series: &str| *found.get(series).unwrap_or_else(|| panic!("there is no {series}: {text}"));
    let under = |name: &str| of(&format!("memtide_vm_{name}{{vm=\"web\",technique=\"{technique}\"}}"));
    assert!(under("instructions_total") >= 1.0 && under("guest_seconds_total") >= 0.0);
    assert!(of("memtide_vm_device_bad_requests_total{vm=\"web\",device=\"balloon\"}") < 1.0);
    assert!(of("process_cpu_seconds_total") >= 0.0);
    // A VM that is gone has no figures.
    fixture.read::<model::Operation>("POST", "/v1/vms/web/stop", serde_json::json!({"now": true})).await;
    until(&fixture, |samples| samples.keys().all(|series| !series.contains("vm=\"web\""))).await;
}

#[tokio::test]
async fn states_add_up_to_the_time_there_was() {
    let begun = std::time::Instant::now();
    let fixture = Fixture::new();
    let high = |samples: &BTreeMap<String, f64>| samples["memtide_state_seconds_total{state=\"high\"}"];
    until(&fixture, |samples| high(samples) >= 1.0).await;
    let found = samples(&scrape(&fixture).await);
    assert!(high(&found) <= begun.elapsed().as_secs_f64(), "{found:?}");
    for state in ["clear", "soft", "hard", "low"] {
        assert!(found[&format!("memtide_state_seconds_total{{state=\"{state}\"}}")] < 1e-9, "{state}");
    }
}
