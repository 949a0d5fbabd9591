//! VMs in short.

use super::counted;
use super::table::Align::Left;
use super::table::{lay_out, uptime};
use addr::ByteSize;
use model::inspect::{Info, Moved};
use model::{Autostart, Power, Vm, VmSpec, VmStatus};

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
        "{}: {} moved; {} left for being in use by a device or on their way already, {} for want of a frame\n",
        of.name,
        counted(of.pages_moved, "page"),
        of.pages_in_use,
        of.pages_without_frame
    )
}

/// One of the host's VMs, a line for each fact.
pub(crate) fn hosted(vm: &Vm) -> String {
    let spec = &vm.info.spec;
    let row = |words: &str, value: String| vec![words.to_owned(), value];
    let mut rows = vec![row("name", spec.name.clone()), row("power", power(vm))];
    if vm.info.power == Power::Unreadable {
        let why = vm.info.reason.as_deref().unwrap_or_default();
        rows.extend(
            why.lines()
                .enumerate()
                .map(|(line, why)| row(if line == 0 { "why" } else { "" }, why.to_owned())),
        );
        return lay_out(&[Left; 2], &rows);
    }
    rows.extend([
        row("CPUs", spec.cpus.to_string()),
        row("memory", spec.memory_bytes.to_string()),
        row("reservation", spec.reservation_bytes.to_string()),
        row("limit", limit(spec)),
        row("shares", spec.shares.to_string()),
        row("pool", spec.pool.clone().unwrap_or_else(|| "none: on the host itself".to_owned())),
        row("MMU", spec.mmu.to_string()),
        row("starts with host", autostart(vm)),
        row("on reboot, panic", format!("{}, {}", spec.on_reboot, spec.on_panic)),
        row("sharing, zip", format!("{}, {}", yes(spec.sharing), yes(spec.zip))),
        row("salt", spec.salt.clone().unwrap_or_else(|| "none".to_owned())),
        row(
            "balloon at most",
            spec.balloon_max_bytes
                .map_or_else(|| "as Mem.CtlMaxPercent says".to_owned(), |most| most.to_string()),
        ),
        row(
            "swap directory",
            spec.swap_dir.as_ref().map_or_else(|| "the host's".to_owned(), |path| path.display().to_string()),
        ),
        row("kernel", spec.kernel.display().to_string()),
        row(
            "initrd",
            spec.initrd.as_ref().map_or_else(|| "none".to_owned(), |path| path.display().to_string()),
        ),
        row("command line", spec.append.clone()),
    ]);
    if vm.info.power.is_on() {
        let agent = vm.info.agent_answers.map_or("unknown", yes);
        rows.push(row("agent answers", agent.to_owned()));
    }
    let troubles = [
        ("trouble", &vm.info.trouble),
        ("swap file", &vm.info.swap_failure),
        ("not written down", &vm.info.unwritten),
    ];
    for (words, value) in troubles {
        rows.extend(value.as_ref().map(|value| row(words, value.clone())));
    }
    if let Some(memory) = &vm.memory {
        rows.extend(host_view(memory).into_iter().map(|(words, value)| row(words, value)));
    }
    lay_out(&[Left; 2], &rows)
}

/// What a limit below a VM's memory does, which is easily forgotten.
pub(crate) const FORGOTTEN_LIMIT: &str =
    "less than its memory: it waits for what it wants beyond that, also while the host has memory free";

fn limit(spec: &VmSpec) -> String {
    match spec.limit_bytes {
        None => "none".to_owned(),
        Some(limit) if limit < spec.memory_bytes => format!("{limit}, {FORGOTTEN_LIMIT}"),
        Some(limit) => limit.to_string(),
    }
}

fn power(vm: &Vm) -> String {
    let uptime = vm.info.uptime_seconds.map(|seconds| format!(", for {}", uptime(seconds as u64)));
    let ended = vm.info.ended.as_ref().map(|how| match &vm.info.reason {
        Some(why) => format!("; its last run: {how}, {why}"),
        None => format!("; its last run: {how}"),
    });
    format!("{}{}{}", vm.info.power, uptime.unwrap_or_default(), ended.unwrap_or_default())
}

