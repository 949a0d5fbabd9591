"""The host under test: how it is started, killed, and looked at from outside."""

import re
import signal
import subprocess
import time
from collections.abc import Callable
from pathlib import Path

from memtide import Memtide, MemtideError

MACHINE_MEMORY = 512 << 20
# How long a host may take to be ready, or to end.
PATIENCE = 120


class Failure(Exception):
    """Something that must not happen."""


class Host:
    """One host program after the other, on one state directory."""

    def __init__(self, program: Path, place: Path, enter: Callable[[], None] | None) -> None:
        self.place, self.enter = place, enter
        self.command = [
            str(program), "host", "--machine-memory", str(MACHINE_MEMORY), "--state", str(place / "state"),
            "--socket", str(place / "socket"), "--resume",
        ]  # fmt: skip
        self.process: subprocess.Popen[bytes] | None = None
        self.ask = Memtide(f"unix:{place / 'socket'}")

    def start(self) -> None:
        """Starts it; done when it can be asked."""
        log = (self.place / "log").open("ab")
        self.process = subprocess.Popen(self.command, stdout=log, stderr=log, preexec_fn=self.enter)
        deadline = time.monotonic() + PATIENCE
        while True:
            try:
                self.ask.ready()
                return
            except MemtideError as error:
                self.check_alive()
                if time.monotonic() > deadline:
                    raise Failure(f"the host is not ready: {error}") from error
            time.sleep(0.1)

    def check_alive(self) -> None:
        """It has not ended by itself."""
        assert self.process
        if (code := self.process.poll()) is not None:
            raise Failure(f"the host has ended with {code}: {self.last_words()}")

    def last_words(self) -> str:
        return (self.place / "log").read_text(errors="replace")[-2000:]

    def kill(self) -> None:
        """As if the power failed, but for the machine."""
        assert self.process
        self.process.kill()
        self.process.wait()

    def end(self) -> None:
        """Ends it in order."""
        assert self.process
        self.process.send_signal(signal.SIGTERM)
        if (code := self.process.wait(PATIENCE)) not in (0, 143):
            raise Failure(f"the host ends with {code}: {self.last_words()}")

    def resident(self) -> dict[str, int]:
        """What Linux says it has, in bytes, by kind; `all` is the sum."""
        assert self.process
        status = Path(f"/proc/{self.process.pid}/status").read_text()
        kinds = {kind: int(kib) << 10 for kind, kib in re.findall(r"^Rss(Anon|File|Shmem):\s+(\d+) kB", status, re.MULTILINE)}
        return kinds | {"all": sum(kinds.values())}
