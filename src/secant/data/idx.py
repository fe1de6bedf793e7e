"""IDX, the file format of MNIST: a magic number, the dimensions, the items.

| bytes | content |
|---|---|
| 0–1 | zero |
| 2 | the type of an item, see `TYPES` |
| 3 | the number of dimensions |
| 4 each | the dimensions, big-endian |
| the rest | the items, big-endian, last dimension fastest |

Source: LeCun, Cortes & Burges, The MNIST database of handwritten digits, 1998.
"""

import math
import struct
from typing import IO

import numpy as np

from secant.data.files import MAX_BYTES, PathName, open_decompressed, read_at_most
from secant.errors import DataError

TYPES = {0x08: "u1", 0x09: "i1", 0x0B: ">i2", 0x0C: ">i4", 0x0D: ">f4", 0x0E: ">f8"}
"""NumPy dtypes by the type byte of the magic number."""

MAX_DIMENSIONS = 8


def read_idx(path: PathName) -> np.ndarray:
    """The array in an IDX file, gzip or not.

    Args:
        path: The file. Its first bytes decide, not its name.

    Returns:
        A writable array of the file's own shape and type, in native byte order.

    Raises:
        DataError: The file is missing, is not IDX, is cut off, continues after its
            last item, holds nothing, or claims more than `files.MAX_BYTES`. Memory
            grows with the bytes in the file, not with the size that it claims.

    Example:
        >>> import pathlib, tempfile
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     path = pathlib.Path(folder, "labels-idx1-ubyte")
        ...     _ = path.write_bytes(bytes([0, 0, 8, 1, 0, 0, 0, 3, 5, 0, 4]))
        ...     read_idx(path)
        array([5, 0, 4], dtype=uint8)
    """
    with open_decompressed(path) as stream:
        dtype, shape = _read_header(stream, path)
        start = 4 + 4 * len(shape)
        claimed = math.prod(shape) * dtype.itemsize
        claim = f"{_shape_text(shape)} items of {dtype.name}, {claimed:,} bytes"
        if claimed > MAX_BYTES:
            raise DataError(
                f"{path}: the dimensions at byte 4 claim {claim}, more than the "
                f"limit of {MAX_BYTES:,}: the header is damaged, or the set must be "
                "split into smaller files"
            )
        items = read_at_most(stream, claimed)
        if len(items) < claimed:
            raise DataError(
                f"{path}: ends at byte {start + len(items):,} of {start + claimed:,}: "
                f"its header claims {claim}; the file is incomplete, get it again"
            )
        if stream.read(1):
            raise DataError(
                f"{path}: continues after byte {start + claimed:,}, where it ends "
                f"according to its header ({claim}): the header is damaged, or other "
                "data was appended"
            )
    array = np.frombuffer(items, dtype).reshape(shape)
    if not dtype.isnative:
        array = array.byteswap(inplace=True).view(dtype.newbyteorder())
    return array


def _read_header(stream: IO[bytes], path: PathName) -> tuple[np.dtype, tuple[int, ...]]:
    magic = stream.read(4)
    if not magic:
        raise DataError(f"{path}: is empty; an IDX file begins with a magic number")
    if len(magic) < 4 or magic[:2] != b"\0\0" or magic[2] not in TYPES:
        raise DataError(
            f"{path}: begins with {magic.hex(' ')}, which is not an IDX magic number "
            "(00 00, a type from 08 to 0e, the number of dimensions): pass an IDX file "
            "such as train-images-idx3-ubyte.gz"
        )
    dimensions = magic[3]
    if not 1 <= dimensions <= MAX_DIMENSIONS:
        raise DataError(
            f"{path}: byte 3 claims {dimensions} dimensions: Secant reads 1 to "
            f"{MAX_DIMENSIONS}"
        )
    sizes = stream.read(4 * dimensions)
    if len(sizes) < 4 * dimensions:
        raise DataError(
            f"{path}: ends at byte {4 + len(sizes)}, within the {dimensions} "
            "dimensions of its header: the file is incomplete, get it again"
        )
    shape = struct.unpack(f">{dimensions}I", sizes)
    if 0 in shape:
        raise DataError(
            f"{path}: dimension {shape.index(0)}, at byte {4 + 4 * shape.index(0)}, is "
            "zero: the file holds no items"
        )
    return np.dtype(TYPES[magic[2]]), shape


def _shape_text(shape: tuple[int, ...]) -> str:
    return " × ".join(f"{n:,}" for n in shape)
