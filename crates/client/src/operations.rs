//! Work that takes longer: begun, watched, cancelled, and waited for.

use crate::connection::{Asked, of_vm};
use crate::{Client, Error};
use addr::ByteSize;
use hyper::Method;
use model::{Operation, OperationKind, OperationState, RestartVm, StopVm, Vm};

/// Seconds waited in one request.
const WAIT: u8 = 30;

#[expect(clippy::missing_errors_doc, reason = "the same for all: the host says no, is not there, breaks off")]
impl Client {
    /// Starts a VM; returns when its guest runs.
    pub async fn start(&self, name: &str) -> Result<Vm, Error> {
        self.carry_out(OperationKind::Start, Some(name)).await?;
        self.vm(name).await
    }

    /// Stops a VM; returns when its memory is free, and says how it came to that.
    pub async fn stop(&self, name: &str, how: &StopVm) -> Result<String, Error> {
        let begun = self.begin_stop(name, how).await?;
        let operation = self.finish(begun.id).await?;
        Ok(operation.message.unwrap_or_default())
    }

    /// Begins to stop a VM.
    pub async fn begin_stop(&self, name: &str, how: &StopVm) -> Result<Operation, Error> {
        self.ask(Asked::new(Method::POST, &of_vm(name, "/stop")).json(how)).await
    }

    /// Restarts a VM, at once or after its guest was asked to shut down; returns when its guest runs anew.
    pub async fn restart(&self, name: &str, how: &RestartVm) -> Result<Vm, Error> {
        let begun = self.begin_restart(name, how).await?;
        self.finish(begun.id).await?;
        self.vm(name).await
    }

    /// Begins to restart a VM.
    pub async fn begin_restart(&self, name: &str, how: &RestartVm) -> Result<Operation, Error> {
        self.ask(Asked::new(Method::POST, &of_vm(name, "/restart")).json(how)).await
    }

    /// Pauses a VM; returns when its guest executes nothing.
    pub async fn pause(&self, name: &str) -> Result<Vm, Error> {
        self.carry_out(OperationKind::Pause, Some(name)).await?;
        self.vm(name).await
    }

    /// Lets a paused VM go on.
    pub async fn resume(&self, name: &str) -> Result<Vm, Error> {
        self.carry_out(OperationKind::Resume, Some(name)).await?;
        self.vm(name).await
    }

    /// Brings back what is compressed and swapped, as far as memory is free; gives how much.
    pub async fn unswap(&self, name: &str) -> Result<ByteSize, Error> {
        Ok(self.carry_out(OperationKind::Unswap, Some(name)).await?.done_bytes)
    }

    /// Checks every invariant of the host and its VMs; says that they hold.
    pub async fn audit(&self) -> Result<String, Error> {
        let operation = self.carry_out(OperationKind::Audit, None).await?;
        Ok(operation.message.unwrap_or_default())
    }

    /// Checks the invariants of one VM; says that they hold.
    pub async fn audit_vm(&self, name: &str) -> Result<String, Error> {
        let operation = self.carry_out(OperationKind::Audit, Some(name)).await?;
        Ok(operation.message.unwrap_or_default())
    }

    /// Begins an operation, on a VM or on the host, and waits for its end.
    pub async fn carry_out(&self, kind: OperationKind, vm: Option<&str>) -> Result<Operation, Error> {
        let begun = self.begin(kind, vm).await?;
        self.finish(begun.id).await
    }

    /// Begins an operation, on a VM or, an audit, on the host.
    pub async fn begin(&self, kind: OperationKind, vm: Option<&str>) -> Result<Operation, Error> {
        let what = match kind {
            OperationKind::Start => "/start",
            OperationKind::Stop => "/stop",
            OperationKind::Restart => "/restart",
            OperationKind::Pause => "/pause",
            OperationKind::Resume => "/resume",
            OperationKind::Unswap => "/unswap",
            OperationKind::Audit => "/audit",
        };
        let path = vm.map_or_else(|| format!("/v1{what}"), |name| of_vm(name, what));
        self.ask(Asked::new(Method::POST, &path)).await
    }

    /// Waits for the end of an operation; if it was not done, the error says why.
    pub async fn finish(&self, id: u64) -> Result<Operation, Error> {
        loop {
            let mut operation = self.operation(id, WAIT).await?;
            match operation.state {
                OperationState::Running => {}
                OperationState::Done => return Ok(operation),
                OperationState::Failed | OperationState::Cancelled => {
                    let problem = operation.problem.take();
                    let unknown = || Error::Strange(format!("operation {id} failed for no reason"));
                    return Err(problem.map_or_else(unknown, Error::Problem));
                }
            }
        }
    }

    /// How an operation is going, once it has ended or `wait` seconds are over.
    pub async fn operation(&self, id: u64, wait: u8) -> Result<Operation, Error> {
        self.get(&format!("/v1/operations/{id}?wait={wait}")).await
    }

    /// Operations that go on, and the last that have ended.
    pub async fn operations(&self) -> Result<Vec<Operation>, Error> {
        self.all("/v1/operations", None).await
    }

    /// Cancels an operation; it ends soon.
    pub async fn cancel(&self, id: u64) -> Result<Operation, Error> {
        self.ask(Asked::new(Method::POST, &format!("/v1/operations/{id}/cancel"))).await
    }
}
