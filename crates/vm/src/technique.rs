//! Choosing the technique of a VM's MMU from what was measured.
//!
//! **Model.** A window of the VM's running time gives a [`Sample`]. As long as translating addresses
//! takes too little time to matter, nothing changes. Otherwise the other technique is tried: a window
//! to warm up, a window to measure, and then the same again under the one before. Only if the other
//! was clearly cheaper than the windows on either side of it is it the technique and not the workload
//! that changed, and it is kept. Trials come ever less often as long as they change nothing.
//!
//! Cost is time in the MMU per instruction: both techniques see the same guest, and instructions are
//! what it gets done.
//!
//! **Not here.** Measuring and switching, which [`run`] does; [`Chooser`] is pure. Since it looks at the
//! VM every so often, it also has its harts forget what they do not use.

use crate::config::MmuChoice;
use crate::vm::Shared;
use mmu::Technique;
use sandbox::Kind;
use std::time::Duration;

/// How often a running VM is looked at.
const WINDOW: Duration = Duration::from_millis(250);
/// Windows after which decoded code and shadow tables that were not used meanwhile are forgotten: ten seconds.
const FORGETFUL: u32 = 40;
/// Windows with fewer instructions say nothing.
const ENOUGH: u64 = 5_000_000;
/// Share of the running time below which translating does not matter, in percent.
const MATTERS_PERCENT: f64 = 3.0;
/// How much cheaper the other technique must be, as a factor, so that noise does not decide.
const CLEARLY: f64 = 0.85;
/// By what factor the cost must rise for the workload to count as another one.
const CHANGED: f64 = 1.3;
/// Windows between two trials, at first and at most.
const PATIENCE: std::ops::RangeInclusive<u32> = 20..=640;

/// A technique and the reason for it, for people to read.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Choice {
    /// The technique in use.
    pub technique: Technique,
    /// Why it is.
    pub reason: String,
}

/// What one window showed.
#[derive(Clone, Copy, Debug)]
pub struct Sample {
    /// Instructions retired.
    pub instructions: u64,
    /// Time the vCPUs ran, in nanoseconds.
    pub running_nanoseconds: u64,
    /// Time of that in the MMU.
    pub mmu_nanoseconds: u64,
}

impl Sample {
    /// Nanoseconds in the MMU per thousand instructions.
    fn cost(&self) -> f64 {
        self.mmu_nanoseconds as f64 * 1000.0 / self.instructions as f64
    }

    /// Share of the running time in the MMU, in percent.
    fn share(&self) -> f64 {
        self.mmu_nanoseconds as f64 * 100.0 / self.running_nanoseconds.max(1) as f64
    }
}

#[derive(Clone, Copy, PartialEq, Debug)]
enum Phase {
    /// In use until there is reason to try the other, not before so many windows.
    Settled { wait: u32 },
    /// The other technique fills its caches; `before` is what the settled one cost.
    WarmingUp { before: f64 },
    /// The other technique is measured.
    Measuring { before: f64 },
    /// The settled technique is back and fills its caches; `tried` is what the other one cost.
    Returning { before: f64, tried: f64 },
    /// The settled technique is measured once more.
    Rechecking { before: f64, tried: f64 },
}

/// The policy's memory. See the module's documentation.
#[derive(Clone, Debug)]
pub struct Chooser {
    technique: Technique,
    phase: Phase,
    patience: u32,
    /// What the technique kept cost when it was last compared.
    usual: f64,
    reason: String,
}

const fn other(technique: Technique) -> Technique {
    match technique {
        Technique::Software => Technique::Hardware,
        Technique::Hardware => Technique::Software,
    }
}

pub(crate) const fn name(technique: Technique) -> &'static str {
    match technique {
        Technique::Software => "software",
        Technique::Hardware => "hardware",
    }
}

