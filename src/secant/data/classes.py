"""Class balance: samples per class, warnings about them, accuracy per class."""

from collections.abc import Iterable

import numpy as np

from secant.arrays import ArrayLike

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
