"""Eight VMs at four times the machine memory there is for them, under random changes, with a disk that fails, in a memory cgroup at the
limit, killed and resumed: `python3 -m soak PROGRAM GUEST PLACE MINUTES SEED`. Run by `scripts/soak`."""

import os
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

from memtide import MemtideError

from .changes import Changes
from .guests import MIB, SIZE, Guest, append
from .host import MACHINE_MEMORY, PATIENCE, Failure, Host
from .machine import Cgroup, FailingDisk
from .report import write
from .watch import Watch

CPUS = [1, 1, 2, 2, 3, 4, 1, 1]
# Beside machine memory, for what Linux itself keeps for the host.
BESIDE = 1.02
CHANGE_SECONDS, AUDIT_SECONDS, KILL_SECONDS = 2, 30, 240


class Soak:
    """One run."""

    def __init__(self, host: Host, guest: Path, seed: int, failing: FailingDisk | None) -> None:
        self.host, self.failing = host, failing
        self.guests = [Guest(f"vm{number + 1}", cpus) for number, cpus in enumerate(CPUS)]
        self.changes = Changes(seed, host.ask, [guest.name for guest in self.guests])
        self.watch = Watch()
        self.kills = self.ended = 0
        self.files = {"kernel": str(guest / "Image"), "initrd": str(guest / "memtide.cpio")}

    def begin(self) -> None:
        """Creates and starts the VMs; the last one swaps to the disk that fails."""
        ask = self.host.ask
        ask.create_pool(name="lab")
        for number, guest in enumerate(self.guests):
            spec = {"name": guest.name, "memory_bytes": SIZE, "cpus": guest.cpus, "append": append(number), **self.files}
            if self.failing and guest is self.guests[-1]:
                spec["swap_dir"] = str(self.failing.directory)
            ask.create(**spec)
            ask.start(guest.name).wait(timeout=PATIENCE)
        say(f"{len(self.guests)} VMs run")

    def run(self, seconds: float) -> None:
        """Goes on until the time is over, or something happened that must not."""
        start = time.monotonic()
        done = {"change": 0, "audit": 0, "kill": 0, "say": 0}

        def is_due(what: str, every: float) -> bool:
            due = time.monotonic() - start >= (done[what] + 1) * every
            done[what] += due
            return due

        while time.monotonic() - start < seconds:
            self.watch.look(self.host)
            self.follow()
            if is_due("change", CHANGE_SECONDS):
                self.changes.one()
            if is_due("audit", AUDIT_SECONDS):
                self.watch.audit(self.host.ask)
                self.watch.events(self.host.ask)
            if is_due("kill", KILL_SECONDS):
                self.kill()
            if is_due("say", 60):
                checked = sum(guest.checked_bytes for guest in self.guests) >> 30
                say(f"{(time.monotonic() - start) / 60:.0f} min: {checked} GiB checked, {self.changes.made.total()} changes")
            time.sleep(1)

    def follow(self) -> None:
        """No guest found a wrong byte, and none has ended that was not asked to, but for one whose disk fails."""
        for guest in self.guests:
            guest.follow(self.host.ask)
            if guest.wrong:
                raise Failure(guest.wrong[0])
        there = {vm.name: vm.power for vm in self.host.ask.vms()}
        for name in sorted(self.changes.running):
            if there[name] == "stopped":
                if not (self.failing and name == self.guests[-1].name):
                    raise Failure(f"{name} has ended, and nobody asked for that")
                self.ended += 1
                self.changes.running.discard(name)

    def kill(self) -> None:
        """kill -9: whatever ran, runs again."""
        self.follow()
        self.host.kill()
        if self.failing:
            self.failing.replace()
        self.host.start()
        self.kills += 1
        self.watch.begin_anew()
        for guest in self.guests:
            guest.begin_anew()
        deadline = time.monotonic() + PATIENCE
        while missing := self.changes.running - {vm.name for vm in self.host.ask.vms(power="running")}:
            if time.monotonic() > deadline:
                raise Failure(f"after kill -9 these do not run again: {sorted(missing)}")
            time.sleep(0.5)

    def end(self) -> None:
        """The last looks: audit, and what Linux says beside what the ledger says."""
        self.changes.all_running()
        self.follow()
        self.watch.audit(self.host.ask)
        self.watch.events(self.host.ask)
        self.watch.look(self.host)
        self.watch.within()

    def figures(self) -> dict[str, str]:
        """What it came to."""
        guests, changes = self.guests, self.changes
        made = ", ".join(f"{kind} {count}" for kind, count in changes.made.most_common())
        refused = ", ".join(f"{code} {count}" for code, count in changes.refused.most_common()) or "none"
        return {
            "bytes checked by guests": f"{sum(guest.checked_bytes for guest in guests) / (1 << 30):.1f} GiB",
            "programs that guests finished": str(sum(guest.rounds for guest in guests)),
            "changes": f"{changes.made.total()}: {made}",
            "refused": refused,
            "kill -9, and resumed": str(self.kills),
            "VMs ended because their disk fails": str(self.ended) if self.failing else "there was no such disk",
            **self.watch.figures(),
        }


def say(what: str) -> None:
    print(f"soak: {what}", flush=True)


def optional(what: str, make: Callable[[], object]) -> object | None:
    """Something that only a user with rights can make; without it the soak says so and goes on."""
    try:
        return make()
    except (OSError, subprocess.CalledProcessError) as error:
        say(f"SKIPPED: {what}: {error}")
        return None


def main() -> None:
    program, guest, place = (Path(argument).resolve() for argument in sys.argv[1:4])
    minutes, seed = float(sys.argv[4]), int(sys.argv[5])
    limit = int(MACHINE_MEMORY * BESIDE)
    cgroup = optional("a memory cgroup", lambda: Cgroup(f"memtide-soak-{os.getpid()}", limit))
    failing = optional("a disk that fails", lambda: FailingDisk(place))
    host = Host(program, place, cgroup.enter if cgroup else None)
    say(f"{minutes:g} minutes, seed {seed}, cgroup of {limit / MIB:.0f} MiB" + ("" if cgroup else " not to be had"))
    host.start()
    soak = Soak(host, guest, seed, failing)
    failure = None
    try:
        soak.begin()
        soak.run(minutes * 60)
        soak.end()
        host.end()
    except (Failure, MemtideError, TimeoutError) as error:
        failure = f"{type(error).__name__}: {error}"
        host.kill()
    figures = soak.figures()
    if cgroup:
        figures["killed by Linux for want of memory"] = str(cgroup.oom_kills())
        cgroup.close()
    write(figures, minutes, seed, failure)
    if failure:
        sys.exit(f"error: {failure}\nhint: the log is {place}/log; scripts/soak {minutes:g} {seed} makes the same changes")


if __name__ == "__main__":
    main()
