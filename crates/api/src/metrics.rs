//! Figures for Prometheus.
//!
//! **Model.** What was measured last and what the inventory says, written in the text format 0.0.4: bytes and seconds, gauges for
//! what is, counters for what only grows.
//!
//! **Bounds.** Labels are names of VMs, resource pools and alarm rules, and words of short lists.
//!
//! **Concurrency.** Takes no VM's lock.

use addr::ByteSize;
use host::{AlarmInfo, Host, HostStatus, Ledger, Metrics, PoolStatus, VmStatus};
use sched::HostState;
use sched::alarm::Severity;
use std::fmt::{Display, Write};

/// All figures.
pub(crate) fn written(host: &Host) -> String {
    let status = host.status();
    let mut text = Text(String::with_capacity(16 << 10));
    text.gauge("memtide_vms", "VMs there are, running or not.", host.vm_count());
    text.of_host(&status);
    text.of_vms(&status.vms);
    text.of_pools(&status.pools);
    text.of_alarms(host);
    text.0
}

struct Text(String);

/// A figure of many things: its name, its meaning, and where it is.
type Figure<T, V> = (&'static str, &'static str, fn(&T) -> V);

const OF_VM: [Figure<Metrics, ByteSize>; 24] = [
    ("granted_bytes", "Pages the guest can use without waiting.", |m| m.granted_bytes),
    ("consumed_bytes", "Machine memory they take.", |m| m.consumed_bytes),
    ("active_bytes", "Pages in use lately.", |m| m.active_bytes),
    ("active_write_bytes", "Pages written lately.", |m| m.active_write_bytes),
    ("private_bytes", "Pages in frames of their own.", |m| m.private_bytes),
    ("shared_bytes", "Pages shared, zero pages among them.", |m| m.shared_bytes),
    ("shared_common_bytes", "Machine memory that shared pages take.", |m| m.shared_common_bytes),
    ("zero_bytes", "Zero pages.", |m| m.zero_bytes),
    ("ballooned_bytes", "Pages in the balloon.", |m| m.ballooned_bytes),
    ("balloon_target_bytes", "What the balloon is asked to hold.", |m| m.balloon_target_bytes),
    ("compressed_bytes", "Pages compressed.", |m| m.compressed_bytes),
    ("zip_used_bytes", "Machine memory that compressed pages take.", |m| m.zip_used_bytes),
    ("zip_saved_bytes", "Machine memory that compressing them saves.", |m| m.zip_saved_bytes),
    ("swapped_bytes", "Pages swapped.", |m| m.swapped_bytes),
    ("swap_target_bytes", "What is to be compressed or swapped.", |m| m.swap_target_bytes),
    ("untouched_bytes", "Pages never used, or given back.", |m| m.untouched_bytes),
    ("entitlement_bytes", "What it should hold at most when memory is short.", |m| m.entitlement_bytes),
    ("overhead_bytes", "What it costs beyond its guest's memory.", |m| m.overhead_bytes),
    ("overhead_reserved_bytes", "What is set aside for that.", |m| m.overhead_reserved_bytes),
    ("swap_in_bytes_per_second", "Read from the swap file.", |m| m.swap_in_bytes_per_second),
    ("swap_out_bytes_per_second", "Written to the swap file.", |m| m.swap_out_bytes_per_second),
    ("decompressed_bytes_per_second", "Decompressed.", |m| m.decompressed_bytes_per_second),
    ("compressed_bytes_per_second", "Compressed.", |m| m.compressed_bytes_per_second),
    ("scanned_bytes_per_second", "Looked through for equal pages.", |m| m.scanned_bytes_per_second),
];

const fn bytes(of: Option<ByteSize>) -> Option<f64> {
    match of {
        Some(size) => Some(size.0 as f64),
        None => None,
    }
}

/// Further figures of a VM; one that is not known, or none, has no sample.
const OF_RUNNING: [Figure<VmStatus, Option<f64>>; 14] = [
    ("size_bytes", "Guest physical memory.", |vm| bytes(Some(vm.size_bytes))),
    ("reservation_bytes", "What is guaranteed to it.", |vm| bytes(Some(vm.reservation_bytes))),
    ("limit_bytes", "What it never exceeds.", |vm| bytes(vm.limit_bytes)),
    ("shares", "Its number of shares.", |vm| Some(vm.shares as f64)),
    ("worst_case_bytes", "What it would have if all VMs wanted all they may.", |vm| {
        bytes(vm.worst_case_bytes)
    }),
    ("balloon_max_bytes", "How large its balloon may get.", |vm| bytes(Some(vm.balloon_max_bytes))),
    ("active_ratio", "Part of its pages in use lately.", |vm| vm.active_part),
    ("active_error_ratio", "The standard error of that.", |vm| vm.active_error),
    ("guest_free_bytes", "What its guest says to be free.", |vm| bytes(vm.guest_free_bytes)),
    ("guest_available_bytes", "What its guest could use without swapping.", |vm| {
        bytes(vm.guest_available_bytes)
    }),
    ("slowed", "1 while its vCPUs wait so that others get memory.", |vm| Some(u8::from(vm.slowed).into())),
    ("uptime_seconds", "How long it has been running.", |vm| Some(vm.uptime_seconds)),
    ("latency_ratio", "Part of its vCPUs' time spent waiting for pages.", |vm| Some(vm.latency)),
    ("waiting_ratio", "Part of it spent waiting for a frame.", |vm| Some(vm.waiting)),
];

