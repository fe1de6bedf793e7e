"""Pickled functions for other processes: checked when sent, loaded once there.

cloudpickle can pickle what plain pickle cannot: lambdas, functions of a notebook, and
the data that they captured. Unpickling runs code. So only processes of the user who
pickled a function load it, and only if its digest is right.
"""

import pickle
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from hashlib import sha256
from importlib import import_module
from threading import Lock
from types import BuiltinFunctionType, FunctionType, MethodType
from typing import Any

from secant.errors import InvalidInput, SecantError, short_repr

_cloudpickle: Any = import_module("cloudpickle")  # has no types


def dumps(value: object) -> bytes:
    """`value` as cloudpickle's bytes; any error passes through."""
    return _cloudpickle.dumps(value)


@dataclass(frozen=True)
class PickledFunction:
    """A function and the data that it captured: bytes, and their SHA-256."""

    data: bytes
    digest: str


def serialize(f: Callable[..., Any]) -> PickledFunction:
    """`f` as bytes that can be loaded again.

    Raises:
        InvalidInput: `f` holds something that cannot leave this process, such as an
            open file, a lock or a thread.

    Example:
        >>> import threading
        >>> lock = threading.Lock()
        >>> serialize(lambda x: x if lock.locked() else -x)
        Traceback (most recent call last):
        secant.errors.InvalidInput: f cannot be sent to other processes: `lock`, a ...
    """
    data = to_bytes(f)
    try:
        pickle.loads(data)
    except Exception as error:
        raise InvalidInput(
            f"f can be pickled but not unpickled: {_reason(error)}. Look for a class "
            "whose __reduce__ or __setstate__ fails, or leave out workers"
        ) from error
    return PickledFunction(data, sha256(data).hexdigest())


def to_bytes(f: object) -> bytes:
    """`f` as cloudpickle's bytes.

    Raises:
        InvalidInput: It cannot be pickled; the message names the part.
    """
    try:
        return dumps(f)
    except InvalidInput:
        raise
    except Exception as error:
        name, value = _unpicklable_part("f", f)
        what = f"`{name}`, a {type(value).__name__}," if name != "f" else short_repr(f)
        raise InvalidInput(
            f"f cannot be sent to other processes: {what} cannot be pickled "
            f"({_reason(error)}). Make it inside of f, or pass what it is made from (a "
            "path in place of an open file), or leave out workers"
        ) from error


_lock = Lock()
_last: tuple[str, Callable[..., Any]] | None = None


def deserialize_cached(digest: str, read: Callable[[], bytes]) -> Callable[..., Any]:
    """A pickled function, whose bytes are read only if it is not the last one loaded.

    Only one function is kept, because the data that it captured may be large.

    Args:
        digest: Of the pickled function.
        read: Returns its bytes.

    Raises:
        SecantError: The bytes are not those that were sent, or this process lacks
            something that the function needs.
    """
    global _last
    # Held while loading, so that the threads of one worker load a function once.
    with _lock:
        if _last is None or _last[0] != digest:
            data = read()
            if sha256(data).hexdigest() != digest:
                raise SecantError(
                    "a worker found another function than the one that was sent to it: "
                    "look for what writes to the folder of temporary files"
                )
            _last = digest, deserialize(data)
        return _last[1]


def deserialize(data: bytes) -> Any:
    """The value of cloudpickle's bytes.

    Raises:
        SecantError: This process lacks something that the value needs.
    """
    try:
        return pickle.loads(data)
    except Exception as error:
        raise SecantError(
            f"a worker cannot load f: {_reason(error)}. A module that f imports "
            "must be importable there too: install it, or send it along with "
            "cloudpickle.register_pickle_by_value(module)"
        ) from None


def _reason(error: Exception) -> str:
    return f"{type(error).__name__}: {first_line(str(error))}"


def first_line(text: str) -> str:
    """The first line, cut to fit into a sentence."""
    line = text.strip().partition("\n")[0]
    return line if len(line) <= 120 else f"{line[:117]}..."


def _unpicklable_part(name: str, value: object, depth: int = 4) -> tuple[str, object]:
    """The innermost named part of `value` that cannot be pickled."""
    for part, inner in _parts(value) if depth else ():
        try:
            dumps(inner)
        except Exception:
            return _unpicklable_part(part, inner, depth - 1)
    return name, value


def _parts(value: Any) -> Iterator[tuple[str, object]]:
    """The parts of a function or an object, by the names that its author gave."""
    if isinstance(value, FunctionType):
        for name, cell in zip(
            value.__code__.co_freevars, value.__closure__ or (), strict=True
        ):
            try:
                yield name, cell.cell_contents
            except ValueError:  # a name that has no value yet
                continue
        for name in value.__code__.co_names:
            if name in value.__globals__:
                yield name, value.__globals__[name]
        for default in value.__defaults__ or ():
            yield "a default of f", default
    elif _is(value, partial):
        yield "the function of the partial", value.func
        yield from (
            (f"argument {i} of the partial", a) for i, a in enumerate(value.args)
        )
        yield from value.keywords.items()
    elif isinstance(value, MethodType | BuiltinFunctionType):
        yield "self", value.__self__
    elif _is(value, dict):
        yield from ((f"[{short_repr(key)}]", inner) for key, inner in value.items())
    elif _is(value, list, tuple):
        yield from ((f"[{i}]", inner) for i, inner in enumerate(value))
    else:
        fields = getattr(value, "__dict__", {})
        yield from ((f"self.{key}", inner) for key, inner in fields.items())


def _is(value: object, *kinds: type) -> bool:
    return isinstance(value, kinds)
