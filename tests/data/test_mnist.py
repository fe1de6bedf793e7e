import gzip
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from secant.data.mnist import load_fashion_mnist, load_mnist, load_mnist_sample
from secant.errors import DataError


def test_forms_of_the_images_and_labels(tiny: dict[str, Path]) -> None:
    (x, t), (x_test, t_test) = load_mnist(folder=tiny["mnist"])
    assert (x.shape, x.dtype, t.shape, t.dtype) == ((20, 784), "f4", (20,), "i8")
    assert (x_test.shape, t_test.shape) == ((10, 784), (10,))
    assert x.min() == 0
    assert x.max() == 1
    (raw, hot), _ = load_mnist(False, True, False, folder=tiny["mnist"])
    assert (raw.shape, raw.dtype) == ((20, 1, 28, 28), "u1")
    assert (hot.shape, hot.dtype) == ((20, 10), "f4")
    np.testing.assert_array_equal(hot.argmax(1), t)
    expected = raw.reshape(20, 784).astype(np.float32) / 255
    np.testing.assert_array_equal(x, expected)


def test_fashion_mnist_has_files_of_its_own(tiny: dict[str, Path]) -> None:
    (x, _), _ = load_fashion_mnist(folder=tiny["fashion-mnist"])
    (other, _), _ = load_mnist(folder=tiny["mnist"])
    assert not np.array_equal(x, other)


def test_sample_has_the_forms_of_mnist() -> None:
    (x, t), (x_test, t_test) = load_mnist_sample(False, True, False)
    assert (x.shape, x.dtype) == ((4000, 1, 28, 28), "u1")
    assert (t.shape, t_test.shape, len(x_test)) == ((4000, 10), (1000, 10), 1000)


def test_sample_that_was_loaded_can_be_written_to_without_harm() -> None:
    for normalize in (True, False):
        (x, t), _ = load_mnist_sample(normalize)
        first = x[0].copy()
        x[0], t[0] = 7, 3
        (again, _), _ = load_mnist_sample(normalize)
        np.testing.assert_array_equal(again[0], first)


def test_set_that_is_not_at_hand_is_refused(no_data: Path) -> None:
    with pytest.raises(DataError, match="MNIST was not found; searched"):
        load_mnist()
    with pytest.raises(DataError, match="secant data fetch fashion-mnist"):
        load_fashion_mnist()


def replace(folder: Path, name: str, content: bytes) -> None:
    (folder / name).write_bytes(gzip.compress(content))


def test_images_of_another_shape_are_refused(
    tiny: dict[str, Path], idx_bytes: Callable[[np.ndarray], bytes]
) -> None:
    content = idx_bytes(np.zeros((19, 28, 28), np.uint8))
    replace(tiny["mnist"], "train-images-idx3-ubyte.gz", content)
    with pytest.raises(DataError, match=r"train-images.*holds uint8 of shape \(19,"):
        load_mnist(folder=tiny["mnist"])


def test_labels_of_another_number_are_refused(
    tiny: dict[str, Path], idx_bytes: Callable[[np.ndarray], bytes]
) -> None:
    content = idx_bytes(np.zeros(19, np.uint8))
    replace(tiny["mnist"], "train-labels-idx1-ubyte.gz", content)
    with pytest.raises(DataError, match=r"train-labels.*of shape \(19,\)"):
        load_mnist(folder=tiny["mnist"])


def test_label_that_is_no_digit_is_refused(
    tiny: dict[str, Path], idx_bytes: Callable[[np.ndarray], bytes]
) -> None:
    labels = np.arange(10, dtype=np.uint8) + 1
    replace(tiny["mnist"], "t10k-labels-idx1-ubyte.gz", idx_bytes(labels))
    with pytest.raises(DataError, match=r"t10k-labels.*label 9 is 10"):
        load_mnist(folder=tiny["mnist"])


def test_incomplete_file_is_refused_by_its_name(tiny: dict[str, Path]) -> None:
    path = tiny["mnist"] / "train-images-idx3-ubyte.gz"
    path.write_bytes(path.read_bytes()[:-100])
    with pytest.raises(DataError, match=r"train-images.*breaks off"):
        load_mnist(folder=tiny["mnist"])


def test_whole_mnist_equals_the_published_data(mnist_at_hand: str) -> None:
    (x, t), (x_test, t_test) = load_mnist(folder=mnist_at_hand)
    assert (x.shape, x_test.shape) == ((60_000, 784), (10_000, 784))
    assert list(t[:5]) == [5, 0, 4, 1, 9]
    assert list(t_test[:5]) == [7, 2, 1, 0, 4]
    assert x.mean(dtype=np.float64) == pytest.approx(0.1307, abs=5e-5)
