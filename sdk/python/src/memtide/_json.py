"""Reads what a host answers into the dataclasses of `memtide.types`.

Later versions may add fields, words and kinds of events: fields that are not known are left out, words are taken as
they are, and of a kind that is not known there is what all kinds have.
"""

from __future__ import annotations

import dataclasses
import json
import types as python_types
from collections.abc import Callable
from functools import cache
from typing import Any, Literal, TypeVar, Union, get_args, get_origin, get_type_hints

from memtide.errors import Strange
from memtide.types import VARIANTS

T = TypeVar("T")
Reader = Callable[[Any], Any]


class _Mismatch(Exception):
    """Where a value is not what it should be, innermost first, and why."""

    def __init__(self, why: str) -> None:
        super().__init__(why)
        self.why, self.where = why, list[str]()


def read(kind: type[T], text: bytes | str) -> T:
    """JSON as a value of a type."""
    try:
        return of(kind, json.loads(text))
    except ValueError as error:
        raise Strange(f"the host's answer is no JSON: {error}") from error


def of(kind: type[T], value: Any) -> T:
    """What JSON became, as a value of a type."""
    try:
        read: T = _reader(kind)(value)
    except _Mismatch as mismatch:
        where = ".".join(reversed(mismatch.where)) or "all of it"
        raise Strange(
            f"the host's answer is not understood: {where} {mismatch.why}", "is the host of an older version?"
        ) from mismatch
    return read


def _reader(kind: Any) -> Reader:
    """Made once for each type."""
    return _made(kind)


@cache
def _made(kind: Any) -> Reader:
    if kind in VARIANTS:
        return _variant(kind)
    if dataclasses.is_dataclass(kind):
        return _object(kind)
    origin, inner = get_origin(kind), get_args(kind)
    if origin in (Union, python_types.UnionType):
        return _first_of([_reader(one) for one in inner])
    if origin is Literal:
        return _scalar(str, "no word")
    if origin is list:
        return _list(_reader(inner[0]))
    if origin is dict:
        return _dict(_reader(inner[1]))
    if kind is float:
        return _number
    if kind is int:
        return _whole_number
    if kind in (str, bool, type(None)):
        return _scalar(kind, f"no {kind.__name__}")
    if kind is Any:
        return lambda value: value
    raise TypeError(f"{kind} is none of the types that answers have")


def _variant(base: type) -> Reader:
    tag, variants = VARIANTS[base]
    plain = _object(base)

    def read(value: Any) -> Any:
        kind = variants.get(str(value.get(tag))) if isinstance(value, dict) else None
        return (_reader(kind) if kind else plain)(value)

    return read


def _object(kind: Any) -> Reader:
    hints = get_type_hints(kind)
    fields = [
        (field.name, field.name.removesuffix("_"), _reader(hints[field.name]), field.default is dataclasses.MISSING)
        for field in dataclasses.fields(kind)
    ]

    def read(value: Any) -> Any:
        if not isinstance(value, dict):
            raise _Mismatch("is no object")
        given = {}
        for name, key, reader, required in fields:
            if key in value:
                given[name] = _inside(key, reader, value[key])
            elif required:
                raise _Mismatch(f"has no {key}")
        return kind(**given)

    return read


def _list(reader: Reader) -> Reader:
    def read(value: Any) -> Any:
        if not isinstance(value, list):
            raise _Mismatch("is no list")
        return [_inside(str(index), reader, item) for index, item in enumerate(value)]

    return read


def _dict(reader: Reader) -> Reader:
    def read(value: Any) -> Any:
        if not isinstance(value, dict):
            raise _Mismatch("is no object")
        return {key: _inside(key, reader, item) for key, item in value.items()}

    return read


def _inside(key: str, reader: Reader, value: Any) -> Any:
    try:
        return reader(value)
    except _Mismatch as mismatch:
        mismatch.where.append(key)
        raise


def _first_of(readers: list[Reader]) -> Reader:
    def read(value: Any) -> Any:
        for reader in readers[:-1]:
            try:
                return reader(value)
            except _Mismatch:
                continue
        return readers[-1](value)

    # Null is quickly tried, and its mismatch tells nothing.
    readers.sort(key=lambda reader: reader is not _reader(type(None)))
    return read


def _scalar(kind: type, why: str) -> Reader:
    def read(value: Any) -> Any:
        if not isinstance(value, kind):
            raise _Mismatch(f"is {why}")
        return value

    return read


def _number(value: Any) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise _Mismatch("is no number")
    return float(value)


def _whole_number(value: Any) -> int:
    if isinstance(value, bool) or not isinstance(value, int):
        raise _Mismatch("is no whole number")
    return value
