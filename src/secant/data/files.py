"""Byte files, gzip or not, read up to a limit and never trusted."""

import gzip
import stat
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from hashlib import sha256
from os import PathLike
from pathlib import Path
from typing import IO, TypeAlias, cast

from secant.errors import DataError

PathName: TypeAlias = str | PathLike[str]

MAX_BYTES = 2**31
"""The largest size read from one file, decompressed: 2 GiB, 45 times MNIST."""

_CHUNK = 2**20
_GZIP_MAGIC = b"\x1f\x8b"


def regular_file(path: PathName) -> Path:
    """`path`, checked to name a regular file; pipes and devices could block.

    Raises:
        DataError: `path` does not exist or is not a regular file.

    Example:
        >>> regular_file("nowhere.npz")
        Traceback (most recent call last):
        secant.errors.DataError: nowhere.npz: there is no such file...
    """
    try:
        found = Path(path)
        mode = found.stat().st_mode
    except FileNotFoundError:
        raise DataError(
            f"{path}: there is no such file; correct the path (looked from "
            f"{Path.cwd()})"
        ) from None
    except (OSError, ValueError, TypeError) as error:
        raise DataError(
            f"{path!r} cannot be read ({error}): pass the path of a readable file"
        ) from None
    if not stat.S_ISREG(mode):
        kind = "a folder" if stat.S_ISDIR(mode) else "a device or pipe"
        raise DataError(f"{path} is {kind}: pass the path of a file")
    return found


@contextmanager
def open_decompressed(path: PathName) -> Iterator[IO[bytes]]:
    """The bytes of a file as a stream, decompressed if the file is gzip.

    The first bytes decide whether it is gzip; the name does not.

    Raises:
        DataError: The file is missing or unreadable, or its gzip stream is
            corrupt or cut off. A read inside the block raises it, too.
    """
    path = regular_file(path)
    at = 0
    try:
        with path.open("rb") as raw:
            try:
                zipped = raw.read(2) == _GZIP_MAGIC
                raw.seek(0)
                if zipped:
                    with gzip.GzipFile(fileobj=raw, mode="rb") as stream:
                        yield cast(IO[bytes], stream)
                else:
                    yield raw
            finally:
                at = raw.tell()
    except EOFError:
        raise DataError(
            f"{path}: the gzip stream breaks off at byte {at}, the file's end: the "
            "file is incomplete; get it again"
        ) from None
    except (gzip.BadGzipFile, zlib.error) as error:
        raise DataError(
            f"{path}: the gzip stream is corrupt at or before byte {at} ({error}): "
            "get the file again"
        ) from None
    except OSError as error:
        raise DataError(
            f"{path} cannot be read ({error.strerror or error}): pass the path of a "
            "readable file"
        ) from None


def read_at_most(stream: IO[bytes], count: int) -> bytearray:
    """Up to `count` bytes; memory grows with the bytes received, not with `count`."""
    data = bytearray()
    while len(data) < count:
        # A header may claim 2 GiB in a file of 20 bytes, so chunks are small.
        chunk = stream.read(min(_CHUNK, count - len(data)))
        if not chunk:
            break
        data += chunk
    return data


def digest(path: PathName, limit: int = MAX_BYTES) -> tuple[int, str]:
    """Size and SHA-256 of the decompressed content of a file.

    Args:
        path: The file, gzip or not.
        limit: Stop after this many bytes: the most that a gzip bomb may cost.

    Returns:
        The number of bytes, at most `limit` + 1, and their SHA-256 in hexadecimal.

    Raises:
        DataError: As `open_decompressed` raises it.
    """
    size, sha = 0, sha256()
    with open_decompressed(path) as stream:
        while size <= limit:
            chunk = stream.read(min(_CHUNK, limit + 1 - size))
            if not chunk:
                break
            size += len(chunk)
            sha.update(chunk)
    return size, sha.hexdigest()
