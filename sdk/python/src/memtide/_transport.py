"""One request, one answer, over a connection of their own.

**Model.** A `Transport` is an address and, for TCP, a token. No connection is kept, so it may be used by several
threads, and a host that was started again is found again.

**Trust.** Over TLS, the certificate is checked before anything is sent: it has the fingerprint that was given, or
somebody whom this machine trusts vouches for it.
"""

from __future__ import annotations

import contextlib
import hashlib
import hmac
import json as json_text
import re
import socket
import ssl
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from http.client import HTTPConnection, HTTPException, HTTPResponse, HTTPSConnection
from typing import Any, Generic, TypeVar
from urllib.parse import quote, urlencode

from memtide import _json
from memtide.address import Address, Tcp, Unix
from memtide.errors import BadAddress, BrokenOff, MemtideError, Strange, Unreachable, Untrusted, refused
from memtide.types import Problem

T = TypeVar("T")
Read = TypeVar("Read", covariant=True)
Given = Mapping[str, str | int | bool | None]

MOST_ANSWER = 64 << 20
"""Longest answer that is read as a whole."""
REACH_SECONDS = 10.0
"""How long it may take to reach a host."""
ANSWER_SECONDS = 130.0
"""How long a host may be silent. It answers within two minutes, if only to say that it is late."""
ALIVE_SECONDS = 30.0
"""How long a stream may be silent: it says every ten seconds that it lives."""


@dataclass(frozen=True)
class Answer(Generic[Read]):
    """What a host answers."""

    value: Read
    headers: Mapping[str, str]
    """By name, in small letters."""

    @property
    def revision(self) -> str:
        """What is to be said by who wants to change this only as it is."""
        try:
            return self.headers["etag"]
        except KeyError:
            raise Strange("the host's answer has no header etag") from None


class Lines:
    """An answer without end, line by line."""

    def __init__(self, connection: HTTPConnection, response: HTTPResponse) -> None:
        self._connection, self._response = connection, response

    def __iter__(self) -> Iterator[str]:
        try:
            while line := self._response.readline(MOST_ANSWER):
                yield line.decode().rstrip("\r\n")
        except (OSError, HTTPException, AttributeError, ValueError) as error:
            # What another thread closes meanwhile has no file any more, or a closed one.
            raise BrokenOff(f"the host broke off: {error}") from error

    def close(self) -> None:
        """Ends it, also for a thread that waits for a line."""
        if self._connection.sock:
            # Closing alone would not wake who reads.
            with contextlib.suppress(OSError):
                self._connection.sock.shutdown(socket.SHUT_RDWR)
        self._response.close()
        self._connection.close()


def part(value: str | int) -> str:
    """A name as one part of a path."""
    return quote(str(value), safe="")


