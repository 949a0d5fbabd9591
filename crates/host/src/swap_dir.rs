//! Whether a directory is one for swap files.

use crate::core::Core;
use crate::error::HostError;
use model::{VmSpec, What};
use std::fs;
use std::path::Path;

/// What Linux calls file systems that are memory.
const IN_MEMORY: [u32; 2] = [0x0102_1994, 0x8584_58f6];

/// Refuses to start a VM whose swap file has no place, and says so if its place is memory. Waits for the disk, if that answers.
pub(crate) fn check(core: &Core, spec: &VmSpec) -> Result<(), HostError> {
    if spec.memory_bytes == spec.reservation_bytes {
        return Ok(());
    }
    let dir = spec.swap_dir.as_ref().unwrap_or(&core.config.swap);
    check_answers(core, dir, || format!("VM '{}' cannot start", spec.name))?;
    if *dir == core.config.swap {
        // The host's own is made anew if somebody removed it. Why that fails is said next.
        let _ = fs::create_dir_all(dir);
    }
    usable(dir).map_err(|why| HostError::SwapDir {
        what: format!("VM '{}' cannot start", spec.name),
        why: format!("{why} for its swap file"),
    })?;
    if is_in_memory(dir) {
        core.journal.add(What::SwapInMemory { vm: spec.name.clone(), directory: dir.display().to_string() });
    }
    Ok(())
}

/// Refuses what a disk would be waited for that does not answer: others wait for whoever makes a change.
pub(crate) fn check_answers(core: &Core, dir: &Path, what: impl FnOnce() -> String) -> Result<(), HostError> {
    if core.answers(dir) {
        return Ok(());
    }
    let why = format!("the disk of '{}' does not answer, and has to hold its swap file", dir.display());
    Err(HostError::SwapDir { what: what(), why })
}

fn usable(dir: &Path) -> Result<(), String> {
    let shown = dir.display();
    match fs::metadata(dir) {
        Ok(found) if found.is_dir() => Ok(()),
        Ok(_) => Err(format!("'{shown}' is no directory")),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
            Err(format!("there is no directory '{shown}'"))
        }
        Err(error) => Err(format!("the directory '{shown}' cannot be used ({error})")),
    }
}

fn is_in_memory(dir: &Path) -> bool {
    // Types of file systems have 32 bits.
    rustix::fs::statfs(dir).is_ok_and(|system| IN_MEMORY.contains(&(system.f_type as u32)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_no_directory_is_named() {
        let dir = tempfile::tempdir().unwrap();
        usable(dir.path()).unwrap();
        let file = dir.path().join("file");
        fs::write(&file, "").unwrap();
        assert!(usable(&file).unwrap_err().ends_with("file' is no directory"));
        assert!(usable(&file.join("below")).unwrap_err().contains("cannot be used"));
        let gone = usable(&dir.path().join("gone")).unwrap_err();
        assert!(gone.starts_with("there is no directory '") && gone.ends_with("gone'"), "{gone}");
    }

    #[test]
    fn file_systems_that_are_memory_are_known() {
        assert!(!is_in_memory(Path::new("/proc")));
        // Every Linux has it, for shared memory.
        if Path::new("/dev/shm").is_dir() {
            assert!(is_in_memory(Path::new("/dev/shm")));
        } else {
            eprintln!("skipped: there is no /dev/shm here");
        }
    }
}
