//! Looking into running VMs, wherever they run: map, statistics, MMU, audit.

use crate::args::{Format, Map, Output};
use crate::error::Error;
use crate::find::{ask, is_hosted, only, running};
use crate::print::{self, json, json_line, print};
use crate::remote::Remote;
use crate::view::{self, Style};
use api::inspect::{Answer, Hex, Request};
use api::types::Power;
use serde::Serialize;
use std::time::Duration;
use vm::MmuChoice;

pub(super) fn statistics(
    remote: &Remote,
    name: Option<String>,
    watch: Option<u64>,
    output: Output,
) -> Result<(), Error> {
    let name = only(remote, name)?;
    loop {
        let answer = ask(remote, &name, Request::Statistics)?;
        let Some(seconds) = watch else { return present(&answer, output.output) };
        match output.output {
            // One line each, for programs that read line by line.
            Format::Json => print(&line(&answer))?,
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

/// How a VM's addresses are translated. The technique is that of a running VM.
#[derive(Serialize)]
struct Translation {
    name: String,
    /// automatic, software, hardware.
    mmu: String,
    /// software, hardware.
    technique: Option<String>,
    /// Why this technique.
    reason: Option<String>,
}

impl Translation {
    fn told(&self) -> String {
        match (&self.technique, &self.reason) {
            (Some(technique), Some(reason)) => {
                format!("{}: {}, now {technique}: {reason}\n", self.name, self.mmu)
            }
            _ => format!("{}: {}\n", self.name, self.mmu),
        }
    }
}

pub(super) fn mmu(
    remote: &Remote,
    name: Option<String>,
    mode: Option<String>,
    format: Format,
) -> Result<(), Error> {
    let is_mode = |text: &String| text.parse::<MmuChoice>().is_ok();
    let (name, mode) = match (name, mode) {
        (Some(first), None) if is_mode(&first) => (None, Some(first)),
        other => other,
    };
    let name = only(remote, name)?;
    if mode.is_some() {
        let answer = ask(remote, &name, Request::Mmu { mode })?;
        if format == Format::Table {
            return present(&answer, format);
        }
    }
    print::show(&translation(remote, name)?, format, Translation::told)
}

fn translation(remote: &Remote, name: String) -> Result<Translation, Error> {
    if is_hosted(remote, &name)? {
        let vm = remote.wait(remote.client.vm(&name))?.info;
        if vm.power != Power::Running {
            return Ok(Translation { name, mmu: vm.spec.mmu.to_string(), technique: None, reason: None });
        }
    }
    match ask(remote, &name, Request::Statistics)? {
        Answer::Statistics(of) => Ok(Translation {
            name,
            mmu: of.mmu,
            technique: of.cpus.into_iter().next().map(|cpu| cpu.technique),
            reason: Some(of.reason),
        }),
        _ => Err(Error::new(format!("'{name}' does not say how its addresses are translated"))),
    }
}

pub(super) fn move_pages(
    remote: &Remote,
    name: Option<String>,
    pages: u64,
    format: Format,
) -> Result<(), Error> {
    present(&ask(remote, &only(remote, name)?, Request::Move { pages })?, format)
}

pub(super) fn map(remote: &Remote, args: &Map) -> Result<(), Error> {
    let cpu = args.cpu;
    if let Some(gva) = args.address {
        if args.names.len() > 1 {
            return Err(Error::new("an address is looked up in one VM").hint("name only one"));
        }
        let name = only(remote, args.names.first().cloned())?;
        return present(&ask(remote, &name, Request::Address { cpu, gva: Hex(gva.0) })?, args.output.output);
    }
    let names = if args.names.is_empty() { running(remote)? } else { args.names.clone() };
    if names.is_empty() {
        only(remote, None)?;
    }
    let pages = if args.svg.is_some() { view::SVG_PAGES } else { view::TERMINAL_PAGES };
    let mut maps = Vec::new();
    for name in &names {
        if let Answer::Map(map) = ask(remote, name, Request::Map { cpu, pages })? {
            maps.push(map);
        }
    }
    if let Some(path) = &args.svg {
        std::fs::write(path, view::svg::draw(&maps)).map_err(|error| {
            Error::new(format!("cannot write '{}': {error}", path.display()))
                .hint("name a file that you may write to")
        })?;
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

/// Shows an answer.
pub(super) fn present(answer: &Answer, format: Format) -> Result<(), Error> {
    match (format, answer) {
        (Format::Table, _) => print(&view::show(answer, Style::of_stdout())),
        (Format::Json, Answer::Info(info)) => print(&json(info)),
        (Format::Json, Answer::Statistics(statistics)) => print(&json(statistics)),
        (Format::Json, Answer::Map(map)) => print(&json(map)),
        (Format::Json, Answer::Address(address)) => print(&json(address)),
        (Format::Json, Answer::Moved(moved)) => print(&json(moved)),
        (Format::Json, Answer::Done(text)) => print(&json(text)),
    }
}

/// An answer without line breaks.
fn line(answer: &Answer) -> String {
    match answer {
        Answer::Statistics(statistics) => json_line(statistics),
        other => json_line(other),
    }
}
