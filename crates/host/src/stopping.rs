//! Stopping VMs: by asking their guests, and without.
//!
//! **Model.** A guest that is to shut down is asked through its agent, and waited for until a deadline. One that
//! has no agent that answers cannot be asked, and one that has not ended by the deadline did not do as it was asked: such
//! VMs are powered off, and it is told why, unless whoever stops them would rather leave them running.
//!
//! **Concurrency.** Nothing is held while a guest is waited for. Several may wait for the same VM; whoever powers it
//! off does so for all.
//!
//! **Failure.** Cancelled, the wait is left. A guest that was asked may still shut down: that cannot be taken back.

use crate::core::Core;
use crate::ended::End;
use crate::error::HostError;
use crate::inventory::Inventory;
use crate::progress::Progress;
use crate::running::Running;
use crate::visits::Known;
use model::{HowEnded, Power, What};
use std::fmt;
use std::thread;
use std::time::{Duration, Instant};
use vm::NotAnswering;

/// How long a VM may take to end once it is powered off. Threads of a VM look up within milliseconds; swapping may
/// keep one longer.
const PATIENCE: Duration = Duration::from_secs(30);
/// How often whoever waits for a guest looks whether it still should.
const LOOKS: Duration = Duration::from_millis(100);

/// How a VM is to be stopped.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Stop {
    /// Powered off at once, without asking its guest.
    Now,
    /// Its guest is asked to shut down.
    Shutdown {
        /// How long it may take; `None`: as `VM.StopDeadline` has it.
        deadline: Option<Duration>,
        /// Whether it is powered off if it cannot be asked, or does not end in time. Otherwise it runs on, and that is an
        /// error.
        force: bool,
    },
}

impl Default for Stop {
    fn default() -> Self {
        Self::Shutdown { deadline: None, force: true }
    }
}

/// How a VM came to be stopped. Said of a VM: it is ...
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Stopped {
    /// It was stopped.
    Already,
    /// Its guest ended by itself, having been asked.
    ShutDown,
    /// It was powered off.
    PoweredOff {
        /// Why, if its guest was to be asked.
        why: Option<String>,
    },
}

impl fmt::Display for Stopped {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Already => f.write_str("stopped"),
            Self::ShutDown => f.write_str("shut down"),
            Self::PoweredOff { why: None } => f.write_str("powered off"),
            Self::PoweredOff { why: Some(why) } => write!(f, "powered off: {why}"),
        }
    }
}

/// Who has a VM stopped.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum By {
    /// People: it is not wanted on any more.
    People,
    /// The host, which shuts down: it is wanted on when the host is there again.
    Host,
}

/// Stops a VM; returns when its memory is free again, and it is written down. A VM that is stopped already is fine.
pub(crate) fn stop(
    core: &Core,
    name: &str,
    how: Stop,
    by: By,
    progress: &Progress,
) -> Result<Stopped, HostError> {
    let (run, usual) = {
        let inventory = core.inventory.lock();
        let run = inventory.vm(name)?.running.as_ref();
        if by == By::People {
            run.inspect(|run| run.tell_to_stop());
        }
        (run.map(Known::of), Duration::from_secs(inventory.settings.stop_deadline.into()))
    };
    if by == By::People {
        core.start_no_more(name);
    }
    let outcome = match &run {
        Some(run) => stop_run(core, name, run, how, usual, progress),
        // It may still be giving back what it had.
        None => until_released(core, name, None).map(|()| Stopped::Already),
    };
    match (by, &outcome) {
        // It may have ended by itself before it was told to, and be wanted on all the same.
        (By::People, Ok(_)) => core.want_off_if(name, |entry| entry.power == Power::Stopped),
        (By::People, Err(_)) => with_run(core, name, run.as_ref(), Running::let_run_on),
        (By::Host, _) => {}
    }
    outcome
}

fn stop_run(
    core: &Core,
    name: &str,
    run: &Known,
    how: Stop,
    usual: Duration,
    progress: &Progress,
) -> Result<Stopped, HostError> {
    let Stop::Shutdown { deadline, force } = how else { return power_off(core, name, run, None) };
    let outcome = shut_down(core, name, run, deadline.unwrap_or(usual), progress);
    progress.waits_no_more();
    match outcome? {
        Ok(()) => Ok(how_it_ended(core, name)),
        Err(why) if force => power_off(core, name, run, Some(why)),
        Err(why) => Err(HostError::StillRuns { name: name.to_owned(), why }),
    }
}

