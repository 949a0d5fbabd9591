//! VMs, wherever they run.

use super::Value::{Count, Duration, Size, Text};
use super::{Column, Table, or, wide};
use model::inspect::Info;
use model::{Metrics, Power, Vm, VmStatus};
use serde::Serialize;

/// A VM in a list.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct Listed {
    name: String,
    /// foreground or host.
    runs_in: &'static str,
    /// stopped, starting, running, stopping, unreadable.
    power: String,
    /// The process of a VM in the foreground.
    pid: Option<u32>,
    uptime_seconds: Option<u64>,
    cpus: u64,
    memory_bytes: u64,
    /// Machine memory it takes.
    consumed_bytes: Option<u64>,
    /// automatic, software, hardware.
    mmu: String,
    /// A processor that makes no progress, or why its file cannot be read, in words.
    trouble: Option<String>,
    /// Of the host's VMs, as what follows; `null` in the foreground.
    reservation_bytes: Option<u64>,
    limit_bytes: Option<u64>,
    shares: Option<String>,
    pool: Option<String>,
    /// Whether it starts with the host: yes, no, last.
    autostart: Option<String>,
    /// While it runs.
    memory: Option<VmStatus>,
}

impl Listed {
    pub(crate) fn in_foreground(info: &Info) -> Self {
        Self {
            name: info.name.clone(),
            runs_in: "foreground",
            power: "running".to_owned(),
            pid: Some(info.pid),
            uptime_seconds: Some(info.uptime_seconds),
            cpus: info.cpus as u64,
            memory_bytes: info.memory_bytes,
            consumed_bytes: Some(info.consumed_bytes),
            mmu: info.mmu.clone(),
            trouble: info.trouble.clone(),
            reservation_bytes: None,
            limit_bytes: None,
            shares: None,
            pool: None,
            autostart: None,
            memory: None,
        }
    }

    pub(crate) fn hosted(vm: Vm) -> Self {
        let Vm { info, memory } = vm;
        let spec = info.spec;
        let unreadable = info.power == Power::Unreadable;
        Self {
            name: spec.name,
            runs_in: "host",
            power: info.power.to_string(),
            pid: None,
            uptime_seconds: info.uptime_seconds.map(|seconds| seconds as u64),
            cpus: u64::from(spec.cpus),
            memory_bytes: spec.memory_bytes.0,
            consumed_bytes: memory.as_ref().map(|memory| memory.metrics.consumed_bytes.0),
            mmu: spec.mmu.to_string(),
            trouble: info
                .trouble
                .or(info.swap_failure)
                .or(info.unwritten)
                .or(info.reason.filter(|_| unreadable).map(|why| one_line(&why))),
            reservation_bytes: Some(spec.reservation_bytes.0),
            limit_bytes: spec.limit_bytes.map(|limit| limit.0),
            shares: Some(spec.shares.to_string()),
            pool: spec.pool,
            autostart: Some(spec.autostart.to_string()),
            memory,
        }
    }

    /// Whether its file could be read, so that its figures mean something.
    fn is_known(&self) -> bool {
        self.power != "unreadable"
    }

    fn measured(&self) -> Option<&Metrics> {
        self.memory.as_ref().map(|memory| &memory.metrics)
    }
}

pub(crate) const VMS: Table<Listed> = Table {
    key: 0,
    columns: &[
        Column::new("name", Text(|vm| Some(vm.name.clone()))),
        wide(Column::new("runs-in", Text(|vm| Some(vm.runs_in.to_owned())))),
        wide(Column::new("pid", Count(|vm| vm.pid.map(u64::from)))),
        Column::new("power", Text(|vm| Some(vm.power.clone()))),
        wide(Column::new("uptime", Duration(|vm| vm.uptime_seconds))),
        wide(Column::new("cpus", Count(|vm| Some(vm.cpus).filter(|_| vm.is_known())))),
        Column::new("memory", Size(|vm| Some(vm.memory_bytes).filter(|_| vm.is_known()))),
        Column::new("consumed", Size(|vm| vm.consumed_bytes)),
        wide(Column::new("reservation", Size(|vm| vm.reservation_bytes))),
        wide(or("none", Column::new("limit", Size(|vm| vm.limit_bytes)))),
        wide(Column::new("shares", Text(|vm| vm.shares.clone()))),
        wide(Column::new("pool", Text(|vm| vm.pool.clone()))),
        wide(Column::new("autostart", Text(|vm| vm.autostart.clone()))),
        Column::new("entitlement", Size(|vm| Some(vm.measured()?.entitlement_bytes.0))),
        // Unknown until the first sample has ended.
        Column::new(
            "active",
            Size(|vm| vm.memory.as_ref()?.active_part.and(Some(vm.measured()?.active_bytes.0))),
        ),
        wide(Column::new("shared", Size(|vm| Some(vm.measured()?.shared_bytes.0)))),
        Column::new("ballooned", Size(|vm| Some(vm.measured()?.ballooned_bytes.0))),
        Column::new("compressed", Size(|vm| Some(vm.measured()?.compressed_bytes.0))),
        Column::new("swapped", Size(|vm| Some(vm.measured()?.swapped_bytes.0))),
        wide(Column::new("overhead", Size(|vm| Some(vm.measured()?.overhead_bytes.0)))),
        wide(Column::new("mmu", Text(|vm| Some(vm.mmu.clone()).filter(|_| vm.is_known())))),
        Column::new("trouble", Text(|vm| vm.trouble.clone())),
    ],
};

/// What is said on several lines, with a picture of the place, on one.
fn one_line(text: &str) -> String {
    let said = |line: &&str| !line.is_empty() && !line.starts_with('|') && !line.contains(" | ");
    text.lines().map(str::trim).filter(said).collect::<Vec<_>>().join(": ")
}

#[cfg(test)]
mod tests {
    use super::one_line;

    #[test]
    fn why_a_file_cannot_be_read_takes_one_line() {
        let why =
            "TOML parse error at line 2, column 1\n  |\n2 | memroy = 1\n  | ^^^^^^\nunknown field `memroy`\n";
        assert_eq!(one_line(why), "TOML parse error at line 2, column 1: unknown field `memroy`");
    }
}
