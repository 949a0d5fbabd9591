//! Figure 8: VMs of different sizes that were promised more than there is, while what they do changes.

use crate::chart::Table;
use crate::lab::{Files, Guest, Lab, Trouble, mib};
use addr::ByteSize;

const MACHINE: ByteSize = ByteSize::mib(384);
/// Name and size; each is guaranteed an eighth, and has shares by its size.
const VMS: [(&str, u64); 5] = [("web", 128), ("mail", 192), ("desk", 256), ("build", 256), ("base", 320)];
/// How long each part of the day takes, in seconds, and who works on how much memory then.
const DAY: [(f64, &[(&str, u64)]); 5] = [
    (20.0, &[]),
    (40.0, &[("desk", 140), ("web", 30)]),
    (40.0, &[("mail", 90), ("build", 140)]),
    (40.0, &[("base", 210)]),
    (40.0, &[("web", 25), ("desk", 60), ("mail", 60), ("build", 80), ("base", 80)]),
];

pub(crate) fn run(files: &Files) -> Result<Table, Trouble> {
    let columns =
        ["seconds", "consumed", "active", "shared, saved", "ballooned", "compressed", "swapped", "free"];
    let mut table = Table::new("Five VMs, 1152 MiB promised of 384, through a day", "MiB", &columns);
    let settings = [
        ("Mem.SamplePeriod", 5),
        ("Mem.BalancePeriod", 5),
        ("Mem.ShareForceSalting", 0),
        ("Mem.ShareScanGHz", 32),
        ("Mem.ShareScanTime", 10),
    ];
    let lab = Lab::new(MACHINE, &settings)?;
    let mut guests: Vec<Guest> = Vec::new();
    for (name, size) in VMS {
        let mut spec = files.vm(name, ByteSize::mib(size));
        spec.reservation_bytes = ByteSize::mib(size / 8);
        guests.push(lab.boot(spec)?);
    }
    for (part, (seconds, work)) in DAY.iter().enumerate() {
        for (name, size) in *work {
            let guest = guests.iter().find(|guest| guest.name == *name).expect("the day names VMs");
            guest.tell(&format!("mt work {} {size}", seconds - 5.0))?;
        }
        lab.watch_until(lab.now() + seconds, |now, status| {
            let sums = &status.sums;
            // Until the first sample ends, all memory counts as active, which is no measurement.
            let sampled = status.vms.iter().all(|vm| vm.active_part.is_some());
            eprintln!(
                "part {part}, {now:.0} s: {:?}, {:.0} MiB consumed, {:.0} free",
                status.state,
                mib(sums.consumed_bytes),
                mib(status.ledger.free_bytes)
            );
            table.push(&[
                Some(now),
                Some(mib(sums.consumed_bytes)),
                sampled.then(|| mib(sums.active_bytes)),
                Some(mib(sums.shared_bytes) - mib(sums.shared_common_bytes)),
                Some(mib(sums.ballooned_bytes)),
                Some(mib(sums.compressed_bytes)),
                Some(mib(sums.swapped_bytes)),
                Some(mib(status.ledger.free_bytes)),
            ]);
        });
    }
    for guest in &guests {
        let status = guest.status()?;
        eprintln!("{}: {:.0} MiB entitled", guest.name, mib(status.metrics.entitlement_bytes));
    }
    lab.host.audit()?;
    Ok(table)
}
