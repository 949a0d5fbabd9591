//! The report: `docs/performance.md`, and its tables for the terminal.
//!
//! **Model.** The program writes the whole file anew but for one part, between two markers, which people write.

use crate::aims::{self, Verdict};
use crate::contestant::{Contestant, command_line};
use crate::counters::Counted;
use crate::measure::Measured;
use crate::sample::Sample;
use apparatus::kept;
use apparatus::machine::Facts;
use apparatus::table::{Table, count};
use std::fmt::Write;
use std::path::Path;

/// Everything that goes into the report.
pub(crate) struct Report<'a> {
    pub(crate) facts: &'a Facts,
    /// CPUs that other programs used during the rounds, on average.
    pub(crate) others: f64,
    pub(crate) rounds: u32,
    pub(crate) sections: &'a [Measured],
    pub(crate) counted: &'a [Counted],
    /// What the benchmarks of [`PARTS`] said.
    pub(crate) parts: &'a [String],
}

impl Report<'_> {
    pub(crate) fn render(&self, kept: &str) -> String {
        let mut text = self.introduction();
        for section in self.sections {
            let _ = write!(text, "\n### {}\n\n{}", title(section), times(section).render());
        }
        let _ = write!(text, "\n## Aims\n\n{}", verdicts(&aims::judge(self.sections)).render());
        let _ = write!(text, "\n## Counters\n\n{COUNTERS}\n{}", counters(self.counted).render());
        for (part, said) in PARTS.iter().zip(self.parts) {
            let _ = write!(
                text,
                "\n## {}\n\nOutput of `{}`:\n\n```text\n{}\n```\n",
                part.title,
                part.command,
                said.trim_end()
            );
        }
        let _ = write!(text, "\n{}", kept::marked(kept));
        text
    }

    fn introduction(&self) -> String {
        format!(
            "# Performance\n\n\
            `make bench` (`ROUNDS={}`) writes this page, except for the last part.\n\n{}\n\
            QEMU and Memtide boot the same kernel and initramfs and run the same programs, which `guest/README.md`\n\
            describes. Memtide uses shadow page tables (software) and two-stage page walks (hardware). All three take\n\
            turns in one run. The kernel's command line is\n\n```text\n{}\n```\n\n\
            ## Times\n\n\
            The figures are medians of {} boots each, in milliseconds, with minimum and maximum in parentheses. A boot is\n\
            timed from the start of the process to the line `memtide: shell ready` on the console. A program is timed by\n\
            the guest's clock. A ratio below 1 means that the first one is faster.\n",
            self.rounds,
            self.facts.render(self.others, GUEST),
            command_line("..."),
            self.rounds
        )
    }
}

/// What the guests are.
const GUEST: &str = "512 MiB, Sv39, `scripts/build-initramfs`'s initramfs";

const COUNTERS: &str = "\
These are Memtide's counters while each program runs once on one vCPU, including its start and end. A hidden fault is a\n\
TLB miss without a shadow entry. References are memory references of page walks: to shadow page tables, to the guest's page\n\
tables and to the nested page table. Tables are shadow page tables.\n";

/// A benchmark of one part alone.
struct Part {
    title: &'static str,
    command: &'static str,
    /// The file its output is in.
    file: &'static str,
}

const PARTS: [Part; 4] = [
    Part { title: "The MMU", command: "cargo bench -p mmu --bench translate", file: "translate" },
    Part { title: "Operations on pages", command: "cargo bench -p machine --bench pages", file: "pages" },
    Part {
        title: "Compression cache and swap file",
        command: "cargo bench -p machine --bench stores",
        file: "stores",
    },
    Part { title: "Plans", command: "cargo bench -p sched --bench plan", file: "plan" },
];

/// What the benchmarks of single parts said, from the files that their outputs are in.
pub(crate) fn read_parts(dir: &Path) -> Result<Vec<String>, String> {
    let read = |part: &Part| {
        let file = dir.join(part.file);
        std::fs::read_to_string(&file).map_err(|error| format!("cannot read '{}': {error}", file.display()))
    };
    PARTS.iter().map(read).collect()
}

fn title(section: &Measured) -> String {
    format!("{} vCPU{}", section.cpus, if section.cpus == 1 { "" } else { "s" })
}

