//! The report: `docs/density.md`.

use crate::contestant::{Contestant, SCARCE};
use crate::ksm;
use crate::results::{Results, least_rate, rate};
use crate::trial::{Trial, Work};
use addr::ByteSize;
use apparatus::guest::KERNEL_LINE;
use apparatus::kept;
use apparatus::machine::Facts;
use apparatus::table::Table;
use std::fmt::Write;

/// Everything that goes into the report.
pub(crate) struct Report<'a> {
    pub(crate) facts: &'a Facts,
    /// CPUs that other programs used meanwhile, on average.
    pub(crate) others: f64,
    pub(crate) rounds: u32,
    pub(crate) memory_mib: u32,
    /// Machine memory of the hosts that have enough.
    pub(crate) ample: ByteSize,
    pub(crate) work: Work,
    pub(crate) results: &'a Results,
    /// Why nothing was measured with KSM, if so.
    pub(crate) without_ksm: Option<&'a str>,
}

const TERMS: &str = "\
* **QEMU**: as it comes, with nothing that merges pages.
* **QEMU, KSM**: as it comes, and kernel samepage merging on.
* **QEMU, KSM, thrifty**: also no huge pages for its processes, and a balloon device by which guests report free pages.
* **Memtide**: default settings, so VMs do not share with each other.
* **Memtide, shared**: `Mem.ShareForceSalting` is 0, so they do.
* **Memtide in 512 MiB**: the same two with so little machine memory; the others have more than they use.
";

