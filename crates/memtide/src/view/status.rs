//! The host's memory on one screen.

use super::Style;
use super::table::Align::{Left, Right};
use super::table::lay_out;
use crate::color;
use addr::ByteSize;
use model::{FileTrouble, HostState, HostStatus, Ledger, VmStatus};
use std::fmt::Write;

/// The host's state and ledger, and a line for each running VM; in MiB.
pub(crate) fn status(status: &HostStatus, style: Style) -> String {
    let mut text = head(status, style);
    text.push_str(&trouble(status));
    text.push_str(&vms(status));
    text
}

/// In MiB, without the unit.
pub(crate) fn mib(size: ByteSize) -> String {
    format!("{:.1}", size.0 as f64 / (1 << 20) as f64)
}

fn whole_mib(size: ByteSize) -> String {
    format!("{:.0}", size.0 as f64 / (1 << 20) as f64)
}

fn head(status: &HostStatus, style: Style) -> String {
    let (of, at) = (&status.ledger, &status.thresholds);
    let mut text = String::new();
    let [on, off] = match status.state {
        _ if !style.color => ["", ""],
        HostState::High | HostState::Clear => [color::GOOD, color::PLAIN],
        HostState::Soft => [color::DOUBTFUL, color::PLAIN],
        _ => [color::BAD, color::PLAIN],
    };
    let _ = writeln!(
        text,
        "state {on}{}{off}  free {}  (high {} > clear {} > soft {} > hard {} > low {})  overcommitted {:+.0} %",
        status.state,
        mib(of.free_bytes),
        mib(at.high_bytes),
        mib(at.clear_bytes),
        mib(at.soft_bytes),
        mib(at.hard_bytes),
        mib(at.low_bytes),
        status.overcommitment * 100.0
    );
    text.push_str(&ledger(of));
    let _ = writeln!(
        text,
        "VMs     {} running, promised {}; reserved {}, unreserved {}; swap files {}; saved: {} by sharing, {} by zip",
        status.vms.len(),
        whole_mib(ByteSize(status.vms.iter().map(|vm| vm.size_bytes.0).sum())),
        mib(status.reserved_bytes),
        mib(status.unreserved_bytes),
        mib(status.swap_total_bytes),
        mib(ByteSize(status.sums.shared_bytes.0.saturating_sub(status.sums.shared_common_bytes.0))),
        mib(status.sums.zip_saved_bytes)
    );
    text
}

/// Who is slowed, and whether anything moves at all; nothing where all is well.
fn trouble(status: &HostStatus) -> String {
    let mut text = String::new();
    if status.memory_loop.standstill_seconds > 0 {
        let seconds = status.memory_loop.standstill_seconds;
        let _ = writeln!(text, "STANDSTILL for {seconds} s: no memory is free and none comes free");
    }
    if let Some(limit) = &status.memory_limit {
        let _ = writeln!(
            text,
            "LIMIT   the control group '{}' allows {}, {} less than the host needs: VMs give that up",
            limit.control_group, limit.limit_bytes, limit.lacks_bytes
        );
    }
    for FileTrouble { file, state, why, .. } in &status.file_troubles {
        let _ = writeln!(text, "FILE    {file} is {state}: {}", why.lines().next().unwrap_or_default());
    }
    for (words, is) in [
        ("SLOWED  by waiting for memory:", (|vm| vm.slowed) as fn(&VmStatus) -> bool),
        ("SWAP    fails:", |vm| vm.swap_failure.is_some()),
    ] {
        let names: Vec<&str> = status.vms.iter().filter(|vm| is(vm)).map(|vm| vm.name.as_str()).collect();
        if !names.is_empty() {
            let _ = writeln!(text, "{words} {}", names.join(", "));
        }
    }
    text
}

/// What machine memory is used for, and whether that adds up.
fn ledger(of: &Ledger) -> String {
    let deficit = match of.deficit_bytes {
        ByteSize(0) => String::new(),
        bytes => format!(" - deficit {}", mib(bytes)),
    };
    let in_flight = match of.in_flight_bytes {
        ByteSize(0) => String::new(),
        bytes => format!(" + in flight {}", mib(bytes)),
    };
    format!(
        "ledger  {} MiB = free {} + private {} + shared {} + zip {}{in_flight} + overhead {} (host {}){deficit}: {}\n",
        mib(of.total_bytes),
        mib(of.free_bytes),
        mib(of.private_bytes),
        mib(of.shared_bytes),
        mib(of.zip_bytes),
        mib(of.overhead_bytes),
        mib(of.host_overhead_bytes),
        if of.closes() { "closes" } else { "DOES NOT CLOSE" }
    )
}

