//! A vCPU: a hart under its lock, and the thread that runs it.
//!
//! **Model.** The thread takes the hart's lock and runs slices. Between two slices it offers the
//! lock to whoever waits. What a slice ends for is done with the lock released: making a page ready,
//! SBI calls (which may concern other harts), waiting.
//!
//! **Concurrency.** `hart` is the outermost lock of the VM; see `docs/locking.md`. Lines, power state
//! and the bell are set by anyone.

use crate::gate::{Gate, Visit};
use crate::sbi;
use crate::vm::{Ended, Shared};
use machine::{Audit, Halt, MemoryError, ShootDown, User};
use parking_lot::{Condvar, Mutex, MutexGuard};
use riscv::{Exit, Hart, Lines};
use std::ops::Deref;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Instant;

/// Instructions between two offers of the lock: some ten microseconds.
const SLICE: u32 = 5_000;
/// After so many slices of hardly anything but exceptions a hart is in trouble.
const SLICES_OF_FAULTS: u32 = 200;
/// Instructions to an exception that handle nothing: they return to where it happened.
const HANDLING_NOTHING: u64 = 8;

/// What SBI's hart state management says of a hart.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Power {
    /// Not running until another hart starts it.
    Stopped,
    /// Told to start at `pc` with `a1` as given.
    Starting { pc: u64, a1: u64 },
    /// Running.
    Started,
    /// Asleep, by its own wish, until an interrupt is pending.
    Suspended,
}

/// A guest that makes no progress, as far as the VMM can tell.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Trouble {
    /// The hart.
    pub cpu: usize,
    /// Where its last exception happened.
    pub pc: u64,
    /// The exception's cause, as `scause` has it.
    pub cause: u64,
    /// The address it was about, as `stval` has it.
    pub value: u64,
}

/// Wakes a waiting thread; a ring before the wait counts.
#[derive(Default)]
struct Bell {
    rung: Mutex<bool>,
    ring: Condvar,
}

impl Bell {
    fn ring(&self) {
        *self.rung.lock() = true;
        self.ring.notify_all();
    }

    fn wait(&self, until: Option<Instant>) {
        let mut rung = self.rung.lock();
        while !*rung {
            match until {
                None => self.ring.wait(&mut rung),
                Some(until) => {
                    if self.ring.wait_until(&mut rung, until).timed_out() {
                        break;
                    }
                }
            }
        }
        *rung = false;
    }
}

/// How others get a hart's attention: its interrupt lines, and the bell its thread waits for.
#[derive(Default)]
pub(crate) struct Attention {
    pub(crate) lines: Arc<Lines>,
    bell: Bell,
}

impl Attention {
    /// Sets an interrupt line, waking the hart if it waits.
    pub(crate) fn set_line(&self, line: u64, level: bool) {
        if level {
            self.lines.raise(line);
            self.bell.ring();
        } else {
            self.lines.lower(line);
        }
    }
}

/// One vCPU, without its thread.
pub(crate) struct Vcpu {
    hart: Mutex<Hart>,
    attention: Arc<Attention>,
    power: Mutex<Power>,
    running_nanoseconds: AtomicU64,
    waits: AtomicU64,
    trouble: Mutex<Option<Trouble>>,
}

/// A hart that waits for an interrupt.
struct Sleep {
    /// When its timer is due; `None` if none is set.
    until: Option<Instant>,
}

impl Vcpu {
    pub(crate) fn new(hart: Hart, attention: Arc<Attention>) -> Self {
        Self {
            hart: Mutex::new(hart),
            attention,
            power: Mutex::new(Power::Stopped),
            running_nanoseconds: AtomicU64::new(0),
            waits: AtomicU64::new(0),
            trouble: Mutex::new(None),
        }
    }

