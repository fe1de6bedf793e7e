"""The data sets of races: each is read once, and all races share it."""

import threading
from dataclasses import dataclass

import numpy as np

from secant import Architecture
from secant.data import find_data_set, load_data_set
from secant.errors import unknown_name
from secant.training import Samples, as_samples
from secant_lab.localized_error import LocalizedError

INPUTS, CLASSES = 784, 10

SHOWN = 40
"""The number of test digits that the page shows during a race."""


@dataclass(frozen=True, eq=False)
class DataSet:
    """A set of digits.

    Attributes:
        name: The name, as `secant train --data` accepts it.
        source: A phrase that says where the digits came from.
        train: The training samples.
        test: The test samples.
        shown: The indices of the shown test samples, as many of each class.
    """

    name: str
    source: str
    train: Samples
    test: Samples
    shown: np.ndarray

    @property
    def pixels(self) -> np.ndarray:
        """The shown digits, uint8 of shape (SHOWN, 784)."""
        return np.round(self.test.x[self.shown] * 255).astype(np.uint8)

    @property
    def labels(self) -> np.ndarray:
        """The labels of the shown digits, of shape (SHOWN,)."""
        return self.test.t[self.shown].argmax(axis=1)


def available_data_sets() -> list[str]:
    """The names of the data sets that this machine has."""
    names = [name for name in ("mnist", "fashion-mnist") if find_data_set(name)]
    return [*names, "sample"]


class DataSetCache:
    """The data sets that have been requested."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._sets: dict[str, DataSet] = {}

    def get(self, name: str) -> DataSet:
        """The data set of a name; the first call reads it.

        Raises:
            LocalizedError: This machine has no data set of that name.
        """
        with self._lock:
            if name not in self._sets:
                names = available_data_sets()
                if name not in names:
                    raise LocalizedError(
                        "data",
                        f"{unknown_name('data set at hand', name, names)} "
                        "`secant data fetch mnist` gets all of MNIST",
                        name=name,
                        known=", ".join(names),
                    )
                self._sets[name] = _read(name)
            return self._sets[name]


def _read(name: str) -> DataSet:
    data, description = load_data_set(name)
    train, test = as_samples(Architecture((INPUTS, CLASSES)), data)
    assert test is not None
    return DataSet(name, description.source, train, test, _shown(test))


def _shown(test: Samples) -> np.ndarray:
    """The indices of the first few samples of each class, in ascending order."""
    labels = test.t.argmax(axis=1)
    chosen = [
        np.flatnonzero(labels == digit)[: SHOWN // CLASSES] for digit in range(CLASSES)
    ]
    return np.sort(np.concatenate(chosen))