/// Whether and when it starts with the host.
fn autostart(vm: &Vm) -> String {
    let spec = &vm.info.spec;
    let when = match (spec.autostart, vm.info.wanted_on) {
        (Autostart::Last, true) => "last: as it is on".to_owned(),
        (Autostart::Last, false) => "last: not while it is off".to_owned(),
        (autostart, _) => autostart.to_string(),
    };
    let order = spec.autostart_order.map(|order| format!("; order {order}")).unwrap_or_default();
    let delay = match spec.autostart_delay_seconds {
        0 => String::new(),
        seconds => format!("; {seconds} s before the next"),
    };
    when + &order + &delay
}

const fn yes(it_is: bool) -> &'static str {
    if it_is { "yes" } else { "no" }
}

/// How the guest is, and what it says of itself.
fn guest(memory: &VmStatus) -> String {
    let said = |size: Option<ByteSize>| size.map_or_else(|| "unknown".to_owned(), |size| size.to_string());
    let kills = match memory.guest_oom_kills {
        None => String::new(),
        Some(kills) => format!("; killed {} for want of memory", counted(kills, "program")),
    };
    let (free, available) = (said(memory.guest_free_bytes), said(memory.guest_available_bytes));
    format!("{}; says {free} is free, {available} available{kills}", memory.guest)
}

fn host_view(memory: &VmStatus) -> Vec<(&'static str, String)> {
    let of = &memory.metrics;
    vec![
        ("consumed", format!("{}, of {} it is entitled to", of.consumed_bytes, of.entitlement_bytes)),
        (
            "active",
            match memory.active_error {
                Some(error) => format!("{} (within {:.0} %)", of.active_bytes, error * 100.0),
                None => "not known yet".to_owned(),
            },
        ),
        ("granted", of.granted_bytes.to_string()),
        ("shared", format!("{}, {} of it zeros", of.shared_bytes, of.zero_bytes)),
        (
            "ballooned",
            format!(
                "{}, to be {}; driver {}",
                of.ballooned_bytes, of.balloon_target_bytes, memory.balloon_conduct
            ),
        ),
        ("compressed", format!("{}, in {}", of.compressed_bytes, of.zip_used_bytes)),
        ("swapped", format!("{}, to be {} at most", of.swapped_bytes, of.swap_target_bytes)),
        ("untouched", of.untouched_bytes.to_string()),
        ("overhead", format!("{}, {} reserved", of.overhead_bytes, of.overhead_reserved_bytes)),
        ("running", format!("{:.1} %, {:.1} % idle", memory.running * 100.0, memory.idle * 100.0)),
        (
            "waiting",
            format!(
                "{:.1} % for its pages, {:.1} % for a frame",
                memory.latency * 100.0,
                memory.waiting * 100.0
            ),
        ),
        ("slowed", yes(memory.slowed).to_owned()),
        ("guest", guest(memory)),
        (
            "time",
            format!(
                "{:.1} s of its vCPUs, {:.1} s of its devices",
                memory.totals.running_seconds, memory.totals.worker_seconds
            ),
        ),
    ]
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::{Value, json};

    /// Who changes something has to see what it is.
    #[test]
    fn all_that_can_be_set_of_a_vm_is_shown() {
        let spec = json!({
            "name": "web", "memory_bytes": 67_108_864, "cpus": 3, "mmu": "software", "kernel": "/srv/Image",
            "initrd": "/srv/initrd", "append": "quiet splash", "reservation_bytes": 8_388_608,
            "limit_bytes": 33_554_432, "shares": 777, "pool": "lab", "balloon_max_bytes": 16_777_216,
            "sharing": false, "salt": "pepper", "swap_dir": "/srv/swap", "zip": true, "autostart": "yes",
            "autostart_order": 7, "autostart_delay_seconds": 90, "on_reboot": "stop", "on_panic": "restart",
        });
        let known: VmSpec = serde_json::from_value(spec.clone()).unwrap();
        let Value::Object(known) = serde_json::to_value(known).unwrap() else { unreachable!() };
        let mut vm = spec;
        for (name, value) in known {
            assert!(!vm[&name].is_null(), "{name} has a value here that can be told from others");
            vm[name] = value;
        }
        vm["power"] = json!("stopped");
        vm["wanted_on"] = json!(false);
        let shown = hosted(&serde_json::from_value(vm).unwrap());
        for value in [
            "64 MiB",
            "3",
            "software",
            "/srv/Image",
            "/srv/initrd",
            "quiet splash",
            "8 MiB",
            "32 MiB",
            "777",
            "lab",
            "16 MiB",
            "no, yes",
            "pepper",
            "/srv/swap",
            "yes; order 7; 90 s",
            "stop, restart",
        ] {
            assert!(shown.contains(value), "{value}: {shown}");
        }
    }
}
