//! VMs in short.

use super::table::Align::Left;
use super::table::{lay_out, rounded, uptime};
use addr::ByteSize;
use api::inspect::{Info, Moved};
use api::types::{Power, Vm, VmStatus};

/// One VM, a line for each fact.
pub(super) fn show(info: &Info) -> String {
    let row = |words: &str, value: String| vec![words.to_owned(), value];
    let mut rows = vec![
        row("name", info.name.clone()),
        row("process", info.pid.to_string()),
        row("running for", uptime(info.uptime_seconds)),
        row("CPUs", info.cpus.to_string()),
        row(
            "memory",
            format!("{}, {} of it consumed", ByteSize(info.memory_bytes), ByteSize(info.consumed_bytes)),
        ),
        row("machine memory", ByteSize(info.machine_memory_bytes).to_string()),
        row("MMU", format!("{}, now {}: {}", info.mmu, info.technique, info.reason)),
        row("kernel", info.kernel.clone()),
        row("command line", info.command_line.clone()),
    ];
    if let Some(trouble) = &info.trouble {
        rows.push(row("trouble", trouble.clone()));
    }
    lay_out(&[Left; 2], &rows)
}

/// What an order to move pages did.
pub(super) fn moved(of: &Moved) -> String {
    format!(
        "{}: {} pages moved; {} left for being in use by a device or on their way already, {} for want of a frame\n",
        of.name, of.pages_moved, of.pages_in_use, of.pages_without_frame
    )
}

/// One of the host's VMs, a line for each fact.
pub(crate) fn hosted(vm: &Vm) -> String {
    let spec = &vm.info.spec;
    let row = |words: &str, value: String| vec![words.to_owned(), value];
    let mut rows = vec![
        row("name", spec.name.clone()),
        row("power", power(vm)),
        row("CPUs", spec.cpus.to_string()),
        row("memory", spec.memory_bytes.to_string()),
        row("reservation", spec.reservation_bytes.to_string()),
        row("limit", spec.limit_bytes.map_or_else(|| "none".to_owned(), |limit| limit.to_string())),
        row("shares", spec.shares.to_string()),
        row("pool", spec.pool.clone().unwrap_or_else(|| "none: on the host itself".to_owned())),
        row("MMU", spec.mmu.to_string()),
        row("sharing, zip", format!("{}, {}", yes(spec.sharing), yes(spec.zip))),
        row("kernel", spec.kernel.display().to_string()),
        row(
            "initrd",
            spec.initrd.as_ref().map_or_else(|| "none".to_owned(), |path| path.display().to_string()),
        ),
        row("command line", spec.append.clone()),
    ];
    if vm.info.power == Power::Running {
        let agent = vm.info.agent_answers.map_or("unknown", yes);
        rows.push(row("agent answers", agent.to_owned()));
    }
    for (words, value) in [("trouble", &vm.info.trouble), ("swap file", &vm.info.swap_failure)] {
        rows.extend(value.as_ref().map(|value| row(words, value.clone())));
    }
    if let Some(memory) = &vm.memory {
        rows.extend(host_view(memory).into_iter().map(|(words, value)| row(words, value)));
    }
    lay_out(&[Left; 2], &rows)
}

fn power(vm: &Vm) -> String {
    let uptime = vm.info.uptime_seconds.map(|seconds| format!(", for {}", uptime(seconds as u64)));
    let ended = vm.info.ended.as_ref().map(|how| match &vm.info.reason {
        Some(why) => format!("; its last run: {how}, {why}"),
        None => format!("; its last run: {how}"),
    });
    format!("{}{}{}", vm.info.power, uptime.unwrap_or_default(), ended.unwrap_or_default())
}

const fn yes(it_is: bool) -> &'static str {
    if it_is { "yes" } else { "no" }
}

fn host_view(memory: &VmStatus) -> Vec<(&'static str, String)> {
    let of = &memory.metrics;
    let size = |size: ByteSize| rounded(size.0);
    vec![
        (
            "consumed",
            format!("{}, of {} it is entitled to", size(of.consumed_bytes), size(of.entitlement_bytes)),
        ),
        (
            "active",
            match memory.active_error {
                Some(error) => format!("{} (within {:.0} %)", size(of.active_bytes), error * 100.0),
                None => "not known yet".to_owned(),
            },
        ),
        ("granted", size(of.granted_bytes)),
        ("shared", format!("{}, {} of it zeros", size(of.shared_bytes), size(of.zero_bytes))),
        (
            "ballooned",
            format!(
                "{}, to be {}; driver {}",
                size(of.ballooned_bytes),
                size(of.balloon_target_bytes),
                memory.balloon_conduct
            ),
        ),
        ("compressed", format!("{}, in {}", size(of.compressed_bytes), size(of.zip_used_bytes))),
        ("swapped", format!("{}, {} more to take", size(of.swapped_bytes), size(of.swap_target_bytes))),
        ("untouched", size(of.untouched_bytes)),
        ("overhead", format!("{}, {} set aside", size(of.overhead_bytes), size(of.overhead_reserved_bytes))),
        (
            "waiting",
            format!(
                "{:.1} % for its pages, {:.1} % for a frame",
                memory.latency * 100.0,
                memory.waiting * 100.0
            ),
        ),
        ("slowed", yes(memory.slowed).to_owned()),
    ]
}
