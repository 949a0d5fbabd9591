//! Figure 6: what sampling says a guest uses, beside what it uses.
//!
//! A program uses 20 to 140 MiB at random, each size for a while. The guest's kernel and whatever else it
//! runs use some more, which is measured first.

use crate::chart::Table;
use crate::lab::{Files, Lab, Trouble, find, mib};
use addr::ByteSize;

/// Seconds of the VM's time in which one sample is watched.
const PERIOD: u64 = 5;
const SECONDS: u64 = 30;
const SIZES: [u64; 6] = [40, 80, 140, 60, 20, 100];

pub(crate) fn run(files: &Files) -> Result<Table, Trouble> {
    let columns = ["seconds", "used by the program", "estimate", "slow average", "fast average", "next"];
    let mut table = Table::new("What a guest uses, and what sampling says", "MiB", &columns);
    let lab = Lab::new(ByteSize::mib(512), &[("Mem.SamplePeriod", PERIOD)])?;
    let guest = lab.boot(files.vm("toucher", ByteSize::mib(256)))?;
    for size in SIZES {
        let end = lab.now() + SECONDS as f64;
        // Left to itself until it is done, a little before the next one starts.
        guest.tell(&format!("mt work {} {size}", SECONDS - 3))?;
        lab.watch_until(end, |seconds, status| {
            let Some(vm) = find(status, "toucher") else { return };
            // Samples are taken of all pages that are the guest's to use.
            let all = mib(vm.size_bytes) - mib(vm.metrics.ballooned_bytes);
            let part = |part: Option<f64>| part.map(|part| part * all);
            table.push(&[
                Some(seconds),
                Some(size as f64),
                Some(mib(vm.metrics.active_bytes)),
                part(vm.active_slow),
                part(vm.active_fast),
                part(vm.active_next),
            ]);
        });
    }
    Ok(table)
}
