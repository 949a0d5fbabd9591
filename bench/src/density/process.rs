//! What memory a process takes, as the kernel says.

use addr::ByteSize;
use std::fs;

/// The memory of a process: its proportional set, in which a page that several have, a merged one too, counts in each by
/// its part, and its page tables.
pub(crate) fn memory(process: u32) -> Result<ByteSize, String> {
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
}
