"""A host, and all that can be asked of it.

**Model.** `Memtide` is made of `memtide.routes`, and says what people mean: lists are iterated to their end, what takes
long can be waited for, who changes something may say as what it was read. Its methods have the names they have in the
Rust crate `client`.

**Failure.** Every method raises what `memtide.errors` has.
"""

from __future__ import annotations

import os
import random
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Generic, Protocol, TypeVar, Unpack

from memtide import address, types
from memtide._transport import Answer, Transport
from memtide.errors import Conflict
from memtide.operations import Begun
from memtide.routes import Routes
from memtide.stream import Stream

T = TypeVar("T")
Item = TypeVar("Item", covariant=True)

MOST_EDITS = 8
"""How often a change is worked out anew because somebody was faster."""
FIRST_PAUSE = 0.005
"""Seconds between two attempts, at most; they double."""


class _Page(Protocol[Item]):
    @property
    def items(self) -> Sequence[Item]: ...
    @property
    def next(self) -> str | None: ...


@dataclass(frozen=True)
class Revised(Generic[T]):
    """Something with its revision: a word that changes with it."""

    value: T
    revision: str


@dataclass(frozen=True)
class Said:
    """What a guest said."""

    start: int
    """The number of the first byte: greater than asked for if older ones are gone."""

    content: bytes


