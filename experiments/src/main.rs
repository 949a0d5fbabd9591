//! What C. Waldspurger measured in "Memory Resource Management in `VMware` ESX Server" (OSDI 2002),
//! measured again with Memtide and real Debian guests.
//!
//! **Model.** Each experiment runs a host of its own in this process ([`lab`]), lets guests work, and
//! gives a [`chart::Table`]: one row for each moment or each case. The table becomes a CSV file and
//! a picture of the same figures.
//!
//! **Not here.** What the figures mean: `docs/experiments/README.md` says it in words.

#![forbid(unsafe_code)]

mod balloon;
mod chart;
mod lab;
mod mix;
mod sampling;
mod sharing;
mod tax;

use chart::Table;
use clap::{Parser, ValueEnum};
use lab::Trouble;
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Instant;

/// An experiment, by what it is about.
#[derive(Clone, Copy, PartialEq, Eq, Debug, ValueEnum)]
enum Experiment {
    /// A VM that was ballooned beside one that was smaller from the start (figure 2).
    Balloon,
    /// Sharing among one to ten VMs that are the same (figure 4).
    Sharing,
    /// The estimate of what a guest uses, beside what it uses (figure 6).
    Sampling,
    /// Two VMs, one of them idle, without and with the idle memory tax (figure 7).
    Tax,
    /// A changing mix of VMs with more promised than there is (figure 8).
    Mix,
}

impl Experiment {
    const fn name(self) -> &'static str {
        match self {
            Self::Balloon => "balloon",
            Self::Sharing => "sharing",
            Self::Sampling => "sampling",
            Self::Tax => "tax",
            Self::Mix => "mix",
        }
    }

    fn run(self, guest: &lab::Files) -> Result<Table, Trouble> {
        match self {
            Self::Balloon => balloon::run(guest),
            Self::Sharing => sharing::run(guest),
            Self::Sampling => sampling::run(guest),
            Self::Tax => tax::run(guest),
            Self::Mix => mix::run(guest),
        }
    }
}

/// Repeats the experiments of the ESX paper; writes a CSV file and a picture for each.
#[derive(Parser)]
struct Arguments {
    /// Which; all of them if none is named.
    experiments: Vec<Experiment>,
    /// The directory with the guest's Image and memtide.cpio.
    #[arg(long, default_value = "state/guest")]
    guest: PathBuf,
    /// Where to write.
    #[arg(long, default_value = "docs/experiments")]
    out: PathBuf,
}

fn run(arguments: &Arguments) -> Result<(), Trouble> {
    let files = lab::Files::find(&arguments.guest)?;
    std::fs::create_dir_all(&arguments.out)?;
    let all = Experiment::value_variants();
    let chosen = if arguments.experiments.is_empty() { all } else { &arguments.experiments };
    for experiment in chosen {
        let (name, start) = (experiment.name(), Instant::now());
        eprintln!("== {name}");
        let table = experiment.run(&files)?;
        std::fs::write(arguments.out.join(format!("{name}.csv")), table.csv())?;
        table.draw(&arguments.out.join(format!("{name}.svg")))?;
        eprintln!("== {name}: {} rows in {:.0} s", table.rows(), start.elapsed().as_secs_f64());
    }
    Ok(())
}

fn main() -> ExitCode {
    match run(&Arguments::parse()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(trouble) => {
            eprintln!("error: {trouble}");
            ExitCode::FAILURE
        }
    }
}
