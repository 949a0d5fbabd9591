"""The client against a live host, over its Unix socket."""

from __future__ import annotations

import socket
import tempfile
import threading
import time
from pathlib import Path

import pytest
from live import Host, add_guest, booted, consumed, host, until

from memtide import (
    BrokenOff,
    Busy,
    Conflict,
    Invalid,
    Memtide,
    MiB,
    NoRoom,
    NotFound,
    OperationFailed,
    Strange,
    Unreachable,
    WrongState,
)
from memtide.types import Event, HostStatus, Operation, StreamSnapshot, Vm, VmChange, VmEndedEvent, VmStartedEvent


@pytest.fixture
def web(client: Memtide, tmp_path: Path) -> Vm:
    return stopped(client, "web", tmp_path)


def stopped(client: Memtide, name: str, directory: Path) -> Vm:
    """A VM that cannot start: its kernel is none."""
    kernel = directory / "kernel"
    kernel.write_bytes(b"no kernel")
    return client.create(name=name, memory_bytes=MiB(64), kernel=str(kernel))


def test_a_host_says_how_it_is(client: Memtide) -> None:
    status = client.status()
    assert (status.ledger.total_bytes, status.state) == (MiB(512), "high")
    client.ready()
    assert "memtide_" in client.metrics()
    assert client.routes.show_openapi().value["info"]["title"] == "Memtide"


