"""The shared library of ngspice: where it is, and its functions through ctypes."""

from __future__ import annotations

import ctypes
import ctypes.util
import functools
import os
import re
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

__all__ = ["INSTALL", "Library", "Vector", "find_library", "library_version"]

INSTALL = "apt-get install libngspice0"
"""Command that installs it on Debian and Ubuntu."""

_USUAL = (
    "/usr/lib/*/libngspice.so*",
    "/usr/lib64/libngspice.so*",
    "/usr/lib/libngspice.so*",
    "/usr/local/lib*/libngspice.so*",
    "/opt/homebrew/lib/libngspice*.dylib",
    "/usr/local/lib/libngspice*.dylib",
)


def find_library() -> str | None:
    """Path of the shared library, or None.

    ``NGSPICE_LIBRARY_PATH`` comes first and, when set, is the only place looked at; then what
    the dynamic linker knows; then the environment's own and the usual directories.
    """
    told = os.environ.get("NGSPICE_LIBRARY_PATH")
    if told:
        return told if Path(told).is_file() else None
    prefix = os.environ.get("CONDA_PREFIX")
    own = (f"{prefix}/lib/libngspice.so*",) if prefix else ()
    for pattern in (*own, *_USUAL):
        found = sorted(Path("/").glob(pattern.lstrip("/")))
        if found:
            return str(found[0])
    return ctypes.util.find_library("ngspice")


_ASK = """
import ctypes, re, sys
said = []
shape = ctypes.CFUNCTYPE(ctypes.c_int, ctypes.c_char_p, ctypes.c_int, ctypes.c_void_p)
hear = shape(lambda text, ident, data: said.append(text) or 0)
ctypes.CDLL(sys.argv[1]).ngSpice_Init(hear, None, None, None, None, None, None)
print(re.search(r"ngspice-([0-9.]+[+]?)", b" ".join(said).decode()).group(1))
"""


@functools.lru_cache(maxsize=8)
def library_version(path: str) -> str:
    """Version of a library, ``"39.3"`` or ``"39"``, without loading it into this process.

    Debian's package knows it exactly; any other library is asked in a process of its own.
    ``"unknown"`` when it cannot be loaded there.
    """
    if path.startswith(("/usr/lib/", "/lib/")):
        packaged = _debian_version()
        if packaged:
            return packaged
    try:
        with tempfile.TemporaryDirectory() as empty:
            asked = subprocess.run(
                [sys.executable, "-I", "-c", _ASK, path],
                capture_output=True,
                text=True,
                timeout=60,
                cwd=empty,
                env={**os.environ, "HOME": empty},
                check=False,
            )
    except (OSError, subprocess.TimeoutExpired):
        return "unknown"
    return asked.stdout.strip().splitlines()[-1] if asked.stdout.strip() else "unknown"


def _debian_version() -> str:
    try:
        status = Path("/var/lib/dpkg/status").read_text(encoding="utf-8", errors="replace")
    except OSError:
        return ""
    match = re.search(
        r"^Package: libngspice0\nStatus: install ok installed\n(?:.+\n)*?Version: ([\d.]+)",
        status,
        re.MULTILINE,
    )
    return match.group(1) if match else ""


class Vector(ctypes.Structure):
    """``vector_info`` of sharedspice.h."""

    _fields_: ClassVar = [
        ("name", ctypes.c_char_p),
        ("type", ctypes.c_int),
        ("flags", ctypes.c_short),
        ("real", ctypes.c_void_p),
        ("complex", ctypes.c_void_p),
        ("length", ctypes.c_int),
    ]

    name: bytes
    type: int
    flags: int
    real: int | None
    complex: int | None
    length: int


_PRINT = ctypes.CFUNCTYPE(ctypes.c_int, ctypes.c_char_p, ctypes.c_int, ctypes.c_void_p)
_EXIT = ctypes.CFUNCTYPE(
    ctypes.c_int, ctypes.c_int, ctypes.c_bool, ctypes.c_bool, ctypes.c_int, ctypes.c_void_p
)


class Library:
    """libngspice, loaded into this process. There can be one only.

    Parameters
    ----------
    path
        The shared library.
    on_print
        Called with each line the engine prints, as ``b"stdout ..."`` or ``b"stderr ..."``, and two
        more arguments that mean nothing here; has to give 0.
    on_exit
        Called with True when a ``quit`` asks this process to end, False when an error does.
    """

    def __init__(
        self,
        path: str,
        on_print: Callable[[bytes, int, object], int],
        on_exit: Callable[[bool], None],
    ) -> None:
        def ended(_status: int, _now: bool, asked: bool, _ident: int, _data: object) -> int:
            on_exit(asked)
            return 0

        self._callbacks = (_PRINT(on_print), _EXIT(ended))  # must outlive the library
        lib = ctypes.CDLL(path)
        lib.ngSpice_Command.argtypes = [ctypes.c_char_p]
        lib.ngSpice_CurPlot.restype = ctypes.c_char_p
        lib.ngSpice_AllPlots.restype = ctypes.POINTER(ctypes.c_char_p)
        lib.ngSpice_AllVecs.restype = ctypes.POINTER(ctypes.c_char_p)
        lib.ngSpice_AllVecs.argtypes = [ctypes.c_char_p]
        lib.ngGet_Vec_Info.restype = ctypes.POINTER(Vector)
        lib.ngGet_Vec_Info.argtypes = [ctypes.c_char_p]
        self._lib = lib
        self.command: Callable[[bytes | None], int] = lib.ngSpice_Command
        # No status callback: it would be called at every time step to tell a percentage.
        lib.ngSpice_Init(self._callbacks[0], None, self._callbacks[1], None, None, None, None)

    def circuit(self, lines: Sequence[bytes]) -> None:
        """Load a netlist; what went wrong stands in the printed lines only."""
        array = (ctypes.c_char_p * (len(lines) + 1))(*lines, None)
        self._lib.ngSpice_Circ(array)

    def plot(self) -> bytes:
        """Name of the current plot; ``b"const"`` when there is no result."""
        return self._lib.ngSpice_CurPlot() or b""

    def plots(self) -> list[bytes]:
        """Names of all plots, newest first, without ``const``."""
        return [name for name in _strings(self._lib.ngSpice_AllPlots()) if name != b"const"]

    def names(self, plot: bytes) -> list[bytes]:
        """Names of the vectors of a plot."""
        return _strings(self._lib.ngSpice_AllVecs(plot))

    def vector(self, name: bytes) -> Vector | None:
        """Look a vector up by ``plot.name``; valid until the next call into the library."""
        found = self._lib.ngGet_Vec_Info(name)
        return found.contents if found else None


def _strings(array: ctypes._Pointer[ctypes.c_char_p]) -> list[bytes]:
    found: list[bytes] = []
    if not array:
        return found
    while (text := array[len(found)]) is not None:
        found.append(text)
    return found
