"""Data by name or by path: the values that a command's `--data` accepts."""

import os
from dataclasses import dataclass
from pathlib import Path

from secant.data.files import PathName
from secant.data.mnist import load_fashion_mnist, load_mnist, load_mnist_sample
from secant.data.own import load_data_with_notes
from secant.data.pairs import Data
from secant.data.places import Location, data_set_not_found, find
from secant.data.sample import NAME as SAMPLE
from secant.data.specs import SPECS
from secant.errors import unknown_name

NAMES = ("auto", "mnist", "fashion-mnist", "sample")
"""The names that `load` knows; every other value is a path."""

_LOADERS = {"mnist": load_mnist, "fashion-mnist": load_fashion_mnist}


@dataclass(frozen=True)
class Description:
    """A description of loaded data for people.

    Attributes:
        name: "mnist", "fashion-mnist", "sample", or the path as the caller wrote it.
        source: A phrase that says what the data are and where they came from.
    """

    name: str
    source: str


def load(
    name_or_path: PathName = "auto",
    test: PathName | None = None,
    label_column: str | int | None = None,
) -> tuple[Data, Description]:
    """Data by name or by path, flattened and scaled, and their description.

    Args:
        name_or_path: "mnist"; "fashion-mnist"; "sample", the built-in digits; "auto",
            the full MNIST if this machine has it and the sample otherwise; or a path
            that `own.load_data` accepts.
        test: For a path: the test part, if it is a separate file.
        label_column: For a path to a CSV: the column of the labels.

    Returns:
        ((x_train, t_train), (x_test, t_test)), x float32 of shape (N, features), t
        int64 of shape (N,); and their description.

    Raises:
        InvalidInput: The value is neither a known name nor a path.
        DataError: This machine does not have the data, or a file cannot be read.

    Example:
        >>> data, description = load("sample")
        >>> description.source
        'sample of 5,000 MNIST digits (built in); the whole set: secant data fetch ...'
        >>> load("smaple")
        Traceback (most recent call last):
        secant.errors.InvalidInput: there is no data set 'smaple': did you mean ...
    """
    name = os.fspath(name_or_path)
    if name == "auto":
        name = "sample" if find("mnist") is None else "mnist"
    if name == "sample":
        source = f"{SAMPLE}; the whole set: secant data fetch mnist"
        return load_mnist_sample(), Description(name, source)
    if name in _LOADERS:
        location = find(name)
        if location is None:
            raise data_set_not_found(name)
        return _LOADERS[name](folder=location.folder), _description(name, location)
    if not _looks_like_path(name):
        raise unknown_name("data set", name, NAMES)
    data, notes = load_data_with_notes(name, test, label_column)
    (x_train, _), (x_test, _) = data
    counts = f"{len(x_train):,} samples to train on, {len(x_test):,} to test on"
    return data, Description(name, "; ".join((f"{name}: {counts}", *notes)))


def _description(name: str, location: Location) -> Description:
    origin = {
        "SECANT_DATA": "SECANT_DATA",
        "cache": "your cache",
        "system": "the system's data sets",
    }[location.origin]
    source = f"full {SPECS[name].title} from {origin} ({location.folder})"
    return Description(name, source)


def _looks_like_path(name: str) -> bool:
    path = Path(name)
    separated = any(mark in name for mark in ("/", os.sep))
    return separated or bool(path.suffix) or os.path.exists(name)
