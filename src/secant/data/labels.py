"""Inputs with their labels: the validation, the scaling and the split of a pair."""

from collections.abc import Iterable
from typing import TypeAlias

import numpy as np

from secant.arrays import ArrayLike, first_entry
from secant.errors import DataError

Pair: TypeAlias = tuple[np.ndarray, np.ndarray]
"""Inputs x, one sample a row, and their labels t."""

Data: TypeAlias = tuple[Pair, Pair]
"""((x_train, t_train), (x_test, t_test))."""

MAX_CLASSES = 100_000
"""A larger label is an identifier or a mistake, not a class."""

TEST_SHARE = 0.2
"""The share of each class that `split_samples` puts into the test part."""


def labels_from_array(values: np.ndarray, name: str) -> np.ndarray:
    """Labels as int64 of shape (N,), from whole numbers of any dtype or one-hot rows.

    Args:
        values: Shape (N,), (N, 1), or (N, classes) with a single 1 in each row.
        name: The name and the file of the values, for error messages.

    Raises:
        DataError: A value is not a whole number from 0 to `MAX_CLASSES - 1`, a row is
            not one-hot, or the shape is wrong.

    Example:
        >>> labels_from_array(np.array([2.0, 0.0]), "t")
        array([2, 0])
        >>> labels_from_array(np.array([2.5]), "digits.npz: t")
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
    if values.dtype == np.float16:  # its range does not reach MAX_CLASSES
        values = values.astype(np.float32)
    # The negation makes NaN wrong, too: every comparison with NaN is false.
    wrong = ~((values >= 0) & (values < MAX_CLASSES))
    if values.dtype.kind == "f":
        wrong |= values != np.floor(values)
    if wrong.any():
        raise DataError(
            f"{first_entry(name, wrong)} is {values[wrong][0]}: a label is a whole "
            f"number from 0 to {MAX_CLASSES - 1}; number the classes 0, 1, 2 …"
        )
    return values.astype(np.int64)


def _from_one_hot(rows: np.ndarray, name: str) -> np.ndarray:
    wrong = ((rows != 0) & (rows != 1)).any(axis=1) | ((rows == 1).sum(axis=1) != 1)
    if wrong.any():
        raise DataError(
            f"{first_entry(name, wrong)} is not a one-hot row: a row of "
            f"{rows.shape[1]} must hold a single 1 and otherwise 0; or write labels, a "
            "whole number a sample"
        )
    return rows.argmax(axis=1).astype(np.int64)


def are_pixels(x: np.ndarray) -> bool:
    """Whether x holds 8-bit pixels: uint8, or whole numbers 0–255 that reach 128.

    A CSV file has no dtype, and `np.savez` may store pixels as floats, so the values
    decide. Whole numbers below 128 may be counts and do not qualify.

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
        x: Numbers of shape (N, …).
        name: The name and the file of x, for error messages.
        pixels: Whether to divide by 255, like MNIST's pixels.

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
            "shape (N, features) or (N, height, width), none of them 0"
        )
    with np.errstate(over="ignore"):  # an overflow is an error below
        rows = np.ascontiguousarray(x.reshape(len(x), -1), dtype=np.float32)
    if x.dtype.kind == "f":
        wrong = ~np.isfinite(rows)
        if wrong.any():
            value = x.reshape(rows.shape)[wrong][0]
            raise DataError(
                f"{first_entry(name, wrong)} is {value}: an input must be a finite "
                "number (in float32, below 3.4e38); remove or fill in missing values"
            )
    if pixels:
        rows = rows / np.float32(255)
    return rows


def require_equal_lengths(
    x: np.ndarray, t: np.ndarray, x_name: str, t_name: str
) -> None:
    """Raise a DataError unless each input has one label."""
    if len(x) != len(t):
        raise DataError(
            f"{x_name} has {len(x):,} samples and {t_name} {len(t):,} labels: there "
            "must be one label for each sample"
        )


