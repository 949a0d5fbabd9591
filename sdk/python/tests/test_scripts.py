"""The scripts in examples/, each carried out, and its effect seen on the host."""

from __future__ import annotations

import csv
import io
import json
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import datetime
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Any

import pytest
from alert_swapping import Thresholds, Watched
from live import Host, add_guest, booted, consumed, idle_kernel, until
from office_hours import days, hours, is_office_time

from memtide import Memtide, MiB, program
from memtide.types import Edit, Vm

EXAMPLES = Path(__file__).parents[1] / "examples"
SCRIPTS = sorted(EXAMPLES.glob("*.py"))
Run = Callable[..., subprocess.CompletedProcess[str]]


def command(script: str, host: Host, *arguments: str | Path) -> list[str]:
    return [sys.executable, str(EXAMPLES / f"{script}.py"), "--host", str(host.socket), *map(str, arguments)]


@pytest.fixture
def run(unix_host: Host) -> Run:
    def run(script: str, *arguments: str | Path) -> subprocess.CompletedProcess[str]:
        called = command(script, unix_host, *arguments)
        return subprocess.run(called, capture_output=True, text=True, timeout=240, check=False)

    return run


@contextmanager
def running(script: str, host: Host, output: Path, *arguments: str) -> Iterator[subprocess.Popen[str]]:
    with output.open("w") as file:
        called = command(script, host, *arguments)
        process = subprocess.Popen(called, stdout=file, stderr=subprocess.STDOUT, text=True)
    try:
        yield process
    finally:
        process.kill()
        process.wait()


def add_idle(client: Memtide, name: str, directory: Path, memory_mib: int = 64) -> Vm:
    """A VM that runs and does nothing."""
    kernel = idle_kernel(directory / "idle")
    client.create(name=name, memory_bytes=MiB(memory_mib), kernel=str(kernel))
    client.start(name).wait(timeout=30)
    return client.vm(name)


@pytest.mark.parametrize("script", SCRIPTS, ids=lambda script: script.stem)
def test_each_explains_itself_and_is_honest(script: Path) -> None:
    def run(*arguments: str) -> subprocess.CompletedProcess[str]:
        called = [sys.executable, str(script), *arguments]
        return subprocess.run(called, capture_output=True, text=True, timeout=30, check=False)

    helped = run("--help")
    assert helped.returncode == 0, helped.stderr
    assert "--host" in helped.stdout
    needed = {
        "set_reservations": ["file.csv"],
        "office_hours": ["web=high", "--now", "2026-11-21T00:00", "--state", "/dev/null/state"],
        "drain": ["web", "--below", "1MiB"],
    }
    arguments = needed.get(script.stem, [])
    failed = run("--host", "/nowhere", *arguments)
    assert failed.returncode in (program.UNREACHABLE, program.FAILED)
    assert failed.stderr.startswith("error: "), failed.stderr
    assert "Traceback" not in failed.stderr
    wrong = run("--nothing")
    assert wrong.returncode == 2


def test_who_is_reclaimed_from_is_reported(client: Memtide, run: Run) -> None:
    add_guest(client, "pressed", "while :; do mt touch 64 4; done")
    booted(client, "pressed")
    until("it uses its memory", lambda: consumed(client, "pressed") > MiB(110))
    client.set("pressed", limit_bytes=MiB(72))
    until("it is pressed", lambda: consumed(client, "pressed") <= MiB(73))
    done = run("reclaimed", "--csv", "--only")
    assert done.returncode == 0, done.stderr
    (row,) = csv.DictReader(io.StringIO(done.stdout))
    assert row["vm"] == "pressed"
    assert int(row["size_bytes"]) == MiB(192)
    assert sum(int(row[f"{how}_bytes"]) for how in ("balloon", "zip", "swap")) > MiB(8)
    assert "its limit" in row["why"]
    text = run("reclaimed").stdout
    assert "The host is in state" in text
    assert "pressed" in text
    client.stop("pressed").wait(timeout=30)
    assert run("reclaimed", "--csv").stdout.splitlines() == [done.stdout.splitlines()[0]]


def test_reservations_come_from_a_file(client: Memtide, run: Run, tmp_path: Path) -> None:
    for name in ["a", "b", "c"]:
        add_idle(client, name, tmp_path)
    client.set("c", reservation_bytes=MiB(48), limit_bytes=MiB(56))
    file = tmp_path / "reservations.csv"

    def reservations() -> list[float]:
        return [vm.reservation_bytes / MiB(1) for vm in client.vms()]

    file.write_text("vm,reservation\nnone,1MiB\na,16MiB\na,8MiB\nb,lots\nb,65MiB\nc,60MiB\n")
    done = run("set_reservations", file)
    assert done.returncode == program.FAILED
    for fault in [
        "line 2: there is no VM 'none'",
        "line 4: 'a' is in line 3 already",
        "line 5: 'lots' is no size",
        "line 6: 'b' is in line 5 already",
        "line 7: 60 MiB is more than the limit of 'c', 56 MiB",
    ]:
        assert fault in done.stderr
    assert reservations() == [0, 0, 48]

    file.write_text("vm,owner,reservation\na,x,16MiB\nb,y,50%\nc,z,0\n")
    done = run("set_reservations", "--dry-run", file)
    assert done.stdout.splitlines()[0] == "would set c: 48 MiB -> 0 B"
    assert reservations() == [0, 0, 48]
    done = run("set_reservations", file)
    assert done.returncode == 0, done.stderr
    assert reservations() == [16, 32, 0]
    assert "as the file has them" in run("set_reservations", file).stdout

    file.write_text("name,reservation\n")
    assert "has no column vm" in run("set_reservations", file).stderr
    assert "cannot read" in run("set_reservations", tmp_path / "none.csv").stderr


