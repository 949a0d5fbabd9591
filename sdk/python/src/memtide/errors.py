"""Why a request has no answer.

**Model.** `Refused` says that the host said no, and why; its subclasses are the cases that programs tell apart. All
others say that there is no host to be asked, or none that is understood. Each has a sentence for people and, where
there is something to do about it, a `hint`.
"""

from __future__ import annotations

from typing import Any

from memtide.types import Operation, Problem, ProblemCode


class MemtideError(Exception):
    """What was asked is not done, or nobody knows whether it is."""

    def __init__(self, message: str, hint: str | None = None) -> None:
        super().__init__(message)
        self.message = message
        """What went wrong, for people."""
        self.hint = hint
        """What to do about it."""


class BadAddress(MemtideError, ValueError):
    """An address of a host or a fingerprint is none."""


class Unreachable(MemtideError):
    """Nobody listens there, or nobody may."""


class Untrusted(MemtideError):
    """Who answers there may be somebody else: nothing was said to them."""


class BrokenOff(MemtideError):
    """The host, or the connection to it, ended in the middle. A change that was asked for may be made or not."""


class Strange(MemtideError):
    """What the host answers is not understood."""


class Refused(MemtideError):
    """The host says no."""

    def __init__(self, problem: Problem, status: int | None = None) -> None:
        super().__init__(problem.message, problem.hint)
        self.problem = problem
        """All that it says."""
        self.status = status
        """The HTTP status; `None` for what became of an operation."""

    @property
    def code(self) -> ProblemCode:
        """A word for programs."""
        return self.problem.code

    @property
    def details(self) -> dict[str, Any]:
        """Figures for programs; what they are depends on the code."""
        return self.problem.details or {}

    @property
    def request_id(self) -> str | None:
        """The request, as the host's logs name it."""
        return self.problem.request_id


class Invalid(Refused):
    """The request is invalid or cannot be understood."""


class NotAllowed(Refused):
    """There is no valid token, or its role is not enough."""


class NotFound(Refused):
    """The VM, pool, setting, token, operation or alarm does not exist."""


class WrongState(Refused):
    """The power of a VM, or something else there is, does not allow it."""


class Conflict(Refused):
    """Somebody was faster: it is not at the revision expected, and nothing was changed."""


class NoRoom(Refused):
    """Not enough memory or disk space is free."""


class Busy(Refused):
    """Too much goes on: it may be done later."""


class OperationFailed(Refused):
    """An operation ended without being done."""

    def __init__(self, operation: Operation, problem: Problem) -> None:
        super().__init__(problem)
        self.operation = operation
        """How it ended."""


class OperationCancelled(OperationFailed):
    """An operation was cancelled."""


_BY_STATUS: dict[int, type[Refused]] = {
    400: Invalid,
    401: NotAllowed,
    403: NotAllowed,
    404: NotFound,
    409: WrongState,
    412: Conflict,
    422: Invalid,
    429: Busy,
    503: Busy,
    507: NoRoom,
}


def refused(status: int, problem: Problem) -> Refused:
    """What goes with an HTTP status."""
    return _BY_STATUS.get(status, Refused)(problem, status)
