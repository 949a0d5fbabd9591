//! What a VM did under each technique.

use super::table::Align::{Left, Right};
use super::table::{duration, grouped, lay_out, uptime};
use addr::ByteSize;
use api::inspect::statistics::{COUNTERS, Counter, Unit};
use model::inspect::statistics::{Counts, Cpu, Device, Statistics};
use std::fmt::Write;

/// Everything, as tables.
pub(super) fn show(statistics: &Statistics) -> String {
    let mut text = format!("{}  up {}\n\n", statistics.name, uptime(statistics.uptime_seconds));
    text.push_str(&counters(statistics));
    text.push_str("time in the MMU is an estimate from timing one TLB miss in 64\n\n");
    text.push_str(&cpus(&statistics.cpus));
    let _ = writeln!(text, "MMU {}: {}\n", statistics.mmu, statistics.reason);
    let _ = writeln!(text, "PAGES  {}\n", statistics.pages);
    text.push_str(&devices(&statistics.devices));
    text
}

fn words(texts: &[&str]) -> Vec<String> {
    texts.iter().map(|&text| text.to_owned()).collect()
}

fn counters(statistics: &Statistics) -> String {
    let mut rows = vec![words(&["", "", "SOFTWARE", "HARDWARE", "TOTAL"])];
    for (subject, counters) in &COUNTERS {
        for (index, counter) in counters.iter().enumerate() {
            let columns = [&statistics.software, &statistics.hardware, &statistics.total];
            let mut row = words(&[if index == 0 { subject } else { "" }, counter.words]);
            row.extend(columns.map(|counts| value(counter, counts)));
            rows.push(row);
        }
    }
    lay_out(&[Left, Left, Right, Right, Right], &rows)
}

/// An older VM may not know a counter of ours.
fn value(counter: &Counter, counts: &Counts) -> String {
    match (counts.get(counter.key), counter.unit) {
        (None, _) => "unknown".to_owned(),
        (Some(&count), Unit::Count) => grouped(count),
        (Some(&nanoseconds), Unit::Nanoseconds) => duration(nanoseconds),
    }
}

fn cpus(cpus: &[Cpu]) -> String {
    let mut rows =
        vec![words(&["CPU", "TECHNIQUE", "INSTRUCTIONS", "SHADOW TABLES", "THEIR MEMORY", "DECODED CODE"])];
    rows.extend(cpus.iter().enumerate().map(|(index, cpu)| {
        vec![
            index.to_string(),
            cpu.technique.clone(),
            grouped(cpu.instructions),
            grouped(cpu.shadow_tables as u64),
            ByteSize(cpu.shadow_bytes).to_string(),
            ByteSize(cpu.code_bytes).to_string(),
        ]
    }));
    lay_out(&[Left, Left, Right, Right, Right, Right], &rows)
}

fn devices(devices: &[Device]) -> String {
    let mut rows =
        vec![words(&["DEVICE", "ACCESSES", "KICKS", "INTERRUPTS", "THREAD'S TIME", "BAD REQUESTS", ""])];
    rows.extend(devices.iter().map(|device| {
        vec![
            device.name.clone(),
            grouped(device.accesses),
            grouped(device.kicks),
            grouped(device.interrupts),
            duration(device.worker_nanoseconds),
            grouped(device.bad_requests),
            device.last_bad.clone().unwrap_or_default(),
        ]
    }));
    lay_out(&[Left, Right, Right, Right, Right, Right, Left], &rows)
}