impl Chooser {
    /// Starts with two-stage walks, which need no memory and no warming up.
    pub fn new() -> Self {
        Self {
            technique: Technique::Hardware,
            phase: Phase::Settled { wait: 2 },
            patience: *PATIENCE.start(),
            usual: f64::INFINITY,
            reason: "nothing measured yet".to_owned(),
        }
    }

    /// The technique to use now, and why.
    pub fn choice(&self) -> Choice {
        Choice { technique: self.technique, reason: self.reason.clone() }
    }

    /// Takes a window's sample, made under the technique last chosen.
    pub fn observe(&mut self, sample: Sample) {
        if sample.instructions < ENOUGH {
            return;
        }
        let cost = sample.cost();
        self.phase = match self.phase {
            Phase::Settled { wait } if sample.share() < MATTERS_PERCENT => {
                self.reason = format!(
                    "translating addresses takes {:.1} % of the running time, too little to matter",
                    sample.share()
                );
                Phase::Settled { wait: wait.saturating_sub(1) }
            }
            Phase::Settled { wait: 0 } => {
                self.reason = format!(
                    "compared with {}, under which translating addresses takes {:.1} % of the running time",
                    name(self.technique),
                    sample.share()
                );
                self.technique = other(self.technique);
                Phase::WarmingUp { before: cost }
            }
            Phase::Settled { wait } if cost > self.usual * CHANGED => {
                // Another workload than the one last judged.
                self.patience = *PATIENCE.start();
                Phase::Settled { wait: (wait - 1).min(self.patience) }
            }
            Phase::Settled { wait } => Phase::Settled { wait: wait - 1 },
            Phase::WarmingUp { before } => Phase::Measuring { before },
            Phase::Measuring { before } => {
                self.technique = other(self.technique);
                Phase::Returning { before, tried: cost }
            }
            Phase::Returning { before, tried } => Phase::Rechecking { before, tried },
            Phase::Rechecking { before, tried } => self.judge([before, cost], tried),
        };
    }

    /// Keeps the settled technique, which cost `settled` before and after the other cost `tried`, or
    /// settles for the other.
    fn judge(&mut self, settled: [f64; 2], tried: f64) -> Phase {
        let [low, high] = [settled[0].min(settled[1]), settled[0].max(settled[1])];
        let tried_name = name(other(self.technique));
        self.usual = if tried < low * CLEARLY { tried } else { high };
        if tried < low * CLEARLY {
            let settled_name = name(self.technique);
            self.technique = other(self.technique);
            self.patience = *PATIENCE.start();
            self.reason = format!(
                "{tried:.0} ns of translating per 1,000 instructions, against {low:.0} to {high:.0} ns under \
                 {settled_name} just before and after"
            );
        } else {
            self.patience = (self.patience * 2).min(*PATIENCE.end());
            self.reason = format!(
                "{low:.0} to {high:.0} ns of translating per 1,000 instructions, and {tried:.0} ns under \
                 {tried_name} in between: not clearly less"
            );
        }
        Phase::Settled { wait: self.patience }
    }
}

impl Default for Chooser {
    fn default() -> Self {
        Self::new()
    }
}

/// The technique a VM starts with.
pub(crate) fn first(choice: MmuChoice) -> Choice {
    match choice {
        MmuChoice::Automatic => Chooser::new().choice(),
        MmuChoice::Always(technique) => by_administrator(technique),
    }
}

pub(crate) fn by_administrator(technique: Technique) -> Choice {
    Choice { technique, reason: "set by the administrator".to_owned() }
}

