"""Whatever an administrator may change, at random."""

import random
from collections import Counter

from memtide import Memtide, MemtideError, Refused

from .guests import MIB

SETTINGS = {
    "Mem.IdleTax": (0, 99),
    "Mem.CtlMaxPercent": (0, 100),
    "Mem.ShareScanGHz": (0, 8),
    "Mem.SamplePeriod": (2, 30),
    "Mem.BalancePeriod": (2, 30),
    "Mem.ShareForceSalting": (0, 2),
}
# A start waits for memory up to three times for half a minute, and then for each page of its guest that is filled.
START = 300
TECHNIQUES = ["automatic", "software", "hardware"]


class Changes:
    """Makes changes and counts them; `running` are the VMs that must run."""

    def __init__(self, seed: int, host: Memtide, names: list[str]) -> None:
        self.random, self.host, self.names = random.Random(seed), host, names
        self.running = set(names)
        self.made: Counter[str] = Counter()
        self.refused: Counter[str] = Counter()
        often = [self.controls, self.setting, self.technique, self.move, self.pool]
        # Guests that begin anew all the time check little.
        self.kinds = 3 * often + [self.unswap, self.stop_or_start, self.restart, self.pause]

    def one(self) -> None:
        """Makes one change, which may be refused."""
        kind = self.random.choice(self.kinds)
        try:
            kind(self.random.choice(self.names))
            self.made[kind.__name__] += 1
        except Refused as error:
            self.refused[error.code] += 1

    def controls(self, name: str) -> None:
        choose = self.random.choice
        change = choose(
            [
                {"shares": choose(["low", "normal", "high", 3000])},
                {"limit_bytes": choose([None, 128 * MIB, 160 * MIB, 224 * MIB])},
                {"reservation_bytes": choose([0, 8 * MIB, 24 * MIB])},
                {"balloon_max_bytes": choose([None, 0, 64 * MIB])},
                {"zip": choose([True, False])},
            ]
        )
        self.host.set(name, **change)

    def setting(self, _name: str) -> None:
        setting = self.random.choice(list(SETTINGS))
        self.host.set_settings({setting: self.random.choice([None, self.random.randint(*SETTINGS[setting])])})

    def technique(self, name: str) -> None:
        self.host.set(name, mmu=self.random.choice(TECHNIQUES))

    def move(self, name: str) -> None:
        self.host.move_pages(name, self.random.randint(1, 5000))

    def unswap(self, name: str) -> None:
        try:
            self.host.unswap(name).wait(timeout=3)
        except TimeoutError:
            pass

    def pool(self, name: str) -> None:
        self.host.set(name, pool=self.random.choice([None, "lab"]))
        self.host.set_pool("lab", limit_bytes=self.random.choice([None, 300 * MIB]))

    def stop_or_start(self, name: str) -> None:
        """Starts a VM that does not run, if there is one: as many as can be are to run."""
        if stopped := [other for other in self.names if other not in self.running]:
            name = self.random.choice(stopped)
            self.host.start(name).wait(timeout=START)
            self.running.add(name)
        else:
            self.host.stop(name, now=True).wait(timeout=60)
            self.running.discard(name)

    def restart(self, name: str) -> None:
        if name in self.running:
            self.host.restart(name).wait(timeout=START)

    def pause(self, name: str) -> None:
        if name not in self.running:
            return
        self.host.pause(name).wait(timeout=60)
        self.host.resume(name).wait(timeout=60)

    def all_running(self) -> None:
        """Starts what does not run."""
        for name in set(self.names) - self.running:
            try:
                self.host.start(name).wait(timeout=START)
                self.running.add(name)
            except MemtideError as error:
                self.refused[str(error)] += 1
