//! Alarms: what there are, by which rules, and what is done about them.
//!
//! **Model.** A thread of its own goes by what the memory loop measured:
//!
//! ```text
//!   report of the memory loop --> readings --> sched::alarm::evaluate --> events, actions, alarms.toml
//!                                                    ^
//!                                alarm-rules.toml: rules, changed by people (edit)
//! ```
//!
//! Which alarms there are decides `sched`; here it is measured, told, written down, and acted on. [`AlarmRuleSpec`] is a rule
//! with its actions: a command, a webhook.
//!
//! **Concurrency.** The thread takes no VM's lock, waits for no disk, and is not the memory loop's. Actions are carried out on
//! another thread, so that nobody waits for a mail server. What there is lies under one lock, held to evaluate or to
//! look; `keeper` writes the file.
//!
//! **Failure.** What cannot be done is told as an event. After a restart alarms go on as they were written down, acknowledged or
//! not; those of VMs that are wanted on wait until these run again, for [`PATIENCE`] at most.
//!
//! **Not here.** When something is worth an alarm: `sched::alarm`. How commands are run and servers asked: `actions`.

mod asked;
mod edit;
pub(crate) mod kept;
mod readings;
mod rule;
mod told;

use crate::core::Core;
use crate::disks::{Known, News};
use crate::keeper::Own;
use crate::memory_loop::tell_panics;
use model::{AlarmRuleSpec, HostStatus, What};
use readings::{Rates, Seen, readings};
use sandbox::Kind;
use sched::alarm::{Alarms, Rule, Transition, evaluate};
use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, Instant};

/// How long alarms of VMs that are to run again wait for these to run again.
const PATIENCE: Duration = Duration::from_mins(10);
/// How long it takes at most until the thread notices that the host shuts down.
const LOOK: Duration = Duration::from_millis(200);

/// Rules and alarms.
#[derive(Debug, Default)]
pub(crate) struct Book {
    pub(crate) rules: BTreeMap<String, AlarmRuleSpec>,
    pub(crate) alarms: Alarms,
}

/// What the thread does, until the host shuts down.
pub(crate) fn run(core: &Arc<Core>) {
    sandbox::keep_to(Kind::Service);
    while !core.wakeup.is_stopping() && !core.is_closed() {
        tell_panics(core, "in the alarms", || watch(core));
    }
}

/// Goes by each report, until the host shuts down.
fn watch(core: &Arc<Core>) {
    let mut watch = Watch::new(core);
    // What there is at first was not measured.
    let mut measured_at = core.measured().status.at_milliseconds;
    while !core.wakeup.is_stopping() {
        let Some(measured) = core.measured_after(measured_at, LOOK) else { continue };
        if core.is_closed() {
            // VMs end with the host, and what was wrong with them is not over for that.
            return;
        }
        measured_at = measured.status.at_milliseconds;
        watch.look(core, &measured.status);
    }
}

/// What the thread remembers from one report to the next.
pub(crate) struct Watch {
    rates: Rates,
    /// VMs that are to run again.
    awaited: BTreeSet<String>,
    begun: Instant,
}

impl Watch {
    pub(crate) fn new(core: &Core) -> Self {
        let awaited = core.wanted_before.iter().cloned().collect();
        Self { rates: Rates::default(), awaited, begun: core.clock.now() }
    }

    /// Goes by what was measured: raises, eases and clears alarms.
    pub(crate) fn look(&mut self, core: &Arc<Core>, status: &HostStatus) {
        if core.clock.since(self.begun) > PATIENCE {
            self.awaited.clear();
        }
        self.awaited.retain(|name| status.vms.iter().all(|vm| vm.name != *name));
        let directories = directories(core, &mut self.awaited);
        let disks = core.disks.watch(&directories);
        for disk in &disks {
            tell_of(core, disk);
        }
        let disks = disks.iter().filter_map(readings::disk).collect();
        let seen = Seen { status, disks, awaited: &self.awaited, starts: starts(core) };
        let readings = readings(&seen, &mut self.rates);
        let transitions = {
            let mut book = core.alarms.lock();
            let alarms = std::mem::take(&mut book.alarms);
            let rules: Vec<Rule> = book.rules.values().map(AlarmRuleSpec::rule).collect();
            let (alarms, transitions) = evaluate(&rules, &readings, alarms, core.clock.milliseconds());
            book.alarms = alarms;
            transitions
        };
        if !transitions.is_empty() {
            follow(core, &transitions);
        }
    }
}

/// Where swap files of running VMs lie, and the host's others would. VMs that are not there any more need not be awaited.
fn directories(core: &Core, awaited: &mut BTreeSet<String>) -> BTreeSet<PathBuf> {
    let inventory = core.inventory.lock();
    awaited.retain(|name| inventory.vms.contains_key(name));
    let elsewhere = inventory.running().filter_map(|(entry, _)| entry.spec.swap_dir.clone());
    elsewhere.chain([core.config.swap.clone()]).collect()
}

/// How starts went, as the number of a word: of VMs that run, restart or are tried again.
fn starts(core: &Core) -> BTreeMap<String, f64> {
    let inventory = core.inventory.lock();
    let starts = inventory.vms.values().filter_map(|entry| {
        let failed = entry.again.as_ref().is_some_and(|again| again.failures > 0);
        let loops = entry.running.as_ref().is_some_and(|running| running.are_restarts_a_loop());
        let word = match entry.power {
            _ if failed => 2.0,
            _ if loops => 1.0,
            power if power.is_on() => 0.0,
            _ => return None,
        };
        Some((entry.spec.name.clone(), word))
    });
    starts.collect()
}

/// Tells that a disk does not answer, or does again.
fn tell_of(core: &Core, disk: &Known) {
    let directory = disk.directory.display().to_string();
    match disk.news {
        Some(News::Silent(time)) => core.journal.add(What::DiskSilent { directory, seconds: time.as_secs() }),
        Some(News::Answers) => core.journal.add(What::DiskAnswers { directory }),
        None => {}
    }
}

/// Tells what became different, has it acted on, and writes it down.
fn follow(core: &Arc<Core>, transitions: &[Transition]) {
    let rules: Vec<Option<AlarmRuleSpec>> = {
        let book = core.alarms.lock();
        transitions.iter().map(|told| book.rules.get(&told.alarm.rule).cloned()).collect()
    };
    for (transition, rule) in transitions.iter().zip(rules) {
        core.journal.add(told::event(transition));
        if let Some(rule) = rule {
            told::order(core, &rule, transition);
        }
    }
    core.keeper.keep(Own::Alarms);
}

#[cfg(test)]
mod tests;
