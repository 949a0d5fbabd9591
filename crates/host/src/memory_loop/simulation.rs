//! Hours of a host with many VMs, simulated in seconds.
//!
//! **Model.** The memory loop, admission, takings, states, balloons' judges and alarms are the real ones, as are pages, frames, zip stores and swap
//! files. Time is simulated, and so are guests ([`guest::Simulated`]): they use pages at random, change their minds, and have drivers that
//! work, lie or do nothing. People change what there is at random, and disks fail.
//!
//! ```text
//!   tick: guests act -> takings go on as far as the disk is fast -> the loop does what is due -> alarms -> what must hold is checked
//! ```
//!
//! The same seed makes the same things happen: a failure names it.
//!
//! **Invariants.** Each second: the ledger closes, limits hold, nobody below its reservation waits for long, no invariant or code fails.
//! Each minute: [`crate::audit`].

mod guest;

use super::takings::Takings;
use super::{MemoryLoop, SECOND};
use crate::alarms;
use crate::audit::audit;
use crate::catalog::{change_pool, change_vm, create_pool, create_vm, set_settings};
use crate::clock::Clock;
use crate::core::Core;
use crate::error::Kind;
use crate::file_troubles::FileTroubles;
use crate::host::HostConfig;
use crate::inventory::Inventory;
use crate::journal::Journal;
use crate::power::{claim, release};
use crate::progress::Progress;
use crate::revision::Expected;
use crate::running::SwapTrouble;
use crate::state_dir::StateDir;
use addr::ByteSize;
use fastrand::Rng;
use guest::{Driver, Simulated};
use machine::Pool;
use model::{Event, PoolChange, PoolSpec, Power, Shares, VmChange, VmSpec, What};
use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;
use tempfile::TempDir;

const TICK: Duration = Duration::from_millis(100);
/// Ticks in a second, and slices that a disk takes in a tick.
const TICKS: u64 = 10;
const SLICES: usize = 8;
/// How long a VM may wait that is entitled to more: INV-7's half minute, and what it takes to plan and look.
const PATIENCE: u64 = 35;
/// How long lowering a limit may take.
const SETTLES: u64 = 120;

/// What is known of a VM from second to second.
struct Known {
    guest: Arc<Simulated>,
    /// For how many seconds it has waited without a break.
    waited: u64,
    /// For how many seconds its limit has been what it is, and its swap file has worked.
    limit: Option<ByteSize>,
    settled: u64,
}

struct Simulation {
    seed: u64,
    random: Rng,
    clock: Clock,
    core: Arc<Core>,
    memory_loop: MemoryLoop,
    takings: Takings,
    alarms: alarms::Watch,
    vms: BTreeMap<String, Known>,
    /// The number of the last event that was looked at.
    seen: u64,
    second: u64,
    _dir: TempDir,
}

impl Simulation {
    fn new(seed: u64, memory: ByteSize, count: usize) -> Self {
        // Samples are picked by the thread's own generator.
        fastrand::seed(seed);
        let dir = tempfile::tempdir().unwrap();
        let clock = Clock::simulated();
        let state = dir.path().join("state");
        let config = HostConfig { state, machine_memory: memory, swap: dir.path().to_owned() };
        let journal = Arc::new(Journal::by(clock.clone()));
        let troubles = Arc::new(FileTroubles::new(journal));
        let (pool, state) = (Pool::new(memory).unwrap(), StateDir::open(&config.state, troubles).unwrap());
        let book = (alarms::Book::default(), actions::Worker::start(Vec::new(), Vec::new()).unwrap());
        let core = Core::new(config, pool, state, Inventory::default(), Vec::new(), book).unwrap();
        let core = Arc::new(core);
        let mut simulation = Self {
            seed,
            random: Rng::with_seed(seed),
            takings: Takings::none(&clock),
            alarms: alarms::Watch::new(&core),
            memory_loop: MemoryLoop::new(Arc::clone(&core)),
            clock,
            core,
            vms: BTreeMap::new(),
            seen: 0,
            second: 0,
            _dir: dir,
        };
        for name in ["lab", "shop"] {
            create_pool(&simulation.core, PoolSpec::new(name)).unwrap();
        }
        for number in 0..count {
            let size = ByteSize::mib([16, 16, 32, 64][simulation.random.usize(..4)]);
            let mut spec = VmSpec::new(&format!("vm{number}"), size, "/nothing");
            spec.pool = simulation.any_pool();
            create_vm(&simulation.core, spec).unwrap();
        }
        simulation
    }

    fn any_pool(&mut self) -> Option<String> {
        [None, Some("lab"), Some("shop")][self.random.usize(..3)].map(str::to_owned)
    }

    /// Lets so much time pass.
    fn run(&mut self, time: Duration) {
        for _ in 0..time.as_secs() {
            self.change_something();
            for _ in 0..TICKS {
                self.tick();
            }
            self.second += 1;
            let status = Arc::clone(&self.core.measured().status);
            self.alarms.look(&self.core, &status);
            self.check();
        }
    }