    /// The hart, for as long as the guard lives; its thread waits meanwhile.
    pub(crate) fn hart(&self) -> MutexGuard<'_, Hart> {
        self.hart.lock()
    }

    /// Sets an interrupt line, waking the hart if it waits.
    pub(crate) fn set_line(&self, line: u64, level: bool) {
        self.attention.set_line(line, level);
    }

    /// Lets the thread look at what changed.
    pub(crate) fn wake(&self) {
        self.attention.bell.ring();
    }

    pub(crate) fn power(&self) -> Power {
        *self.power.lock()
    }

    /// Starts the hart if it is stopped; says whether it was.
    pub(crate) fn start(&self, pc: u64, a1: u64) -> bool {
        let mut power = self.power.lock();
        if *power != Power::Stopped {
            return false;
        }
        *power = Power::Starting { pc, a1 };
        drop(power);
        self.attention.bell.ring();
        true
    }

    /// Sleeps until an interrupt is pending that the hart has enabled, or the VM ends; others see it suspended.
    pub(crate) fn suspend(&self, shared: &Shared) {
        *self.power.lock() = Power::Suspended;
        let _idle = shared.memory.times().halt(User::Cpu, Halt::Idle);
        while !shared.is_ending()
            && let Some(sleep) = self.nothing_pending()
        {
            self.attention.bell.wait(sleep.until);
        }
        *self.power.lock() = Power::Started;
    }

    /// How it may sleep, if there is nothing to wake for.
    fn nothing_pending(&self) -> Option<Sleep> {
        let mut hart = self.hart.lock();
        (!hart.may_wake()).then(|| Sleep { until: hart.wakes_at() })
    }

    /// Has the hart, which is the caller's, begin anew at `pc` with `a1` as given.
    pub(crate) fn restart(&self, pc: u64, a1: u64) {
        *self.power.lock() = Power::Starting { pc, a1 };
    }

    pub(crate) fn stop(&self) {
        *self.power.lock() = Power::Stopped;
    }

    /// Time spent running slices.
    pub(crate) fn running_nanoseconds(&self) -> u64 {
        self.running_nanoseconds.load(Ordering::Relaxed)
    }

    /// How often its thread waited because the hart waits for an interrupt.
    pub(crate) fn waits(&self) -> u64 {
        self.waits.load(Ordering::Relaxed)
    }

    pub(crate) fn trouble(&self) -> Option<Trouble> {
        *self.trouble.lock()
    }

    /// What the thread does: runs the hart until the VM ends.
    pub(crate) fn run(&self, index: usize, shared: &Shared) {
        while !shared.is_ending() {
            if shared.pause.is_on() {
                // A VM that is paused has no time.
                shared.memory.times().remove_cpu();
                shared.pause.wait(|| shared.is_ending());
                shared.memory.times().add_cpus(1);
                continue;
            }
            let power = *self.power.lock();
            match power {
                Power::Stopped => {
                    let _idle = shared.memory.times().halt(User::Cpu, Halt::Idle);
                    self.attention.bell.wait(None);
                }
                Power::Starting { pc, a1 } => {
                    self.hart.lock().start(pc, index as u64, a1);
                    *self.power.lock() = Power::Started;
                }
                Power::Started | Power::Suspended => {
                    let exit = self.run_slices(index, shared);
                    self.handle(index, exit, shared);
                }
            }
        }
    }

    /// Runs slices until one ends for a reason, or the VM does.
    fn run_slices(&self, index: usize, shared: &Shared) -> Exit {
        let mut hart = self.hart.lock();
        let mut faulting = 0;
        let mut troubled = self.trouble.lock().is_some();
        let mut start = Instant::now();
        loop {
            // Looked at under the lock, each time anew: once who pauses has had it, no instruction is executed.
            if shared.pause.is_on() {
                MutexGuard::unlock_fair(hart);
                return Exit::Slice;
            }
            let before = hart.counts();
            let exit = hart.run(SLICE);
            let end = Instant::now();
            let elapsed = end.duration_since(start).as_nanos() as u64;
            self.running_nanoseconds.fetch_add(elapsed, Ordering::Relaxed);
            start = end;
            if exit != Exit::Slice || shared.is_ending() {
                // A guest that calls or pauses all the time gives the lock up no less than others.
                MutexGuard::unlock_fair(hart);
                return exit;
            }
            let now = hart.counts();
            let faults = now.exceptions - before.exceptions;
            if faults * HANDLING_NOTHING > now.instructions - before.instructions {
                faulting += 1;
                if faulting == SLICES_OF_FAULTS {
                    self.report_trouble(index, &hart);
                    troubled = true;
                }
            } else {
                faulting = 0;
                if troubled {
                    // It got somewhere after all.
                    *self.trouble.lock() = None;
                    troubled = false;
                }
            }
            if shared.vcpus.gate.is_closed() {
                MutexGuard::unlocked_fair(&mut hart, || shared.vcpus.gate.wait());
                start = Instant::now();
            } else {
                MutexGuard::bump(&mut hart);
            }
        }
    }

    fn report_trouble(&self, cpu: usize, hart: &Hart) {
        let [cause, pc, value, _] = hart.registers().trap;
        *self.trouble.lock() = Some(Trouble { cpu, pc, cause, value });
    }

    fn handle(&self, index: usize, exit: Exit, shared: &Shared) {
        match exit {
            Exit::Slice => {}
            Exit::Pause => std::thread::yield_now(),
            Exit::Call => sbi::handle(self, index, shared),
            Exit::NeedsWork(gfn, wanted) => match shared.memory.resolve_for(User::Cpu, gfn, wanted) {
                // A page that is lost has ended the VM already.
                Ok(_) | Err(MemoryError::Ending | MemoryError::Lost { .. }) => {}
                Err(error) => shared.end(Ended::Failed(error.to_string())),
            },
            Exit::Wait => {
                if let Some(sleep) = self.nothing_pending() {
                    self.waits.fetch_add(1, Ordering::Relaxed);
                    let _idle = shared.memory.times().halt(User::Cpu, Halt::Idle);
                    self.attention.bell.wait(sleep.until);
                }
            }
        }
    }
}

/// All vCPUs of a VM, as what caches translations.
pub(crate) struct Vcpus {
    vcpus: Vec<Vcpu>,
    gate: Gate,
}

impl ShootDown for Vcpus {
    fn take_away(&self, pages: &[(addr::Gfn, addr::Mfn)]) {
        self.for_each_hart(|_, _, hart| hart.take_away(pages));
    }
}

impl Vcpus {
    pub(crate) fn new(vcpus: Vec<Vcpu>) -> Self {
        Self { vcpus, gate: Gate::default() }
    }

    /// Asks all threads to leave their harts at the ends of their slices, until what this gives is dropped.
    pub(crate) fn gather(&self) -> Visit<'_> {
        self.gate.visit()
    }

    /// Calls `each` with every hart in turn. The caller holds none.
    pub(crate) fn for_each_hart(&self, mut each: impl FnMut(usize, &Vcpu, &mut Hart)) {
        let visit = self.gate.visit();
        for (index, vcpu) in self.vcpus.iter().enumerate() {
            each(index, vcpu, &mut vcpu.hart());
        }
        drop(visit);
    }

    /// Audits every hart's caches against the pmap.
    pub(crate) fn audit(&self, memory: &machine::VmMemory) -> Audit {
        let mut result = Ok(());
        self.for_each_hart(|_, _, hart| {
            if result.is_ok() {
                result = hart.mmu().audit(memory);
            }
        });
        result
    }
}

impl Deref for Vcpus {
    type Target = [Vcpu];

    fn deref(&self) -> &[Vcpu] {
        &self.vcpus
    }
}
