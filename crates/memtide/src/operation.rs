//! Long work that the host does for a verb: begun, watched, cancelled by Ctrl-C.

mod interrupts;

use crate::error::{Error, INTERRUPTED};
use crate::progress::Line;
use crate::remote::Remote;
use interrupts::Interrupts;
use model::{Operation, OperationKind, OperationState};

/// Seconds between two looks; one that has ended is known at once.
const LOOK: u8 = 1;

impl Remote {
    /// Has the host do something, to a VM or to itself, and waits for its end.
    ///
    /// # Errors
    /// If it was not done. After Ctrl-C, what was begun is cancelled where that can be; the error then says what is.
    pub(crate) fn carry_out(&self, kind: OperationKind, vm: Option<&str>) -> Result<Operation, Error> {
        self.finish(self.wait(self.client.begin(kind, vm))?)
    }

    /// Waits for the end of what was begun.
    ///
    /// # Errors
    /// As [`Self::carry_out`].
    pub(crate) fn finish(&self, begun: Operation) -> Result<Operation, Error> {
        let interrupts =
            Interrupts::watch().map_err(|error| Error::new(format!("cannot watch for signals: {error}")))?;
        self.run(self.watch(begun, &interrupts))
    }

    async fn watch(&self, mut operation: Operation, interrupts: &Interrupts) -> Result<Operation, Error> {
        let mut line = Line::begin();
        let mut interrupted = false;
        while operation.state == OperationState::Running {
            line.show(&going(&operation, interrupted));
            let look = self.client.operation(operation.id, LOOK);
            operation = tokio::select! {
                seen = look => seen?,
                () = interrupts.next() => {
                    if interrupted || !operation.cancellable {
                        return Err(left(&operation));
                    }
                    interrupted = true;
                    // It may have ended meanwhile, which the next look says.
                    self.client.cancel(operation.id).await.unwrap_or(operation)
                }
            };
        }
        drop(line);
        match (operation.state, operation.problem.take()) {
            (OperationState::Cancelled, _) if interrupted => Err(cancelled(&operation)),
            (OperationState::Done, _) | (_, None) => Ok(operation),
            (_, Some(problem)) => Err(problem.into()),
        }
    }
}

fn subject(operation: &Operation) -> &str {
    operation.vm.as_deref().unwrap_or("the host and its VMs")
}

/// What is done, and how much of it.
fn going(operation: &Operation, interrupted: bool) -> String {
    let what = match operation.kind {
        _ if interrupted => "cancelling: ",
        OperationKind::Start => "starting ",
        OperationKind::Stop => "stopping ",
        OperationKind::Restart => "restarting ",
        OperationKind::Pause => "pausing ",
        OperationKind::Resume => "resuming ",
        OperationKind::Unswap => "bringing back memory of ",
        OperationKind::Audit => "auditing ",
    };
    let part = operation.progress.map_or_else(String::new, |part| format!(", {:.0} %", part * 100.0));
    let waiting = operation.waiting.as_ref().map_or_else(String::new, |what| format!(", waiting for {what}"));
    let hint = if operation.cancellable && !interrupted { " (Ctrl-C cancels)" } else { "" };
    format!("{what}{}{part}{waiting}{hint}", subject(operation))
}

/// Nobody waits any more, and the host goes on.
fn left(operation: &Operation) -> Error {
    let Operation { id, .. } = operation;
    Error::new(format!("interrupted; the host goes on: {}", going(operation, false)))
        .hint(format!("'memtide operation show {id}' says how it is going"))
        .status(INTERRUPTED)
}

/// It was left at somebody's wish: what is so now.
fn cancelled(operation: &Operation) -> Error {
    let of = subject(operation);
    let state = match operation.kind {
        OperationKind::Start => format!("{of} is stopped"),
        OperationKind::Stop => format!("{of} may be stopping"),
        OperationKind::Restart => format!("{of} may be shutting down, and runs on otherwise"),
        OperationKind::Pause | OperationKind::Resume => format!("{of} is as it was"),
        OperationKind::Unswap => format!("{} of {of} are brought back and stay", operation.done_bytes),
        OperationKind::Audit => "what was looked at holds".to_owned(),
    };
    Error::new(format!("interrupted; cancelled: {state}")).status(INTERRUPTED)
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn operation(kind: &str, progress: Option<f64>) -> Operation {
        serde_json::from_value(json!({
            "id": 7, "kind": kind, "vm": "web", "state": "running", "progress": progress, "done_bytes": 1 << 20,
            "cancellable": kind != "stop", "started_at_milliseconds": 0,
        }))
        .unwrap()
    }

    #[test]
    fn what_goes_on_is_said_as_far_as_it_is_known() {
        assert_eq!(
            going(&operation("unswap", Some(0.42)), false),
            "bringing back memory of web, 42 % (Ctrl-C cancels)"
        );
        assert_eq!(going(&operation("stop", None), false), "stopping web");
        assert_eq!(going(&operation("start", None), true), "cancelling: web");
    }

    #[test]
    fn who_interrupts_is_told_what_is_so_now() {
        let text = left(&operation("stop", None)).to_string();
        assert!(text.contains("goes on: stopping web") && text.contains("operation show 7"), "{text}");
        let error = cancelled(&operation("unswap", None));
        assert!(error.to_string().contains("1 MiB of web are brought back"), "{error}");
        assert_eq!(error.exit_status(), 130);
    }
}
