//! Looking for equal pages, on a thread that gives way to others.
//!
//! **Model.** Every [`ROUND`] each VM that shares has earned some pages by its rate; they are looked at. In the
//! states in which memory is short, as many as the thread can in half of its time.
//!
//! **Concurrency.** Keeps no VM alive beyond a round.
//!
//! **Not here.** The rates: `sched::sharing`. The looking: `machine`.

use crate::core::Core;
use crate::visits::Visit;
use addr::{PageCount, VmId};
use sandbox::Kind;
use sched::sharing::scan_rates;
use std::collections::HashMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

const ROUND: Duration = Duration::from_millis(100);
/// Pages of a VM looked at before the next one's turn.
const SLICE: u64 = 256;
/// How much the thread gives way.
const NICENESS: i32 = 10;

/// What the sharing thread does, until the host shuts down.
pub(crate) fn run(core: &Core) {
    sandbox::keep_to(Kind::Memory);
    // On Linux this concerns the calling thread only. Without it, scans merely take others' time.
    let _ = rustix::process::nice(NICENESS);
    let gigahertz = gigahertz();
    let mut earned: HashMap<VmId, f64> = HashMap::new();
    while !core.wakeup.is_stopping() {
        let start = Instant::now();
        round(core, gigahertz, &mut earned);
        let busy = start.elapsed();
        std::thread::sleep(ROUND.saturating_sub(busy).max(busy));
    }
}

fn round(core: &Core, gigahertz: f64, earned: &mut HashMap<VmId, f64>) {
    let (running, all, settings) = {
        let inventory = core.inventory.lock();
        let sharing = inventory.running().filter(|(entry, _)| entry.spec.sharing);
        let running: Vec<Visit> = sharing.filter_map(|(_, running)| running.visit()).collect();
        let all = inventory.running().filter_map(|(_, running)| Some((running.id, running.visit()?)));
        let all: HashMap<VmId, Visit> = all.collect();
        (running, all, inventory.settings.clone())
    };
    earned.retain(|id, _| all.contains_key(id));
    let sizes: Vec<PageCount> = running.iter().map(|running| running.memory.pmap().size()).collect();
    let rates = scan_rates(&settings, gigahertz, &sizes);
    let hurry = core.measured().plan.host.actions.share;
    let deadline = Instant::now() + ROUND / 2;
    let peers = |id: VmId| all.get(&id).map(|running| Arc::clone(&running.memory));
    for (running, rate) in running.iter().zip(rates).filter(|(_, rate)| *rate > 0.0) {
        let earned = earned.entry(running.id).or_default();
        *earned += rate * ROUND.as_secs_f64();
        while *earned >= 1.0 && Instant::now() < deadline {
            let pages = (*earned as u64).min(SLICE);
            running.memory.scan(PageCount(pages), &peers);
            *earned -= pages as f64;
        }
        // What could not be looked at in time is let go.
        *earned = earned.min(rate);
    }
    while hurry && !running.is_empty() && Instant::now() < deadline {
        for running in running.iter().take_while(|_| Instant::now() < deadline) {
            running.memory.scan(PageCount(SLICE), &peers);
        }
    }
}

/// The speed of all processors together, as far as the machine says; one GHz each otherwise.
fn gigahertz() -> f64 {
    let cpus = std::thread::available_parallelism().map_or(1, usize::from) as f64;
    let text = std::fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
    let megahertz = text.lines().filter_map(|line| {
        let (name, value) = line.split_once(':')?;
        if name.trim() == "cpu MHz" { value.trim().parse::<f64>().ok() } else { None }
    });
    let sum: f64 = megahertz.sum();
    if sum > 0.0 { sum / 1000.0 } else { cpus }
}