def test_reservations_are_all_set_or_none(client: Memtide, run: Run, tmp_path: Path) -> None:
    for name in ["a", "b"]:
        add_idle(client, name, tmp_path, 400)
    file = tmp_path / "reservations.csv"
    file.write_text("vm,reservation\na,300MiB\nb,300MiB\n")
    done = run("set_reservations", file)
    assert done.returncode == program.REFUSED, done.stderr
    assert "nothing is changed" in done.stderr
    assert "set a: 0 B -> 300 MiB\nset back a: 0 B\n" in done.stdout
    assert [vm.reservation_bytes for vm in client.vms()] == [0, 0]

    client.set("b", reservation_bytes=MiB(300))
    # What-if is about the host as it was measured last.
    imagined: Edit = {"edit": "vm", "name": "a", "reservation_bytes": MiB(300)}
    until("what-if knows", lambda: client.what_if(imagined).refusal)
    file.write_text("vm,reservation\na,300MiB\n")
    done = run("set_reservations", file)
    assert (done.returncode, done.stdout) == (program.REFUSED, "")
    assert "the host refuses" in done.stderr
    file.write_text("vm,reservation\na,300MiB\nb,0\n")
    done = run("set_reservations", file)
    assert done.returncode == 0, done.stderr
    assert [vm.reservation_bytes for vm in client.vms()] == [MiB(300), 0]


MONDAY, NIGHT = "2026-11-23T09:00", "2026-11-23T20:00"


def test_office_hours_raise_and_set_back(client: Memtide, run: Run, tmp_path: Path) -> None:
    for name in ["web", "db"]:
        client.create(name=name, memory_bytes=MiB(64), kernel="/none")
    client.set("db", shares=500)
    state = tmp_path / "state.json"

    def at(now: str, *arguments: str) -> subprocess.CompletedProcess[str]:
        return run("office_hours", "web=high", "db=900", "--state", state, "--now", now, *arguments)

    def shares() -> dict[str, object]:
        return {vm.name: vm.shares for vm in client.vms()}

    dry = at(MONDAY, "--dry-run")
    assert "would set web: normal -> high" in dry.stdout
    assert shares() == {"web": "normal", "db": 500}
    assert not state.exists()
    assert at(NIGHT).stdout == ""
    assert at(MONDAY).returncode == 0
    assert shares() == {"web": "high", "db": 900}
    assert at(MONDAY).stdout == "", "once is enough"
    assert json.loads(state.read_text())["db"] == {"old": 500, "new": 900}

    # It was ended after it wrote the file and before it raised them.
    client.set("db", shares=500)
    at(MONDAY)
    assert shares()["db"] == 900
    # Somebody else has a say.
    client.set("web", shares=1234)
    assert "somebody else set: they stay" in at(NIGHT).stdout
    assert shares() == {"web": 1234, "db": 500}
    assert json.loads(state.read_text()) == {}

    at(MONDAY)
    client.remove("db")
    done = at(MONDAY)
    assert (done.returncode, "there is no VM db" in done.stderr) == (program.NOT_FOUND, True)
    assert "db is gone" in at(NIGHT).stdout
    assert shares() == {"web": 1234}
    state.write_text("{")
    broken = at(MONDAY)
    assert (broken.returncode, "Traceback" in broken.stderr) == (program.FAILED, False)


def test_office_hours_know_the_clock() -> None:
    def at(day: int, time: str, between: str = "08:00-18:00", on: str = "mon-fri") -> bool:
        # The 23rd is a Monday.
        return is_office_time(datetime.fromisoformat(f"2026-11-{day}T{time}"), hours(between), days(on))

    assert at(23, "08:00")
    assert at(27, "17:59")
    assert not at(23, "07:59")
    assert not at(23, "18:00")
    assert not at(28, "12:00")
    assert at(28, "12:00", on="sat-mon")
    assert at(23, "12:00", on="sat-mon")
    assert not at(24, "12:00", on="sat-mon")
    # Friday's night ends on Saturday, and Monday's morning belongs to Sunday.
    assert at(28, "05:00", "22:00-06:00")
    assert not at(23, "05:00", "22:00-06:00")


