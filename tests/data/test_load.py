import gzip
import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from secant.data.load import load_data
from secant.errors import DataError

RNG = np.random.default_rng(5)
X = RNG.integers(0, 256, (20, 4, 4), dtype=np.uint8)
T = np.arange(20) % 4


@pytest.fixture
def npz(tmp_path: Path) -> Path:
    path = tmp_path / "mine.npz"
    np.savez(path, x=X, t=T)
    return path


def assert_form(data: tuple, features: int) -> None:
    for x, t in data:
        assert (x.dtype, t.dtype) == (np.float32, np.int64)
        assert x.shape == (len(t), features)


def test_npz_is_flattened_scaled_and_split(npz: Path) -> None:
    data = load_data(npz)
    assert_form(data, 16)
    (x_train, t_train), (x_test, t_test) = data
    assert (len(t_train), len(t_test)) == (16, 4)
    rows = {row.tobytes() for row in X.reshape(20, 16).astype(np.float32) / 255}
    assert {row.tobytes() for row in (*x_train, *x_test)} == rows


def test_npz_keeps_the_test_part_that_it_has(tmp_path: Path) -> None:
    path = tmp_path / "mine.npz"
    np.savez(path, x_train=X, t_train=T, x_test=X[:5], t_test=T[:5])
    data = load_data(path)
    assert_form(data, 16)
    assert [len(t) for _, t in data] == [20, 5]


def test_floats_are_unchanged(tmp_path: Path) -> None:
    path = tmp_path / "mine.npz"
    x = RNG.normal(size=(20, 3))
    np.savez(path, x=x, t=T)
    data = load_data(path)
    values = np.concatenate([x for x, _ in data])
    assert np.isin(x.astype(np.float32), values).all()


def test_csv_of_pixels_and_npz_give_the_same_data(npz: Path, tmp_path: Path) -> None:
    path = tmp_path / "mine.csv"
    np.savetxt(path, np.column_stack([T, X.reshape(20, -1)]), "%d", ",")
    for ours, theirs in zip(load_data(path), load_data(npz), strict=True):
        np.testing.assert_array_equal(ours[0], theirs[0])
        np.testing.assert_array_equal(ours[1], theirs[1])


def test_scale_can_be_forbidden(npz: Path) -> None:
    (x_train, _), _ = load_data(npz, scale=False)
    assert x_train.max() > 1


def test_test_part_may_be_a_file_of_another_kind(npz: Path, tmp_path: Path) -> None:
    path = tmp_path / "test.csv"
    np.savetxt(path, np.column_stack([X.reshape(20, -1), T]), "%d", ",")
    data = load_data(npz, test=path, label_column=-1)
    assert_form(data, 16)
    np.testing.assert_array_equal(data[0][0], data[1][0])


def test_folder_of_four_idx_files_is_read(tiny: dict[str, Path]) -> None:
    data = load_data(tiny["mnist"])
    assert_form(data, 784)
    assert [len(t) for _, t in data] == [20, 10]


def test_idx_images_find_their_labels_beside_them(
    tmp_path: Path, idx_bytes: Callable[[np.ndarray], bytes]
) -> None:
    images = tmp_path / "my-images-idx3-ubyte.gz"
    images.write_bytes(gzip.compress(idx_bytes(X)))
    labels = tmp_path / "my-labels-idx1-ubyte.gz"
    labels.write_bytes(gzip.compress(idx_bytes(T.astype(np.uint8))))
    data = load_data(images)
    assert_form(data, 16)
    assert sum(len(t) for _, t in data) == 20


def test_missing_labels_file_is_refused_by_its_name(
    tmp_path: Path, idx_bytes: Callable[[np.ndarray], bytes]
) -> None:
    images = tmp_path / "my-images-idx3-ubyte"
    images.write_bytes(idx_bytes(X))
    with pytest.raises(DataError, match="my-labels-idx1-ubyte beside it"):
        load_data(images)


def test_idx_images_and_labels_that_differ_in_number_are_refused(
    tmp_path: Path, idx_bytes: Callable[[np.ndarray], bytes]
) -> None:
    images = tmp_path / "images"
    images.write_bytes(idx_bytes(X))
    (tmp_path / "labels").write_bytes(idx_bytes(T[:19].astype(np.uint8)))
    with pytest.raises(DataError, match=r"20 samples and .*labels 19 labels"):
        load_data(images)


def test_labels_instead_of_images_are_refused(
    tmp_path: Path, idx_bytes: Callable[[np.ndarray], bytes]
) -> None:
    images = tmp_path / "images"
    images.write_bytes(idx_bytes(T.astype(np.uint8)))
    (tmp_path / "labels").write_bytes(idx_bytes(T.astype(np.uint8)))
    with pytest.raises(DataError, match=r"has shape \(20,\)"):
        load_data(images)


def test_folder_that_lacks_files_is_refused_with_their_names(
    tiny: dict[str, Path], tmp_path: Path
) -> None:
    folder = tmp_path / "part"
    shutil.copytree(tiny["mnist"], folder)
    (folder / "t10k-labels-idx1-ubyte.gz").unlink()
    with pytest.raises(DataError, match=r"lacks t10k-labels-idx1-ubyte\.gz"):
        load_data(folder)


def test_file_of_an_unknown_kind_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "digits.xlsx"
    path.write_bytes(b"PK")
    with pytest.raises(DataError, match="its name does not say"):
        load_data(path)


def test_two_test_parts_are_refused(npz: Path, tmp_path: Path) -> None:
    path = tmp_path / "both.npz"
    np.savez(path, x_train=X, t_train=T, x_test=X, t_test=T)
    with pytest.raises(DataError, match="has a test part of its own"):
        load_data(path, test=npz)
    with pytest.raises(DataError, match="has a training and a test part"):
        load_data(npz, test=path)


def test_test_part_with_other_features_is_refused(npz: Path, tmp_path: Path) -> None:
    path = tmp_path / "test.npz"
    np.savez(path, x=X[:, :3], t=T)
    with pytest.raises(DataError, match="has 12 features a sample"):
        load_data(npz, test=path)


def test_test_part_with_a_class_never_learned_is_refused(
    npz: Path, tmp_path: Path
) -> None:
    path = tmp_path / "test.npz"
    np.savez(path, x=X, t=T + 1)
    with pytest.raises(DataError, match="has the label 4, which never occurs"):
        load_data(npz, test=path)


def test_missing_value_in_an_npz_is_refused_with_its_index(tmp_path: Path) -> None:
    path = tmp_path / "mine.npz"
    x = np.ones((4, 3))
    x[2, 1] = np.nan
    np.savez(path, x=x, t=[0, 1, 0, 1])
    with pytest.raises(DataError, match=r"mine\.npz: x\[2, 1\] is nan"):
        load_data(path)
