//! Which VMs are wanted on: a file beside each one's own.
//!
//! **Model.** `vms/NAME.on` is there while the VM is wanted on. It is empty, so that neither making nor removing it can
//! leave a third thing, and removing it needs no space: a stop can be written down on a full disk.
//!
//! **Concurrency.** Apart from the other files and their lock: whatever is being changed, how a VM's run began or ended is
//! written down at once.

use super::StateDir;
use crate::error::HostError;
use addr::ByteSize;
use files::{read_text, sync_directory};
use serde::Deserialize;
use std::collections::BTreeSet;
use std::fs::{self, File};
use std::io;
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// The files that say which VMs are wanted on. Keeps other hosts away from the state directory.
#[derive(Debug)]
pub(crate) struct WantedFiles {
    vms: PathBuf,
    _lock: Arc<File>,
}

/// No file of a version before is longer.
const MOST: ByteSize = ByteSize::mib(16);

/// What versions before wrote in place of these files, in `running.toml`.
#[derive(Deserialize)]
struct Before {
    #[serde(default)]
    vms: Vec<String>,
}

impl StateDir {
    pub(crate) fn wanted_files(&self) -> WantedFiles {
        WantedFiles { vms: self.dir.join("vms"), _lock: Arc::clone(&self.lock) }
    }
}

impl WantedFiles {
    /// The VMs that are wanted on, by name, and what went wrong with what a version before wrote.
    ///
    /// # Errors
    /// [`HostError::Io`].
    pub(crate) fn read(&self) -> Result<(BTreeSet<String>, Option<HostError>), HostError> {
        let failed = |error| HostError::io(format!("cannot read {}", self.vms.display()), error);
        let mut names = BTreeSet::new();
        for entry in fs::read_dir(&self.vms).map_err(failed)? {
            let path = entry.map_err(failed)?.path();
            if path.extension().is_some_and(|extension| extension == "on")
                && let Some(name) = path.file_stem().and_then(|name| name.to_str())
            {
                names.insert(name.to_owned());
            }
        }
        let trouble = self.take_over(&mut names).err();
        Ok((names, trouble))
    }

    /// Takes over what a version before wrote, once. Interrupted, it is done again.
    fn take_over(&self, names: &mut BTreeSet<String>) -> Result<(), HostError> {
        let path = self.vms.with_file_name("running.toml");
        let text = match read_text(&path, MOST) {
            Err(error) if error.is_not_found() => return Ok(()),
            text => text.map_err(|error| HostError::bad_file(&path, error))?,
        };
        let Before { vms } = toml::from_str(&text)
            .map_err(|error| HostError::bad_file(&path, error.to_string().trim_end()))?;
        let vms = vms.into_iter().filter(|name| self.vms.join(format!("{name}.toml")).exists());
        let vms: Vec<String> = vms.collect();
        names.extend(vms.iter().cloned());
        for name in &vms {
            self.write(name, true)?;
        }
        let removed = fs::remove_file(&path).and_then(|()| sync_directory(&path));
        removed.map_err(|error| HostError::io(format!("cannot remove {}", path.display()), error))
    }

    /// Keeps whether a VM is wanted on. It is on the disk when this returns.
    ///
    /// # Errors
    /// [`HostError::NotKept`]: what was kept stays, unless it is merely not known whether the disk has it yet.
    pub(crate) fn write(&self, vm: &str, on: bool) -> Result<(), HostError> {
        let path = self.vms.join(format!("{vm}.on"));
        let written = if on { make(&path) } else { remove(&path) };
        written.map_err(|source| HostError::NotKept { file: path, source })
    }
}

fn make(path: &Path) -> io::Result<()> {
    File::options().write(true).create(true).truncate(false).mode(0o600).open(path)?.sync_all()?;
    sync_directory(path)
}

fn remove(path: &Path) -> io::Result<()> {
    match fs::remove_file(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        removed => removed.and_then(|()| sync_directory(path)),
    }
}