impl Report<'_> {
    pub(crate) fn render(&self, kept: &str) -> String {
        let mut text = self.introduction();
        if let Some(why) = self.without_ksm {
            let _ = write!(text, "\n**Skipped: KSM was not measured, for {why}.**\n");
        }
        let _ = write!(text, "\n## In short\n\n{IN_SHORT}\n{}", self.summary().render());
        for (title, words, table) in self.tables() {
            let _ = write!(text, "\n## {title}\n\n{words}\n{}", table.render());
        }
        let _ =
            write!(text, "\n## With {SCARCE} of machine memory\n\n{SCARCELY}\n{}", self.scarce().render());
        let _ = write!(
            text,
            "\n## What the figures are made of\n\nBy contestant and number of VMs; KSM counts pages.\n\n{}",
            self.behind()
        );
        let _ = write!(text, "\n{}", kept::marked(kept));
        text
    }

    fn introduction(&self) -> String {
        let guest = format!("{} MiB, 1 vCPU, `scripts/build-initramfs`'s initramfs", self.memory_mib);
        format!(
            "# How many VMs fit\n\n\
            Written by `make bench-density` (`ROUNDS={}`), except for the last part.\n\n{}\
            * Kernel's command line: `{KERNEL_LINE}`\n\n{TERMS}\n\
            Each trial starts its VMs anew, one after the other: a VM is started when the one before has its shell and has run\n\
            `mt all`. Then all are idle. Then all run `{}` at once. The contestants take turns at each number of VMs.\n\n\
            Memory used is, of QEMU, what the kernel counts for its processes: proportional set size, in which merged pages count\n\
            by their part, and page tables. Of Memtide it is what the host's ledger has not free, overhead included; the hosts that are\n\
            to have enough have {} of machine memory. KSM looks at {} pages every {} ms until it gains no more, for {} s at\n\
            most; Memtide's scan, which by default takes an hour for a round, is called directly. Nobody looks for equal pages while\n\
            guests work.\n",
            self.rounds,
            self.facts.render(self.others, &guest),
            self.work.command(),
            self.ample,
            ksm::PAGES_TO_SCAN,
            ksm::SLEEP,
            ksm::LIMIT.as_secs(),
        )
    }

    fn ample_contestants(&self) -> Vec<Contestant> {
        self.results.contestants().into_iter().filter(|contestant| !contestant.is_scarce()).collect()
    }

    fn summary(&self) -> Table {
        let mut table = Table::new(&[
            "",
            "first VM, idle",
            "each further",
            "fit in 512 MiB",
            "fit in 1 GiB",
            "first VM, working",
            "each further",
            "fit in 512 MiB",
            "fit in 1 GiB",
        ]);
        for contestant in self.ample_contestants() {
            let mut row = vec![contestant.name().to_owned()];
            for figure in [|trial: &Trial| trial.idle, |trial: &Trial| trial.working] {
                let Some(growth) = self.results.growth(contestant, figure) else {
                    row.extend(["-"; 4].map(str::to_owned));
                    continue;
                };
                row.extend([mib(growth.first), mib(growth.further)]);
                row.extend([512, 1024].map(|size| growth.fit_in(ByteSize::mib(size)).to_string()));
            }
            table.row(row);
        }
        table
    }

    /// Tables of one figure each, by number of VMs and contestant.
    fn tables(&self) -> [(&'static str, &'static str, Table); 5] {
        let bytes = |figure: fn(&Trial) -> ByteSize| {
            self.by_count(|contestant, count| {
                self.results.median(contestant, count, |trial| figure(trial).0 as f64).map(mib)
            })
        };
        let rates = self.by_count(|contestant, count| {
            let [average, least] =
                [rate, least_rate].map(|figure| self.results.median(contestant, count, figure));
            Some(format!("{:.3} ({:.3})", average?, least?))
        });
        let efficiency = self.by_count(|contestant, count| {
            self.results
                .median(contestant, count, |trial| trial.efficiency)
                .map(|value| format!("{value:.3}"))
        });
        [
            ("Idle: memory used", MEBIBYTES, bytes(|trial| trial.idle)),
            ("Idle: memory of the processes", PROCESSES, bytes(|trial| trial.idle_processes)),
            ("Working: memory used", WORKING, bytes(|trial| trial.working)),
            ("Working: throughput", THROUGHPUT, rates),
            ("Working: throughput of a CPU", EFFICIENCY, efficiency),
        ]
    }

    fn by_count(&self, cell: impl Fn(Contestant, u32) -> Option<String>) -> Table {
        let contestants = self.ample_contestants();
        let names = contestants.iter().map(|contestant| contestant.name());
        let mut table = Table::new(&["VMs"].into_iter().chain(names).collect::<Vec<_>>());
        for count in self.results.counts() {
            let cells: Vec<_> = contestants.iter().map(|&contestant| cell(contestant, count)).collect();
            // Some numbers only those in little memory tried.
            if cells.iter().any(Option::is_some) {
                let cells = cells.into_iter().map(|cell| cell.unwrap_or_else(|| "-".to_owned()));
                table.row([count.to_string()].into_iter().chain(cells).collect());
            }
        }
        table
    }

    fn scarce(&self) -> Table {
        let mut table = Table::new(&[
            "",
            "VMs",
            "promised",
            "used, idle",
            "used, working",
            "process, after work",
            "throughput",
            "of that with enough memory",
            "throughput of a CPU",
        ]);
        for contestant in Contestant::ALL.into_iter().filter(|contestant| contestant.is_scarce()) {
            for count in self.results.counts() {
                table.row(self.scarce_row(contestant, count));
            }
        }
        table
    }

    fn scarce_row(&self, contestant: Contestant, count: u32) -> Vec<String> {
        let promised = format!("{} MiB", count * self.memory_mib);
        let median = |figure: &dyn Fn(&Trial) -> f64| self.results.median(contestant, count, figure);
        let used = |figure: fn(&Trial) -> ByteSize| median(&|trial| figure(trial).0 as f64).map(mib);
        let rates = median(&rate).zip(median(&least_rate));
        let rates_shown = rates.map(|(average, least)| format!("{average:.3} ({least:.3})"));
        let ample = self.results.median(contestant.unbounded(), count, rate);
        let part = rates.zip(ample).map(|((scarce, _), ample)| format!("{:.0} %", 100.0 * scarce / ample));
        let sizes = [
            |trial: &Trial| trial.idle,
            |trial: &Trial| trial.working,
            |trial: &Trial| trial.working_processes,
        ]
        .map(used);
        let efficiency = median(&|trial| trial.efficiency).map(|value| format!("{value:.3}"));
        let cells = sizes.into_iter().chain([rates_shown, part, efficiency]);
        let unknown = if self.results.refused(contestant, count).is_some() { "refused" } else { "-" };
        let cells = cells.map(|cell| cell.unwrap_or_else(|| unknown.to_owned()));
        [contestant.name().to_owned(), count.to_string(), promised].into_iter().chain(cells).collect()
    }

    /// What the last trial of each kind told.
    fn behind(&self) -> String {
        let mut text = String::new();
        for contestant in self.results.contestants() {
            for count in self.results.counts() {
                let name = contestant.name();
                if let Some(why) = self.results.refused(contestant, count) {
                    let _ = writeln!(text, "* {name}, {count}: {why}");
                }
                let Some(trial) = self.results.trials(contestant, count).last() else { continue };
                if !trial.idle_told.is_empty() {
                    let _ = writeln!(text, "* {name}, {count}, idle: {}", trial.idle_told);
                }
                if contestant.is_scarce() {
                    let _ = writeln!(text, "* {name}, {count}, after work: {}", trial.working_told);
                }
            }
        }
        text
    }
}

