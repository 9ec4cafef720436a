"""What identifies a Python function: its source, closure and defaults.

Two functions with the same digest do the same; the same text gives the same digest in every
process, also for lambdas typed into a notebook cell. Comments and layout do not count.
"""

from __future__ import annotations

import ast
import dis
import functools
import hashlib
import inspect
import json
import sys
import types
from collections.abc import Mapping, Sequence, Set
from dataclasses import fields, is_dataclass
from pathlib import PurePath
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

__all__ = ["source_digest"]

_DEPTH = 6
"""How deep values and functions inside one another are followed."""


def source_digest(function: Callable[..., Any]) -> dict[str, str]:
    """Identify a function.

    Parameters
    ----------
    function
        A function, lambda, method, ``functools.partial``, class, built-in, or an object that can
        be called.

    Returns
    -------
    dict
        ``name``: for people, ``"<lambda>"`` included. ``digest``: SHA-256, 64 hexadecimal
        digits, over source, defaults, closure, and the numbers, texts, arrays, collections of
        these, and functions of its own module that it refers to. ``by``: ``"source"``, or
        ``"bytecode"`` where there is no source to look at (then the digest holds for one minor
        version of Python alone).

    Notes
    -----
    Objects that have no stable content (open files, generators, instances of foreign classes) count
    with their type alone.
    """
    walk = _Walk()
    tree = walk.value(function, _DEPTH)
    text = json.dumps(tree, sort_keys=True, separators=(",", ":"))
    return {
        "name": _name(function),
        "digest": hashlib.sha256(text.encode()).hexdigest(),
        "by": "bytecode" if walk.without_source else "source",
    }


def _name(function: Any) -> str:
    if isinstance(function, functools.partial):
        return _name(function.func)
    name = getattr(function, "__qualname__", None) or type(function).__qualname__
    return str(name).rsplit("<locals>.", 1)[-1]


class _Walk:
    """One pass over a function and what it holds."""

    def __init__(self) -> None:
        self.without_source = False
        self._open: set[int] = set()

    def value(self, value: Any, depth: int) -> Any:
        """Give JSON that stands for a value."""
        if value is None or isinstance(value, bool | int | str):
            return value if not isinstance(value, int) or isinstance(value, bool) else f"i{value}"
        if isinstance(value, float):
            return f"f{value!r}"
        if depth == 0 or id(value) in self._open:
            return ["...", type(value).__qualname__]
        self._open.add(id(value))
        try:
            return self._container(value, depth - 1)
        finally:
            self._open.discard(id(value))

    def _container(self, value: Any, depth: int) -> Any:
        kind = type(value).__qualname__
        if isinstance(value, complex | bytes | PurePath | range | slice | np.dtype):
            return [kind, repr(value)]
        if isinstance(value, np.ndarray | np.generic):
            array = np.asarray(value)
            if array.dtype.hasobject:
                return [kind, [self.value(v, depth) for v in array.ravel().tolist()]]
            data = hashlib.sha256(np.ascontiguousarray(array).tobytes()).hexdigest()
            return [kind, array.dtype.str, list(array.shape), data]
        if isinstance(value, types.FunctionType):
            return self._function(value, depth)
        if isinstance(value, types.MethodType):
            return [kind, self.value(value.__self__, depth), self.value(value.__func__, depth)]
        if isinstance(value, functools.partial):
            parts = (value.func, value.args, dict(value.keywords))
            return [kind, [self.value(p, depth) for p in parts]]
        if isinstance(value, types.ModuleType):
            return ["module", value.__name__]
        if isinstance(value, type):
            return self._class(value, depth)
        if isinstance(value, types.BuiltinFunctionType | np.ufunc):
            return [kind, str(getattr(value, "__module__", "")), value.__name__]
        if isinstance(value, Mapping):
            items = [[self.value(k, depth), self.value(v, depth)] for k, v in value.items()]
            return [kind, sorted(items, key=json.dumps)]
        if isinstance(value, Set):
            return [kind, sorted((self.value(v, depth) for v in value), key=json.dumps)]
        if isinstance(value, Sequence):
            return [kind, [self.value(v, depth) for v in value]]
        return self._instance(value, depth)

    def _instance(self, value: Any, depth: int) -> Any:
        kind = type(value)
        state: dict[str, Any] = {}
        if is_dataclass(value):
            state = {f.name: getattr(value, f.name) for f in fields(value)}
        elif _is_users(kind.__module__):
            state = dict(getattr(value, "__dict__", {}))
        held = [[name, self.value(v, depth)] for name, v in sorted(state.items())]
        return ["object", self._class(kind, depth), held]

    def _class(self, value: type, depth: int) -> Any:
        methods = []
        if _is_users(value.__module__):
            methods = [
                [name, self.value(member, depth)]
                for name, member in sorted(vars(value).items())
                if isinstance(member, types.FunctionType) and not name.startswith("__r")
            ]
        module = "" if _is_users(value.__module__) else value.__module__
        return ["class", module, value.__qualname__, methods]

    def _function(self, function: types.FunctionType, depth: int) -> Any:
        if not _is_users(function.__module__):
            return ["function", function.__module__, function.__qualname__]
        body = _source(function)
        if body is None:
            self.without_source = True
            version = f"{sys.version_info.major}.{sys.version_info.minor}"
            body = json.dumps([version, _bytecode(function.__code__)])
        closure = inspect.getclosurevars(function) if depth else None
        held = sorted(closure.nonlocals.items()) if closure else []
        space = function.__globals__
        names = _globals_of(function.__code__) if depth else set()
        referred = [(name, space[name]) for name in sorted(names) if name in space]
        return [
            "function",
            body,
            [self.value(d, depth) for d in function.__defaults__ or ()],
            self.value(dict(function.__kwdefaults__ or {}), depth),
            [[name, self.value(v, depth)] for name, v in held],
            [[name, self.value(v, depth)] for name, v in referred if _is_constant(v)],
        ]


