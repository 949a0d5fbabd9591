//! The life of a VM.

use crate::balloon;
use crate::board::{self, Board, Threads, Workers};
use crate::boot::{self, Entry, LoadError};
use crate::caches::Room;
use crate::config::{Config, ConfigError, MmuChoice};
use crate::gate::Visit;
use crate::panic::PanicWatch;
use crate::pause::Pause;
use crate::statistics::{Ledger, TechniqueStatistics};
use crate::technique::{self, Choice};
use crate::vcpu::{Attention, Trouble, Vcpu, Vcpus};
use addr::{ByteSize, Gfn, Gpa, VmId};
use devices::Balloon;
use machine::{Audit, Backing, Halt, MemoryError, MoveReport, Pool, User, VmMemory};
use parking_lot::{Condvar, Mutex};
use riscv::Hart;
use sandbox::Kind;
use std::io::{self, Write};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};
use thiserror::Error;

/// How a VM's run ended.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Ended {
    /// The guest powered itself off.
    PoweredOff,
    /// The guest asked for a reboot.
    RebootRequested,
    /// The guest asked for a reset because something failed in it.
    GuestFailure,
    /// The VM was stopped from outside.
    Stopped,
    /// The VMM could not go on; says why.
    Failed(String),
}

/// Why a VM cannot start.
#[derive(Debug, Error)]
pub enum StartError {
    /// A setting is out of its range.
    #[error(transparent)]
    Config(#[from] ConfigError),
    /// There is not enough machine memory.
    #[error(transparent)]
    Memory(#[from] MemoryError),
    /// The guest does not fit its memory, or the machine cannot be described.
    #[error(transparent)]
    Load(#[from] LoadError<MemoryError>),
    /// The host has no thread or no entropy to give.
    #[error("the host cannot start the VM: {0}")]
    Host(#[from] io::Error),
}

/// What a VM's threads share.
pub(crate) struct Shared {
    pub(crate) memory: Arc<VmMemory>,
    pub(crate) vcpus: Arc<Vcpus>,
    pub(crate) board: Arc<Board>,
    pub(crate) debug_console: Mutex<Box<dyn Write + Send>>,
    pub(crate) mmu: Mutex<MmuChoice>,
    pub(crate) ledger: Mutex<Ledger>,
    pub(crate) choice: Mutex<Choice>,
    pub(crate) panic: Mutex<PanicWatch>,
    pub(crate) pause: Pause,
    /// Paused, as its guest asked for a reset and is to be kept.
    pub(crate) kept: AtomicBool,
    /// What a reset is: not the end of the VM but a pause.
    pub(crate) keeps: AtomicBool,
    pub(crate) room: Room,
    ending: AtomicBool,
    ended: Mutex<Option<Ended>>,
    end: Condvar,
}

impl Shared {
    /// Puts a VM together, nothing of which runs yet.
    fn new(
        config: &Config,
        memory: Arc<VmMemory>,
        console: Box<dyn Write + Send>,
        debug_console: Box<dyn Write + Send>,
    ) -> (Arc<Self>, Workers) {
        let choice = technique::first(config.mmu);
        let attentions: Vec<_> = (0..config.cpus).map(|_| Arc::new(Attention::default())).collect();
        let pages = memory.pmap().first()..Gfn(memory.pmap().first().0 + memory.pmap().size().0);
        let on_balloon_event = balloon::carry_out_on(Arc::clone(&memory));
        let (board, workers) = Board::new(attentions.clone(), pages, console, on_balloon_event);
        let boot = Instant::now();
        let make = |attention: Arc<Attention>| {
            let devices = Arc::clone(&board) as Arc<dyn riscv::Devices>;
            let lines = Arc::clone(&attention.lines);
            Vcpu::new(Hart::new(Arc::clone(&memory), devices, lines, choice.technique, boot), attention)
        };
        let vcpus = Arc::new(Vcpus::new(attentions.into_iter().map(make).collect()));
        memory.attach(&vcpus);
        let shared = Arc::new(Self {
            memory,
            ledger: Mutex::new(Ledger::new(vcpus.len())),
            choice: Mutex::new(choice),
            panic: Mutex::default(),
            vcpus,
            board,
            debug_console: Mutex::new(debug_console),
            mmu: Mutex::new(config.mmu),
            pause: Pause::default(),
            kept: AtomicBool::new(false),
            keeps: AtomicBool::new(false),
            room: Room::default(),
            ending: AtomicBool::new(false),
            ended: Mutex::new(None),
            end: Condvar::new(),
        });
        let ends = Arc::downgrade(&shared);
        shared.memory.on_loss(Box::new(move |loss| {
            if let Some(shared) = ends.upgrade() {
                shared.end(Ended::Failed(loss.to_string()));
            }
        }));
        (shared, workers)
    }

    pub(crate) fn is_ending(&self) -> bool {
        self.ending.load(Ordering::Relaxed)
    }

    /// Ends the VM; the first reason given stands.
    pub(crate) fn end(&self, reason: Ended) {
        self.ended.lock().get_or_insert(reason);
        self.ending.store(true, Ordering::Relaxed);
        self.end.notify_all();
        self.board.agent().hang_up();
        self.memory.end();
        self.vcpus.iter().for_each(Vcpu::wake);
        self.pause.wake();
    }

    /// Lets whoever waits for the end look at what else is new.
    pub(crate) fn tell_waiting(&self) {
        drop(self.ended.lock());
        self.end.notify_all();
    }

    /// Waits for the end of the VM or other news, at most `timeout`; says whether the end came.
    pub(crate) fn wait(&self, timeout: Duration) -> bool {
        let mut ended = self.ended.lock();
        if ended.is_none() {
            self.end.wait_for(&mut ended, timeout);
        }
        ended.is_some()
    }

    /// How long the vCPUs ran, all together.
    pub(crate) fn running_time(&self) -> Duration {
        Duration::from_nanos(self.vcpus.iter().map(Vcpu::running_nanoseconds).sum())
    }

    /// Books what every hart did so far; gives the total.
    pub(crate) fn settle(&self) -> TechniqueStatistics {
        let mut ledger = self.ledger.lock();
        self.vcpus.for_each_hart(|index, vcpu, hart| ledger.settle(index, hart, vcpu.running_nanoseconds()));
        ledger.total()
    }

    /// Gives every hart the technique chosen, and remembers why.
    pub(crate) fn apply(&self, choice: Choice) {
        let mut ledger = self.ledger.lock();
        self.vcpus.for_each_hart(|index, vcpu, hart| {
            ledger.settle(index, hart, vcpu.running_nanoseconds());
            hart.set_technique(choice.technique);
        });
        *self.choice.lock() = choice;
    }
}

/// A running VM. Dropping it stops it.
pub struct Vm {
    name: String,
    pub(crate) shared: Arc<Shared>,
    threads: Vec<JoinHandle<()>>,
    devices: Option<Threads>,
}

impl Vm {
    /// Starts a VM with memory from `pool` that rests on `backing`. `console` takes what the guest says through its
    /// ports and `debug_console` what it says through SBI; neither may block for long.
    ///
    /// # Errors
    /// [`StartError`] says what is missing; nothing is left running.
    pub fn start(
        config: &Config,
        pool: &Pool,
        id: VmId,
        backing: Backing,
        console: Box<dyn Write + Send>,
        debug_console: Box<dyn Write + Send>,
    ) -> Result<Self, StartError> {
        config.check()?;
        let memory = Self::memory_from(pool, id, config.memory, backing)?;
        Self::start_on(config, memory, console, debug_console)
    }

    /// Memory for a VM of `size`, from `pool`. Whoever makes it before the VM can look after it while the
    /// guest is loaded.
    ///
    /// # Errors
    /// [`MemoryError::PoolTooSmall`] if the pool cannot guarantee the reservation.
    pub fn memory_from(
        pool: &Pool,
        id: VmId,
        size: ByteSize,
        backing: Backing,
    ) -> Result<Arc<VmMemory>, MemoryError> {
        let first = Gfn::containing(devices::map::RAM_START);
        Ok(Arc::new(VmMemory::with_backing(pool, id, first, size.pages(), backing)?))
    }

    /// As [`Vm::start`], on memory made by [`Vm::memory_from`] for a VM of this size.
    ///
    /// # Errors
    /// [`StartError`] says what is missing; nothing is left running.
    ///
    /// # Panics
    /// If the memory is of another size.
    pub fn start_on(
        config: &Config,
        memory: Arc<VmMemory>,
        console: Box<dyn Write + Send>,
        debug_console: Box<dyn Write + Send>,
    ) -> Result<Self, StartError> {
        config.check()?;
        assert_eq!(memory.pmap().size(), config.memory.pages(), "the memory is the VM's");
        let entry = {
            // A VM that is being loaded has one vCPU's time, which is idle but for what loading waits for.
            memory.times().add_cpus(1);
            let _idle = memory.times().halt(User::Cpu, Halt::Idle);
            load(config, &memory)?
        };
        memory.times().add_cpus(config.cpus - 1);
        let (shared, workers) = Shared::new(config, memory, console, debug_console);
        let devices = Some(workers.spawn(&shared.memory, config.cpus)?);
        shared.vcpus[0].start(entry.kernel.0, entry.device_tree.0);
        let mut vm = Self { name: config.name.clone(), shared, threads: Vec::new(), devices };
        vm.spawn_threads()?;
        Ok(vm)
    }

    fn spawn_threads(&mut self) -> io::Result<()> {
        for index in 0..self.shared.vcpus.len() {
            let shared = Arc::clone(&self.shared);
            let thread = thread::Builder::new().name(format!("{}-cpu{index}", self.name));
            self.threads.push(thread.spawn(move || run_vcpu(index, &shared))?);
        }
        let shared = Arc::clone(&self.shared);
        let thread = thread::Builder::new().name(format!("{}-mmu", self.name));
        self.threads.push(thread.spawn(move || technique::run(&shared))?);
        Ok(())
    }

    /// What people call it.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Its memory.
    pub fn memory(&self) -> &Arc<VmMemory> {
        &self.shared.memory
    }

    /// Types to the guest, through the port it spoke through last; says how many bytes were taken:
    /// fewer than all only while 64 KiB wait for a guest that does not read.
    pub fn type_in(&self, bytes: &[u8]) -> usize {
        self.shared.board.type_in(bytes)
    }

    /// Tells the guest how large the terminal is; a guest on its serial port cannot be told.
    pub fn set_console_size(&self, columns: u16, rows: u16) {
        self.shared.board.set_console_size(columns, rows);
    }

    /// How many vCPUs it has.
    pub fn cpus(&self) -> usize {
        self.shared.vcpus.len()
    }

    /// How its run ended, if it has.
    pub fn ended(&self) -> Option<Ended> {
        self.shared.ended.lock().clone()
    }

    /// Waits for the end of its run, at most `timeout`; less if there is other news ([`Vm::is_kept`]).
    pub fn wait(&self, timeout: Duration) -> Option<Ended> {
        self.shared.wait(timeout);
        self.ended()
    }

    /// Stops it, without asking the guest: powers it off.
    pub fn stop(&self) {
        self.shared.end(Ended::Stopped);
    }

    /// Stops all its vCPUs where they are, and its clock; says whether they were not stopped before. Its memory stays, and may be reclaimed.
    /// When this returns, none executes an instruction.
    pub fn pause(&self) -> bool {
        self.shared.pause()
    }

    /// Lets its vCPUs go on where they were stopped; says whether they had been.
    pub fn resume(&self) -> bool {
        self.shared.resume()
    }

    /// Whether it is paused.
    pub fn is_paused(&self) -> bool {
        self.shared.pause.is_on()
    }

    /// Whether it is paused as its guest asked for a reset, which is not carried out.
    pub fn is_kept(&self) -> bool {
        self.shared.kept.load(Ordering::SeqCst)
    }

    /// Whether it is paused, instead of ended, when its guest asks for a reset.
    pub fn keep_at_reset(&self, keeps: bool) {
        self.shared.keeps.store(keeps, Ordering::SeqCst);
    }

    /// Ends it because the host cannot go on with it, and says why.
    pub fn fail(&self, why: String) {
        self.shared.end(Ended::Failed(why));
    }

    /// How long its vCPUs ran, all together.
    pub fn running_time(&self) -> Duration {
        self.shared.running_time()
    }

    /// Processor time that its devices' threads used, all together.
    pub fn worker_time(&self) -> Duration {
        self.shared.board.statistics().iter().map(|(_, device)| device.worker_time).sum()
    }

    /// Asks the threads of its vCPUs to leave their harts, until what this gives is dropped. Where there are more busy vCPUs than
    /// processors, whoever visits several VMs asks all of them first, and so waits for one turn of all threads and not for one per VM.
    pub fn gather(&self) -> Gathered<'_> {
        Gathered { _visit: self.shared.vcpus.gather() }
    }

    /// How its addresses are to be translated.
    pub fn mmu(&self) -> MmuChoice {
        *self.shared.mmu.lock()
    }

    /// Changes how its addresses are translated, at once.
    pub fn set_mmu(&self, choice: MmuChoice) {
        let mut mmu = self.shared.mmu.lock();
        *mmu = choice;
        if let MmuChoice::Always(technique) = choice {
            self.shared.apply(technique::by_administrator(technique));
        }
    }

    /// Its balloon.
    pub fn balloon(&self) -> &Balloon {
        self.shared.board.balloon()
    }

    /// Moves pages to other frames while the guest runs.
    pub fn move_pages(&self, gfns: &[Gfn]) -> MoveReport {
        self.shared.memory.move_pages(gfns)
    }

    /// A vCPU that makes no progress, if one was seen.
    pub fn trouble(&self) -> Option<Trouble> {
        self.shared.vcpus.iter().find_map(Vcpu::trouble)
    }

    /// Checks the invariants of its memory and of every hart's caches.
    ///
    /// # Errors
    /// The first violation found.
    pub fn audit(&self) -> Audit {
        self.shared.memory.audit()?;
        self.shared.vcpus.audit(&self.shared.memory)
    }
}

/// A VM's vCPUs leave their harts as they come to it. See [`Vm::gather`].
pub struct Gathered<'a> {
    _visit: Visit<'a>,
}

/// Puts kernel, initrd and device tree into guest memory.
fn load(config: &Config, memory: &VmMemory) -> Result<Entry, StartError> {
    let facts = board::facts(config.memory, config.cpus);
    let mut seed = [0; 32];
    rustix::rand::getrandom(&mut seed, rustix::rand::GetRandomFlags::empty()).map_err(io::Error::from)?;
    let write = |gpa: Gpa, bytes: &[u8]| memory.write(gpa, bytes);
    Ok(boot::load(&config.kernel, config.initrd.as_ref(), &facts, &config.command_line, seed, write)?)
}

/// A vCPU thread. A panic in it is our mistake, and ends this VM only.
fn run_vcpu(index: usize, shared: &Shared) {
    devices::give_way();
    sandbox::keep_to(Kind::Guest);
    let run = std::panic::AssertUnwindSafe(|| shared.vcpus[index].run(index, shared));
    let outcome = std::panic::catch_unwind(run);
    shared.memory.times().remove_cpu();
    if let Err(panic) = outcome {
        let message = panic.downcast_ref::<String>().map(String::as_str);
        let message = message.or_else(|| panic.downcast_ref::<&str>().copied()).unwrap_or("unknown");
        shared.end(Ended::Failed(format!("internal error on CPU {index}: {message}")));
    }
}

impl Drop for Vm {
    fn drop(&mut self) {
        self.stop();
        for thread in self.threads.drain(..) {
            // A panic was turned into an end of the VM in the thread itself.
            let _ = thread.join();
        }
        self.devices = None;
    }
}