/// Stops all VMs, all at once. Cancelled, it powers off those that still run.
pub(crate) fn stop_all(core: &Core, how: Stop, progress: &Progress) {
    let names: Vec<String> =
        core.inventory.lock().running().map(|(entry, _)| entry.spec.name.clone()).collect();
    let stop = |name: &str| {
        let outcome = match stop(core, name, how, By::Host, progress) {
            Err(HostError::StopCancelled(_)) => stop(core, name, Stop::Now, By::Host, progress),
            outcome => outcome,
        };
        if let Err(error) = outcome {
            core.journal.add(What::Trouble { why: error.to_string() });
        }
    };
    thread::scope(|scope| {
        for name in &names {
            let thread = thread::Builder::new().name(format!("{name}-stop"));
            if thread.spawn_scoped(scope, || stop(name)).is_err() {
                stop(name);
            }
        }
    });
}

/// Asks a guest to shut down, and waits until its run has ended; or says why it has not.
pub(crate) fn shut_down(
    core: &Core,
    name: &str,
    run: &Known,
    within: Duration,
    progress: &Progress,
) -> Result<Result<(), String>, HostError> {
    progress.waits_for("the guest's agent");
    let deadline = Instant::now() + within;
    // One that has ended need not be asked.
    if !has_ended(&core.inventory.lock(), name, Some(run))
        && let Err(why) = ask(run, deadline)
    {
        return Ok(Err(why));
    }
    core.journal.add(What::ShutdownRequested { vm: name.to_owned(), deadline_seconds: within.as_secs() });
    loop {
        let now = Instant::now();
        if ends_until(core, name, Some(run), deadline.min(now + LOOKS)) {
            return Ok(Ok(()));
        }
        if progress.is_cancelled() {
            return Err(HostError::StopCancelled(name.to_owned()));
        }
        if now >= deadline {
            return Ok(Err(format!("its guest had not shut down in {} s", within.as_secs())));
        }
        let left = (deadline - now).as_secs_f64().ceil();
        progress.waits_for(&format!("the guest, which was asked to shut down; {left} s left"));
    }
}

/// Asks the guest. One that was asked before, and whose agent has gone since, is shutting down.
fn ask(run: &Known, deadline: Instant) -> Result<(), String> {
    let Some(running) = run.visit() else { return Err(NotAnswering::NoAgent.to_string()) };
    if running.vm.get().is_some_and(|vm| vm.is_paused()) {
        return Err("it is paused".to_owned());
    }
    let outcome = running.vm.get().ok_or(NotAnswering::NoAgent).and_then(|vm| vm.request_shutdown(deadline));
    match outcome {
        Ok(()) => running.note_asked(),
        Err(NotAnswering::NoAgent | NotAnswering::Silent) if running.was_asked() => {}
        Err(why) => return Err(why.to_string()),
    }
    Ok(())
}

/// Somebody else may have powered it off meanwhile.
fn how_it_ended(core: &Core, name: &str) -> Stopped {
    let inventory = core.inventory.lock();
    match inventory.vms.get(name).and_then(|entry| entry.ended.clone()) {
        Some(End { how: HowEnded::Stopped, why }) => Stopped::PoweredOff { why },
        _ => Stopped::ShutDown,
    }
}

fn power_off(core: &Core, name: &str, run: &Known, why: Option<String>) -> Result<Stopped, HostError> {
    with_run(core, name, Some(run), |running| running.stop(why.clone()));
    core.note_power();
    until_released(core, name, Some(run))?;
    Ok(Stopped::PoweredOff { why })
}

/// Does something to a run of a VM unless it has ended, a few words, while the inventory is locked.
fn with_run(core: &Core, name: &str, run: Option<&Known>, act: impl FnOnce(&Running)) {
    let inventory = core.inventory.lock();
    let running = inventory.vms.get(name).and_then(|entry| entry.running.as_ref());
    if let Some(running) = running
        && run.is_some_and(|run| run.is_run(running))
    {
        act(running);
    }
}

/// Waits until that run of a VM has ended, or whichever there was, and its memory is free.
fn until_released(core: &Core, name: &str, run: Option<&Known>) -> Result<(), HostError> {
    if ends_until(core, name, run, Instant::now() + PATIENCE) {
        return Ok(());
    }
    Err(HostError::Late(format!("VM '{name}' has not ended in {} s", PATIENCE.as_secs())))
}

/// Whether that is so by `deadline`.
fn ends_until(core: &Core, name: &str, run: Option<&Known>, deadline: Instant) -> bool {
    let mut inventory = core.inventory.lock();
    while !has_ended(&inventory, name, run) {
        if core.power_changed.wait_until(&mut inventory, deadline).timed_out() {
            return has_ended(&inventory, name, run);
        }
    }
    true
}

fn has_ended(inventory: &Inventory, name: &str, run: Option<&Known>) -> bool {
    inventory.vms.get(name).is_none_or(|entry| {
        // It may run again already.
        let another = |running| !run.is_some_and(|run| run.is_run(running));
        matches!(entry.power, Power::Stopped | Power::Unreadable)
            || entry.running.as_ref().is_some_and(another)
    })
}
