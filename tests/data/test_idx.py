import gzip
import os
import struct
import tracemalloc
from collections.abc import Callable
from contextlib import AbstractContextManager
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from secant.data.idx import read_idx
from secant.errors import DataError

ARRAY = np.arange(24, dtype=np.uint8).reshape(2, 3, 4)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "images-idx3-ubyte.gz"


@pytest.mark.parametrize("dtype", ["u1", "i1", "i2", "i4", "f4", "f8"])
@pytest.mark.parametrize("packed", [False, True], ids=["raw", "gzip"])
def test_every_idx_type_is_read_in_native_order(
    path: Path, idx_bytes: Callable[[np.ndarray], bytes], dtype: str, packed: bool
) -> None:
    array = (np.arange(24).reshape(2, 3, 4) - 7).astype(dtype)
    content = idx_bytes(array)
    path.write_bytes(gzip.compress(content) if packed else content)
    found = read_idx(path)
    np.testing.assert_array_equal(found, array)
    assert found.dtype == np.dtype(dtype)
    assert found.dtype.isnative
    assert found.flags.writeable


def refused(path: Path, content: bytes) -> str:
    path.write_bytes(content)
    with pytest.raises(DataError) as caught:
        read_idx(path)
    message = str(caught.value)
    assert str(path) in message
    return message


@pytest.mark.parametrize("packed", [False, True], ids=["raw", "gzip"])
def test_truncated_items_are_refused_with_the_byte(
    path: Path, idx_bytes: Callable[[np.ndarray], bytes], packed: bool
) -> None:
    content = idx_bytes(ARRAY)[:-1]
    message = refused(path, gzip.compress(content) if packed else content)
    assert "ends at byte 39 of 40" in message


@pytest.mark.parametrize("packed", [False, True], ids=["raw", "gzip"])
def test_trailing_bytes_are_refused(
    path: Path, idx_bytes: Callable[[np.ndarray], bytes], packed: bool
) -> None:
    content = idx_bytes(ARRAY) + b"\0"
    message = refused(path, gzip.compress(content) if packed else content)
    assert "continues after byte 40" in message


def test_header_that_claims_2_to_the_40_items_is_refused(path: Path) -> None:
    header = struct.pack(">BBBB2I", 0, 0, 8, 2, 2**20, 2**20)
    assert "claim 1,048,576 × 1,048,576 items" in refused(path, header + b"\0" * 9)


def test_header_that_claims_a_gigabyte_costs_no_memory(path: Path) -> None:
    path.write_bytes(struct.pack(">BBBB1I", 0, 0, 8, 1, 2**30) + b"\0" * 1000)
    tracemalloc.start()
    try:
        with pytest.raises(DataError, match=r"ends at byte 1,008 of 1,073,741,832"):
            read_idx(path)
        assert tracemalloc.get_traced_memory()[1] < 5e6
    finally:
        tracemalloc.stop()


def test_wrong_magic_number_is_refused_and_shown(path: Path) -> None:
    assert "begins with 50 4b 03 04" in refused(path, b"PK\3\4 and so on")


def test_unknown_item_type_is_refused(path: Path) -> None:
    assert "begins with 00 00 0a 01" in refused(path, b"\0\0\x0a\1\0\0\0\1\0")


@pytest.mark.parametrize("dimensions", [0, 9, 255])
def test_number_of_dimensions_out_of_range_is_refused(
    path: Path, dimensions: int
) -> None:
    content = bytes([0, 0, 8, dimensions]) + b"\0\0\0\1" * dimensions + b"\0"
    assert f"byte 3 claims {dimensions} dimensions" in refused(path, content)


def test_header_that_breaks_off_is_refused(path: Path) -> None:
    assert "within the 3 dimensions" in refused(path, b"\0\0\x08\3\0\0\0\1\0")


def test_zero_dimension_is_refused_with_its_byte(path: Path) -> None:
    content = struct.pack(">BBBB2I", 0, 0, 8, 2, 5, 0)
    assert "dimension 1, at byte 8, is zero" in refused(path, content)


@pytest.mark.parametrize("content", [b"", gzip.compress(b"")], ids=["raw", "gzip"])
def test_empty_file_is_refused(path: Path, content: bytes) -> None:
    assert "is empty" in refused(path, content)


def test_corrupt_gzip_is_refused(
    path: Path, idx_bytes: Callable[[np.ndarray], bytes]
) -> None:
    content = bytearray(gzip.compress(idx_bytes(ARRAY)))
    content[-6] ^= 1  # in the checksum
    assert "gzip stream is corrupt" in refused(path, bytes(content))


def test_gzip_that_breaks_off_is_refused(
    path: Path, idx_bytes: Callable[[np.ndarray], bytes]
) -> None:
    content = gzip.compress(idx_bytes(ARRAY))[:-12]
    assert f"breaks off at byte {len(content)}" in refused(path, content)


def test_gzip_bomb_costs_no_more_than_its_header_claims(path: Path) -> None:
    bomb = struct.pack(">BBBB1I", 0, 0, 8, 1, 10) + b"\0" * 50_000_000
    path.write_bytes(gzip.compress(bomb))
    tracemalloc.start()
    try:
        with pytest.raises(DataError, match="continues after byte 18"):
            read_idx(path)
        assert tracemalloc.get_traced_memory()[1] < 5e6
    finally:
        tracemalloc.stop()


def test_missing_file_is_refused(path: Path) -> None:
    with pytest.raises(DataError, match="there is no such file"):
        read_idx(path)


def test_folder_instead_of_a_file_is_refused(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="is a folder"):
        read_idx(tmp_path)


def test_path_that_is_none_is_refused() -> None:
    with pytest.raises(DataError, match="None cannot be read"):
        read_idx(None)  # type: ignore[arg-type]


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="needs a system with pipes")
def test_pipe_is_refused_at_once(path: Path) -> None:
    os.mkfifo(path)
    with pytest.raises(DataError, match="device or pipe"):
        read_idx(path)


@settings(
    derandomize=True,
    max_examples=300,
    deadline=None,
    database=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(data=st.data(), packed=st.booleans())
def test_damaged_idx_gives_nothing_but_a_data_error(
    path: Path,
    idx_bytes: Callable[[np.ndarray], bytes],
    mutated: Callable[[st.DataObject, bytes], bytes],
    at_worst_data_error: Callable[[Path], AbstractContextManager[None]],
    data: st.DataObject,
    packed: bool,
) -> None:
    content = idx_bytes(ARRAY)
    content = gzip.compress(content, mtime=0) if packed else content
    path.write_bytes(mutated(data, content))
    with at_worst_data_error(path):
        found = read_idx(path)
        assert found.nbytes <= 2**16
