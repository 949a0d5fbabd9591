//! Starting VMs when the host starts, in turn, and again those that could not be.
//!
//! **Model.** A VM starts with the host if its `autostart` is `yes`, or `last` and it is wanted on. They are started by their
//! `autostart_order`, then by name; after each its `autostart_delay_seconds` pass. One that takes longer than [`PATIENCE`] to start holds up the
//! others no longer. One that cannot start is tried again, ever more rarely (`sched::backoff`), until it runs or is told to stop.
//!
//! **Concurrency.** A thread of its own; each start is made on another.
//!
//! **Failure.** Nobody is forgotten: why a VM did not start is an event, and an alarm (`vm-start`) until it does.

use crate::core::Core;
use crate::error::HostError;
use crate::inventory::{Entry, Inventory};
use crate::power::start;
use crate::progress::Progress;
use model::{Autostart, What};
use sandbox::Kind;
use sched::backoff::wait_after;
use std::sync::Arc;
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

/// How long a start may take before the next VM's turn comes.
const PATIENCE: Duration = Duration::from_secs(30);

/// How often it is looked whether one is to be tried again.
const LOOK: Duration = Duration::from_secs(1);

/// A VM that could not start with the host.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct Again {
    pub(crate) failures: u32,
    /// When it is tried again; `None` while it is being started.
    at: Option<Instant>,
}

/// Called with the name of each VM that was started.
pub(crate) type Tell = dyn Fn(&str) + Send + Sync;

impl Entry {
    fn starts_with_host(&self) -> bool {
        match self.spec.autostart {
            Autostart::Yes => true,
            Autostart::No => false,
            Autostart::Last => self.wanted.on,
        }
    }
}

/// The VMs that start with the host, in turn, each with the time that passes after it.
pub(crate) fn in_turn(inventory: &Inventory) -> Vec<(String, Duration)> {
    let mut all: Vec<&Entry> = inventory.vms.values().filter(|entry| entry.starts_with_host()).collect();
    // The inventory is in the order of names, which stays among equals.
    all.sort_by_key(|entry| entry.spec.autostart_order.unwrap_or(u32::MAX));
    let delay = |entry: &Entry| Duration::from_secs(entry.spec.autostart_delay_seconds.into());
    all.into_iter().map(|entry| (entry.spec.name.clone(), delay(entry))).collect()
}

/// What the thread does, until the host shuts down. It begins once there is somebody to tell.
pub(crate) fn run(core: &Arc<Core>) {
    sandbox::keep_to(Kind::Service);
    let begins = || core.autostart.lock().take();
    let tell = loop {
        match begins() {
            Some(tell) => break tell,
            None if core.is_closed() => return,
            None => core.wait_for_power(Instant::now() + PATIENCE, |_| core.autostart.lock().is_some()),
        }
    };
    let tell = &tell;
    let mut starts = Vec::new();
    let turns = in_turn(&core.inventory.lock());
    for (name, delay) in turns {
        if core.is_closed() {
            break;
        }
        starts.extend(begin(core, &name, tell));
        core.wait_for_power(Instant::now() + PATIENCE, |inventory| !is_being_started(inventory, &name));
        core.wait_for_power(Instant::now() + delay, |_| false);
    }
    while !core.is_closed() {
        starts.retain(|start| !start.is_finished());
        let due = due(&core.inventory.lock());
        starts.extend(due.iter().filter_map(|name| begin(core, name, tell)));
        core.wait_for_power(Instant::now() + LOOK, |_| false);
    }
    // They end as soon as the host refuses to start more.
    for start in starts {
        let _ = start.join();
    }
}

/// The VMs that are to be tried again now.
fn due(inventory: &Inventory) -> Vec<String> {
    let now = Instant::now();
    let is_due =
        |entry: &&Entry| entry.again.as_ref().is_some_and(|again| again.at.is_some_and(|at| at <= now));
    inventory.vms.values().filter(is_due).map(|entry| entry.spec.name.clone()).collect()
}

