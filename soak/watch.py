"""What must hold at every look."""

import statistics
from dataclasses import dataclass, field

from memtide import Memtide, OperationFailed

from .host import MACHINE_MEMORY, Failure, Host

MIB = 1 << 20
# Events that no outside fault may bring about.
OURS = {"internal-error", "audit-failed"}


@dataclass
class Watch:
    """Looks at the host once a second, and keeps what it saw."""

    resident: list[int] = field(default_factory=list)
    # What Linux says the host has beside the pool, less the overhead that the ledger has for it.
    uncharged: list[int] = field(default_factory=list)
    deficits: int = 0
    # How many VMs there were.
    vms: list[int] = field(default_factory=list)
    states: dict[str, int] = field(default_factory=dict)
    audits: int = 0
    undecided: int = 0
    last_event: int = 0

    def look(self, host: Host) -> None:
        """Once a second."""
        host.check_alive()
        status, resident = host.ask.status(), host.resident()
        ledger = status.ledger
        parts = ledger.free_bytes + ledger.private_bytes + ledger.shared_bytes + ledger.zip_bytes
        parts += ledger.in_flight_bytes + ledger.overhead_bytes
        if parts - ledger.deficit_bytes != ledger.total_bytes:
            raise Failure(f"the ledger does not close: {ledger}")
        self.deficits += ledger.deficit_bytes > 0
        self.vms.append(len(status.vms))
        self.resident.append(resident["all"])
        self.uncharged.append(resident["Anon"] + resident["File"] - ledger.overhead_bytes)
        self.states[status.state] = self.states.get(status.state, 0) + 1

    def events(self, host: Memtide) -> None:
        """Nothing of ours failed."""
        for event in host.events(since=self.last_event):
            self.last_event = event.seq
            if event.event in OURS:
                raise Failure(f"event {event.seq}: {event}")

    def audit(self, host: Memtide) -> None:
        """Every invariant holds."""
        try:
            done = host.audit().wait(timeout=120)
        except OperationFailed as error:
            if "decide" not in str(error):
                raise Failure(f"audit: {error}") from error
            self.undecided += 1
        else:
            self.undecided += "decide" in (done.message or "")
        self.audits += 1

    def within(self) -> None:
        """The host never had more than it was given."""
        if over := sum(size > MACHINE_MEMORY for size in self.resident):
            raise Failure(f"in {over} of {len(self.resident)} looks the host had more than its machine memory")

    def begin_anew(self) -> None:
        """Another host counts its events from the first on."""
        self.last_event = 0

    def figures(self) -> dict[str, str]:
        """What it saw, for people."""

        def mib(size: float) -> str:
            return f"{size / MIB:.1f} MiB"

        if len(self.resident) < 2:
            return {"looks": str(len(self.resident))}
        parts = statistics.quantiles(self.uncharged, n=20)
        return {
            "looks": str(len(self.resident)),
            "VMs that run, mean and least": f"{statistics.mean(self.vms):.1f}, {min(self.vms)}",
            "resident memory, most": f"{mib(max(self.resident))} of {mib(MACHINE_MEMORY)}",
            "looks with a deficit": str(self.deficits),
            "resident beside the pool, less the ledger's overhead: 5 %, median, 95 %, most": ", ".join(
                mib(size) for size in (parts[0], statistics.median(self.uncharged), parts[-1], max(self.uncharged))
            ),
            "seconds in each state": ", ".join(f"{state} {count}" for state, count in sorted(self.states.items())),
            "audits": f"{self.audits}, all of which hold but {self.undecided} that could not decide",
        }
