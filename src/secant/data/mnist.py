"""MNIST, Fashion-MNIST and the built-in digits, in the forms that courses use."""

from pathlib import Path
from zipfile import ZipFile

import numpy as np

from secant.data.files import PathName
from secant.data.idx import read_idx
from secant.data.labels import Data, Pair, labels_from_array
from secant.data.locations import data_set_not_found, find_data_set
from secant.data.npz import read_npz
from secant.data.registry import File, Spec, file_in, spec_named
from secant.errors import DataError

# The built-in digits: `sample.npz`, beside this file.

PATH = Path(__file__).with_name("sample.npz")

NAME = "sample of 5,000 MNIST digits (built in)"


def read_sample() -> Data:
    """The digits as stored: uint8 of shape (N, 28, 28), and their labels.

    Returns:
        4,000 to train on and 1,000 to test on, equally many of each class, shuffled.

    Example:
        >>> (x_train, t_train), (x_test, t_test) = read_sample()
        >>> x_train.shape, x_test.shape
        ((4000, 28, 28), (1000, 28, 28))
    """
    train, test = read_npz(PATH)
    if test is None:
        raise DataError(f"{PATH}: has no test part: install the package again")
    return train, test


def provenance() -> str:
    """The authors, the source and the licence of the digits.

    Example:
        >>> "CC BY-SA 3.0" in provenance()
        True
    """
    with ZipFile(PATH) as archive:
        return archive.read("about.txt").decode()


def load_mnist(
    normalize: bool = True,
    one_hot_label: bool = False,
    flatten: bool = True,
    folder: PathName | None = None,
) -> Data:
    """MNIST: 60,000 handwritten digits to train on, 10,000 to test on.

    The files come from `folder` if it is given, else from `$SECANT_DATA`, the user's
    cache, or the system's folder of data sets. Nothing is downloaded.

    Args:
        normalize: True: pixels as float32 from 0 to 1; False: as uint8 from 0 to 255.
        one_hot_label: True: labels as one-hot rows in float32; False: as int64.
        flatten: True: an image is a row of 784 pixels; False: its shape is
            (1, 28, 28).
        folder: A folder that holds the four IDX files, or a folder `mnist` with them.

    Returns:
        ((x_train, t_train), (x_test, t_test)): x of shape (N, 784) or
        (N, 1, 28, 28), t of shape (N,) or (N, 10).

    Raises:
        DataError: MNIST was not found, or a file is damaged.

    Example:
        >>> (x_train, t_train), _ = load_mnist()  # doctest: +SKIP
        >>> x_train.shape, t_train.shape  # doctest: +SKIP
        ((60000, 784), (60000,))
    """
    data = _read(spec_named("mnist"), folder)
    return _in_form(data, normalize, one_hot_label, flatten)


def load_fashion_mnist(
    normalize: bool = True,
    one_hot_label: bool = False,
    flatten: bool = True,
    folder: PathName | None = None,
) -> Data:
    """Fashion-MNIST: pieces of clothing in MNIST's form, a harder task.

    Args:
        normalize: As for `load_mnist`.
        one_hot_label: As for `load_mnist`.
        flatten: As for `load_mnist`.
        folder: A folder that holds the four files, or a folder `fashion-mnist` with
            them.

    Returns:
        As `load_mnist`; the classes are T-shirt, trousers, pullover, dress, coat,
        sandal, shirt, sneaker, bag and ankle boot.

    Raises:
        DataError: Fashion-MNIST was not found, or a file is damaged.
    """
    data = _read(spec_named("fashion-mnist"), folder)
    return _in_form(data, normalize, one_hot_label, flatten)


def load_mnist_sample(
    normalize: bool = True, one_hot_label: bool = False, flatten: bool = True
) -> Data:
    """5,000 digits of MNIST that come with the package: 4,000 to train on.

    500 of each digit, all from MNIST's training set; 400 of each are in the training
    part and 100 of each in the test part.

    Args:
        normalize: As for `load_mnist`.
        one_hot_label: As for `load_mnist`.
        flatten: As for `load_mnist`.

    Returns:
        As `load_mnist`.

    Example:
        >>> (x_train, t_train), (x_test, t_test) = load_mnist_sample()
        >>> x_train.shape, x_test.shape, x_train.dtype
        ((4000, 784), (1000, 784), dtype('float32'))
        >>> t_test[:5]
        array([...])
    """
    return _in_form(read_sample(), normalize, one_hot_label, flatten)


def _read(spec: Spec, folder: PathName | None) -> Data:
    location = find_data_set(spec.name, folder)
    if location is None:
        raise data_set_not_found(spec.name, folder)

    def array(file: File) -> np.ndarray:
        path = file_in(location.folder, file.name)
        if path is None:  # deleted after `find` saw it
            raise data_set_not_found(spec.name, folder)
        found = read_idx(path)
        if found.shape != file.shape or found.dtype != np.uint8:
            raise DataError(
                f"{path}: holds {found.dtype} of shape {found.shape}, and {spec.title} "
                f"has uint8 of shape {file.shape} there: for your own data use "
                "load_data(folder)"
            )
        if found.ndim == 1 and found.max() >= spec.classes:
            at = int(np.argmax(found >= spec.classes))
            raise DataError(
                f"{path}: label {at} is {found[at]}, and {spec.title} has the classes "
                f"0 to {spec.classes - 1}: the file is damaged, get it again"
            )
        return found

    return (
        (array(spec.x_train), array(spec.t_train)),
        (array(spec.x_test), array(spec.t_test)),
    )


def _in_form(data: Data, normalize: bool, one_hot_label: bool, flatten: bool) -> Data:
    def form(pair: Pair) -> Pair:
        x, t = pair
        x = x.reshape(len(x), -1) if flatten else x.reshape(len(x), 1, *x.shape[-2:])
        if normalize:  # bit for bit x.astype(float32) / 255, in one pass
            x = np.divide(x, np.float32(255), dtype=np.float32)
        labels = labels_from_array(t, "labels")
        return x, np.eye(10, dtype=np.float32)[labels] if one_hot_label else labels

    train, test = data
    return form(train), form(test)
