"""Waiting for an operation, with a host that is played: how long a live one takes is not for a test to say."""

from __future__ import annotations

from typing import Any, cast

import pytest

from memtide import Begun, OperationCancelled, OperationFailed, Strange
from memtide._transport import Answer
from memtide.routes import Routes
from memtide.types import Operation, OperationState, Problem

PROBLEM = Problem(code="cancelled", message="it was cancelled", hint=None, details=None, request_id=None)


def operation(state: OperationState, progress: float | None = None, problem: Problem | None = None) -> Operation:
    return Operation(
        **dict.fromkeys(["ended_at_milliseconds", "message", "total_bytes", "vm"]),
        id=7,
        kind="unswap",
        state=state,
        progress=progress,
        problem=problem,
        cancellable=True,
        done_bytes=0,
        waiting=None,
        started_at_milliseconds=0,
    )


class Played:
    """Answers with one operation after the other, the last one for ever."""

    def __init__(self, *answers: Operation) -> None:
        self.answers = list(answers)
        self.waits: list[int | None] = []

    def show_operation(self, id: int, *, wait: int | None = None) -> Answer[Operation]:
        assert id == 7
        self.waits.append(wait)
        return Answer(self.answers.pop(0) if len(self.answers) > 1 else self.answers[0], {})

    def cancel_operation(self, id: int) -> Answer[Operation]:
        self.answers = [operation("cancelled", problem=PROBLEM)]
        return Answer(operation("running"), {})


def begun(played: Played) -> Begun:
    return Begun(cast(Routes, cast(Any, played)), operation("running"))


def test_progress_is_told_once_a_second_and_at_the_end() -> None:
    played = Played(operation("running", 0.25), operation("running", 0.5), operation("done", 1.0))
    seen: list[float | None] = []
    assert begun(played).wait(progress=lambda now: seen.append(now.progress)).state == "done"
    assert (seen, played.waits) == ([0.25, 0.5, 1.0], [1, 1, 1])
    played = Played(operation("done"))
    begun(played).wait()
    assert played.waits == [30]


def test_what_is_cancelled_or_failed_is_raised_with_its_reason() -> None:
    played = Played(operation("running"))
    waited = begun(played)
    assert waited.cancel().state == "running"
    with pytest.raises(OperationCancelled, match="it was cancelled") as raised:
        waited.wait()
    assert (raised.value.operation.id, raised.value.code, raised.value.status) == (7, "cancelled", None)
    with pytest.raises(OperationFailed):
        begun(Played(operation("failed", problem=PROBLEM))).wait()
    with pytest.raises(Strange):
        begun(Played(operation("failed"))).wait()


def test_who_waits_long_enough_is_told_that_it_goes_on() -> None:
    played = Played(operation("running"))
    with pytest.raises(TimeoutError, match="goes on"):
        begun(played).wait(timeout=0.3)
    assert set(played.waits) == {0}, "the host is not asked to wait longer than is wanted"
