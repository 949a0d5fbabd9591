"""Where a host is."""

from __future__ import annotations

import ipaddress
import os
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

from memtide.errors import BadAddress


@dataclass(frozen=True)
class Unix:
    """A Unix socket of this machine."""

    path: Path

    def __str__(self) -> str:
        return str(self.path)


@dataclass(frozen=True)
class Tcp:
    """A TCP port."""

    name: str
    """A name or an address, the latter without brackets."""

    port: int

    tls: bool
    """Whether TLS is spoken there."""

    def __str__(self) -> str:
        name = f"[{self.name}]" if ":" in self.name else self.name
        return f"{'https' if self.tls else 'http'}://{name}:{self.port}"


Address = Unix | Tcp


def parse(text: str) -> Address:
    """Reads `unix:PATH`, a path, `http://NAME:PORT` on this machine, or `https://NAME:PORT`."""

    def bad(why: str) -> BadAddress:
        return BadAddress(f"'{text}' is no address of a host: {why}")

    if text.startswith("unix:"):
        return Unix(Path(text.removeprefix("unix:")))
    if "://" not in text:
        return Unix(Path(text))
    try:
        parts = urlsplit(text)
        port = parts.port
    except ValueError as error:
        raise bad(str(error)) from error
    if parts.scheme not in ("http", "https"):
        raise bad("it begins with unix:, http:// or https://")
    if parts.path not in ("", "/") or parts.netloc.endswith(":") or set("?#@") & set(text):
        raise bad("it ends with the port")
    name = parts.hostname or ""
    if not name or any(character.isspace() for character in text):
        raise bad("there is no name in it")
    tls = parts.scheme == "https"
    if not tls and not _is_here(name):
        raise bad("whoever is in between could read along; use https://")
    return Tcp(name, port if port is not None else 443 if tls else 80, tls)


def _is_here(name: str) -> bool:
    try:
        return name == "localhost" or ipaddress.ip_address(name).is_loopback
    except ValueError:
        return False


def usual() -> Unix:
    """Where a host listens unless it is told otherwise."""
    runtime = os.environ.get("XDG_RUNTIME_DIR")
    if runtime:
        return Unix(Path(runtime) / "memtide" / "host.socket")
    user = os.getuid()
    own = Path(f"/run/user/{user}")
    directory = own / "memtide" if own.is_dir() else Path(f"/tmp/memtide-{user}")  # noqa: S108
    return Unix(directory / "host.socket")
