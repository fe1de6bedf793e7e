"""How many samples each class has, and what is amiss with that."""

from collections.abc import Iterable

import numpy as np

from secant.arrays import ArrayLike

UNBALANCED = 10
"""So many times as many samples as another a class has at most, to be left unsaid."""

_NAMED = 6


def counted(t: ArrayLike, classes: int) -> np.ndarray:
    """How many samples each class has, shape (classes,).

    Args:
        t: Their labels, (samples,), whole numbers from 0 to `classes - 1`.
        classes: How many there are.

    Example:
        >>> counted([0, 2, 2], 3)
        array([1, 0, 2])
    """
    return np.bincount(np.asarray(t, np.int64), minlength=classes)


def amiss(
    train: np.ndarray | None = None, test: np.ndarray | None = None
) -> tuple[str, ...]:
    """What is to be said of samples so divided, a sentence each.

    Said of the training samples: a class has none, or one has `UNBALANCED` times as
    many as another or more. Of the test samples: a class has none, that has training
    samples.

    Args:
        train: How many training samples each class has, (classes,).
        test: How many test samples.

    Example:
        >>> amiss(np.array([500, 30]), np.array([50, 0]))[1]
        'there is no test sample of class 1, so how good a network is at it is not ...'
    """
    said = []
    if train is not None:
        absent = np.flatnonzero(train == 0)
        if len(absent):
            said.append(
                f"there is no training sample of {_named(absent)}, so a network cannot "
                "learn it: add some, or number the classes that there are from 0 on"
            )
        present = np.where(train > 0, train, train.max(initial=0))
        few, many = int(present.argmin()), int(train.argmax())
        if train[few] and train[many] >= UNBALANCED * train[few]:
            said.append(
                f"class {many} has {train[many]:,} training samples and class {few} "
                f"has {train[few]:,}: a network that never answers {few} is right "
                "nearly as often, so look at the accuracy of each class"
            )
    if test is not None:
        absent = np.flatnonzero((test == 0) & (True if train is None else train > 0))
        if len(absent):
            said.append(
                f"there is no test sample of {_named(absent)}, so how good a network "
                "is at it is not measured"
            )
    return tuple(said)


def recalls(right: np.ndarray, samples: np.ndarray) -> np.ndarray:
    """Which share of each class is right, (classes,); NaN where a class has no sample.

    Example:
        >>> recalls(np.array([9, 1, 0]), np.array([10, 2, 0]))
        array([0.9, 0.5, nan])
    """
    with np.errstate(invalid="ignore"):
        return right / samples


def balanced_accuracy(right: np.ndarray, samples: np.ndarray) -> float:
    """The mean of the classes' accuracies: each counts alike, however many it has.

    Classes without samples are left out, as scikit-learn's `balanced_accuracy_score`
    does.

    Source:
        Brodersen et al. 2010, *The Balanced Accuracy and Its Posterior Distribution*.

    Example:
        >>> round(balanced_accuracy(np.array([9, 1, 0]), np.array([10, 2, 0])), 3)
        0.7
    """
    return float(np.nanmean(recalls(right, samples)))


def _named(classes: Iterable[int]) -> str:
    names = [str(c) for c in classes]
    listed = ", ".join(names[:_NAMED])
    if len(names) > _NAMED:
        return f"{len(names):,} classes ({listed}, …)"
    return f"class {listed}" if len(names) == 1 else f"classes {listed}"
