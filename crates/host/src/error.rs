//! What can go wrong for whoever asks something of the host.
//!
//! **Model.** Three kinds, told apart by [`HostError::kind`]: a mistake of the caller, a lack of resources (a
//! refusal, with figures), and what is the fault of the host or the machine it runs on.

mod problem;

use crate::revision::{Expected, Revision};
use addr::ByteSize;
use files::FileError;
use machine::{MemoryError, SwapError};
use model::{MOST_RULES, ProblemCode};
use sched::InvalidSnapshot;
use sched::admission::Refusal;
use sched::settings::SettingError;
use std::fmt::Display;
use std::io;
use std::path::{Path, PathBuf};
use thiserror::Error;

/// Whose fault it is.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Kind {
    /// The caller asked for something that does not exist or cannot be.
    Mistake,
    /// It could be, if there was more of something.
    Lack,
    /// The host, or the machine it runs on, failed.
    Internal,
}

/// Why the host did not do what was asked.
#[derive(Debug, Error)]
pub enum HostError {
    /// A name that cannot be.
    #[error(
        "'{0}' cannot be a name: take 1 to 63 letters, digits, '-', '_' and '.', the first a letter or digit, and \
         neither none nor an MMU mode"
    )]
    Name(String),
    /// There is no VM of that name.
    #[error("there is no VM '{0}'")]
    NoVm(String),
    /// There is no resource pool of that name.
    #[error("there is no resource pool '{0}'")]
    NoPool(String),
    /// There is no alarm of that number.
    #[error("there is no alarm {0}")]
    NoAlarm(u64),
    /// There is no alarm rule of that name.
    #[error("there is no alarm rule '{0}'")]
    NoAlarmRule(String),
    /// An alarm rule that does nothing cannot be tested.
    #[error("alarm rule '{0}' has no action")]
    NoAction(String),
    /// There are as many alarm rules as there can be.
    #[error("there are {MOST_RULES} alarm rules already")]
    TooManyRules,
    /// There is one already.
    #[error("there is a {what} '{name}' already")]
    Exists {
        /// VM or resource pool.
        what: &'static str,
        /// Its name.
        name: String,
    },
    /// There are as many already as there may be.
    #[error("there are {most} {what} already")]
    TooMany {
        /// Of what.
        what: &'static str,
        /// How many there may be.
        most: usize,
    },
    /// A VM or resource pool cannot be as asked.
    #[error("invalid specification of '{name}': {why}")]
    Spec {
        /// The name of the VM or resource pool.
        name: String,
        /// What is wrong.
        why: String,
    },
    /// Resource pools cannot lie in each other as asked.
    #[error("{what}: {source}")]
    Invalid {
        /// What was asked for.
        what: String,
        /// What is wrong.
        source: InvalidSnapshot,
    },
    /// A host cannot do with so little machine memory.
    #[error(
        "{size} of machine memory is too little, for the host itself takes {own}: give it {least} or more"
    )]
    TooLittle {
        /// Asked for.
        size: ByteSize,
        /// What the host takes.
        own: ByteSize,
        /// What is enough.
        least: ByteSize,
    },
    /// It needs a VM that is stopped.
    #[error("VM '{name}' is not stopped: {what}")]
    NotStopped {
        /// The name of the VM.
        name: String,
        /// What needs it to be.
        what: &'static str,
    },
    /// It needs a VM that runs.
    #[error("VM '{0}' is not running")]
    NotRunning(String),
    /// It needs a VM that is not paused.
    #[error("VM '{0}' is paused")]
    Paused(String),
    /// A pool that others lie in.
    #[error("resource pool '{name}' is not empty: '{within}' lies in it")]
    PoolInUse {
        /// The name of the resource pool.
        name: String,
        /// A VM or pool within.
        within: String,
    },
    /// It is not what whoever changes it believes.
    #[error("{what} was changed since you read it")]
    Changed {
        /// The kind and name of what it is about.
        what: String,
        /// What it is.
        revision: Revision,
    },
    /// Somebody asked to leave the work, and it was left.
    #[error("it was cancelled")]
    Cancelled,
    /// Somebody asked not to wait for a guest any longer that was asked to shut down.
    #[error("it was cancelled; the guest of VM '{0}' was asked to shut down already, and may do so")]
    StopCancelled(String),
    /// A VM did not end, and was not to be powered off.
    #[error("VM '{name}' still runs: {why}")]
    StillRuns {
        /// The name of the VM.
        name: String,
        /// The reason.
        why: String,
    },
    /// A VM ended where it was to be restarted.
    #[error("VM '{name}' was not restarted: {why}")]
    NotRestarted {
        /// The name of the VM.
        name: String,
        /// The reason.
        why: String,
    },
    /// A setting that does not exist, or a value that it does not take.
    #[error(transparent)]
    Setting(#[from] SettingError),
    /// A guest's file cannot be read.
    #[error("cannot read the {what} '{}' of VM '{name}': {source}", path.display())]
    GuestFile {
        /// The name of the VM.
        name: String,
        /// Kernel or initrd.
        what: &'static str,
        /// Which file.
        path: PathBuf,
        /// The cause.
        source: FileError,
    },
    /// The guest cannot be started as it is.
    #[error("VM '{name}' cannot start: {why}")]
    Guest {
        /// The name of the VM.
        name: String,
        /// What is wrong with it.
        why: String,
    },
    /// A file of the host's is not what it should be.
    #[error("{}: {why}", file.display())]
    BadFile {
        /// Which file.
        file: PathBuf,
        /// What is wrong with it, and where.
        why: String,
    },
    /// A VM's file is not what it should be, so nothing is known of the VM but its name.
    #[error("VM '{name}' cannot be read: {why}")]
    Unreadable {
        /// The name of the VM.
        name: String,
        /// What is wrong with its file, and where.
        why: String,
    },
    /// What is to survive cannot be written, so it is not so.
    #[error("cannot write {}: {source}", file.display())]
    NotKept {
        /// Which file.
        file: PathBuf,
        /// The cause.
        source: io::Error,
    },
    /// Another host has the state directory.
    #[error("another host runs on {}", .0.display())]
    Locked(PathBuf),
    /// There is not enough memory, or disk space, that is not guaranteed to others.
    #[error("{what}: {refusal}")]
    Refused {
        /// What was asked for.
        what: String,
        /// Where there is no room, with figures.
        refusal: Refusal,
    },
    /// There is not enough machine memory.
    #[error("{what}: {source}")]
    Memory {
        /// What was asked for.
        what: String,
        /// What is missing.
        source: MemoryError,
    },
    /// The disk does not take a VM's swap file.
    #[error("{what}: {source}")]
    Swap {
        /// What was asked for.
        what: String,
        /// What is missing.
        source: SwapError,
    },
    /// A VM's guest could not be loaded to the end.
    #[error("VM '{name}' cannot start: {why}")]
    NotLoaded {
        /// The name of the VM.
        name: String,
        /// Why, in words.
        why: String,
    },
    /// The host keeps to some files, and this is none of them.
    #[error("{what}: the host's sandbox keeps it from '{}'", path.display())]
    Kept {
        /// What was asked for.
        what: String,
        /// The file or directory.
        path: PathBuf,
        /// What to do.
        hint: &'static str,
    },
    /// That a VM is to be on cannot be kept, so it would be forgotten if the host failed.
    #[error("VM '{name}' cannot start, as it could not be written down that it is to be on: {why}")]
    Unwritten {
        /// The name of the VM.
        name: String,
        /// Why not.
        why: String,
    },
    /// There is no place for a VM's swap file.
    #[error("{what}: {why}")]
    SwapDir {
        /// What was asked for.
        what: String,
        /// What is wrong with the directory.
        why: String,
    },
    /// The host is shutting down.
    #[error("the host is shutting down")]
    ShuttingDown,
    /// The machine does not give what the host needs.
    #[error("{what}: {source}")]
    Io {
        /// What was tried.
        what: String,
        /// Why it failed.
        source: io::Error,
    },
    /// Something took too long.
    #[error("{0}")]
    Late(String),
    /// An invariant does not hold.
    #[error("an invariant does not hold: {0}")]
    Broken(String),
    /// An audit cannot tell whether an invariant holds.
    #[error("it could not be decided whether all invariants hold: {0}")]
    Undecided(String),
}

