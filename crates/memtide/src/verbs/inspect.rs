//! Looking into running VMs, wherever they run: map, statistics, MMU, audit.

use crate::args::{Document, DocumentFormat, Map};
use crate::error::Error;
use crate::find::{ask, is_hosted, only, running};
use crate::print::{json_line, print, print_bytes, show};
use crate::progress::during;
use crate::remote::Remote;
use crate::view::{self, Style};
use model::Mmu;
use model::inspect::{Answer, Hex, Request};
use serde::Serialize;
use std::io::{IsTerminal, stdout};
use std::time::Duration;

pub(super) fn statistics(
    remote: &Remote,
    name: Option<String>,
    watch: Option<u64>,
    output: Document,
) -> Result<(), Error> {
    let name = only(remote, name)?;
    loop {
        let answer = ask(remote, &name, Request::Statistics)?;
        let Some(seconds) = watch else { return present(&answer, output.output) };
        match output.output {
            // One line each, for programs that read line by line.
            DocumentFormat::Json => print(&line(&answer))?,
            DocumentFormat::Yaml => {
                print("---\n")?;
                present(&answer, DocumentFormat::Yaml)?;
            }
            DocumentFormat::Table => {
                if stdout().is_terminal() {
                    print_bytes(b"\x1b[H\x1b[2J")?;
                }
                present(&answer, DocumentFormat::Table)?;
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
    format: DocumentFormat,
) -> Result<(), Error> {
    let is_mode = |text: &String| text.parse::<Mmu>().is_ok();
    let (name, mode) = match (name, mode) {
        (Some(first), None) if is_mode(&first) => (None, Some(first)),
        other => other,
    };
    let name = only(remote, name)?;
    if mode.is_some() {
        let answer = ask(remote, &name, Request::Mmu { mode })?;
        if format == DocumentFormat::Table {
            return present(&answer, format);
        }
    }
    show(&translation(remote, name)?, format, Translation::told)
}

fn translation(remote: &Remote, name: String) -> Result<Translation, Error> {
    if is_hosted(remote, &name)? {
        let vm = remote.wait(remote.client.vm(&name))?.info;
        if !vm.power.is_on() {
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
    format: DocumentFormat,
) -> Result<(), Error> {
    let name = only(remote, name)?;
    let moved = during(&format!("moving pages of {name}"), || ask(remote, &name, Request::Move { pages }))?;
    present(&moved, format)
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
        if args.output.output == DocumentFormat::Table {
            return Ok(());
        }
    }
    show(&maps, args.output.output, |maps| {
        let mut style = Style::of_stdout();
        style.unicode &= !args.ascii;
        view::pictures(maps, style)
    })
}

/// Shows an answer.
pub(super) fn present(answer: &Answer, format: DocumentFormat) -> Result<(), Error> {
    let table = || view::show(answer, Style::of_stdout());
    match answer {
        Answer::Info(info) => show(info, format, |_| table()),
        Answer::Statistics(statistics) => show(statistics, format, |_| table()),
        Answer::Map(map) => show(map, format, |_| table()),
        Answer::Address(address) => show(address, format, |_| table()),
        Answer::Moved(moved) => show(moved, format, |_| table()),
        Answer::Done(text) => show(text, format, |_| table()),
    }
}

/// An answer without line breaks.
fn line(answer: &Answer) -> String {
    match answer {
        Answer::Statistics(statistics) => json_line(statistics),
        other => json_line(other),
    }
}
