"""What every contender is given, and what it gives back."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np


@dataclass(frozen=True)
class Task:
    """The notebook's job: 784-50-10, sigmoid, softmax, cross entropy, plain SGD.

    `indices` are the batches of every step, (iterations, batch_size), the same for
    all: drawn with replacement. Weights start at 0.01 × normal, biases at 0.
    """

    x_train: np.ndarray
    t_train: np.ndarray
    indices: np.ndarray
    hidden: int
    learning_rate: float
    seed: int

    @property
    def iterations(self) -> int:
        return len(self.indices)

    @property
    def batch_size(self) -> int:
        return self.indices.shape[1]

    def start(self) -> list[np.ndarray]:
        """W1, b1, W2, b2 in float32."""
        draw = np.random.default_rng(self.seed)
        inputs, classes = self.x_train.shape[1], int(self.t_train.max()) + 1
        weights = [
            0.01 * draw.standard_normal((inputs, self.hidden)),
            np.zeros(self.hidden),
            0.01 * draw.standard_normal((self.hidden, classes)),
            np.zeros(classes),
        ]
        return [w.astype(np.float32) for w in weights]


class Trained(NamedTuple):
    """What a run gives.

    Attributes:
        weights: W1, b1, W2, b2.
        losses: The mean loss of each step, or of each epoch where the library
            keeps no more.
        note: What was done differently.
        seconds: What the contender itself counts as training, where its call does
            more than train; None: all of the call.
        reckoned: Whether that is reckoned from a part, and nothing was trained.
    """

    weights: list[np.ndarray]
    losses: np.ndarray
    note: str = ""
    seconds: float | None = None
    reckoned: bool = False


Run = Callable[[], Trained]
"""What is timed. All that a fair user would not count (imports, moving the data,
compiling) has happened in the function that made it."""


def accuracy(weights: list[np.ndarray], x: np.ndarray, t: np.ndarray) -> float:
    """The share of samples that are right, outside of anybody's clock."""
    w1, b1, w2, b2 = (np.asarray(w, np.float32) for w in weights)
    z = 1 / (1 + np.exp(-(x @ w1 + b1)))
    return float(np.mean((z @ w2 + b2).argmax(axis=1) == t))
