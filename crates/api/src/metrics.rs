//! Figures for Prometheus.
//!
//! **Model.** What was measured last and what the inventory says, written in the text format 0.0.4: bytes and seconds, gauges for
//! what is, counters for what only grows.
//!
//! **Bounds.** Labels are names of VMs, resource pools and alarm rules, and words of short lists: states, uses, techniques,
//! devices.
//!
//! **Concurrency.** Takes no VM's lock.

mod process;
mod text;
mod vms;

use addr::ByteSize;
use host::Host;
use model::{Alarm, HostStatus, Ledger, LoopStatus, PoolStatus};
use sched::HostState;
use sched::alarm::Severity;
use text::{Figure, Text};

/// All figures.
pub(crate) fn written(host: &Host) -> String {
    let status = host.status();
    let mut text = Text(String::with_capacity(16 << 10));
    text.gauge("memtide_vms", "VMs there are, running or not.", host.vm_count());
    text.of_host(&status);
    text.of_vms(host, &status.vms);
    text.of_pools(&status.pools);
    text.of_alarms(host);
    text.of_process();
    text.0
}

/// A part of machine memory.
type Part = (&'static str, fn(&Ledger) -> ByteSize);

/// What machine memory is used for, which adds up to all of it.
const PARTS: [Part; 6] = [
    ("free", |ledger| ledger.free_bytes),
    ("private", |ledger| ledger.private_bytes),
    ("shared", |ledger| ledger.shared_bytes),
    ("zip", |ledger| ledger.zip_bytes),
    ("in-flight", |ledger| ledger.in_flight_bytes),
    ("overhead", |ledger| ledger.set_aside()),
];

impl Text {
    fn of_host(&mut self, status: &HostStatus) {
        self.head("memtide_build_info", "gauge", "1, with the version.");
        self.sample("memtide_build_info", &[("version", env!("CARGO_PKG_VERSION"))], 1);
        let measured = status.at_milliseconds as f64 / 1e3;
        self.gauge("memtide_measured_timestamp_seconds", "When this was measured, since 1970.", measured);
        self.of_state(status);
        self.of_memory(status);
        self.of_memory_loop(&status.memory_loop);
    }

    fn of_state(&mut self, status: &HostStatus) {
        let (of, spent) = (&status.thresholds, &status.state_seconds);
        let states = [
            (HostState::High, of.high_bytes, spent.high),
            (HostState::Clear, of.clear_bytes, spent.clear),
            (HostState::Soft, of.soft_bytes, spent.soft),
            (HostState::Hard, of.hard_bytes, spent.hard),
            (HostState::Low, of.low_bytes, spent.low),
        ]
        .map(|(state, threshold, seconds)| (state == status.state, state.to_string(), threshold, seconds));
        self.head("memtide_state", "gauge", "How short of memory the host is: 1 for the state it is in.");
        for (is_so, state, ..) in &states {
            self.sample("memtide_state", &[("state", state)], u8::from(*is_so));
        }
        self.head("memtide_state_seconds_total", "counter", "For how long the host was in a state.");
        for (_, state, _, seconds) in &states {
            self.sample("memtide_state_seconds_total", &[("state", state)], seconds);
        }
        let help = "Free memory below which a state begins; high: what is aimed at.";
        self.head("memtide_threshold_bytes", "gauge", help);
        for (_, state, threshold, _) in &states {
            self.sample("memtide_threshold_bytes", &[("state", state)], threshold.0);
        }
    }

    fn of_memory(&mut self, status: &HostStatus) {
        let ledger = &status.ledger;
        self.gauge("memtide_memory_bytes", "All machine memory.", ledger.total_bytes.0);
        let help = "What machine memory is used for; adds up to all of it.";
        self.head("memtide_memory_used_bytes", "gauge", help);
        for (part, of) in PARTS {
            self.sample("memtide_memory_used_bytes", &[("use", part)], of(ledger).0);
        }
        let own = ledger.host_overhead_bytes.0;
        self.gauge("memtide_host_overhead_bytes", "Of the overhead, the host's own.", own);
        let deficit = "What of the overhead is not free yet and has to be reclaimed.";
        self.gauge("memtide_deficit_bytes", deficit, ledger.deficit_bytes.0);
        if let Some(bytes) = ledger.beside_pool_bytes {
            self.gauge("memtide_beside_pool_bytes", "What the process takes beside the pool.", bytes.0);
        }
        self.gauge("memtide_reserved_bytes", "What is guaranteed.", status.reserved_bytes.0);
        self.gauge("memtide_unreserved_bytes", "What still could be guaranteed.", status.unreserved_bytes.0);
        let promised = "Memory promised beyond what there is, as a part of that.";
        self.gauge("memtide_overcommitment_ratio", promised, status.overcommitment);
        let swap = status.swap_total_bytes.0;
        self.gauge("memtide_swap_bytes", "Disk space of swap files of running VMs.", swap);
    }

    fn of_memory_loop(&mut self, of: &LoopStatus) {
        let seconds = |microseconds: u64| microseconds as f64 / 1e6;
        self.counter("memtide_plans_total", "Plans made.", of.plans);
        let help = "Times free memory fell below a threshold, or was waited for.";
        self.counter("memtide_shortages_total", help, of.shortages);
        self.gauge("memtide_plan_seconds", "How long the last plan took.", seconds(of.plan_microseconds));
        self.gauge(
            "memtide_loop_lag_seconds",
            "How late the memory loop last was.",
            seconds(of.lag_microseconds),
        );
        let worst = seconds(of.worst_lag_microseconds);
        self.gauge("memtide_loop_worst_lag_seconds", "How late it ever was.", worst);
        let slice = seconds(of.longest_slice_microseconds);
        self.gauge("memtide_longest_slice_seconds", "The longest that a slice of reclaiming took.", slice);
        let help = "For how long no memory has been free and none has come free.";
        self.gauge("memtide_standstill_seconds", help, of.standstill_seconds);
    }

    /// By rule, those without an alarm among them.
    fn of_alarms(&mut self, host: &Host) {
        let (rules, alarms) = (host.alarm_rules(), host.alarms());
        let figures: [Figure<Alarm, bool>; 3] = [
            ("memtide_alarms", "Alarms there are.", |_| true),
            ("memtide_alarms_critical", "Alarms that are critical.", |alarm| {
                alarm.severity == Severity::Critical
            }),
            ("memtide_alarms_unacknowledged", "Alarms that nobody said to have seen.", |alarm| {
                alarm.acknowledged.is_none()
            }),
        ];
        for (name, help, counts) in figures {
            self.head(name, "gauge", help);
            for rule in &rules {
                let count = alarms.iter().filter(|alarm| alarm.rule == rule.name && counts(alarm)).count();
                self.sample(name, &[("rule", &rule.name)], count);
            }
        }
    }

    fn of_pools(&mut self, pools: &[PoolStatus]) {
        let figures: [Figure<PoolStatus, Option<ByteSize>>; 3] = [
            ("memtide_pool_entitlement_bytes", "What its VMs should hold together.", |pool| {
                pool.entitlement_bytes
            }),
            ("memtide_pool_reservation_used_bytes", "What is guaranteed to those within.", |pool| {
                Some(pool.reservation_used_bytes)
            }),
            ("memtide_pool_unreserved_bytes", "What still could be.", |pool| Some(pool.unreserved_bytes)),
        ];
        for (name, help, of) in figures {
            self.head(name, "gauge", help);
            for pool in pools {
                if let Some(bytes) = of(pool) {
                    self.sample(name, &[("pool", &pool.name)], bytes.0);
                }
            }
        }
    }
}

#[cfg(test)]
mod dashboard;

#[cfg(test)]
mod tests {
    use super::*;
    use host::HostConfig;
    use model::PoolSpec;
    use std::collections::HashMap;
    use tempfile::TempDir;

    #[test]
    fn what_is_written_is_the_text_format() {
        let place = TempDir::new().unwrap();
        let host = Host::open(&HostConfig {
            state: place.path().join("state"),
            machine_memory: ByteSize::mib(64),
            swap: place.path().join("swap"),
        })
        .unwrap();
        host.create_pool(PoolSpec::new("lab")).unwrap();
        // Measured once a second.
        while host.status().pools.is_empty() {
            std::thread::sleep(std::time::Duration::from_millis(20));
        }
        let text = written(&host);
        let mut kinds: HashMap<&str, &str> = HashMap::new();
        let mut samples: HashMap<&str, &str> = HashMap::new();
        let mut last = "";
        for line in text.lines() {
            if let Some(head) = line.strip_prefix("# TYPE ") {
                let (name, kind) = head.split_once(' ').unwrap();
                assert!(kinds.insert(name, kind).is_none(), "{name} twice");
                assert!(matches!(kind, "gauge" | "counter"));
                assert_eq!(name.ends_with("_total"), kind == "counter", "{name}");
                last = name;
            } else if !line.starts_with("# HELP ") {
                let (series, value) = line.rsplit_once(' ').unwrap();
                let name = series.split('{').next().unwrap();
                assert_eq!(name, last, "{line}: after its type, all of a name together");
                assert!(
                    name.bytes().all(|b| b.is_ascii_lowercase() || b == b'_')
                        && (name.starts_with("memtide_") || name.starts_with("process_"))
                );
                assert!(value.parse::<f64>().is_ok(), "{line}");
                assert!(samples.insert(series, value).is_none(), "{series} twice");
            }
        }
        assert!(text.ends_with('\n'));
        let bytes = |series: &str| samples[series].parse::<u64>().unwrap();
        let part = |(part, _): &Part| bytes(&format!("memtide_memory_used_bytes{{use=\"{part}\"}}"));
        assert_eq!(PARTS.iter().map(part).sum::<u64>(), bytes("memtide_memory_bytes"));
        assert_eq!(bytes("memtide_state{state=\"high\"}"), 1);
        assert!(samples["memtide_state_seconds_total{state=\"high\"}"].parse::<f64>().unwrap() > 0.0);
        assert_eq!(bytes("memtide_alarms{rule=\"vm-waiting\"}"), 0);
        assert!(samples.contains_key("memtide_pool_unreserved_bytes{pool=\"lab\"}"));
        assert_eq!(kinds["memtide_vm_consumed_bytes"], "gauge");
    }
}
