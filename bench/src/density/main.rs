//! Measures how many identical VMs fit in an amount of memory, beside QEMU with kernel samepage merging, and
//! writes what it found to `docs/density.md`.
//!
//! **Model.** A *trial* has one contestant run a number of VMs, idle and then working. The contestants take turns at each
//! number, in an order that rotates from round to round, so that whatever else the machine does falls on all alike.
//!
//! Read `contestant` (who), `trial` (what is done and measured), `qemus` and `hosted` (how VMs are run and what they
//! take), then `results` and `report` (what is made of it).
//!
//! **Failure.** A guest that fails or hangs ends the whole run. Whatever ends it, ^C too, VMs end and KSM is as it was before.
//! A machine without KSM, or who may not set it, measures without, and the report says so.

#![forbid(unsafe_code)]

mod contestant;
mod hosted;
mod interrupt;
mod ksm;
mod qemus;
mod report;
mod results;
mod terminal;
mod trial;

use addr::ByteSize;
use apparatus::guest::Files;
use apparatus::interference::Usage;
use apparatus::kept;
use apparatus::machine::Facts;
use clap::Parser;
use contestant::{Contestant, SCARCE};
use hosted::Hosted;
use interrupt::Interrupt;
use ksm::Ksm;
use qemus::Qemus;
use report::Report;
use results::Results;
use std::path::PathBuf;
use std::process::ExitCode;
use trial::{Crowd, Trial, Work};

/// Measure how many VMs fit, beside QEMU, and write the report.
#[derive(Parser)]
struct Arguments {
    /// How often each contestant runs each number of VMs
    #[arg(long, default_value_t = 1, value_parser = clap::value_parser!(u32).range(1..))]
    rounds: u32,
    /// Numbers of VMs
    #[arg(long, value_name = "NUMBER,...", value_delimiter = ',', default_value = "1,2,4,8",
        value_parser = clap::value_parser!(u32).range(1..=64))]
    vms: Vec<u32>,
    /// More numbers of VMs, for Memtide in 512 MiB only
    #[arg(long, value_name = "NUMBER,...", value_delimiter = ',',
        value_parser = clap::value_parser!(u32).range(1..=64))]
    scarce_vms: Vec<u32>,
    /// Guest memory of each VM in MiB
    #[arg(long, default_value_t = 256, value_parser = clap::value_parser!(u32).range(64..=4096))]
    memory_mib: u32,
    /// How long guests work, in seconds
    #[arg(long, default_value_t = 10, value_parser = clap::value_parser!(u32).range(1..=600))]
    seconds: u32,
    /// How much memory each uses when it works, in MiB
    #[arg(long, default_value_t = 24, value_parser = clap::value_parser!(u32).range(1..=1024))]
    work_mib: u32,
    /// The directory with the guest's Image and memtide.cpio
    #[arg(long, value_name = "DIRECTORY")]
    guest: PathBuf,
    /// The report to write anew; its part written by hand is kept
    #[arg(long, value_name = "FILE")]
    report: PathBuf,
}

impl Arguments {
    fn work(&self) -> Work {
        Work { seconds: self.seconds, mib: self.work_mib }
    }

    /// Machine memory in which nothing is ever taken from a VM: more than all are promised.
    fn ample(&self) -> ByteSize {
        let most = self.vms.iter().max().expect("the command line has a number");
        ByteSize::mib(u64::from(most * self.memory_mib) + 512)
    }
}

/// A whole run, or why there is none, said for people.
fn run(arguments: &Arguments) -> Result<(), String> {
    let interrupt = Interrupt::by_signals().map_err(|error| format!("cannot watch for signals: {error}"))?;
    let files = Files::in_directory(&arguments.guest);
    // Everything that can be refused is refused before the minutes of measuring.
    let kept = kept::kept_part(&arguments.report)?;
    let facts = Facts::gather(&files.kernel)?;
    let ksm = Ksm::take();
    if let Err(why) = &ksm {
        eprintln!("SKIPPED: QEMU with KSM: {why}");
    }
    let before = Usage::now()?;
    let results = measure(arguments, &files, ksm.as_ref().ok(), &interrupt)?;
    let others = Usage::now()?.of_others_since(&before);
    let report = Report {
        facts: &facts,
        others,
        rounds: arguments.rounds,
        memory_mib: arguments.memory_mib,
        ample: arguments.ample(),
        work: arguments.work(),
        results: &results,
        without_ksm: ksm.as_ref().err().map(String::as_str),
    };
    print!("{}", report::for_terminal(&report));
    std::fs::write(&arguments.report, report.render(&kept))
        .map_err(|error| format!("cannot write '{}': {error}", arguments.report.display()))
}

