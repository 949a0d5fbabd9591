"""Memtide's hosts from Python: `Memtide()` is the one that this user runs.

>>> from memtide import Memtide, MiB
>>> host = Memtide()                                    # doctest: +SKIP
>>> for vm in host.vms(power="running"):                # doctest: +SKIP
...     print(vm.name, vm.memory)
>>> host.set("web", limit_bytes=MiB(192))               # doctest: +SKIP
"""

from memtide import errors, types
from memtide.errors import (
    BadAddress,
    BrokenOff,
    Busy,
    Conflict,
    Invalid,
    MemtideError,
    NoRoom,
    NotAllowed,
    NotFound,
    OperationCancelled,
    OperationFailed,
    Refused,
    Strange,
    Unreachable,
    Untrusted,
    WrongState,
)
from memtide.host import Memtide, Revised, Said
from memtide.operations import Begun
from memtide.sizes import GiB, KiB, MiB, TiB, size, size_text
from memtide.stream import Message, Stream

__version__ = "0.1.0"

__all__ = [
    "BadAddress",
    "Begun",
    "BrokenOff",
    "Busy",
    "Conflict",
    "GiB",
    "Invalid",
    "KiB",
    "Memtide",
    "MemtideError",
    "Message",
    "MiB",
    "NoRoom",
    "NotAllowed",
    "NotFound",
    "OperationCancelled",
    "OperationFailed",
    "Refused",
    "Revised",
    "Said",
    "Strange",
    "Stream",
    "TiB",
    "Unreachable",
    "Untrusted",
    "WrongState",
    "errors",
    "size",
    "size_text",
    "types",
]
