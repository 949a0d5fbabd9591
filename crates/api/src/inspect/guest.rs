//! A running VM and what can be asked of it, whoever asks: a monitor, a control socket or the REST interface.

use super::{Guest, map, statistics};
use addr::{Gfn, Gva};
use machine::Books;
use model::inspect::{Answer, Moved, Request};
use model::{Problem, ProblemCode};
use vm::MmuChoice;

/// Most pages of a map, whoever asks for more.
const MAX_SAMPLE: usize = 256;

impl Guest {
    /// Answers a request. May take as long as a slice of each vCPU, or a walk over all pages.
    ///
    /// # Errors
    /// If the request makes no sense for this VM.
    pub fn answer(&self, request: &Request) -> Result<Answer, Problem> {
        Ok(match *request {
            Request::Info => Answer::Info(Box::new(super::info(self))),
            Request::Statistics => Answer::Statistics(Box::new(statistics::statistics(self))),
            Request::Map { cpu, pages } => {
                Answer::Map(Box::new(map::map(self, self.check_cpu(cpu)?, pages.min(MAX_SAMPLE))))
            }
            Request::Address { cpu, gva } => {
                Answer::Address(Box::new(map::address(self, self.check_cpu(cpu)?, Gva(gva.0))))
            }
            Request::Mmu { ref mode } => Answer::Done(self.mmu(mode.as_deref())?),
            Request::Move { pages } => Answer::Moved(self.move_pages(pages)),
            Request::Audit => Answer::Done(self.audit()?),
            Request::Stop => {
                self.vm.stop();
                Answer::Done(format!("{} is stopping", self.vm.name()))
            }
        })
    }

    fn audit(&self) -> Result<String, Problem> {
        let name = self.vm.name();
        let broken = |violation| Problem::new(ProblemCode::BrokenInvariant, format!("'{name}': {violation}"));
        self.vm.audit().map_err(broken)?;
        match Books::decide(|| self.vm.memory().compare_census()) {
            Books::Agree => Ok(format!("{name}: all invariants hold")),
            Books::Differ(violation) => Err(broken(violation)),
            Books::Undecided(why) => Err(Problem::new(
                ProblemCode::AuditUndecided,
                format!("'{name}': it could not be decided whether all invariants hold: {why}"),
            )
            .hint("nothing wrong was found; ask again when it is less busy")),
        }
    }

    fn check_cpu(&self, cpu: usize) -> Result<usize, Problem> {
        if cpu < self.vm.cpus() {
            return Ok(cpu);
        }
        Err(Problem::new(ProblemCode::NoSuchCpu, format!("'{}' has no CPU {cpu}", self.vm.name()))
            .hint(format!("its CPUs are 0 to {}", self.vm.cpus() - 1)))
    }

    fn mmu(&self, mode: Option<&str>) -> Result<String, Problem> {
        let before = self.vm.mmu();
        let name = self.vm.name();
        match mode {
            None => {
                let choice = self.vm.statistics().choice;
                let technique = crate::inspect::technique_name(choice.technique);
                Ok(format!("{name}: {before}, now {technique}: {}", choice.reason))
            }
            Some(mode) => {
                let mode: MmuChoice =
                    mode.parse().map_err(|error| Problem::new(ProblemCode::BadMode, error))?;
                self.vm.set_mmu(mode);
                Ok(format!("{name}: {before} -> {mode}"))
            }
        }
    }

    fn move_pages(&self, pages: u64) -> Moved {
        /// Pages whose translations are taken away together.
        const BATCH: usize = 64;
        let pmap = self.vm.memory().pmap();
        let private = |gfn: &Gfn| matches!(pmap.state(*gfn), Some((machine::PageState::Private(_), _)));
        // One batch at a time: who asks says how many, and a VM may have many.
        let mut gfns = pmap.pages().filter(private).take(pages as usize);
        let mut total = machine::MoveReport::default();
        loop {
            let batch: Vec<Gfn> = gfns.by_ref().take(BATCH).collect();
            if batch.is_empty() {
                break;
            }
            let report = self.vm.move_pages(&batch);
            total.moved += report.moved;
            total.skipped += report.skipped;
            total.no_frame += report.no_frame;
        }
        Moved {
            name: self.vm.name().to_owned(),
            pages_moved: total.moved,
            pages_in_use: total.skipped,
            pages_without_frame: total.no_frame,
        }
    }
}
