"""Targets, the desired outputs: class labels or vectors.

The number of dimensions says which of the two an array holds, never its values: for
outputs of shape (..., classes), targets of shape (...) are labels and targets of shape
(..., classes) are vectors (one-hot, for classes).
"""

from collections.abc import Sequence
from types import ModuleType

import numpy as np

from secant.arrays import (
    Array,
    ArrayLike,
    as_array,
    as_real,
    first_entry,
    is_traced,
    namespace,
)
from secant.errors import InvalidInput
from secant.validation import WholeNumber, validate


def one_hot(labels: ArrayLike, classes: int, dtype: object = None) -> Array:
    """Labels as vectors: 1 at the label, 0 elsewhere.

    Args:
        labels: Whole numbers in [0, classes), any shape.
        classes: The number of classes.
        dtype: The dtype of the result; the engine's default float if not given.

    Returns:
        Shape `labels.shape + (classes,)`. Under `jit` the values of labels are not
        known; a label out of range then gives a row of NaN (of 0 in a dtype without
        NaN).

    Raises:
        InvalidInput: A label is not a whole number or is out of range, or `classes`
            is not a positive whole number.

    Example:
        >>> one_hot([2, 0], 3)
        array([[0., 0., 1.],
               [1., 0., 0.]])
    """
    count = validate("classes", classes, WholeNumber(low=1))
    xp = namespace(labels)
    labels = as_array(labels, "labels", xp)
    _check_labels(labels, count, "labels")
    return _one_hot(labels, count, dtype, xp)


def _one_hot(labels: Array, classes: int, dtype: object, xp: ModuleType) -> Array:
    # `arange` does not take the labels' dtype: uint8 labels may have 1,000 classes.
    meant = labels[..., None] == xp.arange(classes)
    rows = meant.astype(xp.asarray(0.0).dtype if dtype is None else dtype)
    if is_traced(labels) and xp.issubdtype(rows.dtype, xp.inexact):
        known = xp.any(meant, axis=-1, keepdims=True)
        rows = xp.where(known, rows, xp.asarray(xp.nan, rows.dtype))
    return rows


def as_vectors(
    t: ArrayLike,
    shape: Sequence[int],
    dtype: object = None,
    *,
    probabilities: bool,
) -> Array:
    """Targets of either form as vectors of the outputs' shape.

    Args:
        t: Labels of shape `shape[:-1]`, or vectors of shape `shape`.
        shape: The shape of the outputs, (..., classes).
        dtype: The dtype of the result; the engine's default float if not given.
        probabilities: Whether each vector must be one-hot, as for classes.

    Returns:
        Shape `shape`, dtype `dtype`.

    Raises:
        InvalidInput: `t` has another shape, a label is out of range, a value is NaN,
            or a row is not one-hot where it must be.

    Example:
        >>> as_vectors([1], (1, 2), "float32", probabilities=True)
        array([[0., 1.]], dtype=float32)
    """
    xp = namespace(t)
    t = as_array(t, "t", xp)
    shape = tuple(shape)
    if t.shape == shape[:-1]:
        _check_labels(t, shape[-1], "t")
        return _one_hot(t, shape[-1], dtype, xp)
    if t.shape != shape:
        raise InvalidInput(
            f"t has shape {t.shape}, which does not go with outputs of shape {shape}: "
            f"pass class labels of shape {shape[:-1]} or vectors of shape {shape}"
        )
    vectors = as_real(t, "t", xp)
    if not is_traced(vectors):
        values = np.asarray(vectors)
        _refuse_not_finite(values)
        if probabilities:
            _refuse_not_one_hot(values)
    return vectors if dtype is None else vectors.astype(dtype)


def as_labels(t: ArrayLike, shape: Sequence[int]) -> Array:
    """Targets of either form as labels: for a vector, the index of its largest entry.

    Args:
        t: Labels of shape `shape[:-1]`, or vectors of shape `shape`.
        shape: The shape of the outputs, (..., classes).

    Returns:
        Whole numbers of shape `shape[:-1]`.

    Raises:
        InvalidInput: For the reasons of `as_vectors`.

    Example:
        >>> as_labels([[0, 0, 1]], (1, 3))
        array([2])
    """
    xp = namespace(t)
    t = as_array(t, "t", xp)
    if t.shape == tuple(shape)[:-1]:
        _check_labels(t, shape[-1], "t")
        return t
    return xp.argmax(as_vectors(t, shape, probabilities=False), axis=-1)


def _check_labels(labels: Array, classes: int, name: str) -> None:
    if labels.dtype.kind not in "iu":
        raise InvalidInput(
            f"{name} holds {labels.dtype}, and class labels are whole numbers: pass "
            f"{name}.astype(int), or one-hot rows, one entry for each class"
        )
    if is_traced(labels):
        return
    values = np.asarray(labels)
    wrong = (values < 0) | (values >= classes)
    if wrong.any():
        where = first_entry(name, wrong)
        raise InvalidInput(
            f"{where} is {values[wrong][0]}, and with {classes} classes a label is "
            f"one of 0 to {classes - 1}: correct the label, or give the outputs a "
            "column for each class"
        )


def _refuse_not_finite(values: np.ndarray) -> None:
    wrong = ~np.isfinite(values)
    if wrong.any():
        raise InvalidInput(
            f"{first_entry('t', wrong)} is {values[wrong][0]}: a target must be a "
            "finite number; leave out samples that have none"
        )


def _refuse_not_one_hot(values: np.ndarray) -> None:
    ones = (values == 1).sum(axis=-1) == 1
    wrong = ~(ones & ((values == 0).sum(axis=-1) == values.shape[-1] - 1))
    if wrong.any():
        row = values[wrong][0]
        raise InvalidInput(
            f"{first_entry('t', wrong)} is {np.array2string(row, threshold=12)}, which "
            "is not one-hot (a single 1, all else 0): pass one-hot rows, or class "
            "labels, one whole number a sample"
        )
