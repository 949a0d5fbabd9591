//! What is asked of a host and what it answers, as plain data.
//!
//! **Model.** Specs (what is asked for), changes (what is to be different), infos and status (what there is), events (what happened), problems (what
//! went wrong). Sizes are in bytes, fields that hold them end in `_bytes`; what is not known is `null`. The REST interface, the files in the state
//! directory, the command line, the web client and the SDKs all have these fields and words.
//!
//! **Not here.** How any of it comes about: `host`. Whether a spec makes sense: `host`, too. The words of policy (shares, states, bounds): `sched`.

#![forbid(unsafe_code)]

mod access;
mod alarm;
mod alarm_rule;
mod answers;
mod autostart;
mod change;
mod ended;
mod event;
mod explained;
mod file_trouble;
mod headers;
mod info;
pub mod inspect;
mod mmu;
mod operation;
mod orders;
mod problem;
mod problem_code;
mod spec;
mod status;
mod text;
mod what_if;

pub use access::{AuditLine, Caller, NewToken, Role, Token, TokenSpec};
pub use alarm::{ActionOutcome, Alarm, ClearedAlarm, TestedActions};
pub use alarm_rule::{AlarmRuleChange, AlarmRuleSpec, MOST_RULES, Secret, Webhook};
pub use answers::{AlarmRule, List, StreamSnapshot, UntypedEvent, Vm};
pub use autostart::Autostart;
pub use change::{PoolChange, VmChange};
pub use ended::{Afterwards, HowEnded, RestartedFor};
pub use event::{Changed, Decision, Event, Trigger, VmDecision, What};
pub use explained::{
    EntitlementBytes, Explained, LeverBytes, PageBytes, PoolEntitlement, ReclaimBytes, SiblingShares,
};
pub use file_trouble::{FileState, FileTrouble};
pub use headers::{CONSOLE_FROM, CONSOLE_PROTOCOL, REQUEST_ID};
pub use info::{Pool, Power, Setting, VmInfo};
pub use mmu::Mmu;
pub use operation::{Done, Operation, OperationKind, OperationState};
pub use orders::{MovePages, RestartVm, SettingsChange, StopVm, TypedIn};
pub use problem::Problem;
pub use problem_code::ProblemCode;
pub use sched::alarm::{
    Acknowledgement, Level, Severity, Subject as AlarmSubject, Threshold as AlarmThreshold, Unit as AlarmUnit,
};
pub use sched::{GuestState, HostState, Shares};
pub use spec::{PoolSpec, VmSpec};
pub use status::{
    HostStatus, Ledger, LoopStatus, MemoryLimit, Metrics, PoolStatus, StateSeconds, ThresholdBytes, Totals,
    VmStatus,
};
pub use what_if::{Edit, Shift, VmShift, WhatIf, shift};
