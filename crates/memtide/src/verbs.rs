//! Every verb but `run`: asks running VMs and shows their answers.

use crate::args::{Format, Map, Output, Verb};
use crate::control::{self, ask as ask_vm};
use crate::error::Error;
use crate::guest::{Answer, Request};
use crate::report::{Hex, Info};
use crate::view::{self, Style};
use serde::Serialize;
use std::io::{self, ErrorKind, Write, stdout};
use std::time::Duration;
use vm::MmuChoice;

/// Carries out a verb.
///
/// # Errors
/// If the VM is not there or says no.
///
/// # Panics
/// For `run`, which is none of these.
pub(crate) fn ask(verb: Verb) -> Result<(), Error> {
    match verb {
        Verb::Run(_) => unreachable!("run is carried out by its own module"),
        Verb::Ls { output } => list(output),
        Verb::Info { name, output } => present(&ask_vm(&only(name)?, Request::Info)?, output.output),
        Verb::Stats { name, watch, output } => statistics(name, watch, output),
        Verb::Map(args) => map(&args),
        Verb::Mmu { name, mode } => mmu(name, mode),
        Verb::Move { name, pages } => order(name, Request::Move { pages }),
        Verb::Audit { name } => order(name, Request::Audit),
        Verb::Stop { name } => order(name, Request::Stop),
    }
}

/// The name given, or that of the one VM that runs.
fn only(name: Option<String>) -> Result<String, Error> {
    if let Some(name) = name {
        return Ok(name);
    }
    let mut names = control::names()?;
    match names.len() {
        0 => Err(Error::new("no VM is running").hint("'memtide run' starts one")),
        1 => Ok(names.remove(0)),
        _ => Err(Error::new("several VMs are running").hint(format!("name one of {}", names.join(", ")))),
    }
}

fn order(name: Option<String>, request: Request) -> Result<(), Error> {
    present(&ask_vm(&only(name)?, request)?, Format::Table)
}

fn list(output: Output) -> Result<(), Error> {
    let mut vms: Vec<Info> = Vec::new();
    for name in control::names()? {
        match ask_vm(&name, Request::Info) {
            Ok(Answer::Info(info)) => vms.push(*info),
            Ok(_) => eprintln!("warning: '{name}' does not say what it is"),
            // It may have ended since.
            Err(error) => eprintln!("warning: {error}"),
        }
    }
    match output.output {
        Format::Json => print(&json(&vms)),
        Format::Table => print(&view::list(&vms)),
    }
}

fn statistics(name: Option<String>, watch: Option<u64>, output: Output) -> Result<(), Error> {
    let name = only(name)?;
    loop {
        let answer = ask_vm(&name, Request::Statistics)?;
        let Some(seconds) = watch else { return present(&answer, output.output) };
        match output.output {
            // One line each, for programs that read line by line.
            Format::Json => print(&format!("{}\n", line(&answer)))?,
            Format::Table => {
                if Style::of_stdout().color {
                    print("\x1b[H\x1b[2J")?;
                }
                present(&answer, Format::Table)?;
            }
        }
        std::thread::sleep(Duration::from_secs(seconds));
    }
}

fn mmu(name: Option<String>, mode: Option<String>) -> Result<(), Error> {
    let is_mode = |text: &String| text.parse::<MmuChoice>().is_ok();
    let (name, mode) = match (name, mode) {
        (Some(first), None) if is_mode(&first) => (None, Some(first)),
        other => other,
    };
    order(name, Request::Mmu { mode })
}

fn map(args: &Map) -> Result<(), Error> {
    let cpu = args.cpu;
    if let Some(gva) = args.address {
        if args.names.len() > 1 {
            return Err(Error::new("an address is looked up in one VM").hint("name only one"));
        }
        let name = only(args.names.first().cloned())?;
        return present(&ask_vm(&name, Request::Address { cpu, gva: Hex(gva.0) })?, args.output.output);
    }
    let names = if args.names.is_empty() { control::names()? } else { args.names.clone() };
    if names.is_empty() {
        only(None)?;
    }
    let pages = if args.svg.is_some() { view::SVG_PAGES } else { view::TERMINAL_PAGES };
    let mut maps = Vec::new();
    for name in &names {
        if let Answer::Map(map) = ask_vm(name, Request::Map { cpu, pages })? {
            maps.push(map);
        }
    }
    if let Some(path) = &args.svg {
        std::fs::write(path, view::svg::draw(&maps))
            .map_err(|error| Error::new(format!("cannot write '{}': {error}", path.display())))?;
        eprintln!("wrote {}", path.display());
        if args.output.output == Format::Table {
            return Ok(());
        }
    }
    match args.output.output {
        Format::Json => print(&json(&maps)),
        Format::Table => {
            let mut style = Style::of_stdout();
            style.unicode &= !args.ascii;
            print(&view::pictures(&maps, style))
        }
    }
}

fn present(answer: &Answer, format: Format) -> Result<(), Error> {
    match (format, answer) {
        (Format::Table, _) => print(&view::show(answer, Style::of_stdout())),
        (Format::Json, Answer::Info(info)) => print(&json(info)),
        (Format::Json, Answer::Statistics(statistics)) => print(&json(statistics)),
        (Format::Json, Answer::Map(map)) => print(&json(map)),
        (Format::Json, Answer::Address(address)) => print(&json(address)),
        (Format::Json, Answer::Done(text)) => print(&json(text)),
    }
}

/// An answer without line breaks.
fn line(answer: &Answer) -> String {
    let text = match answer {
        Answer::Statistics(statistics) => serde_json::to_string(statistics),
        other => serde_json::to_string(other),
    };
    text.expect("reports are JSON")
}

fn json(value: &impl Serialize) -> String {
    serde_json::to_string_pretty(value).expect("reports are JSON") + "\n"
}

/// Prints to standard output. A reader that has seen enough is no failure, but the end.
fn print(text: &str) -> Result<(), Error> {
    let mut output = stdout().lock();
    let written: io::Result<()> = output.write_all(text.as_bytes()).and_then(|()| output.flush());
    match written {
        Err(error) if error.kind() == ErrorKind::BrokenPipe => std::process::exit(0),
        Err(error) => Err(Error::new(format!("cannot write to standard output: {error}"))),
        Ok(()) => Ok(()),
    }
}