fn is_being_started(inventory: &Inventory, name: &str) -> bool {
    let again = inventory.vms.get(name).and_then(|entry| entry.again.as_ref());
    again.is_some_and(|again| again.at.is_none())
}

/// Begins to start a VM.
fn begin(core: &Arc<Core>, name: &str, tell: &Arc<Tell>) -> Option<JoinHandle<()>> {
    if let Some(entry) = core.inventory.lock().vms.get_mut(name) {
        let failures = entry.again.as_ref().map_or(0, |again| again.failures);
        entry.again = Some(Again { failures, at: None });
    }
    let (moved, tell, vm) = (Arc::clone(core), Arc::clone(tell), name.to_owned());
    let begun = thread::Builder::new().name(format!("{name}-start")).spawn(move || {
        match start(&moved, &vm, &Progress::default()) {
            Ok(()) => tell(&vm),
            // There is no more to do, or somebody else did it.
            Err(HostError::ShuttingDown | HostError::NoVm(_) | HostError::NotStopped { .. }) => {
                moved.start_no_more(&vm);
            }
            Err(error) => failed(&moved, &vm, &error),
        }
    });
    if let Err(error) = &begun {
        failed(core, name, &HostError::io("cannot start a thread", error.kind().into()));
    }
    begun.ok()
}

/// Has a VM be tried again later, and tells why, unless it was told to stop meanwhile.
fn failed(core: &Core, name: &str, error: &HostError) {
    let put_off = || {
        let mut inventory = core.inventory.lock();
        let again = inventory.vms.get_mut(name)?.again.as_mut()?;
        again.failures += 1;
        let wait = wait_after(again.failures);
        again.at = Some(Instant::now() + wait);
        Some((again.failures, wait))
    };
    if let Some((failures, wait)) = put_off() {
        let (vm, why, again_in_seconds) = (name.to_owned(), error.to_string(), wait.as_secs());
        core.journal.add(What::AutostartFailed { vm, why, failures, again_in_seconds });
    }
    core.note_power();
}

impl Core {
    /// A VM is not tried again.
    pub(crate) fn start_no_more(&self, name: &str) {
        if let Some(entry) = self.inventory.lock().vms.get_mut(name) {
            entry.again = None;
        }
    }

    /// Waits until it `is_so`, or `deadline`, or the host shuts down.
    pub(crate) fn wait_for_power(&self, deadline: Instant, is_so: impl Fn(&Inventory) -> bool) {
        let mut inventory = self.inventory.lock();
        while !is_so(&inventory) && !self.is_closed() {
            if self.power_changed.wait_until(&mut inventory, deadline).timed_out() {
                return;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use addr::ByteSize;
    use model::VmSpec;

    #[test]
    fn whoever_is_to_start_does_so_by_order_and_name() {
        let mut inventory = Inventory::default();
        let mut add = |name: &str, autostart, order: Option<u32>, on: bool| {
            let spec =
                VmSpec { autostart, autostart_order: order, ..VmSpec::new(name, ByteSize::mib(64), "") };
            inventory.add_vm(VmSpec { autostart_delay_seconds: order.unwrap_or(0), ..spec });
            assert!(!on || inventory.want(name));
        };
        add("a", Autostart::Last, None, true);
        add("b", Autostart::Last, None, false);
        add("c", Autostart::Yes, Some(2), false);
        add("d", Autostart::No, Some(1), true);
        add("e", Autostart::Last, Some(1), true);
        add("f", Autostart::Yes, Some(2), false);
        let turns = in_turn(&inventory);
        let names: Vec<&str> = turns.iter().map(|(name, _)| name.as_str()).collect();
        assert_eq!(names, ["e", "c", "f", "a"]);
        assert_eq!(turns[1].1, Duration::from_secs(2));
        for word in ["yes", "no", "last"] {
            assert_eq!(word.parse::<Autostart>().unwrap().to_string(), word);
        }
    }
}
