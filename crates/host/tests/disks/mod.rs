//! File systems of a test's own, small enough to be full and able to be stuck.

#![allow(dead_code, reason = "each test program uses its part")]

use kernels::skipped;
use std::path::{Path, PathBuf};
use std::process::{Child, Command};
use tempfile::{TempDir, TempPath};

/// A file system that goes with this.
pub(crate) struct Disk {
    dir: TempDir,
}

fn run(program: &str, arguments: &[&str]) -> Result<(), String> {
    let output =
        Command::new(program).args(arguments).output().map_err(|error| format!("{program}: {error}"))?;
    let said = String::from_utf8_lossy(&output.stderr);
    if output.status.success() { Ok(()) } else { Err(format!("{program}: {}", said.trim())) }
}

impl Disk {
    /// A file system in memory; `None`, and a word about it, if this user may not mount one.
    pub(crate) fn in_memory(mib: u64) -> Option<Self> {
        let dir = tempfile::tempdir().unwrap();
        let size = format!("size={mib}m");
        Self::mounted(dir, |at| run("mount", &["-t", "tmpfs", "-o", &size, "memtide-test", at]))
    }

    /// A file system that can be frozen, in a file.
    pub(crate) fn in_file(mib: u64) -> Option<Self> {
        let file = tempfile::NamedTempFile::new().unwrap();
        file.as_file().set_len(mib << 20).unwrap();
        let name = file.path().display().to_string();
        let dir = tempfile::tempdir().unwrap();
        Self::mounted(dir, |at| {
            run("mkfs.ext4", &["-q", "-O", "^has_journal", &name])?;
            run("mount", &["-o", "loop", &name, at])
        })
    }

    fn mounted(dir: TempDir, mount: impl FnOnce(&str) -> Result<(), String>) -> Option<Self> {
        match mount(&dir.path().display().to_string()) {
            Ok(()) => Some(Self { dir }),
            Err(why) => {
                skipped(&format!("cannot mount a file system ({why}); run it as root"));
                None
            }
        }
    }

    pub(crate) fn path(&self) -> &Path {
        self.dir.path()
    }

    /// Lets nobody write for some seconds, or until that is ended. It ends by itself, whatever becomes of the test.
    pub(crate) fn freeze(&self, seconds: u32) -> Frozen {
        let dir = self.path().display();
        let until = tempfile::NamedTempFile::new().unwrap().into_temp_path();
        let file = until.display();
        let waits =
            format!("i=0; while [ -e {file} ] && [ $i -lt {seconds}0 ]; do sleep 0.1; i=$((i+1)); done");
        let script = format!("fsfreeze -f {dir}; {waits}; fsfreeze -u {dir}");
        let child = Command::new("setsid").args(["sh", "-c", &script]).spawn().unwrap();
        Frozen { child, until: Some(until) }
    }
}

impl Drop for Disk {
    fn drop(&mut self) {
        // Whoever still has a file open keeps it until then.
        let _ = run("umount", &["-l", &self.path().display().to_string()]);
    }
}

/// The time in which a disk is frozen.
pub(crate) struct Frozen {
    child: Child,
    /// It ends when this file is gone.
    until: Option<TempPath>,
}

impl Frozen {
    /// Whether it still is.
    pub(crate) fn lasts(&mut self) -> bool {
        self.child.try_wait().unwrap().is_none()
    }
}

impl Drop for Frozen {
    fn drop(&mut self) {
        self.until = None;
        let _ = self.child.wait();
    }
}

/// The files that this process has open in `dir`, as paths by which they can be opened again.
pub(crate) fn open_files(dir: &Path) -> Vec<PathBuf> {
    let all = std::fs::read_dir("/proc/self/fd").unwrap().map(|entry| entry.unwrap().path());
    all.filter(|fd| std::fs::read_link(fd).is_ok_and(|file| file.starts_with(dir))).collect()
}
