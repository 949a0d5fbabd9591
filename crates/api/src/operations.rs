//! Work that takes longer than one likes to wait for an answer.
//!
//! **Model.** An operation is begun, goes on in a thread of its own whoever looks at it, and ends: done, failed or cancelled. All
//! there are lie in one place, by number, and who wants to know when one ends waits for that place to change.
//!
//! **Bounds.** [`MOST_RUNNING`] at once; of those that have ended the last [`KEPT`] are kept.

use crate::problem::no_thread;
use host::{Host, Progress};
use model::{Operation, OperationKind, OperationState};
use model::{Problem, ProblemCode};
use std::collections::BTreeMap;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::thread;
use std::time::{Duration, SystemTime, UNIX_EPOCH};
use tokio::sync::watch;
use tokio::time::timeout;

/// Most that go on at once: each has a thread.
pub(crate) const MOST_RUNNING: usize = 32;
/// How many are kept that have ended.
const KEPT: usize = 256;

/// All operations there are. Clones are the same ones.
#[derive(Clone)]
pub(crate) struct Operations(watch::Sender<All>);

#[derive(Default)]
struct All {
    last: u64,
    by_number: BTreeMap<u64, Entry>,
}

struct Entry {
    kind: OperationKind,
    vm: Option<String>,
    progress: Arc<Progress>,
    started_at_milliseconds: u64,
    end: Option<End>,
}

struct End {
    at_milliseconds: u64,
    outcome: Result<String, Problem>,
}

/// What is to be done: gives in words what came of it.
type Work = Box<dyn FnOnce(&Host, &Progress) -> Result<String, Problem> + Send>;

impl Operations {
    pub(crate) fn new() -> Self {
        Self(watch::Sender::new(All::default()))
    }

    /// Begins one.
    ///
    /// # Errors
    /// `too-many-operations`; `io` if the machine gives no thread for it.
    pub(crate) fn begin(
        &self,
        host: &Host,
        kind: OperationKind,
        vm: Option<String>,
        work: Work,
    ) -> Result<Operation, Problem> {
        let progress = Arc::new(Progress::default());
        let entry = Entry {
            kind,
            vm,
            progress: Arc::clone(&progress),
            started_at_milliseconds: milliseconds(),
            end: None,
        };
        let mut begun = None;
        self.0.send_if_modified(|all| {
            begun = all.add(entry);
            begun.is_some()
        });
        let begun = begun.ok_or_else(|| {
            Problem::new(
                ProblemCode::TooManyOperations,
                format!("{MOST_RUNNING} operations are going on already"),
            )
            .hint("wait for one of them to end, or cancel it")
        })?;
        let (all, host, id) = (self.0.clone(), host.clone(), begun.id);
        let thread = thread::Builder::new().name("operation".to_owned()).spawn(move || {
            let outcome = catch_unwind(AssertUnwindSafe(|| work(&host, &progress)));
            // A panic: our mistake, reported where it happened.
            let outcome = outcome.unwrap_or_else(|_| {
                Err(Problem::new(ProblemCode::Internal, "the host failed in the middle"))
            });
            all.send_modify(|all| all.end(id, outcome));
        });
        if let Err(error) = thread {
            self.0.send_modify(|all| drop(all.by_number.remove(&id)));
            return Err(no_thread(error));
        }
        Ok(begun)
    }

    /// The one numbered `id`, once it has ended or `wait` is over.
    ///
    /// # Errors
    /// `no-such-operation`.
    pub(crate) async fn wait(&self, id: u64, wait: Duration) -> Result<Operation, Problem> {
        let mut changes = self.0.subscribe();
        let over = changes.wait_for(|all| all.by_number.get(&id).is_none_or(|entry| entry.end.is_some()));
        // Where it stands when the time is over is an answer, too.
        let _ = timeout(wait, over).await;
        self.get(id)
    }

    fn get(&self, id: u64) -> Result<Operation, Problem> {
        let all = self.0.borrow();
        all.by_number.get(&id).map(|entry| entry.shown(id)).ok_or_else(|| no_such(id))
    }

    /// Those numbered above `id`, by number.
    pub(crate) fn after(&self, id: u64) -> Vec<Operation> {
        let all = self.0.borrow();
        all.by_number.range(id.saturating_add(1)..).map(|(&id, entry)| entry.shown(id)).collect()
    }

