//! Where the Debian guest is, and how a test says that it goes without.

use std::fs::File;
use std::io::{self, Write};
use std::path::{Path, PathBuf};

/// Says that a test is skipped, and why, past the test harness, which shows what passing tests print to nobody.
pub fn skipped(why: &str) {
    let name = std::thread::current().name().unwrap_or("a test").to_owned();
    let _ = writeln!(io::stderr(), "SKIPPED: {name}: {why}");
    // `scripts/test` counts them.
    if let Some(list) = std::env::var_os("MEMTIDE_SKIPPED")
        && let Ok(mut list) = File::options().append(true).open(list)
    {
        let _ = writeln!(list, "{name}: {why}");
    }
}

/// The directory with the Debian guest that `make guest` fetches and builds; `None`, and a word about it, if one of these
/// files is not in it.
#[must_use]
pub fn debian(files: &[&str]) -> Option<PathBuf> {
    let beside = || Path::new(env!("CARGO_MANIFEST_DIR")).join("../../state");
    let guest = std::env::var_os("MEMTIDE_STATE").map_or_else(beside, PathBuf::from).join("guest");
    let missing = files.iter().map(|file| guest.join(file)).find(|file| !file.exists());
    if let Some(file) = missing {
        skipped(&format!("{} is missing; run make guest", file.display()));
        return None;
    }
    Some(guest)
}

/// The same for a test that waits for the guest to boot, which this build may be too slow for.
#[must_use]
pub fn bootable_debian(files: &[&str]) -> Option<PathBuf> {
    if cfg!(debug_assertions) {
        skipped("a guest takes minutes to boot unoptimized; run cargo test --release");
        return None;
    }
    debian(files)
}
