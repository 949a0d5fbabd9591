#!/usr/bin/env python3
"""Reports who is reclaimed from: how much of each running VM is shared, ballooned, compressed and swapped, and why."""

from __future__ import annotations

import csv
import sys
from dataclasses import dataclass

from memtide import Memtide, MiB, NotFound, WrongState, program
from memtide.types import VmStatus

WHY = {
    "within-target": "holds no more than it should",
    "host-not-short": "the host is not short: nothing is taken",
    "others-pay-less": "others pay less for a page, so they give first",
    "over-limit": "holds more than its limit",
    "host-short": "holds more than it should, and the host is short",
}
BOUND = {
    "wanted": "all that it wants",
    "limit": "its limit",
    "reservation": "its reservation",
    "shares": "its shares",
    "taxed-shares": "its shares, less the tax on what is idle",
    "scarcity": "scarcity",
}


@dataclass(frozen=True)
class Line:
    """What is said of one VM, sizes in bytes."""

    vm: str
    size: int
    consumed: int
    entitled: int
    sharing: int
    balloon: int
    zip: int
    swap: int
    why: str

    def taken(self) -> int:
        """What it does without, sharing left out, which costs it nothing."""
        return self.balloon + self.zip + self.swap


SIZES = ["size", "consumed", "entitled", "sharing", "balloon", "zip", "swap"]


def line(host: Memtide, vm: VmStatus) -> Line | None:
    """`None` if it does not run any more."""
    try:
        explained = host.explain(vm.name)
    except (NotFound, WrongState):
        return None
    why, bound = explained.reclaim.why, explained.entitlement.bound
    return Line(
        vm=vm.name,
        size=vm.size_bytes,
        consumed=vm.consumed_bytes,
        entitled=vm.entitlement_bytes,
        # What its shared pages would take beyond the frames that they share.
        sharing=vm.shared_bytes - vm.shared_common_bytes,
        balloon=vm.ballooned_bytes,
        zip=vm.zip_saved_bytes,
        swap=vm.swapped_bytes,
        why=f"{WHY.get(why, why)}; entitled by {BOUND.get(bound, bound)}",
    )


def print_text(lines: list[Line], state: str) -> None:
    print(f"The host is in state {state}. Sizes are in MiB.")
    names = max([len("VM"), *(len(line.vm) for line in lines)])
    print(f"{'VM':<{names}}", *(f"{name.upper():>8}" for name in SIZES), " WHY")
    for one in lines:
        sizes = (f"{getattr(one, name) / MiB(1):>8.1f}" for name in SIZES)
        print(f"{one.vm:<{names}}", *sizes, f" {one.why}")


def print_csv(lines: list[Line]) -> None:
    writer = csv.writer(sys.stdout, lineterminator="\n")
    writer.writerow(["vm", *(f"{name}_bytes" for name in SIZES), "why"])
    for one in lines:
        writer.writerow([one.vm, *(getattr(one, name) for name in SIZES), one.why])


def main() -> None:
    parser = program.parser(__doc__, "ZIP is what compression saves. The VM that does without most comes first.")
    parser.add_argument("--csv", action="store_true", help="comma-separated, in bytes")
    parser.add_argument("--only", action="store_true", help="only those from which memory is reclaimed")
    arguments = parser.parse_args()
    host = program.host(arguments)
    status = host.status()
    lines = [found for vm in status.vms if (found := line(host, vm))]
    if arguments.only:
        lines = [one for one in lines if one.taken() or one.sharing]
    lines.sort(key=lambda one: (-one.taken(), -one.sharing, one.vm))
    if arguments.csv:
        print_csv(lines)
    else:
        print_text(lines, status.state)


if __name__ == "__main__":
    program.run(main)
