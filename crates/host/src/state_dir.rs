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
//! **Failure.** A file is written beside its place and moved there, so that whatever interrupts a write, the file is the old one or the
//! new one. A file that makes no sense, or is none, is told with the field and left as it is: the host goes on without what it has, and
//! never writes over it. Only `alarms.toml`, which the host writes by itself, is moved aside for a new one.
//!
//! **Concurrency.** Used by one thread at a time; other hosts are kept out by the lock.

mod wanted;

use crate::alarms::Book;
use crate::alarms::kept::{WrittenAlarms, WrittenRules, default_rules};
use crate::error::HostError;
use crate::file_troubles::FileTroubles;
use crate::spec::{check_name, check_pool, check_vm};
use addr::ByteSize;
use files::{Written, read_text, sync_directory, write_atomically};
use model::{AlarmRuleSpec, FileState, PoolSpec, VmSpec};
use rustix::fs::{FlockOperation, flock};
use sched::Settings;
use sched::alarm::Alarms;
use sched::settings::TABLE;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet};
use std::fs::{self, DirBuilder, File, Permissions};
use std::io;
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::sync::Arc;

pub(crate) use wanted::WantedFiles;

/// No file of a VM is longer.
const MOST_OF_VM: ByteSize = ByteSize::kib(64);
/// No other file is.
const MOST: ByteSize = ByteSize::mib(16);

/// The state directory, ours alone.
pub(crate) struct StateDir {
    dir: PathBuf,
    troubles: Arc<FileTroubles>,
    lock: Arc<File>,
}

/// Everything found in a state directory.
#[derive(Debug, Default)]
pub(crate) struct Found {
    pub(crate) settings: Settings,
    pub(crate) pools: Vec<PoolSpec>,
    pub(crate) vms: Vec<FoundVm>,
    pub(crate) alarms: Book,
    /// Files that cannot be read, beside those of VMs, and why.
    pub(crate) unreadable: Vec<(PathBuf, String)>,
}

/// A VM's file.
#[derive(Debug)]
pub(crate) struct FoundVm {
    pub(crate) name: String,
    /// What it is asked to be, or why that cannot be read.
    pub(crate) spec: Result<VmSpec, String>,
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
    pub(crate) fn open(dir: &Path, troubles: Arc<FileTroubles>) -> Result<Self, HostError> {
        let failed = |what: &str| {
            let what = format!("cannot {what} {}", dir.display());
            move |error| HostError::io(what, error)
        };
        make_private(&dir.join("vms")).map_err(failed("make the state directory"))?;
        let lock = open_lock(&dir.join("lock")).map_err(failed("lock"))?;
        match flock(&lock, FlockOperation::NonBlockingLockExclusive) {
            Ok(()) => Ok(Self { dir: dir.to_owned(), troubles, lock: Arc::new(lock) }),
            Err(rustix::io::Errno::WOULDBLOCK) => Err(HostError::Locked(dir.to_owned())),
            Err(error) => Err(failed("lock")(error.into())),
        }
    }

    pub(crate) fn path(&self) -> &Path {
        &self.dir
    }

    /// What is known of files that are not as they should be.
    pub(crate) fn troubles(&self) -> &Arc<FileTroubles> {
        &self.troubles
    }

    /// Reads everything; what cannot be read is noted, and counts as not there.
    ///
    /// # Errors
    /// If it cannot be found out which VMs there are.
    pub(crate) fn read(&self) -> Result<Found, HostError> {
        let mut unreadable = Vec::new();
        let vms = self.read_vms(&mut unreadable)?;
        let mut or_note = |file, error| unreadable.push((file, reason(error)));
        let settings = self.read_settings().map_err(|error| or_note(self.settings_file(), error));
        let pools = self.read_pools().map_err(|error| or_note(self.pools_file(), error));
        let rules = self.read_alarm_rules().map_err(|error| or_note(self.alarm_rules_file(), error));
        let alarms: Option<WrittenAlarms> = self.read_own("alarms.toml", &mut unreadable);
        let rules = rules.unwrap_or_else(|()| default_rules());
        Ok(Found {
            settings: settings.unwrap_or_default(),
            pools: pools.unwrap_or_default(),
            vms,
            alarms: Book { rules, alarms: alarms.unwrap_or_default().read() },
            unreadable,
        })
    }

    /// The settings, or why they cannot be read.
    pub(crate) fn read_settings(&self) -> Result<Settings, HostError> {
        let path = self.settings_file();
        let written: WrittenSettings = read_toml(&path, MOST)?.unwrap_or_default();
        let mut settings = Settings::default();
        for (group, values) in &written {
            for (setting, &value) in values {
                let set = settings.set(&format!("{group}.{setting}"), value);
                set.map_err(|error| HostError::bad_file(&path, error))?;
            }
        }
        Ok(settings)
    }

