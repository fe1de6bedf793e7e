"""Your own data from a `.npz`, a CSV, or IDX files, in the form of `load_mnist`."""

import os
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from secant.data.csv_table import read_table
from secant.data.files import PathName, regular_file
from secant.data.idx import read_idx
from secant.data.labels import (
    TEST_SHARE,
    Data,
    Pair,
    are_pixels,
    as_inputs,
    labels_from_array,
    require_equal_lengths,
    split_samples,
)
from secant.data.locations import Location, data_set_not_found, find_data_set
from secant.data.mnist import NAME as SAMPLE
from secant.data.mnist import load_fashion_mnist, load_mnist, load_mnist_sample
from secant.data.npz import read_npz
from secant.data.registry import SPECS, file_in
from secant.errors import DataError, unknown_name

_TEXT_SUFFIXES = (".csv", ".txt")


def load_data(
    path: PathName,
    test: PathName | None = None,
    label_column: str | int | None = None,
    scale: bool | None = None,
) -> Data:
    """Your own data, in the form that `load_mnist` returns.

    | path | read as |
    |---|---|
    | `*.npz` | `x_train, t_train, x_test, t_test`, or `x, t`: see `secant.data.npz` |
    | `*.csv`, `*.txt` | a sample a line: see `secant.data.csv_table` |
    | a folder | four IDX files with the names of MNIST's |
    | any other file | IDX images, with their labels in the file beside it that has \
`labels` for `images` (and `idx1` for `idx3`) in its name |

    Without a test part, a fifth of each class becomes the test part, the same fifth
    every time (`secant.data.labels.split_samples`).

    Args:
        path: The data, or their training part.
        test: The test part, a file of any of these kinds.
        label_column: The column of a CSV's labels: a name or an index from 0. The
            default is the column named `label`, and without a header the first.
        scale: Whether to divide the inputs by 255, like MNIST's. The default divides
            8-bit pixels: uint8, or whole numbers 0–255 that reach 128.

    Returns:
        ((x_train, t_train), (x_test, t_test)): x float32 of shape (N, features), t
        int64 of shape (N,), classes numbered from 0.

    Raises:
        DataError: A file cannot be read, inputs and labels differ in number, or the
            test part has other features, or classes that the training part lacks.

    Example:
        >>> import pathlib, tempfile
        >>> x, t = np.zeros((10, 28, 28), np.uint8), np.repeat([0, 1], 5)
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     path = pathlib.Path(folder, "mine.npz")
        ...     np.savez(path, x=x, t=t)
        ...     (x_train, t_train), (x_test, t_test) = load_data(path)
        >>> x_train.shape, t_train, t_test
        ((8, 784), array([0, 0, 0, 0, 1, 1, 1, 1]), array([0, 1]))
    """
    return load_data_with_notes(path, test, label_column, scale)[0]


def load_data_with_notes(
    path: PathName,
    test: PathName | None = None,
    label_column: str | int | None = None,
    scale: bool | None = None,
) -> tuple[Data, tuple[str, ...]]:
    """The data of `load_data`, and a phrase for each decision that it made."""
    stored_train, stored_test = _read(path, label_column)
    if test is not None:
        if stored_test is not None:
            raise DataError(
                f"{path}: has a test part of its own, and {test} is another one: "
                "pass one of the two"
            )
        stored_test, extra = _read(test, label_column)
        if extra is not None:
            raise DataError(
                f"{test}: has a training and a test part: pass a file of test samples"
            )
    pixels = are_pixels(stored_train[0]) if scale is None else scale
    notes = ["pixels 0–255 divided by 255"] if pixels else []
    train = _validated(stored_train, str(path), pixels)
    if stored_test is None:
        notes.append(f"{TEST_SHARE:.0%} of each class set apart for the test")
        return split_samples(*train, str(path)), tuple(notes)
    test_name = str(test or path)
    test_pair = _validated(stored_test, test_name, pixels)
    _require_compatible(train, test_pair, str(path), test_name)
    return (train, test_pair), tuple(notes)


def _read(path: PathName, label_column: str | int | None) -> tuple[Pair, Pair | None]:
    """The arrays as stored, and the test part or None."""
    if isinstance(path, str | Path) and Path(path).is_dir():
        return _read_folder(Path(path))
    file = regular_file(path)
    if file.suffix.lower() == ".npz":
        return read_npz(file)
    if file.suffix.lower() in _TEXT_SUFFIXES:
        return read_table(file, label_column), None
    return _read_images(file), None


def _read_folder(folder: Path) -> tuple[Pair, Pair | None]:
    names = [file.name for file in SPECS["mnist"].files]
    paths = [file_in(folder, name) for name in names]
    found = [path for path in paths if path is not None]
    if len(found) != len(names):
        missing = [name for name, path in zip(names, paths, strict=True) if not path]
        raise DataError(
            f"{folder}: lacks {', '.join(missing)}: a data folder holds four IDX files "
            "with the names of MNIST's; or pass the path of a .npz or .csv file"
        )
    x_train, t_train, x_test, t_test = found
    return _read_idx_pair(x_train, t_train), _read_idx_pair(x_test, t_test)


