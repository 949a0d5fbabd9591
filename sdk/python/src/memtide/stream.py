"""What happens on the host, as it happens.

**Model.** A stream begins with a snapshot of all there is; then come events and, once a second, the host's memory as
measured. Each message has an id. Who broke off comes back with the last one, and is given what was missed; if that is
not kept any more, or the host is another, a snapshot: so whoever follows takes what they know from each snapshot anew,
and changes it with each event.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from types import TracebackType

from memtide import _json
from memtide._transport import Lines
from memtide.errors import BrokenOff, Busy, MemtideError, Unreachable
from memtide.routes import Routes
from memtide.types import Event, HostStatus, Only, StreamSnapshot

Message = StreamSnapshot | Event | HostStatus

FIRST_PAUSE = 0.2
MOST_PAUSE = 5.0


class Stream:
    """What a host tells without being asked each time. Iterate over it; `with` or `close` ends it.

    When the connection breaks off it is made again, for as long as `patience` seconds without success; `None` is
    without end. A host that never was there raises at once.
    """

    def __init__(
        self,
        routes: Routes,
        *,
        only: Only | None = None,
        since: int | None = None,
        last_id: str | None = None,
        patience: float | None = 60.0,
    ) -> None:
        self._routes, self._only, self._since, self._patience = routes, only, since, patience
        self.id = last_id
        """The id of the last message, to go on from later."""
        self.reconnected = 0
        """How often the connection was made again."""
        self._closed = False
        self._lines: Lines | None = self._connect()

    def _connect(self) -> Lines:
        since = self._since if self.id is None else None
        return self._routes.follow(only=self._only, since=since, last_event_id=self.id)

    def __iter__(self) -> Iterator[Message]:
        failed_at: float | None = None
        pause = FIRST_PAUSE
        while not self._closed:
            try:
                if self._lines is None:
                    self._lines = self._connect()
                    self.reconnected += 1
                for message in self._messages(self._lines):
                    failed_at, pause = None, FIRST_PAUSE
                    yield message
                # It ended in order: the host ends, or this client was too slow.
                failure: MemtideError = BrokenOff("the host ended the stream")
            except (BrokenOff, Busy, Unreachable) as error:
                failure = error
            if self._closed:
                return
            self._drop()
            now = time.monotonic()
            failed_at = failed_at if failed_at is not None else now
            if self._patience is not None and now + pause - failed_at > self._patience:
                raise failure
            time.sleep(pause)
            pause = min(2 * pause, MOST_PAUSE)

    def _messages(self, lines: Lines) -> Iterator[Message]:
        fields: dict[str, str] = {}
        for line in lines:
            if line:
                name, _, value = line.partition(":")
                fields[name] = value.removeprefix(" ")
                continue
            self.id = fields.get("id", self.id)
            message = _message(fields.get("event"), fields.get("data", ""))
            fields = {}
            if message is not None:
                yield message

    def _drop(self) -> None:
        if self._lines is not None:
            self._lines.close()
            self._lines = None

    def close(self) -> None:
        """Ends it, also for a thread that waits for a message."""
        self._closed = True
        self._drop()

    def __enter__(self) -> Stream:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


def _message(kind: str | None, data: str) -> Message | None:
    """`None` for what is only there to show that the host lives, or of a kind that is not known."""
    match kind:
        case "snapshot":
            return _json.read(StreamSnapshot, data)
        case "event":
            return _json.read(Event, data)
        case "status":
            return _json.read(HostStatus, data)
    return None