    /// The resource pools, each in one that there is or on the host itself, or why they cannot be read.
    pub(crate) fn read_pools(&self) -> Result<Vec<PoolSpec>, HostError> {
        let path = self.pools_file();
        let Pools { pool } = read_toml(&path, MOST)?.unwrap_or_default();
        let bad = |why: String| HostError::bad_file(&path, why);
        let mut names = BTreeSet::new();
        for pool in &pool {
            check_pool(pool).map_err(|error| HostError::bad_file(&path, error))?;
            if !names.insert(&pool.name) {
                return Err(bad(format!("pool: there are two named '{}'", pool.name)));
            }
        }
        let lost = pool.iter().filter_map(|pool| pool.parent.as_ref()).find(|parent| !names.contains(parent));
        match lost {
            Some(parent) => Err(bad(format!("parent: there is no resource pool '{parent}'"))),
            None => Ok(pool),
        }
    }

    /// The alarm rules, or why they cannot be read.
    pub(crate) fn read_alarm_rules(&self) -> Result<BTreeMap<String, AlarmRuleSpec>, HostError> {
        let path = self.alarm_rules_file();
        match read_toml::<WrittenRules>(&path, MOST)? {
            Some(written) => written.read().map_err(|error| HostError::bad_file(&path, error.trim_end())),
            None => Ok(default_rules()),
        }
    }

    /// A VM, or why it cannot be read; `None` if it is not there.
    pub(crate) fn read_vm(&self, name: &str) -> Result<Option<VmSpec>, HostError> {
        let path = self.vm_file(name);
        let Some(spec) = read_toml::<VmSpec>(&path, MOST_OF_VM)? else { return Ok(None) };
        check_vm(&spec).map_err(|error| HostError::bad_file(&path, error))?;
        if spec.name != name {
            return Err(HostError::bad_file(
                &path,
                format!("name: it is '{}', unlike the file's", spec.name),
            ));
        }
        Ok(Some(spec))
    }

    fn read_vms(&self, unreadable: &mut Vec<(PathBuf, String)>) -> Result<Vec<FoundVm>, HostError> {
        let dir = self.dir.join("vms");
        let failed = |error| HostError::io(format!("cannot read {}", dir.display()), error);
        let mut vms = Vec::new();
        for entry in fs::read_dir(&dir).map_err(failed)? {
            let path = entry.map_err(failed)?.path();
            if path.extension().is_none_or(|extension| extension != "toml") {
                continue;
            }
            let name =
                path.file_stem().and_then(|name| name.to_str()).filter(|name| check_name(name).is_ok());
            let Some(name) = name else {
                unreadable.push((path, "its name cannot be a VM's".to_owned()));
                continue;
            };
            let read = self.read_vm(name).map_err(reason);
            let spec = read.and_then(|spec| spec.ok_or_else(|| "it leads nowhere".to_owned()));
            vms.push(FoundVm { name: name.to_owned(), spec });
        }
        Ok(vms)
    }

    /// Reads a file that the host writes by itself. One that makes no sense is moved aside, so that it can.
    fn read_own<T: DeserializeOwned>(
        &self,
        name: &str,
        unreadable: &mut Vec<(PathBuf, String)>,
    ) -> Option<T> {
        let path = self.dir.join(name);
        let error = match read_toml(&path, MOST) {
            Ok(read) => return read,
            Err(error) => error,
        };
        let mut aside = (0..100).map(|number| match number {
            0 => self.dir.join(format!("{name}.bad")),
            number => self.dir.join(format!("{name}.bad{number}")),
        });
        let aside = aside.find(|aside| fs::symlink_metadata(aside).is_err());
        let moved = aside.filter(|aside| fs::rename(&path, aside).is_ok());
        unreadable.push((moved.unwrap_or(path), reason(error)));
        None
    }

