//! What is asked and answered.
//!
//! **Model.** Mostly the host's own types, given again here; beside them what only the transport has.

pub use host::{
    Edit, Explained, HostStatus, Ledger, LoopStatus, Metrics, PoolChange, PoolInfo as Pool, PoolSpec,
    PoolStatus, Power, SettingInfo as Setting, Shift, ThresholdBytes, VmChange, VmInfo, VmShift, VmSpec,
    VmStatus, WhatIf,
};
pub use sched::{HostState, Shares};

use addr::ByteSize;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

/// Several of something.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub struct List<T> {
    /// Them.
    pub items: Vec<T>,
}

/// A VM and its memory.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub struct Vm {
    /// What it is.
    #[serde(flatten)]
    pub info: VmInfo,
    /// Its memory as measured last; null unless it runs.
    pub memory: Option<VmStatus>,
}

/// A new value of a setting.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SettingValue {
    /// The value.
    pub value: u64,
}

/// Something that happened. What else is said about it depends on what it is.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub struct Event {
    /// Its number: 1, 2, 3, and so on since the host opened.
    pub seq: u64,
    /// When, in milliseconds since 1970.
    pub at_milliseconds: u64,
    /// What, in kebab-case: vm-started, planned, reclaimed.
    pub event: String,
    /// The rest.
    #[serde(flatten)]
    pub fields: Map<String, Value>,
}

/// How much an order moved.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Amount {
    /// So much.
    pub bytes: ByteSize,
}

/// That an order was carried out.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Done {
    /// How, in words.
    pub message: String,
}

/// Which events are asked for.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct EventsQuery {
    /// Those with a number above this.
    pub since: u64,
    /// If there is none, wait so many seconds, at most 60.
    pub wait: u64,
    /// Go on with those to come, without end: a line of JSON each, or an event of `text/event-stream` if that is accepted.
    pub follow: bool,
}

/// Which part of a console is asked for.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct ConsoleQuery {
    /// From this byte on, counted over all of the VM's runs. The header `memtide-console-from` says where the answer
    /// begins: later, if older bytes are gone.
    pub from: u64,
    /// Go on with what is to come, until the VM is removed or the host ends.
    pub follow: bool,
}

/// The header that says with which byte a console's answer begins.
pub const CONSOLE_FROM: &str = "memtide-console-from";
