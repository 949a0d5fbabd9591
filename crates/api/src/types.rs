//! What is asked and answered.
//!
//! **Model.** What is asked are the host's own types, given again here. What is answered are the host's own types too,
//! written out by it; here is what a reader makes of them, in which words of a fixed list are plain strings, so that a
//! reader is not put off by a new one. Tests hold both together.

mod status;

pub use host::{Edit, PoolChange, PoolSpec, VmChange, VmSpec};
pub use sched::Shares;
pub use status::{HostStatus, Ledger, LoopStatus, Metrics, PoolStatus, ThresholdBytes, VmStatus};

use addr::ByteSize;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

/// Several of something.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub struct List<T> {
    /// Them.
    pub items: Vec<T>,
}

/// A VM.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub struct Vm {
    /// What it is asked to be.
    #[serde(flatten)]
    pub spec: VmSpec,
    /// stopped, starting, running, stopping.
    pub power: String,
    /// Its number while it runs.
    pub id: Option<u64>,
    /// How long it has been running.
    pub uptime_seconds: Option<f64>,
    /// How it ended last: powered-off, reboot-requested, guest-failure, stopped, failed.
    pub ended: Option<String>,
    /// Why, if it failed.
    pub reason: Option<String>,
    /// A vCPU that makes no progress, in words.
    pub trouble: Option<String>,
    /// Why its swap file did not take what it was given, if that is so now.
    pub swap_failure: Option<String>,
    /// Its memory as measured last; null unless it runs.
    pub memory: Option<VmStatus>,
}

/// A resource pool.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub struct Pool {
    /// What it is asked to be.
    #[serde(flatten)]
    pub spec: PoolSpec,
    /// What is guaranteed to those within.
    pub reservation_used_bytes: ByteSize,
    /// What still could be.
    pub unreserved_bytes: ByteSize,
}

/// An advanced setting.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Setting {
    /// ESX's name for it.
    pub name: String,
    /// Its value.
    pub value: u64,
    /// Its value unless changed.
    pub default: u64,
    /// The least value it takes.
    pub least: u64,
    /// The greatest.
    pub most: u64,
    /// What the number counts; empty for a choice.
    pub unit: String,
    /// What it does.
    pub meaning: String,
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

/// Why a VM holds what it holds.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub struct Explained {
    /// In sentences.
    pub text: String,
    /// In figures: the plan's for this VM and the host, what decided them, what would change them. Sizes in bytes.
    pub explanation: Value,
}

/// What would be different if.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub struct WhatIf {
    /// Why it would be refused, if it would.
    pub refusal: Option<String>,
    /// The state as it is.
    pub state_before: String,
    /// The state as it would be.
    pub state_after: String,
    /// What there is for guests, as it is.
    pub for_guests_before_bytes: ByteSize,
    /// As it would be.
    pub for_guests_after_bytes: ByteSize,
    /// The VMs for which something would be different.
    pub vms: Vec<VmShift>,
}

/// What would be different for one VM.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub struct VmShift {
    /// Which one; null for one that is only imagined.
    pub name: Option<String>,
    /// What it should have.
    pub entitlement: Shift,
    /// What it would have if all VMs used their whole size.
    pub worst_case: Shift,
    /// What its balloon is asked to hold.
    pub balloon_target: Shift,
    /// What is to be compressed or swapped.
    pub swap_target: Shift,
}

/// A size before and after.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Shift {
    /// As it is.
    pub before_bytes: ByteSize,
    /// As it would be.
    pub after_bytes: ByteSize,
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
