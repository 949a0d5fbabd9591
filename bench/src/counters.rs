//! What Memtide counted while each program ran: the reasons behind the times.
//!
//! **Model.** One boot per technique, not timed. The guest sleeps for a second before each program; when a program has
//! reported, `memtide stats` is asked within that second, so that the difference to the answer before is what this program
//! did, with its start and its end. The first answer is what the boot did.

use crate::boot::Boot;
use crate::contestant::{Contestant, Guest};
use crate::measure::BOOT;
use crate::programs::{SECTIONS, Section};
use serde_json::Value;
use std::process::Command;

/// What a program did under one technique.
pub(crate) struct Counted {
    /// [`BOOT`] or the command of a program.
    pub(crate) what: &'static str,
    pub(crate) technique: &'static str,
    pub(crate) counts: Counts,
}

/// The counts that explain; the names are those of `memtide stats -o json`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Counts {
    pub(crate) instructions: u64,
    pub(crate) exceptions: u64,
    pub(crate) tlb_misses: u64,
    pub(crate) hidden_faults: u64,
    pub(crate) true_faults: u64,
    pub(crate) walk_references: u64,
    pub(crate) tables_built: u64,
    pub(crate) tables_synced: u64,
    pub(crate) fences: u64,
    pub(crate) switches: u64,
}

impl Counts {
    /// Reads the counts of `technique` in the answer of `memtide stats -o json`.
    fn read(answer: &Value, technique: &str) -> Option<Self> {
        let counts = answer.get(technique)?;
        let count = |key: &str| counts.get(key)?.as_u64();
        Some(Self {
            instructions: count("instructions")?,
            exceptions: count("exceptions")?,
            tlb_misses: count("tlb_data_misses")? + count("tlb_fetch_misses")?,
            hidden_faults: count("hidden_faults")?,
            true_faults: count("true_faults")?,
            walk_references: count("walk_references")?,
            tables_built: count("shadow_tables_built")?,
            tables_synced: count("shadow_tables_synced")?,
            fences: count("space_fences")? + count("page_fences")?,
            switches: count("switches")?,
        })
    }

    fn since(&self, earlier: &Self) -> Self {
        Self {
            instructions: self.instructions - earlier.instructions,
            exceptions: self.exceptions - earlier.exceptions,
            tlb_misses: self.tlb_misses - earlier.tlb_misses,
            hidden_faults: self.hidden_faults - earlier.hidden_faults,
            true_faults: self.true_faults - earlier.true_faults,
            walk_references: self.walk_references - earlier.walk_references,
            tables_built: self.tables_built - earlier.tables_built,
            tables_synced: self.tables_synced - earlier.tables_synced,
            fences: self.fences - earlier.fences,
            switches: self.switches - earlier.switches,
        }
    }

    /// Memory references that a TLB miss took on average; `None` if there was none.
    pub(crate) fn references_per_miss(&self) -> Option<f64> {
        (self.tlb_misses > 0).then(|| self.walk_references as f64 / self.tlb_misses as f64)
    }
}

/// Counts the programs of the section with one vCPU, under both techniques; each program's two results follow each
/// other.
pub(crate) fn count_all(guest: &Guest) -> Result<Vec<Counted>, String> {
    let section = &SECTIONS[0];
    let software = count_section(guest, section, Contestant::Software)?;
    let hardware = count_section(guest, section, Contestant::Hardware)?;
    Ok(software.into_iter().zip(hardware).flat_map(|(software, hardware)| [software, hardware]).collect())
}

fn count_section(guest: &Guest, section: &Section, contestant: Contestant) -> Result<Vec<Counted>, String> {
    eprintln!("counting, {}", contestant.name());
    let vm = format!("bench-{}", std::process::id());
    let mut boot =
        Boot::start(contestant.command(guest, section.cpus, &section.commands(Some("sleep 1")), &vm))?;
    boot.ready()?;
    let mut earlier = ask(guest, &vm, contestant)?;
    let mut counted = vec![Counted { what: BOOT, technique: contestant.name(), counts: earlier }];
    for program in section.programs {
        boot.program(program)?;
        let now = ask(guest, &vm, contestant)?;
        counted.push(Counted { what: program, technique: contestant.name(), counts: now.since(&earlier) });
        earlier = now;
    }
    boot.end()?;
    Ok(counted)
}

fn ask(guest: &Guest, vm: &str, contestant: Contestant) -> Result<Counts, String> {
    let output = Command::new(&guest.memtide)
        .args(["stats", vm, "-o", "json"])
        .output()
        .map_err(|error| format!("cannot run '{}': {error}", guest.memtide.display()))?;
    let answer = String::from_utf8_lossy(&output.stdout);
    serde_json::from_str(&answer)
        .ok()
        .and_then(|answer| Counts::read(&answer, contestant.name()))
        .ok_or_else(|| format!("'memtide stats' said '{answer}{}'", String::from_utf8_lossy(&output.stderr)))
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;

    fn answer(count: u64) -> Value {
        let keys = [
            "instructions",
            "exceptions",
            "tlb_data_misses",
            "tlb_fetch_misses",
            "hidden_faults",
            "true_faults",
            "walk_references",
            "shadow_tables_built",
            "shadow_tables_synced",
            "space_fences",
            "page_fences",
            "switches",
        ];
        let counts: serde_json::Map<_, _> =
            keys.iter().map(|key| ((*key).to_owned(), count.into())).collect();
        serde_json::json!({ "name": "vm", "software": counts, "hardware": {} })
    }

    #[test]
    fn counts_are_read_from_their_technique() {
        let counts = Counts::read(&answer(5), "software").unwrap();
        assert_eq!((counts.instructions, counts.tlb_misses, counts.fences), (5, 10, 10));
        assert_eq!(Counts::read(&answer(5), "hardware"), None);
    }

    #[test]
    fn a_programs_counts_are_a_difference() {
        let [earlier, now] = [5, 12].map(|count| Counts::read(&answer(count), "software").unwrap());
        assert_eq!(now.since(&earlier), Counts::read(&answer(7), "software").unwrap());
    }

    #[test]
    fn references_are_counted_per_miss() {
        let counts = Counts { tlb_misses: 4, walk_references: 60, ..Counts::default() };
        assert_eq!(counts.references_per_miss(), Some(15.0));
        assert_eq!(Counts::default().references_per_miss(), None);
    }
}
