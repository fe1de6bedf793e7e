"""Naive gradient check: the difference of two float32 values.

    (f(x + h) - f(x - h)) / 2h,    with a tolerance of 1e-5 + 1e-3 times the slope

The page compares this common check with `secant.check_gradient`.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from secant.checking import LeafReport
from secant_lab.expressions import Expression

ABSOLUTE, RELATIVE = 1e-5, 1e-3
"""The tolerances, those of PyTorch's `gradcheck`."""

Tree = Mapping[str, np.ndarray]


@dataclass(frozen=True)
class ComparedLeaf:
    """A leaf of a gradient with its naive slopes.

    Attributes:
        name: The leaf's name.
        leaf: The leaf's report from `check_gradient`.
        slopes: The naive slopes, of the leaf's shape.
        keep: A mask of the entries that the page shows.
    """

    name: str
    leaf: LeafReport
    slopes: np.ndarray
    keep: np.ndarray

    @property
    def called(self) -> np.ndarray:
        """A mask of the entries that the naive check calls wrong."""
        with np.errstate(all="ignore"):
            tolerance = ABSOLUTE + RELATIVE * abs(self.slopes)
            # The negation makes entries that are not finite wrong.
            return ~(abs(self.leaf.gradient - self.slopes) <= tolerance)


def slopes_at_points(f: Expression, places: Tree, name: str, h: float) -> np.ndarray:
    """The slopes of a formula along one variable, at all points at once.

    Example:
        >>> from secant_lab.expressions import expression
        >>> places = {"x": np.array([1.0, 3.0], np.float32)}
        >>> slopes_at_points(expression("x**2"), places, "x", 0.5)
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
    """The slopes along each entry of one parameter, one by one.

    Example:
        >>> weights = {"W": np.array([1.0, 3.0], np.float32)}
        >>> slopes_of_entries(lambda p: (p["W"] ** 2).sum(), weights, "W", 0.5)
        array([2., 6.], dtype=float32)
    """
    step = np.float32(h)

    def at(index: tuple[int, ...], change: np.float32) -> np.float32:
        perturbed = params[name].copy()
        perturbed[index] += change
        return np.float32(f({**params, name: perturbed}))

    slopes = np.zeros_like(params[name])
    for index in np.ndindex(slopes.shape):
        slopes[index] = (at(index, step) - at(index, -step)) / (2 * step)
    return slopes


def naive_verdict(compared: Sequence[ComparedLeaf]) -> dict[str, Any]:
    """The verdict of the naive check, and the number of its mistakes.

    Returns:
        `size`, the number of entries; `wrong`, the number that it calls wrong;
        `false`, the number of these that are right; `missed`, the number of wrong
        entries that it accepts; `error`, the median relative error of its slopes, or
        None.
    """
    flagged_parts, wrong_parts, error_parts = [], [], []
    for one in compared:
        slope = one.leaf.slope
        with np.errstate(all="ignore"):
            error_parts.append((abs(one.slopes - slope) / abs(slope))[one.keep])
        flagged_parts.append(one.called[one.keep])
        wrong_parts.append(~(one.leaf.off <= 1)[one.keep])
    flagged, wrong = np.concatenate(flagged_parts), np.concatenate(wrong_parts)
    errors = np.concatenate(error_parts)
    errors = errors[np.isfinite(errors)]
    return {
        "size": flagged.size,
        "wrong": int(flagged.sum()),
        "false": int((flagged & ~wrong).sum()),
        "missed": int((wrong & ~flagged).sum()),
        "error": float(np.median(errors)) if errors.size else None,
    }
