//! What a process takes, as the kernel says.

use addr::ByteSize;
use std::fs;
use std::time::Duration;

/// The kernel's unit for CPU times in `/proc`: hundredths of a second on every Linux.
const TICK: Duration = Duration::from_millis(10);

/// The memory of a process: its proportional set, in which a page that several have, a merged one too, counts in each by
/// its part, and its page tables.
///
/// # Errors
/// If the kernel does not say.
pub fn memory(process: u32) -> Result<ByteSize, String> {
    let read = |file: &str| {
        let path = format!("/proc/{process}/{file}");
        fs::read_to_string(&path).map_err(|error| format!("cannot read {path}: {error}"))
    };
    let (set, status) = (read("smaps_rollup")?, read("status")?);
    let sum = field(&set, "Pss").zip(field(&status, "VmPTE")).map(|(set, tables)| ByteSize(set.0 + tables.0));
    sum.ok_or_else(|| format!("/proc/{process} says no Pss or no VmPTE"))
}

/// The value of the line `key: NUMBER kB`.
fn field(text: &str, key: &str) -> Option<ByteSize> {
    text.lines().find_map(|line| {
        let value = line.strip_prefix(key)?.strip_prefix(':')?.trim().strip_suffix(" kB")?;
        Some(ByteSize::kib(value.parse().ok()?))
    })
}

/// CPU time that a running process has used, user and system, in all threads.
///
/// # Errors
/// If the kernel does not say.
pub fn cpu_time(process: u32) -> Result<Duration, String> {
    let path = format!("/proc/{process}/stat");
    let text = fs::read_to_string(&path).map_err(|error| format!("cannot read {path}: {error}"))?;
    cpu_ticks(&text).map(|ticks| TICK * ticks).ok_or_else(|| format!("{path} says '{text}'"))
}

/// User and system time in `/proc/PID/stat`: the fields 14 and 15, counted from behind the name, which may have
/// spaces and parentheses.
fn cpu_ticks(stat: &str) -> Option<u32> {
    let mut fields = stat.rsplit_once(')')?.1.split_whitespace().skip(11);
    let mut next = || fields.next()?.parse::<u32>().ok();
    Some(next()? + next()?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fields_are_found_by_their_whole_name() {
        let text = "7f-8f ---p 0 00:00 0 [rollup]\nRss:  9 kB\nPss_Anon:  1 kB\nPss:    12 kB\n";
        assert_eq!(field(text, "Pss"), Some(ByteSize::kib(12)));
        assert_eq!(field(text, "VmPTE"), None);
    }

    #[test]
    fn this_process_takes_something() {
        assert!(memory(std::process::id()).unwrap() > ByteSize::kib(100));
    }

    #[test]
    fn cpu_time_is_found_behind_any_name() {
        assert_eq!(cpu_ticks("7 (a) b) S 1 1 1 0 -1 4194560 89 0 0 0 31 11 0 0 20"), Some(42));
        assert_eq!(cpu_ticks("7 (a"), None);
        assert!(cpu_time(std::process::id()).is_ok());
    }
}