    /// Asks whoever works to leave it.
    ///
    /// # Errors
    /// `no-such-operation`, `operation-over`, `not-cancellable`.
    pub(crate) fn cancel(&self, id: u64) -> Result<Operation, Problem> {
        let all = self.0.borrow();
        let entry = all.by_number.get(&id).ok_or_else(|| no_such(id))?;
        if entry.end.is_some() {
            return Err(Problem::new(
                ProblemCode::OperationOver,
                format!("operation {id} has ended already"),
            ));
        }
        if !entry.is_cancellable() {
            return Err(Problem::new(
                ProblemCode::NotCancellable,
                format!("operation {id} cannot be cancelled"),
            )
            .hint("wait for its end"));
        }
        entry.progress.cancel();
        Ok(entry.shown(id))
    }
}

#[cfg(test)]
impl Operations {
    /// Asks whoever works to leave it, whether it can be cancelled or not.
    pub(crate) fn end_all(&self) {
        self.0.borrow().by_number.values().for_each(|entry| entry.progress.cancel());
    }
}

fn no_such(id: u64) -> Problem {
    Problem::new(ProblemCode::NoSuchOperation, format!("there is no operation {id}"))
        .hint(format!("the last {KEPT} that have ended are kept"))
}

impl All {
    /// `None` if there are too many.
    fn add(&mut self, entry: Entry) -> Option<Operation> {
        if self.by_number.values().filter(|entry| entry.end.is_none()).count() >= MOST_RUNNING {
            return None;
        }
        self.last += 1;
        let shown = entry.shown(self.last);
        self.by_number.insert(self.last, entry);
        Some(shown)
    }

    fn end(&mut self, id: u64, outcome: Result<String, Problem>) {
        if let Some(entry) = self.by_number.get_mut(&id) {
            entry.end = Some(End { at_milliseconds: milliseconds(), outcome });
        }
        let ended = |(_, entry): &(&u64, &Entry)| entry.end.is_some();
        let excess = self.by_number.iter().filter(ended).count().saturating_sub(KEPT);
        let oldest: Vec<u64> = self.by_number.iter().filter(ended).map(|(&id, _)| id).take(excess).collect();
        self.by_number.retain(|id, _| !oldest.contains(id));
    }
}

impl Entry {
    fn is_cancellable(&self) -> bool {
        let by_kind = match self.kind {
            OperationKind::Start | OperationKind::Unswap => true,
            OperationKind::Audit => self.vm.is_none(),
            OperationKind::Stop | OperationKind::Restart => self.progress.waiting().is_some(),
            OperationKind::Pause | OperationKind::Resume => false,
        };
        by_kind && self.end.is_none()
    }

    fn shown(&self, id: u64) -> Operation {
        let (done_bytes, total_bytes) = self.progress.done();
        let outcome = self.end.as_ref().map(|end| &end.outcome);
        let state = match outcome {
            None => OperationState::Running,
            Some(Ok(_)) => OperationState::Done,
            Some(Err(problem)) if problem.code == ProblemCode::Cancelled => OperationState::Cancelled,
            Some(Err(_)) => OperationState::Failed,
        };
        let part = total_bytes.map(|total| (done_bytes.0 as f64 / total.0 as f64).min(1.0));
        Operation {
            id,
            kind: self.kind,
            vm: self.vm.clone(),
            state,
            progress: if state == OperationState::Done { Some(1.0) } else { part },
            done_bytes,
            total_bytes,
            waiting: self.progress.waiting().filter(|_| self.end.is_none()),
            cancellable: self.is_cancellable(),
            started_at_milliseconds: self.started_at_milliseconds,
            ended_at_milliseconds: self.end.as_ref().map(|end| end.at_milliseconds),
            message: outcome.and_then(|outcome| outcome.as_ref().ok()).cloned(),
            problem: outcome.and_then(|outcome| outcome.as_ref().err()).cloned(),
        }
    }
}

/// Milliseconds since 1970.
fn milliseconds() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_millis() as u64)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn entry() -> Entry {
        Entry {
            kind: OperationKind::Start,
            vm: None,
            progress: Arc::default(),
            started_at_milliseconds: 0,
            end: None,
        }
    }

    #[test]
    fn neither_those_that_go_on_nor_those_kept_are_ever_too_many() {
        let mut all = All::default();
        for _ in 0..MOST_RUNNING {
            assert!(all.add(entry()).is_some());
        }
        assert!(all.add(entry()).is_none());
        for id in 2..1000 {
            all.end(id, Ok(String::new()));
            assert!(all.add(entry()).is_some());
            assert!(all.by_number.len() <= KEPT + MOST_RUNNING);
        }
        assert!(all.by_number.contains_key(&1), "it goes on");
        assert!(all.by_number.contains_key(&999) && !all.by_number.contains_key(&2));
    }
}