const IN_SHORT: &str = "\
Memory in MiB. What each further VM costs is the slope from the fewest to the most VMs; what fits is calculated with it.\n";
const MEBIBYTES: &str = "MiB.\n";
const PROCESSES: &str = "\
MiB, proportional set size and page tables. Memtide's host and VMs run within the measuring program, which is counted with\n\
what it keeps of trials before; and a frame of machine memory that was used once stays with the process when it is free again. So\n\
for Memtide this is the most that was used at any time, start-up included, and an upper bound.\n";
const WORKING: &str = "MiB, the most while all guests work at once.\n";
const THROUGHPUT: &str = "\
Visits per microsecond of a VM on average, and in parentheses of the slowest. All share the host's processors.\n";
const EFFICIENCY: &str = "\
Visits of all guests per microsecond of CPU time that the processes running them used meanwhile: what other programs take\n\
from the throughput above is not in it, but for what they do to the caches.\n";
const SCARCELY: &str = "\
Memory in MiB, throughput as above, and compared with that of the same number of VMs in enough memory.\n";

fn mib(bytes: f64) -> String {
    format!("{:.0}", bytes / f64::from(1 << 20))
}

/// What is worth seeing at once.
pub(crate) fn for_terminal(report: &Report<'_>) -> String {
    format!("{}\n{}", report.summary().render(), report.scarce().render())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::results::tests::trial;

    /// QEMU and Memtide with one and three VMs; Memtide in little memory too, where three are refused.
    fn results() -> Results {
        let mut results = Results::default();
        for (contestant, idle) in [(Contestant::Qemu, 200), (Contestant::Salted, 60)] {
            results.add(contestant, 1, Ok(trial(idle, &[4.0])));
            results.add(contestant, 3, Ok(trial(3 * idle, &[2.0, 1.0, 3.0])));
        }
        results.add(Contestant::ScarceSalted, 1, Ok(trial(60, &[3.0])));
        results.add(Contestant::ScarceSalted, 3, Err("2 run, then: too little".to_owned()));
        results
    }

    fn report(results: &Results, test: impl Fn(&Report<'_>)) {
        let facts = Facts::gather(std::path::Path::new("/dev/null"));
        let Ok(facts) = &facts else { panic!("QEMU is not installed: run make setup") };
        let report = Report {
            facts,
            others: 0.5,
            rounds: 1,
            memory_mib: 256,
            ample: ByteSize::mib(1280),
            work: Work { seconds: 10, mib: 24 },
            results,
            without_ksm: Some("cannot write run: Permission denied"),
        };
        test(&report);
    }

    fn cells<'a>(table: &'a str, start: &str) -> Vec<&'a str> {
        let row = table.lines().find(|line| line.starts_with(start));
        row.unwrap_or_else(|| panic!("no row {start} in\n{table}")).split('|').map(str::trim).collect()
    }

    #[test]
    fn what_fits_is_in_the_summary() {
        report(&results(), |report| {
            let table = report.summary().render();
            assert_eq!(cells(&table, "| QEMU")[2..6], ["200", "200", "2", "5"]);
            assert_eq!(cells(&table, "| Memtide ")[2..6], ["60", "60", "8", "17"]);
        });
    }

    #[test]
    fn little_memory_is_compared_with_enough() {
        report(&results(), |report| {
            let table = report.scarce().render();
            let rows: Vec<_> =
                table.lines().filter(|line| line.starts_with("| Memtide in 512 MiB  ")).collect();
            assert!(rows[0].contains("3.000 (3.000)") && rows[0].contains("75 %"), "{table}");
            assert!(rows[1].contains("768 MiB") && rows[1].contains("refused"), "{table}");
        });
    }

    #[test]
    fn a_report_says_what_was_left_out_and_keeps_what_people_wrote() {
        report(&results(), |report| {
            let text = report.render("by hand\n");
            for part in ["KSM was not measured, for cannot write run", "2 run, then: too little", "by hand\n"]
            {
                assert!(text.contains(part), "no '{part}' in\n{text}");
            }
        });
    }
}