    /// Keeps the alarm rules.
    pub(crate) fn write_alarm_rules<'a>(
        &self,
        rules: impl Iterator<Item = &'a AlarmRuleSpec>,
    ) -> Result<(), HostError> {
        self.write(&self.alarm_rules_file(), &WrittenRules::of(rules))
    }

    /// Keeps the alarms there are.
    pub(crate) fn write_alarms(&self, alarms: &Alarms) -> Result<(), HostError> {
        self.write(&self.alarms_file(), &WrittenAlarms::of(alarms))
    }

    /// Keeps a VM that is new. Whatever has its file's name stays.
    pub(crate) fn create_vm(&self, spec: &VmSpec) -> Result<(), HostError> {
        let path = self.vm_file(&spec.name);
        if fs::symlink_metadata(&path).is_ok() {
            return Err(HostError::bad_file(&path, "it was not there when the host started"));
        }
        self.write_vm(spec)
    }

    /// Keeps a VM.
    pub(crate) fn write_vm(&self, spec: &VmSpec) -> Result<(), HostError> {
        self.write(&self.vm_file(&spec.name), spec)
    }

    /// Forgets a VM, whatever its file is.
    pub(crate) fn remove_vm(&self, name: &str) -> Result<(), HostError> {
        let path = self.vm_file(name);
        let removed = match fs::remove_file(&path) {
            Err(_) if path.is_dir() => fs::remove_dir(&path),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
            removed => removed,
        };
        removed.map_err(|source| HostError::NotKept { file: path.clone(), source })?;
        self.confirm(&path, sync_directory(&path));
        Ok(())
    }

    pub(crate) fn vm_file(&self, name: &str) -> PathBuf {
        self.dir.join("vms").join(format!("{name}.toml"))
    }

    pub(crate) fn pools_file(&self) -> PathBuf {
        self.dir.join("pools.toml")
    }

    pub(crate) fn settings_file(&self) -> PathBuf {
        self.dir.join("settings.toml")
    }

    pub(crate) fn alarm_rules_file(&self) -> PathBuf {
        self.dir.join("alarm-rules.toml")
    }

    pub(crate) fn alarms_file(&self) -> PathBuf {
        self.dir.join("alarms.toml")
    }

    /// Whether a file is one that is written when somebody changes something.
    pub(crate) fn writes(&self, path: &Path) -> bool {
        let others = [self.pools_file(), self.settings_file(), self.alarm_rules_file()];
        path.parent() == Some(&self.dir.join("vms")) || others.iter().any(|other| other == path)
    }

    /// Keeps the resource pools.
    pub(crate) fn write_pools<'a>(&self, pools: impl Iterator<Item = &'a PoolSpec>) -> Result<(), HostError> {
        self.write(&self.pools_file(), &Pools { pool: pools.cloned().collect() })
    }

    /// Keeps the settings.
    pub(crate) fn write_settings(&self, settings: &Settings) -> Result<(), HostError> {
        let mut written = WrittenSettings::new();
        for setting in TABLE.iter().filter(|setting| setting.get(settings) != setting.default_value()) {
            let (group, name) = setting.name.split_once('.').expect("settings' names have a dot");
            let value = u64::from(setting.get(settings));
            written.entry(group.to_owned()).or_default().insert(name.to_owned(), value);
        }
        self.write(&self.settings_file(), &written)
    }

    /// # Errors
    /// [`HostError::NotKept`], and then what was there is still there; [`HostError::BadFile`] if that cannot be read, as it would be lost.
    fn write(&self, path: &Path, value: &impl Serialize) -> Result<(), HostError> {
        if let Some(why) = self.troubles.unreadable(path) {
            return Err(HostError::bad_file(
                path,
                format!("it cannot be read and is not overwritten: {why}"),
            ));
        }
        let text = toml::to_string_pretty(value).map_err(io::Error::other);
        let written = text.and_then(|text| write_atomically(path, text.as_bytes()));
        let written = written.map_err(|source| HostError::NotKept { file: path.to_owned(), source })?;
        self.confirm(path, if let Written::Unconfirmed(error) = written { Err(error) } else { Ok(()) });
        Ok(())
    }

    /// Notes whether the disk says that what was done stays.
    pub(crate) fn confirm(&self, path: &Path, said: io::Result<()>) {
        match said {
            Ok(()) => self.troubles.over(path),
            Err(error) => {
                let why = format!("it is written, but the disk does not say that it will stay: {error}");
                self.troubles.note(path, FileState::Unwritten, &why);
            }
        }
    }
}

/// Makes a directory in a directory, both for their owner alone if they are not there.
fn make_private(dir: &Path) -> io::Result<()> {
    let parent = dir.parent().unwrap_or(dir);
    if let Some(above) = parent.parent() {
        fs::create_dir_all(above)?;
    }
    for made in [parent, dir] {
        match DirBuilder::new().mode(0o700).create(made) {
            Err(_) if made.is_dir() => {}
            created => created?,
        }
    }
    Ok(())
}

/// The file that is locked: nobody else may open it, as they could lock it too. Where nothing can be written, one that is there will do.
fn open_lock(path: &Path) -> io::Result<File> {
    let opened = File::options().create(true).truncate(false).write(true).mode(0o600).open(path);
    match opened {
        Err(error) if error.kind() == io::ErrorKind::ReadOnlyFilesystem => File::open(path),
        Ok(file) => {
            // One of before may be for all to read.
            let _ = file.set_permissions(Permissions::from_mode(0o600));
            Ok(file)
        }
        failed => failed,
    }
}

/// What is the matter with a file that cannot be read.
pub(crate) fn reason(error: HostError) -> String {
    if let HostError::BadFile { why, .. } = error { why } else { error.to_string() }
}

/// # Errors
/// [`HostError::BadFile`], whatever is the matter.
fn read_toml<T: DeserializeOwned>(path: &Path, most: ByteSize) -> Result<Option<T>, HostError> {
    let text = match read_text(path, most) {
        Err(error) if error.is_not_found() => return Ok(None),
        text => text.map_err(|error| HostError::bad_file(path, error))?,
    };
    toml::from_str(&text).map(Some).map_err(|error| HostError::bad_file(path, error.to_string().trim_end()))
}

#[cfg(test)]
mod tests;
