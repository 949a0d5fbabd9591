#!/usr/bin/env python3
"""Takes a running VM's memory back step by step, and then stops it.

Its shares become low and its limit goes down, a step at a time, so that its balloon can give what its guest can
spare. Once it holds no more than it should, or the time is over, it is stopped, and what its controls were is set
again for its next start. Ctrl-C, SIGTERM and any error set them again too, and leave it running.
"""

from __future__ import annotations

import signal
import time
from collections.abc import Iterator
from contextlib import contextmanager

from memtide import Memtide, MemtideError, MiB, program, size, size_text
from memtide.program import Failed
from memtide.sizes import PAGE
from memtide.types import Vm, VmChange


def controls(vm: Vm) -> VmChange:
    return {"limit_bytes": vm.limit_bytes, "reservation_bytes": vm.reservation_bytes, "shares": vm.shares}


@contextmanager
def set_again(host: Memtide, vm: Vm) -> Iterator[None]:
    """Sets the VM's controls again at the end of the block, however that comes."""
    try:
        yield
    finally:
        try:
            host.edit(vm.name, lambda _: controls(vm))
            print(f"{vm.name} has its limit, reservation and shares again")
        except MemtideError as error:
            was = ", ".join(f"{name} {value}" for name, value in controls(vm).items())
            raise Failed(f"the controls of {vm.name} cannot be set again: {error}", f"they were: {was}") from error


def held(host: Memtide, name: str) -> int | None:
    """What a VM holds; `None` if it does not run any more."""
    vm = host.vm(name)
    return vm.memory.consumed_bytes if vm.power == "running" and vm.memory else None


# A VM may hold so much more than its limit.
SLACK = MiB(1)


def lower(host: Memtide, vm: Vm, below: int, step: int, deadline: float) -> bool:
    """Lowers the limit until the VM holds no more than `below`; gives whether it does in time."""
    holds = held(host, vm.name)
    # Never above what it may have anyway.
    limit = min(vm.limit_bytes or vm.memory_bytes, holds if holds is not None else vm.memory_bytes)
    while True:
        if holds is None or holds <= below + SLACK:
            return True
        if time.monotonic() >= deadline:
            return False
        # The next step comes when this one is done.
        if holds <= limit + SLACK:
            limit = max(below, limit - step) // PAGE * PAGE
            host.set(vm.name, limit_bytes=limit, reservation_bytes=min(vm.reservation_bytes, limit), shares="low")
        print(f"{vm.name} holds {size_text(holds)}, and may hold {size_text(limit)}", flush=True)
        # As often as it is measured.
        time.sleep(1)
        holds = held(host, vm.name)


def shut_down(host: Memtide, name: str, typed: str | None, grace: float) -> None:
    """Asks the guest to power off, if it is known how, and stops the VM if it does not."""
    if typed is not None:
        host.type_in(name, typed + "\n")
        deadline = time.monotonic() + grace
        while host.vm(name).power == "running" and time.monotonic() < deadline:
            time.sleep(0.2)
    host.stop(name).wait()
    print(f"{name} is stopped")


def main() -> int:
    parser = program.parser(__doc__)
    parser.add_argument("vm", help="the VM")
    parser.add_argument(
        "--below", type=program.byte_size, required=True, metavar="SIZE", help="what it may hold at the end"
    )
    parser.add_argument(
        "--within", type=program.seconds, default=600.0, metavar="TIME", help="30s, 10m, 1h [default: 10m]"
    )
    parser.add_argument(
        "--step", type=program.byte_size, default=size("32MiB"), metavar="SIZE", help="[default: 32MiB]"
    )
    parser.add_argument("--type", metavar="TEXT", help="typed at its console to power it off, such as 'poweroff'")
    parser.add_argument("--grace", type=program.seconds, default=30.0, metavar="TIME", help="for that [default: 30s]")
    parser.add_argument("--keep-running", action="store_true", help="do not stop it; its controls stay lowered")
    parser.add_argument("-n", "--dry-run", action="store_true", help="say what would be done, and change nothing")
    arguments = parser.parse_args()
    if arguments.step < PAGE:
        parser.error("--step is less than a page")
    host = program.host(arguments)
    vm = host.vm(arguments.vm)
    if vm.power != "running" or vm.memory is None:
        raise Failed(f"{vm.name} is {vm.power}: there is nothing to drain")
    if arguments.dry_run:
        print(f"{vm.name} holds {size_text(vm.memory.consumed_bytes)}")
        imagined = host.what_if({"edit": "vm", "name": vm.name, "limit_bytes": arguments.below, "reservation_bytes": 0})
        for shift in imagined.vms:
            print(
                f"{shift.name} would be entitled to {size_text(shift.entitlement.after_bytes)},"
                f" before {size_text(shift.entitlement.before_bytes)}"
            )
        return 0
    # As Ctrl-C does.
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    deadline = time.monotonic() + arguments.within
    if arguments.keep_running:
        try:
            in_time = lower(host, vm, arguments.below, arguments.step, deadline)
        except BaseException:
            with set_again(host, vm):
                raise
        print(f"{vm.name} holds {size_text(held(host, vm.name) or 0)}, and keeps running")
        return 0 if in_time else program.FAILED
    with set_again(host, vm):
        if not lower(host, vm, arguments.below, arguments.step, deadline):
            print(f"the time is over: {vm.name} holds {size_text(held(host, vm.name) or 0)}")
        shut_down(host, vm.name, arguments.type, arguments.grace)
    return 0


if __name__ == "__main__":
    program.run(main)
