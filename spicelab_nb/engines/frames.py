"""Messages between an engine and its host process: a length, then marshalled built-ins.

``marshal`` is the fastest of the standard library for tuples of bytes and numbers, and both ends
are always the same Python, started by one from the other; nothing of it is ever stored.
"""

from __future__ import annotations

import marshal
import os
import struct
from typing import Any

__all__ = [
    "HEADER",
    "IDLE",
    "LOADING",
    "PROGRESS",
    "QUIT",
    "pack",
    "read_frame",
    "unpack",
    "write_frame",
]

HEADER = struct.Struct("<Q")
PROGRESS = struct.Struct("<q")
"""What a host writes into shared memory: the point of the message it is at, or one of these."""
LOADING, IDLE = -1, -2
QUIT = 70
"""Exit status of a host that a deck told to end."""


def pack(message: Any) -> bytes:
    """Turn a tree of tuples, lists, dicts, str, bytes and numbers into one frame."""
    body = marshal.dumps(message)
    return HEADER.pack(len(body)) + body


def unpack(body: bytes | memoryview) -> Any:
    """Turn the body of a frame back into what :func:`pack` was given."""
    return marshal.loads(body)  # noqa: S302 - our own child process wrote it


def write_frame(fd: int, message: Any) -> None:
    """Write one message to a blocking pipe."""
    view = memoryview(pack(message))
    while view:
        view = view[os.write(fd, view) :]


def read_frame(fd: int) -> Any:
    """Read one message from a blocking pipe.

    Raises
    ------
    EOFError
        The other end has gone.
    """
    (size,) = HEADER.unpack(_read(fd, HEADER.size))
    return unpack(_read(fd, size))


def _read(fd: int, size: int) -> bytes:
    parts = []
    while size:
        part = os.read(fd, min(size, 1 << 20))
        if not part:
            raise EOFError
        parts.append(part)
        size -= len(part)
    return b"".join(parts)
