//! VMs in short.

use super::table::Align::{Left, Right};
use super::table::{lay_out, uptime};
use crate::report::Info;
use addr::ByteSize;

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

/// Several VMs, a line for each.
pub(crate) fn list(vms: &[Info]) -> String {
    let titles = ["NAME", "PID", "UPTIME", "CPUS", "MEMORY", "CONSUMED", "MMU", "NOW", "TROUBLE"];
    let row = |info: &Info| {
        vec![
            info.name.clone(),
            info.pid.to_string(),
            uptime(info.uptime_seconds),
            info.cpus.to_string(),
            ByteSize(info.memory_bytes).to_string(),
            ByteSize(info.consumed_bytes).to_string(),
            info.mmu.clone(),
            info.technique.clone(),
            info.trouble.clone().unwrap_or_else(|| "none".to_owned()),
        ]
    };
    let rows: Vec<_> =
        std::iter::once(titles.map(str::to_owned).to_vec()).chain(vms.iter().map(row)).collect();
    lay_out(&[Left, Right, Right, Right, Right, Right, Left, Left, Left], &rows)
}
