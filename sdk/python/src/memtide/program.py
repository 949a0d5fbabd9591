"""What the main function of a script needs: options that lead to a host, and errors said as `memtide` says them.

| exit status | what it says |
|---|---|
| 0 | done |
| 1 | it could not be done, standard error says why |
| 2 | wrong usage |
| 3 | there is no VM, resource pool or setting of that name |
| 4 | no host answers |
| 5 | refused: not enough memory or disk space is free |
"""

from __future__ import annotations

import argparse
import os
import re
import sys
from collections.abc import Callable
from typing import NoReturn

from memtide.errors import MemtideError, NoRoom, NotFound, Unreachable, Untrusted
from memtide.host import Memtide
from memtide.sizes import size

FAILED = 1
NOT_FOUND = 3
UNREACHABLE = 4
REFUSED = 5
INTERRUPTED = 130
"""SIGINT, as shells say it."""
NOBODY_READS = 141
"""SIGPIPE, likewise."""


class Failed(Exception):
    """What a script says when it cannot do what it was asked."""

    def __init__(self, message: str, hint: str | None = None, status: int = FAILED) -> None:
        super().__init__(message)
        self.hint, self.status = hint, status


def parser(description: str, epilog: str | None = None) -> argparse.ArgumentParser:
    """A parser of options, with those that say where the host is."""
    made = argparse.ArgumentParser(
        description=description, epilog=epilog, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    group = made.add_argument_group("the host")
    group.add_argument(
        "--host", metavar="ADDRESS", help="unix:PATH, http://... or https://... [default: $MEMTIDE_HOST]"
    )
    # A token among the arguments could be seen by others in the list of processes.
    group.add_argument(
        "--fingerprint", help="of its certificate [default: $MEMTIDE_FINGERPRINT]; $MEMTIDE_TOKEN lets in"
    )
    return made


def host(arguments: argparse.Namespace) -> Memtide:
    """The host that the options name."""
    return Memtide(arguments.host, fingerprint=arguments.fingerprint)


def byte_size(text: str) -> int:
    """An option's size, such as 512MiB."""
    try:
        return size(text)
    except ValueError as error:
        raise argparse.ArgumentTypeError(str(error)) from None


def seconds(text: str) -> float:
    """An option's time, such as 10m."""
    match = re.fullmatch(r"([0-9]+(?:\.[0-9]+)?)(s|m|h|)", text)
    if not match:
        raise argparse.ArgumentTypeError(f"'{text}' is no time such as 30s, 10m or 1h")
    return float(match[1]) * {"": 1, "s": 1, "m": 60, "h": 3600}[match[2]]


def say_error(error: BaseException) -> int:
    """Says an error on standard error; gives the exit status."""
    hint = getattr(error, "hint", None)
    print(f"error: {error}", file=sys.stderr)
    if hint:
        print(f"hint: {hint}", file=sys.stderr)
    match error:
        case Failed(status=status):
            return status
        case NotFound():
            return NOT_FOUND
        case Unreachable() | Untrusted():
            return UNREACHABLE
        case NoRoom():
            return REFUSED
    return FAILED


def run(main: Callable[[], int | None]) -> NoReturn:
    """Runs a script to its end."""
    try:
        status = main() or 0
        sys.stdout.flush()
    except (MemtideError, Failed, TimeoutError) as error:
        status = say_error(error)
    except KeyboardInterrupt:
        status = INTERRUPTED
    except BrokenPipeError:
        # Nothing may be written any more, not even at exit.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        status = NOBODY_READS
    sys.exit(status)