def test_a_vm_is_drained_and_stopped(client: Memtide, run: Run) -> None:
    add_guest(client, "guest")
    booted(client, "guest")
    client.set("guest", shares=300, reservation_bytes=MiB(16))
    until("a measurement", lambda: consumed(client, "guest") > MiB(32))
    dry = run("drain", "guest", "--below", "24MiB", "--dry-run")
    assert "would be entitled to" in dry.stdout, dry.stderr
    assert client.vm("guest").limit_bytes is None
    done = run("drain", "guest", "--below", "24MiB", "--step", "8MiB", "--within", "180s", "--type", "poweroff -f")
    assert done.returncode == 0, done.stderr
    assert "the time is over" not in done.stdout
    limits = [line.rsplit(" ", 2)[-2:] for line in done.stdout.splitlines() if "may hold" in line]
    assert len({tuple(limit) for limit in limits}) > 1, done.stdout
    vm = client.vm("guest")
    assert (vm.power, vm.limit_bytes, vm.reservation_bytes, vm.shares) == ("stopped", None, MiB(16), 300)
    assert vm.ended == "powered-off"
    again = run("drain", "guest", "--below", "24MiB")
    assert (again.returncode, "nothing to drain" in again.stderr) == (program.FAILED, True)


def test_draining_is_undone_by_an_interrupt_and_ends_in_time(
    client: Memtide, unix_host: Host, run: Run, tmp_path: Path
) -> None:
    add_guest(client, "guest", "while :; do mt touch 64 4; done")
    booted(client, "guest")
    client.set("guest", limit_bytes=MiB(180))
    until("it uses its memory", lambda: consumed(client, "guest") > MiB(80))
    output = tmp_path / "output"
    with running("drain", unix_host, output, "guest", "--below", "8MiB") as process:
        until("the limit is lower", lambda: (client.vm("guest").limit_bytes or 0) < MiB(100))
        assert client.vm("guest").shares == "low"
        process.send_signal(signal.SIGINT)
        assert process.wait(10) == program.INTERRUPTED, output.read_text()
    vm = client.vm("guest")
    assert (vm.power, vm.limit_bytes, vm.shares) == ("running", MiB(180), "normal")

    done = run("drain", "guest", "--below", "1MiB", "--within", "2s", "--step", "8MiB")
    assert "the time is over" in done.stdout, done.stderr
    vm = client.vm("guest")
    assert (vm.power, vm.limit_bytes, vm.shares) == ("stopped", MiB(180), "normal")


@contextmanager
def webhook(told: list[dict[str, Any]]) -> Iterator[str]:
    class Hook(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            told.append(json.loads(self.rfile.read(int(self.headers["content-length"]))))
            self.send_response(204)
            self.end_headers()

        def log_message(self, format: str, *arguments: Any) -> None:
            pass

    server = HTTPServer(("127.0.0.1", 0), Hook)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}/hook"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def test_swapping_alerts_and_its_end_is_told(client: Memtide, unix_host: Host, tmp_path: Path) -> None:
    add_guest(client, "swapping", "while :; do mt touch 64 4; done", zip=False)
    booted(client, "swapping")
    until("it uses its memory", lambda: consumed(client, "swapping") > MiB(80))
    output, told = tmp_path / "output", list[dict[str, Any]]()
    options = ["--above", "64KiB", "--for", "1", "--over", "1"]
    with (
        webhook(told) as url,
        running("alert_swapping", unix_host, output, *options, "--webhook", url) as watching,
        running("alert_swapping", unix_host, tmp_path / "deaf", *options, "--webhook", "http://127.0.0.1:9/") as deaf,
    ):
        client.set("swapping", limit_bytes=MiB(48))
        until("an alert", lambda: "ALERT swapping" in output.read_text(), 30)
        client.set("swapping", limit_bytes=None)
        until("its end", lambda: " ok swapping" in output.read_text(), 60)
        until("both are told", lambda: len(told) >= 2)
        until("who cannot tell goes on", lambda: " ok swapping" in (tmp_path / "deaf").read_text(), 10)
        assert "cannot be told" in (tmp_path / "deaf").read_text()
        for process in [watching, deaf]:
            process.send_signal(signal.SIGINT)
            assert process.wait(10) == program.INTERRUPTED
    assert [(one["vm"], one["alert"]) for one in told[:2]] == [("swapping", True), ("swapping", False)]
    assert told[0]["bytes_per_second"] > 64 << 10


def test_an_alert_waits_and_does_not_flutter() -> None:
    thresholds = Thresholds(above=100, for_milliseconds=3000, below=50, over_milliseconds=2000)
    watched = Watched()

    def after(rates: list[int], start: int) -> list[bool]:
        return [watched.changes(rate, start + 1000 * at, thresholds) and watched.alert for at, rate in enumerate(rates)]

    assert not any(after([200, 200, 200, 90, 200, 200, 200], 0)), "never three seconds on end"
    assert after([200], 7000) == [True]
    assert not any(after([60, 90, 60, 40, 40, 60, 40, 40], 8000))
    assert watched.alert
    after([40], 16000)
    assert not watched.alert