class Transport:
    """Asks the host at an address."""

    def __init__(self, address: Address, token: str | None = None, fingerprint: str | None = None) -> None:
        self.address = address
        self._token = token
        self._fingerprint = _digest(fingerprint) if fingerprint else None

    def json(self, kind: type[T], method: str, path: str, **asked: Any) -> Answer[T]:
        """The answer, read as a type."""
        return self._ask(lambda body: _json.read(kind, body), method, path, **asked)

    def document(self, method: str, path: str, **asked: Any) -> Answer[dict[str, Any]]:
        """The answer as JSON."""
        return self._ask(lambda body: _json.read(dict[str, Any], body), method, path, **asked)

    def text(self, method: str, path: str, **asked: Any) -> Answer[str]:
        """The answer as text."""
        return self._ask(bytes.decode, method, path, **asked)

    def octets(self, method: str, path: str, **asked: Any) -> Answer[bytes]:
        """The answer as it is."""
        return self._ask(lambda body: body, method, path, **asked)

    def nothing(self, method: str, path: str, **asked: Any) -> Answer[None]:
        """That it is done."""
        return self._ask(lambda _body: None, method, path, **asked)

    def lines(self, method: str, path: str, **asked: Any) -> Lines:
        """The answer as it comes."""
        connection, response = self._send(method, path, **asked)
        if connection.sock:
            connection.sock.settimeout(ALIVE_SECONDS)
        return Lines(connection, response)

    def _ask(self, read: Any, method: str, path: str, **asked: Any) -> Answer[Any]:
        connection, response = self._send(method, path, **asked)
        try:
            body = _whole(response)
            headers = {name.lower(): value for name, value in response.getheaders()}
        finally:
            connection.close()
        return Answer(read(body), headers)

    def _send(
        self,
        method: str,
        path: str,
        *,
        query: Given | None = None,
        header: Given | None = None,
        json: Any = None,
        content: bytes | None = None,
    ) -> tuple[HTTPConnection, HTTPResponse]:
        """Sends a request and gives the head of a good answer; a bad one is raised."""
        pairs, headers = _texts(query), _texts(header)
        if self._token:
            headers["authorization"] = f"Bearer {self._token}"
        if json is not None:
            content, headers["content-type"] = json_text.dumps(json).encode(), "application/json"
        elif content is not None:
            headers["content-type"] = "application/octet-stream"
        connection = self._connect()
        try:
            connection.request(method, f"{path}?{urlencode(pairs)}" if pairs else path, content, headers)
            response = connection.getresponse()
            if not 200 <= response.status < 300:
                raise _refused(response)
        except (OSError, HTTPException) as error:
            connection.close()
            raise BrokenOff(f"the host broke off: {error}") from error
        except BaseException:
            connection.close()
            raise
        return connection, response

    def _connect(self) -> HTTPConnection:
        connection = self._connection()
        try:
            connection.connect()
            connection.sock.settimeout(ANSWER_SECONDS)
        except ssl.SSLCertVerificationError as error:
            connection.close()
            raise self._untrusted(error.verify_message) from error
        except MemtideError:
            connection.close()
            raise
        except OSError as error:
            connection.close()
            raise Unreachable(
                f"no host answers at '{self.address}': {error.strerror or error}",
                "'memtide host --machine-memory SIZE' runs one; MEMTIDE_HOST says where it listens",
            ) from error
        return connection

    def _connection(self) -> HTTPConnection:
        match self.address:
            case Unix(path):
                return _UnixConnection(str(path))
            case Tcp(name, port, tls=False):
                return HTTPConnection(name, port, timeout=REACH_SECONDS)
            case Tcp(name, port):
                context = ssl.create_default_context()
                context.minimum_version = ssl.TLSVersion.TLSv1_3
                if self._fingerprint is None:
                    return HTTPSConnection(name, port, timeout=REACH_SECONDS, context=context)
                # A fingerprint says which certificate exactly, so that neither its name nor its dates matter.
                context.check_hostname = False
                context.verify_mode = ssl.CERT_NONE
                return _PinnedConnection(self, name, port, context)

    def _untrusted(self, why: str) -> Untrusted:
        return Untrusted(
            f"the certificate at '{self.address}' is not to be trusted: {why}",
            "MEMTIDE_FINGERPRINT is what the host printed when it started, if that is the host",
        )

    def check(self, certificate: bytes | None) -> None:
        """Refuses a certificate that has another fingerprint."""
        digest = hashlib.sha256(certificate or b"").digest()
        if self._fingerprint is None or not hmac.compare_digest(digest, self._fingerprint):
            raise self._untrusted(f"its fingerprint is {digest.hex()}")


class _UnixConnection(HTTPConnection):
    def __init__(self, path: str) -> None:
        super().__init__("localhost", timeout=REACH_SECONDS)
        self._path = path

    def connect(self) -> None:
        self.sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self.sock.settimeout(REACH_SECONDS)
        self.sock.connect(self._path)


class _PinnedConnection(HTTPSConnection):
    def __init__(self, transport: Transport, name: str, port: int, context: ssl.SSLContext) -> None:
        super().__init__(name, port, timeout=REACH_SECONDS, context=context)
        self._transport = transport

    def connect(self) -> None:
        super().connect()
        assert isinstance(self.sock, ssl.SSLSocket)
        self._transport.check(self.sock.getpeercert(binary_form=True))


def _texts(given: Given | None) -> dict[str, str]:
    """What is given, as it is written in queries and headers."""
    some = {name: value for name, value in (given or {}).items() if value is not None}
    return {name: str(value).lower() if isinstance(value, bool) else str(value) for name, value in some.items()}


def _digest(fingerprint: str) -> bytes:
    digits = fingerprint.replace(":", "")
    if not re.fullmatch("[0-9a-fA-F]{64}", digits):
        raise BadAddress(f"'{fingerprint}' is no fingerprint: it has 64 hexadecimal digits")
    return bytes.fromhex(digits)


def _whole(response: HTTPResponse) -> bytes:
    try:
        body = response.read(MOST_ANSWER + 1)
    except (OSError, HTTPException) as error:
        raise BrokenOff(f"the host broke off: {error}") from error
    if response.length and len(body) <= MOST_ANSWER:
        raise BrokenOff(f"the host broke off, {response.length} bytes before the end of its answer")
    if len(body) > MOST_ANSWER:
        raise Strange(f"the host's answer is longer than {MOST_ANSWER} bytes")
    return body


def _refused(response: HTTPResponse) -> MemtideError:
    body = _whole(response)
    try:
        return refused(response.status, _json.read(Problem, body))
    except Strange:
        return Strange(f"the host answers {response.status}: {body[:500].decode(errors='replace')}")
