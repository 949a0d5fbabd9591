//! What survives a restart: files in the state directory.
//!
//! **Model.**
//!
//! ```text
//!   lock            held while a host runs on this directory
//!   settings.toml   advanced settings that differ from their defaults
//!   pools.toml      resource pools
//!   alarm-rules.toml  alarm rules with their secrets, once they differ from those by default
//!   alarms.toml     alarms there are
//!   vms/NAME.toml   one VM
//!   vms/NAME.on     there while that VM is wanted on (`wanted`)
//! ```
//!
//! **Failure.** A file is written beside its place and moved there, so that whatever interrupts a write, the
//! file is the old one or the new one. A file that makes no sense is an error that names the file and the
//! field: nothing is ever dropped in silence.
//!
//! **Concurrency.** Used by one thread at a time; other hosts are kept out by the lock.

mod wanted;

use crate::alarms::kept::{WrittenAlarms, WrittenRules, default_rules};
use crate::alarms::{AlarmRule, Book};
use crate::error::HostError;
use crate::spec::{PoolSpec, VmSpec};
use rustix::fs::{FlockOperation, flock};
use sched::Settings;
use sched::alarm::Alarms;
use sched::settings::TABLE;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io::{self, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

pub(crate) use wanted::WantedFiles;

const TEMPORARY: &str = ".new";

/// The state directory, ours alone.
#[derive(Debug)]
pub(crate) struct StateDir {
    dir: PathBuf,
    lock: Arc<File>,
}

/// Everything found in a state directory.
#[derive(Debug, Default)]
pub(crate) struct Found {
    pub(crate) settings: Settings,
    pub(crate) pools: Vec<PoolSpec>,
    pub(crate) vms: Vec<VmSpec>,
    pub(crate) alarms: Book,
}

#[derive(Serialize, Deserialize, Default)]
#[serde(deny_unknown_fields)]
struct Pools {
    #[serde(default)]
    pool: Vec<PoolSpec>,
}

/// Settings as written: `[Mem]`, then `IdleTax = 50`.
type WrittenSettings = BTreeMap<String, BTreeMap<String, u64>>;

impl StateDir {
    /// Takes the directory, making it if need be.
    ///
    /// # Errors
    /// [`HostError::Locked`] if another host has it; [`HostError::Io`].
    pub(crate) fn open(dir: &Path) -> Result<Self, HostError> {
        let failed = |what: &str| {
            let what = format!("cannot {what} {}", dir.display());
            move |error| HostError::io(what, error)
        };
        fs::create_dir_all(dir.join("vms")).map_err(failed("make the state directory"))?;
        let lock = File::options().create(true).truncate(false).write(true).open(dir.join("lock"));
        let lock = lock.map_err(failed("lock"))?;
        match flock(&lock, FlockOperation::NonBlockingLockExclusive) {
            Ok(()) => Ok(Self { dir: dir.to_owned(), lock: Arc::new(lock) }),
            Err(rustix::io::Errno::WOULDBLOCK) => Err(HostError::Locked(dir.to_owned())),
            Err(error) => Err(failed("lock")(error.into())),
        }
    }

    /// Reads everything.
    ///
    /// # Errors
    /// [`HostError::BadFile`] with the first file that makes no sense.
    pub(crate) fn read(&self) -> Result<Found, HostError> {
        let pools: Pools = self.read_file(Path::new("pools.toml"))?.unwrap_or_default();
        for pool in &pools.pool {
            pool.check().map_err(|error| HostError::bad_file(&self.dir.join("pools.toml"), error))?;
        }
        Ok(Found {
            settings: self.read_settings()?,
            pools: pools.pool,
            vms: self.read_vms()?,
            alarms: self.read_alarms()?,
        })
    }

    fn read_settings(&self) -> Result<Settings, HostError> {
        let name = Path::new("settings.toml");
        let written: WrittenSettings = self.read_file(name)?.unwrap_or_default();
        let mut settings = Settings::default();
        for (group, values) in &written {
            for (setting, &value) in values {
                let set = settings.set(&format!("{group}.{setting}"), value);
                set.map_err(|error| HostError::bad_file(&self.dir.join(name), error))?;
            }
        }
        Ok(settings)
    }

    fn read_vms(&self) -> Result<Vec<VmSpec>, HostError> {
        let dir = self.dir.join("vms");
        let failed = |error| HostError::io(format!("cannot read {}", dir.display()), error);
        let mut vms = Vec::new();
        for entry in fs::read_dir(&dir).map_err(failed)? {
            let path = entry.map_err(failed)?.path();
            if path.extension().is_some_and(|extension| extension == "toml") {
                let spec: VmSpec =
                    read_toml(&path)?.ok_or_else(|| HostError::bad_file(&path, "it went away"))?;
                spec.check().map_err(|error| HostError::bad_file(&path, error))?;
                if path.file_stem() != Some(spec.name.as_ref()) {
                    let why = format!("name: it is '{}', unlike the file's", spec.name);
                    return Err(HostError::bad_file(&path, why));
                }
                vms.push(spec);
            }
        }
        Ok(vms)
    }

    fn read_alarms(&self) -> Result<Book, HostError> {
        let name = Path::new("alarm-rules.toml");
        let rules = match self.read_file::<WrittenRules>(name)? {
            Some(written) => {
                written.read().map_err(|error| HostError::bad_file(&self.dir.join(name), error.trim_end()))?
            }
            None => default_rules(),
        };
        let alarms: WrittenAlarms = self.read_file(Path::new("alarms.toml"))?.unwrap_or_default();
        Ok(Book { rules, alarms: alarms.read() })
    }

    /// Keeps the alarm rules.
    pub(crate) fn write_alarm_rules<'a>(
        &self,
        rules: impl Iterator<Item = &'a AlarmRule>,
    ) -> Result<(), HostError> {
        write(&self.dir.join("alarm-rules.toml"), &WrittenRules::of(rules))
    }

    /// Keeps the alarms there are.
    pub(crate) fn write_alarms(&self, alarms: &Alarms) -> Result<(), HostError> {
        write(&self.dir.join("alarms.toml"), &WrittenAlarms::of(alarms))
    }

    fn read_file<T: DeserializeOwned>(&self, name: &Path) -> Result<Option<T>, HostError> {
        read_toml(&self.dir.join(name))
    }

    /// Keeps a VM.
    pub(crate) fn write_vm(&self, spec: &VmSpec) -> Result<(), HostError> {
        write(&self.vm_file(&spec.name), spec)
    }

    /// Forgets a VM.
    pub(crate) fn remove_vm(&self, name: &str) -> Result<(), HostError> {
        let path = self.vm_file(name);
        let removed = fs::remove_file(&path).and_then(|()| sync_dir(&path));
        removed.map_err(|error| HostError::io(format!("cannot remove {}", path.display()), error))
    }

    fn vm_file(&self, name: &str) -> PathBuf {
        self.dir.join("vms").join(format!("{name}.toml"))
    }

    /// Keeps the resource pools.
    pub(crate) fn write_pools<'a>(&self, pools: impl Iterator<Item = &'a PoolSpec>) -> Result<(), HostError> {
        write(&self.dir.join("pools.toml"), &Pools { pool: pools.cloned().collect() })
    }

    /// Keeps the settings.
    pub(crate) fn write_settings(&self, settings: &Settings) -> Result<(), HostError> {
        let mut written = WrittenSettings::new();
        for setting in TABLE.iter().filter(|setting| setting.get(settings) != setting.default_value()) {
            let (group, name) = setting.name.split_once('.').expect("settings' names have a dot");
            let value = u64::from(setting.get(settings));
            written.entry(group.to_owned()).or_default().insert(name.to_owned(), value);
        }
        write(&self.dir.join("settings.toml"), &written)
    }
}

