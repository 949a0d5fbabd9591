"""Work that takes longer: watched, cancelled, and waited for."""

from __future__ import annotations

import time
from collections.abc import Callable

from memtide.errors import OperationCancelled, OperationFailed, Strange
from memtide.routes import Routes
from memtide.types import Operation

MOST_WAIT = 30
"""Seconds waited in one request."""


class Begun:
    """An operation that was begun. It goes on whether somebody waits for it or not."""

    def __init__(self, routes: Routes, operation: Operation) -> None:
        self._routes = routes
        self.operation = operation
        """How it was when it was last looked at."""

    @property
    def id(self) -> int:
        """Its number."""
        return self.operation.id

    def look(self) -> Operation:
        """How it is going."""
        return self._look(0)

    def cancel(self) -> Operation:
        """Cancels it; it ends soon."""
        self.operation = self._routes.cancel_operation(self.id).value
        return self.operation

    def wait(self, *, progress: Callable[[Operation], object] | None = None, timeout: float | None = None) -> Operation:
        """Waits for its end; `progress` is called with it once a second, and at the end.

        Raises OperationFailed, OperationCancelled, or TimeoutError, after which it goes on.
        """
        deadline = None if timeout is None else time.monotonic() + timeout
        while True:
            rest = MOST_WAIT if deadline is None else deadline - time.monotonic()
            # The host waits whole seconds.
            seconds = max(0, min(1 if progress else MOST_WAIT, int(rest)))
            operation = self._look(seconds)
            if progress:
                progress(operation)
            if operation.state != "running":
                return self._ended(operation)
            if deadline is not None and time.monotonic() >= deadline:
                raise TimeoutError(f"operation {self.id} ({operation.kind}) goes on after {timeout} s")
            if seconds == 0:
                time.sleep(0.1)

    def _look(self, seconds: int) -> Operation:
        self.operation = self._routes.show_operation(self.id, wait=seconds).value
        return self.operation

    def _ended(self, operation: Operation) -> Operation:
        if operation.state == "done":
            return operation
        if operation.problem is None:
            raise Strange(f"operation {self.id} is {operation.state}, and does not say why")
        kind = OperationCancelled if operation.state == "cancelled" else OperationFailed
        raise kind(operation, operation.problem)
