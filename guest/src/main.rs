//! `mt`: the programs that run inside a Memtide test guest.
//!
//! **Model**: one static binary with a subcommand per program, so that the initramfs stays small.
//! Every program takes only whole numbers, prints one line `name key=value ... us=MICROSECONDS` and
//! checks its own memory or results; a wrong byte ends it with a message and exit status 1.
//!
//! **Not here**: what the lines are compared with; that is up to whoever started the guest.

mod agent;
mod align;
mod atomics;
mod chase;
mod float;
mod fork;
mod insmod;
mod integer;
mod litmus;
mod mapping;
mod memcpy;
mod memset;
mod mmapstorm;
mod pipe;
mod process;
mod program;
mod rng;
mod rounding;
mod session;
mod smc;
mod syscalls;
mod touch;
mod work;

use std::iter;
use std::process::ExitCode;

use program::{Failure, Program};

/// Every program, in the order `mt all` runs them: what the later ones rely on is checked first.
const PROGRAMS: [Program; 17] = [
    integer::PROGRAM,
    float::PROGRAM,
    rounding::PROGRAM,
    align::PROGRAM,
    syscalls::PROGRAM,
    memset::PROGRAM,
    memcpy::PROGRAM,
    touch::PROGRAM,
    chase::PROGRAM,
    mmapstorm::PROGRAM,
    pipe::PROGRAM,
    fork::ONLY,
    fork::STORM,
    atomics::PROGRAM,
    litmus::PROGRAM,
    smc::PROGRAM,
    work::PROGRAM,
];

fn main() -> ExitCode {
    let words: Vec<String> = std::env::args().skip(1).collect();
    let words: Vec<&str> = words.iter().map(String::as_str).collect();
    match *words.as_slice() {
        [] | ["help"] => {
            print!("{}", usage());
            ExitCode::SUCCESS
        }
        ["all"] => all(),
        ["agent"] => agent::run().map_or_else(|failure| fail("agent", &failure), |()| ExitCode::SUCCESS),
        ["exit", code] => code.parse::<u8>().map_or(ExitCode::FAILURE, ExitCode::from),
        ["insmod", file] => {
            insmod::insert(file).map_or_else(|failure| fail(file, &failure), |()| ExitCode::SUCCESS)
        }
        ["session", terminal, program, ref arguments @ ..] => {
            fail(program, &session::start(terminal, program, arguments))
        }
        [name, ref arguments @ ..] => one(name, arguments),
    }
}

/// Run the program called `name`.
fn one(name: &str, arguments: &[&str]) -> ExitCode {
    let Some(program) = PROGRAMS.iter().find(|program| program.name == name) else {
        eprint!("error: there is no program '{name}'\n{}", usage());
        return ExitCode::from(2);
    };
    let values = match program.values(arguments) {
        Ok(values) => values,
        Err(failure) => {
            eprintln!("error: {failure}\nusage: mt {}", program.synopsis());
            return ExitCode::from(2);
        }
    };
    match (program.run)(&values) {
        Ok(report) => {
            println!("{report}");
            ExitCode::SUCCESS
        }
        Err(failure) => fail(name, &failure),
    }
}

/// Run every program that has small sizes to be run with; the last line is `ALL OK` or `FAILED name ...`.
fn all() -> ExitCode {
    let mut failed = Vec::new();
    for program in PROGRAMS.iter().filter(|program| !program.quick.is_empty()) {
        match (program.run)(program.quick) {
            Ok(report) => println!("{report}"),
            Err(failure) => {
                println!("{}: {failure}", program.name);
                failed.push(program.name);
            }
        }
    }
    if failed.is_empty() {
        println!("ALL OK");
        ExitCode::SUCCESS
    } else {
        println!("FAILED {}", failed.join(" "));
        ExitCode::FAILURE
    }
}

fn fail(what: &str, failure: &Failure) -> ExitCode {
    eprintln!("error: {what}: {failure}");
    ExitCode::FAILURE
}

fn usage() -> String {
    let programs = PROGRAMS.iter().map(|program| (program.synopsis(), program.purpose));
    let others = [
        ("all", "the programs above, but work, with small sizes"),
        ("agent", "do what the host asks, such as to shut down"),
        ("exit CODE", "exit with this status at once"),
        ("insmod FILE", "load a kernel module"),
        ("session TERMINAL COMMAND [ARG...]", "become the command, with ^C from the terminal"),
    ];
    let others = others.map(|(synopsis, purpose)| (String::from(synopsis), purpose));
    let lines = programs.chain(others).map(|(synopsis, purpose)| format!("  {synopsis:<36} {purpose}\n"));
    iter::once(String::from("usage: mt PROGRAM [NUMBER...]\n\n")).chain(lines).collect()
}
