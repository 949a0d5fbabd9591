//! What Memtide aims at, and whether it was met.

use crate::contestant::Contestant;
use crate::measure::{BOOT, Measured};

/// A bound on how many times as long as QEMU something may take.
struct Aim {
    subject: &'static str,
    /// Names of rows.
    rows: &'static [&'static str],
    bound: f64,
}

const AIMS: [Aim; 6] = [
    Aim { subject: "boot", rows: &[BOOT], bound: 1.0 },
    Aim { subject: "fork and exec", rows: &["forkonly", "forkstorm"], bound: 1.0 },
    Aim { subject: "mmap", rows: &["mmapstorm"], bound: 1.0 },
    Aim { subject: "context switches", rows: &["pipe"], bound: 1.0 },
    Aim { subject: "traps", rows: &["syscalls"], bound: 1.0 },
    Aim { subject: "plain integer code", rows: &["integer"], bound: 4.0 },
];

/// Whether one row under one technique is within its aim.
pub(crate) struct Verdict {
    pub(crate) subject: &'static str,
    pub(crate) what: &'static str,
    pub(crate) cpus: u32,
    pub(crate) technique: &'static str,
    pub(crate) bound: f64,
    pub(crate) ratio: f64,
}

impl Verdict {
    pub(crate) fn word(&self) -> &'static str {
        if self.ratio <= self.bound { "PASS" } else { "MISS" }
    }
}

/// All verdicts, by aim.
pub(crate) fn judge(sections: &[Measured]) -> Vec<Verdict> {
    let mut verdicts = Vec::new();
    for aim in &AIMS {
        for section in sections {
            for row in section.rows.iter().filter(|row| aim.rows.contains(&row.name())) {
                for technique in [Contestant::Software, Contestant::Hardware] {
                    verdicts.push(Verdict {
                        subject: aim.subject,
                        what: row.what,
                        cpus: section.cpus,
                        technique: technique.name(),
                        bound: aim.bound,
                        ratio: row.ratio(technique, Contestant::Qemu),
                    });
                }
            }
        }
    }
    verdicts
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::measure::tests::measured;
    use crate::programs::SECTIONS;

    #[test]
    fn each_technique_is_judged_by_its_own_ratio() {
        let sections = [measured(&["mt integer 1", "mt pipe 1", "mt float 1"])];
        let words: Vec<_> = judge(&sections).iter().map(|v| (v.subject, v.technique, v.word())).collect();
        assert_eq!(
            words,
            [
                ("boot", "software", "PASS"),
                ("boot", "hardware", "PASS"),
                ("context switches", "software", "MISS"),
                ("context switches", "hardware", "MISS"),
                ("plain integer code", "software", "PASS"),
                ("plain integer code", "hardware", "PASS"),
            ]
        );
    }

    #[test]
    fn whatever_is_aimed_at_is_measured() {
        let sections: Vec<_> = SECTIONS.iter().map(Measured::new).collect();
        for name in AIMS.iter().flat_map(|aim| aim.rows) {
            assert!(
                sections.iter().flat_map(|section| &section.rows).any(|row| row.name() == *name),
                "{name}"
            );
        }
    }
}
