"""The samples of a run: checked once, put on the device once, split for validation."""

from dataclasses import dataclass
from functools import cached_property
from typing import Any

import jax.numpy as jnp
import numpy as np

from secant.arrays import Array, ArrayLike, as_array, jax_array
from secant.errors import InvalidInput
from secant.nn.architecture import Architecture
from secant.training.serialization import fingerprint


@dataclass(frozen=True, eq=False)
class Samples:
    """Inputs and targets that are checked.

    Any number of runs can share them; the device holds them once.

    Attributes:
        x: The inputs, (samples, inputs), NumPy.
        t: The targets as vectors, (samples, outputs), NumPy.
    """

    x: np.ndarray
    t: np.ndarray

    def __len__(self) -> int:
        return len(self.x)

    @cached_property
    def fingerprint(self) -> str:
        """The SHA-256 of the samples, which identifies them."""
        return fingerprint({"x": self.x, "t": self.t})

    @cached_property
    def on_device(self) -> tuple[Array, Array]:
        """`x` and `t` on JAX's device, in its default float.

        Raises:
            InvalidInput: A value is too large for that float.
        """
        dtype = jnp.zeros(()).dtype
        limit = float(jnp.finfo(dtype).max)
        largest = max(float(max(a.max(), -a.min())) for a in (self.x, self.t))
        if largest > limit:
            raise InvalidInput(
                f"the data reach {largest:.3g}, and {dtype} ends at {limit:.3g}: scale "
                "them, such as to 0 … 1"
            )
        return jax_array(self.x, dtype), jax_array(self.t, dtype)


def as_samples(architecture: Architecture, data: Any) -> tuple[Samples, Samples | None]:
    """Data in the form that `fit` takes, validated: training and test samples.

    `fit` and `Trainer` also take the result, and then do not validate again and put
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
            f"data is {_describe(data)}: pass (x_train, t_train), (x_test, t_test), "
            "or (x_train, t_train) alone"
        ) from None
    if isinstance(first, Samples):
        return first, second
    # In a pair of pairs, the first part is not an array, but holds one, of samples.
    if isinstance(first, tuple | list) and len(first) == 2 and np.ndim(first[0]) == 2:
        try:
            x_test, t_test = second
        except (TypeError, ValueError):
            raise InvalidInput(
                f"data's test part is {_describe(second)}: pass (x_test, t_test)"
            ) from None
        return _samples(architecture, *first), _samples(architecture, x_test, t_test)
    return _samples(architecture, first, second), None


def _samples(architecture: Architecture, x: ArrayLike, t: ArrayLike) -> Samples:
    if np.ndim(x) == 1:
        raise InvalidInput(
            f"x has shape {np.shape(x)}, one sample: pass a data set, of shape "
            "(samples, inputs)"
        )
    return Samples(*architecture.as_batch(_as_numpy(x, "x"), _as_numpy(t, "t")))


def _as_numpy(values: ArrayLike, name: str) -> np.ndarray:
    array = as_array(values, name, np)
    # NumPy has no bfloat16 of its own; float32 holds each of its values.
    return array.astype(np.float32) if array.dtype == jnp.bfloat16 else array


def _describe(data: Any) -> str:
    if isinstance(data, np.ndarray):
        return f"an array of shape {data.shape}"
    return f"{type(data).__name__}"


def split_validation(
    samples: Samples, share: float, seed: int
) -> tuple[Samples, Samples]:
    """Splits samples into training and validation samples, by the same share per class.

    The seed determines the draw; both parts keep the order of the samples. If a class
    has one sample, it is a training sample.

    Args:
        samples: All samples.
        share: The share of the validation samples, between 0 and 1.
        seed: The seed of the run.

    Raises:
        InvalidInput: One of the parts would be empty.

    Example:
        >>> all_ten = Samples(np.arange(10.0)[:, None], np.eye(2)[[0] * 6 + [1] * 4])
        >>> parts = split_validation(all_ten, 0.5, seed=0)
        >>> [part.x.ravel().tolist() for part in parts]
        [[3.0, 4.0, 5.0, 7.0, 9.0], [0.0, 1.0, 2.0, 6.0, 8.0]]
    """
    # The key has two numbers: keys of one number belong to the batches.
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
    """The validation samples of each class; their sum is the share, rounded."""
    sizes = np.array([len(own) for own in members])
    counts = np.floor(share * sizes).astype(int)
    left = round(share * sizes.sum()) - int(counts.sum())
    for c in np.argsort(counts - share * sizes, kind="stable")[: max(left, 0)]:
        counts[c] += 1
    return np.minimum(counts, sizes - 1)
