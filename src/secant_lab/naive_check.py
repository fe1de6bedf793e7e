"""The gradient check that is usually written: two values subtracted in float32.

    (f(x + h) - f(x - h)) / 2h,    and the gradient may be off by 1e-5 + 1e-3 of that

It is here to be looked at beside `secant.check_gradient`.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from secant.checking import LeafReport
from secant_lab.expressions import Expression

ABSOLUTE, RELATIVE = 1e-5, 1e-3
"""What it lets pass: the tolerances of PyTorch's `gradcheck`."""

Tree = Mapping[str, np.ndarray]


@dataclass(frozen=True)
class Compared:
    """A leaf of a gradient, and its slopes as the naive check has them.

    Attributes:
        name: Of the leaf.
        leaf: What `check_gradient` found.
        slopes: The naive ones, of the leaf's shape.
        keep: Which entries are shown.
    """

    name: str
    leaf: LeafReport
    slopes: np.ndarray
    keep: np.ndarray

    @property
    def called(self) -> np.ndarray:
        """Where the naive check calls the gradient wrong."""
        with np.errstate(all="ignore"):
            allowed = ABSOLUTE + RELATIVE * abs(self.slopes)
            # What is not finite passes nothing.
            return ~(abs(self.leaf.gradient - self.slopes) <= allowed)


def slopes_at_places(f: Expression, places: Tree, name: str, h: float) -> np.ndarray:
    """The slopes of a formula along one variable, at all places at once.

    Example:
        >>> from secant_lab.expressions import expression
        >>> places = {"x": np.array([1.0, 3.0], np.float32)}
        >>> slopes_at_places(expression("x**2"), places, "x", 0.5)
        array([2., 6.], dtype=float32)
    """
    step = np.float32(h)
    ahead, behind = (
        f(*{**places, name: places[name] + sign * step}.values()) for sign in (1, -1)
    )
    with np.errstate(all="ignore"):
        return (ahead - behind) / (2 * step)


def slopes_of_entries(
    f: Callable[[Tree], Any], params: Tree, name: str, h: float
) -> np.ndarray:
    """The slopes along each entry of one parameter, one after the other.

    Example:
        >>> weights = {"W": np.array([1.0, 3.0], np.float32)}
        >>> slopes_of_entries(lambda p: (p["W"] ** 2).sum(), weights, "W", 0.5)
        array([2., 6.], dtype=float32)
    """
    step = np.float32(h)

    def at(index: tuple[int, ...], by: np.float32) -> np.float32:
        moved = params[name].copy()
        moved[index] += by
        return np.float32(f({**params, name: moved}))

    slopes = np.zeros_like(params[name])
    for index in np.ndindex(slopes.shape):
        slopes[index] = (at(index, step) - at(index, -step)) / (2 * step)
    return slopes


def naive_verdict(compared: Sequence[Compared]) -> dict[str, Any]:
    """What the naive check says of a gradient, and how much of that is so.

    Returns:
        `size`, how many numbers there are; `wrong`, how many it calls wrong; `false`,
        how many of these are right; `missed`, how many wrong ones it lets pass;
        `error`, the median relative error of its slopes, or None.
    """
    called, wrong, errors = [], [], []
    for one in compared:
        slope = one.leaf.slope
        with np.errstate(all="ignore"):
            errors.append((abs(one.slopes - slope) / abs(slope))[one.keep])
        called.append(one.called[one.keep])
        wrong.append(~(one.leaf.off <= 1)[one.keep])
    is_called, is_wrong = np.concatenate(called), np.concatenate(wrong)
    known = np.concatenate(errors)
    known = known[np.isfinite(known)]
    return {
        "size": is_called.size,
        "wrong": int(is_called.sum()),
        "false": int((is_called & ~is_wrong).sum()),
        "missed": int((is_wrong & ~is_called).sum()),
        "error": float(np.median(known)) if known.size else None,
    }
