//! What must hold in a simulation, second by second, and the simulations that are run.

use super::{Arc, ByteSize, Duration, Event, PATIENCE, Progress, SECOND, SETTLES, Simulation, What, audit};
use crate::running::Running;

/// What a slice and a balloon may be late by.
const SLACK: ByteSize = ByteSize::mib(1);

impl Simulation {
    pub(super) fn check(&mut self) {
        self.check_events();
        let measured = self.core.measured();
        let status = &measured.status;
        assert!(status.ledger.closes(), "{}: {:?}", self.at(), status.ledger);
        for vm in &status.vms {
            let parts = vm.running + vm.idle + vm.latency + vm.waiting;
            assert!(parts <= 1.001, "{}: the parts of {}'s time are {parts}", self.at(), vm.name);
            assert!(vm.metrics.balloon_target_bytes <= vm.size_bytes, "{}: {}'s balloon", self.at(), vm.name);
        }
        self.check_vms();
        if self.second.is_multiple_of(60) {
            audit(&self.core, &Progress::default()).unwrap_or_else(|error| panic!("{}: {error}", self.at()));
        }
    }

    /// Where a failure was found.
    fn at(&self) -> String {
        format!("seed {}, second {}", self.seed, self.second)
    }

    fn check_events(&mut self) {
        let events = self.core.journal.since(self.seen);
        for event in &events {
            let is_fault = matches!(event.what, What::InternalError { .. } | What::AuditFailed { .. });
            assert!(!is_fault, "{}: {:?}", self.at(), event.what);
        }
        self.seen = events.last().map_or(self.seen, |event: &Arc<Event>| event.seq);
    }

    fn check_vms(&mut self) {
        let at = self.at();
        let inventory = self.core.inventory.lock();
        let calm = self.core.measured().status.memory_loop.standstill_seconds == 0;
        for (name, known) in &mut self.vms {
            let entry = inventory.vm(name).unwrap();
            let running: &Running = entry.running.as_ref().unwrap();
            let fails = running.swap_failure().is_some();
            let held = running.memory.held();
            let is_settled = known.limit == entry.spec.limit_bytes && !fails;
            known.settled = if is_settled { known.settled + 1 } else { 0 };
            known.limit = entry.spec.limit_bytes;
            if let Some(limit) = known.limit
                && known.settled > SETTLES
            {
                let most = ByteSize(limit.max(entry.spec.reservation_bytes).0 + SLACK.0);
                assert!(held.bytes() <= most, "{at}: {name} holds {} beyond {limit}", held.bytes());
            }
            let waits = crate::guest::Guest::waits(&*known.guest);
            let within_limit = known.limit.is_none_or(|limit| held.bytes().0 + SLACK.0 <= limit.0);
            let owed = held.bytes() < entry.spec.reservation_bytes && within_limit;
            known.waited = if waits && owed && calm { known.waited + 1 } else { 0 };
            assert!(
                known.waited < PATIENCE,
                "{at}: {name} waits for {} s below its reservation",
                known.waited
            );
        }
    }
}

/// Whether the code is as it is released.
const OPTIMIZED: bool = !cfg!(debug_assertions);

/// What happened, in the words of events: the same for the same seed.
fn told(simulation: &Simulation) -> Vec<(u64, &'static str)> {
    let events = simulation.core.journal.since(0);
    events.iter().map(|event| (event.at_milliseconds, event.what.name())).collect()
}

#[test]
fn the_same_seed_makes_the_same_things_happen() {
    let run = || {
        let mut simulation = Simulation::new(4711, ByteSize::mib(64), 20);
        simulation.run(if OPTIMIZED { 60 * SECOND } else { 15 * SECOND });
        told(&simulation)
    };
    let (first, second) = (run(), run());
    assert!(first.len() > 20, "{first:?}");
    assert_eq!(first, second);
}

/// Simulates `MEMTIDE_SIMULATE` minutes (3) with as many VMs as `MEMTIDE_SIMULATE_VMS` says (40), by the seed `MEMTIDE_SEED` or several;
/// less where nothing is optimized.
#[test]
fn promises_hold_for_hours() {
    let number = |name: &str| std::env::var(name).ok().and_then(|text| text.parse::<u64>().ok());
    let (minutes, count, seeds) = if OPTIMIZED { (3, 40, vec![1, 2]) } else { (1, 10, vec![3]) };
    let minutes = number("MEMTIDE_SIMULATE").unwrap_or(minutes);
    let count = number("MEMTIDE_SIMULATE_VMS").unwrap_or(count) as usize;
    let seeds = number("MEMTIDE_SEED").map_or(seeds, |seed| vec![seed]);
    for seed in seeds {
        let mut simulation = Simulation::new(seed, ByteSize::mib(8 * count as u64), count);
        simulation.run(Duration::from_secs(60 * minutes));
        let state_seconds = simulation.core.measured().status.state_seconds;
        println!(
            "simulation: seed {seed}, {minutes} min, {} of {count} VMs run at the end, {} events, {state_seconds:?}",
            simulation.vms.len(),
            simulation.seen,
        );
    }
}
