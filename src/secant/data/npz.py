"""Data from a `.npz` file, checked before anything is decompressed.

| array | accepted names |
|---|---|
| training inputs | `x_train`, `X_train` |
| training labels | `t_train`, `y_train` (Keras's name) |
| test inputs | `x_test`, `X_test` |
| test labels | `t_test`, `y_test` |
| inputs, not yet split | `x`, `X` |
| their labels | `t`, `y` |

Other entries are ignored. `np.load` is not used, since it allocates the size that a
header claims before it checks the length of the file.
"""

import math
import re
import zlib
from collections.abc import Mapping
from difflib import get_close_matches
from pathlib import Path
from typing import IO
from zipfile import ZIP_DEFLATED, ZIP_STORED, BadZipFile, ZipFile, ZipInfo

import numpy as np

from secant.data.files import MAX_BYTES, PathName, read_at_most, regular_file
from secant.data.labels import Pair, require_equal_lengths
from secant.errors import DataError, short_text

ARRAY_NAMES = {
    "x_train": ("x_train", "X_train"),
    "t_train": ("t_train", "y_train"),
    "x_test": ("x_test", "X_test"),
    "t_test": ("t_test", "y_test"),
    "x": ("x", "X"),
    "t": ("t", "y"),
}

# Deflate's largest possible ratio: 258 bytes from 2 bits.
_MAX_DEFLATE_RATIO = 1032

_FIELDS = {
    "descr": re.compile(r"""['"]descr['"]\s*:\s*['"]([^'"]*)['"]"""),
    "fortran_order": re.compile(r"""['"]fortran_order['"]\s*:\s*(True|False)"""),
    "shape": re.compile(r"""['"]shape['"]\s*:\s*\(([\d\s,]*)\)"""),
}
_NUMBERS = re.compile(r"[<>=|](b1|[iu][1248]|f[248])")
_MAX_HEADER = 2**16


def read_npz(path: PathName) -> tuple[Pair, Pair | None]:
    """Inputs and labels from a `.npz` file, in the dtypes of the file.

    Args:
        path: A file that `np.savez` or `np.savez_compressed` wrote, with entries
            named as in the table above. Nothing in it is unpickled.

    Returns:
        ((x_train, t_train), (x_test, t_test)), or ((x, t), None) if the file
        holds no test part.

    Raises:
        DataError: The file is not a zip or damaged; an entry is missing, duplicate,
            not numeric, or not as long as it claims; all entries together claim more
            than `files.MAX_BYTES`; or inputs and labels differ in number.
    """
    path = regular_file(path)
    try:
        with path.open("rb") as raw, ZipFile(raw) as archive:
            entries = _entries(archive, path)
            roles = _roles(entries, path)
            total = sum(entries[name].file_size for name in roles.values())
            if total > MAX_BYTES:
                raise DataError(
                    f"{path}: {', '.join(roles.values())} claim {total:,} bytes, more "
                    f"than the limit of {MAX_BYTES:,}: write fewer samples, or use "
                    "uint8 or float32"
                )
            arrays = {
                role: _read_entry(archive, entries[name], f"{path}: {name}")
                for role, name in roles.items()
            }
    except DataError:
        raise
    except (BadZipFile, zlib.error, EOFError, OSError, ValueError) as error:
        raise DataError(
            f"{path}: is not a complete .npz (zip) file ({short_text(error)}): write "
            "it with np.savez(path, x=…, t=…)"
        ) from None
    # zipfile raises these for an encrypted entry and for an unknown method or version.
    except (RuntimeError, NotImplementedError) as error:
        raise DataError(
            f"{path}: {short_text(error)}; write it with np.savez(path, x=…, t=…)"
        ) from None
    return _pairs(arrays, roles, path)


def _entries(archive: ZipFile, path: Path) -> Mapping[str, ZipInfo]:
    """The entries of the archive by name, without the `.npy` that NumPy appends."""
    entries: dict[str, ZipInfo] = {}
    for info in archive.infolist():
        if not info.filename.endswith(".npy"):
            continue
        name = info.filename.removesuffix(".npy")
        if name in entries:
            raise DataError(f"{path}: holds {short_text(name)!r} twice: write it again")
        entries[name] = info
    return entries


def _roles(entries: Mapping[str, ZipInfo], path: Path) -> dict[str, str]:
    """The entry name of each role: all four of the split form, or x and t."""
    found: dict[str, str] = {}
    for role, names in ARRAY_NAMES.items():
        here = [name for name in names if name in entries]
        if len(here) > 1:
            raise DataError(
                f"{path}: holds both {here[0]!r} and {here[1]!r}, two names for the "
                "same: keep one"
            )
        if here:
            found[role] = here[0]
    forms = (
        ("x_train", "t_train", "x_test", "t_test"),
        ("x_train", "t_train"),
        ("x", "t"),
    )
    for form in forms:
        # x_test without t_test is a mistake, not data without a test part.
        if all(role in found for role in form) and not (
            len(form) == 2 and ("x_test" in found) + ("t_test" in found) == 1
        ):
            return {role: found[role] for role in form}
    form = forms[0] if any("_" in role for role in found) else forms[2]
    missing = [role for role in form if role not in found]
    others = [name for name in entries if name not in found.values()]
    suggestions = [
        f"{short_text(others_name)!r} for {role!r}"
        for role in missing
        for others_name in get_close_matches(role, others, n=1)
    ]
    hint = f"; did you mean {', '.join(suggestions)}?" if suggestions else "."
    raise DataError(
        f"{path}: has no {' and no '.join(map(repr, missing))}{hint} It holds "
        f"{short_text(', '.join(map(repr, entries))) or 'nothing'}; write np.savez("
        "path, x=…, t=…) or x_train, t_train, x_test, t_test"
    )