def test_the_environment_says_where_the_host_is(unix_host: Host, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MEMTIDE_HOST", f"unix:{unix_host.socket}")
    Memtide().ready()
    with pytest.raises(Unreachable) as raised:
        Memtide("unix:/nowhere").status()
    assert raised.value.hint


def test_vms_are_made_changed_and_removed(client: Memtide, web: Vm) -> None:
    assert (web.name, web.power, web.shares, web.limit_bytes) == ("web", "stopped", "normal", None)
    changed = client.set("web", limit_bytes=MiB(32), shares=123)
    assert (changed.limit_bytes, changed.shares) == (MiB(32), 123)
    changed = client.set("web", limit_bytes=None)
    assert (changed.limit_bytes, changed.shares) == (None, 123)
    client.remove("web")
    with pytest.raises(NotFound) as raised:
        client.vm("web")
    assert (raised.value.code, raised.value.status) == ("no-such-vm", 404)
    assert raised.value.request_id


def test_refusals_are_told_apart(client: Memtide, web: Vm) -> None:
    with pytest.raises(Invalid):
        client.set("web", reservation_bytes=MiB(65))
    with pytest.raises(WrongState, match="web"):
        client.create(name="web", memory_bytes=MiB(64), kernel="/k")
    with pytest.raises(WrongState):
        client.unswap("web")
    with pytest.raises(OperationFailed) as failed:
        client.start("web").wait(timeout=30)
    assert failed.value.operation.state == "failed"
    assert failed.value.code
    with pytest.raises(NoRoom) as refused:
        client.create_pool(name="large", reservation_bytes=MiB(1024))
    assert refused.value.details["asked_bytes"] == MiB(1024)
    with pytest.raises(Invalid, match="limit_bytes"):
        client.set("web", limit=3)  # type: ignore[call-arg]


def test_lists_are_iterated_through_their_pages(client: Memtide, tmp_path: Path) -> None:
    names = [f"vm{number}" for number in range(7)]
    for name in names:
        stopped(client, name, tmp_path)
    list_vms, asked = client.routes.list_vms, []

    def three_at_a_time(**query: object) -> object:
        asked.append(query.get("cursor"))
        return list_vms(limit=3, **query)  # type: ignore[arg-type]

    client.routes.list_vms = three_at_a_time  # type: ignore[assignment, method-assign]
    assert [vm.name for vm in client.vms()] == names
    assert asked == [None, "vm2", "vm5"]
    assert [vm.name for vm in client.vms(name="m3")] == ["vm3"]
    assert list(client.vms(power="running")) == []
    created = [event.seq for event in client.events(event="vm-created", vm="vm3")]
    assert created
    assert list(client.events(since=created[-1], event="vm-created", vm="vm3")) == []


def test_who_was_slower_is_told(client: Memtide, web: Vm) -> None:
    read = client.revised_vm("web")
    client.set("web", shares=111)
    with pytest.raises(Conflict) as raised:
        client.set("web", read.revision, shares=222)
    assert (raised.value.code, client.vm("web").shares) == ("changed", 111)
    client.set("web", client.revised_vm("web").revision, shares=222)
    assert client.vm("web").shares == 222


def test_an_edit_is_worked_out_anew_when_somebody_is_faster(client: Memtide, web: Vm) -> None:
    client.set("web", shares=100)
    others = 3

    def ten_more(vm: Vm) -> VmChange:
        nonlocal others
        assert isinstance(vm.shares, int)
        if others:
            others -= 1
            client.set("web", shares=vm.shares + 1)
        return {"shares": vm.shares + 10}

    assert client.edit("web", ten_more).shares == 113
    assert client.edit("web", lambda vm: {}).shares == 113

    def never(vm: Vm) -> VmChange:
        assert isinstance(vm.shares, int)
        client.set("web", shares=vm.shares + 1)
        return {"shares": 1}

    with pytest.raises(Conflict):
        client.edit("web", never)
    assert client.vm("web").shares != 1


def test_many_editors_lose_nothing(client: Memtide, web: Vm) -> None:
    client.set("web", shares=1)

    def add() -> None:
        for _ in range(5):
            client.edit("web", lambda vm: {"shares": int(vm.shares) + 1})

    threads = [threading.Thread(target=add) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert client.vm("web").shares == 16


def test_pools_and_settings(client: Memtide, web: Vm) -> None:
    assert client.create_pool(name="lab", reservation_bytes=MiB(32)).shares == "normal"
    client.set("web", pool="lab")
    assert [vm.name for vm in client.vms(pool="lab")] == ["web"]
    assert client.edit_pool("lab", lambda pool: {"reservation_bytes": pool.reservation_bytes * 2})
    assert [pool.reservation_bytes for pool in client.pools()] == [MiB(64)]
    revised = client.revised_pool("lab")
    assert client.set_pool("lab", revised.revision, limit_bytes=MiB(256)).limit_bytes == MiB(256)
    client.set("web", pool=None)
    client.remove_pool("lab")

    all_of_them = client.revised_settings()
    idle_tax = client.setting("Mem.IdleTax")
    assert idle_tax in all_of_them.value
    client.set_settings({"Mem.IdleTax": 50}, all_of_them.revision)
    with pytest.raises(Conflict):
        client.set_settings({"Mem.IdleTax": 60}, all_of_them.revision)
    assert client.setting("Mem.IdleTax").value == 50
    client.set_settings({"Mem.IdleTax": None})
    assert client.setting("Mem.IdleTax").value == idle_tax.default
    assert [setting.name for setting in client.settings(name="ShareScanT")] == ["Mem.ShareScanTime"]


def test_tokens_and_the_audit_log(client: Memtide) -> None:
    new = client.create_token(name="sdk", role="view", lifetime_seconds=60)
    assert [token.name for token in client.tokens()] == ["sdk"]
    assert new.secret
    client.remove_token("sdk")
    line = client.audit_log(limit=1)[0]
    assert (line.method, line.path) == ("DELETE", "/v1/tokens/sdk")
    assert line.from_ is None


def test_a_guest_from_start_to_end(client: Memtide) -> None:
    seen: list[Operation] = []
    add_guest(client, "guest")
    booted(client, "guest")
    client.type_in("guest", "echo $((6 * 7))\n")
    until("an answer", lambda: b"\n42\r" in client.said("guest").content)
    said = client.said("guest", start=8)
    assert said.start == 8
    assert client.vm("guest").power == "running"
    until("a measurement", lambda: consumed(client, "guest") > MiB(10))

    assert "guest" in client.explain("guest").text
    assert client.statistics("guest").uptime_seconds >= 0
    page = client.map("guest", pages=4).sample[0]
    assert client.trace("guest", page.gva).name == "guest"
    assert client.trace("guest", 0x0).agreement
    assert client.move_pages("guest", 4).pages_moved >= 0
    edit = client.what_if({"edit": "vm", "name": "guest", "reservation_bytes": MiB(64)})
    assert edit.refusal is None
    too_much = client.what_if({"edit": "add-vm", "memory_bytes": MiB(1024), "reservation_bytes": MiB(1024)})
    assert too_much.refusal

    audit = client.audit("guest").wait(progress=seen.append, timeout=60)
    assert audit.state == "done"
    assert seen[-1] == audit
    assert client.audit().wait(timeout=60).message
    assert client.operation(audit.id).look() == audit
    assert audit.id in [operation.id for operation in client.operations(vm="guest")]
    with pytest.raises(WrongState):
        client.operation(audit.id).cancel()
    assert client.unswap("guest").wait(timeout=60).state == "done"
    client.stop("guest").wait(timeout=30)
    assert client.vm("guest").power == "stopped"


def test_the_stream_begins_with_all_and_tells_the_rest(client: Memtide, web: Vm) -> None:
    with client.stream() as stream:
        messages = iter(stream)
        first = next(messages)
        assert isinstance(first, StreamSnapshot)
        assert [vm.name for vm in first.vms] == ["web"]
        client.set("web", shares=77)
        kinds: set[str] = set()
        for message in messages:
            match message:
                case Event(event=kind):
                    kinds.add(kind)
                case HostStatus():
                    kinds.add("status")
            if {"vm-changed", "status"} <= kinds:
                break
        id = stream.id
    client.set("web", shares=78)
    with client.stream(only="events", last_id=id) as stream:
        message = next(iter(stream))
        assert isinstance(message, Event)
        assert id is not None
        assert message.seq > int(id.rsplit("-", 1)[1])


def test_a_stream_is_ended_from_another_thread(client: Memtide) -> None:
    stream = client.stream(only="events", since=10**9)
    ended = threading.Event()

    def follow() -> None:
        for _ in stream:
            pass
        ended.set()

    thread = threading.Thread(target=follow, daemon=True)
    thread.start()
    time.sleep(0.2)
    stream.close()
    assert ended.wait(5)


def test_a_stream_finds_the_host_again_and_gets_a_snapshot(place: Path) -> None:
    directory = place / "again"
    directory.mkdir()
    with (
        tempfile.TemporaryDirectory(prefix="memtide.") as short,
        host(directory, Path(short), "--machine-memory", "64MiB") as running,
    ):
        client = running.client()
        with client.stream() as stream:
            messages = iter(stream)
            assert isinstance(next(messages), StreamSnapshot)
            restart = threading.Thread(target=running.again)
            restart.start()
            for message in messages:
                if isinstance(message, StreamSnapshot):
                    break
            restart.join()
            assert stream.reconnected >= 1
        with client.stream(patience=0.5) as stream:
            messages = iter(stream)
            next(messages)
            running.process.kill()
            running.process.wait()
            with pytest.raises((BrokenOff, Unreachable)):
                for _ in messages:
                    pass
        with pytest.raises(Unreachable):
            client.stream()
        running.again()


@pytest.mark.parametrize(
    ("answer", "error"),
    [
        (b"", BrokenOff),
        (b"HTTP/1.1 200 OK\r\ncontent-length: 9\r\n\r\n{", BrokenOff),
        (b"SSH-2.0-nothing\r\n", BrokenOff),
        (b"HTTP/1.1 200 OK\r\ncontent-length: 1\r\n\r\n{", Strange),
        (b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\n{}", Strange),
        (b"HTTP/1.1 302 Found\r\nlocation: /\r\ncontent-length: 0\r\n\r\n", Strange),
        (
            b"HTTP/1.1 429 Too Many Requests\r\ncontent-length: 74\r\n\r\n"
            b'{"code":"c","message":"later","hint":null,"details":null,"request_id":"r"}',
            Busy,
        ),
    ],
)
def test_strange_hosts(answer: bytes, error: type[Exception]) -> None:
    with tempfile.TemporaryDirectory(prefix="memtide.") as short, socket.socket(socket.AF_UNIX) as listening:
        path = f"{short}/host.socket"
        listening.bind(path)
        listening.listen()

        def serve() -> None:
            connection, _ = listening.accept()
            with connection:
                connection.recv(65536)
                connection.sendall(answer)

        thread = threading.Thread(target=serve)
        thread.start()
        with pytest.raises(error):
            Memtide(path).status()
        thread.join()


def test_events_have_their_types(client: Memtide) -> None:
    add_guest(client, "short")
    client.stop("short").wait(timeout=30)
    until("an event", lambda: list(client.events(vm="short", event="vm-ended")))
    started, ended = None, None
    for event in client.events(vm="short"):
        match event:
            case VmStartedEvent():
                started = event
            case VmEndedEvent():
                ended = event
    assert started is not None
    assert started.memory_bytes == MiB(192)
    assert ended is not None
    assert ended.how


def test_alarms_are_seen_and_their_rules_changed(client: Memtide) -> None:
    rule = client.create_alarm_rule(
        name="little-free",
        subject="host-free",
        warning={"raise": 99.0},
        raise_after_seconds=0,
        command=["/bin/echo", "hello"],
    )
    try:
        assert rule.warning
        assert (rule.warning.raise_, rule.critical) == (99.0, None)
        outcome = client.test_alarm_rule("little-free").command
        assert outcome
        assert outcome.said == "hello"
        until("an alarm", lambda: list(client.alarms(rule="little-free", acknowledged=False)))
        (alarm,) = client.alarms(rule="little-free")
        assert client.acknowledge_alarm(alarm.id).acknowledged
        assert list(client.alarms(rule="little-free", acknowledged=False)) == []
        with client.stream() as stream:
            first = next(iter(stream))
            assert isinstance(first, StreamSnapshot)
            assert alarm.id in [there.id for there in first.alarms]
        read = client.revised_alarm_rule("little-free")
        client.set_alarm_rule("little-free", read.revision, critical={"raise": 2.0, "clear": 3.0})
        with pytest.raises(Conflict):
            client.set_alarm_rule("little-free", read.revision, critical=None)
        assert client.edit_alarm_rule("little-free", lambda rule: {"enabled": not rule.enabled}).enabled is False
        assert [found.name for found in client.alarm_rules(name="little")] == ["little-free"]
    finally:
        client.remove_alarm_rule("little-free")
    with pytest.raises(NotFound):
        client.alarm_rule("little-free")
