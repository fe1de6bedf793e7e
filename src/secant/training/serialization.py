"""Files of arrays and records, which are whole or are refused.

A safetensors file holds arrays and a JSON text that describes them, with a SHA-256 over
both. A file is replaced in one step, so a reader never sees half of one. Records from
JSON are checked field by field.
"""

import errno
import hashlib
import json
import os
import stat
from collections.abc import Mapping
from contextlib import suppress
from io import BytesIO
from pathlib import Path
from types import UnionType
from typing import TYPE_CHECKING, Any, TypeVar, get_args, get_type_hints

import numpy as np

from secant.errors import DataError, short_repr, short_text
from secant.nn.architecture import Architecture

if TYPE_CHECKING:
    from matplotlib.figure import Figure

# The dtypes that NumPy itself has.
_DTYPES = {
    *("BOOL", "U8", "I8", "U16", "I16", "U32", "I32", "U64", "I64"),
    *("F16", "F32", "F64"),
}


def tensor_bytes(
    arrays: Mapping[str, Any], file_format: str, content: Mapping[str, Any]
) -> bytes:
    """A safetensors file of arrays and a description.

    Args:
        arrays: The arrays by name.
        file_format: The kind of file: `secant run 1`.
        content: The description, as JSON represents it.

    Returns:
        The file's bytes. Its metadata are `format`, `run` (the description) and
        `sha256`, over arrays and description.
    """
    from safetensors.numpy import save

    text = json.dumps(content, sort_keys=True)
    solid = {name: np.asarray(value, order="C") for name, value in arrays.items()}
    return save(
        solid, {"format": file_format, "run": text, "sha256": _fingerprint(solid, text)}
    )


def read_tensors(
    path: Path, file_format: str
) -> tuple[dict[str, np.ndarray], dict[str, Any]]:
    """The arrays and the description of a file that `tensor_bytes` made.

    Reading executes nothing, and takes no more memory than the size of the file.

    Raises:
        DataError: The file is damaged, was changed, or is of another kind.
    """
    import safetensors

    check_regular(path)
    try:
        with safetensors.safe_open(path, framework="numpy") as file:
            metadata = file.metadata() or {}
            # The file is no mapping: it cannot be iterated over.
            arrays = {name: _array(file, name) for name in file.keys()}  # noqa: SIM118
    except (safetensors.SafetensorError, OSError, ValueError, TypeError) as error:
        raise damaged_file(path, str(error)) from None
    if metadata.get("format") != file_format:
        raise DataError(
            f"{path} holds tensors, but not of a {file_format.split()[1]} (format "
            f"{metadata.get('format')!r}, wanted {file_format!r}): name a folder that "
            "`secant train` or Run.save wrote"
        )
    text = metadata.get("run", "")
    if _fingerprint(arrays, text) != metadata.get("sha256"):
        raise damaged_file(path, "its SHA-256 differs from the saved one")
    try:
        return arrays, dict(json.loads(text))
    except (TypeError, ValueError, RecursionError) as error:
        raise damaged_file(path, str(error)) from None


def _array(file: Any, name: str) -> np.ndarray:
    # Whether safetensors knows bfloat16 depends on what else was imported, and float8
    # ends in an AttributeError.
    kind = file.get_slice(name).get_dtype()
    if kind not in _DTYPES:
        raise ValueError(f"its array {short_text(name, 60)} has the dtype {kind}")
    return file.get_tensor(name)


def read_bytes(path: Path) -> bytes:
    """The content of a regular file.

    Raises:
        DataError: It is missing or unreadable, or no regular file; a pipe could block.
    """
    check_regular(path)
    try:
        return path.read_bytes()
    except OSError as error:
        raise damaged_file(path, str(error)) from None


def check_regular(path: Path) -> None:
    """Refuses what is no regular file; a pipe or a device could block its reader.

    Raises:
        DataError: The path names a folder, a pipe or a device.
    """
    with suppress(OSError):  # whoever opens it is told
        mode = path.stat().st_mode
        if not stat.S_ISREG(mode):
            kind = "a folder" if stat.S_ISDIR(mode) else "a device or pipe"
            raise damaged_file(path, f"it is {kind}")


