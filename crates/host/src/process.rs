//! What the process takes beside the pool, by Linux's count.
//!
//! **Model.** Its anonymous memory and the pages of files it has mapped, which are mostly the program. The
//! pool is shared memory, which is counted apart. So the pool and this are what Linux sees of the process.
//!
//! **Cost.** Some 20 microseconds.
//!
//! **Sources.** Linux `Documentation/filesystems/proc.rst`, "status".

use addr::{ByteSize, PageCount};

/// Amounts that differ by less count as the same, so that not every little thing a thread does moves a frame.
const STEP: ByteSize = ByteSize::mib(1);

/// What the process takes beside the pool, rounded up to whole MiB; `None` if Linux does not say.
pub(crate) fn beside_pool() -> Option<PageCount> {
    let bytes = parse(&std::fs::read_to_string("/proc/self/status").ok()?)?;
    Some(ByteSize(bytes.0.next_multiple_of(STEP.0)).pages())
}

fn parse(status: &str) -> Option<ByteSize> {
    let field = |name: &str| -> Option<u64> {
        let line = status.lines().find_map(|line| line.strip_prefix(name))?;
        line.strip_prefix(':')?.trim().strip_suffix(" kB")?.parse().ok()
    };
    Some(ByteSize::kib(field("RssAnon")? + field("RssFile")?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_pool_is_left_out() {
        let status = "Name:\tmemtide\nVmRSS:\t  404000 kB\nRssAnon:\t    3000 kB\nRssFile:\t    1000 kB\n\
                      RssShmem:\t  400000 kB\n";
        assert_eq!(parse(status), Some(ByteSize::kib(4000)));
        assert_eq!(parse("RssAnon:\t3000 kB\n"), None);
        assert_eq!(parse(""), None);
    }

    #[test]
    fn linux_says_it_of_this_process() {
        let taken = beside_pool().expect("/proc is there");
        assert!((ByteSize::mib(1)..ByteSize::mib(4096)).contains(&taken.bytes()), "{taken:?}");
    }
}