    fn tick(&mut self) {
        let until = self.clock.now() + TICK;
        for known in self.vms.values() {
            known.guest.act(TICK, until, &mut self.random);
        }
        self.core.taker.take_for_now(&self.core, &mut self.takings, SLICES);
        while self.memory_loop.due() <= until {
            self.clock.pass_until(self.memory_loop.due());
            self.memory_loop.turn(self.core.wakeup.reasons());
        }
        self.clock.pass_until(until);
        self.memory_loop.turn(self.core.wakeup.reasons());
    }

    /// What people, guests and disks do now and then.
    fn change_something(&mut self) {
        let count = self.core.inventory.lock().vms.len();
        let name = format!("vm{}", self.random.usize(..count));
        match self.random.u8(..40) {
            0..=9 if self.vms.contains_key(&name) => self.change_guest(&name),
            0..=15 if !self.vms.contains_key(&name) => self.start(&name),
            16 => self.stop(&name),
            17..=20 => self.change_vm(&name),
            21 => self.change_pool(),
            22 => self.change_setting(),
            23 => self.fail_disk(&name),
            _ => {}
        }
    }

    fn change_guest(&mut self, name: &str) {
        let guest = &self.vms[name].guest;
        guest.change_mood(&mut self.random);
        if self.random.u8(..8) == 0 {
            guest.set_driver([Driver::Gives(200), Driver::Stuck, Driver::Lies][self.random.usize(..3)]);
        }
    }

    fn start(&mut self, name: &str) {
        let spec = self.core.inventory.lock().vm(name).unwrap().spec.clone();
        let running = match claim(&self.core, &spec) {
            Ok(running) => running,
            Err(error) if error.kind() == Kind::Lack => return,
            Err(error) => panic!("seed {}: {error}", self.seed),
        };
        let guest = Arc::new(Simulated::new(Arc::clone(&running.memory), &mut self.random));
        assert!(running.simulated.set(Arc::clone(&guest) as Arc<dyn crate::guest::Guest>).is_ok());
        self.core.inventory.lock().vm_mut(name).unwrap().power = Power::Running;
        self.core.wakeup.change();
        self.vms.insert(name.to_owned(), Known { guest, waited: 0, limit: spec.limit_bytes, settled: 0 });
    }

    fn stop(&mut self, name: &str) {
        if self.vms.remove(name).is_some() {
            let running = self.core.inventory.lock().vm_mut(name).unwrap().running.clone().unwrap();
            // There is nobody else who could leave it.
            self.memory_loop.vms.remove(&running.id);
            release(&self.core, running, None);
        }
    }

    fn change_vm(&mut self, name: &str) {
        let size = self.core.inventory.lock().vm(name).unwrap().spec.memory_bytes;
        let part = |random: &mut Rng| ByteSize(size.0 / 8 * random.u64(..=8));
        let mut change = VmChange::default();
        match self.random.u8(..4) {
            0 => change.limit_bytes = Some((self.random.bool()).then(|| part(&mut self.random))),
            1 => change.reservation_bytes = Some(ByteSize(part(&mut self.random).0 / 4)),
            2 => change.shares = Some([Shares::Low, Shares::Normal, Shares::High][self.random.usize(..3)]),
            _ => change.pool = Some(self.any_pool()),
        }
        self.allowed(change_vm(&self.core, name, &change, &Expected::Anything));
    }

    fn change_pool(&mut self) {
        let machine = self.core.pool.size().bytes();
        let change = PoolChange {
            limit_bytes: Some(self.random.bool().then(|| ByteSize(machine.0 / 16 * self.random.u64(4..=16)))),
            ..PoolChange::default()
        };
        let name = ["lab", "shop"][self.random.usize(..2)];
        self.allowed(change_pool(&self.core, name, &change, &Expected::Anything));
    }

    fn change_setting(&mut self) {
        let (name, values): (_, &[u64]) = match self.random.u8(..3) {
            0 => ("Mem.IdleTax", &[0, 50, 75, 99]),
            1 => ("Mem.BalancePeriod", &[5, 15, 60]),
            _ => ("Mem.CtlMaxPercent", &[20, 65]),
        };
        let values = BTreeMap::from([(name.to_owned(), Some(values[self.random.usize(..values.len())]))]);
        self.allowed(set_settings(&self.core, &values, &Expected::Anything));
    }

    /// A VM's swap file does not take anything for some time.
    fn fail_disk(&mut self, name: &str) {
        let inventory = self.core.inventory.lock();
        if let Some(running) = &inventory.vm(name).unwrap().running {
            let rests_until = Some(self.clock.now() + Duration::from_secs(self.random.u64(1..90)));
            *running.swap_trouble.lock() =
                Some(SwapTrouble { why: "the disk fails".to_owned(), rests_until });
        }
    }

    /// What people ask for may be refused, and is never the host's fault.
    fn allowed(&self, outcome: Result<(), crate::HostError>) {
        if let Err(error) = outcome {
            assert_ne!(error.kind(), Kind::Internal, "seed {}, second {}: {error}", self.seed, self.second);
        }
    }
}

mod check;