/// All trials; tells how far it is on standard error.
fn measure(
    arguments: &Arguments,
    files: &Files,
    ksm: Option<&Ksm>,
    interrupt: &Interrupt,
) -> Result<Results, String> {
    let mut results = Results::default();
    for round in 0..arguments.rounds {
        for (contestant, count) in
            trials(arguments, round).filter(|(who, _)| ksm.is_some() || !who.needs_ksm())
        {
            eprint!("round {} of {}, {count} VMs, {}: ", round + 1, arguments.rounds, contestant.name());
            let outcome = try_out(contestant, count, arguments, files, ksm, interrupt)
                .map_err(|error| format!("{}: {error}", contestant.name()))?;
            eprintln!("{}", outcome.as_ref().map_or_else(Clone::clone, in_a_line));
            results.add(contestant, count, outcome);
        }
    }
    Ok(results)
}

/// Who runs how many VMs in a round, in order.
fn trials(arguments: &Arguments, round: u32) -> impl Iterator<Item = (Contestant, u32)> {
    let mut order = Contestant::ALL;
    order.rotate_left(round as usize % Contestant::ALL.len());
    let all = arguments.vms.iter().flat_map(move |&count| order.map(|who| (who, count)));
    let scarce = order.into_iter().filter(|who| who.is_scarce());
    let more =
        arguments.scarce_vms.iter().flat_map(move |&count| scarce.clone().map(move |who| (who, count)));
    all.chain(more)
}

/// One trial.
fn try_out(
    contestant: Contestant,
    count: u32,
    arguments: &Arguments,
    files: &Files,
    ksm: Option<&Ksm>,
    interrupt: &Interrupt,
) -> Result<Result<Trial, String>, String> {
    let mib = arguments.memory_mib;
    let mut crowd: Box<dyn Crowd + '_> = match contestant {
        Contestant::Qemu => Box::new(Qemus::new(files, mib, None, false)),
        Contestant::Merged => Box::new(Qemus::new(files, mib, ksm, false)),
        Contestant::Thrifty => Box::new(Qemus::new(files, mib, ksm, true)),
        Contestant::Salted => Box::new(Hosted::new(files, mib, arguments.ample(), false)?),
        Contestant::Unsalted => Box::new(Hosted::new(files, mib, arguments.ample(), true)?),
        Contestant::ScarceSalted => Box::new(Hosted::new(files, mib, SCARCE, false)?),
        Contestant::ScarceUnsalted => Box::new(Hosted::new(files, mib, SCARCE, true)?),
    };
    trial::run(&mut *crowd, count, arguments.work(), interrupt)
}

fn in_a_line(trial: &Trial) -> String {
    let mib = |size: ByteSize| size.0 >> 20;
    format!(
        "idle {} MiB, working {} MiB, {:.3} visits/us",
        mib(trial.idle),
        mib(trial.working),
        results::rate(trial)
    )
}

fn main() -> ExitCode {
    match run(&Arguments::parse()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error}");
            ExitCode::FAILURE
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_take_turns_and_scarce_ones_go_on() {
        let words = ["density", "--vms", "1,2", "--scarce-vms", "9", "--guest", "g", "--report", "r"];
        let arguments = Arguments::parse_from(words);
        let order: Vec<_> = trials(&arguments, 1).collect();
        assert_eq!(order.len(), 2 * Contestant::ALL.len() + 2);
        assert_eq!((order[0], order[7]), ((Contestant::Merged, 1), (Contestant::Merged, 2)));
        assert_eq!(order[14..], [(Contestant::ScarceSalted, 9), (Contestant::ScarceUnsalted, 9)]);
    }
}
