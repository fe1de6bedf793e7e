"""Records from a file's JSON: a field that is missing or of another type is told."""

from collections.abc import Mapping
from types import UnionType
from typing import Any, TypeVar, get_args, get_type_hints

from secant.architecture import Architecture
from secant.errors import shortened

Kind = TypeVar("Kind")


def record(kind: type[Kind], known: Any) -> Kind:
    """A dataclass or named tuple of what a file says.

    Args:
        kind: Which. All fields but those of containers are looked at.
        known: Its fields by name, or for a named tuple in their order.

    Raises:
        TypeError: A field is missing, unknown, or of another type; or a whole number
            of more than 64 bits.

    Example:
        >>> from secant.history import Epoch
        >>> record(Epoch, [600, 0.25, 0.9, None, "high"])
        Traceback (most recent call last):
        TypeError: test_accuracy is 'high', not float | None
    """
    hints = get_type_hints(kind)
    if not isinstance(known, Mapping):
        if not isinstance(known, list | tuple):
            raise TypeError(f"a {kind.__name__} is {_shown(known)}")
        known = (
            dict(zip(hints, known, strict=False)) if len(known) <= len(hints) else {}
        )
    made = kind(**known)
    for name, hint in hints.items():
        _look_at(name, getattr(made, name), hint)
    return made


def architecture(known: Any) -> Architecture:
    """The architecture that a file describes.

    Raises:
        TypeError: It is described otherwise.
        InvalidInput: There is no such network.
    """
    if not isinstance(known, Mapping):
        raise TypeError(f"an architecture is {_shown(known)}")
    described = dict(known)
    described["sizes"] = tuple(described.get("sizes", ()))
    return Architecture(**described)


def _look_at(name: str, value: Any, hint: Any) -> None:
    kinds = set(get_args(hint)) if isinstance(hint, UnionType) else {hint}
    if not all(isinstance(kind, type) for kind in kinds):
        return
    # JSON may hold a whole number where a float is meant, and one of any length.
    kind = float if type(value) is int and int not in kinds else type(value)
    if kind not in kinds or (type(value) is int and value.bit_length() > 63):
        known = getattr(hint, "__name__", hint)
        raise TypeError(f"{name} is {_shown(value)}, not {known}")


def _shown(value: Any) -> str:
    return shortened(repr(value), 60)