fn write(path: &Path, value: &impl Serialize) -> Result<(), HostError> {
    let text = toml::to_string_pretty(value).expect("specs and settings can be written as TOML");
    write_atomically(path, text.as_bytes())
        .map_err(|error| HostError::io(format!("cannot write {}", path.display()), error))
}

fn read_toml<T: DeserializeOwned>(path: &Path) -> Result<Option<T>, HostError> {
    let text = match fs::read_to_string(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        text => text.map_err(|error| HostError::io(format!("cannot read {}", path.display()), error))?,
    };
    toml::from_str(&text).map(Some).map_err(|error| HostError::bad_file(path, error.to_string().trim_end()))
}

/// Leaves either what was there or all of `bytes`, in a file that only its owner can read.
///
/// # Errors
/// The disk is full, say; then what was there stays.
///
/// # Panics
/// If `path` is that of no file in a directory.
pub fn write_atomically(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let mut temporary = path.as_os_str().to_owned();
    temporary.push(TEMPORARY);
    let temporary = PathBuf::from(temporary);
    // One that was left behind may be anybody's to read.
    match fs::remove_file(&temporary) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
        _ => {}
    }
    let mut file = File::options().write(true).create_new(true).mode(0o600).open(&temporary)?;
    file.write_all(bytes)?;
    file.sync_all()?;
    fs::rename(&temporary, path)?;
    sync_dir(path)
}

/// Makes sure that the directory keeps what `path` is called now.
fn sync_dir(path: &Path) -> io::Result<()> {
    File::open(path.parent().expect("files lie in a directory"))?.sync_all()
}

#[cfg(test)]
mod tests;
