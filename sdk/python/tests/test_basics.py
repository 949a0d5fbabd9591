"""What needs no host: sizes, addresses, reading answers, and that the package is what the description makes of it."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

import memtide
from memtide import BadAddress, GiB, KiB, MiB, Strange, TiB, size, size_text, types
from memtide._json import of
from memtide._transport import Transport
from memtide.address import Tcp, Unix, parse, usual
from memtide.errors import Conflict, Refused, refused
from memtide.routes import Routes

DOCUMENT: dict[str, Any] = json.loads((Path(__file__).resolve().parents[3] / "docs" / "openapi.json").read_text())
GENERATE = Path(__file__).parents[1] / "tools" / "generate.py"


def test_the_package_is_what_the_description_says() -> None:
    done = subprocess.run([sys.executable, GENERATE, "--check"], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


# For browsers, and for who watches over the host's process; and the description itself, which this package is made of.
NOT_FOR_PEOPLE = {"show_docs", "docs_style", "docs_script", "healthz", "show_openapi"}


def test_every_route_is_asked_by_a_method_for_people() -> None:
    named = {
        route["operationId"]: f"{method.upper()} {path}"
        for path, item in DOCUMENT["paths"].items()
        for method, route in item.items()
        if method in ("get", "post", "put", "patch", "delete")
    }
    assert not {name for name in named if not hasattr(Routes, name)}
    package = Path(memtide.__file__).parent
    text = "".join((package / f"{module}.py").read_text() for module in ["host", "operations", "stream"])
    used = set(re.findall(r"routes\.(\w+)\(", text))
    missing = [f"{route} ({name})" for name, route in named.items() if name not in used | NOT_FOR_PEOPLE]
    assert not missing, f"memtide.Memtide has no method for {', '.join(missing)}"
    assert set(named) >= NOT_FOR_PEOPLE


def test_type_checkers_may_use_the_types() -> None:
    assert (Path(memtide.__file__).parent / "py.typed").exists()


@pytest.mark.parametrize(
    ("text", "count"),
    [
        ("512MiB", MiB(512)),
        ("2G", GiB(2)),
        ("1.5 GiB", MiB(1536)),
        ("65536", KiB(64)),
        ("4 kb", 4096),
        ("0b", 0),
        ("1TiB", TiB(1)),
    ],
)
def test_people_write_sizes_in_many_ways(text: str, count: int) -> None:
    assert size(text) == count


@pytest.mark.parametrize("text", ["", "MiB", "-1", "12XB", "1.2.3M", "50%", "0x10", "1 i", "nan"])
def test_what_is_no_size_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r"size|part"):
        size(text)


def test_a_part_is_whole_pages() -> None:
    assert size("50%", of=MiB(256)) == MiB(128)
    assert size("33.3%", of=MiB(1)) % 4096 == 0
    assert size("100 %", of=MiB(3)) == MiB(3)
    assert [size_text(count) for count in (0, 1023, 4096, MiB(1.5), GiB(2))] == [
        "0 B",
        "1023 B",
        "4 KiB",
        "1.5 MiB",
        "2 GiB",
    ]


def test_addresses_are_read_as_the_program_does() -> None:
    for text, address in [
        ("https://vm-host.example:8443", Tcp("vm-host.example", 8443, True)),
        ("https://[2001:db8::1]:8443", Tcp("2001:db8::1", 8443, True)),
        ("http://127.0.0.1:8080", Tcp("127.0.0.1", 8080, False)),
        ("/run/memtide/host.socket", Unix(Path("/run/memtide/host.socket"))),
    ]:
        assert (parse(text), str(address)) == (address, text)
    assert parse("unix:a b") == Unix(Path("a b"))
    assert parse("https://a/") == Tcp("a", 443, True)
    assert parse("http://localhost") == Tcp("localhost", 80, False)


@pytest.mark.parametrize(
    "text",
    ["ftp://a", "https://", "https://a:b", "https://a:", "https://a/v1", "https://a?b", "https://u:p@a", "http://a b"],
)
def test_what_is_no_address_is_refused(text: str) -> None:
    with pytest.raises(BadAddress):
        parse(text)


def test_a_token_is_not_sent_where_others_read() -> None:
    with pytest.raises(BadAddress, match="https://"):
        parse("http://vm-host.example")


def test_the_usual_place_is_where_the_program_looks(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_RUNTIME_DIR", "/run/user/7")
    assert str(usual()) == "/run/user/7/memtide/host.socket"
    monkeypatch.delenv("XDG_RUNTIME_DIR")
    assert str(usual()).endswith("/host.socket")


def test_a_fingerprint_has_64_digits() -> None:
    Transport(parse("https://a"), fingerprint=":".join(["0A"] * 32))
    for text in ["0a", "0g" * 32, "0a" * 33, "+1" * 32]:
        with pytest.raises(BadAddress, match="fingerprint"):
            Transport(parse("https://a"), fingerprint=text)


def test_answers_of_later_versions_are_read() -> None:
    event = of(types.Event, {"seq": 1, "at_milliseconds": 2, "event": "vm-created", "vm": "web", "later": [1]})
    assert event == types.VmCreatedEvent(seq=1, at_milliseconds=2, event="vm-created", vm="web")
    unknown = of(types.Event, {"seq": 1, "at_milliseconds": 2, "event": "later", "more": 3})
    assert type(unknown) is types.Event
    assert unknown.event == "later"
    role: str = of(types.Token, token(role="later")).role
    assert role == "later"


def test_what_is_wrong_in_an_answer_is_named() -> None:
    with pytest.raises(Strange, match=r"items\.0\.created_at_milliseconds is no whole number"):
        of(types.TokenList, {"items": [token(created_at_milliseconds="x")], "next": None})
    with pytest.raises(Strange, match="has no next"):
        of(types.TokenList, {"items": []})


def token(**other: Any) -> dict[str, Any]:
    times = {"created_at_milliseconds": 1, "expires_at_milliseconds": None, "last_used_at_milliseconds": None}
    return {"name": "ci", "role": "view", **times, **other}


def test_a_problem_says_all_that_the_host_said() -> None:
    problem = types.Problem(code="changed", message="m", hint="h", details={"etag": '"a"'}, request_id="r")
    error = refused(412, problem)
    assert isinstance(error, Conflict)
    assert (error.code, str(error), error.hint, error.details, error.request_id, error.status) == (
        "changed",
        "m",
        "h",
        {"etag": '"a"'},
        "r",
        412,
    )
    assert type(refused(418, problem)) is Refused
