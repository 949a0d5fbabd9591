//! Planning stays close to linear in the number of VMs.

mod fleet;

use std::time::{Duration, Instant};

/// The least time of some plans: noise only adds.
fn fastest(vms: u64) -> Duration {
    let snapshot = fleet::crowd(vms);
    let timed = |_| {
        let start = Instant::now();
        sched::plan(&snapshot).expect("a valid snapshot");
        start.elapsed()
    };
    (0..9).map(timed).min().expect("nine")
}

/// Ten times the VMs may take forty times as long, where n log n would take fourteen, and a quadratic
/// plan a hundred.
#[test]
fn ten_times_the_vms_take_nowhere_near_a_hundred_times_as_long() {
    let (thousand, ten_thousand) = (fastest(1_000), fastest(10_000));
    assert!(ten_thousand < thousand * 40, "{thousand:?} and {ten_thousand:?}");
}
