//! Measures Memtide beside QEMU, in one run, and writes what it found to `docs/performance.md`.
//!
//! **Model.** Three *contestants*, QEMU and Memtide under each technique of its MMU, boot the same kernel and initramfs
//! with the same command line and run the same list of guest programs in that one boot. A *round* boots each of them
//! once, in an order that rotates from round to round, so that whatever else the machine does falls on all alike. The
//! boot is timed from outside, from the start of the process to the guest's line on the console; a program is timed by
//! itself, by the guest's clock. What counts is the median over the rounds.
//!
//! Why a figure is what it is, is asked of Memtide's own counters in one more boot per technique that is not timed.
//!
//! Read `programs` (what is measured), `contestant` and `boot` (how), `measure` (rounds), `counters`, then `sample`,
//! `aims`, `table` and `report` (what is made of it).
//!
//! **Failure.** A guest that fails, hangs or prints something unexpected ends the whole run: half a table would mislead.

#![forbid(unsafe_code)]

mod aims;
mod boot;
mod contestant;
mod counters;
mod measure;
mod programs;
mod report;
mod sample;

use apparatus::guest::Files;
use apparatus::interference::Usage;
use apparatus::{kept, machine};
use clap::Parser;
use contestant::Guest;
use report::Report;
use std::path::PathBuf;
use std::process::ExitCode;

/// Measure Memtide beside QEMU and write the report.
#[derive(Parser)]
struct Arguments {
    /// How often each contestant boots
    #[arg(long, default_value_t = 7, value_parser = clap::value_parser!(u32).range(1..))]
    rounds: u32,
    /// The memtide program
    #[arg(long, value_name = "FILE")]
    memtide: PathBuf,
    /// The directory with the guest's Image and memtide.cpio
    #[arg(long, value_name = "DIRECTORY")]
    guest: PathBuf,
    /// A directory with the outputs of the benchmarks of single parts, to be included
    #[arg(long, value_name = "DIRECTORY")]
    parts: PathBuf,
    /// The report to write anew; its part written by hand is kept
    #[arg(long, value_name = "FILE")]
    report: PathBuf,
}

/// A whole run, or why there is none, said for people.
fn run(arguments: &Arguments) -> Result<(), String> {
    let guest = Guest { memtide: arguments.memtide.clone(), files: Files::in_directory(&arguments.guest) };
    // Everything that can be refused is refused before the minutes of measuring.
    let kept = kept::kept_part(&arguments.report)?;
    let parts = report::read_parts(&arguments.parts)?;
    let facts = machine::Facts::gather(&guest.files.kernel)?;
    let before = Usage::now()?;
    let sections = measure::measure(&guest, arguments.rounds)?;
    let others = Usage::now()?.of_others_since(&before);
    let counted = counters::count_all(&guest)?;
    let rounds = arguments.rounds;
    let report =
        Report { facts: &facts, others, rounds, sections: &sections, counted: &counted, parts: &parts };
    let text = report.render(&kept);
    print!("{}", report::for_terminal(&sections));
    std::fs::write(&arguments.report, text)
        .map_err(|error| format!("cannot write '{}': {error}", arguments.report.display()))
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
