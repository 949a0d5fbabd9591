//! Choosing the technique of a VM's MMU from what was measured.
//!
//! **Model.** A window of the VM's running time gives a [`Sample`]. As long as translating addresses
//! takes too little time to matter, nothing changes. Otherwise the other technique is tried for a
//! short while, its cost measured once it has warmed up, and the cheaper one kept. What is known of
//! the other technique is tried anew after a while, ever less often as long as it stays dearer.
//!
//! Cost is time in the MMU per instruction: both techniques see the same guest, and instructions are
//! what it gets done.
//!
//! **Not here.** Measuring and switching, which [`run`] does; [`Chooser`] is pure.

use crate::config::MmuChoice;
use crate::vm::Shared;
use mmu::Technique;
use std::time::Duration;

/// How often a running VM is looked at.
const WINDOW: Duration = Duration::from_millis(250);
/// Windows with fewer instructions say nothing.
const ENOUGH: u64 = 5_000_000;
/// Share of the running time below which translating does not matter, in percent.
const MATTERS_PERCENT: f64 = 3.0;
/// How much cheaper the other technique must be, as a factor, so that noise does not decide.
const CLEARLY: f64 = 0.85;
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

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Phase {
    /// In use until there is reason to try the other, not before so many windows.
    Settled { wait: u32 },
    /// On trial, but its caches are still empty.
    WarmingUp,
    /// On trial.
    Measuring,
}

/// The policy's memory. See the module's documentation.
#[derive(Clone, Debug)]
pub struct Chooser {
    technique: Technique,
    phase: Phase,
    /// Cost of the technique that is not on trial, from just before the trial.
    other_cost: f64,
    patience: u32,
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
            other_cost: 0.0,
            patience: *PATIENCE.start(),
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
        match self.phase {
            Phase::Settled { wait } if sample.share() < MATTERS_PERCENT => {
                self.phase = Phase::Settled { wait: wait.saturating_sub(1) };
                self.reason = format!(
                    "translating addresses takes {:.1} % of the running time, too little to matter",
                    sample.share()
                );
            }
            Phase::Settled { wait: 0 } => {
                self.other_cost = sample.cost();
                self.technique = other(self.technique);
                self.phase = Phase::WarmingUp;
                self.reason = format!(
                    "on trial: under {} translating addresses takes {:.1} % of the running time",
                    name(other(self.technique)),
                    sample.share()
                );
            }
            Phase::Settled { wait } => self.phase = Phase::Settled { wait: wait - 1 },
            Phase::WarmingUp => self.phase = Phase::Measuring,
            Phase::Measuring => self.judge(sample),
        }
    }

    fn judge(&mut self, sample: Sample) {
        let (tried, cost, before) = (self.technique, sample.cost(), self.other_cost);
        let stays = cost < before * CLEARLY;
        if stays {
            self.patience = *PATIENCE.start();
        } else {
            self.technique = other(tried);
            self.patience = (self.patience * 2).min(*PATIENCE.end());
        }
        self.phase = Phase::Settled { wait: self.patience };
        let (kept, kept_cost, rejected_cost) =
            if stays { (tried, cost, before) } else { (other(tried), before, cost) };
        self.reason = format!(
            "{kept_cost:.0} ns of translating per 1,000 instructions, against {rejected_cost:.0} ns under {}",
            name(other(kept))
        );
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
    let mut chooser = Chooser::new();
    let mut before = shared.settle();
    while !shared.wait(WINDOW) {
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
        assert!(chooser.choice().reason.contains("against"), "{}", chooser.choice().reason);
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
    fn idle_windows_say_nothing() {
        let mut chooser = Chooser::new();
        let before = chooser.choice();
        chooser.observe(Sample { instructions: 0, running_nanoseconds: 0, mmu_nanoseconds: 0 });
        assert_eq!(chooser.choice(), before);
    }
}
