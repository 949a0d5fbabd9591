"""The README's examples, one after the other."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
from live import Host, add_guest, booted

from memtide import Memtide, MiB

README = Path(__file__).parents[1] / "README.md"


def test_the_examples_do_what_they_say(
    client: Memtide, unix_host: Host, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    add_guest(client, "web")
    client.create(name="db", memory_bytes=MiB(64), kernel="/none")
    booted(client, "web")
    monkeypatch.setenv("MEMTIDE_HOST", str(unix_host.socket))
    text = README.read_text()
    names: dict[str, Any] = {}
    for example in re.finditer(r"^```python\n(.*?)^```", text, re.DOTALL | re.MULTILINE):
        # As long as the lines before it, so that an error names the line of the README.
        before = "\n" * text.count("\n", 0, example.start(1))
        exec(compile(before + example[1], README, "exec"), names)
    web, said = client.vm("web"), capsys.readouterr().out
    assert (web.limit_bytes, web.reservation_bytes, web.shares) == (None, MiB(8), 4000)
    assert client.vm("db").reservation_bytes == MiB(32)
    for line in ["high ['web']", "vm-started", "unswap done", "no-such-vm"]:
        assert line in said