def _read_images(images: Path) -> Pair:
    name = images.name.replace("images", "labels")
    labels = images.with_name(name.replace("idx3", "idx1"))
    if labels == images:
        raise DataError(
            f"{images}: its name does not say what it holds: pass a .npz, a .csv, a "
            "folder of IDX files, or an IDX file with 'images' in its name"
        )
    if not labels.is_file():
        raise DataError(
            f"{images}: its labels should be in {labels.name} beside it, and there is "
            "no such file: put them there"
        )
    return _read_idx_pair(images, labels)


def _read_idx_pair(images: Path, labels: Path) -> Pair:
    x, t = read_idx(images), read_idx(labels)
    if x.ndim < 2 or t.ndim > 2:
        raise DataError(
            f"{images} has shape {x.shape} and {labels.name} {t.shape}: images have "
            "shape (N, height, width) and labels (N,)"
        )
    require_equal_lengths(x, t, str(images), str(labels))
    return x, t


def _validated(pair: Pair, name: str, pixels: bool) -> Pair:
    x, t = pair
    return as_inputs(x, f"{name}: x", pixels=pixels), labels_from_array(t, f"{name}: t")


def _require_compatible(
    train: Pair, test: Pair, train_name: str, test_name: str
) -> None:
    """Raise a DataError unless the trained network can read the test part."""
    if train[0].shape[1] != test[0].shape[1]:
        raise DataError(
            f"{test_name}: the test part has {test[0].shape[1]} features a sample, and "
            f"the training part ({train_name}) {train[0].shape[1]}: both need the same"
        )
    new = np.setdiff1d(test[1], train[1])
    if new.size:
        raise DataError(
            f"{test_name}: the test part has the label {new[0]}, which never occurs "
            f"in the training part ({train_name}): add samples of it there, or "
            "remove it"
        )


# Data by name or by path: the values that a command's `--data` accepts.

DATA_SET_NAMES = ("auto", "mnist", "fashion-mnist", "sample")
"""The names that `load_data_set` knows; every other value is a path."""

_LOADERS = {"mnist": load_mnist, "fashion-mnist": load_fashion_mnist}


@dataclass(frozen=True)
class DataSetDescription:
    """A description of loaded data for people.

    Attributes:
        name: "mnist", "fashion-mnist", "sample", or the path as the caller wrote it.
        source: A phrase that says what the data are and where they came from.
    """

    name: str
    source: str


def load_data_set(
    name_or_path: PathName = "auto",
    test: PathName | None = None,
    label_column: str | int | None = None,
) -> tuple[Data, DataSetDescription]:
    """Data by name or by path, flattened and scaled, and their description.

    Args:
        name_or_path: "mnist"; "fashion-mnist"; "sample", the built-in digits; "auto",
            the full MNIST if this machine has it and the sample otherwise; or a path
            that `load_data` accepts.
        test: For a path: the test part, if it is a separate file.
        label_column: For a path to a CSV: the column of the labels.

    Returns:
        ((x_train, t_train), (x_test, t_test)), x float32 of shape (N, features), t
        int64 of shape (N,); and their description.

    Raises:
        InvalidInput: The value is neither a known name nor a path.
        DataError: This machine does not have the data, or a file cannot be read.

    Example:
        >>> data, description = load_data_set("sample")
        >>> description.source
        'sample of 5,000 MNIST digits (built in); the whole set: secant data fetch ...'
        >>> load_data_set("smaple")
        Traceback (most recent call last):
        secant.errors.InvalidInput: there is no data set 'smaple': did you mean ...
    """
    name = os.fspath(name_or_path)
    if name == "auto":
        name = "sample" if find_data_set("mnist") is None else "mnist"
    if name == "sample":
        source = f"{SAMPLE}; the whole set: secant data fetch mnist"
        return load_mnist_sample(), DataSetDescription(name, source)
    if name in _LOADERS:
        location = find_data_set(name)
        if location is None:
            raise data_set_not_found(name)
        return _LOADERS[name](folder=location.folder), _description(name, location)
    if not _looks_like_path(name):
        raise unknown_name("data set", name, DATA_SET_NAMES)
    data, notes = load_data_with_notes(name, test, label_column)
    (x_train, _), (x_test, _) = data
    counts = f"{len(x_train):,} samples to train on, {len(x_test):,} to test on"
    return data, DataSetDescription(name, "; ".join((f"{name}: {counts}", *notes)))


def _description(name: str, location: Location) -> DataSetDescription:
    origin = {
        "SECANT_DATA": "SECANT_DATA",
        "cache": "your cache",
        "system": "the system's data sets",
    }[location.origin]
    source = f"full {SPECS[name].title} from {origin} ({location.folder})"
    return DataSetDescription(name, source)


def _looks_like_path(name: str) -> bool:
    path = Path(name)
    separated = any(mark in name for mark in ("/", os.sep))
    return separated or bool(path.suffix) or os.path.exists(name)