/// Watches a VM until it ends, and carries out what the policy decides while the choice is automatic.
pub(crate) fn run(shared: &Shared) {
    sandbox::keep_to(Kind::Guest);
    let mut chooser = Chooser::new();
    let mut before = shared.settle();
    let mut windows = 0u32;
    let mut ran = shared.running_time();
    while !shared.wait(WINDOW) {
        windows = windows.wrapping_add(1);
        if windows.is_multiple_of(FORGETFUL) {
            let now = shared.running_time();
            shared.forget_unused(now.saturating_sub(ran), WINDOW * FORGETFUL);
            ran = now;
        }
        if *shared.mmu.lock() != MmuChoice::Automatic {
            chooser = Chooser { technique: shared.choice.lock().technique, ..Chooser::new() };
            continue;
        }
        let now = shared.settle();
        let window = now.since(&before);
        before = now;
        chooser.observe(Sample {
            instructions: window.hart.instructions,
            running_nanoseconds: window.running_nanoseconds,
            mmu_nanoseconds: window.hart.mmu_nanoseconds,
        });
        let choice = chooser.choice();
        // The administrator may have decided meanwhile; then this one no longer counts.
        let mmu = shared.mmu.lock();
        if *mmu == MmuChoice::Automatic {
            shared.apply(choice);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sample(mmu_percent: u64) -> Sample {
        Sample {
            instructions: 100_000_000,
            running_nanoseconds: 250_000_000,
            mmu_nanoseconds: 2_500_000 * mmu_percent,
        }
    }

    /// Runs `windows` windows in which the techniques cost what `percent` says; gives how many were
    /// spent under software.
    fn simulate(chooser: &mut Chooser, windows: u32, percent: impl Fn(Technique) -> u64) -> u32 {
        (0..windows)
            .map(|_| {
                let technique = chooser.choice().technique;
                chooser.observe(sample(percent(technique)));
                u32::from(technique == Technique::Software)
            })
            .sum()
    }

    #[test]
    fn nothing_is_tried_while_translating_costs_next_to_nothing() {
        let mut chooser = Chooser::new();
        assert_eq!(simulate(&mut chooser, 1000, |_| 1), 0);
        assert!(chooser.choice().reason.contains("too little"), "{}", chooser.choice().reason);
    }

    #[test]
    fn the_clearly_cheaper_technique_is_found_and_kept() {
        let mut chooser = Chooser::new();
        let cheap_software = |technique| if technique == Technique::Software { 10 } else { 30 };
        let under_software = simulate(&mut chooser, 1000, cheap_software);
        assert!(under_software > 900, "{under_software}");
        let cheap_hardware = |technique| if technique == Technique::Software { 40 } else { 20 };
        let under_software = simulate(&mut chooser, 1000, cheap_hardware);
        assert!(under_software < 100, "{under_software}");
        assert!(chooser.choice().reason.contains("under software"), "{}", chooser.choice().reason);
    }

    #[test]
    fn equal_techniques_do_not_oscillate() {
        let mut chooser = Chooser::new();
        let mut last = chooser.choice().technique;
        let mut changes = 0;
        for _ in 0..2000 {
            chooser.observe(sample(20));
            changes += u32::from(chooser.choice().technique != last);
            last = chooser.choice().technique;
        }
        assert!(changes <= 20, "{changes} changes in 2000 windows");
    }

    #[test]
    fn a_workload_that_changes_by_itself_decides_nothing() {
        let mut chooser = Chooser::new();
        for window in 0..2000u64 {
            // Both techniques cost the same; the guest is now light, now heavy, out of step with trials.
            chooser.observe(sample(if window / 7 % 2 == 0 { 10 } else { 40 }));
        }
        let under_software = (0..200u64)
            .map(|window| {
                let technique = chooser.choice().technique;
                chooser.observe(sample(if window / 7 % 2 == 0 { 10 } else { 40 }));
                u32::from(technique == Technique::Software)
            })
            .sum::<u32>();
        assert!(under_software <= 20, "{under_software} of 200 windows");
    }

    #[test]
    fn idle_windows_say_nothing() {
        let mut chooser = Chooser::new();
        let before = chooser.choice();
        chooser.observe(Sample { instructions: 0, running_nanoseconds: 0, mmu_nanoseconds: 0 });
        assert_eq!(chooser.choice(), before);
    }
}
