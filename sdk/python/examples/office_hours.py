#!/usr/bin/env python3
"""Raises the shares of VMs during office hours, and sets back what they were after them.

To be run every few minutes, by cron (*/5 * * * *) or a systemd timer (OnCalendar=*:0/5): it looks at the clock, does
what is to be done, and does nothing if that is done. What the shares were is kept in a file, written before they are
raised. If somebody sets other shares meanwhile, these stay.

    office_hours.py web=high db=8000 --hours 08:00-18:00 --days mon-fri --state /var/lib/office-hours.json
"""

from __future__ import annotations

import argparse
import fcntl
import json
import os
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime, time
from pathlib import Path
from typing import TypedDict, cast

from memtide import Memtide, NotFound, program
from memtide.program import Failed
from memtide.types import Shares

DAYS = ["mon", "tue", "wed", "thu", "fri", "sat", "sun"]


class Raised(TypedDict):
    """What is kept of a VM whose shares are raised."""

    old: Shares
    new: Shares


State = dict[str, Raised]


def shares(text: str) -> Shares:
    if text in ("low", "normal", "high"):
        return cast(Shares, text)
    if not text.isdecimal() or int(text) < 1:
        raise argparse.ArgumentTypeError(f"'{text}' is neither low, normal, high nor a number")
    return int(text)


def wanted(text: str) -> tuple[str, Shares]:
    name, equals, value = text.partition("=")
    if not equals or not name:
        raise argparse.ArgumentTypeError(f"'{text}' is not VM=SHARES")
    return name, shares(value)


def hours(text: str) -> tuple[time, time]:
    try:
        start, end = (time.fromisoformat(one) for one in text.split("-"))
    except ValueError:
        raise argparse.ArgumentTypeError(f"'{text}' is not such as 08:00-18:00") from None
    return start, end


def days(text: str) -> set[int]:
    """`mon-fri`, `mon,wed`, `sat-mon`."""
    found: set[int] = set()
    try:
        for part in text.lower().split(","):
            first, _, last = part.partition("-")
            start, end = DAYS.index(first), DAYS.index(last or first)
            found |= {(start + step) % 7 for step in range((end - start) % 7 + 1)}
    except ValueError:
        raise argparse.ArgumentTypeError(f"'{text}' is not such as mon-fri or mon,wed") from None
    return found


def is_office_time(now: datetime, hours: tuple[time, time], days: set[int]) -> bool:
    """Hours over midnight belong to the day on which they begin."""
    start, end = hours
    if start <= end:
        return now.weekday() in days and start <= now.time() < end
    return (now.weekday() in days and now.time() >= start) or ((now.weekday() - 1) % 7 in days and now.time() < end)


@contextmanager
def alone(path: Path) -> Iterator[None]:
    """Keeps others off the file until the end of the block."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        lock = path.with_name(path.name + ".lock").open("a")
    except OSError as error:
        raise Failed(f"cannot keep what the shares were: {error}", "--state names another file") from error
    with lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def load(path: Path) -> State:
    try:
        return cast(State, json.loads(path.read_text()))
    except FileNotFoundError:
        return {}
    except (OSError, ValueError) as error:
        raise Failed(
            f"cannot read what the shares were, in {path}: {error}", "set them by hand, and remove it"
        ) from error


def save(path: Path, state: State) -> None:
    """The file is the old one or the new one, never half of it."""
    new = path.with_name(path.name + ".new")
    with new.open("w") as file:
        json.dump(state, file, indent=2)
        file.flush()
        os.fsync(file.fileno())
    new.replace(path)


class Switch:
    """Raises and sets back, and keeps the file in step."""

    def __init__(self, host: Memtide, path: Path, dry_run: bool) -> None:
        self.host, self.path, self.dry_run = host, path, dry_run
        self.state = load(path)
        self.missing: list[str] = []

    def keep(self, name: str, raised: Raised | None) -> None:
        if raised is None:
            del self.state[name]
        else:
            self.state[name] = raised
        if not self.dry_run:
            save(self.path, self.state)

    def set(self, name: str, old: Shares, new: Shares) -> None:
        print(f"{'would set' if self.dry_run else 'set'} {name}: {old} -> {new}")
        if not self.dry_run:
            # Only if they are still what they were: whoever is faster is not overruled.
            self.host.edit(name, lambda vm: {"shares": new} if vm.shares == old else {})

    def up(self, name: str, new: Shares) -> None:
        try:
            now = self.host.vm(name).shares
        except NotFound:
            self.missing.append(name)
            return
        kept = self.state.get(name)
        if kept and kept["new"] != new and now == kept["new"]:
            # Other shares are wanted than yesterday; what is set back stays the same.
            self.keep(name, {"old": kept["old"], "new": new})
            self.set(name, now, new)
        elif kept and now == kept["old"] and now != new:
            # It was ended between the file and the change.
            self.set(name, now, new)
        elif not kept and now != new:
            self.keep(name, {"old": now, "new": new})
            self.set(name, now, new)

    def down(self, name: str) -> None:
        kept = self.state[name]
        try:
            now = self.host.vm(name).shares
        except NotFound:
            print(f"{name} is gone")
            self.keep(name, None)
            return
        if now == kept["new"]:
            self.set(name, now, kept["old"])
        elif now != kept["old"]:
            print(f"{name} has {now} shares, which somebody else set: they stay")
        self.keep(name, None)


def main() -> int:
    parser = program.parser(__doc__)
    parser.add_argument("vms", nargs="+", type=wanted, metavar="VM=SHARES", help="low, normal, high or a number")
    parser.add_argument("--hours", type=hours, default=hours("08:00-18:00"), help="local time [default: 08:00-18:00]")
    parser.add_argument("--days", type=days, default=days("mon-fri"), help="[default: mon-fri]")
    default = Path(os.environ.get("XDG_STATE_HOME") or Path.home() / ".local/state") / "memtide/office-hours.json"
    parser.add_argument("--state", type=Path, default=default, metavar="FILE", help=f"[default: {default}]")
    parser.add_argument("--now", type=datetime.fromisoformat, default=datetime.now(), help="another time than now")
    parser.add_argument("-n", "--dry-run", action="store_true", help="say what would be set, and set nothing")
    arguments = parser.parse_args()
    raised = dict(arguments.vms) if is_office_time(arguments.now, arguments.hours, arguments.days) else {}
    with alone(arguments.state):
        switch = Switch(program.host(arguments), arguments.state, arguments.dry_run)
        for name in [name for name in switch.state if name not in raised]:
            switch.down(name)
        for name, new in raised.items():
            switch.up(name, new)
    if switch.missing:
        raise Failed(f"there is no VM {', '.join(switch.missing)}", "the others are done", program.NOT_FOUND)
    return 0


if __name__ == "__main__":
    program.run(main)