/// A part of machine memory.
type Part = (&'static str, fn(&Ledger) -> ByteSize);

/// What machine memory is used for, which adds up to all of it.
const PARTS: [Part; 5] = [
    ("free", |ledger| ledger.free_bytes),
    ("private", |ledger| ledger.private_bytes),
    ("shared", |ledger| ledger.shared_bytes),
    ("zip", |ledger| ledger.zip_bytes),
    ("overhead", |ledger| ledger.overhead_bytes),
];

const STATES: [HostState; 5] =
    [HostState::High, HostState::Clear, HostState::Soft, HostState::Hard, HostState::Low];

impl Text {
    fn head(&mut self, name: &str, kind: &str, help: &str) {
        let _ = writeln!(self.0, "# HELP {name} {help}\n# TYPE {name} {kind}");
    }

    /// Names need no escapes: they are letters, digits, `-`, `_` and `.`.
    fn sample(&mut self, name: &str, label: Option<(&str, &str)>, value: impl Display) {
        let _ = match label {
            Some((label, of)) => writeln!(self.0, "{name}{{{label}=\"{of}\"}} {value}"),
            None => writeln!(self.0, "{name} {value}"),
        };
    }

    fn gauge(&mut self, name: &str, help: &str, value: impl Display) {
        self.head(name, "gauge", help);
        self.sample(name, None, value);
    }

    fn counter(&mut self, name: &str, help: &str, value: impl Display) {
        self.head(name, "counter", help);
        self.sample(name, None, value);
    }

    fn of_host(&mut self, status: &HostStatus) {
        let seconds = |microseconds: u64| microseconds as f64 / 1e6;
        let measured = status.at_milliseconds as f64 / 1e3;
        self.gauge("memtide_measured_timestamp_seconds", "When this was measured, since 1970.", measured);
        self.gauge("memtide_memory_bytes", "All machine memory.", status.ledger.total_bytes.0);
        self.head(
            "memtide_memory_used_bytes",
            "gauge",
            "What machine memory is used for; adds up to all of it.",
        );
        for (part, of) in PARTS {
            self.sample("memtide_memory_used_bytes", Some(("use", part)), of(&status.ledger).0);
        }
        self.head("memtide_state", "gauge", "How short of memory the host is: 1 for the state it is in.");
        for state in STATES {
            let is_so = u8::from(state == status.state);
            self.sample("memtide_state", Some(("state", &state.to_string())), is_so);
        }
        let of = &status.thresholds;
        self.head(
            "memtide_threshold_bytes",
            "gauge",
            "Free memory below which a state begins; high: what is aimed at.",
        );
        for (state, bytes) in [
            ("high", of.high_bytes),
            ("clear", of.clear_bytes),
            ("soft", of.soft_bytes),
            ("hard", of.hard_bytes),
            ("low", of.low_bytes),
        ] {
            self.sample("memtide_threshold_bytes", Some(("state", state)), bytes.0);
        }
        self.gauge("memtide_reserved_bytes", "What is guaranteed.", status.reserved_bytes.0);
        self.gauge("memtide_unreserved_bytes", "What still could be guaranteed.", status.unreserved_bytes.0);
        self.gauge(
            "memtide_overcommitment_ratio",
            "Memory promised beyond what there is.",
            status.overcommitment,
        );
        self.gauge(
            "memtide_swap_bytes",
            "Disk space of swap files of running VMs.",
            status.swap_total_bytes.0,
        );
        let of = &status.memory_loop;
        self.counter("memtide_plans_total", "Plans made.", of.plans);
        self.counter(
            "memtide_shortages_total",
            "Times free memory fell below a threshold, or was waited for.",
            of.shortages,
        );
        self.gauge("memtide_plan_seconds", "How long the last plan took.", seconds(of.plan_microseconds));
        self.gauge(
            "memtide_loop_lag_seconds",
            "How late the memory loop last was.",
            seconds(of.lag_microseconds),
        );
    }

    fn of_vms(&mut self, vms: &[VmStatus]) {
        self.gauge("memtide_vms_running", "VMs that run.", vms.len());
        for (figure, help, of) in OF_VM {
            let name = format!("memtide_vm_{figure}");
            self.head(&name, "gauge", help);
            for vm in vms {
                self.sample(&name, Some(("vm", &vm.name)), of(&vm.metrics).0);
            }
        }
        for (figure, help, of) in OF_RUNNING {
            let name = format!("memtide_vm_{figure}");
            self.head(&name, "gauge", help);
            for (vm, value) in vms.iter().filter_map(|vm| Some((vm, of(vm)?))) {
                self.sample(&name, Some(("vm", &vm.name)), value);
            }
        }
    }

    /// By rule, those without an alarm among them.
    fn of_alarms(&mut self, host: &Host) {
        let (rules, alarms) = (host.alarm_rules(), host.alarms());
        let figures: [Figure<AlarmInfo, bool>; 3] = [
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
                self.sample(name, Some(("rule", &rule.name)), count);
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
                    self.sample(name, Some(("pool", &pool.name)), bytes.0);
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
    use host::{HostConfig, PoolSpec};
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
                    name.bytes().all(|b| b.is_ascii_lowercase() || b == b'_') && name.starts_with("memtide_")
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
        assert_eq!(bytes("memtide_alarms{rule=\"vm-waiting\"}"), 0);
        assert!(samples.contains_key("memtide_pool_unreserved_bytes{pool=\"lab\"}"));
        assert_eq!(kinds["memtide_vm_consumed_bytes"], "gauge");
    }
}
