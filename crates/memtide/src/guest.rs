//! A running VM and what can be asked of it, whoever asks: the monitor or the control socket.

use crate::error::Error;
use crate::report::statistics::Statistics;
use crate::report::{Hex, Info, map};
use addr::{Gfn, Gva};
use serde::{Deserialize, Serialize};
use std::time::Instant;
use vm::{MmuChoice, Vm};

/// A running VM with what it was started from.
pub(crate) struct Guest {
    pub(crate) vm: Vm,
    pub(crate) kernel: String,
    pub(crate) command_line: String,
    pub(crate) started: Instant,
}

/// A question or an order.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "ask")]
pub(crate) enum Request {
    Info,
    Statistics,
    /// Up to `pages` pages of what `cpu` sees.
    Map {
        cpu: usize,
        pages: usize,
    },
    /// One address as `cpu` sees it.
    Address {
        cpu: usize,
        gva: Hex,
    },
    /// Sets the mode, if one is given.
    Mmu {
        mode: Option<String>,
    },
    /// Moves up to `pages` pages to other frames.
    Move {
        pages: u64,
    },
    Audit,
    Stop,
}

/// What comes back.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Answer {
    Info(Box<Info>),
    Statistics(Box<Statistics>),
    Map(Box<map::Map>),
    Address(Box<map::Address>),
    /// The order was carried out; says how.
    Done(String),
}

/// Most pages of a map, whoever asks for more.
const MAX_SAMPLE: usize = 256;

impl Guest {
    /// Answers a request. May take as long as a slice of each vCPU, or a walk over all pages.
    ///
    /// # Errors
    /// If the request makes no sense for this VM.
    pub(crate) fn answer(&self, request: &Request) -> Result<Answer, Error> {
        Ok(match *request {
            Request::Info => Answer::Info(Box::new(Info::new(self))),
            Request::Statistics => Answer::Statistics(Box::new(Statistics::new(self))),
            Request::Map { cpu, pages } => {
                Answer::Map(Box::new(map::Map::new(self, self.check_cpu(cpu)?, pages.min(MAX_SAMPLE))))
            }
            Request::Address { cpu, gva } => {
                Answer::Address(Box::new(map::Address::new(self, self.check_cpu(cpu)?, Gva(gva.0))))
            }
            Request::Mmu { ref mode } => Answer::Done(self.mmu(mode.as_deref())?),
            Request::Move { pages } => Answer::Done(self.move_pages(pages)),
            Request::Audit => match self.vm.audit() {
                Ok(()) => Answer::Done(format!("{}: all invariants hold", self.vm.name())),
                Err(violation) => return Err(Error::new(format!("'{}': {violation}", self.vm.name()))),
            },
            Request::Stop => {
                self.vm.stop();
                Answer::Done(format!("{} is stopping", self.vm.name()))
            }
        })
    }

    fn check_cpu(&self, cpu: usize) -> Result<usize, Error> {
        if cpu < self.vm.cpus() {
            return Ok(cpu);
        }
        Err(Error::new(format!("'{}' has no CPU {cpu}", self.vm.name()))
            .hint(format!("its CPUs are 0 to {}", self.vm.cpus() - 1)))
    }

    fn mmu(&self, mode: Option<&str>) -> Result<String, Error> {
        let before = self.vm.mmu();
        let name = self.vm.name();
        match mode {
            None => {
                let choice = self.vm.statistics().choice;
                let technique = crate::report::technique_name(choice.technique);
                Ok(format!("{name}: {before}, now {technique}: {}", choice.reason))
            }
            Some(mode) => {
                let mode: MmuChoice = mode.parse().map_err(Error::new)?;
                self.vm.set_mmu(mode);
                Ok(format!("{name}: {before} -> {mode}"))
            }
        }
    }

    fn move_pages(&self, pages: u64) -> String {
        /// Pages whose translations are taken away together.
        const BATCH: usize = 64;
        let pmap = self.vm.memory().pmap();
        let private = |gfn: &Gfn| matches!(pmap.state(*gfn), Some((machine::PageState::Private(_), _)));
        let gfns: Vec<Gfn> = pmap.pages().filter(private).take(pages as usize).collect();
        let mut total = machine::MoveReport::default();
        for batch in gfns.chunks(BATCH) {
            let report = self.vm.move_pages(batch);
            total.moved += report.moved;
            total.skipped += report.skipped;
            total.no_frame += report.no_frame;
        }
        format!(
            "{}: {} pages moved; {} left for being in use by a device or on their way already, {} for want of a frame",
            self.vm.name(),
            total.moved,
            total.skipped,
            total.no_frame
        )
    }
}
