//! Who is measured: QEMU, and Memtide under each technique of its MMU, running the same guest.

use apparatus::guest::{self, Files, KERNEL_LINE};
use std::path::PathBuf;
use std::process::Command;

/// Guest memory, in the words of both programs.
const MEMORY_MIB: u32 = 512;

/// The programs and files that are measured.
pub(crate) struct Guest {
    pub(crate) memtide: PathBuf,
    pub(crate) files: Files,
}

/// One way to run the guest.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Contestant {
    Qemu,
    /// Memtide with shadow page tables.
    Software,
    /// Memtide with two-stage walks.
    Hardware,
}

impl Contestant {
    pub(crate) const ALL: [Self; 3] = [Self::Qemu, Self::Software, Self::Hardware];

    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Qemu => "QEMU",
            Self::Software => "software",
            Self::Hardware => "hardware",
        }
    }

    /// The process that runs the guest, its console on standard output. `vm` names the VM to `memtide stats`.
    pub(crate) fn command(self, guest: &Guest, cpus: u32, commands: &str, vm: &str) -> Command {
        let mut command = match self {
            Self::Qemu => guest::qemu(MEMORY_MIB, cpus),
            Self::Software | Self::Hardware => Command::new(&guest.memtide),
        };
        match self {
            Self::Qemu => command.args(["-append", &command_line(commands)]).arg("-kernel"),
            Self::Software | Self::Hardware => command
                .args(["run", "--name", vm, "--mmu", self.name()])
                .args(["--memory", &format!("{MEMORY_MIB}MiB"), "--cpus", &cpus.to_string()])
                .args(["--append", &command_line(commands)])
                .arg("--kernel"),
        };
        let initrd = if self == Self::Qemu { "-initrd" } else { "--initrd" };
        command.arg(&guest.files.kernel).arg(initrd).arg(&guest.files.initrd);
        command
    }
}

/// The guest kernel's command line that runs `commands`.
pub(crate) fn command_line(commands: &str) -> String {
    format!("{KERNEL_LINE} memtide.run=\"{commands}\"")
}

/// The order in which the contestants take part in `round`: each is first, second and last equally often.
pub(crate) fn order(round: u32) -> [Contestant; 3] {
    let mut order = Contestant::ALL;
    order.rotate_left(round as usize % 3);
    order
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_contestant_is_in_every_place_once_in_three_rounds() {
        for place in 0..3 {
            let there: Vec<_> = (0..3).map(|round| order(round)[place]).collect();
            assert!(Contestant::ALL.iter().all(|contestant| there.contains(contestant)), "{there:?}");
        }
    }

    #[test]
    fn all_get_the_same_guest() {
        let files = Files { kernel: "Image".into(), initrd: "cpio".into() };
        let guest = Guest { memtide: "memtide".into(), files };
        let line = command_line("mt pipe 1");
        for contestant in Contestant::ALL {
            let command = contestant.command(&guest, 2, "mt pipe 1", "vm");
            let arguments: Vec<_> = command.get_args().map(|word| word.to_str().unwrap()).collect();
            for word in [line.as_str(), "Image", "cpio", "2"] {
                assert!(arguments.contains(&word), "{arguments:?} has no {word}");
            }
        }
    }
}
