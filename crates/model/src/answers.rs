//! Answers that put together what others have.

use crate::alarm::Alarm;
use crate::alarm_rule::AlarmRuleSpec;
use crate::info::{Pool, Setting, VmInfo};
use crate::status::{HostStatus, VmStatus};
use sched::alarm::Unit;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
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

impl Vm {
    /// A VM with its memory as `status` has it.
    pub fn new(info: VmInfo, status: &HostStatus) -> Self {
        // The status is of a second ago at most, so it may still know a VM that has ended, or its run before.
        let by_name = status.vms.binary_search_by(|vm| vm.name.cmp(&info.spec.name));
        let memory =
            by_name.ok().map(|index| &status.vms[index]).filter(|vm| Some(vm.id) == info.id).cloned();
        Self { info, memory }
    }
}

/// A rule by which alarms are raised.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize, ToSchema)]
pub struct AlarmRule {
    /// What it is asked to be; without its actions for those who may not know them.
    #[serde(flatten)]
    pub spec: AlarmRuleSpec,
    /// In what its subject is measured.
    pub unit: Unit,
    /// Whether something is done when an alarm is raised, eased or cleared.
    pub acts: bool,
}

/// Something that happened, as a client reads it: a later host tells of what this one does not know.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub struct UntypedEvent {
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