def split_samples(x: np.ndarray, t: np.ndarray, name: str, seed: int = 0) -> Data:
    """A training and a test part, with a fifth of each class in the test part.

    The test part gets n/5 samples of a class of n ≥ 2, rounded, at least one. A class
    of one sample stays in the training part. Both parts keep the order of the
    samples. The same seed gives the same split.

    Args:
        x: Inputs, shape (N, …).
        t: Labels, shape (N,).
        name: The data's file or name, for the error message.
        seed: The seed that selects the fifth.

    Raises:
        DataError: No class has two samples, so the test part would be empty.

    Example:
        >>> t = np.repeat([0, 1], 10)
        >>> (_, t_train), (_, t_test) = split_samples(np.zeros((20, 3)), t, "zeros")
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
            f"{name}: no class has two samples ({len(t)} in all), so none can be set "
            "apart for the test: add samples, or pass a test file"
        )
    return (x[~test], t[~test]), (x[test], t[test])


# Class balance: samples per class, warnings about them, accuracy per class.

MAX_IMBALANCE = 10
"""Ratio of the largest to the smallest class from which `class_warnings` warns."""

_MAX_LISTED = 6


def class_counts(t: ArrayLike, classes: int) -> np.ndarray:
    """The number of samples of each class, shape (classes,).

    Args:
        t: The labels, (samples,), whole numbers from 0 to `classes - 1`.
        classes: The number of classes.

    Example:
        >>> class_counts([0, 2, 2], 3)
        array([1, 0, 2])
    """
    return np.bincount(np.asarray(t, np.int64), minlength=classes)


def class_warnings(
    train: np.ndarray | None = None, test: np.ndarray | None = None
) -> tuple[str, ...]:
    """Warnings about missing and unbalanced classes, one sentence each.

    The training samples cause a warning if a class has none, or if one class has
    `MAX_IMBALANCE` times as many as another or more. The test samples cause one if a
    class that has training samples has none.

    Args:
        train: The number of training samples of each class, (classes,).
        test: The number of test samples of each class, (classes,).

    Example:
        >>> class_warnings(np.array([500, 30]), np.array([50, 0]))[1]
        'there is no test sample of class 1, so the accuracy on it is not ...'
    """
    sentences = []
    if train is not None:
        absent = np.flatnonzero(train == 0)
        if len(absent):
            sentences.append(
                f"there is no training sample of {_listed(absent)}, so a network "
                "cannot learn it: add some, or number the classes that have samples "
                "from 0"
            )
        present = np.where(train > 0, train, train.max(initial=0))
        few, many = int(present.argmin()), int(train.argmax())
        if train[few] and train[many] >= MAX_IMBALANCE * train[few]:
            sentences.append(
                f"class {many} has {train[many]:,} training samples and class {few} "
                f"has {train[few]:,}: a network that never answers {few} is right "
                "nearly as often, so look at the accuracy of each class"
            )
    if test is not None:
        absent = np.flatnonzero((test == 0) & (True if train is None else train > 0))
        if len(absent):
            sentences.append(
                f"there is no test sample of {_listed(absent)}, so the "
                "accuracy on it is not measured"
            )
    return tuple(sentences)


def recalls(right: np.ndarray, samples: np.ndarray) -> np.ndarray:
    """The share of each class that is right, (classes,); NaN for an empty class.

    Example:
        >>> recalls(np.array([9, 1, 0]), np.array([10, 2, 0]))
        array([0.9, 0.5, nan])
    """
    with np.errstate(invalid="ignore"):
        return right / samples


def balanced_accuracy(right: np.ndarray, samples: np.ndarray) -> float:
    """The mean accuracy over the classes: each class counts equally.

    Classes without samples do not count, as in scikit-learn's
    `balanced_accuracy_score`.

    Source:
        Brodersen et al. 2010, *The Balanced Accuracy and Its Posterior Distribution*.

    Example:
        >>> round(balanced_accuracy(np.array([9, 1, 0]), np.array([10, 2, 0])), 3)
        0.7
    """
    return float(np.nanmean(recalls(right, samples)))


def _listed(classes: Iterable[int]) -> str:
    names = [str(c) for c in classes]
    listed = ", ".join(names[:_MAX_LISTED])
    if len(names) > _MAX_LISTED:
        return f"{len(names):,} classes ({listed}, …)"
    return f"class {listed}" if len(names) == 1 else f"classes {listed}"
