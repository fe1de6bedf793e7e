import io
import zipfile
from collections.abc import Callable
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from secant.data import npz
from secant.data.npz import read_npz
from secant.errors import DataError

X = np.arange(12, dtype=np.float32).reshape(4, 3)
T = np.array([0, 1, 0, 1])


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "mine.npz"


def npy(array: np.ndarray, **changes: str) -> bytes:
    """A .npy file, with parts of its header's text replaced."""
    buffer = io.BytesIO()
    np.save(buffer, array)
    content = buffer.getvalue()
    for old, new in changes.items():
        header = content[:128].replace(old.encode(), new.encode().ljust(len(old)))
        content = header[:128].ljust(128) + content[128:]
    return content


def write_zip(path: Path, **entries: bytes) -> None:
    with zipfile.ZipFile(path, "w") as archive:
        for name, content in entries.items():
            archive.writestr(f"{name}.npy", content)


def refused(path: Path) -> str:
    with pytest.raises(DataError) as caught:
        read_npz(path)
    message = str(caught.value)
    assert str(path) in message
    return message


@pytest.mark.parametrize("save", [np.savez, np.savez_compressed])
@pytest.mark.parametrize(
    "names",
    [
        ("x_train", "t_train", "x_test", "t_test"),
        ("x_train", "y_train", "x_test", "y_test"),  # Keras
        ("X_train", "y_train", "X_test", "y_test"),  # scikit-learn's habit
    ],
)
def test_split_form_is_read(
    path: Path, save: Callable[..., None], names: tuple[str, ...]
) -> None:
    save(path, **dict(zip(names, (X, T, X[:2], T[:2]), strict=True)))
    (x_train, t_train), test = read_npz(path)
    assert test is not None
    np.testing.assert_array_equal(x_train, X)
    np.testing.assert_array_equal(t_train, T)
    np.testing.assert_array_equal(test[0], X[:2])
    assert test[1].dtype == T.dtype


@pytest.mark.parametrize("names", [("x", "t"), ("x", "y"), ("x_train", "t_train")])
def test_form_without_test_part_is_read(path: Path, names: tuple[str, str]) -> None:
    arrays: dict[str, Any] = dict(zip(names, (X, T), strict=True))
    np.savez(path, **arrays, notes=np.array("mine"))
    (x, t), test = read_npz(path)
    assert test is None
    assert (len(x), len(t)) == (4, 4)


@pytest.mark.parametrize("dtype", [">i2", "<f8", "?", "<f2", ">u4"])
def test_orders_of_bytes_and_memory_are_made_native(path: Path, dtype: str) -> None:
    x = np.asfortranarray(X.astype(dtype))
    np.savez(path, x=x, t=T)
    (found, _), _ = read_npz(path)
    np.testing.assert_array_equal(found, x)
    assert found.dtype.isnative
    assert found.flags.c_contiguous


def test_text_instead_of_a_zip_is_refused(path: Path) -> None:
    path.write_bytes(b"not a zip file at all")
    assert "not a complete .npz" in refused(path)


def test_a_very_long_name_is_shortened(path: Path) -> None:
    np.savez(path, **{"x" * 60_000: np.zeros(3)})
    said = refused(path)
    assert "has no 'x' and no 't'" in said
    assert len(said) < 1000


def test_truncated_zip_is_refused(path: Path) -> None:
    np.savez(path, x=X, t=T)
    path.write_bytes(path.read_bytes()[:-30])
    assert "not a complete .npz" in refused(path)


def test_wrong_checksum_is_refused(path: Path) -> None:
    np.savez(path, x=X, t=T)
    content = path.read_bytes()
    at = content.index(X.tobytes()) + 5
    path.write_bytes(content[:at] + b"\x7f" + content[at + 1 :])
    assert "CRC" in refused(path)


def test_missing_names_are_reported_with_the_present_ones(path: Path) -> None:
    np.savez(path, pictures=X, names=T)
    message = refused(path)
    assert "has no 'x' and no 't'. It holds" in message
    assert "'pictures', 'names'" in message


def test_misspelt_name_gets_a_did_you_mean(path: Path) -> None:
    np.savez(path, x_train=X, t_train=T, x_test=X, t_tset=T)
    message = refused(path)
    assert "has no 't_test'" in message
    assert "did you mean 't_tset' for 't_test'?" in message


def test_two_names_for_the_same_are_refused(path: Path) -> None:
    np.savez(path, x=X, t=T, y=T)
    assert "both 't' and 'y'" in refused(path)


@pytest.mark.filterwarnings("ignore:Duplicate name")
def test_entry_given_twice_is_refused(path: Path) -> None:
    with zipfile.ZipFile(path, "w") as archive:
        for _ in range(2):
            archive.writestr("x.npy", npy(X))
    assert "'x' twice" in refused(path)


def test_pickled_objects_are_refused_unread(path: Path) -> None:
    np.savez(path, x=np.array([[{}]], object), t=np.array([0]))
    assert "Python objects" in refused(path)


