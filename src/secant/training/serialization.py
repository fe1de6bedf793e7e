"""Arrays and what they are, in one safetensors file that cannot be half of one."""

import hashlib
import json
import os
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from types import UnionType
from typing import Any, TypeVar, get_args, get_type_hints

import numpy as np

from secant.errors import DataError, shortened
from secant.nn.architecture import Architecture


def packed(arrays: Mapping[str, Any], form: str, about: Mapping[str, Any]) -> bytes:
    """A safetensors file of arrays, and its metadata: all in one, none without it.

    Args:
        arrays: By name.
        form: What kind of file it is: `secant run 1`.
        about: What is to be known of them, as JSON holds it.

    Returns:
        The file's bytes. Its metadata: `format`, `run` and `sha256`, of both.
    """
    from safetensors.numpy import save

    known = json.dumps(about, sort_keys=True)
    solid = {name: np.asarray(value, order="C") for name, value in arrays.items()}
    return save(
        solid, {"format": form, "run": known, "sha256": _fingerprint(solid, known)}
    )


def unpacked(path: Path, form: str) -> tuple[dict[str, np.ndarray], dict[str, Any]]:
    """The arrays of a file that `packed` made, and what is known of them.

    Nothing is executed, and no more memory taken than the file has bytes.

    Raises:
        DataError: It is damaged, was changed, or is another kind of file.
    """
    import safetensors

    try:
        with safetensors.safe_open(path, framework="numpy") as file:
            metadata = file.metadata() or {}
            arrays = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
    except (safetensors.SafetensorError, OSError, ValueError, TypeError) as error:
        raise damaged(path, str(error)) from None
    if metadata.get("format") != form:
        raise DataError(
            f"{path} holds tensors, but not of a {form.split()[1]} (format "
            f"{metadata.get('format')!r}, wanted {form!r}): name a folder that "
            "`secant train` or Run.save wrote"
        )
    about = metadata.get("run", "")
    if _fingerprint(arrays, about) != metadata.get("sha256"):
        raise damaged(path, "its SHA-256 is not the one that it was saved with")
    try:
        return arrays, dict(json.loads(about))
    except (TypeError, ValueError, RecursionError) as error:
        raise damaged(path, str(error)) from None


def replace_file(path: Path, content: bytes) -> None:
    """Writes a file so that whoever reads it finds all of it or the old one.

    That holds after a power cut, too: file and folder are on the disk on return.
    """
    temporary = path.with_name(f".{path.name}.{os.getpid()}.part")
    try:
        with temporary.open("wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        temporary.replace(path)
    finally:
        temporary.unlink(missing_ok=True)
    _sync_folder(path.parent)


def damaged(path: Path, reason: str) -> DataError:
    """The error for a file that cannot be trusted."""
    return DataError(
        f"{path} is damaged or was changed: {reason}. Restore it from a copy, or train "
        "again"
    )


def fingerprint(arrays: Mapping[str, Any]) -> str:
    """The SHA-256 of arrays, their names, dtypes and shapes, in hexadecimal."""
    solid = {name: np.asarray(value, order="C") for name, value in arrays.items()}
    return _fingerprint(solid, "")


def _fingerprint(arrays: Mapping[str, np.ndarray], about: str) -> str:
    digest = hashlib.sha256(about.encode())
    for name in sorted(arrays):
        value = arrays[name]
        digest.update(f"{name} {value.dtype.str} {value.shape}".encode())
        digest.update(value.data if value.size else b"")
    return digest.hexdigest()


def _sync_folder(folder: Path) -> None:
    # Windows opens no folders; it has the name on the disk by itself.
    if hasattr(os, "O_DIRECTORY"):
        with suppress(OSError):  # a file system that cannot: it has no worse order
            handle = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
            try:
                os.fsync(handle)
            finally:
                os.close(handle)


# Records from a file's JSON: a field that is missing or of another type is told.

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
