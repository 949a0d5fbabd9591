//! What is asked and answered.
//!
//! **Model.** Mostly the host's own types, given again here; beside them what only the transport has.

pub use host::{
    Afterwards, AlarmInfo as Alarm, AlarmRule as AlarmRuleSpec, AlarmRuleChange, Autostart, Edit, Explained,
    FileState, FileTrouble, HostStatus, HowEnded, Ledger, LoopStatus, Metrics, PoolChange, PoolInfo as Pool,
    PoolSpec, PoolStatus, Power, SettingInfo as Setting, Shift, StateSeconds, ThresholdBytes, Totals,
    VmChange, VmInfo, VmShift, VmSpec, VmStatus, WhatIf,
};
pub use host::{Outcome as ActionOutcome, Secret, Tested as TestedActions, Webhook};
pub use sched::alarm::{
    Acknowledgement, Level, Severity, Subject as AlarmSubject, Threshold as AlarmThreshold, Unit as AlarmUnit,
};
pub use sched::{GuestState, HostState, Shares};

pub use crate::access::{AuditLine, Caller, NewToken, Role, Token, TokenSpec};
pub use crate::problem::Problem;

use addr::ByteSize;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use std::collections::BTreeMap;
use std::time::Duration;
use utoipa::ToSchema;

/// A page of a list.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize, ToSchema)]
pub struct List<T> {
    /// What is on it, in order.
    pub items: Vec<T>,
    /// The `cursor` of the page that follows; null on the last.
    pub next: Option<String>,
}

/// A VM and its memory.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize, ToSchema)]
pub struct Vm {
    /// What it is.
    #[serde(flatten)]
    pub info: VmInfo,
    /// Its memory as measured last; null unless it runs.
    pub memory: Option<VmStatus>,
}

/// A rule by which alarms are raised.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize, ToSchema)]
pub struct AlarmRule {
    /// What it is asked to be; without its actions for those who may not know them.
    #[serde(flatten)]
    pub spec: AlarmRuleSpec,
    /// In what its subject is measured.
    pub unit: AlarmUnit,
    /// Whether something is done when an alarm is raised, eased or cleared.
    pub acts: bool,
}

/// New values of settings, by name; null is a setting's default.
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize, Deserialize, ToSchema)]
#[serde(transparent)]
#[schema(example = json!({"Mem.IdleTax": 50, "Mem.BalancePeriod": null}))]
pub struct SettingsChange(pub BTreeMap<String, Option<u64>>);

impl Vm {
    pub(crate) fn new(info: VmInfo, status: &HostStatus) -> Self {
        // The status is of a second ago at most, so it may still know a VM that has ended, or its run before.
        let by_name = status.vms.binary_search_by(|vm| vm.name.cmp(&info.spec.name));
        let memory =
            by_name.ok().map(|index| &status.vms[index]).filter(|vm| Some(vm.id) == info.id).cloned();
        Self { info, memory }
    }
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

/// How much of what was typed the guest's line took.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize, ToSchema)]
pub struct TypedIn {
    /// So much, from the beginning.
    pub taken_bytes: ByteSize,
}

/// How many pages are to be moved.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct MovePages {
    /// At most so many.
    pub pages: u64,
}

/// How a VM is to be stopped.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize, ToSchema)]
#[serde(default, deny_unknown_fields)]
pub struct StopVm {
    /// Whether it is powered off at once, without asking its guest to shut down.
    #[schema(default = false)]
    pub now: bool,
    /// How long its guest may take to shut down; null: as `VM.StopDeadline` has it.
    pub deadline_seconds: Option<u16>,
    /// Whether it is powered off if no agent answers in its guest, or the guest has not shut down in time. Otherwise
    /// it runs on, and the operation fails.
    #[schema(default = true)]
    pub force: bool,
}

impl Default for StopVm {
    fn default() -> Self {
        Self { now: false, deadline_seconds: None, force: true }
    }
}

impl From<StopVm> for host::Stop {
    fn from(StopVm { now, deadline_seconds, force }: StopVm) -> Self {
        if now {
            return Self::Now;
        }
        let deadline = deadline_seconds.map(|seconds| Duration::from_secs(seconds.into()));
        Self::Shutdown { deadline, force }
    }
}

