"""Hosts that tests share."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from live import GUEST, Host, host

from memtide import Memtide


@pytest.fixture(autouse=True)
def _no_host_of_the_user(monkeypatch: pytest.MonkeyPatch) -> None:
    """What the user has in the environment leads tests nowhere."""
    for variable in ["MEMTIDE_HOST", "MEMTIDE_TOKEN", "MEMTIDE_FINGERPRINT"]:
        monkeypatch.delenv(variable, raising=False)


@pytest.fixture(scope="session")
def place() -> Iterator[Path]:
    """A directory on disk, where swap files belong: beside the guests."""
    with tempfile.TemporaryDirectory(prefix="sdk.", dir=GUEST.parent) as directory:
        yield Path(directory)


@pytest.fixture(scope="session")
def unix_host(place: Path) -> Iterator[Host]:
    """A host at a Unix socket, whose path has to be short."""
    with tempfile.TemporaryDirectory(prefix="memtide.") as short:
        directory = place / "unix"
        directory.mkdir()
        with host(directory, Path(short), "--machine-memory", "512MiB") as running:
            yield running


@pytest.fixture(scope="session")
def tls_host(place: Path) -> Iterator[Host]:
    """A host that is also reached over TLS, without guests."""
    with tempfile.TemporaryDirectory(prefix="memtide.") as short:
        directory = place / "tls"
        directory.mkdir()
        options = ["--machine-memory", "128MiB", "--listen", "127.0.0.1:0", "--tls"]
        with host(directory, Path(short), *options) as running:
            yield running


@pytest.fixture
def client(unix_host: Host) -> Iterator[Memtide]:
    """A client of the host at a Unix socket, from which all that a test made is removed."""
    client = unix_host.client()
    yield client
    for vm in list(client.vms()):
        if vm.power != "stopped":
            client.stop(vm.name).wait(timeout=30)
        client.remove(vm.name)
    for pool in list(client.pools()):
        client.remove_pool(pool.name)
    client.set_settings({setting.name: None for setting in client.settings()})
