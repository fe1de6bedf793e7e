"""Inputs and the labels that belong to them: what makes a pair fit to learn from."""

from typing import TypeAlias

import numpy as np

from secant.arrays import place
from secant.errors import DataError

Pair: TypeAlias = tuple[np.ndarray, np.ndarray]
"""Inputs x, one sample a row, and their labels t."""

Data: TypeAlias = tuple[Pair, Pair]
"""((x_train, t_train), (x_test, t_test))."""

MAX_CLASSES = 100_000
"""A label beyond this is an identifier or an accident, not a class."""

TEST_SHARE = 0.2


def as_labels(values: np.ndarray, name: str) -> np.ndarray:
    """Labels as int64 of shape (N,), from whole numbers of any dtype or one-hot rows.

    Args:
        values: Shape (N,), (N, 1), or (N, classes) with a single 1 in each row.
        name: What the values are and where they stand, for the messages.

    Raises:
        DataError: A value is not a whole number from 0 to `MAX_CLASSES`, a row is
            not one-hot, or the shape is another.

    Example:
        >>> as_labels(np.array([2.0, 0.0]), "t")
        array([2, 0])
        >>> as_labels(np.array([2.5]), "digits.npz: t")
        Traceback (most recent call last):
        secant.errors.DataError: digits.npz: t[0] is 2.5: a label is a whole number...
    """
    if values.ndim == 2 and values.shape[1] > 1:
        return _from_one_hot(values, name)
    if values.ndim == 2:
        values = values[:, 0]
    if values.ndim != 1 or values.dtype.kind not in "biuf":
        raise DataError(
            f"{name} has shape {values.shape} and holds {values.dtype}: labels are "
            "whole numbers of shape (N,), or one-hot rows of shape (N, classes)"
        )
    if values.dtype == np.float16:  # too short to be compared with MAX_CLASSES
        values = values.astype(np.float32)
    # Written so that NaN is wrong too: it compares false with everything.
    wrong = ~((values >= 0) & (values < MAX_CLASSES))
    if values.dtype.kind == "f":
        wrong |= values != np.floor(values)
    if wrong.any():
        raise DataError(
            f"{place(name, wrong)} is {values[wrong][0]}: a label is a whole number "
            f"from 0 to {MAX_CLASSES - 1}; number the classes 0, 1, 2 …"
        )
    return values.astype(np.int64)


def _from_one_hot(rows: np.ndarray, name: str) -> np.ndarray:
    wrong = ((rows != 0) & (rows != 1)).any(axis=1) | ((rows == 1).sum(axis=1) != 1)
    if wrong.any():
        raise DataError(
            f"{place(name, wrong)} is no one-hot row: a row of {rows.shape[1]} must "
            "hold a single 1 and else 0; or write labels, one whole number a sample"
        )
    return rows.argmax(axis=1).astype(np.int64)


def are_pixels(x: np.ndarray) -> bool:
    """Whether x holds 8-bit pixels: uint8, or whole numbers 0–255 that reach 128.

    A CSV file or a careless `np.savez` keeps no dtype, hence the look at the values;
    whole numbers that stay below 128 may be counts and are left as they are.

    Example:
        >>> are_pixels(np.array([0.0, 17.0, 255.0])), are_pixels(np.array([0.0, 1.0]))
        (True, False)
    """
    if x.dtype == np.uint8:
        return True
    if x.dtype.kind not in "iuf" or not 128 <= x.max() <= 255 or x.min() < 0:
        return False
    return x.dtype.kind != "f" or bool((x == np.floor(x)).all())


def as_inputs(x: np.ndarray, name: str, *, pixels: bool) -> np.ndarray:
    """Inputs as float32 of shape (N, features), one sample a row.

    Args:
        x: Shape (N, …): numbers.
        name: What x is and where it stands, for the messages.
        pixels: Divide by 255, as MNIST's pixels are.

    Raises:
        DataError: x has no samples or no features, or holds a number that is not
            finite in float32.

    Example:
        >>> as_inputs(np.array([[[0, 255]]], np.uint8), "x", pixels=True)
        array([[0., 1.]], dtype=float32)
    """
    if x.ndim < 2 or x.size == 0 or x.dtype.kind not in "biuf":
        raise DataError(
            f"{name} has shape {x.shape} and holds {x.dtype}: inputs are numbers of "
            "shape (N, features) or (N, height, width), N and the others from 1"
        )
    with np.errstate(over="ignore"):  # what overflows is refused right below
        rows = np.ascontiguousarray(x.reshape(len(x), -1), dtype=np.float32)
    if x.dtype.kind == "f":
        wrong = ~np.isfinite(rows)
        if wrong.any():
            raise DataError(
                f"{place(name, wrong)} is {x.reshape(rows.shape)[wrong][0]}: an input "
                "must be a finite number (in float32, below 3.4e38); leave out or fill "
                "in what is missing"
            )
    if pixels:
        rows = rows / np.float32(255)
    return rows


def refuse_unequal(x: np.ndarray, t: np.ndarray, x_name: str, t_name: str) -> None:
    """Raise a DataError unless there is one label for each input."""
    if len(x) != len(t):
        raise DataError(
            f"{x_name} has {len(x):,} samples and {t_name} {len(t):,} labels: there "
            "must be one label for each sample"
        )


def split(x: np.ndarray, t: np.ndarray, name: str, seed: int = 0) -> Data:
    """A fifth of each class set apart for the test, the same fifth every time.

    Of a class of n ≥ 2 samples, n/5 are set apart, rounded, at least one; a class of
    one sample stays in the training part. Both parts keep the order they came in.

    Args:
        x: Inputs, shape (N, …).
        t: Labels, shape (N,).
        name: Where they came from, for the message.
        seed: Which fifth.

    Raises:
        DataError: No class has two samples, so that nothing can be set apart.

    Example:
        >>> t = np.repeat([0, 1], 10)
        >>> (_, t_train), (_, t_test) = split(np.zeros((20, 3)), t, "zeros")
        >>> np.bincount(t_train), np.bincount(t_test)
        (array([8, 8]), array([2, 2]))
    """
    rng = np.random.default_rng(seed)
    test = np.zeros(len(t), bool)
    for label in np.unique(t):
        members = rng.permutation(np.flatnonzero(t == label))
        count = max(1, round(len(members) * TEST_SHARE)) if len(members) > 1 else 0
        test[members[:count]] = True
    if not test.any():
        raise DataError(
            f"{name}: no class has two samples ({len(t)} in all), so that none can be "
            "set apart for the test; add samples, or pass a test file"
        )
    return (x[~test], t[~test]), (x[test], t[test])