fn vms(status: &HostStatus) -> String {
    const TITLES: [&str; 14] = [
        "VM", "SIZE", "GRANTED", "CONSUMED", "ACTIVE", "ENTITLED", "SHARED", "BALLOON", "ZIPPED", "SWAPPED",
        "IN/s", "OUT/s", "LAT%", "WAIT%",
    ];
    let titles = TITLES.map(str::to_owned).to_vec();
    let rows: Vec<_> = std::iter::once(titles).chain(status.vms.iter().map(row)).collect();
    let mut columns = [Right; TITLES.len()];
    columns[0] = Left;
    lay_out(&columns, &rows)
}

/// What is and, after the slash, what it is to be.
fn row(vm: &VmStatus) -> Vec<String> {
    let of = &vm.metrics;
    let toward = |is: ByteSize, target: ByteSize| format!("{}/{}", whole_mib(is), whole_mib(target));
    let coming = ByteSize(of.swap_in_bytes_per_second.0 + of.decompressed_bytes_per_second.0);
    let going = ByteSize(of.swap_out_bytes_per_second.0 + of.compressed_bytes_per_second.0);
    vec![
        vm.name.clone(),
        whole_mib(vm.size_bytes),
        mib(of.granted_bytes),
        mib(of.consumed_bytes),
        vm.active_part.map_or_else(|| "-".to_owned(), |_| mib(of.active_bytes)),
        mib(of.entitlement_bytes),
        mib(of.shared_bytes),
        toward(of.ballooned_bytes, of.balloon_target_bytes),
        mib(of.compressed_bytes),
        toward(of.swapped_bytes, of.swap_target_bytes),
        mib(coming),
        mib(going),
        format!("{:.1}", vm.latency * 100.0),
        format!("{:.1}", vm.waiting * 100.0),
    ]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn trouble_is_told_where_there_is_some() {
        let mut status = crate::top::tests::host(&["db", "web"]);
        assert_eq!(trouble(&status), "");
        status.vms[1].slowed = true;
        status.vms[0].swap_failure = Some("no space left".to_owned());
        status.memory_loop.standstill_seconds = 3;
        let text = trouble(&status);
        assert!(text.starts_with("STANDSTILL for 3 s") && text.contains("memory: web\n"), "{text}");
        assert!(text.ends_with("fails: db\n"), "{text}");
    }

    #[test]
    fn a_ledger_that_does_not_add_up_is_shouted() {
        let mut of = Ledger {
            total_bytes: ByteSize::mib(512),
            free_bytes: ByteSize::mib(100),
            private_bytes: ByteSize::mib(300),
            shared_bytes: ByteSize::mib(50),
            zip_bytes: ByteSize::mib(12),
            in_flight_bytes: ByteSize(0),
            overhead_bytes: ByteSize::mib(50),
            host_overhead_bytes: ByteSize::mib(8),
            deficit_bytes: ByteSize(0),
            beside_pool_bytes: Some(ByteSize::mib(44)),
        };
        assert!(ledger(&of).ends_with("overhead 50.0 (host 8.0): closes\n"), "{}", ledger(&of));
        (of.overhead_bytes, of.deficit_bytes) = (ByteSize::mib(60), ByteSize::mib(10));
        assert!(
            ledger(&of).ends_with("overhead 60.0 (host 8.0) - deficit 10.0: closes\n"),
            "{}",
            ledger(&of)
        );
        of.private_bytes = ByteSize(of.private_bytes.0 - ByteSize::mib(1).0);
        of.in_flight_bytes = ByteSize::mib(1);
        assert!(ledger(&of).contains("zip 12.0 + in flight 1.0 + overhead 60.0"), "{}", ledger(&of));
        assert!(ledger(&of).ends_with(": closes\n"), "{}", ledger(&of));
        of.private_bytes = ByteSize(of.private_bytes.0 - 4096);
        assert!(ledger(&of).contains("DOES NOT CLOSE"));
    }
}