class Memtide:
    """The host at an address: `unix:PATH`, a path, `http://NAME:PORT` on this machine, or `https://NAME:PORT`.

    What is not given is taken from MEMTIDE_HOST, MEMTIDE_TOKEN and MEMTIDE_FINGERPRINT, as `memtide` does; without an
    address it is the host that this user runs. Over TLS, the host is the one whose certificate has the fingerprint;
    without one, somebody whom this machine trusts has to vouch for its name. Nothing is asked yet.
    """

    def __init__(self, host: str | None = None, *, token: str | None = None, fingerprint: str | None = None) -> None:
        def given(value: str | None, variable: str) -> str | None:
            return value if value is not None else os.environ.get(variable) or None

        where = given(host, "MEMTIDE_HOST")
        self.address = address.parse(where) if where else address.usual()
        """Where it is."""
        transport = Transport(self.address, given(token, "MEMTIDE_TOKEN"), given(fingerprint, "MEMTIDE_FINGERPRINT"))
        self.routes = Routes(transport)
        """Every route as it is, with the headers of its answer."""

    def __repr__(self) -> str:
        return f"Memtide('{self.address}')"

    # The host.

    def status(self) -> types.HostStatus:
        """The host's memory, as measured last."""
        return self.routes.show_host().value

    def metrics(self) -> str:
        """Figures for Prometheus."""
        return self.routes.show_metrics().value

    def ready(self) -> None:
        """That the host does its work; raises Busy otherwise."""
        self.routes.readyz()

    def what_if(self, edit: types.Edit) -> types.WhatIf:
        """What would be different if; nothing is touched."""
        return self.routes.what_if(edit).value

    # VMs.

    def vms(
        self, *, name: str | None = None, power: types.Power | None = None, pool: str | None = None
    ) -> Iterator[types.Vm]:
        """All VMs, by name: those whose name contains `name`, which are `power`, which lie in `pool`."""
        return _items(lambda cursor: self.routes.list_vms(cursor=cursor, name=name, power=power, pool=pool))

    def vm(self, name: str) -> types.Vm:
        """One VM."""
        return self.routes.show_vm(name).value

    def revised_vm(self, name: str) -> Revised[types.Vm]:
        """One VM, with its revision."""
        return _revised(self.routes.show_vm(name))

    def create(self, **spec: Unpack[types.VmSpec]) -> types.Vm:
        """Creates a VM, stopped."""
        return self.routes.create_vm(spec).value

    def set(self, name: str, revision: str | None = None, **change: Unpack[types.VmChange]) -> types.Vm:
        """Changes a VM: what is named, `None` for what it may be without. Raises Conflict unless it is at the
        revision."""
        return self.routes.change_vm(name, change, if_match=revision).value

    def edit(self, name: str, change: Callable[[types.Vm], types.VmChange]) -> types.Vm:
        """Changes a VM to what `change` makes of what it is. If somebody is faster, `change` is asked again."""
        return _edit(
            lambda: self.routes.show_vm(name),
            change,
            lambda wanted, revision: self.routes.change_vm(name, wanted, if_match=revision).value,
        )

    def remove(self, name: str) -> None:
        """Removes a stopped VM."""
        self.routes.remove_vm(name)

    def explain(self, name: str) -> types.Explained:
        """Why a running VM holds what it holds."""
        return self.routes.explain_vm(name).value

    def statistics(self, name: str) -> types.Statistics:
        """What a running VM counted."""
        return self.routes.statistics(name).value

    def map(self, name: str, *, cpu: int | None = None, pages: int | None = None) -> types.Map:
        """How a running VM's memory is mapped, with up to `pages` pages of what `cpu` sees."""
        return self.routes.map(name, cpu=cpu, pages=pages).value

    def trace(self, name: str, gva: int | str, *, cpu: int | None = None) -> types.Address:
        """One guest virtual address as a `cpu` of a running VM sees it, step by step; in Rust, `address`."""
        return self.routes.address(name, hex(gva) if isinstance(gva, int) else gva, cpu=cpu).value

    def move_pages(self, name: str, pages: int) -> types.Moved:
        """Moves up to `pages` pages of a running VM to other frames; says what came of it."""
        return self.routes.move_pages(name, {"pages": pages}).value

    def said(self, name: str, start: int = 0) -> Said:
        """What a VM's guest said from byte `start` on, as far as it is kept."""
        answer = self.routes.read_console(name, from_=start)
        return Said(int(answer.headers.get("memtide-console-from", start)), answer.value)

    def type_in(self, name: str, text: str | bytes) -> int:
        """Types to a VM's guest; gives how many bytes it took."""
        return self.routes.type_in(name, text.encode() if isinstance(text, str) else text).value.taken_bytes

    # Resource pools.

    def pools(self, *, name: str | None = None, parent: str | None = None) -> Iterator[types.Pool]:
        """All resource pools, by name: those whose name contains `name`, which lie in `parent`."""
        return _items(lambda cursor: self.routes.list_pools(cursor=cursor, name=name, parent=parent))

    def pool(self, name: str) -> types.Pool:
        """One resource pool."""
        return self.routes.show_pool(name).value

    def revised_pool(self, name: str) -> Revised[types.Pool]:
        """One resource pool, with its revision."""
        return _revised(self.routes.show_pool(name))

    def create_pool(self, **spec: Unpack[types.PoolSpec]) -> types.Pool:
        """Creates a resource pool."""
        return self.routes.create_pool(spec).value

    def set_pool(self, name: str, revision: str | None = None, **change: Unpack[types.PoolChange]) -> types.Pool:
        """Changes a resource pool, as `set` does a VM."""
        return self.routes.change_pool(name, change, if_match=revision).value

    def edit_pool(self, name: str, change: Callable[[types.Pool], types.PoolChange]) -> types.Pool:
        """Changes a resource pool, as `edit` does a VM."""
        return _edit(
            lambda: self.routes.show_pool(name),
            change,
            lambda wanted, revision: self.routes.change_pool(name, wanted, if_match=revision).value,
        )

    def remove_pool(self, name: str) -> None:
        """Removes an empty resource pool."""
        self.routes.remove_pool(name)

    # Settings.

    def settings(self, *, name: str | None = None) -> Iterator[types.Setting]:
        """All advanced settings, by name: those whose name contains `name`."""
        return _items(lambda cursor: self.routes.list_settings(cursor=cursor, name=name))

    def setting(self, name: str) -> types.Setting:
        """One advanced setting."""
        return self.routes.show_setting(name).value

    def revised_settings(self) -> Revised[list[types.Setting]]:
        """All advanced settings, with the revision they have together."""
        answer = self.routes.list_settings()
        return Revised(answer.value.items, answer.revision)

    def set_settings(self, change: types.SettingsChange, revision: str | None = None) -> list[types.Setting]:
        """Changes advanced settings, all or none; `None` is a setting's default. Gives all."""
        return self.routes.change_settings(change, if_match=revision).value.items

    # Long work.

    def start(self, name: str) -> Begun:
        """Starts a VM; done when its guest runs."""
        return self._begun(self.routes.start_vm(name))

    def stop(self, name: str, **how: Unpack[types.StopVm]) -> Begun:
        """Stops a VM: its guest is asked to shut down, unless `now`. Done when its memory is free."""
        return self._begun(self.routes.stop_vm(name, how or None))

    def restart(self, name: str, **how: Unpack[types.RestartVm]) -> Begun:
        """Restarts a VM: at once, or with `guest` after its guest has shut down. Done when its guest runs anew."""
        return self._begun(self.routes.restart_vm(name, how or None))

    def pause(self, name: str) -> Begun:
        """Pauses a VM; done when its guest executes nothing."""
        return self._begun(self.routes.pause_vm(name))

    def resume(self, name: str) -> Begun:
        """Lets a paused VM go on."""
        return self._begun(self.routes.resume_vm(name))

    def unswap(self, name: str) -> Begun:
        """Brings back what is compressed and swapped, as far as memory is free."""
        return self._begun(self.routes.unswap_vm(name))

    def audit(self, name: str | None = None) -> Begun:
        """Checks every invariant of the host and its VMs, or of one VM."""
        return self._begun(self.routes.audit_host() if name is None else self.routes.audit_vm(name))

    def operation(self, number: int) -> Begun:
        """An operation by its number."""
        return self._begun(self.routes.show_operation(number))

    def operations(
        self, *, vm: str | None = None, state: types.OperationState | None = None
    ) -> Iterator[types.Operation]:
        """Operations that go on, and the last that have ended."""
        return _items(lambda cursor: self.routes.list_operations(cursor=_number(cursor), vm=vm, state=state))

    def _begun(self, answer: Answer[types.Operation]) -> Begun:
        return Begun(self.routes, answer.value)

    # What happens.

    def events(
        self, *, since: int = 0, vm: str | None = None, event: str | None = None, decisions: bool = False
    ) -> Iterator[types.Event]:
        """Events numbered above `since`, as far as they are kept: those of a VM, of a kind such as `vm-ended`; with the
        memory loop's decisions or without."""
        return _items(
            lambda cursor: self.routes.list_events(
                cursor=since if cursor is None else int(cursor), vm=vm, event=event, decisions=decisions
            )
        )

    def stream(
        self,
        *,
        only: types.Only | None = None,
        since: int | None = None,
        last_id: str | None = None,
        patience: float | None = 60.0,
    ) -> Stream:
        """A snapshot, then all that happens and is measured; or what follows on event `since`, or on the message
        `last_id`."""
        return Stream(self.routes, only=only, since=since, last_id=last_id, patience=patience)

    # Alarms.

    def alarms(
        self,
        *,
        vm: str | None = None,
        rule: str | None = None,
        severity: types.Severity | None = None,
        acknowledged: bool | None = None,
    ) -> Iterator[types.Alarm]:
        """Alarms that there are, by number: those of a VM, of a rule, of a severity, which somebody has seen or not."""
        return _items(
            lambda cursor: self.routes.list_alarms(
                cursor=_number(cursor), vm=vm, rule=rule, severity=severity, acknowledged=acknowledged
            )
        )

    def acknowledge_alarm(self, number: int) -> types.Alarm:
        """Says that an alarm was seen."""
        return self.routes.acknowledge_alarm(number).value

    def alarm_rules(self, *, name: str | None = None) -> Iterator[types.AlarmRule]:
        """All rules by which alarms are raised, by name: those whose name contains `name`."""
        return _items(lambda cursor: self.routes.list_alarm_rules(cursor=cursor, name=name))

    def alarm_rule(self, name: str) -> types.AlarmRule:
        """One rule."""
        return self.routes.show_alarm_rule(name).value

    def revised_alarm_rule(self, name: str) -> Revised[types.AlarmRule]:
        """One rule, with its revision."""
        return _revised(self.routes.show_alarm_rule(name))

    def create_alarm_rule(self, **spec: Unpack[types.AlarmRuleSpec]) -> types.AlarmRule:
        """Creates a rule."""
        return self.routes.create_alarm_rule(spec).value

    def set_alarm_rule(
        self, name: str, revision: str | None = None, **change: Unpack[types.AlarmRuleChange]
    ) -> types.AlarmRule:
        """Changes a rule, as `set` does a VM."""
        return self.routes.change_alarm_rule(name, change, if_match=revision).value

    def edit_alarm_rule(self, name: str, change: Callable[[types.AlarmRule], types.AlarmRuleChange]) -> types.AlarmRule:
        """Changes a rule, as `edit` does a VM."""
        return _edit(
            lambda: self.routes.show_alarm_rule(name),
            change,
            lambda wanted, revision: self.routes.change_alarm_rule(name, wanted, if_match=revision).value,
        )

    def remove_alarm_rule(self, name: str) -> None:
        """Removes a rule; its alarms clear."""
        self.routes.remove_alarm_rule(name)

    def test_alarm_rule(self, name: str) -> types.TestedActions:
        """Does what a rule does at an alarm; says how that went."""
        return self.routes.test_alarm_rule(name).value

    # Access.

    def whoami(self) -> types.Caller:
        """Who the host takes this client for, and what it may do."""
        return self.routes.whoami().value

    def tokens(self) -> Iterator[types.Token]:
        """All tokens, by name."""
        return _items(lambda cursor: self.routes.list_tokens(cursor=cursor))

    def create_token(self, **spec: Unpack[types.TokenSpec]) -> types.NewToken:
        """Makes a token. Its secret is given once."""
        return self.routes.create_token(spec).value

    def remove_token(self, name: str) -> None:
        """Removes a token: it is not valid any more."""
        self.routes.remove_token(name)

    def audit_log(self, limit: int = 100) -> list[types.AuditLine]:
        """The last changes and refusals, `limit` of them at most, the last one first."""
        return self.routes.show_audit_log(limit=limit).value.items


def _items(page_behind: Callable[[str | None], Answer[_Page[Item]]]) -> Iterator[Item]:
    """All of a list, a page at a time, as it is iterated over."""
    cursor: str | None = None
    while True:
        page = page_behind(cursor).value
        yield from page.items
        cursor = page.next
        if cursor is None:
            return


def _number(cursor: str | None) -> int | None:
    return None if cursor is None else int(cursor)


def _revised(answer: Answer[T]) -> Revised[T]:
    return Revised(answer.value, answer.revision)


def _edit(read: Callable[[], Answer[T]], change: Callable[[T], Any], write: Callable[[Any, str], T]) -> T:
    """Asked again only after a conflict, when nothing was changed; what broke off may be done."""
    for attempt in range(1, MOST_EDITS + 1):
        now = read()
        wanted = change(now.value)
        if not wanted:
            return now.value
        try:
            return write(wanted, now.revision)
        except Conflict:
            if attempt == MOST_EDITS:
                raise
            # Two who are in each other's way get out of step.
            time.sleep(random.uniform(0, FIRST_PAUSE * 2**attempt))  # noqa: S311
    raise AssertionError("the last attempt returns or raises")