impl HostError {
    /// # Errors
    /// [`HostError::Changed`] if `what`, which is at `revision`, is not as `expected`.
    pub(crate) fn unless_expected(
        expected: &Expected,
        what: impl FnOnce() -> String,
        revision: Revision,
    ) -> Result<(), Self> {
        if expected.allows(revision) { Ok(()) } else { Err(Self::Changed { what: what(), revision }) }
    }

    pub(crate) fn spec(name: &str, why: impl Display) -> Self {
        Self::Spec { name: name.to_owned(), why: why.to_string() }
    }

    pub(crate) fn guest(name: &str, why: impl Display) -> Self {
        Self::Guest { name: name.to_owned(), why: why.to_string() }
    }

    pub(crate) fn io(what: impl Into<String>, source: io::Error) -> Self {
        Self::Io { what: what.into(), source }
    }

    /// The reason may show a line of the file, which may be long.
    pub(crate) fn bad_file(file: &Path, why: impl Display) -> Self {
        const MOST: usize = 1000;
        let why = why.to_string();
        let why = if why.len() <= MOST { why } else { why.chars().take(MOST).collect::<String>() + "..." };
        Self::BadFile { file: file.to_owned(), why }
    }

    /// Whose fault it is.
    pub fn kind(&self) -> Kind {
        match self {
            Self::Refused { .. }
            | Self::Memory { .. }
            | Self::GuestFile { source: FileError::NoMemory(_), .. } => Kind::Lack,
            Self::Swap { source, .. } => match source {
                SwapError::NoSpace { .. } | SwapError::Full { .. } | SwapError::InUse { .. } => Kind::Lack,
                SwapError::Create { .. } | SwapError::Reserve { .. } => Kind::Mistake,
                _ => Kind::Internal,
            },
            Self::ShuttingDown
            | Self::Unwritten { .. }
            | Self::NotKept { .. }
            | Self::Io { .. }
            | Self::Late(_)
            | Self::Broken(_)
            | Self::Undecided(_) => Kind::Internal,
            _ => Kind::Mistake,
        }
    }

