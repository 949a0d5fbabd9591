//! What a rule looks at, in which unit, and how levels of it are written.

use crate::balloon::Conduct;
use crate::guest::GuestState;
use crate::state::HostState;
use addr::ByteSize;
use serde::{Deserialize, Serialize};
use std::fmt;
use utoipa::ToSchema;

/// What a rule looks at.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "kebab-case")]
#[schema(as = AlarmSubject)]
pub enum Subject {
    /// How short the host is of memory: `high`, `clear`, `soft`, `hard` or `low`.
    HostState,
    /// Free machine memory, in percent of all; low is bad.
    HostFree,
    /// What running VMs were promised beyond what there is, in percent of that.
    HostOvercommitment,
    /// What the memory limit of the host's control group lacks to what the host needs, in percent of that.
    HostMemoryLimit,
    /// Whether the host's own files are as they should be: `good`, `unreadable` (one at least cannot be read) or `unwritten` (one does not
    /// have yet what it should).
    HostFiles,
    /// Free disk space in each directory of swap files, in percent of its file system; low is bad.
    SwapDiskFree,
    /// What a VM uses, in percent of its size.
    VmActive,
    /// What a VM holds, in percent of its limit; not measured of a VM without one.
    VmConsumed,
    /// What a VM's balloon holds, in percent of its size.
    VmBallooned,
    /// What of a VM is compressed, in percent of its size.
    VmCompressed,
    /// What of a VM is swapped, in percent of its size.
    VmSwapped,
    /// What a VM reads from its swap file, in bytes a second.
    VmSwapIn,
    /// The part of its vCPUs' time that a VM waits for memory, in percent.
    VmWaiting,
    /// How a VM's balloon driver conducts itself: `working`, `slow`, `absent`, `stuck` or `lying`.
    VmBalloonDriver,
    /// How a VM's guest is: `well`, `silent` or `panicked`.
    VmGuest,
    /// Programs that a VM's guest killed in the last ten minutes because its memory ran out, as it says itself.
    VmGuestOomKills,
    /// How the last start of a VM went: it `worked`, or `loops` while its guest restarts again and again, or `failed`
    /// while it is tried again.
    VmStart,
}

/// In what a subject is measured.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "kebab-case")]
#[schema(as = AlarmUnit)]
pub enum Unit {
    /// Hundredths of something.
    Percent,
    /// Bytes in a second.
    BytesPerSecond,
    /// A number of something.
    Count,
    /// A word of a few, each worse than the one before.
    Word,
}

/// What subjects are measured on.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Scope {
    /// The host.
    Host,
    /// Each running VM.
    Vm,
    /// Each directory that swap files lie in.
    Directory,
}

/// What something was measured on.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Target {
    /// The host.
    Host,
    /// A VM, by name.
    Vm(String),
    /// A directory of swap files.
    Directory(String),
}

/// A level or a value as people write it: a number in the subject's unit, or one of its words.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize, ToSchema)]
#[serde(untagged)]
#[schema(as = AlarmLevel)]
pub enum Level {
    /// In percent, or bytes a second.
    Number(f64),
    /// One of the subject's.
    Word(String),
}

const STATES: &[&str] = &["high", "clear", "soft", "hard", "low"];
const STARTS: &[&str] = &["worked", "loops", "failed"];
const FILES: &[&str] = &["good", "unreadable", "unwritten"];
const CONDUCTS: &[&str] = &["working", "slow", "absent", "stuck", "lying"];
const GUESTS: &[&str] = &["well", "silent", "panicked"];

impl Subject {
    /// All there are.
    pub const ALL: [Self; 17] = [
        Self::HostState,
        Self::HostFree,
        Self::HostOvercommitment,
        Self::HostMemoryLimit,
        Self::HostFiles,
        Self::SwapDiskFree,
        Self::VmActive,
        Self::VmConsumed,
        Self::VmBallooned,
        Self::VmCompressed,
        Self::VmSwapped,
        Self::VmSwapIn,
        Self::VmWaiting,
        Self::VmBalloonDriver,
        Self::VmGuest,
        Self::VmGuestOomKills,
        Self::VmStart,
    ];

