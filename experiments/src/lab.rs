//! A host for an experiment, and guests that are told what to do on their consoles.
//!
//! **Failure.** A guest that does not say what is waited for ends the experiment with what it said.

use addr::ByteSize;
use host::{Host, HostConfig};
use model::{HostStatus, VmSpec, VmStatus};
use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};

/// How long a guest may take for anything.
const PATIENCE: Duration = Duration::from_mins(4);

/// Why an experiment could not be made.
pub(crate) struct Trouble(String);

impl Trouble {
    pub(crate) fn new(what: impl Into<String>) -> Self {
        Self(what.into())
    }

    pub(crate) fn draw(error: impl fmt::Display) -> Self {
        Self(format!("the picture cannot be drawn: {error}"))
    }
}

impl<E: std::error::Error> From<E> for Trouble {
    fn from(error: E) -> Self {
        Self(error.to_string())
    }
}

impl fmt::Display for Trouble {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Debug for Trouble {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// What guests are booted from.
pub(crate) struct Files {
    kernel: PathBuf,
    initrd: PathBuf,
}

impl Files {
    pub(crate) fn find(dir: &Path) -> Result<Self, Trouble> {
        let file = |name: &str| {
            let path = dir.join(name);
            let missing = || Trouble::new(format!("{} is missing: run make guest", path.display()));
            path.exists().then(|| path.clone()).ok_or_else(missing)
        };
        Ok(Self { kernel: file("Image")?, initrd: file("memtide.cpio")? })
    }

    /// A VM that boots to a shell.
    pub(crate) fn vm(&self, name: &str, memory: ByteSize) -> VmSpec {
        VmSpec {
            initrd: Some(self.initrd.clone()),
            append: "console=ttyS0 cryptomgr.notests quiet".to_owned(),
            ..VmSpec::new(name, memory, &self.kernel)
        }
    }
}

/// A host with nothing on it yet; its files go with it.
pub(crate) struct Lab {
    pub(crate) host: Host,
    start: Instant,
    _dir: tempfile::TempDir,
}

impl Lab {
    pub(crate) fn new(machine_memory: ByteSize, settings: &[(&str, u64)]) -> Result<Self, Trouble> {
        let dir = tempfile::tempdir()?;
        let config =
            HostConfig { state: dir.path().join("state"), machine_memory, swap: dir.path().join("swap") };
        let host = Host::open(&config)?;
        for (name, value) in settings {
            host.set_setting(name, *value)?;
        }
        Ok(Self { host, start: Instant::now(), _dir: dir })
    }

    /// Creates and starts a VM and waits for its shell.
    pub(crate) fn boot(&self, spec: VmSpec) -> Result<Guest, Trouble> {
        let guest = Guest { host: self.host.clone(), name: spec.name.clone() };
        self.host.create(spec)?;
        self.host.start(&guest.name)?;
        guest.wait_for("memtide: shell ready", 0)?;
        // The shell prompts a moment later.
        guest.wait_for("# ", 0)?;
        Ok(guest)
    }

    /// Seconds since the host was opened.
    pub(crate) fn now(&self) -> f64 {
        self.start.elapsed().as_secs_f64()
    }

    /// Calls `each` with the host's status once a second until `end` seconds after the host was opened.
    pub(crate) fn watch_until(&self, end: f64, mut each: impl FnMut(f64, &HostStatus)) {
        while self.now() < end {
            std::thread::sleep(Duration::from_secs(1));
            each(self.now(), &self.host.status());
        }
    }
}

impl Drop for Lab {
    fn drop(&mut self) {
        self.host.shutdown();
    }
}

/// A running VM, by its console.
pub(crate) struct Guest {
    host: Host,
    pub(crate) name: String,
}

impl Guest {
    fn wait_for(&self, text: &str, from: u64) -> Result<String, Trouble> {
        let console = self.host.console(&self.name)?;
        let deadline = Instant::now() + PATIENCE;
        let mut said = Vec::new();
        let mut next = from;
        loop {
            let excerpt = console.wait_since(next, usize::MAX, Duration::from_secs(1));
            next = excerpt.next();
            said.extend_from_slice(&excerpt.bytes);
            let shown = String::from_utf8_lossy(&said);
            if shown.contains(text) {
                return Ok(shown.into_owned());
            }
            if Instant::now() > deadline {
                return Err(Trouble::new(format!("{} did not say '{text}' but: {shown}", self.name)));
            }
        }
    }

    fn said_so_far(&self) -> Result<u64, Trouble> {
        Ok(self.host.console(&self.name)?.since(u64::MAX).next())
    }

    /// Has the guest run commands and go on at once.
    pub(crate) fn tell(&self, commands: &str) -> Result<(), Trouble> {
        let line = format!("{commands}\n");
        self.host.type_in(&self.name, line.as_bytes())?;
        Ok(())
    }

    /// Has the guest run commands and gives what they printed.
    pub(crate) fn ask(&self, commands: &str) -> Result<String, Trouble> {
        let from = self.said_so_far()?;
        // What is typed is echoed, so the word to wait for must not be in it.
        self.tell(&format!("{commands}; echo do$((0))ne"))?;
        self.wait_for("do0ne", from)
    }

    pub(crate) fn status(&self) -> Result<VmStatus, Trouble> {
        let status: Arc<HostStatus> = self.host.status();
        find(&status, &self.name).cloned().ok_or_else(|| Trouble::new(format!("{} does not run", self.name)))
    }
}

/// A VM in a status.
pub(crate) fn find<'a>(status: &'a HostStatus, name: &str) -> Option<&'a VmStatus> {
    status.vms.iter().find(|vm| vm.name == name)
}

/// The whole number behind `key=` in what a guest program printed last.
pub(crate) fn figure(text: &str, key: &str) -> Option<f64> {
    let (_, after) = text.rsplit_once(&format!(" {key}="))?;
    let digits: String = after.chars().take_while(char::is_ascii_digit).collect();
    digits.parse().ok()
}

pub(crate) fn mib(size: ByteSize) -> f64 {
    size.0 as f64 / f64::from(1 << 20)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn figures_are_read_from_lines_of_programs() {
        let text = "work mib=4 area=4 visits=32355000 us=2036387\r\n";
        assert_eq!(figure(text, "visits"), Some(32_355_000.0));
        assert_eq!(figure(text, "us"), Some(2_036_387.0));
        assert_eq!(figure(text, "rounds"), None);
    }
}
