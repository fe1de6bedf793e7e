"""Data by name or by path: what a command's `--data` may say."""

import os
from dataclasses import dataclass
from pathlib import Path

from secant.data.files import PathName
from secant.data.mnist import load_fashion_mnist, load_mnist, load_mnist_sample
from secant.data.own import load_data_with_notes
from secant.data.pairs import Data
from secant.data.places import Place, find, not_at_hand
from secant.data.sample import NAME as SAMPLE
from secant.data.specs import SPECS
from secant.errors import unknown_name

NAMES = ("auto", "mnist", "fashion-mnist", "sample")
"""The names that `load` knows; anything else is a path."""

_LOADERS = {"mnist": load_mnist, "fashion-mnist": load_fashion_mnist}


@dataclass(frozen=True)
class Description:
    """What was loaded, for people to read.

    Attributes:
        name: "mnist", "fashion-mnist", "sample", or the path as it was given.
        source: A phrase that says what the data are and where they came from.
    """

    name: str
    source: str


def load(
    name_or_path: PathName = "auto",
    test: PathName | None = None,
    label_column: str | int | None = None,
) -> tuple[Data, Description]:
    """Data by name or by path, flattened and scaled, with what they are.

    Args:
        name_or_path: "mnist"; "fashion-mnist"; "sample", the digits built in; "auto",
            the whole of MNIST where it is at hand and the sample where not; or a path
            as `own.load_data` takes it.
        test: For a path: the test part, if it is a file of its own.
        label_column: For a path to a CSV: where the labels are.

    Returns:
        ((x_train, t_train), (x_test, t_test)), x float32 of shape (N, features), t
        int64 of shape (N,); and their description.

    Raises:
        InvalidInput: There is no such name, and it looks like no path either.
        DataError: The data are not at hand, or a file cannot be read.

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
        place = find(name)
        if place is None:
            raise not_at_hand(name)
        return _LOADERS[name](folder=place.folder), _described(name, place)
    if not _looks_like_path(name):
        raise unknown_name("data set", name, NAMES)
    data, notes = load_data_with_notes(name, test, label_column)
    (x_train, _), (x_test, _) = data
    counts = f"{len(x_train):,} samples to train on, {len(x_test):,} to test on"
    return data, Description(name, "; ".join((f"{name}: {counts}", *notes)))


def _described(name: str, place: Place) -> Description:
    origin = {
        "SECANT_DATA": "SECANT_DATA",
        "cache": "your cache",
        "system": "the system's data sets",
    }[place.origin]
    source = f"full {SPECS[name].title} from {origin} ({place.folder})"
    return Description(name, source)


def _looks_like_path(name: str) -> bool:
    path = Path(name)
    separated = any(mark in name for mark in ("/", os.sep))
    return separated or bool(path.suffix) or os.path.exists(name)