    /// The word that is written out.
    pub const fn name(self) -> &'static str {
        match self {
            Self::HostState => "host-state",
            Self::HostFree => "host-free",
            Self::HostOvercommitment => "host-overcommitment",
            Self::HostMemoryLimit => "host-memory-limit",
            Self::HostFiles => "host-files",
            Self::SwapDiskFree => "swap-disk-free",
            Self::VmActive => "vm-active",
            Self::VmConsumed => "vm-consumed",
            Self::VmBallooned => "vm-ballooned",
            Self::VmCompressed => "vm-compressed",
            Self::VmSwapped => "vm-swapped",
            Self::VmSwapIn => "vm-swap-in",
            Self::VmWaiting => "vm-waiting",
            Self::VmBalloonDriver => "vm-balloon-driver",
            Self::VmGuest => "vm-guest",
            Self::VmGuestOomKills => "vm-guest-oom-kills",
            Self::VmStart => "vm-start",
        }
    }

    /// What it is measured on.
    pub const fn scope(self) -> Scope {
        match self {
            Self::HostState
            | Self::HostFree
            | Self::HostOvercommitment
            | Self::HostMemoryLimit
            | Self::HostFiles => Scope::Host,
            Self::SwapDiskFree => Scope::Directory,
            _ => Scope::Vm,
        }
    }

    /// In what it is measured.
    pub const fn unit(self) -> Unit {
        match self {
            Self::HostState | Self::HostFiles | Self::VmBalloonDriver | Self::VmGuest | Self::VmStart => {
                Unit::Word
            }
            Self::VmGuestOomKills => Unit::Count,
            Self::VmSwapIn => Unit::BytesPerSecond,
            _ => Unit::Percent,
        }
    }

    /// Its words, the best first; none if it is measured in numbers.
    pub const fn words(self) -> &'static [&'static str] {
        match self {
            Self::HostState => STATES,
            Self::HostFiles => FILES,
            Self::VmBalloonDriver => CONDUCTS,
            Self::VmGuest => GUESTS,
            Self::VmStart => STARTS,
            _ => &[],
        }
    }

    /// Whether little of it is bad.
    pub const fn falls(self) -> bool {
        matches!(self, Self::HostFree | Self::SwapDiskFree)
    }

    /// The greatest level that makes sense.
    pub(super) const fn most(self) -> f64 {
        match self {
            // As many times the memory there is as anybody would promise.
            Self::HostOvercommitment => 10_000.0,
            Self::VmSwapIn => 1e12,
            Self::VmGuestOomKills => 1e6,
            _ => 100.0,
        }
    }

    /// A value as people write it.
    pub fn level(self, value: f64) -> Level {
        match self.words() {
            [] => Level::Number((value * 10.0).round() / 10.0),
            words => Level::Word(words[(value as usize).min(words.len() - 1)].to_owned()),
        }
    }

    /// A value of a target in a sentence: `VM 'web' uses 62 % of its memory`.
    pub fn say(self, on: &Target, value: f64) -> String {
        let value = self.show(value);
        match self {
            Self::HostState => format!("the host's memory is in the state {value}"),
            Self::HostFree => format!("{value} of machine memory is free"),
            Self::HostOvercommitment => format!("{value} more is promised than there is"),
            Self::HostMemoryLimit => {
                format!("the host's control group lacks {value} of the memory that the host needs")
            }
            Self::HostFiles => format!("of the host's files, the worst is {value}"),
            Self::SwapDiskFree => format!("{value} of the disk is free for swap files in {on}"),
            Self::VmActive => format!("VM '{on}' uses {value} of its memory"),
            Self::VmConsumed => format!("VM '{on}' holds {value} of its limit"),
            Self::VmBallooned => format!("{value} of VM '{on}' is ballooned"),
            Self::VmCompressed => format!("{value} of VM '{on}' is compressed"),
            Self::VmSwapped => format!("{value} of VM '{on}' is swapped"),
            Self::VmSwapIn => format!("VM '{on}' swaps in {value}"),
            Self::VmWaiting => format!("VM '{on}' waits for memory for {value} of its time"),
            Self::VmBalloonDriver => format!("the balloon driver of VM '{on}' is {value}"),
            Self::VmGuest => format!("the guest of VM '{on}' is {value}"),
            Self::VmGuestOomKills => {
                let programs = if value == "1" { "program" } else { "programs" };
                format!("the guest of VM '{on}' killed {value} {programs} for want of memory in ten minutes")
            }
            Self::VmStart => format!("VM '{on}': its last start {value}"),
        }
    }

    /// A value in words: `62 %`, `12 MiB/s`, `3`, `soft`.
    pub fn show(self, value: f64) -> String {
        match (self.unit(), self.level(value)) {
            (Unit::Percent, Level::Number(number)) => format!("{number} %"),
            (Unit::Count, Level::Number(number)) => format!("{number}"),
            (_, Level::Number(bytes)) => format!("{}/s", rounded(bytes)),
            (_, Level::Word(word)) => word,
        }
    }
}

/// Bytes to a whole number of the largest unit that leaves more than a few.
fn rounded(bytes: f64) -> ByteSize {
    let bytes = bytes as u64;
    let unit = [1 << 30, 1 << 20, 1 << 10].into_iter().find(|unit| bytes >= 4 * unit).unwrap_or(1);
    ByteSize(bytes / unit * unit)
}

impl fmt::Display for Subject {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

impl fmt::Display for Target {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Host => f.pad("host"),
            Self::Vm(name) | Self::Directory(name) => f.pad(name),
        }
    }
}

impl fmt::Display for Level {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Number(number) => number.fmt(f),
            Self::Word(word) => f.pad(word),
        }
    }
}

/// How bad a host state is: the number of its word.
impl From<HostState> for f64 {
    fn from(state: HostState) -> Self {
        match state {
            HostState::High => 0.0,
            HostState::Clear => 1.0,
            HostState::Soft => 2.0,
            HostState::Hard => 3.0,
            HostState::Low => 4.0,
        }
    }
}

/// How bad a driver's conduct is: the number of its word. One that was not asked yet has done nothing bad, and one that
/// is tried again is trusted with little.
impl From<Conduct> for f64 {
    fn from(conduct: Conduct) -> Self {
        match conduct {
            Conduct::Working | Conduct::Untried => 0.0,
            Conduct::Slow | Conduct::Probation => 1.0,
            Conduct::Absent => 2.0,
            Conduct::Stuck => 3.0,
            Conduct::Lying => 4.0,
        }
    }
}

/// How bad it is about a guest: the number of its word. Of one that nothing is known of, nothing bad is.
impl From<GuestState> for f64 {
    fn from(state: GuestState) -> Self {
        match state {
            GuestState::Unknown | GuestState::Well => 0.0,
            GuestState::Silent => 1.0,
            GuestState::Panicked => 2.0,
        }
    }
}
