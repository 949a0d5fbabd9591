#!/usr/bin/env python3
"""Sets the reservations of VMs from a CSV file, all of them or none.

The file has the columns vm and reservation; others are left alone. A reservation is a size (512MiB, 2G) or a part of
the VM's memory (50%). The whole file is checked before anything is changed, and the host is asked what would be.
What is lowered comes first, since it makes room. If the host refuses one, or somebody changes a VM meanwhile, those
before it are set back.
"""

from __future__ import annotations

import csv
import sys
from dataclasses import dataclass
from pathlib import Path

from memtide import Conflict, Memtide, MemtideError, NoRoom, program, size, size_text
from memtide.program import Failed
from memtide.types import Vm


@dataclass(frozen=True)
class Change:
    """One VM's, with the revision that it was checked at."""

    vm: Vm
    revision: str
    to: int

    def __str__(self) -> str:
        return f"{self.vm.name}: {size_text(self.vm.reservation_bytes)} -> {size_text(self.to)}"


def read(path: Path) -> list[tuple[int, str, str]]:
    """Line numbers, names and reservations as they are written."""
    try:
        with path.open(newline="", encoding="utf-8-sig") as file:
            rows = csv.DictReader(file, skipinitialspace=True)
            missing = {"vm", "reservation"} - set(rows.fieldnames or [])
            if missing:
                raise Failed(
                    f"{path} has no column {' and '.join(sorted(missing))}", "its first line names the columns"
                )
            return [(rows.line_num, (row["vm"] or "").strip(), (row["reservation"] or "").strip()) for row in rows]
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise Failed(f"cannot read {path}: {error}") from error


def checked(host: Memtide, rows: list[tuple[int, str, str]]) -> tuple[list[Change], list[str]]:
    """What is to be changed, what is lowered first; and all that is wrong."""
    known = {vm.name for vm in host.vms()}
    changes: list[Change] = []
    faults: list[str] = []
    lines: dict[str, int] = {}
    for line, name, reservation in rows:
        if name not in known:
            faults.append(f"line {line}: there is no VM '{name}'")
            continue
        if name in lines:
            faults.append(f"line {line}: '{name}' is in line {lines[name]} already")
            continue
        lines[name] = line
        found = host.revised_vm(name)
        vm = found.value
        try:
            to = size(reservation, of=vm.memory_bytes)
        except ValueError as error:
            faults.append(f"line {line}: {error}")
            continue
        if to > vm.memory_bytes:
            faults.append(
                f"line {line}: {size_text(to)} is more than the memory of '{name}', {size_text(vm.memory_bytes)}"
            )
        elif vm.limit_bytes is not None and to > vm.limit_bytes:
            faults.append(
                f"line {line}: {size_text(to)} is more than the limit of '{name}', {size_text(vm.limit_bytes)}"
            )
        elif to != vm.reservation_bytes:
            changes.append(Change(vm, found.revision, to))
    changes.sort(key=lambda change: change.to - change.vm.reservation_bytes)
    return changes, faults


def refusals(host: Memtide, changes: list[Change]) -> list[str]:
    """What the host would refuse now, each change by itself."""
    refused = []
    for change in changes:
        if change.vm.power == "running" and change.to > change.vm.reservation_bytes:
            imagined = host.what_if({"edit": "vm", "name": change.vm.name, "reservation_bytes": change.to})
            if imagined.refusal:
                refused.append(f"{change}: {imagined.refusal}")
    return refused


def set_all(host: Memtide, changes: list[Change]) -> None:
    """Sets all, or sets back those that were."""
    done: list[tuple[Change, str]] = []
    try:
        for change in changes:
            answer = host.routes.change_vm(change.vm.name, {"reservation_bytes": change.to}, if_match=change.revision)
            done.append((change, answer.revision))
            print(f"set {change}")
    except (MemtideError, KeyboardInterrupt) as error:
        left = set_back(host, done)
        if isinstance(error, KeyboardInterrupt):
            raise
        state = "nothing is changed" if not left else f"these stay as they were set: {', '.join(left)}"
        why = "somebody changed it meanwhile" if isinstance(error, Conflict) else str(error)
        status = program.REFUSED if isinstance(error, NoRoom) else program.FAILED
        raise Failed(f"{changes[len(done)]}: {why}; {state}", error.hint, status) from error


def set_back(host: Memtide, done: list[tuple[Change, str]]) -> list[str]:
    """Gives the VMs that cannot be set back. What was raised comes first, since it makes room."""
    left = []
    for change, revision in reversed(done):
        try:
            host.set(change.vm.name, revision, reservation_bytes=change.vm.reservation_bytes)
            print(f"set back {change.vm.name}: {size_text(change.vm.reservation_bytes)}")
        except MemtideError:
            left.append(change.vm.name)
    return left


def main() -> int:
    parser = program.parser(__doc__)
    parser.add_argument("file", type=Path, help="the CSV file")
    parser.add_argument("-n", "--dry-run", action="store_true", help="check all, change nothing")
    arguments = parser.parse_args()
    host = program.host(arguments)
    changes, faults = checked(host, read(arguments.file))
    if faults:
        raise Failed(f"nothing is changed: {arguments.file} is invalid\n  " + "\n  ".join(faults))
    if not changes:
        print("all reservations are as the file has them")
        return 0
    refused = refusals(host, changes)
    lowered = any(change.to < change.vm.reservation_bytes for change in changes)
    if refused and not lowered:
        raise Failed("nothing is changed: the host refuses\n  " + "\n  ".join(refused), None, program.REFUSED)
    for refusal in refused:
        print(f"may be refused, unless what is lowered makes room: {refusal}", file=sys.stderr)
    if arguments.dry_run:
        for change in changes:
            print(f"would set {change}")
        return 0
    set_all(host, changes)
    return 0


if __name__ == "__main__":
    program.run(main)
