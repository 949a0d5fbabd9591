//! What it was measured on and with.

use crate::guest::QEMU;
use std::fmt::Write;
use std::path::Path;
use std::process::Command;

/// The facts that a reader needs to judge the figures or to repeat them.
pub struct Facts {
    date: String,
    processor: String,
    processors: usize,
    host_kernel: String,
    qemu: String,
    memtide: String,
    guest_kernel: String,
}

impl Facts {
    /// Those of this machine, of the programs on it, and of the guest's kernel.
    ///
    /// # Errors
    /// If one cannot be read or run.
    pub fn gather(kernel: &Path) -> Result<Self, String> {
        let cpuinfo = read("/proc/cpuinfo")?;
        let image =
            std::fs::read(kernel).map_err(|error| format!("cannot read '{}': {error}", kernel.display()))?;
        Ok(Self {
            date: first_line(Command::new("date").args(["-u", "+%F %H:%M UTC"]))?,
            processor: field(&cpuinfo, "model name").unwrap_or("unknown").to_owned(),
            processors: std::thread::available_parallelism().map_or(1, usize::from),
            host_kernel: read("/proc/sys/kernel/osrelease")?.trim().to_owned(),
            qemu: first_line(Command::new(QEMU).arg("--version"))?,
            memtide: first_line(Command::new("git").args(["describe", "--always", "--dirty"]))
                .unwrap_or_else(|_| "unknown".to_owned()),
            guest_kernel: kernel_version(&image).unwrap_or_else(|| "unknown".to_owned()),
        })
    }

    /// As a list in Markdown; `others` are the CPUs that other programs used meanwhile, `guest`
    /// what the guests were.
    pub fn render(&self, others: f64, guest: &str) -> String {
        let mut text = String::new();
        let facts: [(&str, &str); 7] = [
            ("Date", &self.date),
            ("Host", &format!("{}, {} CPUs, Linux {}", self.processor, self.processors, self.host_kernel)),
            ("CPUs that other programs used during the rounds, on average", &format!("{others:.2}")),
            ("QEMU", &self.qemu),
            ("Memtide", &format!("commit {}, release build", self.memtide)),
            ("Guest kernel", &self.guest_kernel),
            ("Guest", guest),
        ];
        for (name, fact) in facts {
            writeln!(text, "* {name}: {fact}").expect("a String takes everything");
        }
        text
    }
}

fn read(path: &str) -> Result<String, String> {
    std::fs::read_to_string(path).map_err(|error| format!("cannot read {path}: {error}"))
}

fn first_line(command: &mut Command) -> Result<String, String> {
    let name = command.get_program().display().to_string();
    let output = command.output().map_err(|error| format!("cannot run '{name}': {error}"))?;
    let text = String::from_utf8_lossy(&output.stdout);
    let line = text.lines().next().filter(|_| output.status.success());
    line.map(str::to_owned).ok_or_else(|| format!("'{name}' ended with {}", output.status))
}

/// The value of the first line `key : value`.
fn field<'a>(text: &'a str, key: &str) -> Option<&'a str> {
    text.lines().find_map(|line| {
        let (name, value) = line.split_once(':')?;
        (name.trim() == key).then_some(value.trim())
    })
}

/// The version that a kernel's image has in its greeting: "Linux version VERSION (...".
fn kernel_version(image: &[u8]) -> Option<String> {
    const GREETING: &[u8] = b"Linux version ";
    let at = image.windows(GREETING.len()).position(|window| window == GREETING)?;
    let version = image[at + GREETING.len()..].split(|byte| *byte == b' ').next()?;
    Some(format!("Linux {}", str::from_utf8(version).ok()?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fields_are_found_by_their_whole_name() {
        let text = "model\t\t: 17\nmodel name\t: A: B\nmodel name\t: C\n";
        assert_eq!(field(text, "model name"), Some("A: B"));
        assert_eq!(field(text, "name"), None);
    }

    #[test]
    fn a_kernel_greets_with_its_version() {
        assert_eq!(kernel_version(b"\0\0Linux version 6.12.1 (x@y)\0").as_deref(), Some("Linux 6.12.1"));
        assert_eq!(kernel_version(b"Linux"), None);
    }

    #[test]
    fn a_command_that_fails_is_named() {
        assert_eq!(first_line(Command::new("echo").arg("a\nb")), Ok("a".to_owned()));
        assert!(first_line(&mut Command::new("false")).unwrap_err().contains("false"));
    }
}