@pytest.mark.parametrize("array", [np.array([["a"]]), np.zeros((1, 1), "c16")])
def test_entry_of_other_than_numbers_is_refused(path: Path, array: np.ndarray) -> None:
    np.savez(path, x=array, t=np.array([0]))
    assert "not plain numbers" in refused(path)


def test_records_are_refused(path: Path) -> None:
    np.savez(path, x=np.zeros((1, 1), [("a", "f4")]), t=np.array([0]))
    assert "not describe an array of numbers" in refused(path)


@pytest.mark.parametrize("shape", ["(4000000, 3)", "(4, 2)"])
def test_header_that_disagrees_with_the_size_is_refused(path: Path, shape: str) -> None:
    write_zip(path, x=npy(X, **{"(4, 3), }        ": f"{shape}, }}"}), t=npy(T))
    assert f"claims shape {shape} of float32" in refused(path)


def test_header_that_is_code_is_refused_and_not_run(path: Path) -> None:
    content = npy(X, **{"(4, 3), }              ": "exit(), }"})
    write_zip(path, x=content, t=npy(T))
    assert "not describe an array of numbers" in refused(path)


def test_entry_that_is_no_npy_is_refused(path: Path) -> None:
    write_zip(path, x=b"four words of text", t=npy(T))
    assert "not a .npy header" in refused(path)


def test_header_of_a_gigabyte_is_refused(path: Path) -> None:
    write_zip(path, x=b"\x93NUMPY\2\0\xff\xff\xff\x3f", t=npy(T))
    assert "a header of 1,073,741,823 bytes" in refused(path)


def test_zip_that_claims_more_than_deflate_can_is_refused(path: Path) -> None:
    np.savez_compressed(path, x=X, t=T)
    content = bytearray(path.read_bytes())
    at = content.index(b"PK\1\2") + 24  # the uncompressed size of the first entry
    content[at : at + 4] = (10**9).to_bytes(4, "little")
    path.write_bytes(content)
    assert "which is impossible" in refused(path)


def test_total_beyond_the_bound_is_refused(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(npz, "MAX_BYTES", 300)
    np.savez(path, x=X, t=T)
    assert "more than the limit of 300" in refused(path)


def test_other_compression_than_deflate_is_refused(path: Path) -> None:
    with zipfile.ZipFile(path, "w", zipfile.ZIP_LZMA) as archive:
        archive.writestr("x.npy", npy(X))
        archive.writestr("t.npy", npy(T))
    assert "zip method 14" in refused(path)


def test_encrypted_entry_is_refused(path: Path) -> None:
    np.savez(path, x=X, t=T)
    content = bytearray(path.read_bytes())
    for mark, offset in ((b"PK\1\2", 8), (b"PK\3\4", 6)):
        content[content.index(mark) + offset] |= 1
    path.write_bytes(content)
    assert "encrypted" in refused(path)


def test_inputs_of_one_dimension_are_refused(path: Path) -> None:
    np.savez(path, x=X[:, 0], t=T)
    assert "x has shape (4,)" in refused(path)


def test_labels_of_three_dimensions_are_refused(path: Path) -> None:
    np.savez(path, x=X, t=T.reshape(4, 1, 1))
    assert "t (4, 1, 1)" in refused(path)


def test_empty_array_is_refused(path: Path) -> None:
    np.savez(path, x=X[:0], t=T[:0])
    assert "has shape (0, 3)" in refused(path)


def test_unequal_numbers_of_samples_and_labels_are_refused(path: Path) -> None:
    np.savez(path, x=X, t=T[:3])
    assert "x has 4 samples and t 3 labels" in refused(path)


FUZZ: dict[str, Any] = {
    "derandomize": True,
    "deadline": None,
    "database": None,
    "suppress_health_check": [HealthCheck.function_scoped_fixture],
}


@pytest.mark.slow
@settings(max_examples=300, **FUZZ)
@given(data=st.data(), packed=st.booleans())
def test_damaged_zip_gives_nothing_but_a_data_error(
    path: Path,
    mutated: Callable[[st.DataObject, bytes], bytes],
    at_worst_data_error: Callable[[Path], AbstractContextManager[None]],
    data: st.DataObject,
    packed: bool,
) -> None:
    (np.savez_compressed if packed else np.savez)(path, x=X, t=T)
    path.write_bytes(mutated(data, path.read_bytes()))
    with at_worst_data_error(path):
        read_npz(path)


@settings(max_examples=100, **FUZZ)
@given(data=st.data())
def test_damaged_npy_in_a_sound_zip_gives_nothing_but_a_data_error(
    path: Path,
    mutated: Callable[[st.DataObject, bytes], bytes],
    at_worst_data_error: Callable[[Path], AbstractContextManager[None]],
    data: st.DataObject,
) -> None:
    write_zip(path, x=mutated(data, npy(X)), t=npy(T))
    with at_worst_data_error(path):
        read_npz(path)