def replace_file(path: Path, content: bytes) -> None:
    """Replaces a file in one step: a reader finds the whole new file or the old one.

    This also holds after a power cut: file and folder are on the disk on return.
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


def replace_picture(path: Path, figure: "Figure") -> None:
    """Replaces a picture in one step; the path's suffix names its format."""
    content = BytesIO()
    figure.savefig(content, format=path.suffix.removeprefix("."))
    replace_file(path, content.getvalue())


def damaged_file(path: Path, reason: str) -> DataError:
    """The error for a damaged file."""
    return DataError(
        f"{path} is damaged or was changed: {reason}. Restore it from a copy, or train "
        "again"
    )


def fingerprint(arrays: Mapping[str, Any]) -> str:
    """The SHA-256 of arrays, their names, dtypes and shapes, in hexadecimal."""
    solid = {name: np.asarray(value, order="C") for name, value in arrays.items()}
    return _fingerprint(solid, "")


def _fingerprint(arrays: Mapping[str, np.ndarray], text: str) -> str:
    digest = hashlib.sha256(text.encode())
    for name in sorted(arrays):
        value = arrays[name]
        digest.update(f"{name} {value.dtype.str} {value.shape}".encode())
        digest.update(value.data if value.size else b"")
    return digest.hexdigest()


def _sync_folder(folder: Path) -> None:
    # Windows cannot open folders; it writes the name to the disk itself.
    if hasattr(os, "O_DIRECTORY"):
        handle = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
        try:
            os.fsync(handle)
        except OSError as error:
            # Some file systems cannot sync folders. The file is then whole or old.
            if error.errno not in (errno.EINVAL, errno.ENOTSUP, errno.EBADF):
                raise
        finally:
            os.close(handle)


Record = TypeVar("Record")


def parse_record(kind: type[Record], values: Any) -> Record:
    """A dataclass or named tuple from the JSON of a file.

    Args:
        kind: The class. All its fields are checked, except containers.
        values: The fields by name, or in order for a named tuple.

    Raises:
        TypeError: A field is missing, unknown, or of another type, or is a whole
            number of more than 64 bits.

    Example:
        >>> from secant.history import Epoch
        >>> parse_record(Epoch, [600, 0.25, 0.9, None, "high"])
        Traceback (most recent call last):
        TypeError: test_accuracy is 'high', not float | None
    """
    hints = get_type_hints(kind)
    if not isinstance(values, Mapping):
        if not isinstance(values, list | tuple):
            raise TypeError(f"a {kind.__name__} is {short_repr(values)}")
        values = (
            dict(zip(hints, values, strict=False)) if len(values) <= len(hints) else {}
        )
    made = kind(**values)
    for name, hint in hints.items():
        _check_type(name, getattr(made, name), hint)
    return made


def parse_architecture(values: Any) -> Architecture:
    """An architecture from the JSON of a file.

    Raises:
        TypeError: The JSON does not describe an architecture.
        InvalidInput: The described network is impossible.
    """
    if not isinstance(values, Mapping):
        raise TypeError(f"an architecture is {short_repr(values)}")
    fields = dict(values)
    fields["sizes"] = tuple(fields.get("sizes", ()))
    return Architecture(**fields)


def _check_type(name: str, value: Any, hint: Any) -> None:
    kinds = set(get_args(hint)) if isinstance(hint, UnionType) else {hint}
    if not all(isinstance(kind, type) for kind in kinds):
        return
    # JSON may write a float as a whole number, and a whole number of any length.
    kind = float if type(value) is int and int not in kinds else type(value)
    if kind not in kinds or (type(value) is int and value.bit_length() > 63):
        expected = getattr(hint, "__name__", hint)
        raise TypeError(f"{name} is {short_repr(value)}, not {expected}")
