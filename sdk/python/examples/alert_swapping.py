#!/usr/bin/env python3
"""Follows the host and alerts when a VM reads much from its swap file for some time, and when that is over.

A VM is in alert once it has read more than --above in each second for --for seconds, and out of it once it has read
less than --below for --over seconds. Each change is a line on standard output and, with --webhook, a POST of {"vm",
"alert", "bytes_per_second", "at_milliseconds", "text"}. It runs until it is ended, and finds the host again if that
is started anew.
"""

from __future__ import annotations

import argparse
import json
import sys
import urllib.request
from dataclasses import dataclass
from datetime import datetime
from urllib.parse import urlsplit

from memtide import Memtide, program, size, size_text
from memtide.types import HostStatus, StreamSnapshot

WEBHOOK_SECONDS = 5.0


@dataclass(frozen=True)
class Thresholds:
    """Bytes per second, and how many milliseconds they have to last."""

    above: int
    for_milliseconds: int
    below: int
    over_milliseconds: int


@dataclass
class Watched:
    """One VM."""

    alert: bool = False
    since: int | None = None
    """When it began to be what would change the alert."""

    def changes(self, rate: int, now: int, thresholds: Thresholds) -> bool:
        """Takes what was measured at a time in milliseconds; gives whether the alert begins or ends."""
        if self.alert:
            is_so, lasting = rate < thresholds.below, thresholds.over_milliseconds
        else:
            is_so, lasting = rate > thresholds.above, thresholds.for_milliseconds
        if not is_so:
            self.since = None
            return False
        if self.since is None:
            self.since = now
        if now - self.since < lasting:
            return False
        self.alert, self.since = not self.alert, None
        return True


class Alerts:
    """All VMs, and who is told."""

    def __init__(self, thresholds: Thresholds, only: set[str], webhook: str | None) -> None:
        self.thresholds, self.only, self.webhook = thresholds, only, webhook
        self.watched: dict[str, Watched] = {}

    def take(self, status: HostStatus) -> None:
        rates = {vm.name: vm.swap_in_bytes_per_second for vm in status.vms if not self.only or vm.name in self.only}
        for name, rate in rates.items():
            if self.watched.setdefault(name, Watched()).changes(rate, status.at_milliseconds, self.thresholds):
                self.tell(name, self.watched[name].alert, rate, status.at_milliseconds)
        for name in [name for name in self.watched if name not in rates]:
            if self.watched.pop(name).alert:
                self.tell(name, False, 0, status.at_milliseconds)

    def tell(self, name: str, alert: bool, rate: int, at: int) -> None:
        text = f"{name} reads {size_text(rate)}/s from its swap file" + ("" if alert else ": the alert is over")
        when = datetime.fromtimestamp(at / 1000).astimezone().isoformat(timespec="seconds")
        print(f"{when} {'ALERT' if alert else 'ok'} {text}", flush=True)
        if self.webhook:
            self.post({"vm": name, "alert": alert, "bytes_per_second": rate, "at_milliseconds": at, "text": text})

    def post(self, what: dict[str, object]) -> None:
        """Who cannot be told must not keep others from being told."""
        assert self.webhook
        headers = {"content-type": "application/json"}
        request = urllib.request.Request(self.webhook, json.dumps(what).encode(), headers, method="POST")
        try:
            with urllib.request.urlopen(request, timeout=WEBHOOK_SECONDS):
                pass
        except (OSError, ValueError) as error:
            print(f"error: {self.webhook} cannot be told: {error}", file=sys.stderr, flush=True)


def follow(host: Memtide, alerts: Alerts) -> None:
    # Without end: who is to be alerted wants no watcher that gives up.
    with host.stream(only="status", patience=None) as stream:
        for message in stream:
            match message:
                case StreamSnapshot(status=status):
                    alerts.take(status)
                case HostStatus():
                    alerts.take(message)


def address(text: str) -> str:
    if urlsplit(text).scheme not in ("http", "https") or not urlsplit(text).hostname:
        raise argparse.ArgumentTypeError(f"'{text}' is no address that begins with http:// or https://")
    return text


def main() -> int:
    parser = program.parser(__doc__)
    parser.add_argument("vms", nargs="*", metavar="VM", help="only these [default: all]")
    parser.add_argument("--above", type=program.byte_size, default=size("1MiB"), metavar="SIZE", help="[default: 1MiB]")
    parser.add_argument("--for", type=float, default=10.0, dest="for_seconds", metavar="SECONDS", help="[default: 10]")
    parser.add_argument("--below", type=program.byte_size, metavar="SIZE", help="[default: half of --above]")
    parser.add_argument("--over", type=float, default=30.0, metavar="SECONDS", help="[default: 30]")
    parser.add_argument("--webhook", type=address, metavar="URL", help="told too")
    arguments = parser.parse_args()
    below = arguments.above // 2 if arguments.below is None else arguments.below
    if below > arguments.above:
        parser.error("--below is more than --above")
    thresholds = Thresholds(arguments.above, int(arguments.for_seconds * 1000), below, int(arguments.over * 1000))
    follow(program.host(arguments), Alerts(thresholds, set(arguments.vms), arguments.webhook))
    return 0


if __name__ == "__main__":
    program.run(main)