def _is_users(module: str | None) -> bool:
    """Say whether a module is the user's own rather than of an installed package."""
    if module in {None, "__main__", "__mp_main__"}:
        return True
    path = getattr(sys.modules.get(str(module)), "__file__", None)
    if path is None:
        return str(module) not in sys.builtin_module_names
    parts = PurePath(path).parts
    installed = "site-packages" in parts or "dist-packages" in parts
    standard = path.startswith((sys.base_prefix + "/lib", sys.base_prefix + "\\Lib"))
    return not (installed or standard)


def _globals_of(code: types.CodeType) -> set[str]:
    """Names that a function looks up in its module, generators and functions in it included."""
    return {
        str(i.argval)
        for inner in _codes(code)
        for i in dis.get_instructions(inner)
        if i.opname in {"LOAD_GLOBAL", "LOAD_NAME"}
    }


def _is_constant(value: Any, depth: int = _DEPTH) -> bool:
    """Say whether a global counts: what a module's author sets once."""
    if isinstance(value, types.FunctionType):
        return _is_users(value.__module__)
    if isinstance(value, tuple | list | set | frozenset | dict):
        held = value.items() if isinstance(value, dict) else value
        return depth > 0 and all(_is_constant(v, depth - 1) for v in held)
    plain = bool | int | float | complex | str | bytes | np.ndarray | np.generic
    return value is None or isinstance(value, plain)


def _source(function: types.FunctionType) -> str | None:
    """Give the function's own source, normalised; None where there is none that fits."""
    try:
        lines, _ = inspect.findsource(function)
        text = "".join(lines)
        tree = ast.parse(text)
    except (OSError, TypeError, SyntaxError, ValueError):
        return None
    code = function.__code__
    found: list[Any] = [node for node in ast.walk(tree) if _begins(node, code)]
    if len(found) > 1:
        found = [node for node in found if _holds(node, code)]
        # Of lambdas inside one another the innermost that holds the code is the function.
        found.sort(key=lambda node: (-node.lineno, -node.col_offset))
    if not found:
        return None
    node = found[0]
    if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
        # The name is not what it does, and decorators are seen in what they return.
        node.name = "f"
        node.decorator_list = []
    node_text = ast.unparse(node)
    return node_text if _fits(text, code) else None


def _begins(node: Any, code: types.CodeType) -> bool:
    if isinstance(node, ast.Lambda):
        return code.co_name == "<lambda>" and node.lineno == code.co_firstlineno
    if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
        line = min([node.lineno, *(d.lineno for d in node.decorator_list)])
        return node.name == code.co_name and line == code.co_firstlineno
    return False


def _holds(node: Any, code: types.CodeType) -> bool:
    columns = [
        (line, column)
        for line, _, column, end in code.co_positions()
        if line is not None and column is not None and (column, end) != (0, 0)
    ]
    start, end = (node.lineno, node.col_offset), (node.end_lineno, node.end_col_offset)
    return all(start <= place < end for place in columns)


def _fits(text: str, code: types.CodeType) -> bool:
    """Say whether a text still compiles to this code: a file may have been edited since."""
    try:
        module = compile(text, code.co_filename, "exec", dont_inherit=True)
    except (SyntaxError, ValueError):
        return False
    return any(
        c.co_name == code.co_name
        and c.co_firstlineno == code.co_firstlineno
        and c.co_code == code.co_code
        and c.co_names == code.co_names
        for c in _codes(module)
    )


def _codes(code: types.CodeType) -> Iterator[types.CodeType]:
    yield code
    for constant in code.co_consts:
        if isinstance(constant, types.CodeType):
            yield from _codes(constant)


def _bytecode(code: types.CodeType) -> list[Any]:
    constants = [
        _bytecode(c)
        if isinstance(c, types.CodeType)
        else sorted(map(repr, c))
        if isinstance(c, frozenset)
        else repr(c)
        for c in code.co_consts
    ]
    return [code.co_code.hex(), constants, code.co_names, code.co_varnames, code.co_freevars]
