//! What is measured: the guest programs of each section, sized to take between a tenth of a second and a second.

/// A list of programs that run in one boot.
pub(crate) struct Section {
    /// vCPUs of the guest.
    pub(crate) cpus: u32,
    /// Commands in the order they run; `guest/README.md` says what each does.
    pub(crate) programs: &'static [&'static str],
}

/// All of them.
pub(crate) const SECTIONS: [Section; 2] = [
    Section {
        cpus: 1,
        programs: &[
            "mt integer 100",
            "mt float 100",
            "mt syscalls 200000",
            "mt pipe 3000",
            "mt mmapstorm 200",
            "mt forkonly 50",
            "mt forkstorm 25",
            "mt memset 64 5",
            "mt memcpy 16 5",
            "mt touch 32 2",
            "mt chase 1 2000000 4096",
            "mt chase 4 2000000 4096",
            "mt chase 16 2000000 4096",
            "mt chase 64 2000000 4096",
            "mt chase 1 3000000 64",
            "mt chase 4 3000000 64",
            "mt chase 16 3000000 64",
            "mt chase 64 3000000 64",
            "mt smc 2000",
            "mt atomics 200000 2",
        ],
    },
    Section { cpus: 2, programs: &["mt touch 8 2 2", "mt atomics 200000 2", "mt pipe 1000"] },
];

impl Section {
    /// The `memtide.run` that runs the programs one after the other, with `pause` before each.
    pub(crate) fn commands(&self, pause: Option<&str>) -> String {
        let command = |program: &&str| match pause {
            Some(pause) => format!("{pause}; {program}"),
            None => (*program).to_owned(),
        };
        self.programs.iter().map(command).collect::<Vec<_>>().join("; ")
    }
}

/// The first word of the line in which `program` reports.
pub(crate) fn name(program: &str) -> &str {
    program.split(' ').nth(1).expect("a program is `mt NAME NUMBERS`")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn commands_follow_each_other() {
        let section = Section { cpus: 1, programs: &["mt pipe 1", "mt smc 2"] };
        assert_eq!(section.commands(None), "mt pipe 1; mt smc 2");
        assert_eq!(section.commands(Some("sleep 1")), "sleep 1; mt pipe 1; sleep 1; mt smc 2");
    }

    /// The kernel cuts a longer command line off.
    #[test]
    fn commands_fit_the_kernels_command_line() {
        for section in &SECTIONS {
            assert!(section.commands(Some("sleep 1")).len() < 900);
        }
    }

    #[test]
    fn programs_are_named_by_their_second_word() {
        assert_eq!(name("mt chase 64 1000 64"), "chase");
    }
}