fn times(section: &Measured) -> Table {
    use Contestant::{Hardware, Qemu, Software};
    let mut table = Table::new(&[
        "",
        "QEMU",
        "software",
        "hardware",
        "software / QEMU",
        "hardware / QEMU",
        "hardware / software",
    ]);
    for row in &section.rows {
        let times = Contestant::ALL.map(|contestant| spread(row.of(contestant)));
        let ratios = [(Software, Qemu), (Hardware, Qemu), (Hardware, Software)];
        let ratios = ratios.map(|(of, to)| format!("{:.2}", row.ratio(of, to)));
        table.row([row.what.to_owned()].into_iter().chain(times).chain(ratios).collect());
    }
    table
}

/// The median and, in parentheses, the least and the most.
fn spread(sample: &Sample) -> String {
    let [median, least, most] =
        [sample.median(), sample.least(), sample.most()].map(|time| time.as_secs_f64() * 1000.0);
    let decimals = usize::from(median < 100.0);
    format!("{median:.decimals$} ({least:.decimals$}–{most:.decimals$})")
}

fn verdicts(verdicts: &[Verdict]) -> Table {
    let mut table = Table::new(&["aim", "measured by", "vCPUs", "MMU", "at most", "ratio to QEMU", ""]);
    for verdict in verdicts {
        table.row(vec![
            verdict.subject.to_owned(),
            verdict.what.to_owned(),
            verdict.cpus.to_string(),
            verdict.technique.to_owned(),
            format!("{:.2}", verdict.bound),
            format!("{:.2}", verdict.ratio),
            verdict.word().to_owned(),
        ]);
    }
    table
}

fn counters(counted: &[Counted]) -> Table {
    let mut table = Table::new(&[
        "",
        "MMU",
        "instructions",
        "exceptions",
        "TLB misses",
        "hidden faults",
        "true faults",
        "references",
        "per miss",
        "tables built",
        "synced",
        "fences",
        "switches",
    ]);
    for Counted { what, technique, counts } in counted {
        let per_miss = counts.references_per_miss().map_or("-".to_owned(), |number| format!("{number:.1}"));
        table.row(vec![
            (*what).to_owned(),
            (*technique).to_owned(),
            count(counts.instructions),
            count(counts.exceptions),
            count(counts.tlb_misses),
            count(counts.hidden_faults),
            count(counts.true_faults),
            count(counts.walk_references),
            per_miss,
            count(counts.tables_built),
            count(counts.tables_synced),
            count(counts.fences),
            count(counts.switches),
        ]);
    }
    table
}

/// Times and aims.
pub(crate) fn for_terminal(sections: &[Measured]) -> String {
    let mut text = String::new();
    for section in sections {
        let _ = writeln!(text, "{}, milliseconds\n\n{}", title(section), times(section).render());
    }
    text + &verdicts(&aims::judge(sections)).render()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::counters::Counts;
    use crate::measure::tests::measured;
    use crate::sample::tests::sample;

    #[test]
    fn times_are_shown_with_their_spread() {
        assert_eq!(spread(&sample(&[100, 250, 300])), "250 (100–300)");
        assert_eq!(spread(&sample(&[1, 2, 3])), "2.0 (1.0–3.0)");
    }

    #[test]
    fn ratios_are_in_the_table() {
        let table = times(&measured(&["mt pipe 1"])).render();
        let row = table.lines().find(|line| line.contains("mt pipe 1")).unwrap();
        let cells: Vec<_> = row.split('|').map(str::trim).collect();
        assert_eq!(cells[5..8], ["2.00", "3.00", "1.50"]);
    }

    #[test]
    fn counters_tell_references_per_miss() {
        let counts = Counts { tlb_misses: 1000, walk_references: 15_000, ..Counts::default() };
        let table = counters(&[Counted { what: "boot", technique: "hardware", counts }]).render();
        assert!(table.contains(" 15.0 k |") && table.contains(" 15.0 |"), "{table}");
    }

    #[test]
    fn a_missed_aim_is_on_the_terminal() {
        let text = for_terminal(&[measured(&["mt pipe 1"])]);
        assert!(text.contains("MISS") && text.contains("PASS"), "{text}");
    }
}
