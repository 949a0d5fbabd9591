//! Work that takes longer than an answer may take.

use crate::problem::Problem;
use addr::ByteSize;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

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
