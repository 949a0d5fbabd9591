"""Sizes as people write them. The host counts in bytes, so all of this gives and takes bytes."""

from __future__ import annotations

import re
from fractions import Fraction

PAGE = 4096
"""Bytes of a page; controls are whole pages."""

_UNITS = {"": 0, "b": 0, "k": 10, "m": 20, "g": 30, "t": 40}


def KiB(count: float) -> int:  # noqa: N802
    """That many kibibytes."""
    return int(count * (1 << 10))


def MiB(count: float) -> int:  # noqa: N802
    """That many mebibytes."""
    return int(count * (1 << 20))


def GiB(count: float) -> int:  # noqa: N802
    """That many gibibytes."""
    return int(count * (1 << 30))


def TiB(count: float) -> int:  # noqa: N802
    """That many tebibytes."""
    return int(count * (1 << 40))


def size(text: str, of: int | None = None) -> int:
    """Reads `512MiB`, `2G`, `1.5 GiB`, `65536` or, of something, `50%`, which is whole pages.

    >>> size("512MiB")
    536870912
    >>> size("50%", of=MiB(256)) == MiB(128)
    True

    Raises ValueError for what is none.
    """
    match = re.fullmatch(r"\s*([0-9]+(?:\.[0-9]+)?)\s*(%|[a-zA-Z]*)\s*", text)
    if not match:
        raise ValueError(f"'{text}' is no size; write 512MiB" + ("" if of is None else " or 50%"))
    number, unit = Fraction(match[1]), match[2].lower()
    if unit == "%":
        if of is None:
            raise ValueError(f"'{text}' is a part, and of nothing")
        return int(number * of / 100) // PAGE * PAGE
    letter = unit.removesuffix("ib") if len(unit) == 3 else unit.removesuffix("b")
    if letter not in _UNITS:
        raise ValueError(f"'{text}' is no size: its unit is none of B, KiB, MiB, GiB, TiB")
    return int(number * (1 << _UNITS[letter]))


def size_text(count: float) -> str:
    """Bytes for people, in the largest unit that leaves a whole number before the point.

    >>> size_text(MiB(1536))
    '1.5 GiB'
    """
    for unit, shift in [("TiB", 40), ("GiB", 30), ("MiB", 20), ("KiB", 10)]:
        if abs(count) >= 1 << shift:
            return f"{count / (1 << shift):.1f}".removesuffix(".0") + f" {unit}"
    return f"{count:.0f} B"
