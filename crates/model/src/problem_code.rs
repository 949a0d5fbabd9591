//! The words by which programs tell apart what went wrong.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// What went wrong, in a word for programs. More words may come with later hosts.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "kebab-case")]
pub enum ProblemCode {
    /// The body is no JSON.
    BadJson,
    /// The query cannot be read.
    BadQuery,
    /// A part of the path cannot be read.
    BadPath,
    /// A header cannot be read, or is there twice.
    BadHeader,
    /// The body cannot be read.
    BadBody,
    /// The request cannot be read.
    BadRequest,
    /// A token is needed.
    NotSignedIn,
    /// The token is not valid, or not any more.
    BadToken,
    /// The role is not enough, or it cannot be asked over TCP.
    NotAllowed,
    /// A page of somebody else's asks.
    ForeignOrigin,
    /// The host is asked by a name that is not its own.
    ForeignHost,
    /// There is no VM of that name.
    NoSuchVm,
    /// There is no resource pool of that name.
    NoSuchPool,
    /// There is no setting of that name.
    NoSuchSetting,
    /// The VM has no vCPU of that number.
    NoSuchCpu,
    /// There is no operation of that number, or none any more.
    NoSuchOperation,
    /// There is no alarm of that number, or none any more.
    NoSuchAlarm,
    /// There is no alarm rule of that name.
    NoSuchAlarmRule,
    /// There is no token of that name.
    NoSuchToken,
    /// There is nothing at that path.
    NoSuchRoute,
    /// The path does not take that method.
    WrongMethod,
    /// The body did not come in time.
    SlowBody,
    /// There is one of that name already.
    Exists,
    /// It needs a VM that is stopped.
    NotStopped,
    /// It needs a VM that runs.
    NotRunning,
    /// The VM ended where it was to be restarted.
    NotRestarted,
    /// It needs a VM that is not paused.
    Paused,
    /// Others lie in the resource pool.
    PoolInUse,
    /// The VM's file cannot be read.
    Unreadable,
    /// A file of the host's is not what it should be.
    BadFile,
    /// The operation has ended already.
    OperationOver,
    /// The operation cannot be cancelled.
    NotCancellable,
    /// Somebody cancelled the operation.
    Cancelled,
    /// The alarm rule has nothing to do.
    NoAction,
    /// The guest did not shut down, and was not to be powered off.
    StillRuns,
    /// It was changed since it was read.
    Changed,
    /// The body is of another type than JSON.
    WrongType,
    /// The body is larger than is taken.
    LargeBody,
    /// It cannot be a name.
    BadName,
    /// The specification of a VM or resource pool is invalid.
    BadSpec,
    /// The setting does not take that value.
    BadSetting,
    /// The guest cannot be started as it is.
    BadGuest,
    /// A field is not there, is not known or has a value that it does not take.
    BadField,
    /// There is no such MMU mode.
    BadMode,
    /// A guest's file cannot be read.
    GuestFile,
    /// The host's sandbox keeps it from that file.
    KeptFrom,
    /// There are as many as there may be.
    TooMany,
    /// As many consoles are followed as may be.
    TooManyFollowers,
    /// As many operations go on as may.
    TooManyOperations,
    /// The peer asks more often than it may.
    TooManyRequests,
    /// The peer was refused too often.
    TooManyRefusals,
    /// There are as many alarm rules as there may be.
    TooManyAlarmRules,
    /// There are as many tokens as there may be.
    TooManyTokens,
    /// The host is shutting down.
    ShuttingDown,
    /// The host is not ready.
    NotReady,
    /// The host holds as much for requests as it may.
    Busy,
    /// The host was not done in time.
    Late,
    /// Not enough memory, or room, is free.
    NoMemory,
    /// There is no place for the VM's swap file.
    NoSwap,
    /// That the VM is to be on cannot be written down.
    Unwritten,
    /// What is to survive cannot be written, so it is not so.
    NotKept,
    /// Another host has the state directory.
    Locked,
    /// The machine does not give what the host needs.
    Io,
    /// The audit log cannot be read.
    AuditLog,
    /// An invariant does not hold.
    BrokenInvariant,
    /// It could not be decided whether the invariants hold.
    AuditUndecided,
    /// The host failed.
    Internal,
    /// For clients: a word of a later host's. No host says it.
    #[serde(other)]
    Unknown,
}
