//! The rounds: every contestant boots once in each.

use crate::boot::{self, Timing};
use crate::contestant::{Contestant, Guest, order};
use crate::programs::{self, SECTIONS, Section};
use crate::sample::Sample;

/// What a row is of, where it is no program.
pub(crate) const BOOT: &str = "boot";
pub(crate) const BOOT_CPU: &str = "boot, CPU time";

/// One thing that was measured.
pub(crate) struct Row {
    /// [`BOOT`], [`BOOT_CPU`] or the command of a program.
    pub(crate) what: &'static str,
    samples: [Sample; 3],
}

impl Row {
    fn new(what: &'static str) -> Self {
        Self { what, samples: <[Sample; 3]>::default() }
    }

    /// What this is about, without its numbers: `boot`, `pipe`.
    pub(crate) fn name(&self) -> &'static str {
        if self.what.starts_with("mt ") { programs::name(self.what) } else { self.what }
    }

    pub(crate) fn of(&self, contestant: Contestant) -> &Sample {
        &self.samples[contestant as usize]
    }

    pub(crate) fn add(&mut self, contestant: Contestant, measured: std::time::Duration) {
        self.samples[contestant as usize].add(measured);
    }

    /// How many times as long one contestant takes as another.
    pub(crate) fn ratio(&self, of: Contestant, to: Contestant) -> f64 {
        self.of(of).ratio(self.of(to))
    }
}

/// What was measured with so many vCPUs.
pub(crate) struct Measured {
    pub(crate) cpus: u32,
    pub(crate) rows: Vec<Row>,
}

impl Measured {
    pub(crate) fn new(section: &Section) -> Self {
        let rows = [BOOT, BOOT_CPU].iter().chain(section.programs).map(|what| Row::new(what)).collect();
        Self { cpus: section.cpus, rows }
    }

    pub(crate) fn add(&mut self, contestant: Contestant, timing: &Timing) {
        let times = [timing.boot, timing.boot_cpu].into_iter().chain(timing.programs.iter().copied());
        self.rows.iter_mut().zip(times).for_each(|(row, time)| row.add(contestant, time));
    }
}

/// Runs all rounds; tells how far it is on standard error.
pub(crate) fn measure(guest: &Guest, rounds: u32) -> Result<Vec<Measured>, String> {
    let mut measured: Vec<_> = SECTIONS.iter().map(Measured::new).collect();
    for round in 0..rounds {
        for (section, measured) in SECTIONS.iter().zip(&mut measured) {
            for contestant in order(round) {
                eprint!("round {} of {rounds}, {} vCPU, {}: ", round + 1, section.cpus, contestant.name());
                let timing = run(guest, section, contestant)?;
                let programs = timing.programs.iter().sum::<std::time::Duration>();
                eprintln!(
                    "boot {:.2} s, programs {:.2} s",
                    timing.boot.as_secs_f64(),
                    programs.as_secs_f64()
                );
                measured.add(contestant, &timing);
            }
        }
    }
    Ok(measured)
}

fn run(guest: &Guest, section: &Section, contestant: Contestant) -> Result<Timing, String> {
    let vm = format!("bench-{}", std::process::id());
    let command = contestant.command(guest, section.cpus, &section.commands(None), &vm);
    boot::time(command, section.programs).map_err(|error| format!("{}: {error}", contestant.name()))
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;
    use std::time::Duration;

    /// One section with one round: boot in 2 s, of which 1 s is CPU time, and `programs` in 10 ms, 20 ms, 30 ms by
    /// contestant.
    pub(crate) fn measured(programs: &'static [&'static str]) -> Measured {
        let mut measured = Measured::new(&Section { cpus: 1, programs });
        for (contestant, milliseconds) in Contestant::ALL.into_iter().zip([10, 20, 30]) {
            let programs = vec![Duration::from_millis(milliseconds); programs.len()];
            let timing = Timing { boot: Duration::from_secs(2), boot_cpu: Duration::from_secs(1), programs };
            measured.add(contestant, &timing);
        }
        measured
    }

    #[test]
    fn times_go_to_the_rows_of_their_programs() {
        let measured = measured(&["mt pipe 1"]);
        let names: Vec<_> = measured.rows.iter().map(Row::name).collect();
        assert_eq!(names, [BOOT, BOOT_CPU, "pipe"]);
        assert_eq!(measured.rows[0].of(Contestant::Hardware).median(), Duration::from_secs(2));
        assert_eq!(measured.rows[2].of(Contestant::Hardware).median(), Duration::from_millis(30));
        let ratio = measured.rows[2].ratio(Contestant::Software, Contestant::Qemu);
        assert!((ratio - 2.0).abs() < 1e-9, "{ratio}");
    }
}
