//! The thread that serves a device's queues.
//!
//! **Concurrency.** The worker alone uses the queues and the device's own state. It holds no lock while it
//! works, and looks at its transport between requests.
//!
//! **Cost.** The processor time it uses is counted, and it has a budget of that.

use super::VirtioDevice;
use super::budget::{Budget, thread_time};
use super::pci::{Task, VirtioPci};
use super::registers::QueueSetup;
use super::ring::{self, QueueFault, Ring};
use sandbox::Kind;
use std::io;
use std::sync::Arc;
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};
use virtio_queue::{Queue, QueueT};
use vm_memory::GuestMemory;

/// How often a queue that keeps filling is served before it is another queue's turn.
const ROUNDS: usize = 16;

/// What is done with a queue.
type How<D, M> = fn(&mut D, usize, &mut Ring<'_, M>) -> Result<(), QueueFault>;

/// A device and where its tasks come from, not running yet.
pub struct Worker<D> {
    device: D,
    transport: Arc<VirtioPci>,
    queues: Vec<Option<Queue>>,
}

/// A running worker. Dropping it stops it and waits for its end.
pub struct WorkerThread {
    transport: Arc<VirtioPci>,
    thread: Option<JoinHandle<()>>,
}

impl<D: VirtioDevice> Worker<D> {
    pub(super) fn new(device: D, transport: Arc<VirtioPci>) -> Self {
        Self { device, transport, queues: Vec::new() }
    }

    /// Starts the worker's thread over the memory of a VM with so many vCPUs, by which goes how much of the host's
    /// processors it may use.
    ///
    /// # Errors
    /// If the host has no thread to give.
    pub fn spawn<M>(mut self, memory: Arc<M>, vcpus: u32) -> io::Result<WorkerThread>
    where
        M: GuestMemory + Send + Sync + 'static,
    {
        let transport = Arc::clone(&self.transport);
        let thread = thread::Builder::new().name(D::NAME.to_owned()).spawn(move || {
            sandbox::keep_to(Kind::Guest);
            self.run(&*memory, vcpus);
        })?;
        Ok(WorkerThread { transport, thread: Some(thread) })
    }

    /// Does what is due at the moment on the caller's thread, in at most `tasks` tasks, for those who have
    /// no use for a thread because nothing else runs meanwhile.
    pub fn catch_up<M: GuestMemory>(&mut self, memory: &M, tasks: usize) {
        for _ in 0..tasks {
            let Some(task) = self.transport.task() else { break };
            if !self.perform(task, memory) {
                break;
            }
        }
    }

    fn run<M: GuestMemory>(&mut self, memory: &M, vcpus: u32) {
        crate::give_way();
        let mut budget = Budget::new(vcpus, Instant::now());
        let mut paid = Duration::ZERO;
        loop {
            let task = self.transport.wait_for_task(budget.rests_until(), self.device.undone_while_resting());
            if !self.perform(task, memory) {
                return;
            }
            let used = thread_time();
            self.transport.note_worker_time(used);
            budget.pay(used.saturating_sub(paid), Instant::now());
            paid = used;
        }
    }

    /// Whether there will be another task.
    fn perform<M: GuestMemory>(&mut self, task: Task, memory: &M) -> bool {
        let result = match task {
            Task::Start(setups, features) => {
                self.device.start(features);
                open_all(&setups, features, memory).map(|queues| self.queues = queues)
            }
            Task::Serve(kicks) => self.serve(kicks, memory, D::serve),
            Task::PutBack(kicks) => self.serve(kicks, memory, put_back),
            Task::Reset => {
                self.device.reset();
                self.transport.give_back(None);
                return true;
            }
            Task::Stop => {
                self.transport.give_back(None);
                return false;
            }
        };
        if let Err(fault) = result {
            self.device.reset();
            self.transport.give_back(Some(&fault));
        }
        true
    }

    fn serve<M: GuestMemory>(&mut self, kicks: u64, memory: &M, how: How<D, M>) -> Result<(), QueueFault> {
        for index in 0..self.queues.len() {
            if kicks >> index & 1 != 0 && !self.transport.halted() {
                self.serve_queue(index, memory, how).map_err(|fault| fault.at_queue(index))?;
            }
        }
        Ok(())
    }

    fn serve_queue<M: GuestMemory>(
        &mut self,
        index: usize,
        memory: &M,
        how: How<D, M>,
    ) -> Result<(), QueueFault> {
        // The driver need not use every queue.
        let Some(queue) = &mut self.queues[index] else { return Ok(()) };
        for _ in 0..ROUNDS {
            queue.disable_notification(memory)?;
            let mut ring = Ring::new(queue, memory, &self.transport);
            how(&mut self.device, index, &mut ring)?;
            let Ring { drained, used, .. } = ring;
            if used && queue.needs_notification(memory)? {
                self.transport.interrupt_for_queue();
            }
            let more = queue.enable_notification(memory)?;
            if !(more && drained) || self.transport.halted() {
                return Ok(());
            }
        }
        self.transport.kick(index);
        Ok(())
    }
}

/// Gives back what is in a queue, with nothing done.
fn put_back<D, M: GuestMemory>(
    _device: &mut D,
    _queue: usize,
    ring: &mut Ring<'_, M>,
) -> Result<(), QueueFault> {
    while !ring.halted()
        && let Some(chain) = ring.take()?
    {
        ring.give_back(chain)?;
    }
    Ok(())
}

fn open_all<M: GuestMemory>(
    setups: &[QueueSetup],
    features: u64,
    memory: &M,
) -> Result<Vec<Option<Queue>>, QueueFault> {
    let open = |(index, setup)| ring::open(setup, features, memory).map_err(|fault| fault.at_queue(index));
    setups.iter().enumerate().map(open).collect()
}

impl WorkerThread {
    /// Stops the worker and waits for its end: at most one request's time.
    ///
    /// # Panics
    /// If the worker did, which is a fault of the host program.
    pub fn stop(mut self) {
        if let Err(panic) = self.end() {
            std::panic::resume_unwind(panic);
        }
    }

    fn end(&mut self) -> thread::Result<()> {
        self.transport.stop();
        self.thread.take().map_or(Ok(()), JoinHandle::join)
    }
}

impl Drop for WorkerThread {
    fn drop(&mut self) {
        // The panic was reported on the worker's own thread; here it could only abort.
        let _ = self.end();
    }
}
