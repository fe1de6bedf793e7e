"""Gradient descent on any function: step against the gradient, and say what happened.

    x ← x - learning rate × gradient

The gradient points where the function rises most; minus it, where it falls most.
"""

import warnings
from collections.abc import Callable
from dataclasses import dataclass
from enum import Enum
from operator import index
from typing import Any

import numpy as np

from secant.arrays import ArrayLike, as_real
from secant.errors import InvalidInput
from secant.slopes import numerical_gradient

# Converged: the slope has fallen to this share of what it was at the start.
_FLAT = 1e-5
# Hardly moved: the slope at the end differs from that at the start by less.
_SAME = 0.01
# A slope is 0 as far as can be told if f's own rounding could make it.
_ROUNDING = 1e-10


class DescentWarning(UserWarning):
    """A descent that ended where it was not meant to."""


class Status(Enum):
    """How a descent ended.

    Judged by ratios only, so that neither the scale of x or f nor a constant added
    to f matters; the first that holds is taken:

    | status | when |
    |---|---|
    | `STARTED_FLAT` | the gradient at the start is 0 (to f's rounding) |
    | `DIVERGED` | the values end above the start's, or left the finite numbers |
    | `CONVERGED` | the gradient's norm fell to 1e-5 of the start's, or to 0 |
    | `BOUNCES` | of the last ten steps, at least three turned the gradient round \
without making it smaller |
    | `HARDLY_MOVED` | the gradient changed by less than 1 % of its norm, and x by \
less than 1 % of its own |
    | `STILL_FALLING` | else |
    """

    CONVERGED = "converged"
    STILL_FALLING = "still falling"
    BOUNCES = "bounces"
    DIVERGED = "diverged"
    HARDLY_MOVED = "hardly moved"
    STARTED_FLAT = "started flat"


@dataclass(frozen=True)
class Descent:
    """A descent: where it went and what became of it.

    Attributes:
        path: Every x, from the start on, (steps + 1, *shape), float64.
        values: f along the path, (steps + 1,).
        gradient_norms: The gradient's length along the path, (steps + 1,).
        status: How it ended.
        message: The same as a sentence, with its numbers.
        learning_rate: The rate of the steps.
    """

    path: np.ndarray
    values: np.ndarray
    gradient_norms: np.ndarray
    status: Status
    message: str
    learning_rate: float

    @property
    def x(self) -> np.ndarray:
        """Where the descent ended."""
        return self.path[-1].copy()

    @property
    def value(self) -> float:
        """F there."""
        return float(self.values[-1])

    def __str__(self) -> str:
        return self.message


def gradient_descent(
    f: Callable[[Any], Any], init_x: ArrayLike, lr: float = 0.01, step_num: int = 100
) -> np.ndarray:
    """Where descent on f ends: `step_num` times `x ← x - lr × gradient`.

    Args:
        f: A function of an array like `init_x` that gives a number.
        init_x: The start, any shape; it is not changed.
        lr: The learning rate.
        step_num: How many steps.

    Returns:
        The last x, float64. Where the descent left the finite numbers, the last
        that was among them.

    Raises:
        InvalidInput: An argument cannot be worked with; f gives no number at the
            start.

    Warns:
        DescentWarning: The descent diverged.

    Example:
        >>> gradient_descent(lambda x: (x**2).sum(), [-3.0, 4.0], lr=0.1)
        array([-6.11110793e-10,  8.14814391e-10])
    """
    descent = descend(f, init_x, lr, step_num)
    if descent.status is Status.DIVERGED:
        warnings.warn(descent.message, DescentWarning, stacklevel=2)
    return descent.x


