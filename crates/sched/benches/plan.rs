//! What a plan costs, by the number of VMs: the median and the slowest of many, in microseconds.

#[path = "../tests/fleet/mod.rs"]
mod fleet;

use std::hint::black_box;
use std::time::Instant;

fn main() {
    for (vms, samples) in [(10, 2001), (100, 1001), (1_000, 301), (10_000, 51)] {
        let snapshot = fleet::crowd(vms);
        let mut micros: Vec<f64> = (0..samples)
            .map(|_| {
                let start = Instant::now();
                black_box(sched::plan(black_box(&snapshot)).expect("a valid snapshot"));
                start.elapsed().as_nanos() as f64 / 1000.0
            })
            .collect();
        micros.sort_by(f64::total_cmp);
        println!(
            "plan for {vms:>6} VMs {:>12.1} us, at most {:>12.1}",
            micros[samples / 2],
            micros[samples - 1]
        );
    }
}
