"""Over TLS, with a token and the certificate's fingerprint."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from live import Host

from memtide import Memtide, NotAllowed, Untrusted, program
from memtide.types import StreamSnapshot


@pytest.fixture(scope="module")
def token(tls_host: Host) -> Iterator[str]:
    client = tls_host.client()
    yield client.create_token(name="viewer", role="view").secret
    client.remove_token("viewer")


def test_a_fingerprint_and_a_token_let_in(tls_host: Host, token: str, monkeypatch: pytest.MonkeyPatch) -> None:
    host = Memtide(tls_host.address, token=token, fingerprint=tls_host.fingerprint)
    assert host.status().state == "high"
    with host.stream() as stream:
        assert isinstance(next(iter(stream)), StreamSnapshot)
    monkeypatch.setenv("MEMTIDE_HOST", tls_host.address)
    monkeypatch.setenv("MEMTIDE_TOKEN", token)
    monkeypatch.setenv("MEMTIDE_FINGERPRINT", tls_host.fingerprint or "")
    assert list(Memtide().vms()) == []


def test_another_fingerprint_is_nobody_to_talk_to(tls_host: Host, token: str) -> None:
    assert tls_host.fingerprint
    other = tls_host.fingerprint[:-1] + ("0" if tls_host.fingerprint[-1] != "0" else "1")
    host = Memtide(tls_host.address, token=token, fingerprint=other)
    before = [(known.name, known.last_used_at_milliseconds) for known in tls_host.client().tokens()]
    with pytest.raises(Untrusted, match=tls_host.fingerprint):
        host.status()
    with pytest.raises(Untrusted):
        host.stream()
    # The token was not even sent: the host has not seen a request with it.
    assert before == [(known.name, known.last_used_at_milliseconds) for known in tls_host.client().tokens()]


def test_without_a_fingerprint_somebody_trusted_has_to_vouch(tls_host: Host, token: str) -> None:
    with pytest.raises(Untrusted, match=r"self-signed|unable to get local issuer"):
        Memtide(tls_host.address, token=token).status()


def test_roles_are_told(tls_host: Host, token: str) -> None:
    host = Memtide(tls_host.address, token=token, fingerprint=tls_host.fingerprint)
    with pytest.raises(NotAllowed) as raised:
        host.set_settings({"Mem.IdleTax": 1})
    assert (raised.value.status, raised.value.code) == (403, "not-allowed")
    for secret in [None, "wrong"]:
        with pytest.raises(NotAllowed) as raised:
            Memtide(tls_host.address, token=secret, fingerprint=tls_host.fingerprint).status()
        assert raised.value.status == 401


def test_scripts_get_there_too(tls_host: Host, token: str) -> None:
    script = Path(__file__).parents[1] / "examples" / "reclaimed.py"
    assert tls_host.fingerprint
    command = [sys.executable, str(script), "--host", tls_host.address, "--fingerprint"]
    environment = {**os.environ, "MEMTIDE_TOKEN": token}

    def run(fingerprint: str) -> subprocess.CompletedProcess[str]:
        called = [*command, fingerprint]
        return subprocess.run(called, env=environment, capture_output=True, text=True, timeout=30, check=False)

    assert "state high" in run(tls_host.fingerprint).stdout
    other = run("00" * 32)
    assert (other.returncode, "not to be trusted" in other.stderr) == (program.UNREACHABLE, True)
    assert token not in other.stderr