    /// A word for programs.
    pub fn code(&self) -> ProblemCode {
        match self {
            Self::Name(_) => ProblemCode::BadName,
            Self::NoVm(_) => ProblemCode::NoSuchVm,
            Self::NoPool(_) => ProblemCode::NoSuchPool,
            Self::NoAlarm(_) => ProblemCode::NoSuchAlarm,
            Self::NoAlarmRule(_) => ProblemCode::NoSuchAlarmRule,
            Self::NoAction(_) => ProblemCode::NoAction,
            Self::TooMany { .. } => ProblemCode::TooMany,
            Self::TooManyRules => ProblemCode::TooManyAlarmRules,
            Self::Exists { .. } => ProblemCode::Exists,
            Self::Spec { .. } | Self::Invalid { .. } | Self::TooLittle { .. } => ProblemCode::BadSpec,
            Self::NotStopped { .. } => ProblemCode::NotStopped,
            Self::NotRunning(_) => ProblemCode::NotRunning,
            Self::Paused(_) => ProblemCode::Paused,
            Self::PoolInUse { .. } => ProblemCode::PoolInUse,
            Self::Changed { .. } => ProblemCode::Changed,
            Self::Cancelled | Self::StopCancelled(_) => ProblemCode::Cancelled,
            Self::StillRuns { .. } => ProblemCode::StillRuns,
            Self::NotRestarted { .. } => ProblemCode::NotRestarted,
            Self::Setting(SettingError::Unknown(_)) => ProblemCode::NoSuchSetting,
            Self::Setting(_) => ProblemCode::BadSetting,
            Self::GuestFile { .. } => ProblemCode::GuestFile,
            Self::Guest { .. } => ProblemCode::BadGuest,
            Self::BadFile { .. } => ProblemCode::BadFile,
            Self::Unreadable { .. } => ProblemCode::Unreadable,
            Self::NotKept { .. } => ProblemCode::NotKept,
            Self::Locked(_) => ProblemCode::Locked,
            Self::Refused { .. } | Self::Memory { .. } => ProblemCode::NoMemory,
            Self::Swap { .. } | Self::SwapDir { .. } | Self::NotLoaded { .. } => ProblemCode::NoSwap,
            Self::Kept { .. } => ProblemCode::KeptFrom,
            Self::ShuttingDown => ProblemCode::ShuttingDown,
            Self::Unwritten { .. } => ProblemCode::Unwritten,
            Self::Io { .. } => ProblemCode::Io,
            Self::Late(_) => ProblemCode::Late,
            Self::Broken(_) => ProblemCode::BrokenInvariant,
            Self::Undecided(_) => ProblemCode::AuditUndecided,
        }
    }