def descend(
    f: Callable[[Any], Any],
    init_x: ArrayLike,
    lr: float = 0.01,
    step_num: int = 100,
    gradient: Callable[[Callable[[Any], Any], np.ndarray], Any] = numerical_gradient,
) -> Descent:
    """Gradient descent with its path, and a word on what happened.

    Args:
        f: A function of an array like `init_x` that gives a number.
        init_x: The start, any shape; it is not changed.
        lr: The learning rate: a step subtracts lr × gradient.
        step_num: How many steps.
        gradient: `(f, x) -> gradient of f at x`, of x's shape.

    Returns:
        The path, the values and what became of it. A descent that leaves the finite
        numbers ends there, with all of its path before.

    Raises:
        InvalidInput: An argument cannot be worked with; f gives no number at the
            start. What f raises passes through.

    Example:
        >>> print(descend(lambda x: (x**2).sum(), [-3.0, 4.0], lr=10.0))
        diverged at step 1: the value rose from 25 to 9025 and did not come back; the
        learning rate 10 is too large: try 1
    """
    x = np.array(as_real(init_x, "init_x"), np.float64)
    lr = _checked_rate(lr)
    step_num = _checked_count(step_num)

    def look(x: np.ndarray) -> tuple[float, np.ndarray]:
        slope = np.asarray(gradient(f, x.copy()), np.float64)
        return float(f(x.copy())), slope

    value, slope = look(x)
    if not np.isfinite(value):
        raise InvalidInput(f"f is {value} at init_x: start where it is finite")
    path, values, slopes = [x], [value], [slope]
    lost = False
    for _ in range(step_num):
        with np.errstate(over="ignore", invalid="ignore"):
            x = x - lr * slope
        try:
            with np.errstate(over="ignore", invalid="ignore"):
                value, slope = look(x)
        except (InvalidInput, OverflowError):
            # So far out that f or a nudge is no number any more.
            lost = True
            break
        if not (np.isfinite(value) and np.isfinite(slope).all()):
            lost = True
            break
        path.append(x)
        values.append(value)
        slopes.append(slope)
    status, message = _verdict(
        np.array(path), np.array(values), np.array(slopes), lr, lost
    )
    norms = np.array([np.linalg.norm(slope) for slope in slopes])
    return Descent(
        np.array(path), np.array(values), norms, status, message, learning_rate=lr
    )


def _verdict(
    path: np.ndarray, values: np.ndarray, slopes: np.ndarray, lr: float, lost: bool
) -> tuple[Status, str]:
    slopes = slopes.reshape(len(slopes), -1)
    norms = np.linalg.norm(slopes, axis=1)
    # + 0.0: so that no message says "-0".
    steps, first, last = len(values) - 1, values[0] + 0.0, values[-1] + 0.0
    fell = f"the value fell from {first:.4g} to {last:.4g} in {steps} steps"
    too_large = f"the learning rate {lr:g} is too large: try {lr / 10:g}"

    rounding = _ROUNDING * max(abs(first), np.finfo(float).tiny)
    if norms[0] <= rounding and not lost:
        return Status.STARTED_FLAT, (
            "the gradient at the start is 0, so no step goes anywhere: the start is a "
            "minimum, a saddle or a maximum; start elsewhere to find out"
        )
    rose = np.flatnonzero(np.diff(values) > 0)
    if lost or last > first + rounding * norms[0]:
        step = int(rose[0]) + 1 if rose.size else steps + 1
        rise = (
            f"the value rose from {values[step - 1]:.4g} to {values[step]:.4g}"
            if step <= steps
            else f"the value left the finite numbers from {last:.4g}"
        )
        return Status.DIVERGED, (
            f"diverged at step {step}: {rise} and did not come back; {too_large}"
        )
    if norms[-1] <= _FLAT * norms[0]:
        return Status.CONVERGED, (
            f"converged: {fell}, and the slope to {norms[-1] / norms[0]:.1g} of what "
            "it was"
        )
    turned = np.einsum("ij,ij->i", slopes[1:], slopes[:-1]) < 0
    turned &= norms[1:] > 0.99 * norms[:-1]
    if turned[-10:].sum() >= 3:
        return Status.BOUNCES, (
            "bounces: each step lands as far on the other side, and the value no "
            f"longer falls (now {last:.4g}); {too_large}"
        )
    # A straight line has the same slope everywhere: there, look at the way gone.
    gone, start = np.linalg.norm(path[-1] - path[0]), np.linalg.norm(path[0])
    same = abs(slopes[-1] - slopes[0]).max() < _SAME * norms[0]
    if steps and same and gone < _SAME * (start or 1.0):
        return Status.HARDLY_MOVED, (
            f"hardly moved: after {steps} steps the slope is what it was at the start; "
            f"the learning rate {lr:g} is too small: try {10 * lr:g} or more"
        )
    return Status.STILL_FALLING, (
        f"still falling: {fell}; take more steps"
        if steps
        else f"no step was taken: the value is {first:.4g}"
    )


def _checked_rate(lr: float) -> float:
    if (
        isinstance(lr, bool)
        or not isinstance(lr, int | float | np.number)
        or not 0 < lr < np.inf
    ):
        raise InvalidInput(
            f"lr is {lr!r}: pass a finite number above 0, such as 0.1; descent "
            "subtracts lr × gradient, so it needs no minus"
        )
    return float(lr)


def _checked_count(step_num: int) -> int:
    try:
        count = index(step_num)
    except TypeError:
        count = -1
    if count < 0 or isinstance(step_num, bool):
        raise InvalidInput(f"step_num is {step_num!r}: pass a whole number, 0 or above")
    return count
