"""The guests: what they do, and what they say of it."""

import re
from dataclasses import dataclass, field

from memtide import Memtide

MIB = 1 << 20
SIZE = 256 * MIB
# Every program checks each byte it relies on and fails if one is wrong; then the guest says so and powers off.
PROGRAMS = [
    "touch 120 2",
    "smc 50",
    "atomics 1000 2",
    "forkonly 10 64",
    "litmus 500",
    "memcpy 24 2",
    "align 1",
    "touch 150 1",
]
TOUCHED = re.compile(rb"^touch .*?mib=(\d+) rounds=(\d+) .*us=\d+", re.MULTILINE)
FINISHED = re.compile(rb"^(?:touch|smc|atomics|forkonly|litmus|memcpy|align) .*us=\d+", re.MULTILINE)


def append(number: int) -> str:
    """A kernel command line: all programs for ever, beginning with another one in each VM."""
    turned = PROGRAMS[number % len(PROGRAMS) :] + PROGRAMS[: number % len(PROGRAMS)]
    work = "; ".join(f"mt {program}" for program in turned)
    return f'console=ttyS0 quiet cryptomgr.notests no4lvl memtide.run="while :; do {work}; done"'


@dataclass
class Guest:
    """One VM: what it said so far, and what that comes to."""

    name: str
    cpus: int
    next: int = 0
    rest: bytes = b""
    checked_bytes: int = 0
    rounds: int = 0
    wrong: list[str] = field(default_factory=list)

    def follow(self, host: Memtide) -> None:
        """Reads what it said since."""
        said = host.said(self.name, self.next)
        self.next = said.start + len(said.content)
        lines, _, self.rest = (self.rest + said.content).rpartition(b"\n")
        for mib, rounds in TOUCHED.findall(lines):
            # Each page is checked before every round, and once more at the end.
            self.checked_bytes += int(mib) * MIB * (int(rounds) + 1)
        self.rounds += len(FINISHED.findall(lines))
        for line in lines.splitlines():
            if line.startswith(b"memtide: exit") or b"Kernel panic" in line:
                self.wrong.append(f"{self.name}: {lines[-400:].decode(errors='replace')}")
                break

    def begin_anew(self) -> None:
        """Another host knows nothing of what it said to the one before."""
        self.next, self.rest = 0, b""