    /// What to do about it, where the message does not say.
    pub fn hint(&self) -> Option<&'static str> {
        Some(match self {
            Self::NoVm(_) | Self::NoPool(_) | Self::NoAlarmRule(_) => {
                "list those that there are, or create it"
            }
            Self::NoAlarm(_) => "it may have cleared: list those that there are",
            Self::Name(_) => "choose another name",
            Self::Spec { .. } => "give what is named another value",
            Self::NoAction(_) => "give it a command or a webhook first",
            Self::TooMany { .. } => "remove those that are not needed first",
            Self::TooManyRules => "remove one first, or have one look at several VMs",
            Self::Exists { .. } => "choose another name, or remove that one first",
            Self::NotStopped { .. } => "stop the VM first",
            Self::NotRunning(_) => "start the VM first",
            Self::Paused(_) => "resume the VM first",
            Self::PoolInUse { .. } => "move or remove what lies in it first",
            Self::Changed { .. } => "read it again, and decide anew",
            Self::StillRuns { .. } => "power it off (stop --now), or have qemu-guest-agent run in its guest",
            Self::Setting(SettingError::Unknown(_)) => "list those that there are",
            Self::GuestFile { source, .. } => source.hint(),
            Self::Unreadable { .. } => "correct its file, which is noticed, or remove the VM",
            Self::NotKept { source, .. } => not_kept(source),
            // What cannot be had anywhere is no fault of the machine's: whoever asked knows what to ask for instead.
            Self::Io { source, .. } if source.kind() != io::ErrorKind::InvalidInput => of_machine(source),
            Self::BadFile { .. } => "correct the file, or move it out of the state directory",
            Self::Locked(_) => "use that host, or another state directory",
            Self::Unwritten { .. } => "make room in the state directory, or see why it takes nothing",
            Self::Memory { .. } => "reserve less, or stop a VM that has reservations",
            Self::Kept { hint, .. } => hint,
            Self::SwapDir { .. } => "make the directory, or name another one for its swap file",
            Self::NotLoaded { .. } => {
                "look after the disk of its swap file, or name another directory for it"
            }
            Self::Late(_) | Self::Broken(_) => "please report this, with the host's events",
            Self::Undecided(_) => "nothing wrong was found; ask again when the host is less busy",
            _ => return None,
        })
    }
}

/// What to do where the machine that the host runs on does not give what it needs.
pub fn of_machine(error: &io::Error) -> &'static str {
    match error.raw_os_error().map(rustix::io::Errno::from_raw_os_error) {
        Some(rustix::io::Errno::MFILE | rustix::io::Errno::NFILE) => {
            "too many files are open: raise the limit (ulimit -n, LimitNOFILE=), or have fewer VMs run and fewer clients ask"
        }
        Some(rustix::io::Errno::AGAIN | rustix::io::Errno::NOMEM) => {
            "Linux gives no more threads or memory: raise the limits (ulimit -u, TasksMax=, MemoryMax=), or stop something else, and try again"
        }
        Some(rustix::io::Errno::NOSPC | rustix::io::Errno::DQUOT) => "make room on the disk, and try again",
        Some(rustix::io::Errno::ACCESS | rustix::io::Errno::PERM | rustix::io::Errno::ROFS) => {
            "let the host's user do that, and try again"
        }
        _ if error.kind() == io::ErrorKind::WouldBlock => {
            "Linux gives no more threads: raise the limits (ulimit -u, TasksMax=), or stop something else, and try again"
        }
        _ => "look after the machine that the host runs on and its disks, and try again",
    }
}

/// What to do about a state directory that takes nothing.
fn not_kept(error: &io::Error) -> &'static str {
    match error.kind() {
        io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => {
            "nothing was changed: make room on the disk of the state directory, and try again"
        }
        io::ErrorKind::ReadOnlyFilesystem | io::ErrorKind::PermissionDenied => {
            "nothing was changed: let the host write to its state directory, and try again"
        }
        io::ErrorKind::NotFound => {
            "nothing was changed: the state directory is gone; restore it, and start the host anew"
        }
        _ => "nothing was changed: look after the disk of the state directory, and try again",
    }
}
