//! What there is, for people and programs.

use crate::ended::HowEnded;
use crate::spec::{PoolSpec, VmSpec};
use addr::ByteSize;
use sched::Settings;
use serde::{Deserialize, Serialize};
use std::fmt;
use utoipa::ToSchema;

/// Whether a VM runs.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum Power {
    /// It does not.
    Stopped,
    /// Its guest is being loaded.
    Starting,
    /// It does.
    Running,
    /// It does not go on, until it is resumed.
    Paused,
    /// It has ended, and gives back what it had.
    Stopping,
    /// Its file cannot be read, so it cannot run.
    Unreadable,
}

impl Power {
    /// Whether its guest is there: running, or paused.
    pub const fn is_on(self) -> bool {
        matches!(self, Self::Running | Self::Paused)
    }
}

impl fmt::Display for Power {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Stopped => "stopped",
            Self::Starting => "starting",
            Self::Running => "running",
            Self::Paused => "paused",
            Self::Stopping => "stopping",
            Self::Unreadable => "unreadable",
        })
    }
}

/// A VM.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize, ToSchema)]
pub struct VmInfo {
    /// What it is asked to be. Of one that is `unreadable`, only the name means something, and the other fields are 0 or empty.
    #[serde(flatten)]
    pub spec: VmSpec,
    /// Whether it runs.
    pub power: Power,
    /// Its number while it runs, as in events and the status.
    pub id: Option<u64>,
    /// How long it has been running, in seconds.
    pub uptime_seconds: Option<f64>,
    /// How it ended last.
    pub ended: Option<HowEnded>,
    /// Why, if it failed, or was stopped because its guest did not shut down; of one that is `unreadable`, what is wrong with its file.
    pub reason: Option<String>,
    /// Whether it is wanted on: it was started, and neither stopped since nor powered off by its guest.
    pub wanted_on: bool,
    /// Why the disk does not have yet whether it is wanted on, if that is so now.
    pub unwritten: Option<String>,
    /// Whether an agent in its guest answered when it was last asked for something, so that the guest can be asked to shut
    /// down; null while one seems to be there and was not asked, and unless the VM runs.
    pub agent_answers: Option<bool>,
    /// What is wrong with its guest, in words: its kernel panicked, a vCPU makes no progress, its agent fell silent.
    pub trouble: Option<String>,
    /// Why its swap file did not take what it was given, if that is so now.
    pub swap_failure: Option<String>,
}

/// A resource pool.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize, ToSchema)]
pub struct Pool {
    /// What it is asked to be.
    #[serde(flatten)]
    pub spec: PoolSpec,
    /// What is guaranteed to those within, of the pool's reservation and beyond.
    pub reservation_used_bytes: ByteSize,
    /// What still could be.
    pub unreserved_bytes: ByteSize,
}

/// An advanced setting.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize, ToSchema)]
pub struct Setting {
    /// ESX's name for it.
    pub name: String,
    /// Its value.
    pub value: u32,
    /// Its value unless changed.
    pub default: u32,
    /// The least value it takes.
    pub least: u32,
    /// The greatest.
    pub most: u32,
    /// What the number counts; empty for a choice.
    pub unit: String,
    /// What it does.
    pub meaning: String,
}

impl Setting {
    /// A setting as it is in `settings`.
    pub fn new(setting: &sched::settings::Setting, settings: &Settings) -> Self {
        Self {
            name: setting.name.to_owned(),
            value: setting.get(settings),
            default: setting.default_value(),
            least: *setting.range.start(),
            most: *setting.range.end(),
            unit: setting.unit.to_owned(),
            meaning: setting.meaning.to_owned(),
        }
    }
}
