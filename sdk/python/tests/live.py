"""A host of the tests' own, run as a program, and guests in it."""

from __future__ import annotations

import os
import re
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from memtide import Memtide, MiB
from memtide.types import Vm

ROOT = Path(__file__).resolve().parents[3]
BOOT_SECONDS = 60.0

RELEASE = Path(os.environ.get("CARGO_TARGET_DIR", ROOT / "target")) / "release" / "memtide"
PROGRAM = Path(os.environ.get("MEMTIDE", RELEASE))
GUEST = Path(os.environ.get("MEMTIDE_STATE", ROOT / "state")) / "guest"


def needed(path: Path, how: str) -> Path:
    """A file that tests cannot do without."""
    if not path.exists():
        pytest.fail(f"{path} is not there: {how} makes it", pytrace=False)
    return path


def until(what: str, true: Callable[[], object], seconds: float = 20.0) -> None:
    """Waits for something to come true."""
    deadline = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < deadline, f"not within {seconds} s: {what}"
        time.sleep(0.05)


class Host:
    """A running host."""

    def __init__(self, directory: Path, socket: Path, *options: str) -> None:
        self.directory, self.socket, self.options = directory, socket, options
        self.address = str(socket)
        self.fingerprint: str | None = None
        self._start()

    def _start(self) -> None:
        self._said = self.directory / "said"
        program = needed(PROGRAM, "make build")
        command = [str(program), "host", "--state", str(self.directory / "state"), "--socket", str(self.socket)]
        with self._said.open("w") as said:
            self.process = subprocess.Popen([*command, *self.options], stdout=said, stderr=subprocess.STDOUT)
        # A whole line of it; what it warns of may come after that.
        ready = r"the host is ready.*\n"
        if "--listen" in self.options:
            ready = r"listening at (https?://\S+?)(?:, the certificate's fingerprint is (\w+))?\n"
        until(f"'{ready}'", lambda: self.process.poll() is not None or re.search(ready, self.said()), 30.0)
        match = re.search(ready, self.said())
        assert match, self.said()
        if "--listen" in self.options:
            self.address, self.fingerprint = match[1], match[2]

    def said(self) -> str:
        """All that it printed."""
        return self._said.read_text()

    def end(self) -> None:
        """Ends it in order."""
        self.process.terminate()
        try:
            self.process.wait(30)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
            raise

    def again(self) -> None:
        """Ends it and starts it anew."""
        self.end()
        self._start()

    def client(self) -> Memtide:
        """Its client, by the socket, which administers it."""
        return Memtide(str(self.socket))


@contextmanager
def host(directory: Path, socket_directory: Path, *options: str) -> Iterator[Host]:
    """A host until the end of the block. Its socket's path must be short."""
    running = Host(directory, socket_directory / "host.socket", *options)
    try:
        yield running
    finally:
        running.end()


def add_guest(client: Memtide, name: str, command: str = "", *, memory_mib: int = 192, zip: bool = True) -> Vm:
    """Creates and starts a Debian guest that runs a command, or a shell; does not wait for it to boot."""
    run = f' memtide.run="{command}"' if command else ""
    client.create(
        name=name,
        memory_bytes=MiB(memory_mib),
        kernel=str(needed(GUEST / "Image", "make guest")),
        initrd=str(needed(GUEST / "memtide.cpio", "make guest")),
        append=f"console=ttyS0 quiet cryptomgr.notests no4lvl{run}",
        zip=zip,
    )
    client.start(name).wait(timeout=30)
    return client.vm(name)


def booted(client: Memtide, name: str) -> None:
    """Waits for a guest's shell."""
    until(f"{name} boots", lambda: b"memtide: shell ready" in client.said(name).content, BOOT_SECONDS)


def consumed(client: Memtide, name: str) -> int:
    """Machine memory that a VM holds; 0 before it was measured first."""
    memory = client.vm(name).memory
    return memory.consumed_bytes if memory else 0


def idle_kernel(path: Path) -> Path:
    """A kernel that waits for ever: a jump over the header, wfi, and a jump back."""
    image = bytearray(4096)
    for offset, word in [(0, 0x0400006F), (64, 0x10500073), (68, 0xFFDFF06F)]:
        image[offset : offset + 4] = word.to_bytes(4, "little")
    image[8:24] = (2 << 20).to_bytes(8, "little") + (4096).to_bytes(8, "little")
    image[56:60] = b"RSC\x05"
    path.write_bytes(image)
    return path