def _read_entry(archive: ZipFile, info: ZipInfo, name: str) -> np.ndarray:
    """An array; its header is compared with the entry's size before the read."""
    if info.compress_type not in (ZIP_STORED, ZIP_DEFLATED):
        raise DataError(
            f"{name} is compressed by zip method {info.compress_type}, and Secant "
            "reads only deflate: write it with np.savez_compressed"
        )
    ratio = _MAX_DEFLATE_RATIO if info.compress_type == ZIP_DEFLATED else 1
    if info.file_size > ratio * info.compress_size + 64:
        raise DataError(
            f"{name} claims {info.file_size:,} bytes from {info.compress_size:,} in "
            "the file, which is impossible: the file is damaged; write it again"
        )
    with archive.open(info) as stream:
        dtype, fortran, shape, start = _read_header(stream, name)
        items = math.prod(shape) * dtype.itemsize
        if start + items != info.file_size:
            raise DataError(
                f"{name} claims shape {shape} of {dtype.name}, {start + items:,} bytes "
                f"with its header, and has {info.file_size:,}: the file is damaged"
            )
        data = read_at_most(stream, items)
        if len(data) < items:
            raise DataError(
                f"{name} ends at byte {start + len(data):,} of {start + items:,}: the "
                "file is damaged"
            )
        stream.read(1)  # zipfile compares the checksum at the end of the entry
    array = np.frombuffer(data, dtype).reshape(shape, order="F" if fortran else "C")
    return array.astype(dtype.newbyteorder("="), order="C", copy=False)


def _read_header(
    stream: IO[bytes], name: str
) -> tuple[np.dtype, bool, tuple[int, ...], int]:
    """Dtype, memory order, shape and length of a `.npy` header.

    The header is a Python literal. Three patterns match every header of an array of
    plain numbers, so nothing is evaluated.
    """
    magic = stream.read(8)
    if len(magic) < 8 or magic[:6] != b"\x93NUMPY" or magic[6] not in (1, 2, 3):
        raise DataError(
            f"{name} begins with {magic.hex(' ')}, which is not a .npy header: write "
            "the file with np.savez"
        )
    width = 2 if magic[6] == 1 else 4
    length = int.from_bytes(stream.read(width), "little")
    if length > _MAX_HEADER:
        raise DataError(f"{name} claims a header of {length:,} bytes: it is damaged")
    text = stream.read(length).decode("latin-1")
    match = {field: pattern.search(text) for field, pattern in _FIELDS.items()}
    descr, order, shape = match["descr"], match["fortran_order"], match["shape"]
    if descr and "O" in descr[1]:
        raise DataError(
            f"{name} holds Python objects, which only pickle can read, and pickle can "
            "run any code: write arrays of numbers"
        )
    if descr and not _NUMBERS.fullmatch(descr[1]):
        raise DataError(
            f"{name} holds items of type {descr[1]!r}, not plain numbers: write "
            "integers or floats"
        )
    if not (descr and order and shape):
        raise DataError(
            f"{name} has a header that does not describe an array of numbers "
            f"({text.strip()[:80]!r}): write the file with np.savez"
        )
    sizes = tuple(int(n) for n in shape[1].replace(" ", "").split(",") if n)
    if len(sizes) > 8 or math.prod(sizes) == 0:
        raise DataError(
            f"{name} has shape {sizes}: write 1 to 8 dimensions, none of length 0"
        )
    return np.dtype(descr[1]), order[1] == "True", sizes, 8 + width + length


def _pairs(
    arrays: Mapping[str, np.ndarray], roles: Mapping[str, str], path: Path
) -> tuple[Pair, Pair | None]:
    found = []
    for x_role, t_role in (("x", "t"), ("x_train", "t_train"), ("x_test", "t_test")):
        if x_role in arrays:
            x, t = arrays[x_role], arrays[t_role]
            if x.ndim < 2 or t.ndim not in (1, 2):
                raise DataError(
                    f"{path}: {roles[x_role]} has shape {x.shape} and {roles[t_role]} "
                    f"{t.shape}: inputs have shape (N, features) or (N, height, "
                    "width), labels (N,) or one-hot (N, classes)"
                )
            require_equal_lengths(x, t, f"{path}: {roles[x_role]}", roles[t_role])
            found.append((x, t))
    return found[0], found[1] if len(found) == 2 else None
