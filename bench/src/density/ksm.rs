//! The kernel's own sharing of equal pages, kernel samepage merging.
//!
//! **Model.** While a trial measures with it, it scans as fast as [`PAGES_TO_SCAN`] and [`SLEEP`] allow until it has
//! settled; then it rests, and what is merged stays so. All its other settings are left as they are.
//!
//! **Failure.** What was set before is set again when [`Ksm`] goes, and pages that this program's QEMUs had merged went
//! with them. Only who kills this program with SIGKILL has to set it back by hand.

use crate::interrupt::Interrupt;
use addr::ByteSize;
use std::fs;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

/// Pages looked at between two sleeps: 50 times the kernel's default.
pub(crate) const PAGES_TO_SCAN: u64 = 5000;
/// Milliseconds of a sleep: half of the kernel's default.
pub(crate) const SLEEP: u64 = 10;
/// The longest that it is waited for.
pub(crate) const LIMIT: Duration = Duration::from_mins(1);

/// How often it is looked whether it has settled.
const LOOK: Duration = Duration::from_secs(4);
/// Rounds over all pages without which nothing is settled: a page is merged only if it did not change since the last.
const ROUNDS: u64 = 4;
/// It has settled when memory shrinks by less than this part between two looks.
const SETTLED: f64 = 0.005;

const SET: [&str; 3] = ["run", "pages_to_scan", "sleep_millisecs"];

/// The right to set it, and what was set before.
pub(crate) struct Ksm {
    directory: PathBuf,
    before: [u64; 3],
}

/// What it has done.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Merged {
    /// Frames that hold merged pages.
    pub(crate) shared: u64,
    /// Pages in them beyond the first of each: what is saved.
    pub(crate) sharing: u64,
}

impl Ksm {
    /// Takes it over; the reason if it cannot be had.
    pub(crate) fn take() -> Result<Self, String> {
        Self::at(Path::new("/sys/kernel/mm/ksm"))
    }

    fn at(directory: &Path) -> Result<Self, String> {
        let mut before = [0; 3];
        for (name, value) in SET.into_iter().zip(&mut before) {
            let path = directory.join(name);
            *value = read(&path)?;
            // Writing what is there changes nothing, and shows whether it may be written.
            write(&path, *value)?;
        }
        Ok(Self { directory: directory.to_owned(), before })
    }

    /// Scans until there is little more to gain, then rests; `used` says how much memory is used.
    pub(crate) fn settle(
        &self,
        interrupt: &Interrupt,
        used: impl Fn() -> Result<ByteSize, String>,
    ) -> Result<Merged, String> {
        self.write("pages_to_scan", PAGES_TO_SCAN)?;
        self.write("sleep_millisecs", SLEEP)?;
        let (start, scans) = (Instant::now(), self.read("full_scans")?);
        let mut last = used()?;
        self.write("run", 1)?;
        loop {
            interrupt.sleep(LOOK)?;
            let now = used()?;
            let rounds = self.read("full_scans")? - scans;
            if rounds >= ROUNDS && has_settled(last, now) || start.elapsed() > LIMIT {
                break;
            }
            last = now;
        }
        self.write("run", 0)?;
        Ok(Merged { shared: self.read("pages_shared")?, sharing: self.read("pages_sharing")? })
    }

    fn read(&self, name: &str) -> Result<u64, String> {
        read(&self.directory.join(name))
    }

    fn write(&self, name: &str, value: u64) -> Result<(), String> {
        write(&self.directory.join(name), value)
    }
}

fn read(path: &Path) -> Result<u64, String> {
    let text =
        fs::read_to_string(path).map_err(|error| format!("cannot read {}: {error}", path.display()))?;
    text.trim().parse().map_err(|_| format!("{} says '{}'", path.display(), text.trim()))
}

fn write(path: &Path, value: u64) -> Result<(), String> {
    fs::write(path, value.to_string()).map_err(|error| format!("cannot write {}: {error}", path.display()))
}

impl Drop for Ksm {
    fn drop(&mut self) {
        for (name, value) in SET.into_iter().zip(self.before) {
            if let Err(error) = self.write(name, value) {
                eprintln!("warning: {error}; it was {value} before");
            }
        }
    }
}

fn has_settled(last: ByteSize, now: ByteSize) -> bool {
    now.0 as f64 > last.0 as f64 * (1.0 - SETTLED)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Files as the kernel has them.
    fn files() -> tempfile::TempDir {
        let directory = tempfile::tempdir().unwrap();
        for (name, value) in [("run", "0\n"), ("pages_to_scan", "100\n"), ("sleep_millisecs", "20\n")] {
            fs::write(directory.path().join(name), value).unwrap();
        }
        directory
    }

    #[test]
    fn what_was_set_before_is_set_again() {
        let directory = files();
        let ksm = Ksm::at(directory.path()).unwrap();
        for name in SET {
            ksm.write(name, 7).unwrap();
        }
        drop(ksm);
        let now = SET.map(|name| fs::read_to_string(directory.path().join(name)).unwrap());
        assert_eq!(now, ["0", "100", "20"]);
    }

    #[test]
    fn where_it_is_not_is_said() {
        let error = Ksm::at(Path::new("/no/such/directory")).err().unwrap();
        assert!(error.contains("/no/such/directory/run"), "{error}");
    }

    #[test]
    fn settled_is_what_hardly_shrinks() {
        let mib = ByteSize::mib;
        assert!(!has_settled(mib(1000), mib(990)));
        assert!(has_settled(mib(1000), mib(998)));
        assert!(has_settled(mib(1000), mib(1100)), "what grows will not shrink by waiting");
    }
}
