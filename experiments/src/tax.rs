//! Figure 7: two VMs with equal shares, one of which holds memory that it does not use, first without the
//! idle memory tax and then with one of 75 %.

use crate::chart::Table;
use crate::lab::{Files, Lab, Trouble, figure, find, mib};
use addr::ByteSize;

const SIZE: ByteSize = ByteSize::mib(256);
const MACHINE: ByteSize = ByteSize::mib(320);
const SECONDS: f64 = 75.0;

pub(crate) fn run(files: &Files) -> Result<Table, Trouble> {
    let columns = ["seconds", "idle VM holds", "busy VM holds"];
    let mut table = Table::new("Idle memory tax: 0, then 75 %", "MiB", &columns)
        .with_panel("visits / µs", &["busy VM, visits / µs"]);
    let settings =
        [("Mem.IdleTax", 0), ("Mem.SamplePeriod", 5), ("Mem.BalancePeriod", 5), ("Mem.ShareScanGHz", 0)];
    let lab = Lab::new(MACHINE, &settings)?;
    let idle = lab.boot(files.vm("idle", SIZE))?;
    let busy = lab.boot(files.vm("busy", SIZE))?;
    // Writes 130 MiB once, then uses one of them: idle, but not asleep, so that its time goes on.
    idle.tell("mt work 600 1 130")?;
    for tax in [0, 75] {
        lab.host.set_setting("Mem.IdleTax", tax)?;
        let end = lab.now() + SECONDS;
        while lab.now() < end {
            let said = busy.ask("mt work 5 130")?;
            let rate = figure(&said, "visits").zip(figure(&said, "us")).map(|(visits, us)| visits / us);
            if rate.is_none() {
                return Err(Trouble::new(format!("no figures in: {said}")));
            }
            let status = lab.host.status();
            let held = |name| find(&status, name).map(|vm| mib(vm.metrics.consumed_bytes));
            eprintln!("tax {tax}: idle {:?}, busy {:?}, {rate:?} visits/us", held("idle"), held("busy"));
            table.push(&[Some(lab.now()), held("idle"), held("busy"), rate]);
        }
    }
    Ok(table)
}
