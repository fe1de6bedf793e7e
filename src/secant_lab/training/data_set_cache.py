"""The data sets that races train on: each is read once, and shared by all."""

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
"""How many test digits are looked at while a race runs."""


@dataclass(frozen=True, eq=False)
class DataSet:
    """A set of digits.

    Attributes:
        name: As `secant train --data` takes it.
        source: Where it is from, in words.
        train: What is trained on.
        test: What is tested on.
        shown: Which of the test samples are looked at: as many of each class.
    """

    name: str
    source: str
    train: Samples
    test: Samples
    shown: np.ndarray

    @property
    def pixels(self) -> np.ndarray:
        """The shown digits as they were scanned: uint8, (SHOWN, 784)."""
        return np.round(self.test.x[self.shown] * 255).astype(np.uint8)

    @property
    def labels(self) -> np.ndarray:
        """What they are."""
        return self.test.t[self.shown].argmax(axis=1)


def at_hand() -> list[str]:
    """The names of the sets that this machine has."""
    return [name for name in ("mnist", "fashion-mnist") if find_data_set(name)] + [
        "sample"
    ]


class Shelf:
    """The sets that have been asked for."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._sets: dict[str, DataSet] = {}

    def get(self, name: str) -> DataSet:
        """A set by its name.

        Raises:
            LocalizedError: There is none of that name on this machine.
        """
        with self._lock:
            if name not in self._sets:
                names = at_hand()
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
    """The first few of each class, in the order in which they come."""
    labels = test.t.argmax(axis=1)
    chosen = [
        np.flatnonzero(labels == digit)[: SHOWN // CLASSES] for digit in range(CLASSES)
    ]
    return np.sort(np.concatenate(chosen))
