//! Figure 2: a VM of 256 MiB with a balloon in it, beside VMs that had less from the start.
//!
//! The paper found 1.4 to 4.4 % less throughput with the balloon, since the guest's kernel sizes its
//! own tables by the memory it boots with. Times vary by more than that on a shared machine, so the guest's
//! instructions are counted too.

use crate::chart::Table;
use crate::lab::{Files, Guest, Lab, Trouble, figure};
use addr::{ByteSize, PageCount};
use std::time::Duration;

const LARGEST: u64 = 256;
const ROUNDS: usize = 5;
/// Makes and drops processes and maps, with a working set that the smallest VM holds.
const WORK: &str = "mt forkstorm 10; mt mmapstorm 150; mt touch 16 3";

pub(crate) fn run(files: &Files) -> Result<Table, Trouble> {
    let columns = [
        "MiB",
        "smaller VM, ms",
        "ballooned VM, ms",
        "smaller VM, million instructions",
        "ballooned VM, million instructions",
    ];
    let mut table = Table::new("A ballooned VM of 256 MiB beside VMs of that size", "ms, million", &columns);
    let lab = Lab::new(ByteSize::mib(1200), &[])?;
    let large = lab.boot(files.vm("large", ByteSize::mib(LARGEST)))?;
    for size in [128, 160, 192, 224] {
        let small = lab.boot(files.vm(&format!("small-{size}"), ByteSize::mib(size)))?;
        balloon(&lab, &large, ByteSize::mib(LARGEST - size))?;
        let mut measured = [Vec::new(), Vec::new()];
        // In turn, so that whatever else the machine does concerns both.
        for _ in 0..ROUNDS {
            for (guest, measured) in [&small, &large].into_iter().zip(&mut measured) {
                measured.push(work(&lab, guest)?);
            }
        }
        let [small_median, large_median] = measured.map(median);
        eprintln!("{size} MiB: smaller {small_median:?}, ballooned {large_median:?}");
        table.push(&[
            Some(size as f64),
            Some(small_median.0),
            Some(large_median.0),
            Some(small_median.1),
            Some(large_median.1),
        ]);
        lab.host.stop(&small.name, host::Stop::Now)?;
    }
    Ok(table)
}

fn balloon(lab: &Lab, guest: &Guest, size: ByteSize) -> Result<(), Trouble> {
    let limit = ByteSize::mib(LARGEST).0 - size.0;
    let vm = lab.host.vm(&guest.name).ok_or_else(|| Trouble::new("the VM does not run"))?;
    // The host would deflate a balloon that it did not ask for, so the VM's limit says what it should ask.
    let change = model::VmChange { limit_bytes: Some(Some(ByteSize(limit))), ..model::VmChange::default() };
    lab.host.set(&guest.name, &change)?;
    for _ in 0..60 {
        vm.balloon().set_target(PageCount::try_from(size).map_err(|error| Trouble::new(error.to_string()))?);
        std::thread::sleep(Duration::from_millis(500));
        if vm.balloon().report().held.bytes() >= size {
            return Ok(());
        }
    }
    Err(Trouble::new(format!("the balloon did not reach {size}: {:?}", vm.balloon().report())))
}

/// Milliseconds and millions of instructions.
fn work(lab: &Lab, guest: &Guest) -> Result<(f64, f64), Trouble> {
    let vm = lab.host.vm(&guest.name).ok_or_else(|| Trouble::new("the VM does not run"))?;
    let instructions = || vm.statistics().harts.iter().map(|hart| hart.instructions).sum::<u64>();
    let before = instructions();
    let mut microseconds = 0.0;
    for program in WORK.split("; ") {
        let said = guest.ask(program)?;
        microseconds += figure(&said, "us").ok_or_else(|| Trouble::new(format!("no time in: {said}")))?;
    }
    Ok((microseconds / 1e3, (instructions() - before) as f64 / 1e6))
}

fn median(mut measured: Vec<(f64, f64)>) -> (f64, f64) {
    let middle = measured.len() / 2;
    measured.sort_by(|a, b| a.0.total_cmp(&b.0));
    let time = measured[middle].0;
    measured.sort_by(|a, b| a.1.total_cmp(&b.1));
    (time, measured[middle].1)
}
