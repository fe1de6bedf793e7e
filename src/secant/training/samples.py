"""Samples as training takes them: checked once, and put on the device once."""

from dataclasses import dataclass
from functools import cached_property
from typing import Any

import jax.numpy as jnp
import numpy as np

from secant.arrays import Array, ArrayLike
from secant.errors import InvalidInput
from secant.nn.architecture import Architecture
from secant.training.serialization import fingerprint


@dataclass(frozen=True, eq=False)
class Samples:
    """Inputs and targets that have been looked at.

    Any number of runs can share them: they are on the device once.

    Attributes:
        x: Inputs, (samples, inputs), NumPy.
        t: Targets as vectors, (samples, outputs), NumPy.
    """

    x: np.ndarray
    t: np.ndarray

    def __len__(self) -> int:
        return len(self.x)

    @cached_property
    def fingerprint(self) -> str:
        """By which the same samples are known again: a SHA-256."""
        return fingerprint({"x": self.x, "t": self.t})

    @cached_property
    def on_device(self) -> tuple[Array, Array]:
        """`x` and `t` on JAX's device, in its default float."""
        return jnp.asarray(self.x, float), jnp.asarray(self.t, float)


def as_samples(architecture: Architecture, data: Any) -> tuple[Samples, Samples | None]:
    """Data in the form that `fit` takes, validated: training and test samples.

    `fit` and `Training` also take the result, and then do not validate again and put
    nothing on the device twice: several runs share the same samples.

    Args:
        architecture: The network's shape. The inputs have as many features as its
            first layer has units, and the labels fit its last layer.
        data: `(x_train, t_train), (x_test, t_test)`, or `(x_train, t_train)`, each `x`
            of shape (samples, inputs) and each `t` labels of shape (samples,) or
            vectors of shape (samples, outputs); or a result of this function.

    Returns:
        The training samples, and the test samples or None.

    Raises:
        InvalidInput: The data have another form, or do not fit the architecture.

    Example:
        >>> train, test = as_samples(Architecture((2, 2)), ([[0.0, 1.0]], [1]))
        >>> train.t.tolist(), test
        ([[0.0, 1.0]], None)
    """
    try:
        first, second = data
    except (TypeError, ValueError):
        raise InvalidInput(
            f"data is {_described(data)}: pass (x_train, t_train), (x_test, t_test), "
            "or (x_train, t_train) alone"
        ) from None
    if isinstance(first, Samples):
        return first, second
    # A pair of pairs: its first part is no array, but holds one, of samples.
    if isinstance(first, tuple | list) and len(first) == 2 and np.ndim(first[0]) == 2:
        try:
            x_test, t_test = second
        except (TypeError, ValueError):
            raise InvalidInput(
                f"data's test part is {_described(second)}: pass (x_test, t_test)"
            ) from None
        return _samples(architecture, *first), _samples(architecture, x_test, t_test)
    return _samples(architecture, first, second), None


def _samples(architecture: Architecture, x: ArrayLike, t: ArrayLike) -> Samples:
    if np.ndim(x) == 1:
        raise InvalidInput(
            f"x has shape {np.shape(x)}, one sample: pass a data set, of shape "
            "(samples, inputs)"
        )
    return Samples(*architecture.as_batch(np.asarray(x), np.asarray(t)))


def _described(data: Any) -> str:
    if isinstance(data, np.ndarray):
        return f"an array of shape {data.shape}"
    return f"{type(data).__name__}"


# Training samples that are held back, to see how good the network is on others.


def split(samples: Samples, share: float, seed: int) -> tuple[Samples, Samples]:
    """Samples to train on, and those held back: of each class the same share.

    Which ones is drawn from the seed; both parts keep the order that they came in.
    The only sample of a class is trained on.

    Args:
        samples: All of them.
        share: To hold back, between 0 and 1.
        seed: Of the run.

    Raises:
        InvalidInput: One of the parts would be empty.

    Example:
        >>> held = Samples(np.arange(10.0)[:, None], np.eye(2)[[0] * 6 + [1] * 4])
        >>> [part.x.ravel().tolist() for part in split(held, 0.5, seed=0)]
        [[3.0, 4.0, 5.0, 7.0, 9.0], [0.0, 1.0, 2.0, 6.0, 8.0]]
    """
    # Not the batches' draws: those have a key of one number.
    draw = np.random.default_rng(np.random.SeedSequence(seed, spawn_key=(0, 1)))
    classes = samples.t.argmax(axis=1)
    held = np.zeros(len(samples), bool)
    members = [np.flatnonzero(classes == c) for c in np.unique(classes)]
    for own, count in zip(members, _counts(members, share), strict=True):
        held[draw.permutation(own)[:count]] = True
    if not held.any():
        raise InvalidInput(
            f"validation_split is {share:g}, and there are {len(samples)} training "
            "samples: none would be held back; pass a larger share, or more samples"
        )
    return (
        Samples(samples.x[~held], samples.t[~held]),
        Samples(samples.x[held], samples.t[held]),
    )


def _counts(members: list[np.ndarray], share: float) -> np.ndarray:
    """How many of each class are held back: in all the share, to the nearest sample."""
    sizes = np.array([len(own) for own in members])
    counts = np.floor(share * sizes).astype(int)
    left = round(share * sizes.sum()) - int(counts.sum())
    for c in np.argsort(counts - share * sizes, kind="stable")[: max(left, 0)]:
        counts[c] += 1
    return np.minimum(counts, sizes - 1)