/// How a VM is to be restarted.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize, ToSchema)]
#[serde(default, deny_unknown_fields)]
pub struct RestartVm {
    /// Whether its guest is asked to shut down first. Otherwise the VM is reset at once.
    #[schema(default = false)]
    pub guest: bool,
    /// How long its guest may take for that; null: as `VM.StopDeadline` has it.
    pub deadline_seconds: Option<u16>,
    /// Whether it is reset if no agent answers in its guest, or the guest has not shut down in time. Otherwise it runs
    /// on, and the operation fails.
    #[schema(default = true)]
    pub force: bool,
}

impl Default for RestartVm {
    fn default() -> Self {
        Self { guest: false, deadline_seconds: None, force: true }
    }
}

impl From<RestartVm> for host::Stop {
    fn from(RestartVm { guest, deadline_seconds, force }: RestartVm) -> Self {
        StopVm { now: !guest, deadline_seconds, force }.into()
    }
}

/// That an order was carried out.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize, ToSchema)]
pub struct Done {
    /// How, in words.
    pub message: String,
}

/// Work that takes longer than one likes to wait for an answer.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize, ToSchema)]
pub struct Operation {
    /// Its number.
    pub id: u64,
    /// What is done.
    pub kind: OperationKind,
    /// To which VM; null for the whole host.
    pub vm: Option<String>,
    /// How it is going.
    pub state: OperationState,
    /// The part that is done, from 0 to 1; null while that is not known.
    #[schema(minimum = 0, maximum = 1)]
    pub progress: Option<f64>,
    /// How much is done: of an unswap, what was brought back; of an audit, the size of the VMs that were checked.
    pub done_bytes: ByteSize,
    /// Of how much; null if that is not known.
    pub total_bytes: Option<ByteSize>,
    /// What it waits for, in words; null while it works, and once it has ended.
    pub waiting: Option<String>,
    /// Whether it can be cancelled, now.
    pub cancellable: bool,
    /// When it began, in milliseconds since 1970.
    pub started_at_milliseconds: u64,
    /// When it ended.
    pub ended_at_milliseconds: Option<u64>,
    /// What came of it, in words; null unless it is done.
    pub message: Option<String>,
    /// Why it failed, or was not done.
    pub problem: Option<Problem>,
}

/// What an operation does.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum OperationKind {
    /// Starts a VM. Cancelled, the VM is stopped.
    Start,
    /// Stops a VM. Can be cancelled while it waits for the guest, which may then still shut down.
    Stop,
    /// Restarts a VM. Can be cancelled while it waits for the guest, which may then still shut down.
    Restart,
    /// Pauses a VM.
    Pause,
    /// Resumes a paused VM.
    Resume,
    /// Brings back what is compressed and swapped. Cancelled, what is back stays.
    Unswap,
    /// Checks invariants. That of the host can be cancelled, between two VMs.
    Audit,
}

/// How an operation is going.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum OperationState {
    /// It goes on.
    Running,
    /// It did what it was to do.
    Done,
    /// It did not, or not all of it.
    Failed,
    /// Somebody cancelled it, and it was left.
    Cancelled,
}

/// What there is: the beginning of a stream, and what follows a gap in it. It may know already what the next events tell.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize, ToSchema)]
pub struct StreamSnapshot {
    /// The number of the last event before it.
    pub last_event: u64,
    /// Every VM, by name.
    pub vms: Vec<Vm>,
    /// Every resource pool, by name.
    pub pools: Vec<Pool>,
    /// Every setting, by name.
    pub settings: Vec<Setting>,
    /// Every alarm, by number.
    pub alarms: Vec<Alarm>,
    /// The host's memory.
    pub status: HostStatus,
}

/// The header of an answer with a console's content that says with which byte it begins.
pub const CONSOLE_FROM: &str = "memtide-console-from";
/// The subprotocol of a console's WebSocket.
pub const CONSOLE_PROTOCOL: &str = "memtide.console";
/// The header that names a request. A client may choose the name.
pub const REQUEST_ID: &str = "x-request-id";
